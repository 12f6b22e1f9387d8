"""What a page shows beyond its verdict: distributions over all samples, and the texts of those it lists.

Here belong the records that the steps fill from what is stored. A verdict holds counts and extremes and the worst rows alone;
everything here may be absent, and the page then says so. The steps import this module with every run, so it loads none of
the tools that pages are made with. Reading belongs to `steps.page_evidence`, drawing to `drawings`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parity_pipeline.core.histograms import Histogram
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.retrieval.reproduction import QueryReproduction

Pair = tuple[Histogram | None, Histogram | None]
"""The legacy side's and the candidate's; None where it was not stored."""

NOTHING: Pair = (None, None)
"""Where neither side's was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedEvidence:
    """What is stored of the samples of one date and model.

    Attributes:
        cosines: Cosines of all compared samples, over `histograms.cosine_edges`.
        norms: L2 norms of each side's finite vectors, both over the same `histograms.norm_edges`.
        latencies: Milliseconds of the request that each sample was fetched with, over `histograms.latency_edges`.
        texts: Whole texts by sample id, of the samples that the page lists.
        absent: Why something of it is missing, in sentences; empty where nothing is.
        reproduction: The smallest form of the worst failing sample; None where none was looked for.
    """

    cosines: Histogram | None = None
    norms: Pair = NOTHING
    latencies: Pair = NOTHING
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    absent: Sequence[str] = ()
    reproduction: Reproduction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalPageEvidence:
    """What is stored of the queries of one date and corpus.

    Attributes:
        overlaps: Share of common documents of all compared queries, over `histograms.share_edges`.
        rank_biased: Rank-biased overlap, likewise.
        latencies: Milliseconds of each query's request.
        absent: Why something of it is missing, in sentences; empty where nothing is.
        reproduction: The smallest form of the worst failing query; None where none was looked for.
    """

    overlaps: Histogram | None = None
    rank_biased: Histogram | None = None
    latencies: Pair = NOTHING
    absent: Sequence[str] = ()
    reproduction: QueryReproduction | None = None
