"""What a page shows beyond its verdict, gathered from what is stored: distributions over all samples, and whole texts.

Here belongs reading, in blocks. A page is written whatever of it is missing or damaged, since the verdict has been given: what
cannot be read is left out with a sentence that says so. A file that was replaced since belongs to another verdict.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.histograms import Histogram, cosine_edges, latency_edges, norm_edges, share_edges
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.html.evidence import NOTHING, EmbedEvidence, RetrievalPageEvidence
from parity_pipeline.report.view import Lane
from parity_pipeline.steps.context import RunContext
from parity_pipeline.storage.arrow_columns import to_numpy
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

_SHARES: Final = 20
"""Bins of a share in [0, 1]: one per 5 %."""

Read = TypeVar("Read")


@dataclass(slots=True)
class _Reading:
    """Reads stored files, and notes those that cannot be used in place of failing."""

    absent: list[str] = field(default_factory=list[str])

    def attempt(self, what: str, read: Callable[[], Read]) -> Read | None:
        """Return what was read; None where that is missing, damaged or of another verdict, which is noted."""
        try:
            return read()
        except ArtifactError as error:
            self.absent.append(f"{what}: {error.problem}.")
            return None


def embed_evidence(run: RunContext, verdict: Verdict) -> EmbedEvidence:
    """Return what is stored of the samples of a verdict."""
    layout, day, model = run.layout, verdict.date, verdict.model
    reading = _Reading()

    def compared() -> list[Histogram]:
        edges = norm_edges(side.norms for side in verdict.sides)
        found = [Histogram(cosine_edges(verdict.threshold)), *(Histogram(edges) for _ in Side)]
        parity = ParityFile(layout.parity(day, model))
        _same(parity.header.sides, verdict.lanes)
        return _counted(parity.groups, dict(zip(("cosine", "legacy_norm", "candidate_norm"), found, strict=True)))

    def timed(side: Side) -> Histogram:
        lane = EmbeddingsFile(layout.embeddings(side.value, day, model))
        _same([lane.header], [verdict.side(side).provenance])
        return _latencies(lane.latency_ms())

    found = reading.attempt("Distributions are not shown, as the comparison cannot be read", compared)
    latencies = [
        reading.attempt(
            f"Latencies of the {side} side are not shown, as its embeddings cannot be read", lambda s=side: timed(s)
        )
        for side in Side
    ]
    whole = reading.attempt(
        "Only the beginnings of texts are shown, as the sample set cannot be read", lambda: _texts(run, verdict)
    )
    return EmbedEvidence(
        cosines=found[0] if found else None,
        norms=(found[1], found[2]) if found else NOTHING,
        latencies=(latencies[0], latencies[1]),
        texts=whole or {},
        absent=tuple(reading.absent),
    )


def retrieval_evidence(run: RunContext, verdict: RetrievalVerdict) -> RetrievalPageEvidence:
    """Return what is stored of the queries of a verdict."""
    layout, day, corpus = run.layout, verdict.date, verdict.corpus
    reading = _Reading()

    def compared() -> list[Histogram]:
        parity = RetrievalParityFile(layout.retrieval_parity(day, corpus))
        _same(parity.header.sides, verdict.sides)
        return _counted(parity.groups, {name: Histogram(share_edges(_SHARES)) for name in ("overlap", "rbo")})

    def timed(side: Side) -> Histogram:
        lane = RankingsFile(layout.rankings(side.value, day, corpus))
        _same([lane.header], [verdict.side(side)])
        return _latencies(lane.latency_ms())

    found = reading.attempt("Distributions are not shown, as the comparison cannot be read", compared)
    latencies = [
        reading.attempt(
            f"Latencies of the {side} side are not shown, as its rankings cannot be read", lambda s=side: timed(s)
        )
        for side in Side
    ]
    return RetrievalPageEvidence(
        overlaps=found[0] if found else None,
        rank_biased=found[1] if found else None,
        latencies=(latencies[0], latencies[1]),
        absent=tuple(reading.absent),
    )


def _same(stored: Sequence[Lane], judged: Sequence[Lane]) -> None:
    """Raise ArtifactError where a stored file is of other lanes than those that were judged."""
    if [one.fetched_to for one in stored] != [one.fetched_to for one in judged]:
        raise ArtifactError("it was replaced after this verdict", remedy="Judge this date again.")


def _counted(groups: Callable[[list[str]], Iterable[Any]], into: Mapping[str, Histogram]) -> list[Histogram]:
    """Return the histograms with the columns of their names counted; null is not measured."""
    for group in groups(list(into)):
        for name, histogram in into.items():
            histogram.add(to_numpy(group.column(name)))
    return list(into.values())


def _latencies(arrays: Iterable[NDArray[np.float32]]) -> Histogram:
    found = Histogram(latency_edges())
    for values in arrays:
        found.add(values)
    return found


def _texts(run: RunContext, verdict: Verdict) -> dict[str, str]:
    """Return the whole texts of the samples that the page lists, by id."""
    wanted = {row.ordinal: row.id for row in verdict.rows[:REPORT_ROWS]}
    if not wanted:
        return {}
    samples = SampleSetFile(run.layout.samples(verdict.date, verdict.model))
    if samples.header.hash != verdict.sample_set.hash:
        raise ArtifactError("it was replaced after this verdict", remedy="Judge this date again.")
    return {
        identity: text
        for block in samples.blocks(stop=max(wanted) + 1)
        for at, (identity, text) in enumerate(zip(block.ids, block.texts, strict=True), block.start)
        if wanted.get(at) == identity
    }
