"""Ask two peers the same queries and let the pure part of the probe judge them; and recall against all documents.

Here belong requests over HTTP and the numbers that come out. Starting peers and printing belong to `__main__`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np

from bench.peers.dataset import Dataset, Matrix, PeerQuery
from bench.peers.pairs import Peer
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.attribution import Evidence, Explanation, attribute
from parity_pipeline.core.retrieval.bands import Bands, GradedQueries, QueryMeasure, SetMeasure, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.outcomes import Band, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Float64, Query, Ranking, ScoreScale
from parity_pipeline.core.retrieval.tally import RetrievalTally

PATH: Final = "/v1/matrix/retrieve"
_EQUAL: Final = 1e-6
"""Distances up to this far apart tie, for recall."""


def ask(client: httpx.Client, queries: Sequence[PeerQuery], vectors: Matrix | None = None) -> list[Ranking]:
    """Return a peer's list for each query: for its text, or for a vector in its place."""
    found: list[Ranking] = []
    for row, query in enumerate(queries):
        what = {"query_text": query.text} if vectors is None else {"query_vector": vectors[row].tolist()}
        body = what | {"corpora": query.corpora, "k": query.k} | ({"filter": query.filter} if query.filter else {})
        response = client.post(PATH, json=body)
        response.raise_for_status()
        results: list[dict[str, Any]] = response.json()["results"]
        found.append(
            Ranking(
                query_id=query.id,
                status=RowStatus.OK,
                ids=tuple(hit["id"] for hit in results),
                scores=tuple(hit["distance"] for hit in results),
                metadata=tuple(_hash(hit["metadata"]) for hit in results),
            )
        )
    return found


def _hash(metadata: dict[str, Any]) -> int:
    canonical = json.dumps(metadata, sort_keys=True, separators=(",", ":")).encode()
    return int.from_bytes(hashlib.blake2b(canonical, digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the probe says of a pair.

    Attributes:
        graded: Each query.
        tally: The whole set.
        by_scores: Explanations without a list for the same vector.
        by_vectors: Explanations with one.
    """

    graded: GradedQueries
    tally: RetrievalTally
    by_scores: list[Explanation | None]
    by_vectors: list[Explanation | None]

    @property
    def band(self) -> Band:
        """Return the worst band of the set."""
        return self.tally.band()

    def numbers(self) -> dict[str, float | None]:
        """Return the measures of a row."""
        values = self.tally.values()
        return {
            "overlap@10": values[SetMeasure.MEAN_OVERLAP_AT_10],
            "top-1": values[SetMeasure.TOP_1_SHARE],
            "RBO": values[SetMeasure.MEAN_RBO],
            "tau-b": values[SetMeasure.MEAN_TAU_B],
            "score delta": self.tally.distributions[QueryMeasure.SCORE_DELTA].largest,
        }

    def outcomes(self) -> Counter[RetrievalOutcome]:
        """Return the queries of each outcome."""
        return self.tally.counts

    def categories(self) -> dict[str, Counter[tuple[RetrievalOutcome, Explanation | None]]]:
        """Return the queries of each outcome and explanation (by vectors), per category."""
        rows, found = self.graded.compared, dict[str, Counter[tuple[RetrievalOutcome, Explanation | None]]]()
        for category, outcome, said in zip(rows.queries.categories, rows.outcomes, self.by_vectors, strict=True):
            found.setdefault(category, Counter())[outcome, said] += 1
        return found


def judge(
    queries: Sequence[PeerQuery],
    peers: tuple[Peer, Peer],
    legacy: Sequence[Ranking],
    candidate: Sequence[Ranking],
    same_vector: Sequence[Ranking],
) -> Judged:
    """Compare, grade, tally and attribute: what the probe does, on the lists alone."""
    block = QueryBlock.of(
        [
            Query(
                id=one.id,
                text=one.text,
                k=one.k,
                filter=json.dumps(one.filter) if one.filter else None,
                corpora=one.corpora,
                category=one.category,
            )
            for one in queries
        ]
    )
    scales = [ScoreScale(reported=peer.reported) for peer in peers]
    rules, bands = ComparisonRules(legacy_scale=scales[0], candidate_scale=scales[1]), Bands()
    lists = RankedLists.of(legacy)
    graded = grade(compare(block, lists, RankedLists.of(candidate), Codebook(), rules), bands)
    with_same = grade(compare(block, lists, RankedLists.of(same_vector), Codebook(), rules), bands)
    tally = RetrievalTally(bands)
    tally.add(graded)
    return Judged(
        graded=graded,
        tally=tally,
        by_scores=attribute(graded, Evidence()),
        by_vectors=attribute(graded, Evidence(same_vector=with_same)),
    )


class Truth:
    """Distances of all documents, by numpy in float64, and with them the recall of any list."""

    def __init__(self, data: Dataset) -> None:
        """Compare every query with every document of its corpora that its filter leaves."""
        self._queries = data.queries
        self._places = {one.name: {identity: row for row, identity in enumerate(one.ids)} for one in data.corpora}
        units = _units(data.query_vectors)
        self._distances = {one.name: 1.0 - units @ _units(one.vectors).T for one in data.corpora}
        fields = {one.name: one.metadata for one in data.corpora}
        self._sizes: list[int] = []
        self._last: list[float] = []
        for row, query in enumerate(data.queries):
            wanted = (query.filter or {}).items()
            fits = [np.array([wanted <= one.items() for one in fields[name]], np.bool_) for name in query.corpora]
            found = [self._distances[name][row, one] for name, one in zip(query.corpora, fits, strict=True)]
            best = np.sort(np.concatenate(found))[: query.k]
            self._sizes.append(len(best))
            self._last.append(float(best[-1]) if len(best) else np.nan)

    def recall(self, rankings: Sequence[Ranking], category: str) -> float:
        """Return the mean recall of a category's lists up to ties.

        A result counts where its own distance is at most that of the last document that belongs in the list.
        """
        shares: list[float] = []
        for row, (query, ranking) in enumerate(zip(self._queries, rankings, strict=True)):
            if query.category == category and self._sizes[row]:
                names = [(one.rpartition("-")[0], one) for one in set(ranking.ids)]
                got = [float(self._distances[name][row, self._places[name][one]]) for name, one in names]
                within = sum(one <= self._last[row] + _EQUAL for one in got)
                shares.append(min(1.0, within / self._sizes[row]))
        return float(np.mean(shares))


def _units(vectors: Matrix) -> Float64:
    exact = vectors.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)
