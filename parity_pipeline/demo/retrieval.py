"""Retrieval by the two demo gateways: the same workers, found in two ways.

Here belong the legacy search, exact, and the candidate's, approximate in one graph per corpus and merged; both build
their indexes with the first request, or before it where that is wanted, so that a gateway that only embeds pays nothing. What is accepted belongs to
`retrieval_request`, what can go wrong to `retrieval_faults`.

The legacy endpoint is called hybrid because it combines a vector search with an SQL condition. No words are matched, so
the mode that it reports is `vector`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from itertools import count
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.demo.corpus import CORPORA, Worker, workers
from parity_pipeline.demo.retrieval_faults import Hit, RetrievalFault, Turn
from parity_pipeline.demo.retrieval_request import (
    MODEL,
    Search,
    read_candidate,
    read_legacy,
    refuse_without_direction,
)
from parity_pipeline.demo.worker_filters import Mask, SqlFilters
from parity_pipeline.demo.worker_indexes import ExactIndex, GraphIndex, LexicalIndex, Matrix

Embed = Callable[[str, Sequence[str]], NDArray[np.float32]]

MODE: Final = "vector"


@cache
def corpus_mask(corpora: tuple[str, ...]) -> Mask:
    """Return which workers belong to one of the corpora."""
    return np.array([worker.corpus in corpora for worker in workers()], dtype=np.bool_)


class LegacyRetrieval:
    """`POST /vectors/hybrid`: brute force over what an SQL condition lets through."""

    def __init__(self, embed: Embed) -> None:
        """Use `embed` for workers and queries; it gives raw float32 vectors."""
        self._embed = embed
        self._lock = threading.Lock()

    def respond(self, body: bytes) -> bytes:
        """Return the body of the response to one request."""
        search = read_legacy(body, self._filters)
        query = self._embed(MODEL, [search.text or ""])[0]
        refuse_without_direction(query)
        allowed = corpus_mask(search.corpora)
        found = self._built().search(query, search.k, allowed if search.allowed is None else allowed & search.allowed)
        sources = [
            {"id": workers()[row].id, "score": score, "metadata": workers()[row].metadata} for row, score in found
        ]
        return orjson.dumps({"sources": sources, "mode": MODE})

    def build(self) -> None:
        """Build the index and the filters' table, which the first requests would otherwise wait for."""
        self._built()
        self._filters.mask("true")

    def _built(self) -> ExactIndex:
        with self._lock:
            return self._index

    @cached_property
    def _filters(self) -> SqlFilters:
        return SqlFilters(workers())

    @cached_property
    def _index(self) -> ExactIndex:
        return ExactIndex(self._embed(MODEL, [worker.text for worker in workers()]))


class CandidateRetrieval:
    """`POST /v1/matrix/retrieve`: a search in the graph of each corpus, merged by distance."""

    def __init__(self, embed: Embed, faults: Sequence[RetrievalFault] = (), seed: int = 0) -> None:
        """Prepare the searches.

        Args:
            embed: Gives raw float32 vectors of workers and queries.
            faults: What goes wrong, in this order.
            seed: Decides which queries some faults hit, and every shuffle.
        """
        self._embed = embed
        self._faults = tuple(faults)
        self._seed = seed
        self._numbers = count()
        self._lock = threading.Lock()

    def respond(self, body: bytes) -> bytes:
        """Return the body of the response to one request."""
        results = [
            {"id": hit.id, "distance": hit.distance, "corpus": hit.corpus, "metadata": workers()[hit.row].metadata}
            for hit in self.search(read_candidate(body, workers()))
        ]
        fields: dict[str, Any] = {"results": results, "model": MODEL}
        if modes := [fault.mode for fault in self._faults if fault.mode]:
            fields["mode"] = modes[-1]
        return orjson.dumps(fields)

    def build(self) -> None:
        """Build the graphs, which the first request would otherwise wait for."""
        self._built()

    def search(self, requested: Search) -> list[Hit]:
        """Return the results of one request, the nearest first."""
        turn = Turn(search=requested, workers=workers(), embed=self._embed, seed=self._seed, number=next(self._numbers))
        search = requested
        for fault in self._faults:
            search = fault.search(search) if fault.search else search
        late = any(fault.late_filter for fault in self._faults)
        hits = self._merged(search, self._query(turn), None if late else search.allowed)
        for fault in self._faults:
            hits = fault.hits(hits, turn) if fault.hits else hits
        kept = hits[: search.k]
        return kept if search.allowed is None else [hit for hit in kept if not late or search.allowed[hit.row]]

    def _query(self, turn: Turn) -> Matrix:
        """Return the vector to search for: the request's own, or that of its text."""
        search = turn.search
        vector = search.vector if search.vector is not None else self._embed(MODEL, [search.text or ""])[0]
        refuse_without_direction(vector)
        for fault in self._faults:
            vector = fault.query(vector, turn) if fault.query else vector
        return vector

    def _merged(self, search: Search, query: Matrix, allowed: Mask | None) -> list[Hit]:
        """Return what the corpora find, the nearest first, equal ones in the order of the corpora."""
        by_words = search.text is not None and any(fault.lexical for fault in self._faults)
        hits = [
            Hit(row=row, id=workers()[row].id, corpus=name, distance=distance)
            for name in search.corpora
            for row, distance in (
                self._found_by_words(name, search, allowed)
                if by_words
                else self._built()[name].search(query, search.per_corpus, allowed)
            )
        ]
        return sorted(hits, key=lambda hit: hit.distance)

    def _found_by_words(self, corpus: str, search: Search, allowed: Mask | None) -> list[tuple[int, float]]:
        """Return what a lexical search finds, its scores made distances from 1 down to 0."""
        with self._lock:
            index = self._lexical[corpus]
        found = index.search(search.text or "", search.per_corpus, allowed)
        return [(row, 1 / (1 + score)) for row, score in found]

    def _built(self) -> Mapping[str, GraphIndex]:
        with self._lock:
            return self._graphs

    @cached_property
    def _graphs(self) -> dict[str, GraphIndex]:
        metric = next((fault.metric for fault in self._faults if fault.metric), "cos")
        place = {worker.id: row for row, worker in enumerate(workers())}
        graphs: dict[str, GraphIndex] = {}
        for name in CORPORA:
            indexed: Sequence[Worker] = [worker for worker in workers() if worker.corpus == name]
            for fault in self._faults:
                indexed = fault.indexed(indexed) if fault.indexed else indexed
            rows = np.array([place[worker.id] for worker in indexed], dtype=np.int64)
            graphs[name] = GraphIndex(rows, self._embed(MODEL, [worker.text for worker in indexed]), metric)
        return graphs

    @cached_property
    def _lexical(self) -> dict[str, LexicalIndex]:
        return {
            name: LexicalIndex([row for row, one in enumerate(workers()) if one.corpus == name], workers())
            for name in CORPORA
        }
