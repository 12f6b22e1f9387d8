"""Properties of a text that models, tokenizers and clients are known to stumble over.

Here belong pure predicates and measures of one text, each with the cause it hints at. Whether one separates failing
from passing samples belongs to `text_split`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.diagnosis.edits import strip_accents
from parity_pipeline.core.diagnosis.records import CauseName

_BRACKETED = re.compile(r"\[(?:CLS|SEP|MASK|PAD|UNK)\]")
_ANGLED = re.compile(r"</?s>|<(?:unk|pad|mask|bos|eos)>|<\|[a-z_]+\|>")
_RUN = re.compile(r"\w+")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u200d\ufe0f]")
_PUNCTUATION = re.compile(r"[^\w\s]")

LONG_WORD: Final = 100
"""Characters from which on a word is unknown to the word piece tokenizer of BERT as a whole."""

_SCRIPTS: Final[tuple[tuple[str, str], ...]] = (
    ("Hangul", "\uac00-\ud7a3"),
    ("Devanagari", "\u0900-\u097f"),
    ("Bengali", "\u0980-\u09ff"),
    ("Tamil", "\u0b80-\u0bff"),
    ("Thai", "\u0e00-\u0e7f"),
    ("Arabic", "\u0600-\u06ff\u0750-\u077f"),
    ("Hebrew", "\u0590-\u05ff"),
    ("Cyrillic", "\u0400-\u04ff"),
    ("Greek", "\u0370-\u03ff"),
    ("kana", "\u3040-\u30ff"),
    ("Han", "\u3400-\u4dbf\u4e00-\u9fff"),
    ("full-width forms", "\uff00-\uffef"),
)


@dataclass(frozen=True, slots=True)
class TextPredicate:
    """A property that a text has or has not.

    Attributes:
        cause: What it hints at.
        words: The property, as it reads behind "texts with".
        holds: The predicate.
    """

    cause: CauseName
    words: str
    holds: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Measure:
    """A length of a text that a limit may stand in."""

    unit: str
    of: Callable[[str], int]


def longest_word(text: str) -> int:
    """Return the characters of the longest run of letters and digits; 0 for none."""
    return max((len(run) for run in _RUN.findall(text)), default=0)


def _script(signs: str) -> Callable[[str], bool]:
    pattern = re.compile(f"[{signs}]")
    return lambda text: pattern.search(text) is not None


def _composed(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


PREDICATES: Final[tuple[TextPredicate, ...]] = (
    TextPredicate(CauseName.BLANK, "nothing but white space", lambda text: not text.strip()),
    TextPredicate(
        CauseName.SPECIAL_TOKENS, "a special token such as [SEP] written out", lambda t: bool(_BRACKETED.search(t))
    ),
    TextPredicate(
        CauseName.SPECIAL_TOKENS, "a special token such as </s> written out", lambda t: bool(_ANGLED.search(t))
    ),
    TextPredicate(
        CauseName.TOKENIZER, f"a word of more than {LONG_WORD} characters", lambda t: longest_word(t) > LONG_WORD
    ),
    TextPredicate(
        CauseName.NEWLINE, "a line break", lambda text: bool(text.strip()) and bool(re.search(r"[\r\n]", text))
    ),
    TextPredicate(CauseName.TRIM, "white space at an end", lambda text: bool(text.strip()) and text != text.strip()),
    TextPredicate(CauseName.UNICODE_FORM, "characters that are not composed (NFC)", lambda text: not _composed(text)),
    *(TextPredicate(CauseName.TOKENIZER, f"{name} letters", _script(signs)) for name, signs in _SCRIPTS),
    TextPredicate(CauseName.EMOJI, "an emoji", lambda text: bool(_EMOJI.search(text))),
    TextPredicate(CauseName.CASE, "capital letters alone", str.isupper),
    TextPredicate(CauseName.ACCENTS, "letters with accents", lambda text: strip_accents(text) != text),
    TextPredicate(CauseName.CASE, "capital letters", lambda text: text.lower() != text),
    TextPredicate(CauseName.PUNCTUATION, "punctuation", lambda text: bool(_PUNCTUATION.search(text))),
)
"""Properties from the rarest to the commonest: where several separate equally well, the rarest is reported."""

MEASURES: Final[tuple[Measure, ...]] = (
    Measure("characters", len),
    Measure("words", lambda text: len(text.split())),
)
