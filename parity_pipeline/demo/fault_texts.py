"""Faults that change what is asked: the text or the model that reaches the gateway behind.

Here belong pure functions of one text, or of a model name, and the scope. Each names its case.
"""

import re
import unicodedata

from parity_pipeline.demo.fault_scope import Scope

PREFIX = "search_document: "
"""The task prefix that several retrieval models are trained with."""

UNKNOWN = "unknown"
"""What a tokenizer without capitals makes of them."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_PUNCTUATION = re.compile(r"[^\w\s\ud800-\udfff]")


def truncate(text: str, scope: Scope) -> str:
    """Keep the first characters only (case 10); what would leave nothing but blanks stays whole."""
    return _unless_blank(text[: scope.characters], text)


def lower(text: str, _: Scope) -> str:
    """Fold capitals (case 13)."""
    return text.lower()


def collapse_capitals(text: str, _: Scope) -> str:
    """Make one unknown word of a text that is all capitals (case 13)."""
    return UNKNOWN if text.isupper() else text


def strip_accents(text: str, _: Scope) -> str:
    """Drop combining marks, so that "résumé" becomes "resume" (case 14)."""
    split = unicodedata.normalize("NFD", text)
    kept = "".join(char for char in split if not unicodedata.combining(char))
    return _unless_blank(unicodedata.normalize("NFC", kept), text)


def compose(text: str, _: Scope) -> str:
    """Compose characters, so that both spellings of "é" are one (case 14)."""
    return unicodedata.normalize("NFC", text)


def drop_punctuation(text: str, _: Scope) -> str:
    """Leave punctuation away, as a wrong tokenizer may (case 15)."""
    return _unless_blank(_PUNCTUATION.sub("", text), text)


def prefix(text: str, _: Scope) -> str:
    """Put a task prefix in front (case 17); a blank text stays one, which the gateway behind refuses as before."""
    return PREFIX + text if text.strip() else text


def replace_surrogates(text: str, _: Scope) -> str:
    """Turn lone surrogates into U+FFFD, as Go's decoder does (case 21)."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def newline_to_space(text: str, _: Scope) -> str:
    """Turn line feeds into blanks, as some clients do (case 18)."""
    return text.replace("\n", " ")


def trim(text: str, _: Scope) -> str:
    """Cut white space off both ends (case 18)."""
    return _unless_blank(text.strip(), text)


def fill_blank(text: str, _: Scope) -> str:
    """Send a full stop for a blank text, so that the gateway behind answers (first half of case 24)."""
    return text if text.strip() else "."


def other_model(model: str, scope: Scope) -> str:
    """Ask another model (case 27); the one asked for where there is no other."""
    return next((other for other in scope.other_models if other != model), model)


def _unless_blank(changed: str, text: str) -> str:
    return changed if changed.strip() else text
