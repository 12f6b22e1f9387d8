"""Run the whole fault matrix on the texts of several seeds, and print per seed what is detected, named, and proven wrongly.

Run: `.venv/bin/python -m bench.faults_by_seed [--seeds 5] [--first 1]`. A seed takes about ten minutes on one core; no network
is used. Exits with 1 where a cause is called proven and is wrong.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parity_pipeline.faults.matrix import Line, Matrix, summary, terminal_row


def main(show: Callable[[str], None] = print) -> int:
    """Print each row that is not as it should be and the figures of each seed; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    false = 0
    for seed in range(given.first, given.first + given.seeds):
        with TemporaryDirectory(prefix="parity-faults-") as folder:
            lines = Matrix(Path(folder), seed).lines(show=lambda line: _show_weak(line, show))
        show(f"seed {seed}: {summary(lines).strip('*')}")
        false += sum(len(line.false) for line in lines)
    return 1 if false else 0


def _show_weak(line: Line, show: Callable[[str], None]) -> None:
    wrong = f" | PROVEN WRONGLY: {', '.join(sorted(line.false))}" if line.false else ""
    if wrong or not (line.right and line.detected):
        show(f"{terminal_row(line)}{wrong}")


if __name__ == "__main__":
    sys.exit(main())
