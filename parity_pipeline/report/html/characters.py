"""A text character by character: what a reader would not see or would take for something else, with code points.

Here belongs taking a text apart. Which characters have no glyph belongs to `report.escape`, layout to the templates.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import Final

from parity_pipeline.report import numbers
from parity_pipeline.report.escape import visible

_HEAD: Final = 360
"""Characters of the beginning that are shown: about six lines."""
_TAIL: Final = 120
"""Characters of the end, since cut texts differ there."""
_LISTED: Final = 16
"""Distinct characters of the table."""
_DOT: Final = "\u00b7"
"""Stands for a space; the sign for it that Markdown gets has a glyph in few fonts, and here its colour says what it is."""
_CIRCLE: Final = "\u25cc"
"""Carries a combining mark that is shown alone."""


class Kind(StrEnum):
    """What a character is to a reader."""

    PLAIN = "plain"
    SPACE = "space"
    FOREIGN = "outside ASCII"
    COMBINING = "combining mark"
    UNSEEN = "invisible"


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of one kind, one after another, as they are shown."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Notable:
    """A character that is worth a row of the table.

    Attributes:
        shown: The character as a reader can see it.
        point: Its code point, such as `U+200B`.
        name: Its name in Unicode; "" where it has none.
        kind: What it is to a reader.
        count: How often the text holds it.
        first: Its first place, from 1 on.
    """

    shown: str
    point: str
    name: str
    kind: Kind
    count: int
    first: int


@dataclass(frozen=True, slots=True)
class Look:
    """A text as a report shows it.

    Attributes:
        head: Its beginning, or all of it.
        left_out: Characters between head and tail that are not shown.
        tail: Its end; empty where the head is all of it.
        facts: Length, and what its white space and its Unicode form are.
        notable: The characters that are not plain, in the order of their first places.
        more: How many further distinct ones there are.
    """

    head: tuple[Piece, ...]
    left_out: int
    tail: tuple[Piece, ...]
    facts: tuple[str, ...]
    notable: tuple[Notable, ...]
    more: int


def look(text: str) -> Look:
    """Return a text taken apart; of a long one the beginning and the end."""
    whole = len(text) <= _HEAD + _TAIL
    notable, more = _notable(text)
    return Look(
        head=tuple(_pieces(text if whole else text[:_HEAD])),
        left_out=0 if whole else len(text) - _HEAD - _TAIL,
        tail=() if whole else tuple(_pieces(text[-_TAIL:])),
        facts=tuple(_facts(text)),
        notable=tuple(notable),
        more=more,
    )


@lru_cache(maxsize=4096)
def kind_of(character: str) -> Kind:
    """Return what one character is to a reader; a single space is plain."""
    if character == " " or (character.isascii() and character.isprintable()):
        return Kind.PLAIN
    # A combining mark can be seen on what it follows; a variation selector cannot.
    if visible("x" + character) != "x" + character:
        return Kind.UNSEEN
    return Kind.COMBINING if unicodedata.category(character).startswith("M") else Kind.FOREIGN


def _pieces(text: str) -> Iterator[Piece]:
    # Spaces at an edge or beside another are what a tokenizer may drop, and what a browser does not show.
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else len(text)
    after = len(text) - before - len(inner)
    if before:
        yield Piece(Kind.SPACE, _spaces(before))
    for kind, run in groupby(inner, kind_of):
        characters = "".join(run)
        if kind is Kind.PLAIN:
            yield from _plain(characters)
        elif kind is Kind.FOREIGN:
            yield Piece(kind, characters)
        else:
            yield from (Piece(kind, _shown(character)) for character in characters)
    if after:
        yield Piece(Kind.SPACE, _spaces(after))


def _plain(characters: str) -> Iterator[Piece]:
    """Yield a run of plain characters; of several spaces in a row all can be seen."""
    rest = characters
    while (at := rest.find("  ")) >= 0:
        if at:
            yield Piece(Kind.PLAIN, rest[:at])
        count = len(rest[at:]) - len(rest[at:].lstrip(" "))
        yield Piece(Kind.SPACE, _spaces(count))
        rest = rest[at + count :]
    if rest:
        yield Piece(Kind.PLAIN, rest)


def _spaces(count: int) -> str:
    return _DOT * count


def _shown(character: str) -> str:
    return _CIRCLE + character if kind_of(character) is Kind.COMBINING else visible(character)


def _notable(text: str) -> tuple[list[Notable], int]:
    """Return the first distinct characters that are not plain, and how many further ones there are."""
    # Python sees each character once, and not each place of it: a text may have a million.
    found = [character for character in dict.fromkeys(text) if not " " <= character <= "~"]
    listed = [
        Notable(
            shown=_shown(character),
            point=f"U+{ord(character):04X}",
            name=_name(character),
            kind=kind_of(character),
            count=text.count(character),
            first=text.index(character) + 1,
        )
        for character in found[:_LISTED]
    ]
    return listed, len(found) - len(listed)


_CONTROLS: Final = {
    "\x00": "NULL",
    "\t": "CHARACTER TABULATION",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
}
"""Unicode gives controls no name; these are the usual ones."""


def _name(character: str) -> str:
    if unicodedata.category(character) == "Cs":
        return "lone surrogate"
    return unicodedata.name(character, "") or _CONTROLS.get(
        character, "control character" if ord(character) < 160 else ""
    )


def _facts(text: str) -> Iterator[str]:
    size = len(text.encode("utf-8", "surrogatepass"))
    yield f"{numbers.things(len(text), 'character')}, {numbers.things(size, 'byte')} in UTF-8"
    if text and not text.strip():
        yield "nothing but white space"
    elif text != text.strip():
        ends = [word for word, cut in (("begins", text.lstrip()), ("ends", text.rstrip())) if cut != text]
        yield f"{' and '.join(ends)} with white space"
    if not unicodedata.is_normalized("NFC", text):
        yield "not in Unicode form NFC: a side that composes characters sees another text"
    elif not unicodedata.is_normalized("NFKC", text):
        yield "compatibility characters: Unicode form NFKC would change it"
