"""Pairs of sides that look like a cause and are not: a table of sides, and what must not be said of them.

Here belong sides on which a given cause would be wrong. Sides on which one is right stand in the demo's table of faults, in
`vector_spaces` and in `replica`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import (
    Ask,
    CauseName,
    Confidence,
    Diagnosis,
    DiagnosisInput,
    Experiment,
    ExperimentName,
    FollowUpQueries,
)
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.builders import samples_of
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import BATCH, FaultySide, real
from parity_pipeline_tests.core.diagnosis.odd_sides import (
    COMPANY,
    CONTROLS,
    DECOMPOSED,
    LONG,
    LONG_WORDS,
    MOVED,
    NUMBERS,
    SPECIAL,
    TEXT_CAUSES,
    TEXTS,
    Cached,
    cut_where,
    digest,
    noisy_exactly,
    noisy_where,
    opposed,
    strayed,
    those,
    tiny,
    uncased,
    warm,
)
from parity_pipeline_tests.core.diagnosis.replica import Replica

N = CauseName
Matrix = NDArray[np.float32]
FAULT: Final = {fault.name: fault for fault in FAULTS}
LEGACY, CANDIDATE = Side.LEGACY, Side.CANDIDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseFriend:
    """One pair of sides.

    Attributes:
        name: What it looks like, and what it is.
        texts: The sample set.
        legacy: The legacy side.
        candidate: The candidate.
        never: Causes that must not be named at all.
        unproven: Causes that must not be called proven.
        named: A cause that has to be named, any of these; empty for none.
        others: Other models of a side.
        experiments: What the repeatability of the sides showed.
    """

    name: str
    texts: Sequence[str]
    legacy: "FaultySide | Replica"
    candidate: "FaultySide | Replica"
    never: frozenset[CauseName] = frozenset()
    unproven: frozenset[CauseName] = frozenset()
    named: frozenset[CauseName] = frozenset()
    others: Mapping[tuple[str, Side], Ask] = field(default_factory=dict[tuple[str, Side], Ask])
    experiments: Sequence[Experiment] = ()

    def diagnosed(self) -> Diagnosis:
        """Return the diagnosis, follow-up queries included."""
        given = DiagnosisInput(
            samples=samples_of(self.texts),
            legacy=self.legacy.fetch(self.texts),
            candidate=self.candidate.fetch(self.texts),
            batch_size=BATCH,
        )
        queries = FollowUpQueries(
            legacy=self.legacy.ask(), candidate=self.candidate.ask(), others=self.others, texts=BATCH
        )
        return diagnose(given, self.experiments, queries)


def wrongly_said(friend: FalseFriend, found: Diagnosis) -> list[str]:
    """Return what a diagnosis says that is wrong of these sides, or does not say."""
    wrong = [f"{one.name} ({one.confidence})" for one in found.causes if one.name in friend.never]
    wrong += [
        f"{one.name} ({one.confidence})"
        for one in found.causes
        if one.name in friend.unproven and one.confidence is Confidence.PROVEN
    ]
    if friend.named and not friend.named & {one.name for one in found.causes}:
        wrong.append(f"none of {sorted(friend.named)}")
    return wrong


def _stubs() -> list[FalseFriend]:
    found: list[FalseFriend] = []
    for seed in range(6):
        for size in (12, 60):
            texts = corpus(size, seed=seed, blanks=0)
            sides = FaultySide(tiny(f"one{seed}")), FaultySide(tiny(f"two{seed}"))
            name = f"case folded: stub of length and hash, {size} texts, seed {seed}"
            found.append(
                FalseFriend(name=name, texts=texts, legacy=sides[0], candidate=sides[1], unproven=TEXT_CAUSES | MOVED)
            )
    return found


def _noises() -> list[FalseFriend]:
    traits: tuple[tuple[CauseName, Callable[[str], bool]], ...] = (
        (N.UNICODE_FORM, lambda text: text in DECOMPOSED),
        (N.CASE, lambda text: text.isupper()),
        (N.NEWLINE, lambda text: "\n" in text.strip()),
        (N.TRIM, lambda text: text != text.strip()),
        (N.ACCENTS, lambda text: "résumé" in text),
        (N.PUNCTUATION, lambda text: text.endswith(("!", "?"))),
    )
    found: list[FalseFriend] = []
    for cause, hit in traits:
        for cosine in (0.99, 0.9, 0.3):
            texts = [*TEXTS, *DECOMPOSED]
            side = FaultySide(noisy_where(those([text for text in texts if hit(text)]), cosine))
            name = f"{cause}: noise of cosine {cosine} on texts that have the property, in every spelling"
            found.append(
                FalseFriend(name=name, texts=texts, legacy=FaultySide(real), candidate=side, never=frozenset({cause}))
            )
    return found


def _shares() -> list[FalseFriend]:
    found = [
        FalseFriend(
            name=f"an edit: noise on {rate:.0%} of the texts, {name}, seed {seed}",
            texts=corpus(200, seed=seed),
            legacy=FaultySide(real, [FAULT[name]] if side is LEGACY else [], Scope(rate=rate, seed=seed)),
            candidate=FaultySide(real, [FAULT[name]] if side is CANDIDATE else [], Scope(rate=rate, seed=seed)),
            never=TEXT_CAUSES | MOVED,
        )
        for name in ("noise", "context-size")
        for rate in (0.1, 0.3)
        for seed, side in ((3, LEGACY), (4, CANDIDATE), (5, CANDIDATE))
    ]
    noisy = noisy_exactly({text.upper() for text in NUMBERS[:2]})
    found += [
        FalseFriend(
            name=f"case folded: a text in capitals beside its twin on an uncased model, noise on the {side} side",
            texts=[*NUMBERS, *(text.upper() for text in NUMBERS[:2])],
            legacy=FaultySide(noisy if side is LEGACY else uncased),
            candidate=FaultySide(noisy if side is CANDIDATE else uncased),
            never=TEXT_CAUSES,
        )
        for side in Side
    ]
    return found


def _diluted() -> list[FalseFriend]:
    """Return texts so long that a prefix changes next to nothing, cut on a side that cuts no other text."""
    words = ("plate", "water", "eat", "soup", "tea", "kitchen", "apple", "milk", "oil", "corn", "meat", "rice", "wine")
    long = [" ".join(words[(place * step) % 13] for place in range(1500)) for step in (1, 2, 3, 5)]
    found: list[FalseFriend] = []
    for side in Side:
        faulty = FaultySide(cut_where(set(long), 60))
        found.append(
            FalseFriend(
                name=f"prefix: long texts that the {side} side cuts, in this very spelling",
                texts=[*NUMBERS, *long],
                legacy=faulty if side is LEGACY else FaultySide(real),
                candidate=faulty if side is CANDIDATE else FaultySide(real),
                never=TEXT_CAUSES - {N.TRUNCATION},
            )
        )
    return found


def _caches() -> list[FalseFriend]:
    keys: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("the first 9 characters", lambda text: text[:9]),
        ("the length", len),
        ("the last word", lambda text: text.rsplit(" ", 1)[-1]),
        ("a short hash", lambda text: digest(text) % 40),
    )
    return [
        FalseFriend(
            name=f"rows permuted: a cache on the {side} side whose key is {words}",
            texts=texts,
            legacy=Cached(key) if side is LEGACY else FaultySide(real),
            candidate=Cached(key) if side is CANDIDATE else FaultySide(real),
            never=MOVED,
            unproven=TEXT_CAUSES,
        )
        for words, key in keys
        for side in Side
        for texts in (NUMBERS,)
    ]


def _opposites() -> list[FalseFriend]:
    found: list[FalseFriend] = []
    for count in (4, 20, 48):
        texts = [*NUMBERS[:count], *(f"not: {text}" for text in NUMBERS[: count // 2])]
        found.append(
            FalseFriend(
                name=f"rows permuted: negated space of {len(texts)} texts with their opposites",
                texts=texts,
                legacy=FaultySide(opposed),
                candidate=FaultySide(lambda texts: -opposed(texts)),
                never=MOVED,
                named=frozenset({N.REORDERED_AXES}),
            )
        )
    return found


def _aliases() -> list[FalseFriend]:
    found: list[FalseFriend] = []
    for name in ("prefix", "lower-case", "truncate", "noise", "rotate-space"):
        for side in Side:
            faulty = FaultySide(real, [FAULT[name]], Scope(characters=30))
            sides = {side: faulty, (LEGACY if side is CANDIDATE else CANDIDATE): FaultySide(real)}
            others = {("alias", one): sides[one].ask() for one in Side}
            found.append(
                FalseFriend(
                    name=f"wrong model: a second name for the model, {name} on the {side} side",
                    texts=TEXTS,
                    legacy=sides[LEGACY],
                    candidate=sides[CANDIDATE],
                    never=frozenset({N.WRONG_MODEL}),
                    others=others,
                )
            )
    return found


def _spaces() -> list[FalseFriend]:
    found = [
        FalseFriend(
            name=f"prefix: another model of one width, anisotropy {anisotropy}",
            texts=TEXTS,
            legacy=Replica(anisotropy=anisotropy),
            candidate=Replica(space="another", anisotropy=anisotropy),
            never=frozenset({N.PREFIX, N.ADDED_DIRECTION, N.PRECISION, N.OFFSET}),
            named=frozenset({N.OTHER_SPACE}),
        )
        for anisotropy in (0.0, 0.5, 1.0, 2.0)
    ]
    for prefix in ("query: ", "search_document: "):
        for side in Side:
            plain, faulty = Replica(), Replica(prefix=prefix)
            found.append(
                FalseFriend(
                    name=f"precision: {prefix!r} put in front on the {side} side",
                    texts=TEXTS,
                    legacy=faulty if side is LEGACY else plain,
                    candidate=faulty if side is CANDIDATE else plain,
                    never=frozenset({N.PRECISION, N.OTHER_SPACE, N.ADDED_DIRECTION}),
                    named=frozenset({N.PREFIX}),
                )
            )
    return found


def _company() -> list[FalseFriend]:
    names = (ExperimentName.ALONE_VS_BATCH, ExperimentName.EQUAL_LENGTH_LOAD, ExperimentName.CONCURRENCY)
    return [
        FalseFriend(
            name=f"{name}: ranges set at run time, error {rough}, so that every text fails alone as well",
            texts=TEXTS,
            legacy=Replica(),
            candidate=Replica(rough=rough),
            never=COMPANY,
            experiments=[strayed(name, TEXTS)],
        )
        for name in names
        for rough in (0.1, 0.3)
    ]


def _tokenizers() -> list[FalseFriend]:
    found: list[FalseFriend] = []
    for side in Side:
        for words, more, faulty, never, named in (
            (
                "rows permuted: long words become one unknown token",
                LONG_WORDS,
                Replica(long_word=100),
                MOVED,
                N.TOKENIZER,
            ),
            (
                "case folded: special tokens are parsed",
                SPECIAL,
                Replica(parses_special=True),
                {N.CASE},
                N.SPECIAL_TOKENS,
            ),
            ("newlines replaced: control characters", CONTROLS, Replica(drops_control=True), {N.NEWLINE}, N.TOKENIZER),
        ):
            found += [
                FalseFriend(
                    name=f"{words}, {side} side, beside {size} texts",
                    texts=[*TEXTS[:size], *more],
                    legacy=faulty if side is LEGACY else Replica(),
                    candidate=faulty if side is CANDIDATE else Replica(),
                    never=frozenset(never) | (TEXT_CAUSES - {named}),
                    named=frozenset({named}),
                )
                for size in (20, 120)
            ]
    return found


def _unsteady() -> list[FalseFriend]:
    found = [
        FalseFriend(
            name=f"an edit: the {side} side is not deterministic, seed {seed}",
            texts=TEXTS,
            legacy=FaultySide(real, [FAULT["unsteady"]] if side is LEGACY else [], Scope(seed=seed, rate=0.2)),
            candidate=FaultySide(real, [FAULT["unsteady"]] if side is CANDIDATE else [], Scope(seed=seed, rate=0.2)),
            never=TEXT_CAUSES | MOVED,
        )
        for side in Side
        for seed in range(3)
    ]
    found += [
        FalseFriend(
            name=f"text cut: noise on long texts, cosine {cosine}",
            texts=[*TEXTS, *LONG],
            legacy=FaultySide(real),
            candidate=FaultySide(noisy_where(lambda text: len(text) > 200, cosine)),
            unproven=frozenset({N.TRUNCATION}),
        )
        for cosine in (0.99, 0.9, 0.5)
    ]
    found += [
        FalseFriend(
            name=f"text cut: noise on a text that repeats {word!r}",
            texts=[*TEXTS, word * 90],
            legacy=FaultySide(real),
            candidate=FaultySide(noisy_where(lambda text, word=word: text == word * 90, 0.99)),
            never=TEXT_CAUSES,
        )
        for word in ("ha", "dock ", "abc")
    ]
    found += [
        FalseFriend(
            name=f"text cut: stale entries for texts that came before, of which {words}",
            texts=texts,
            legacy=FaultySide(real),
            candidate=warm(texts),
            never=TEXT_CAUSES,
        )
        for words, texts in (("some are long", [*TEXTS, *LONG]), ("most are long", [*TEXTS[:20], *LONG]))
    ]
    found += [
        FalseFriend(
            name=f"an edit of an uncased model: noise on capitals, cosine {cosine}",
            texts=[*TEXTS, *(text.upper() for text in TEXTS[:8])],
            legacy=FaultySide(uncased),
            candidate=FaultySide(noisy_where(those(TEXTS[:8]), cosine, base=uncased)),
            never=TEXT_CAUSES,
        )
        for cosine in (0.99, 0.8)
    ]
    return found


FALSE_FRIENDS: Final[tuple[FalseFriend, ...]] = (
    *_stubs(),
    *_noises(),
    *_shares(),
    *_diluted(),
    *_caches(),
    *_opposites(),
    *_aliases(),
    *_spaces(),
    *_company(),
    *_tokenizers(),
    *_unsteady(),
)
"""At least 60 of them; each is diagnosed once."""
