"""A hazard: one text with the documented cases it exercises, and how a group of them is made.

Here belong the record and the builders that the modules of texts share. The texts themselves stand in modules by kind,
the choice among them in `corpus`, the cases in `failure_modes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Relation(StrEnum):
    """What holds between the vectors of the hazards of one group, within one side."""

    MUST_DIFFER = "must differ"
    """Two of them with the same vector are a fault of the side, whatever its model."""
    MAY_EQUAL = "may equal"
    """A sound model may give them the same vector, as one without letter case does; so only a difference between the
    sides counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One text that exercises failure modes.

    Attributes:
        key: Name of the hazard, stable and unique within its set: letters, digits, `-` and `~`.
        set_name: The set it belongs to.
        cases: Numbers of the documented cases it exercises, ascending, at least one.
        text: The text exactly as it is sent; may be empty or hold lone surrogates.
        group: Key of the first hazard of the group it belongs to; "" for a hazard that stands alone.
        relation: What holds between the vectors of its group; None exactly where `group` is "".
        note: What is odd about it, for a reader.
    """

    key: str
    set_name: str
    cases: tuple[int, ...]
    text: str
    group: str = ""
    relation: Relation | None = None
    note: str = ""


def singles(set_name: str, cases: tuple[int, ...], texts: Mapping[str, str], note: str) -> tuple[Hazard, ...]:
    """Return one hazard per text, each standing alone."""
    return tuple(Hazard(key=key, set_name=set_name, cases=cases, text=text, note=note) for key, text in texts.items())


def groups(
    set_name: str, cases: tuple[int, ...], texts: Mapping[str, Sequence[str]], relation: Relation, note: str
) -> tuple[Hazard, ...]:
    """Return the hazards of several groups: its key for the first text, `key~2`, `key~3` … for the others."""
    return tuple(
        Hazard(
            key=key if position == 1 else f"{key}~{position}",
            set_name=set_name,
            cases=cases,
            text=text,
            group=key,
            relation=relation,
            note=note,
        )
        for key, members in texts.items()
        for position, text in enumerate(members, start=1)
    )
