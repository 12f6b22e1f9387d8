"""The steps by which traffic moves to the candidate, and the record of one that was taken.

Here belong the closed set of steps, their order, and what the ledger keeps of each. Whether a step may be taken belongs to
`flip.gate`, the routing of each to `flip.proxies`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

FLIP_SCHEMA_VERSION: Final = 1
"""Version of the record's JSON form; raised when a reader of the old form would misread the new one."""


class FlipStep(StrEnum):
    """What is recorded. The spelling is stored, so a step is only ever added."""

    SHADOW = "shadow"
    """The legacy responds; the candidate is compared beside it."""
    SHARE_1 = "share-1"
    SHARE_10 = "share-10"
    SHARE_50 = "share-50"
    FLIP = "flip"
    """The candidate gets everything."""
    ROLL_BACK = "roll-back"
    """The legacy gets everything again."""
    GATEWAY_CHANGED = "gateway-changed"
    """A side was deployed again: verdicts from before say nothing about it."""


FORWARD: Final = (FlipStep.SHADOW, FlipStep.SHARE_1, FlipStep.SHARE_10, FlipStep.SHARE_50, FlipStep.FLIP)
"""The steps that move traffic, in their order."""

SHARES: Final = {
    FlipStep.SHADOW: 0,
    FlipStep.SHARE_1: 1,
    FlipStep.SHARE_10: 10,
    FlipStep.SHARE_50: 50,
    FlipStep.FLIP: 100,
    FlipStep.ROLL_BACK: 0,
}
"""Per cent of the traffic that the candidate responds to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRecord:
    """One step that was taken.

    Attributes:
        recorded_at: When it was recorded, ISO 8601 with a zone.
        step: The step.
        by: Who took it.
        note: What that person adds; "" for nothing.
        evidence: What the gate said when it was taken: `allowed`, `no gate` for steps without one, or `overridden`.
        package_version: Version that recorded it.
        kind: What kind of line of the ledger this is.
        schema: `FLIP_SCHEMA_VERSION`.
    """

    recorded_at: str
    step: FlipStep
    by: str
    note: str
    evidence: Literal["allowed", "no gate", "overridden"]
    package_version: str
    kind: Literal["flip"] = "flip"
    schema: Literal[1] = FLIP_SCHEMA_VERSION


def current_step(records: Sequence[FlipRecord]) -> FlipRecord | None:
    """Return the step that the traffic is at; None before the first one and after a way back.

    Args:
        records: All records in the order of the ledger.
    """
    last = next((one for one in reversed(records) if one.step is not FlipStep.GATEWAY_CHANGED), None)
    return None if last is None or last.step is FlipStep.ROLL_BACK else last


def next_step(records: Sequence[FlipRecord]) -> FlipStep | None:
    """Return the step after the one that the traffic is at; None after the flip."""
    at = current_step(records)
    if at is None:
        return FORWARD[0]
    place = FORWARD.index(at.step) + 1
    return FORWARD[place] if place < len(FORWARD) else None
