"""Series that the Dagster UI plots over the partitions of a verdict: one per model or corpus and quantity.

Here belong which numbers are plotted and what they are called. The UI (1.13) draws one chart per numeric metadata entry, in
the order of their names, over all partitions of all models, on a linear scale. So a series has the name of its model
in front, which makes it a chart of its own, and what spans powers of ten is a logarithm already. A line breaks at the
partitions of other models: with several, a chart has points only.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from parity_pipeline.core.number_format import exact_decimal, floored
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import partition_key
from parity_pipeline.core.verdict import Verdict

Series = dict[str, float]

EQUAL: Final = -16.0
"""Logarithm shown for a difference of 0: just below what float64 can distinguish from it."""


def series(verdict: Verdict) -> Series:
    """Return the series of one date and model: agreement, share that matches, noise floors, latencies."""
    return _named(verdict.model, _of_embeddings(verdict))


def retrieval_series(verdict: RetrievalVerdict) -> Series:
    """Return the series of one date and corpus: agreement of the lists, share that agrees, repeats, latencies."""
    return _named(verdict.corpus, _of_rankings(verdict))


def _named(name: str, found: Iterator[tuple[str, float]]) -> Series:
    # A name may hold what Dagster's database does not take; its partition key does not.
    return {f"{partition_key(name)}: {quantity}": value for quantity, value in found}


def _of_embeddings(verdict: Verdict) -> Iterator[tuple[str, float]]:
    if verdict.worst_cosine is not None:
        yield "log10(1 - worst cosine)", log10(1.0 - verdict.worst_cosine)
    if verdict.counts.samples:
        yield "samples that match, %", per_cent(verdict.counts.matched / verdict.counts.samples)
    for side in Side:
        floor = verdict.side(side).floor
        if floor is not None:
            yield f"{side} noise floor, log10(1 - cosine)", log10(floor.worst)
        yield from _latency(side, verdict.side(side).provenance.latency_ms)


def _of_rankings(verdict: RetrievalVerdict) -> Iterator[tuple[str, float]]:
    overlap = verdict.value(SetMeasure.MEAN_OVERLAP)
    if overlap is not None:
        yield "common documents, mean %", per_cent(overlap)
    rbo = verdict.value(SetMeasure.MEAN_RBO)
    if rbo is not None:
        yield "log10(1 - mean RBO)", log10(1.0 - rbo)
    if verdict.counts.queries:
        yield "queries that agree, %", per_cent(verdict.counts.agreeing / verdict.counts.queries)
    for side in Side:
        lane = verdict.side(side)
        if lane.noise is not None and lane.noise.queries:
            yield f"{side} repeats with another list, %", per_cent(lane.noise.differing / lane.noise.queries)
        yield from _latency(side, lane.latency_ms)


def _latency(side: Side, percentiles: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    if "p95" in percentiles:
        yield f"{side} latency p95, ms", round(float(percentiles["p95"]), 1)


def log10(difference: float) -> float:
    """Return the logarithm of a difference in [0, 2] in two decimals; `EQUAL` for one that is 0 or smaller than float64 can distinguish.

    >>> log10(0.001), log10(0.0)
    (-3.0, -16.0)
    """
    return max(EQUAL, round(math.log10(difference), 2)) if difference > 0 else EQUAL


def per_cent(share: float) -> float:
    """Return a share in per cent in two decimals, rounded down: only all are 100.

    >>> per_cent(0.99999), per_cent(1.0)
    (99.99, 100.0)
    """
    return float(floored(exact_decimal(share) * 100, 2))
