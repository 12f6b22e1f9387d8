"""A small world of two retrieval engines over the same documents, with a fault of choice in the candidate.

Here belong the documents, the queries, exact search, a simulated approximate index, a search by words, and every fault that
a diagnosis has to name. What must be named belongs to the tests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.attribution import EXPLAINABLE, Evidence
from parity_pipeline.core.retrieval.bands import GradedQueries, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.diagnosis.evidence import CauseEvidence
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Float64, Query, Ranking
from parity_pipeline.core.retrieval.tally import RetrievalTally

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

DIMENSIONS: Final = 48
CITIES: Final = 8
VOCABULARY: Final = 400
WORDS: Final = 8
CONTROLLED: Final = 25
"""Differing queries that the candidate is sent again with the legacy query vector, as a budget of requests allows."""

Controls = Literal["both", "same vector", "cosine", "none"]
CORPORA: Final = ("staff", "contractors")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentQuery:
    """One query with its vector.

    Attributes:
        query: As it is sent.
        vector: Unit query vector of the legacy side.
        words: Words of the text; a paraphrase has none that a document has.
        city: City that its filter wants; -1 without a filter.
    """

    query: Query
    vector: Float64
    words: Ints
    city: int


@dataclass(slots=True)
class World:
    """Documents in two corpora and queries about them.

    Attributes:
        random: Source of the chance of one comparison.
        raw: Document vectors with norms of 13 to 23, unless said otherwise.
        unit: The same with a norm of 1.
        corpus: Place in `CORPORA` of each document.
        city: City of each document.
        words: Words of each document, shape (documents, VOCABULARY).
        names: Document ids.
        queries: The queries.
        exact: What an exact engine returns for each, once it was sent.
    """

    random: np.random.Generator
    raw: Float64
    unit: Float64
    corpus: Ints
    city: Ints
    words: Flags
    names: list[str]
    queries: list[SentQuery] = field(default_factory=list[SentQuery])
    exact: list[Ranking] = field(default_factory=list[Ranking])


@lru_cache(maxsize=8)
def made(
    seed: int,
    *,
    documents: int = 2_400,
    queries: int = 200,
    clear_ids: bool = True,
    twins: int = 120,
    near: float = 0.0,
    norms: tuple[float, float] = (13.0, 23.0),
) -> World:
    """Return a world.

    Args:
        seed: Seed of all chance.
        documents: Documents of both corpora.
        queries: Queries about them.
        clear_ids: Whether an id shows the corpus of its document.
        twins: Documents that equal another one but for their id, and those that are close to it.
        near: How far twins are from each other.
        norms: Smallest and largest norm of a raw document vector.
    """
    random = np.random.default_rng(seed)
    clusters = random.normal(size=(40, DIMENSIONS))
    member = random.integers(0, 40, documents)
    vectors = clusters[member] + 0.6 * random.normal(size=(documents, DIMENSIONS))
    words = np.zeros((documents, VOCABULARY), np.bool_)
    own = (member[:, None] * 7 + random.integers(0, 30, (documents, WORDS))) % VOCABULARY
    np.put_along_axis(words, own, values=True, axis=1)
    corpus = (np.arange(documents) >= 0.6 * documents).astype(np.int64)
    city = random.integers(0, CITIES, documents)
    norm = random.uniform(*norms, documents)
    originals, copies = np.split(random.permutation(documents)[: 2 * twins], 2)
    vectors[copies] = vectors[originals] + near * random.normal(size=(twins, DIMENSIONS))
    words[copies], city[copies], norm[copies] = words[originals], city[originals], norm[originals]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{CORPORA[corpus[row]]}/{row:04}" if clear_ids else f"w{row:04}" for row in range(documents)]
    world = World(random, vectors * norm[:, None], vectors, corpus, city, words, names)
    world.queries = _queries(world, queries)
    return world


def _queries(world: World, number: int) -> list[SentQuery]:
    """Return queries of all kinds; each second filtered one is sent without its filter too."""
    random, sent = world.random, list[SentQuery]()
    while len(sent) < number:
        near = int(random.integers(len(world.raw)))
        vector = world.unit[near] + 0.09 * random.normal(size=DIMENSIONS)
        kind = str(random.choice(["plain", "plain", "plain", "filtered", "paraphrase", "one corpus", "depth"]))
        words = np.flatnonzero(world.words[near])[: WORDS // 2] if kind != "paraphrase" else np.zeros(0, np.int64)
        query = Query(
            id=f"q{len(sent):04}",
            text=f"text {len(sent)}",
            k=int(random.choice([1, 5, 20, 50])) if kind == "depth" else 10,
            filter="city" if kind == "filtered" else None,
            corpora=(CORPORA[world.corpus[near]],) if kind == "one corpus" else CORPORA,
            category="paraphrases, no shared word" if kind == "paraphrase" else kind,
            drawn=1,
        )
        city = int(world.city[near]) if kind == "filtered" else -1
        sent.append(SentQuery(query=query, vector=vector / np.linalg.norm(vector), words=words, city=city))
        if kind == "filtered" and random.random() < 0.5 and len(sent) < number:
            twin = replace(query, id=f"q{len(sent):04}", filter=None, category="plain")
            sent.append(replace(sent[-1], query=twin, city=-1))
    return sent


@dataclass(slots=True, kw_only=True)
class Engine:
    """How one side searches. The default is exact, by cosine.

    Attributes:
        vectors: Document vectors that it ranks by.
        metric: Scores of all documents for a query vector, higher is better.
        recall: Chance that a document is seen at all for a query; a number, or one per document.
        holds: Documents that are in the index.
        filtering: `inside` the search, `after` its best k, or `ignored`.
        corpora: Corpora that it searches where a query names several.
        embed: What becomes of the legacy query vector where the side embeds a text itself.
        by_words: Whether texts are searched by words, and not by vectors.
        mode: The mode that it reports for texts.
        limit: Results that it returns for k.
        again: Documents that it returns twice where several corpora are searched.
        noise: Largest rounding error of a score, absolute.
        report: What becomes of ids and scores of one query on their way out.
        skip: Best results that it leaves out.
        coarse: Width of the score steps within which it orders by chance; 0 for none.
        names_corpora: Whether it names the corpus of each result.
        per_corpus: Most documents that each corpus gives before a filter applies; 0 for no limit.
    """

    vectors: Float64
    metric: Callable[[Float64, Float64], Float64] = lambda vectors, query: vectors @ query
    recall: float | Float64 = 1.0
    holds: Flags | None = None
    filtering: Literal["inside", "after", "ignored"] = "inside"
    corpora: tuple[int, ...] = (0, 1)
    embed: Callable[[Float64], Float64] = lambda vector: vector
    by_words: bool = False
    mode: str | None = None
    limit: Callable[[int], int] = lambda k: k
    again: Flags | None = None
    noise: float = 0.0
    report: Callable[[list[str], Float64], tuple[list[str], Float64]] = lambda names, scores: (names, scores)
    skip: int = 0
    coarse: float = 0.0
    names_corpora: bool = False
    per_corpus: int = 0


def search(world: World, engine: Engine, sent: SentQuery, *, by_vector: bool = False) -> Ranking:
    """Return what an engine returns for the text of a query, or for its legacy query vector."""
    random, words = world.random, engine.by_words and not by_vector
    if words:
        weights = world.words[:, sent.words].sum(axis=1).astype(np.float64)
        scores = weights / (1.0 + 0.1 * (np.arange(len(weights)) % 3))
    else:
        scores = engine.metric(engine.vectors, sent.vector if by_vector else engine.embed(sent.vector))
    corpora = [CORPORA.index(name) for name in sent.query.corpora]
    if len(corpora) > 1:
        corpora = [name for name in corpora if name in engine.corpora]
    seen = np.isin(world.corpus, corpora) & (random.random(len(scores)) < engine.recall)
    seen &= engine.holds if engine.holds is not None else True
    seen &= (scores > 0.0) if words else True
    if engine.per_corpus:
        for corpus in (0, 1):
            inside = np.flatnonzero(seen & (world.corpus == corpus))
            seen[inside[np.argsort(-scores[inside])[engine.per_corpus :]]] = False
    wanted = (world.city == sent.city) if sent.city >= 0 else np.ones(len(scores), np.bool_)
    if engine.filtering == "inside":
        seen &= wanted
    scores = scores + random.uniform(-engine.noise, engine.noise, len(scores))
    key = np.floor(scores / engine.coarse) + random.random(len(scores)) if engine.coarse else scores
    key = np.where(seen, key, -np.inf)
    some = np.argpartition(-key, 120)[:120]
    places = some[np.lexsort((some, -key[some]))][: engine.limit(sent.query.k) + engine.skip][engine.skip :]
    places = places[np.isfinite(key[places])]
    if engine.again is not None and len(corpora) > 1:
        places = np.repeat(places, np.where(engine.again[places], 2, 1))[: sent.query.k]
    if engine.filtering == "after":
        places = places[wanted[places]]
    names, values = engine.report([world.names[place] for place in places], scores[places])
    return Ranking(
        query_id=sent.query.id,
        status=RowStatus.OK,
        ids=tuple(names),
        scores=tuple(values.tolist()),
        mode=engine.mode if not by_vector else None,
        hit_corpora=len(set(world.corpus[places].tolist())) if engine.names_corpora else None,
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """Result of comparing two engines."""

    tally: RetrievalTally
    evidence: CauseEvidence


def judge(
    world: World,
    candidate: Engine,
    *,
    seed: int = 0,
    controls: Controls = "both",
    embedded_alike: bool = False,
    comparable: bool = True,
    known: bool = True,
    swaps: Sequence[int] = (),
) -> Judged:
    """Compare the candidate with an exact legacy side, and take in what the probe would see.

    Args:
        world: The documents and queries.
        candidate: The candidate.
        seed: Seed of the chance in the candidate's lists.
        controls: Which controls are sent.
        embedded_alike: Whether the embeddings of both sides agree even where the candidate's search embeds otherwise.
        comparable: Whether scores are said to mean the same.
        known: Whether the queries themselves, with text and corpora, are given to the diagnosis.
        swaps: Queries for which the candidate returns the list of the next query.
    """
    legacy = Engine(vectors=world.unit)
    world.exact = world.exact or [search(world, legacy, one) for one in world.queries]
    world.random = np.random.default_rng(seed)
    tally = RetrievalTally()
    modes = {candidate.mode: len(world.queries)} if candidate.mode else dict[str, int]()
    evidence = CauseEvidence(searched=CORPORA, modes=({}, modes))
    rules = ComparisonRules(comparable=comparable, modes=((Side.LEGACY, "hybrid"), (Side.CANDIDATE, "hybrid")))
    codebook = Codebook()
    for start in range(0, len(world.queries), 64):
        sent = world.queries[start : start + 64]
        left = world.exact[start : start + 64]
        right = [search(world, candidate, one) for one in sent]
        for row, one in enumerate(sent):
            if start + row in swaps:
                other = world.queries[(start + row + 1) % len(world.queries)]
                wrong = search(world, candidate, replace(other, query=replace(other.query, k=one.query.k)))
                right[row] = replace(wrong, query_id=one.query.id)
        graded = _graded(sent, left, right, codebook, rules, start)
        tally.add(graded)
        known_vectors = _controls(world, candidate, sent, left, graded, codebook, rules, controls, embedded_alike)
        evidence.add(graded, known_vectors, [one.query for one in sent] if known else ())
    return Judged(tally, evidence)


def _graded(
    sent: Sequence[SentQuery],
    left: Sequence[Ranking],
    right: Sequence[Ranking],
    codebook: Codebook,
    rules: ComparisonRules,
    start: int,
) -> GradedQueries:
    queries = QueryBlock.of([one.query for one in sent], start)
    return grade(compare(queries, RankedLists.of(left), RankedLists.of(right), codebook, rules), RetrievalTally().bands)


def _controls(
    world: World,
    candidate: Engine,
    sent: Sequence[SentQuery],
    left: Sequence[Ranking],
    graded: GradedQueries,
    codebook: Codebook,
    rules: ComparisonRules,
    controls: Controls,
    embedded_alike: bool,
) -> Evidence:
    differing = [row for row, one in enumerate(graded.compared.outcomes) if one in EXPLAINABLE][: CONTROLLED // 4]
    cosine = np.full(len(sent), np.nan)
    lost = [Ranking(query_id=one.query.id, status=RowStatus.FAILED) for one in sent]
    for row in differing:
        own = candidate.embed(sent[row].vector)
        cosine[row] = 1.0 if embedded_alike else float(own @ sent[row].vector / np.linalg.norm(own))
        lost[row] = search(world, candidate, sent[row], by_vector=True)
    same = _graded(sent, left, lost, codebook, rules, graded.compared.queries.start)
    return Evidence(
        same_vector=same if controls in {"both", "same vector"} else None,
        cosine=cosine if controls in {"both", "cosine"} else None,
    )
