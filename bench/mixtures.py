"""Diagnose two faults at a time, drawn at random, and print which pairs are not named, which pass, and what is proven wrongly.

Run: `.venv/bin/python -m bench.mixtures [--pairs 200] [--seed 1]`. No network is used: both sides live in this process. Pairs
with which the side cannot be used from the start are set aside, listed and counted, and those of which one fault edits
texts but changes none of these are listed; others are drawn in their place.
Exits with 1 where a cause is called proven and is wrong, or a pair passes.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from parity_pipeline.faults.mixtures import MixtureLine, Mixtures, mixtures, summary


def main(show: Callable[[str], None] = print) -> int:
    """Print each pair that is not as it should be, then the figures; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lines: list[MixtureLine] = []
    with TemporaryDirectory(prefix="parity-mixtures-") as folder:
        judge = Mixtures(Path(folder), given.seed)
        for mixture in mixtures(given.seed):
            if sum(not line.inseparable for line in lines) >= given.pairs:
                break
            if idle := judge.without_effect(mixture):
                show(f"{' + '.join(mixture.faults)}: {', '.join(idle)} has no effect on these texts, not drawn")
                continue
            lines.append(judge.line(mixture))
            _show_weak(lines[-1], show)
    show(summary(lines))
    return 1 if any(line.false or line.certified for line in lines) else 0


def _show_weak(line: MixtureLine, show: Callable[[str], None]) -> None:
    mixture = line.mixture
    what = f"{' + '.join(mixture.faults)} on the {mixture.side} side, seed {mixture.seed}: {line.verdict}"
    if line.inseparable and not line.false:
        show(f"{what}, set aside")
    elif line.missed or line.false or line.certified:
        named = ", ".join(sorted(line.named)) or "nothing"
        wrong = f"; PROVEN WRONGLY: {', '.join(sorted(line.false))}" if line.false else ""
        show(f"{what}, missed {', '.join(line.missed) or 'none'}; named {named}{wrong}")


if __name__ == "__main__":
    sys.exit(main())
