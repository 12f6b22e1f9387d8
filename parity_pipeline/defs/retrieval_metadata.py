"""Metadata of the retrieve probe's assets: what a person reads beside one in the Dagster UI, columns included.

Here belongs the step from plain records to Dagster's metadata values. The forms that all probes share belong to `metadata`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parity_pipeline.core.retrieval.provenance import RetrievalParityHeader, RetrievalProvenance
from parity_pipeline.defs.metadata import Metadata, counts_of, path_fact
from parity_pipeline.report.escape import prose
from parity_pipeline.storage.query_set_files import QuerySetHeader

_QUERY: Final = "Id of the query, the same for each date and side."
_ORDINAL: Final = "Place in the query set, from 0."
_DRAWN: Final = "How often a random draw took this query; 0 for one that was only picked by hand."

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "query set": {
        "ordinal": _ORDINAL,
        "id": _QUERY,
        "text": "The text; half a surrogate pair, which has no UTF-8, is spelled out.",
        "k": "Results requested.",
        "filter": "The filter as the query set spells it; null for none.",
        "corpora": "Corpora that the query searches.",
        "category": "What the query exercises.",
        "source": "File, or built-in hazard, that it came from.",
        "drawn": _DRAWN,
        "text_surrogatepass": "The exact text where it holds half a surrogate pair; else null.",
    },
    "rankings": {
        "ordinal": _ORDINAL,
        "query_id": _QUERY,
        "side": "legacy or candidate.",
        "rank": "Place in the list, from 1; null in the one row of a query without results.",
        "document_id": "Document id as the side spells it, with its corpus where the dialect joins it in.",
        "score": "Score as the side reports it; null where it reports a distance, or nothing.",
        "distance": "Distance as the side reports it; null where it reports a score, or nothing.",
        "metadata_hash": "Hash of the metadata that must be equal; null where none is compared.",
        "status": "ok, refused (a definite no), failed (no definite response), malformed (response without a list).",
        "mode": "The mode that the response reports; null where it reports none.",
        "refusal": "Status and form of a refusal; null where nothing was refused.",
        "http_status": "Status of the last response; null where there was none.",
        "error": "Why there is no list, in the side's or the client's words.",
        "request_id": "The id that the request was sent with.",
        "latency_ms": "Milliseconds from sending the request to having the whole response.",
    },
    "retrieval parity": {
        "ordinal": _ORDINAL,
        "query_id": _QUERY,
        "category": "What the query exercises.",
        "k": "Results requested.",
        "filtered": "Whether the query has a filter.",
        "corpora": "Number of corpora that the query searches.",
        "drawn": _DRAWN,
        "outcome": "Result of comparing the query; a compared one has measures, which the verdict grades.",
        "side": "Which side the outcome is about: legacy, candidate, both; null for compared.",
        "legacy_results": "Results of the legacy side, repeats included.",
        "candidate_results": "Results of the candidate, repeats included.",
        "legacy_repeats": "Results of the legacy side that repeat a document.",
        "candidate_repeats": "Results of the candidate that repeat a document.",
        "legacy_unordered": "Whether the legacy side's scores rise towards the end of its list.",
        "candidate_unordered": "Whether the candidate's do.",
        "overlap": "Share of common documents.",
        "top_1": "1 where the best document is the same, else 0.",
        "rbo": "Rank-biased overlap.",
        "tau_b": "Kendall's tau-b of the common documents.",
        "rank_change": "Greatest change of rank of a common document.",
        "score_delta": "Greatest score difference of a common document, distances taken as scores.",
        "inversion_gap": "Greatest score gap of two documents in another order.",
        "missing": "Documents of the legacy list that the candidate's lacks.",
        "extra": "Documents of the candidate's list that the legacy list lacks.",
        "common": "Documents that both lists hold.",
        "paired": "Documents that differ because k cut a group of ties.",
        "inversions": "Pairs of common documents in another order.",
        "metadata": "Common documents whose metadata differ.",
        "overlap_at": "Overlap at each depth of the settings.",
    },
}
"""What a column holds, by the kind of the file and its name."""


def queries_metadata(header: QuerySetHeader, path: Path) -> Metadata:
    """Return what a person wants to know of a query set."""
    return {
        "dagster/row_count": header.queries,
        "sources": ", ".join(map(prose, header.sources)),
        "categories": counts_of(header.categories, "category"),
        "with a filter": header.filtered,
        "duplicates dropped": header.duplicates_dropped,
        "content hash": header.hash,
        **path_fact(path),
    }


def rankings_metadata(lane: RetrievalProvenance, path: Path) -> Metadata:
    """Return what a person wants to know of one lane's fetch."""
    facts: dict[str, Any] = {
        "queries": lane.queries,
        "gateway": f"{lane.label} at {lane.url} ({lane.dialect})",
        "queries by status": counts_of(lane.status_counts, "status"),
        "requests": lane.requests,
        "retries": lane.retries,
        "query set": lane.query_set_hash,
        **path_fact(path),
    }
    if lane.modes:
        facts["modes"] = counts_of({mode or "not named": count for mode, count in lane.modes.items()}, "mode")
    if lane.noise is not None:
        facts["repeated queries"] = lane.noise.queries
        facts["repeats with another list"] = lane.noise.differing
    if lane.errors_by_kind:
        facts["errors by kind"] = counts_of(lane.errors_by_kind, "kind")
    if lane.stopped_early:
        facts["stopped early"] = lane.stopped_early
    return facts | {f"latency {name} (ms)": round(float(value), 1) for name, value in lane.latency_ms.items()}


def parity_metadata(header: RetrievalParityHeader, path: Path) -> Metadata:
    """Return what a person wants to know of a comparison."""
    return {
        "dagster/row_count": sum(header.counts.values()),
        "outcomes": counts_of(header.counts, "outcome"),
        **path_fact(path),
    }
