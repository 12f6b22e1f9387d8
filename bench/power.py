"""Simulate faults on three sample sets, put each before the demo's gateway for real, and print whether both agree.

Run: `.venv/bin/python -m bench.power [--sets seed hazards random] [--simulated]`. No network is used: both sides live in
this process. The whole takes some minutes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.hazards.corpus import ALL, CATEGORY_PREFIX, hazards_in
from parity_pipeline.faults.matrix import SEED
from parity_pipeline.faults.real_faults import RealFaults, words
from parity_pipeline.faults.texts import TRAFFIC, block_of, traffic

_SEED_FILE = Path(__file__).parents[1] / "data" / "samples" / "seed.txt"
_LONGEST = 12_000
"""Characters of the longest hazard that is taken: longer ones cost time."""


def seed() -> SampleBlock:
    """Return the texts of the seed file."""
    texts = [line for line in _SEED_FILE.read_text("utf-8").splitlines() if line]
    return block_of(texts, ["seed"] * len(texts))


def with_hazards() -> SampleBlock:
    """Return the texts of the seed file and the built-in hazards."""
    texts = dict(zip(seed().texts, seed().categories, strict=True))
    for hazard in hazards_in((ALL,), salt=str(SEED)):
        if len(hazard.text) <= _LONGEST:
            texts.setdefault(hazard.text, f"{CATEGORY_PREFIX}{hazard.set_name}")
    return block_of(list(texts), list(texts.values()))


def random() -> SampleBlock:
    """Return 2,000 texts as traffic has them."""
    return block_of(traffic(2_000, SEED), [TRAFFIC] * 2_000)


SETS: Mapping[str, Callable[[], SampleBlock]] = {"seed": seed, "hazards": with_hazards, "random": random}


def table(name: str, *, really: bool) -> int:
    """Print the table of one set, and return how often what was said does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        faults = RealFaults(Path(folder), SETS[name]())
        power = faults.power
        print(f"\n## {name}\n\n{power.samples:,} samples, {time.perf_counter() - start:.1f} s: {power.words}.\n")
        print("| fault | simulated | caught for real | why |\n|---|---|---|---|")
        wrong = 0
        for one in power.faults:
            found = faults.tried(one) if really else None
            shown = "not tried" if found is None else f"{sum(found.caught)}/{len(found.caught)}"
            disagrees = found is not None and not found.agrees
            wrong += disagrees
            print(
                f"| {one.words} | {words(one)} | {shown}{' **WRONG**' if disagrees else ''} | {one.why} |",
                flush=True,
            )
        print(f"\n{wrong} of {len(power.faults)} do not agree.")
        return wrong


def main() -> None:
    """Print the tables that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--simulated", action="store_true", help="put no fault before the gateway")
    chosen = parser.parse_args()
    raise SystemExit(sum(table(name, really=not chosen.simulated) for name in chosen.sets) > 0)


if __name__ == "__main__":
    main()
