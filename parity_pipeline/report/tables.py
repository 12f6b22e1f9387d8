"""Markdown tables and sentences out of parts that are already chosen.

Here belongs the Markdown syntax that reports and the summary share. What stands in the cells belongs to their modules.
"""

from collections.abc import Iterable, Sequence

from parity_pipeline.core.drift import NOT_OBSERVED
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.report import escape
from parity_pipeline.report.phrases import Sentence, Verbatim

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
