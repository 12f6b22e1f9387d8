"""Distinct texts that share a vector on one side alone.

Here belongs the layout. The scan belongs to `core.collisions`.
"""

from typing import Final

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose
from parity_pipeline.report.view import Names, listed, names_of

_GROUPS: Final = 5
_MEMBERS: Final = 6


def collisions(verdict: Verdict) -> list[str]:
    """Return distinct texts that share a vector on one side alone, as Markdown; nothing where there are none."""
    found = verdict.diagnosis.collisions if verdict.diagnosis else ()
    names = names_of(verdict)
    lines = [line for one in found if one.groups for line in _side(one, names)]
    return ["## Collisions on one side only", "", *lines] if lines else []


def _side(one: OneSided, names: Names) -> list[str]:
    other = Side.CANDIDATE if one.side is Side.LEGACY else Side.LEGACY
    described = (
        f"On the {one.side} side alone: {numbers.things(one.groups, 'group')} of distinct texts with the same vector, "
        f"{numbers.things(one.pairs, 'pair')} that the {other} side separates."
    )
    lines = [f"- {prose(described)}", *(f"  - {_group(group, names)}" for group in one.listed[:_GROUPS])]
    rest = one.groups - min(len(one.listed), _GROUPS)
    return [*lines, f"  - {prose(numbers.things(rest, 'more group'))}"] if rest > 0 else lines


def _group(group: Collision, names: Names) -> str:
    return listed(group.ids, names, count=group.size, most=_MEMBERS)
