"""Sentences that hold foreign text, before any layout has escaped it.

Here belongs the form that lets one sentence be written once and laid out as Markdown or HTML. Escaping belongs to the
layouts, and every part is escaped there, so nothing in a sentence is markup.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline.report import escape


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A part of a sentence to be shown letter by letter: a model name, a command, a server's words."""

    text: str


Sentence = tuple[str | Verbatim, ...]
"""Parts in order: plain words, and `Verbatim` for what is quoted."""

_PLAIN_FIELDS = frozenset({"number format", "dimension", "L2 norm"})


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return the lines of a table. Cells must be escaped already; `right` names the columns of numbers."""
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def sentence(parts: Sentence) -> str:
    """Return a sentence as Markdown: what is verbatim as inline code, all else escaped."""
    return "".join(escape.code(part.text) if isinstance(part, Verbatim) else _between(part) for part in parts)


def _between(words: str) -> str:
    """Escape plain words without showing the spaces at their ends, which join them to what is verbatim."""
    core = words.strip(" ")
    if not core:
        return words
    return words.replace(core, escape.prose(core))


def drift_cell(field: str, value: str) -> str:
    """Return an observed value: in words as prose, what was read off the wire as inline code."""
    shown = escape.clipped(value, ERROR_CHARACTERS)
    plain = field in _PLAIN_FIELDS or value in (NOT_OBSERVED, "not named") or value.startswith("refused (")
    return escape.prose(shown) if plain else escape.code(shown)
