"""Every fault that a candidate of the small world can have, at several strengths, with the cause that must be named.

Here belong the faults and the honest differences that must not be named. The engines themselves belong to `world`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.retrieval.causes import RetrievalCause
from parity_pipeline.core.retrieval.causes import RetrievalCauseName as N
from parity_pipeline.core.retrieval.diagnosis.name_causes import name_causes
from parity_pipeline.core.retrieval.records import Float64
from parity_pipeline_tests.core.retrieval.world import DIMENSIONS, Engine, Judged, World, judge, made

Flags = NDArray[np.bool_]
Out = Callable[[list[str], Float64], tuple[list[str], Float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault at one strength.

    Attributes:
        names: The causes that may come first; none of them for a difference that must not be named.
        also: Causes that are true beside.
        engine: Fields of the candidate's engine, from the world and a seed.
        world: Arguments of `made`.
        sent: Arguments of `judge`.
    """

    names: tuple[N, ...]
    engine: Callable[[World, int], Mapping[str, Any]] = lambda _, __: {}
    also: tuple[N, ...] = ()
    world: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def run(self, seed: int, *, seed_of_world: int | None = None) -> tuple[Judged, tuple[RetrievalCause, ...]]:
        """Return the result of comparing, and the causes; the world has the same seed unless said otherwise."""
        place = made(seed if seed_of_world is None else seed_of_world, **self.world)
        honest: dict[str, Any] = {"vectors": place.unit, "recall": 0.995, "noise": 1e-7}
        found = judge(place, Engine(**{**honest, **self.engine(place, seed)}), seed=seed, **self.sent)
        return found, name_causes(found.evidence)

    def holds(self, causes: tuple[RetrievalCause, ...]) -> bool:
        """Return whether the right cause comes first, and no false one beside it."""
        if not self.names:
            return not causes
        rest = set(self.names) | set(self.also)
        return bool(causes) and causes[0].name in self.names and all(cause.name in rest for cause in causes)

    def false_proof(self, causes: tuple[RetrievalCause, ...]) -> bool:
        """Return whether a cause is called proven that does not hold."""
        return any(one.confidence == "proven" and one.name not in {*self.names, *self.also} for one in causes)


def squared(vectors: Float64, query: Float64) -> Float64:
    """Return scores of a squared Euclidean distance that is read as a cosine distance."""
    return 1.0 - np.square(vectors - query).sum(axis=1)


def euclidean(vectors: Float64, query: Float64) -> Float64:
    """Return scores of a Euclidean distance that is read as a cosine distance."""
    return 1.0 - np.linalg.norm(vectors - query, axis=1)


def manhattan(vectors: Float64, query: Float64) -> Float64:
    """Return scores of a Manhattan distance that is read as a cosine distance."""
    return 1.0 - np.abs(vectors - query).sum(axis=1)


def drifted(strength: float, paraphrases: float = 0.0) -> Callable[[Float64], Float64]:
    """Return an embedding that moves each query vector in a direction of its own, always the same one.

    A part of the queries, where `paraphrases` is given, moves by so much more.
    """

    def embed(vector: Float64) -> Float64:
        seed = int(np.abs(np.round(vector * 1e6)).sum())
        moved = vector + (strength + paraphrases * (seed % 3 == 0)) * np.random.default_rng(seed).normal(
            size=DIMENSIONS
        )
        return moved / np.linalg.norm(moved)

    return embed


def rotated() -> Callable[[Float64], Float64]:
    """Return an embedding into a space that has nothing to do with that of the documents."""
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(DIMENSIONS, DIMENSIONS)))
    return lambda vector: turn @ vector


def without_newest(world: World, share: float, corpora: Sequence[int] = (0, 1)) -> Flags:
    """Return which documents an index holds that lacks the newest ones of some corpora."""
    held = np.ones(len(world.raw), np.bool_)
    for corpus in corpora:
        rows = np.flatnonzero(world.corpus == corpus)
        held[rows[len(rows) - int(share * len(rows)) :]] = False
    return held


def embedded_again(world: World, share: float, strength: float, seed: int) -> Float64:
    """Return document vectors of which a share was made of another text."""
    random, vectors = np.random.default_rng(seed), world.unit.copy()
    some = random.random(len(vectors)) < share
    vectors[some] += strength * random.normal(size=(int(some.sum()), DIMENSIONS))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def other_model(world: World) -> Float64:
    """Return document vectors of another model, under the same query vectors."""
    turn, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(DIMENSIONS, DIMENSIONS)))
    return world.unit @ turn


def badly_linked(world: World, seed: int) -> Float64:
    """Return chances of being seen under an index in which an eighth of the documents is hard to reach."""
    random, chances = np.random.default_rng(seed), np.full(len(world.raw), 0.97)
    some = random.random(len(chances)) < 0.12
    chances[some] = random.uniform(0.1, 0.6, int(some.sum()))
    return chances


def in_bytes(vectors: Float64) -> Float64:
    """Return unit vectors as an index of int8 numbers holds them."""
    return np.round(127.0 * vectors) / 127.0


def compressed(vectors: Float64) -> Float64:
    """Return unit vectors as product quantisation holds them: each group of four numbers is one of 256."""
    random, kept = np.random.default_rng(8), np.empty_like(vectors)
    for start in range(0, DIMENSIONS, 4):
        group = vectors[:, start : start + 4]
        code = group[random.permutation(len(group))[:256]]
        nearest = np.argmin(np.square(group[:, None] - code).sum(axis=2), axis=1)
        kept[:, start : start + 4] = code[nearest]
    return kept


def of_raw_queries(vectors: Float64, query: Float64) -> Float64:
    """Return dot products of query vectors that have norms of their own too."""
    norm = np.random.default_rng(int(np.abs(np.round(query * 1e6)).sum())).uniform(0.7, 1.4)
    return norm * (vectors @ query)


def spelled(spell: Callable[[str], str]) -> Out:
    """Return what a side sends that spells ids otherwise."""
    return lambda names, scores: ([spell(name) for name in names], scores)


def scored(scale: Callable[[Float64], Float64]) -> Out:
    """Return what a side sends that scales scores."""
    return lambda names, scores: (names, scale(scores))


def reporting(out: Out) -> Callable[[World, int], Mapping[str, Any]]:
    """Return the fields of an engine that sends its results that way."""
    return lambda _, __: {"report": out}


def hashed(name: str) -> str:
    """Return an id that nothing can be read from."""
    return f"{(sum(map(ord, name)) * 2654435761 + int(name[-4:]) * 40503 * 65537) % (1 << 40):010x}"


def one_less(k: int) -> int:
    """Return how many results a side returns that takes k for a bound."""
    return k - 1


def one_more(k: int) -> int:
    """Return how many results a side returns that counts from 0 to k."""
    return k + 1


def at_most_ten(k: int) -> int:
    """Return how many results a side returns that has a page size of its own."""
    return min(k, 10)


OPAQUE: Final = {"clear_ids": False}
NEARLY_UNIT: Final = {"norms": (0.9, 1.1)}
INSIDE: Final = {"embedded_alike": True}

SCALES: Final[dict[str, Callable[[Float64], Float64]]] = {
    "halved": lambda scores: scores / 2.0,
    "moved to [0, 1]": lambda scores: (scores + 1.0) / 2.0,
    "in percent": lambda scores: 100.0 * scores,
    "larger by 2 %": lambda scores: 1.02 * scores,
    "of ranks": lambda scores: 1.0 / (60.0 + np.arange(len(scores), dtype=np.float64)),
    "relative to the best": lambda scores: scores / max(float(scores.max(initial=1e-9)), 1e-9),
}

FAULTS: Final[dict[str, Fault]] = {
    "lexical fallback, reported": Fault(
        names=(N.LEXICAL_FALLBACK,), engine=lambda _, __: {"by_words": True, "mode": "lexical"}
    ),
    "dropped corpus, the larger": Fault(names=(N.DROPPED_CORPUS,), engine=lambda _, __: {"corpora": (1,)}),
    "dropped corpus, the smaller": Fault(names=(N.DROPPED_CORPUS,), engine=lambda _, __: {"corpora": (0,)}),
    "dropped corpus, ids do not show it": Fault(
        names=(N.DROPPED_CORPUS,), engine=lambda _, __: {"corpora": (0,)}, world=OPAQUE
    ),
    "dropped corpus, nothing shows it": Fault(
        names=(N.UNKNOWN,), engine=lambda _, __: {"corpora": (0,)}, world=OPAQUE, sent={"known": False}
    ),
    "dropped corpus, named with each result": Fault(
        names=(N.DROPPED_CORPUS,), engine=lambda _, __: {"corpora": (0,), "names_corpora": True}
    ),
    "corpora are named, recall 0.5": Fault(
        names=(N.APPROXIMATE_INDEX,), engine=lambda _, __: {"recall": 0.5, "names_corpora": True}
    ),
    "stale index of one corpus, named with each result": Fault(
        names=(N.STALE_INDEX,),
        also=(N.APPROXIMATE_INDEX,),
        engine=lambda w, _: {"holds": without_newest(w, 0.3, corpora=(0,)), "names_corpora": True},
        world=OPAQUE,
        sent={"known": False},
    ),
    "Euclidean distance of raw vectors": Fault(
        names=(N.WRONG_METRIC,), engine=lambda w, _: {"vectors": w.raw, "metric": euclidean}
    ),
    "squared distance, norms 0.9 to 1.1": Fault(
        names=(N.WRONG_METRIC,), engine=lambda w, _: {"vectors": w.raw, "metric": squared}, world=NEARLY_UNIT
    ),
    **{
        f"stale index, {share:.0%} missing": Fault(
            names=(N.STALE_INDEX,),
            also=(N.APPROXIMATE_INDEX,),
            engine=lambda w, _, share=share: {"holds": without_newest(w, share)},
        )
        for share in (0.02, 0.05, 0.2)
    },
    **{
        f"stale index, {share:.0%} missing, opaque ids": Fault(
            names=(N.STALE_INDEX,),
            also=(N.APPROXIMATE_INDEX,),
            engine=lambda w, _, share=share: {"holds": without_newest(w, share)},
            world=OPAQUE,
        )
        for share in (0.05, 0.2)
    },
    **{
        f"documents embedded again, by {strength}": Fault(
            names=(N.STALE_INDEX,),
            also=(N.APPROXIMATE_INDEX,),
            engine=lambda w, seed, strength=strength: {"vectors": embedded_again(w, 0.04, strength, seed)},
        )
        for strength in (0.01, 0.03, 0.1)
    },
    **{
        f"ties of {width} shuffled": Fault(
            names=(N.TIE_ORDER,),
            engine=lambda _, __, width=width: {"coarse": width},
            world={"twins": 800, "near": 2e-4},
        )
        for width in (3e-4, 1e-3)
    },
    "k - 1": Fault(names=(N.CUT_OFF,), engine=lambda _, __: {"limit": one_less}),
    "k + 1": Fault(names=(N.CUT_OFF,), engine=lambda _, __: {"limit": one_more}),
    "never more than 10": Fault(names=(N.CUT_OFF,), engine=lambda _, __: {"limit": at_most_ten}),
    "never more than 7 of each corpus": Fault(
        names=(N.CUT_OFF,),
        also=(N.FILTER_AFTER_TOP_K, N.UNKNOWN),
        engine=lambda _, __: {"per_corpus": 7},
        world={"queries": 400},
    ),
    "from the second result on": Fault(names=(N.CUT_OFF,), engine=lambda _, __: {"skip": 1}),
    "filter ignored": Fault(names=(N.FILTER_IGNORED,), engine=lambda _, __: {"filtering": "ignored"}),
    "filter ignored, texts unknown": Fault(
        names=(N.FILTER_IGNORED,), engine=lambda _, __: {"filtering": "ignored"}, sent={"known": False}
    ),
    "filter after top-k": Fault(names=(N.FILTER_AFTER_TOP_K,), engine=lambda _, __: {"filtering": "after"}),
    "filter after top-k, texts unknown": Fault(
        names=(N.FILTER_AFTER_TOP_K,), engine=lambda _, __: {"filtering": "after"}, sent={"known": False}
    ),
    **{
        f"{share:.0%} of documents twice": Fault(
            names=(N.DUPLICATES,),
            engine=lambda w, seed, share=share: {"again": np.random.default_rng(seed).random(len(w.raw)) < share},
        )
        for share in (0.03, 0.2)
    },
    "ids with a prefix": Fault(
        names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(lambda n: f"workers:{n}")}
    ),
    "ids without the corpus": Fault(
        names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(lambda n: n.rpartition("/")[2])}
    ),
    "ids without leading zeros": Fault(
        names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(lambda n: n[1:].lstrip("0"))}, world=OPAQUE
    ),
    "ids in capitals": Fault(names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(str.upper)}),
    "ids of one corpus": Fault(
        names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(lambda n: n.replace("contractors/", "c-"))}
    ),
    "ids hashed": Fault(names=(N.ID_MAPPING,), engine=lambda _, __: {"report": spelled(hashed)}),
    **{
        f"scores {name}": Fault(names=(N.SCORES_RESCALED,), engine=reporting(scored(scale)))
        for name, scale in SCALES.items()
    },
    "distance read as another one": Fault(names=(N.SCORES_RESCALED,), engine=lambda _, __: {"metric": euclidean}),
    "one query in 200": Fault(names=(N.STRAY_QUERIES,), sent={"swaps": (17,)}),
    "five queries in 1,000": Fault(
        names=(N.STRAY_QUERIES,), world={"queries": 1_000}, sent={"swaps": (17, 300, 500, 700, 950)}
    ),
    **{
        f"recall {recall}": Fault(names=(N.APPROXIMATE_INDEX,), engine=lambda _, __, recall=recall: {"recall": recall})
        for recall in (0.95, 0.85, 0.7, 0.5)
    },
    "badly linked documents": Fault(
        names=(N.APPROXIMATE_INDEX,), engine=lambda w, seed: {"recall": badly_linked(w, seed)}
    ),
    "documents of another model": Fault(names=(N.UNKNOWN,), engine=lambda w, _: {"vectors": other_model(w)}),
    "clean, recall 0.995": Fault(names=()),
    "clean, recall 0.99": Fault(names=(), engine=lambda _, __: {"recall": 0.99}),
    "clean, no scores compared": Fault(names=(), sent={"comparable": False}),
}
"""Faults by name; those of `with_controls` beside."""


def with_controls() -> dict[str, Fault]:
    """Return the faults that controls help to distinguish, under each choice of controls.

    Without any control an embedding cannot be distinguished from other vectors of documents, so that unknown is right there.
    """
    metric, embedding, lexical = (N.WRONG_METRIC,), (N.OTHER_EMBEDDING,), (N.LEXICAL_FALLBACK,)
    unknown = {"none": (N.UNKNOWN,)}
    table: dict[str, tuple[Fault, Mapping[str, tuple[N, ...]]]] = {
        "lexical fallback, silent": (Fault(names=lexical, engine=lambda _, __: {"by_words": True}, sent=INSIDE), {}),
        "lexical fallback, scores within 1": (
            Fault(
                names=lexical,
                engine=lambda _, __: {"by_words": True, "report": scored(lambda x: x / (x + 1.0))},
                sent=INSIDE,
            ),
            {},
        ),
        "dot product of raw vectors": (Fault(names=metric, engine=lambda w, _: {"vectors": w.raw}), {}),
        "dot product, norms 0.9 to 1.1": (
            Fault(names=metric, engine=lambda w, _: {"vectors": w.raw}, world=NEARLY_UNIT),
            {},
        ),
        "dot product of raw queries and documents": (
            Fault(names=metric, engine=lambda w, _: {"vectors": w.raw, "metric": of_raw_queries}),
            {},
        ),
        "vectors of int8": (
            Fault(names=(N.QUANTISED,), engine=lambda w, _: {"vectors": in_bytes(w.unit)}),
            {**unknown, "cosine": (N.UNKNOWN,)},
        ),
        "product quantisation, distances on another scale": (
            Fault(
                names=(N.QUANTISED,),
                engine=lambda w, _: {
                    "vectors": compressed(w.unit),
                    "report": scored(lambda scores: 1.0 - 1.8 * (1.0 - scores)),
                },
            ),
            {**unknown, "cosine": (N.UNKNOWN,)},
        ),
        "squared distance of raw vectors": (
            Fault(names=metric, engine=lambda w, _: {"vectors": w.raw, "metric": squared}),
            {},
        ),
        "Manhattan distance": (Fault(names=metric, engine=lambda _, __: {"metric": manhattan}), {}),
        **{
            f"embedding, moved by {strength}": (
                Fault(names=embedding, engine=lambda _, __, strength=strength: {"embed": drifted(strength)}),
                unknown,
            )
            for strength in (0.02, 0.05)
        },
        "embedding of another space": (Fault(names=embedding, engine=lambda _, __: {"embed": rotated()}), unknown),
        "embedding inside the search": (
            Fault(names=embedding, engine=lambda _, __: {"embed": drifted(0.05)}, sent=INSIDE),
            {**unknown, "cosine": (N.UNKNOWN,)},
        ),
        "embedding, some queries more": (
            Fault(names=embedding, engine=lambda _, __: {"embed": drifted(0.03, 0.2)}, sent=INSIDE),
            {**unknown, "cosine": (N.UNKNOWN,)},
        ),
    }
    return {
        f"{name} ({controls})": Fault(
            names=other.get(controls, fault.names),
            engine=fault.engine,
            world=fault.world,
            sent={**fault.sent, "controls": controls},
        )
        for name, (fault, other) in table.items()
        for controls in ("both", "same vector", "cosine", "none")
    }


ALL: Final = {**FAULTS, **with_controls()}
