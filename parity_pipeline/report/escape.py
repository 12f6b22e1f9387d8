"""Foreign text made safe for Markdown: samples, server words, model names, addresses; sentences and tables that hold it.

Here belongs the only way that text which this project did not write gets into Markdown. Every result is one line, can
start no structure (table cell, link, HTML, emphasis, list, heading), and shows what a reader could not see.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline.report.numbers import NOTHING

EMPTY: Final = "⟨empty⟩"
"""Stands for the empty string, which would otherwise read as a fault of the report."""

_SPACE: Final = "␠"
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})
_UNSEEN_RANGES: Final = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2065, 0x2065),
    (0x2800, 0x2800),  # blank braille pattern
    (0x3164, 0x3164),  # Hangul filler
    (0xFDD0, 0xFDEF),  # noncharacters
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),  # tags and further variation selectors
)
"""Code points without a glyph whose category does not say so (Unicode's Default_Ignorable_Code_Point, and blanks).

Unassigned code points are left alone: which they are depends on the Python version, and a report must not.
"""
_LAST_OF_PLANE: Final = 0xFFFE
_EDGE_SPACES = re.compile(r"^ +| +$|(?<= ) +")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", "|": "&#124;"}
_INLINE = re.compile(r"[\\`*_\[\]~$|]|<(?! )|&(?=[#\w])|:(?=//)|#$|(?i:(?<=\bwww)\.)")
"""What can start something inside a line: code, emphasis, links, strike-through, mathematics, cells, HTML, entities; and a `#` that would
close a heading."""
_BLOCK_START = re.compile(r"^()([-+=>#])|^(\d+)([.)])(?= |$)")
"""What can start a list, a rule, a quotation or a heading inside a list item."""


@lru_cache(maxsize=4096)
def _unseen(character: str) -> bool:
    if character == " ":
        return False
    point = ord(character)
    if unicodedata.category(character) in _UNSEEN_CATEGORIES or point & 0xFFFF >= _LAST_OF_PLANE:
        return True
    return any(low <= point <= high for low, high in _UNSEEN_RANGES)


def visible(text: str) -> str:
    r"""Return a text as one line in which everything can be seen.

    Control and format characters (newlines, bidi overrides, zero-width), lone surrogates and odd blanks become
    `⟨U+202E⟩`; spaces that HTML would drop become `␠`; a combining mark that would sit on what stands before becomes
    its code point; the empty text becomes `⟨empty⟩`.

    >>> visible("a\nb "), visible("")
    ('a⟨U+000A⟩b␠', '⟨empty⟩')
    """
    if not text:
        return EMPTY
    shown = _EDGE_SPACES.sub(lambda spaces: _SPACE * len(spaces.group()), text)
    if text.isascii() and text.isprintable():
        return shown
    marked = unicodedata.category(shown[0]).startswith("M")
    return "".join(
        f"⟨U+{ord(character):04X}⟩" if _unseen(character) or (marked and place == 0) else character
        for place, character in enumerate(shown)
    )


def visible_lines(text: str) -> str:
    r"""Return a message whose lines stay lines and keep their indentation, and whose other control characters can be seen.

    >>> print(visible_lines("not usable\n  - a\x1b"))
    not usable
      - a⟨U+001B⟩
    """
    return "\n".join(_indented(line) for line in text.splitlines())


def _indented(line: str) -> str:
    content = line.lstrip(" ")
    return line[: len(line) - len(content)] + (visible(content) if content else "")


def clipped(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text; a cut one ends in `…`."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def prose(text: str) -> str:
    r"""Return a text for Markdown prose, headings, list items and table cells.

    >>> prose("<b> a|b `c` [d](http://e)")
    '&lt;b> a&#124;b \\`c\\` \\[d\\](http\\://e)'
    """
    escaped = _INLINE.sub(lambda match: _ENTITIES.get(match.group(), "\\" + match.group()), visible(text))
    return _BLOCK_START.sub(r"\1\3\\\2\4", escaped)


def code(text: str, *, cut: bool = False) -> str:
    """Return a text as inline code, safe in a table cell and in a heading too.

    Backticks where they can hold it. A pipe or a backtick cannot stand in them within a table on every renderer, so a
    text with one becomes a `<code>` element in which all that could start something is an entity.

    Args:
        text: Any text.
        cut: It is the beginning of a longer text, so that a space at its end is one between words and stays a space.

    >>> code("hello"), code("a|b")
    ('`hello`', '<code>a&#124;b</code>')
    """
    between_words = cut and text.endswith(" ") and text[:-1].strip(" ") != ""
    shown = visible(text[:-1]) + " " if between_words else visible(text)
    if "|" in shown or "`" in shown:
        return f"<code>{_INLINE.sub(lambda match: f'&#{ord(match.group())};', shown)}</code>"
    return f"`{shown}`"


def known(text: str) -> str:
    """Return a text as inline code of at most `ERROR_CHARACTERS`; `—` for the empty one, which stands for not known."""
    return listed_code([text] if text else [])


def listed_code(texts: Iterable[str]) -> str:
    """Return texts as inline code, each of at most `ERROR_CHARACTERS`; `—` for none."""
    return ", ".join(code(clipped(text, ERROR_CHARACTERS)) for text in texts) or NOTHING


def fenced(lines: tuple[str, ...], language: str = "", *, indented: bool = False) -> str:
    """Return lines as a fenced code block whose fence is longer than any run of backticks inside.

    Args:
        lines: The lines.
        language: What a renderer highlights them as.
        indented: Leave spaces at the beginning of a line as they are: lines that continue a command.
    """
    body = [_indented(line) if indented else visible(line) for line in lines]
    longest = max((len(run) for line in body for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *body, fence])


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A part of a sentence to be shown letter by letter: a model name, a command, a server's words."""

    text: str


Sentence = str | tuple[str | Verbatim, ...]
"""Plain words, or parts in order: plain words, and `Verbatim` for what is quoted. Nothing in it is escaped or markup."""


def with_code(words: str) -> Sentence:
    """Return words of this product with what stands between backticks, such as a command, as `Verbatim`.

    Where the backticks are not in pairs, the words are left as they are.

    >>> with_code("Run `parity doctor`.")
    ('Run ', Verbatim(text='parity doctor'), '.')
    """
    parts = words.split("`")
    if len(parts) % 2 == 0:
        return words
    return tuple(Verbatim(part) if place % 2 else part for place, part in enumerate(parts) if part)


_PLAIN_FIELDS: Final = frozenset({"number format", "dimension", "L2 norm", "what the dialect takes"})
_PLAIN_VALUES: Final = frozenset({NOT_OBSERVED, "not named", "none", "none reported"})
"""What an observation says in words, in place of what was read off the wire."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return the lines of a table. Cells must be escaped already; `right` names the columns of numbers."""
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def sentence(parts: Sentence) -> str:
    """Return a sentence as Markdown: what is verbatim as inline code, all else escaped."""
    one_by_one = (parts,) if isinstance(parts, str) else parts
    return "".join(code(part.text) if isinstance(part, Verbatim) else _between(part) for part in one_by_one)


def _between(words: str) -> str:
    """Escape plain words without showing the spaces at their ends, which join them to what is verbatim."""
    core = words.strip(" ")
    if not core:
        return words
    return words.replace(core, prose(core))


def drift_cell(field: str, value: str) -> str:
    """Return an observed value: in words as prose, what was read off the wire as inline code."""
    shown = clipped(value, ERROR_CHARACTERS)
    plain = field in _PLAIN_FIELDS or value in _PLAIN_VALUES or value.startswith("refused (")
    return prose(shown) if plain else code(shown)


def joined(words: Sequence[str], last: str) -> str:
    """Return one or more words as a list within a sentence, with the word that stands before the last of them.

    >>> joined(["a"], "and"), joined(["a", "b", "c"], "or")
    ('a', 'a, b or c')
    """
    return f" {last} ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])
