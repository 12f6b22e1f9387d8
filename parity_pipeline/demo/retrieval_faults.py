"""The ways in which the candidate's retrieval can go wrong: one row each.

Here belong the table, the record of a fault and what each one does to a stage of a search: the request, the query vector, the
indexes, or the merged results. They are options of the candidate gateway and not of a proxy, because most of them
are wrong inside of the search, where no proxy can reach. Requests are refused as before. Case numbers are those of the
documented failure modes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.demo.corpus import AVAILABILITY, CITIES, Worker
from parity_pipeline.demo.retrieval_request import MODEL, Search

Matrix = NDArray[np.float32]
Embed = Callable[[str, Sequence[str]], Matrix]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result before it is written.

    Attributes:
        row: Place of the worker among all of them; its metadata are returned.
        id: The id that is returned.
        corpus: The corpus that is returned.
        distance: The distance that is returned.
    """

    row: int
    id: str
    corpus: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One search as a fault sees it.

    Attributes:
        search: The request.
        workers: All workers.
        embed: Gives raw vectors.
        seed: Decides which queries are hit, and every shuffle.
        number: Searches before this one.
    """

    search: Search
    workers: Sequence[Worker]
    embed: Embed
    seed: int
    number: int


SearchFunction = Callable[[Search], Search]
QueryFunction = Callable[[Matrix, Turn], Matrix]
HitsFunction = Callable[[list[Hit], Turn], list[Hit]]
WorkersFunction = Callable[[Sequence[Worker]], Sequence[Worker]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalFault:
    """One way of going wrong; at least one stage is given.

    Attributes:
        name: How the command line calls it.
        case: Number of the documented failure mode, 0 where it is none of them.
        says: What it does, for a list of faults.
        search: Request -> the request that is carried out.
        query: Query vector -> the vector that is searched for.
        hits: Merged results, the best first and not yet cut at k -> those that are used.
        indexed: Workers of a corpus, in the order in which they were registered -> those in its index, as their texts were when
            they were indexed.
        metric: usearch's name of the distance that the index is built with.
        lexical: Words are matched instead of vectors, where the request has a text.
        late_filter: The filter is applied to the results that are left after the cut at k.
        mode: Reported in the response; nothing where it is empty.
    """

    name: str
    case: int
    says: str
    search: SearchFunction | None = None
    query: QueryFunction | None = None
    hits: HitsFunction | None = None
    indexed: WorkersFunction | None = None
    metric: str = ""
    lexical: bool = False
    late_filter: bool = False
    mode: str = ""


NOT_INDEXED: Final = 0.1
"""Share of a corpus, the workers registered last, that a stale index lacks."""

OUTDATED: Final = 0.25
"""Share of a corpus, the workers registered first, whose vectors are older than their documents."""

TIE: Final = 1e-6
"""Distances that differ by at most this are equal."""

NEAR_TIE: Final = 1e-3
"""Distances that an engine with three digits cannot distinguish; a comparison does."""

SPARE: Final = 20
"""Results per corpus beyond k that are looked at, so that ties are shuffled before they are cut."""

MIXED_UP_EVERY: Final = 200
"""One query in so many gets the results of another one."""

OTHER_QUERY: Final = "pastry cook for weekend banquets in Antwerp"
"""The query whose results another one gets."""

OTHER_MODEL: Final = "wordllama-64"

DEMO_SEED: Final = 20
"""Seed of `parity demo --fault`: with it, the query in 200 that is mixed up is one of `data/samples/queries.jsonl`."""


def drop_last_corpus(search: Search) -> Search:
    """Leave the last of several corpora out."""
    return replace(search, corpora=search.corpora[:-1]) if len(search.corpora) > 1 else search


def one_too_few(search: Search) -> Search:
    """Return k - 1 results, none for k = 1."""
    return replace(search, k=search.k - 1)


def one_too_many(search: Search) -> Search:
    """Return k + 1 results."""
    return replace(search, k=search.k + 1, per_corpus=search.per_corpus + 1)


def without_filter(search: Search) -> Search:
    """Ignore the filter."""
    return replace(search, allowed=None)


def look_further(search: Search) -> Search:
    """Take more results from each corpus than are wanted, so that no tie is cut before it is shuffled."""
    return replace(search, per_corpus=search.per_corpus + SPARE)


def shuffle_ties(hits: list[Hit], turn: Turn) -> list[Hit]:
    """Put results at equal distance into another order with each request (case 32)."""
    return _shuffled(hits, turn, TIE)


def shuffle_near_ties(hits: list[Hit], turn: Turn) -> list[Hit]:
    """Put results whose distances agree to three digits into another order with each request (case 32)."""
    return _shuffled(hits, turn, NEAR_TIE)


def _shuffled(hits: list[Hit], turn: Turn, width: float) -> list[Hit]:
    """Return the results with groups of distances, none wider than `width`, in any order."""
    generator = np.random.default_rng([turn.seed, turn.number])
    shuffled: list[Hit] = []
    group: list[Hit] = []
    for hit in hits:
        if group and hit.distance - group[0].distance > width:
            shuffled += [group[place] for place in generator.permutation(len(group))]
            group = []
        group.append(hit)
    return shuffled + [group[place] for place in generator.permutation(len(group))]


def repeat_across_corpora(hits: list[Hit], turn: Turn) -> list[Hit]:
    """Return every other worker from each of several corpora, as a merge does that keeps what is filed in both."""
    merged: list[Hit] = []
    for hit in hits:
        merged.append(hit)
        others = [name for name in turn.search.corpora if name != hit.corpus]
        if hit.row % 2 == 0:
            merged += [replace(hit, corpus=name) for name in others]
    return merged


def next_id(hits: list[Hit], turn: Turn) -> list[Hit]:
    """Return the id of the worker that was registered after the one that was found: two tables are one row apart."""
    return [replace(hit, id=turn.workers[(hit.row + 1) % len(turn.workers)].id) for hit in hits]


def qualified_id(hits: list[Hit], _: Turn) -> list[Hit]:
    """Return ids with their corpus in front, which the other side does not have."""
    return [replace(hit, id=f"{hit.corpus}/{hit.id}") for hit in hits]


def halve_distances(hits: list[Hit], _: Turn) -> list[Hit]:
    """Return half of each distance, which maps 0 to 2 to the range from 0 to 1; the order stays."""
    return [replace(hit, distance=hit.distance / 2) for hit in hits]


def embed_by_other_model(vector: Matrix, turn: Turn) -> Matrix:
    """Embed the query, and not the workers, by the narrow model, filled up with zeros to the width of the index (case 27)."""
    if turn.search.text is None:
        return vector
    narrow = turn.embed(OTHER_MODEL, [turn.search.text])[0]
    return np.pad(narrow, (0, len(vector) - len(narrow)))


def mix_up(vector: Matrix, turn: Turn) -> Matrix:
    """Search for another query in one of 200, which the direction of its vector decides: by text and by vector alike."""
    return turn.embed(MODEL, [OTHER_QUERY])[0] if is_mixed_up(vector, turn.seed) else vector


def is_mixed_up(vector: Matrix, seed: int) -> bool:
    """Return whether a query vector is one of those that get the results of another query."""
    signs = np.packbits(vector > 0).tobytes()
    digest = hashlib.sha256(f"{seed}:".encode() + signs).digest()
    return int.from_bytes(digest[:8], "big") % MIXED_UP_EVERY == 0


def without_newest(workers: Sequence[Worker]) -> Sequence[Worker]:
    """Leave out the tenth that was registered last, since the index was built."""
    return workers[: len(workers) - round(NOT_INDEXED * len(workers))]


def before_their_move(workers: Sequence[Worker]) -> Sequence[Worker]:
    """Index the first quarter as they were: in another city, with less experience, available at another time."""
    outdated = round(OUTDATED * len(workers))
    return [*map(_as_before, workers[:outdated]), *workers[outdated:]]


def _as_before(worker: Worker) -> Worker:
    city = CITIES[(CITIES.index(worker.city) + 5) % len(CITIES)]
    available = AVAILABILITY[(AVAILABILITY.index(worker.available) + 1) % len(AVAILABILITY)]
    return replace(worker, city=city, available=available, years=max(0, worker.years - 2))


RETRIEVAL_FAULTS: Final[tuple[RetrievalFault, ...]] = (
    RetrievalFault(name="lexical-fallback", case=33, says="matches words, and does not say so", lexical=True),
    RetrievalFault(
        name="lexical-fallback-reported", case=33, says="matches words, and reports that", lexical=True, mode="lexical"
    ),
    RetrievalFault(
        name="dropped-corpus", case=0, says="leaves out the last of several corpora", search=drop_last_corpus
    ),
    RetrievalFault(name="wrong-metric", case=8, says="ranks by the dot product of raw vectors", metric="ip"),
    RetrievalFault(name="wrong-metric-l2", case=8, says="ranks by the distance of raw vectors", metric="l2sq"),
    RetrievalFault(name="stale-index", case=0, says="lacks the newest tenth of each corpus", indexed=without_newest),
    RetrievalFault(
        name="stale-vectors", case=0, says="has old vectors of a quarter of each corpus", indexed=before_their_move
    ),
    RetrievalFault(
        name="shuffled-ties", case=32, says="returns ties in any order", search=look_further, hits=shuffle_ties
    ),
    RetrievalFault(
        name="shuffled-near-ties",
        case=32,
        says="shuffles near ties",
        search=look_further,
        hits=shuffle_near_ties,
    ),
    RetrievalFault(name="off-by-one-k", case=0, says="returns one result too few", search=one_too_few),
    RetrievalFault(name="one-too-many", case=0, says="returns one result too many", search=one_too_many),
    RetrievalFault(name="filter-ignored", case=0, says="ignores the filter", search=without_filter),
    RetrievalFault(name="filter-after-top-k", case=0, says="filters after the cut at k", late_filter=True),
    RetrievalFault(name="duplicates-across-corpora", case=0, says="repeats a worker", hits=repeat_across_corpora),
    RetrievalFault(name="wrong-id-mapping", case=0, says="returns the id of the next worker", hits=next_id),
    RetrievalFault(name="qualified-ids", case=0, says="spells ids with their corpus", hits=qualified_id),
    RetrievalFault(name="scores-rescaled", case=0, says="halves the distances", hits=halve_distances),
    RetrievalFault(name="other-embedding", case=27, says="embeds by another model", query=embed_by_other_model),
    RetrievalFault(name="one-query-in-200", case=0, says="mixes up one query in 200", query=mix_up),
)


def chosen_retrieval_faults(names: str) -> tuple[RetrievalFault, ...]:
    """Return the faults with the given names, joined by commas, in the given order; none for an empty text.

    Raises:
        ValueError: A name is unknown.
    """
    known = {fault.name: fault for fault in RETRIEVAL_FAULTS}
    picked = [part.strip() for part in names.split(",")] if names else []
    if unknown := [name for name in picked if name not in known]:
        msg = f"unknown retrieval fault {unknown[0]!r}; there are {', '.join(known)}"
        raise ValueError(msg)
    return tuple(known[name] for name in picked)
