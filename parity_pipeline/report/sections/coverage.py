"""What the run could not have shown: documented failure modes it did not exercise, and collisions of one side.

Here belongs the layout of both. Which cases a run exercises belongs to `core.hazards.failure_modes`, the scan to
`core.collisions`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.hazards.failure_modes import EXPERIMENTS, MissingCase
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import TESTED
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose
from parity_pipeline.report.view import Names, listed, names_of

_SETS: Final = "needs hazard set"
"""How the reasons begin that a source of the hazard corpus takes away."""

_GROUPS: Final = 5
_MEMBERS: Final = 6


def coverage(verdict: Verdict) -> list[str]:
    """Return how many documented failure modes would have shown, as Markdown; nothing where it is not known."""
    found = verdict.coverage
    if found is None:
        return []
    described = f"Exercised {len(found.exercised)} of {found.total} documented failure modes"
    which = f" ({_numbers(found.exercised)})" if found.exercised else ""
    tried = any(side.stability for side in verdict.sides)
    rest = f" Not exercised: {'; '.join(_reasons(found.missing, tried=tried))}." if found.missing else ""
    return ["## Coverage", "", prose(f"{described}{which}; docs/failure-modes.md lists them.{rest}")]


def _reasons(missing: Sequence[MissingCase], *, tried: bool) -> list[str]:
    """Return each reason once with the numbers it holds for.

    All that a hazard set would show is one reason, and so is all that trying the sides against themselves would show
    where none was tried.
    """
    grouped: dict[str, list[int]] = {}
    for case in missing:
        grouped.setdefault(_short(case.why, tried=tried), []).append(case.number)
    return [f"{_numbers(cases)} {_plural(why, len(cases))}" for why, cases in grouped.items()]


def _short(why: str, *, tried: bool) -> str:
    if why.startswith(_SETS):
        return "needs a hazard set in samples"
    if not tried and any(EXPERIMENTS[name] in why for name in TESTED):
        return "needs the repeatability of each side"
    return why


def _plural(why: str, cases: int) -> str:
    return why.replace("needs ", "need ", 1) if cases > 1 else why


def _numbers(cases: Sequence[int]) -> str:
    return ", ".join(str(case) for case in cases)


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
