"""Texts about what is not seen: white space inside and around a text, line ends, and texts that are blank.

Here belongs also the order of the set `blanks`, which puts blank texts into the first, middle and last slot of requests
of `SLOTS` texts. Where that block goes in a sample set belongs to `corpus`.
"""

from typing import Final

from parity_pipeline.core.hazards.hazard import Hazard, Relation, groups

SLOTS: Final = 32
"""Texts of one request that the set `blanks` is laid out for: the default of the setting `batch_texts`."""

_SPACED: Final = {
    "leading": ("forklift keys are missing", " forklift keys are missing", "   forklift keys are missing"),
    "trailing": ("the dock is closed", "the dock is closed ", "the dock is closed   "),
    "double": ("load the truck first", "load  the  truck  first"),
    "tab": ("name and number", "name\tand\tnumber"),
    "no-break": ("gate number nine", "gate\u00a0number\u00a0nine"),
    "thin": ("weight in kilos", "weight\u2009in\u2009kilos"),
    "ideographic": ("north gate", "north\u3000gate"),
    "zero-width": ("overnight delivery", "over\u200bnight delivery"),
    "joiner": ("checkpoint", "check\u2060point"),
    "soft-hyphen": ("timetable", "time\u00adtable"),
    "mark": ("opening hours", "\ufeffopening hours"),
    "controls": ("bell rings twice", "bell\x07 rings twice", "bell\x1b[1m rings twice"),
}

_LINES: Final = {
    "feed": ("pick then pack", "pick\nthen\npack"),
    "windows": ("scan the label", "scan\r\nthe label"),
    "return": ("print the list", "print\rthe list"),
    "trailing": ("close the gate", "close the gate\n", "close the gate\r\n"),
    "leading": ("open the gate", "\nopen the gate"),
    "paragraph": ("first line second line", "first line\n\nsecond line", "first line\n\n\n\nsecond line"),
    "separator": ("upper half lower half", "upper half\u2028lower half", "upper half\u2029lower half"),
    "next-line": ("old system new system", "old system\x85new system"),
    "page": ("page one page two", "page one\x0cpage two"),
}

_BLANK: Final = {
    "empty": "",
    "space": " ",
    "tab": "\t",
    "no-break-space": "\u00a0",
    "zero-width-space": "\u200b",
    "newline": "\n",
}

_FIRST, _MIDDLE, _LAST = 0, SLOTS // 2, SLOTS - 1
_BLOCKS: Final = (
    {_FIRST: "empty"},
    {_MIDDLE: "space"},
    {_LAST: "tab"},
    {_FIRST: "no-break-space", _MIDDLE: "zero-width-space", _LAST: "newline"},
)
"""The requests of the set and where a blank stands in each. The empty text comes first in its request: a side that
drops it shifts all the rest."""

_DOERS: Final = ("driver", "loader", "packer", "clerk", "welder", "guard", "planner", "buyer")
_DEEDS: Final = ("counts the crates", "signs the form", "checks the seal", "calls the office")
_PLACES: Final = ("at dawn", "by the gate", "in the yard", "after lunch")


def _neighbour(number: int) -> str:
    """Return the plain text that stands beside the blanks; different for every number from 0 to 127."""
    doer = _DOERS[number % len(_DOERS)]
    deed = _DEEDS[number // len(_DOERS) % len(_DEEDS)]
    place = _PLACES[number // (len(_DOERS) * len(_DEEDS))]
    return f"The {doer} {deed} {place}"


def blanks() -> tuple[Hazard, ...]:
    """Return the set `blanks`: whole requests of `SLOTS` hazards, in order, from the start of a request on."""
    made: list[Hazard] = []
    for number, block in enumerate(_BLOCKS):
        for slot in range(SLOTS):
            if slot in block:
                made.append(_blank(block[slot], slot))
            else:
                key, text = f"neighbour-{number + 1}-{slot:02}", _neighbour(number * SLOTS + slot)
                made.append(Hazard(key=key, set_name="blanks", cases=(24,), text=text, note="beside a blank text"))
    return tuple(made)


def _blank(key: str, slot: int) -> Hazard:
    return Hazard(
        key=key,
        set_name="blanks",
        cases=(19, 20, 24),
        text=_BLANK[key],
        group="empty",
        relation=Relation.MAY_EQUAL,
        note=f"a blank text in slot {slot} of {SLOTS}",
    )


def spacing() -> tuple[Hazard, ...]:
    """Return the hazards of this module but for the set `blanks`."""
    return (
        *groups("whitespace", (18,), _SPACED, Relation.MAY_EQUAL, "the same words, then with other white space"),
        *groups("newlines", (18,), _LINES, Relation.MAY_EQUAL, "the same words, then with line ends"),
    )
