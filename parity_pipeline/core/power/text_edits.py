"""What a fault does to a text, and how far an edit moves a vector at least.

Here belong pure functions of texts, and the one estimate that simulated faults rest on where no sample has the edited text.
`docs/adr/0026` argues the estimate.
"""

import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

PREFIX: Final = "search_document: "
"""The task prefix that several retrieval models are trained with."""

_PUNCTUATION: Final = re.compile(r"[^\w\s]")
_SPECIAL: Final = re.compile(r"</?s>|<unk>|<pad>|<\|[a-z_]+\|>|\[(?:CLS|SEP|MASK|PAD|UNK)\]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DIGIT: Final = re.compile(r"\d")


def compose(text: str) -> str:
    """Return the text with composed characters (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def collapse_white_space(text: str) -> str:
    """Return the text with each run of white space inside it as one space; its ends stay."""
    inner = text.strip()
    start = text.index(inner)
    return f"{text[:start]}{' '.join(inner.split())}{text[start + len(inner) :]}"


def newline_to_space(text: str) -> str:
    """Return the text with line feeds as spaces."""
    return text.replace("\n", " ")


def drop_punctuation(text: str) -> str:
    """Return the text without punctuation and symbols."""
    return _PUNCTUATION.sub("", text)


def drop_special_tokens(text: str) -> str:
    """Return the text without what a tokenizer may take for one of its own tokens."""
    return _SPECIAL.sub("", text)


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates as U+FFFD, as Go's decoder has it."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def mask_digits(text: str) -> str:
    """Return the text with every digit as 0."""
    return _DIGIT.sub("0", text)


_SIGN_BITS: Final = np.uint64(21)
"""Bits of a code point."""

_READ: Final = 1_000
"""Characters of a text that every model reads: the smallest window in use has 256 tokens, about 1,100 characters of English."""

_SHARE: Final = 0.1
"""Share of the distance that profiles suggest which an edit moves a vector at least; docs/adr/0026 has the figures."""

_LONE: Final = 0.9
"""Cosine to other texts that is assumed where there is no other text."""


def least_shift(text: str, edited: str, background: float | None) -> float:
    """Return how far an edit moves a text's vector at least, as 1 - cosine, in [0, 1].

    Two texts without a common trigram are as far apart as different texts of this model are, `1 - background`; an edit
    moves a vector by its part of that, and only a tenth of it is counted. The beginnings of the texts are compared, as some
    models read no more; in others, which read all, what stands at the beginning weighs less the longer a text is.

    Args:
        text: The text.
        edited: What becomes of it.
        background: Median cosine of the text's vector to those of other texts; None where there is none.

    >>> least_shift("same", "same", 0.2)
    0.0
    """
    apart = 1.0 - profile_cosine(text, edited)
    space = 1.0 - (_LONE if background is None else max(background, 0.0))
    weight = min(1.0, _READ / max(1, min(len(text), len(edited)))) ** 2
    return _SHARE * weight * max(apart, 0.0) * max(space, 0.0)


def profile_cosine(text: str, other: str) -> float:
    """Return the cosine of two texts' counts of character trigrams, in [0, 1]; 1 for equal beginnings."""
    if text[:_READ] == other[:_READ]:
        return 1.0
    left, right = _profile(text), _profile(other)
    _, here, there = np.intersect1d(left[0], right[0], assume_unique=True, return_indices=True)
    return float(left[1][here] @ right[1][there] / (np.linalg.norm(left[1]) * np.linalg.norm(right[1])))


def _profile(text: str) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the trigrams of a text, each as one number, and their counts."""
    signs = np.frombuffer(f"\x02{text[:_READ]}\x03\x03".encode("utf-32-le", "surrogatepass"), np.uint32).astype(
        np.uint64
    )
    grams, counts = np.unique(
        signs[:-2] | signs[1:-1] << _SIGN_BITS | signs[2:] << _SIGN_BITS + _SIGN_BITS, return_counts=True
    )
    return grams, counts.astype(np.float64)
