"""Run every retrieval fault of the demo on the queries of several seeds; print a table fault x seeds and its shares.

Run: `.venv/bin/python -m bench.retrieval_faults_by_seed [--seeds 5] [--first 1] [--only wrong-metric,stale-index]`. A seed
takes about two minutes on one core; no network is used. Exits with 1 where a cause is called proven and is wrong.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parity_pipeline.faults.retrieval_matrix import EXPECTED, RetrievalLine, RetrievalMatrix, retrieval_summary


def main(show: Callable[[str], None] = print) -> int:
    """Print each row that is not as it should be, the figures of each seed and the table; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    chosen = given.only.split(",") if given.only else list(EXPECTED)
    seeds = range(given.first, given.first + given.seeds)
    found: dict[int, list[RetrievalLine]] = {}
    for seed in seeds:
        with TemporaryDirectory(prefix="parity-faults-") as folder:
            matrix = RetrievalMatrix(Path(folder), seed)
            found[seed] = matrix.lines(chosen, lambda line, seed=seed: _show(seed, line, show))
        show(f"seed {seed}: {retrieval_summary(found[seed]).strip('*')}")
    show(f"| fault | {' | '.join(f'seed {seed}' for seed in seeds)} |")
    show(f"|---|{'---|' * len(seeds)}")
    for place, name in enumerate(chosen):
        show(f"| `{name}` | {' | '.join(_cell(found[seed][place]) for seed in seeds)} |")
    every = [line for lines in found.values() for line in lines]
    show(retrieval_summary(every).strip("*"))
    return 1 if any(line.false for line in every) else 0


def _show(seed: int, line: RetrievalLine, show: Callable[[str], None]) -> None:
    named = ", ".join(f"{one}{'*' if one in line.judged.proven else ''}" for one in line.judged.causes) or "none"
    wrong = f" PROVEN WRONGLY: {', '.join(line.false)}" if line.false else ""
    mark = "" if line.right and line.detected else "  <-- "
    show(f"{mark}{seed} | {line.fault} | {line.judged.verdict} | {named}{wrong}")


def _cell(line: RetrievalLine) -> str:
    verdict = {"INCONCLUSIVE": "INC."}.get(line.judged.verdict, line.judged.verdict)
    proven = ", proven" if line.right and line.judged.proven else ""
    return f"{verdict}, {'right' if line.right else '**wrong**'}{proven}"


if __name__ == "__main__":
    sys.exit(main())
