"""The faults whose effect on a sample set is simulated: one row each.

Here belong the table and what its faults do to vectors. Which rows they change belongs to `changes`, judging the changed
rows to `simulation`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.edits import strip_accents
from parity_pipeline.core.power import text_edits
from parity_pipeline.core.power.changes import (
    ChangeRows,
    Matrix,
    accepts,
    after_blank,
    cached_by,
    in_order,
    in_space,
    of_texts,
    where,
)
from parity_pipeline.core.power.rows import MOST, Vector

ALL: Final = 1.0
ONE: Final = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of the candidate.

    Attributes:
        name: Its name.
        words: What the candidate does wrong.
        change: What that does to the rows.
        lacks: What no sample is or has where the fault changes nothing, behind "no sample"; "" where it changes any.
        share: Share of the rows that it hits by chance; `ALL`, or `ONE` row of the set, whichever it is.
    """

    name: str
    words: str
    change: ChangeRows
    lacks: str = "has a vector"
    share: float = ALL


def _strayed(vectors: Matrix, cosine: float) -> Matrix:
    """Return the rows at this cosine to what they were, in directions of chance, with the same norms."""
    noise = np.random.default_rng(_SEED).standard_normal(vectors.shape)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.where(norms > 0, norms, 1.0)
    noise -= units * np.einsum("ij,ij->i", noise, units)[:, None]
    lengths = np.linalg.norm(noise, axis=1, keepdims=True)
    noise /= np.where(lengths > 0, lengths, 1.0)
    return norms * (cosine * units + math.sqrt(max(0.0, 1.0 - cosine * cosine)) * noise)


_SEED: Final = 26
_BEYOND: Final = 2.0
"""How often the distance that the threshold allows, 1 - cosine, a vector just below it has."""


def _just_below(vectors: Matrix, threshold: float) -> Matrix:
    return _strayed(vectors, 1.0 - _BEYOND * (1.0 - threshold))


def _other_space(vectors: Matrix, _: float) -> Matrix:
    """Return what another model may give: the same mean, and in place of what sets texts apart, chance."""
    mean = vectors.mean(axis=0)
    apart = np.linalg.norm(vectors - mean, axis=1, keepdims=True) if len(vectors) > 1 else np.linalg.norm(mean)
    noise = np.random.default_rng(_SEED).standard_normal(vectors.shape)
    return mean * (len(vectors) > 1) + noise * (apart / np.linalg.norm(noise, axis=1, keepdims=True))


def _turned(vectors: Matrix, _: float) -> Matrix:
    """Turn each pair of axes by ten degrees; an odd last axis stays."""
    even = vectors.shape[1] - vectors.shape[1] % 2
    left, right = vectors[:, 0:even:2], vectors[:, 1:even:2]
    changed = vectors.copy()
    changed[:, 0:even:2] = left * math.cos(_ANGLE) - right * math.sin(_ANGLE)
    changed[:, 1:even:2] = left * math.sin(_ANGLE) + right * math.cos(_ANGLE)
    return changed


_ANGLE: Final = math.radians(10)


def _offset(vectors: Matrix, threshold: float) -> Matrix:
    """Add to every vector the same one, long enough for a cosine just below the threshold."""
    direction = np.ones(vectors.shape[1]) / math.sqrt(vectors.shape[1])
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = 1.0 - _BEYOND * (1.0 - threshold)
    return vectors + direction * norms * math.tan(math.acos(cosine))


def _first_axis_flipped(vectors: Matrix, _: float) -> Matrix:
    return np.concatenate([-vectors[:, :1], vectors[:, 1:]], axis=1)


def _int8(vectors: Matrix, _: float) -> Matrix:
    step = np.abs(vectors).max(axis=1, keepdims=True) / 127
    return np.round(vectors / np.where(step > 0, step, 1.0)) * step


def _with_nan(vector: Vector) -> Vector:
    return np.concatenate([np.array([np.nan], np.float32), vector[1:]])


def _refusal(_: Vector) -> None:
    return None


def _swapped(request: Sequence[int]) -> list[int]:
    """Swap each row with the next one; the last of an odd number stays."""
    pairs = [request[at : at + 2][::-1] for at in range(0, len(request), 2)]
    return [place for pair in pairs for place in pair]


def _is_long(characters: int) -> Callable[[str], bool]:
    return lambda text: len(text) > characters


def _is_blank(text: str) -> bool:
    return not text.strip()


def _has_surrogate(text: str) -> bool:
    return text_edits.replace_surrogates(text) != text


_READ_BY_ALL: Final = 500
"""Characters of a text that every model reads, and more."""


def _cut(characters: int) -> Fault:
    return Fault(
        name=f"cut-{characters}",
        words=f"texts cut after {characters:,} characters",
        change=of_texts(lambda text: text[:characters], seen=characters < _READ_BY_ALL, longest=None),
        lacks=f"has more than {characters:,} characters",
    )


def _wrong_rows(share: float, words: str) -> Fault:
    return Fault(name=f"one-in-{round(1 / share)}", words=words, change=in_order(_rolled), share=share)


def _rolled(request: Sequence[int]) -> list[int]:
    return [*request[-1:], *request[:-1]]


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        name="swap",
        words="two neighbouring rows swapped",
        change=in_order(_swapped),
        lacks="has a neighbour",
        share=ONE,
    ),
    Fault(name="shift", words="rows shifted by one", change=in_order(_rolled), lacks="has a neighbour"),
    Fault(
        name="reverse",
        words="rows of a request reversed",
        change=in_order(lambda request: request[::-1]),
        lacks="has a neighbour",
    ),
    _wrong_rows(1 / 100, "one row in 100 that of another text"),
    _wrong_rows(1 / 500, "one row in 500 that of another text"),
    Fault(
        name="shift-after-blank",
        words="rows of blank texts left out, the rest moved up",
        change=after_blank,
        lacks="is blank",
    ),
    Fault(name="wrong-model", words="another model's vectors", change=in_space(_other_space)),
    Fault(name="turned", words="the space turned by ten degrees", change=in_space(_turned)),
    Fault(
        name="axes-rolled",
        words="the axes in another order",
        change=in_space(lambda vectors, _: np.roll(vectors, 1, axis=1)),
    ),
    Fault(name="sign-flip", words="the sign of the first axis flipped", change=in_space(_first_axis_flipped)),
    Fault(name="offset", words="one vector added to all, just beyond the threshold", change=in_space(_offset)),
    Fault(
        name="noise",
        words="noise that leaves a cosine of 0.99",
        change=in_space(lambda vectors, _: _strayed(vectors, 0.99)),
    ),
    Fault(
        name="half-just-below",
        words="half of the rows just below the threshold",
        change=in_space(_just_below, MOST),
        share=0.5,
    ),
    Fault(name="int8", words="vectors rounded to int8", change=in_space(_int8)),
    Fault(
        name="binary",
        words="only the signs of the elements",
        change=in_space(lambda vectors, _: np.where(vectors < 0, -1.0, 1.0)),
    ),
    Fault(
        name="float16",
        words="vectors rounded to float16",
        change=in_space(lambda vectors, _: vectors.astype(np.float16).astype(np.float64)),
    ),
    Fault(
        name="half-width",
        words="half of the dimensions",
        change=in_space(lambda vectors, _: vectors[:, : vectors.shape[1] // 2]),
    ),
    Fault(name="raw-norm", words="norms 17 times as large", change=in_space(lambda vectors, _: vectors * 17.0)),
    Fault(name="nan", words="NaN in one row", change=where(lambda _: True, _with_nan, MOST), share=ONE),
    Fault(
        name="zeros-for-long",
        words="zeros for texts of more than 1,000 characters",
        change=where(_is_long(1000), np.zeros_like),
        lacks="has more than 1,000 characters",
    ),
    Fault(
        name="refuse-long",
        words="texts of more than 4,000 characters refused",
        change=where(_is_long(4000), _refusal),
        lacks="has more than 4,000 characters",
    ),
    Fault(
        name="accept-blank",
        words="a vector for a blank text that both refuse",
        change=accepts(_is_blank),
        lacks="is refused as blank",
    ),
    Fault(
        name="accept-surrogates",
        words="a vector for a lone surrogate that both refuse",
        change=accepts(_has_surrogate),
        lacks="is refused for a lone surrogate",
    ),
    _cut(100),
    _cut(1000),
    _cut(8000),
    Fault(
        name="prefix",
        words="a task prefix before each text",
        change=of_texts(lambda text: text_edits.PREFIX + text, seen=True),
    ),
    Fault(name="lower-case", words="capitals folded", change=of_texts(str.lower), lacks="has a capital"),
    Fault(
        name="strip-accents",
        words="accents stripped",
        change=of_texts(strip_accents),
        lacks="has an accent",
    ),
    Fault(
        name="unicode-nfc",
        words="characters composed (NFC)",
        change=of_texts(text_edits.compose),
        lacks="has a decomposed character",
    ),
    Fault(
        name="trim",
        words="white space cut off both ends",
        change=of_texts(str.strip),
        lacks="begins or ends with white space",
    ),
    Fault(
        name="white-space",
        words="runs of white space collapsed",
        change=of_texts(text_edits.collapse_white_space),
        lacks="has a run of white space or a line feed",
    ),
    Fault(
        name="newline-to-space",
        words="line feeds turned into spaces",
        change=of_texts(text_edits.newline_to_space),
        lacks="has a line feed",
    ),
    Fault(
        name="drop-punctuation",
        words="punctuation dropped",
        change=of_texts(text_edits.drop_punctuation),
        lacks="has punctuation",
    ),
    Fault(
        name="special-tokens",
        words="special tokens in a text taken for the tokenizer's own",
        change=of_texts(text_edits.drop_special_tokens, seen=True),
        lacks="holds a special token",
    ),
    Fault(
        name="cache-by-case",
        words="a cache that ignores case",
        change=cached_by(str.casefold),
        lacks="differs from another in case alone",
    ),
    Fault(
        name="cache-by-digits",
        words="a cache that ignores digits",
        change=cached_by(text_edits.mask_digits),
        lacks="differs from another in digits alone",
    ),
    Fault(
        name="cache-by-beginning",
        words="a cache that knows 64 characters",
        change=cached_by(lambda text: text[:64]),
        lacks="shares its first 64 characters with another",
    ),
)
"""Every simulated fault, in the order in which they are reported."""
