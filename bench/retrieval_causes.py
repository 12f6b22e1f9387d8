"""Give a simulated candidate every fault of retrieval at several seeds, and print which causes were named.

Run: `.venv/bin/python -m bench.retrieval_causes [--seeds 10] [--clean 200] [--only metric]`. No network is used: both
engines live in this process.
"""

import argparse
from collections import Counter

from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline_tests.core.retrieval.faulty_engines import ALL, Fault


def main() -> None:
    """Print a table fault x causes, and how clean runs came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--clean", type=int, default=200)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| fault | named rightly | proven | proven wrongly | bands | causes |\n|---|---|---|---|---|---|")
    totals = [line(name, fault, options.seeds) for name, fault in ALL.items() if options.only in name]
    right, false = sum(one for one, _ in totals), sum(one for _, one in totals)
    print(f"\n{right} of {len(totals) * options.seeds} named rightly, {false} proven wrongly.")
    clean(options.clean)


def line(name: str, fault: Fault, seeds: int) -> tuple[int, int]:
    """Print one fault over several seeds; return how often it was named rightly, and how often something was proven wrongly."""
    causes, bands = Counter[str](), Counter[str]()
    right = proven = false = 0
    for seed in range(seeds):
        found, named = fault.run(seed)
        bands[found.tally.band()] += 1
        causes[" + ".join(cause.name for cause in named) or "none"] += 1
        right += fault.holds(named)
        false += fault.false_proof(named)
        proven += bool(named) and named[0].confidence == "proven"
    shown = ", ".join(f"{one} {number}" for one, number in causes.most_common(3))
    judged = ", ".join(f"{one} {number}" for one, number in bands.items())
    print(f"| {name} | {right}/{seeds} | {proven} | {false} | {judged} | {shown} |", flush=True)
    return right, false


def clean(runs: int) -> None:
    """Print how clean runs with shuffled ties came out."""
    bands, named = Counter[Band](), Counter[str]()
    for run in range(runs):
        # A new world in every tenth run, other chance in the lists in each.
        found, causes = ALL["clean, recall 0.99"].run(run, seed_of_world=run // 10)
        bands[found.tally.band()] += 1
        named.update(cause.name for cause in causes)
    print(f"{runs} clean runs with a recall of 0.99 and shuffled ties: {dict(bands)}; causes named: {dict(named)}.")


if __name__ == "__main__":
    main()
