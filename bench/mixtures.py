"""Diagnose two faults at a time, drawn at random, and print which pairs are not named, which pass, and what is proven wrongly.

Run: `.venv/bin/python -m bench.mixtures [--pairs 200] [--seed 1]`. No network is used: both sides live in this process.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parity_pipeline.faults.mixtures import Mixtures, mixtures, summary


def main(show: Callable[[str], None] = print) -> None:
    """Print each pair that is not as it should be, then the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="parity-mixtures-") as folder:
        judge = Mixtures(Path(folder), given.seed)
        lines = []
        for mixture in mixtures(given.pairs, given.seed):
            line = judge.line(mixture)
            lines.append(line)
            if line.missed or line.false or line.certified:
                named = ", ".join(sorted(line.named)) or "nothing"
                wrong = f"; PROVEN WRONGLY: {', '.join(sorted(line.false))}" if line.false else ""
                show(
                    f"{' + '.join(mixture.faults)} on the {mixture.side} side, seed {mixture.seed}: {line.verdict}, "
                    f"missed {', '.join(line.missed) or 'none'}; named {named}{wrong}"
                )
        show(summary(lines))


if __name__ == "__main__":
    main()
