"""Short ways to build queries and ranked lists, and to compare them."""

from collections.abc import Sequence

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.compare import ComparedQueries, ComparisonRules, compare
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking

Hit = tuple[str, float]
Pair = tuple[Ranking, Ranking]

ORDER_ONLY = ComparisonRules(comparable=False)


def query(k: int = 10, identity: str = "q", **fields: object) -> Query:
    """Return a query; fields as of `Query`."""
    return Query(id=identity, text="welder", k=k, **fields)  # pyright: ignore[reportArgumentType] - test fields


def ranked(*hits: Hit, **fields: object) -> Ranking:
    """Return a ranking of documents with scores."""
    ids, scores = tuple(name for name, _ in hits), tuple(score for _, score in hits)
    fields = {"query_id": "q", "status": RowStatus.OK, "ids": ids, "scores": scores, **fields}
    return Ranking(**fields)  # pyright: ignore[reportArgumentType] - test fields


def in_order(documents: str | Sequence[str], **fields: object) -> Ranking:
    """Return a ranking of documents, one per letter, with falling scores that no two share."""
    return ranked(*((name, 0.99 - place / 100) for place, name in enumerate(documents)), **fields)


def without_scores(documents: Sequence[str], **fields: object) -> Ranking:
    """Return a ranking of documents whose side reports no scores."""
    return ranked(*((name, 0.0) for name in documents), scores=(), **fields)


def refused(refusal: str = "400 {error}") -> Ranking:
    """Return what a refused query leaves."""
    return Ranking(query_id="q", status=RowStatus.REFUSED, refusal=refusal)


def lost(status: RowStatus = RowStatus.FAILED) -> Ranking:
    """Return what a query without a definite response leaves."""
    return Ranking(query_id="q", status=status)


def compared(
    pairs: Sequence[Pair],
    rules: ComparisonRules | None = None,
    queries: Sequence[Query] | None = None,
    *,
    start: int = 0,
    codebook: Codebook | None = None,
    k: int = 10,
) -> ComparedQueries:
    """Compare pairs of rankings, one per query."""
    queries = queries or [query(k) for _ in pairs]
    return compare(
        QueryBlock.of(queries, start),
        RankedLists.of([legacy for legacy, _ in pairs]),
        RankedLists.of([candidate for _, candidate in pairs]),
        codebook or Codebook(),
        rules or ComparisonRules(),
    )
