"""Sides that go wrong in ways that no cause is named after: stubs, noise, caches, opposite vectors.

Here belong the sides, and the families of causes. What must not be said of the sides stands in `false_friends`.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.records import CauseName, Experiment, ExperimentName
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.builders import samples_of
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import Embed, FaultySide, hashed, real
from parity_pipeline_tests.core.diagnosis.replica import Replica

Matrix = NDArray[np.float32]

TEXTS: Final = corpus(120, seed=11, blanks=0)
NUMBERS: Final = [f"pallet {number} goes to gate {number * 7} in hall {chr(97 + number % 26)}" for number in range(96)]
DECOMPOSED: Final = [
    unicodedata.normalize("NFD", f"résumé número {place} für {word}") for place, word in enumerate("abcd")
]
LONG_WORDS: Final = ["x" * 120, "y" * 130, "ab" * 70, "q" * 101]
SPECIAL: Final = ["yes [SEP] no", "[CLS] begin here", "fill the [MASK] now", "[PAD] [PAD] end"]
CONTROLS: Final = ["left\x85right side", "page one\x0cpage two", "a long line\x0banother line", "dock\x85seven"]
TEXT_CAUSES: Final = frozenset(
    {
        CauseName.CASE,
        CauseName.ACCENTS,
        CauseName.UNICODE_FORM,
        CauseName.NEWLINE,
        CauseName.TRIM,
        CauseName.PUNCTUATION,
        CauseName.PREFIX,
        CauseName.TRUNCATION,
        CauseName.SPECIAL_TOKENS,
    }
)
MOVED: Final = frozenset({CauseName.PERMUTED_ROWS, CauseName.SHIFTED_ROWS})
COMPANY: Final = frozenset(
    {CauseName.BATCH_SIZE, CauseName.EQUAL_LENGTH, CauseName.CONCURRENCY, CauseName.CIRCUMSTANCES}
)
LONG: Final = [" ".join(f"word{place}{number}" for place in range(220)) for number in range(5)]


def digest(text: str, salt: str = "") -> int:
    """Return a number that only a text and a salt decide."""
    return int.from_bytes(hashlib.sha256((salt + text).encode("utf-8", "surrogatepass")).digest()[:6], "big")


def tiny(salt: str, modulus: int = 7) -> Embed:
    """Return vectors that hold a text's length and a hash of it, as a stub does."""

    def embed(texts: Sequence[str]) -> Matrix:
        return np.array([[1, len(text), 2, digest(text, salt) % modulus] for text in texts], np.float32)

    return embed


def kin(text: str) -> str:
    """Return what all spellings of a text share: its letters and digits without case and accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum())


def those(texts: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a text is one of some, in whatever spelling: what is wrong with a text is rarely its spelling."""
    hit = {kin(text) for text in texts}
    return lambda text: kin(text) in hit


def noisy_where(hit: Callable[[str], bool], cosine: float = 0.99, base: Embed = real) -> Embed:
    """Return vectors with noise of their own on some texts."""

    def embed(texts: Sequence[str]) -> Matrix:
        rows = base(texts).astype(np.float64)
        for place, text in enumerate(texts):
            if hit(text):
                noise = np.random.default_rng(digest(text)).standard_normal(rows.shape[1])
                noise -= rows[place] * (noise @ rows[place]) / (rows[place] @ rows[place])
                rows[place] += noise * np.sqrt(1 / cosine**2 - 1) * np.linalg.norm(rows[place]) / np.linalg.norm(noise)
        return rows.astype(np.float32)

    return embed


def cut_where(hit: Collection[str], limit: int) -> Embed:
    """Return vectors of the beginnings of some texts, and of all others as they are."""
    return lambda texts: real([text[:limit] if text in hit else text for text in texts])


class Cached(FaultySide):
    """A side whose cache has a key that different texts share."""

    def __init__(self, key: Callable[[str], object], base: Embed = real) -> None:
        """Start with an empty cache."""
        kept: dict[object, NDArray[np.float32]] = {}

        def embed(texts: Sequence[str]) -> Matrix:
            for text, row in zip(texts, base(texts), strict=True):
                kept.setdefault(key(text), row)
            return np.array([kept[key(text)] for text in texts])

        super().__init__(embed)


class FaultyOnce(FaultySide):
    """A side that gives some texts a wrong vector the first time they come, and others each time."""

    def __init__(self, once: set[str], always: set[str], base: Embed = real) -> None:
        """Start with no text seen."""
        came: set[str] = set()

        def embed(texts: Sequence[str]) -> Matrix:
            wrong = {text for text in texts if text in always or (text in once and text not in came)}
            came.update(texts)
            return noisy_where(lambda text: text in wrong, base=base)(texts)

        super().__init__(embed)


def noisy_exactly(hit: Collection[str]) -> Embed:
    """Return vectors of a model that ignores capitals, with noise on some texts in this very spelling."""
    return noisy_where(lambda text: text in hit, base=uncased)


def opposed(texts: Sequence[str]) -> Matrix:
    """Return vectors in which the opposite of a sentence has the opposite vector."""
    plain = [text.removeprefix("not: ") for text in texts]
    signs = np.array([-1 if text.startswith("not: ") else 1 for text in texts])[:, None]
    return (hashed(plain, 96) * signs).astype(np.float32)


def warm(texts: Sequence[str]) -> FaultySide:
    """Return a side with a stale cache, to which the texts came before."""
    side = FaultySide(real, [fault for fault in FAULTS if fault.name == "stale-cache"])
    side.fetch(texts)
    return side


def uncased(texts: Sequence[str]) -> Matrix:
    """Return vectors of a model that ignores capitals."""
    return np.array(Replica().embed(texts), np.float32)


def strayed(name: ExperimentName, texts: Sequence[str], worst: float = 0.1, side: Side = Side.CANDIDATE) -> Experiment:
    """Return an experiment in which all texts strayed."""
    return Experiment(side=side, name=name, worst=worst, size_at_worst=32, affected=samples_of(texts[:16]).ids)
