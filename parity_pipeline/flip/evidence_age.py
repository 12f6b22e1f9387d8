"""Whether a verdict still speaks of what is deployed: when its lanes were fetched, and what was changed since.

Here belongs what the gate of the flip and the gate of scripts both need to know. It is read from records of the ledger;
nothing is requested. What follows from it belongs to those gates.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from parity_pipeline.core.flip_steps import FlipRecord, FlipStep
from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.ledger import AnyVerdict, lanes_of


def fetched_at(verdict: AnyVerdict) -> datetime:
    """Return when the first request of either lane was sent: the verdict says nothing about a later time.

    A verdict that was given again on stored vectors is as old as these vectors. A side that is a recording is meant to be
    old, and does not count.
    """
    lanes = lanes_of(verdict)
    fetched = [lane for lane in lanes if not getattr(lane, "recorded", "")] or lanes
    return min(moment_of(lane.fetched_from) for lane in fetched)


def changed_since(verdict: AnyVerdict, records: Sequence[FlipRecord]) -> FlipRecord | None:
    """Return the last recorded change of a gateway, where it came after the verdict's lanes were fetched; else None.

    Args:
        verdict: The verdict.
        records: Steps of the ledger, oldest first.
    """
    changes = [one for one in records if one.step is FlipStep.GATEWAY_CHANGED]
    return changes[-1] if changes and fetched_at(verdict) < moment_of(changes[-1].recorded_at) else None


def changed_between(held: AnyVerdict, newest: AnyVerdict) -> str:
    """Return what of the sides differs between two verdicts; "" for nothing, and where one of them reached no side."""
    if held.not_run or newest.not_run:
        return ""
    for side, one, two in zip(Side, lanes_of(held), lanes_of(newest), strict=True):
        if one.url != two.url or one.settings_hash != two.settings_hash:
            return f"how the {side} is requested"
        if one.server_headers != two.server_headers:
            return f"what the {side} says of its software"
    return ""


def moment_of(text: str) -> datetime:
    """Return a stored time; one without a zone is UTC, and one that cannot be read is the oldest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
