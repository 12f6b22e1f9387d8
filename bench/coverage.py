"""Simulate gateways with a known share of failing traffic, and count how often the stated bounds hold.

Run: `.venv/bin/python -m bench.coverage [--runs 10000]`; it takes minutes. No network is used. Each bound promises to
hold in 95 % of all runs; the exit code is 1 where one holds in fewer. Rows in brackets show, for comparison, the same
data where the draws of hand-picked texts are lost, where each category has 95 %, or where a bound for one look is read
daily.
"""

import argparse
from collections.abc import Callable

from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline_tests.core.coverage import SEED, table


def main(show: Callable[[str], None] = print) -> int:
    """Print the table; the exit code is 1 where a stated bound holds too rarely."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    show("| simulation | held |\n|---|---:|")
    missed = 0
    for row in table(options.runs, options.seed):
        show(f"| {row.name} | {row.share:.2%} |")
        missed += row.promised and row.share < CONFIDENCE_LEVEL
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
