"""Judge clean gateways again and again, and count false alarms: with noise, restarts, errors that pass, refusals alike.

Run: `.venv/bin/python -m bench.clean_runs [--runs 500]`; it takes minutes. No network is used: both sides live in this
process. A run that FAILs is a false alarm, and so is one that is INCONCLUSIVE for anything that did not happen in it. A
side that is down from its first request on is an error of the run, which has no verdict.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline_tests.faults.clean_runs import Case, Kind, cases, is_due, judged, open_checks

_NO_VERDICT: Final = "no verdict"


def main(show: Callable[[str], None] = print) -> int:
    """Print the table; the exit code is 1 where a clean run failed, or was INCONCLUSIVE without need."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=40_000)
    options = parser.parse_args()
    counts: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
    reasons: Counter[str] = Counter()
    alarms = 0
    for case in cases(options.runs, options.seed):
        decision, reason, due = _decision(case)
        counts[case.kind][decision] += 1
        alarms += not due
        if reason:
            reasons[f"{decision}, {case.kind}: {reason}{'' if due else f' - FALSE ALARM, {case}'}"] += 1
    names = [Decision.PASS.value, Decision.INCONCLUSIVE.value, _NO_VERDICT, Decision.FAIL.value]
    show(f"| what happens | runs | {' | '.join(names)} |\n|---|{'---:|' * (1 + len(names))}")
    for kind, found in counts.items():
        show(f"| {kind} | {found.total()} | {' | '.join(str(found[name]) for name in names)} |")
    for reason, count in reasons.most_common():
        show(f"{count} times {reason}")
    show(f"{options.runs} clean runs: {alarms} false alarms")
    return 1 if alarms else 0


def _decision(case: Case) -> tuple[str, str, bool]:
    """Return the decision on a case, the checks that are open, and whether it is due."""
    with TemporaryDirectory() as folder:
        try:
            verdict = judged(case, Path(folder))
        except GatewayError as error:
            return _NO_VERDICT, str(error).partition(": ")[2], case.kind is Kind.RESTARTS
    return verdict.decision.value, ", ".join(open_checks(verdict)), is_due(case, verdict)


if __name__ == "__main__":
    raise SystemExit(main())
