"""Consecutive queries and the ranked lists of one side as arrays, and document ids as integer codes.

Here belongs the form in which a block of rankings is compared without a Python loop over results: flat arrays with
offsets, padded to matrices, and a codebook that gives an id of both sides the same number. Comparing belongs to
`alignment` and `measures`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.records import Float64, IdMapping, Query, Ranking

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Hashes = NDArray[np.uint64]
Element = TypeVar("Element", bound=np.generic)

CODEBOOK_IDS: Final = 1_000_000
"""Most ids that a codebook remembers from one block to the next, about 150 MB; then it starts again from nothing."""

NOT_NAMED: Final = -1
"""Stands for the number of corpora where a side does not name the corpus of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryBlock:
    """Consecutive queries as columns; arrays have shape (queries,).

    Attributes:
        start: Ordinal of the first query.
        ids: Query ids.
        k: int64, results requested.
        categories: Categories.
        filtered: bool, whether the query has a filter.
        corpora: int64, how many corpora it searches, 0 where the side's default is meant.
        drawn: int64, how often a random draw gave it, 0 where it was picked.
    """

    start: int
    ids: Sequence[str]
    k: Ints
    categories: Sequence[str]
    filtered: Flags
    corpora: Ints
    drawn: Ints

    @classmethod
    def of(cls, queries: Sequence[Query], start: int = 0) -> Self:
        """Return queries as columns."""
        return cls(
            start=start,
            ids=[query.id for query in queries],
            k=np.array([query.k for query in queries], np.int64),
            categories=[query.category for query in queries],
            filtered=np.array([query.filter is not None for query in queries], np.bool_),
            corpora=np.array([len(query.corpora) for query in queries], np.int64),
            drawn=np.array([query.drawn for query in queries], np.int64),
        )

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedLists:
    """What one side returned for consecutive queries. A hit is one result.

    Attributes:
        query_ids: The queries.
        statuses: One per query; the hits of one that is not `OK`, if any, prove nothing.
        offsets: int64, shape (queries + 1,): hits `offsets[i]` to `offsets[i + 1]` are those of query i, best first.
        documents: Integers, shape (hits,): places in `vocabulary`.
        vocabulary: Document ids as the side spells them, each once; as a Parquet dictionary holds them.
        reported: float64, shape (hits,): score or distance as reported; NaN where none is.
        metadata: uint64, shape (hits,): hash of the metadata that must be equal; 0 where none is compared.
        modes: One per query, the mode that the side reports; None where it says nothing.
        refusals: One per query: HTTP status and shape of a refusal; None where nothing was refused.
        hit_corpora: int64, shape (queries,): distinct corpora that the hits come from; `NOT_NAMED` where it is not known.

    Raises:
        MetricInputError: A status that is not a `RowStatus`: compared by identity, it would make every list empty.
    """

    query_ids: Sequence[str]
    statuses: Sequence[RowStatus]
    offsets: Ints
    documents: NDArray[np.integer]
    vocabulary: Sequence[str]
    reported: Float64
    metadata: Hashes
    modes: Sequence[str | None]
    refusals: Sequence[str | None]
    hit_corpora: Ints

    def __post_init__(self) -> None:
        """Refuse statuses of another type."""
        if others := set(map(type, self.statuses)) - {RowStatus}:
            names = ", ".join(sorted(one.__name__ for one in others))
            msg = f"statuses of the type {names} where a RowStatus is needed"
            raise MetricInputError(msg, place="ranked lists", remedy="Convert each with RowStatus(value).")

    @classmethod
    def of(cls, rankings: Sequence[Ranking]) -> Self:
        """Return rankings as arrays.

        Raises:
            MetricInputError: Scores or metadata that are neither none nor one per id.
        """
        for one in rankings:
            if any(len(values) not in {0, len(one.ids)} for values in (one.scores, one.metadata)):
                msg = f"the ranking of query {one.query_id!r} has {len(one.ids)} ids and another number of scores or hashes"
                raise MetricInputError(msg, remedy="Give one per id, or none at all.")
        places: dict[str, int] = {}
        documents = [places.setdefault(identity, len(places)) for one in rankings for identity in one.ids]
        lengths = [len(one.ids) for one in rankings]
        reported = chain.from_iterable(one.scores or (np.nan,) * len(one.ids) for one in rankings)
        metadata = chain.from_iterable(one.metadata or (0,) * len(one.ids) for one in rankings)
        return cls(
            query_ids=[one.query_id for one in rankings],
            statuses=[one.status for one in rankings],
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            documents=np.array(documents, np.int64),
            vocabulary=list(places),
            reported=np.fromiter(reported, np.float64, len(documents)),
            metadata=np.fromiter(metadata, np.uint64, len(documents)),
            modes=[one.mode for one in rankings],
            refusals=[one.refusal for one in rankings],
            hit_corpora=np.array(
                [NOT_NAMED if one.hit_corpora is None else one.hit_corpora for one in rankings], np.int64
            ),
        )

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.query_ids)

    def ranking(self, row: int) -> Ranking:
        """Return what the side returned for one query; scores and metadata are empty where none are reported."""
        hits = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        reported, metadata = self.reported[hits], self.metadata[hits]
        return Ranking(
            query_id=self.query_ids[row],
            status=self.statuses[row],
            ids=tuple([self.vocabulary[int(place)] for place in self.documents[hits]]),
            scores=() if np.isnan(reported).all() else tuple(reported.tolist()),
            mode=self.modes[row],
            metadata=tuple(metadata.tolist()) if metadata.any() else (),
            refusal=self.refusals[row],
            hit_corpora=None if (named := int(self.hit_corpora[row])) == NOT_NAMED else named,
        )

    def lengths(self) -> Ints:
        """Return the number of hits of each query; 0 for one that is not `OK`."""
        usable = np.array([status is RowStatus.OK for status in self.statuses], np.bool_)
        return np.where(usable, np.diff(self.offsets), 0)

    def padded(self, values: NDArray[Element], fill: float, lengths: Ints, width: int) -> NDArray[Element]:
        """Return one value per hit as a (queries, width) matrix, best first, with `fill` behind the end of each list.

        Args:
            values: Shape (hits,).
            fill: Stands behind the end of each list.
            lengths: What `lengths` returns.
            width: At least the longest of them.
        """
        if len(lengths) and (lengths == width).all() and len(values) == width * len(lengths):
            return values.reshape(len(lengths), width)
        matrix = np.full((len(lengths), width), fill, values.dtype)
        inside = np.arange(width) < lengths[:, None]
        places = self.offsets[:-1, None] + np.arange(width)
        matrix[inside] = values[places[inside]]
        return matrix


@dataclass(slots=True)
class Codebook:
    """Give document ids integer codes, so that one document has one code on both sides.

    Codes are comparable within one block only: a codebook that holds `limit` ids forgets them before the next block,
    so that its memory does not grow with the queries.

    Attributes:
        legacy: How legacy ids are spelled in the space of comparison.
        candidate: The same of candidate ids.
        limit: Most ids that are remembered.
    """

    legacy: IdMapping = field(default_factory=IdMapping)
    candidate: IdMapping = field(default_factory=IdMapping)
    limit: int = CODEBOOK_IDS
    _codes: dict[str, int] = field(default_factory=dict[str, int])
    _latest: dict[Side, tuple[Sequence[str], Ints]] = field(default_factory=dict[Side, tuple[Sequence[str], Ints]])

    def encode(self, legacy: Sequence[str], candidate: Sequence[str]) -> tuple[Ints, Ints]:
        """Return the code of each id of one block: those of the legacy vocabulary, and those of the candidate's.

        A vocabulary that is the very object of the block before, as blocks of one row group share it, is not coded again.
        """
        if len(self._codes) >= self.limit:
            self._codes.clear()
            self._latest.clear()
        return self._encode(Side.LEGACY, legacy, self.legacy), self._encode(Side.CANDIDATE, candidate, self.candidate)

    def _encode(self, side: Side, ids: Sequence[str], mapping: IdMapping) -> Ints:
        known = self._latest.get(side)
        if known is not None and known[0] is ids:
            return known[1]
        spelled = ids if mapping.changes_nothing else [mapping.apply(identity) for identity in ids]
        codes = self._codes
        try:
            found = np.fromiter(map(codes.__getitem__, spelled), np.int64, len(ids))
        except KeyError:
            # Most blocks bring no new document, and then one pass is enough.
            found = np.fromiter((codes.setdefault(one, len(codes)) for one in spelled), np.int64, len(ids))
        self._latest[side] = (ids, found)
        return found
