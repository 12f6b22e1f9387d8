"""The edits that a client, a gateway or a tokenizer makes to a text before the model reads it.

Here belong pure functions of one text, each with the cause it stands for, and the known task prefixes. Which of them
explains a failure belongs to `twins` and `asking`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName

_PUNCTUATION = re.compile(r"[^\w\s]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Edit:
    """One way of changing a text.

    Attributes:
        cause: What it is called where it explains a failure.
        words: What it does, as a clause: "letters are lower-cased".
        apply: The change; a text it does not concern comes back equal.
    """

    cause: CauseName
    words: str
    apply: Callable[[str], str]


def strip_accents(text: str) -> str:
    """Return the text without non-spacing marks, composed again."""
    split = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in split if unicodedata.category(sign) != "Mn"))


def skeleton(text: str) -> tuple[str, ...]:
    """Return what no edit changes: the words without case, accents, punctuation, order and number.

    >>> skeleton("Résumé, please!") == skeleton("please RESUME")
    True
    """
    plain = strip_accents(unicodedata.normalize("NFKC", text)).casefold()
    return tuple(sorted(set(_PUNCTUATION.sub(" ", plain).split())))


def letters(text: str) -> str:
    """Return what is left without white space and punctuation, in one case and without accents; may be empty.

    >>> letters("1.000 pallets") == letters("1000 Pallets")
    True
    """
    plain = strip_accents(unicodedata.normalize("NFKC", text)).casefold()
    return _SPACES.sub("", _PUNCTUATION.sub("", plain))


def _form(name: str) -> Callable[[str], str]:
    def apply(text: str) -> str:
        return unicodedata.normalize(name, text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a name of the table below

    return apply


EDITS: Final[tuple[Edit, ...]] = (
    Edit(CauseName.TRIM, "white space at both ends is cut off", str.strip),
    Edit(CauseName.TRIM, "white space at the end is cut off", str.rstrip),
    Edit(CauseName.NEWLINE, "line feeds become blanks", lambda text: text.replace("\n", " ")),
    Edit(CauseName.NEWLINE, "line ends are left away", lambda text: text.replace("\r", "").replace("\n", "")),
    Edit(CauseName.NEWLINE, "runs of white space become one blank", lambda text: _SPACES.sub(" ", text)),
    Edit(CauseName.UNICODE_FORM, "characters are composed (NFC)", _form("NFC")),
    Edit(CauseName.UNICODE_FORM, "characters are decomposed (NFD)", _form("NFD")),
    Edit(CauseName.UNICODE_FORM, "characters take their compatibility form (NFKC)", _form("NFKC")),
    Edit(CauseName.CASE, "letters are lower-cased", str.lower),
    Edit(CauseName.CASE, "letters are upper-cased", str.upper),
    Edit(CauseName.ACCENTS, "accents are stripped", strip_accents),
    Edit(CauseName.PUNCTUATION, "punctuation is dropped", lambda text: _PUNCTUATION.sub("", text)),
    Edit(CauseName.PUNCTUATION, "punctuation becomes blanks", lambda text: _PUNCTUATION.sub(" ", text)),
)
"""Edits from the slightest to the strongest: where several explain a row, the slightest is told."""

PREFIXES: Final[tuple[str, ...]] = (
    "search_document: ",
    "search_query: ",
    "clustering: ",
    "classification: ",
    "passage: ",
    "query: ",
    "document: ",
    "Represent this sentence for searching relevant passages: ",
    "Represent the document for retrieval: ",
    "title: none | text: ",
    "task: search result | query: ",
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
    "text: ",
    " ",
)
"""Task prefixes that published retrieval models are trained with, and the blank that some tokenizers add."""
