"""Measure how relevant each side's lists are by relevance labels: nDCG@k, recall@k and MRR, by `ir-measures`.

Here belongs handing rankings and labels to that package, which wraps trec_eval. It is a step and not `core`, since core
imports only numpy and scipy; means, differences and intervals belong to `core.retrieval.relevance`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.core.retrieval.relevance import RelevanceDifference, paired_difference

Labels = Mapping[str, Mapping[str, int]]
"""Relevance of documents by query id and document id: 0 is not relevant, more is better. Known as qrels."""

DEPTH: Final = 10
"""Depth of nDCG and recall: the first page of a search."""


def read_labels(path: Path) -> Labels:
    """Return the labels of a file in the form of TREC: a line is `query 0 document relevance`.

    Raises:
        SettingsError: The file is missing, or a line of it cannot be read.
    """
    labels: dict[str, dict[str, int]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    query, document, relevance = _label(line, f"{path}:{number}")
                    labels.setdefault(query, {})[document] = relevance
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = f"the relevance labels cannot be read: {reason}"
        raise SettingsError(problem, place=str(path), remedy="Correct retrieve.qrels, or the file.") from error
    return labels


def _label(line: str, place: str) -> tuple[str, str, int]:
    try:
        query, _, document, relevance = line.split()
        return query, document, int(relevance)
    except ValueError:
        remedy = "Write four fields: query id, 0, document id, and relevance as a whole number."
        raise SettingsError(f"not a relevance label: {line.strip()[:80]!r}", place=place, remedy=remedy) from None


def measure_relevance(
    legacy: Sequence[Ranking], candidate: Sequence[Ranking], labels: Labels, depth: int = DEPTH
) -> tuple[RelevanceDifference, ...]:
    """Return nDCG@k, recall@k and MRR of both sides over the queries that have labels.

    A query counts if it has a relevant document and both sides returned a list, which may be empty and then scores 0.

    Args:
        legacy: Rankings of the legacy side, ids spelled as in the labels.
        candidate: The same of the candidate.
        labels: Relevance of documents by query.
        depth: k of nDCG@k and recall@k, 1 or more.

    Returns:
        One difference per measure; none where no query counts.
    """
    ours, theirs = _usable(legacy), _usable(candidate)
    relevant = [query for query, documents in labels.items() if any(value > 0 for value in documents.values())]
    queries = [query for query in relevant if query in ours and query in theirs]
    if not queries:
        return ()
    found = _values(ours, labels, queries, depth), _values(theirs, labels, queries, depth)
    return tuple(paired_difference(name, found[0][name], found[1][name]) for name in found[0])


def _usable(rankings: Sequence[Ranking]) -> dict[str, Ranking]:
    return {ranking.query_id: ranking for ranking in rankings if ranking.status is RowStatus.OK}


def _values(
    rankings: Mapping[str, Ranking], labels: Labels, queries: Sequence[str], depth: int
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return each measure's value per query, in the order of the queries.

    trec_eval sorts by score, and breaks ties by document id. It gets the ranks instead of the scores, so that it judges the
    order that users saw.
    """
    import ir_measures  # noqa: PLC0415 - most query sets have no labels, and pay nothing for them
    from ir_measures import RR, R, nDCG  # noqa: PLC0415

    measures = {f"nDCG@{depth}": nDCG @ depth, f"recall@{depth}": R @ depth, "MRR": RR}
    qrels = [ir_measures.Qrel(query, document, value) for query in queries for document, value in labels[query].items()]
    run = [
        ir_measures.ScoredDoc(query, document, float(-rank))
        for query in queries
        # A repeated document counts where it stands first.
        for rank, document in enumerate(dict.fromkeys(rankings[query].ids))
    ]
    places = {query: place for place, query in enumerate(queries)}
    names = {str(measure): name for name, measure in measures.items()}
    result = {name: np.zeros(len(queries)) for name in measures}
    for metric in ir_measures.iter_calc(list(measures.values()), qrels, run):
        result[names[str(metric.measure)]][places[metric.query_id]] = metric.value
    return result
