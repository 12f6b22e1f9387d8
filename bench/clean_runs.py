"""Judge clean gateways again and again, with noise up to the limits of arithmetic, and count false alarms.

Run: `.venv/bin/python -m bench.clean_runs [--runs 300]`. No network is used: both sides live in this process.
A run that FAILs is a false alarm; a run that is INCONCLUSIVE has to give its reason.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parity_pipeline.core.outcomes import Decision
from parity_pipeline_tests.faults.clean_runs import Case, cases, judged


def main(show: Callable[[str], None] = print) -> int:
    """Print the table; the exit code is 1 where a clean run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=40_000)
    options = parser.parse_args()
    counts: dict[float, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for case in cases(options.runs, options.seed):
        decision, reason = _decision(case)
        counts.setdefault(max(case.legacy_noise, case.candidate_noise), Counter())[decision.value] += 1
        if decision is not Decision.PASS:
            reasons[f"{decision.value}: {_kind(reason)}"] += 1
    names = [Decision.PASS.value, Decision.INCONCLUSIVE.value, Decision.FAIL.value]
    show(f"| {'noise up to':>11} | " + " | ".join(f"{name:>12}" for name in names) + " |")
    for noise, found in sorted(counts.items()):
        show(f"| {noise:>11.1e} | " + " | ".join(f"{found[name]:>12}" for name in names) + " |")
    for reason, count in reasons.most_common():
        show(f"{count} times {reason}")
    failed = sum(found[Decision.FAIL.value] for found in counts.values())
    show(f"{options.runs} clean runs: {failed} FAIL")
    return 1 if failed else 0


def _decision(case: Case) -> tuple[Decision, str]:
    """Return the decision on a case, and its first reason; "" where there is none."""
    with TemporaryDirectory() as folder:
        verdict = judged(case, Path(folder))
    return verdict.decision, next(iter(verdict.reasons), "")


def _kind(reason: str) -> str:
    """Return a reason without its numbers, so that equal ones are counted together."""
    return "".join("#" if sign.isdigit() else sign for sign in reason)


if __name__ == "__main__":
    raise SystemExit(main())
