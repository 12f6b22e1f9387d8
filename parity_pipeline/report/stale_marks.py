"""Stale verdicts in a summary: the mark in the row, and the section that says what changed and when.

Here belongs the Markdown. Which verdicts are stale is decided by `core.staleness`.
"""

from collections.abc import Mapping, Sequence

from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.staleness import LaneFreshness, staleness
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose, table

MARK = ", **stale**"
"""Stands behind the verdict of a stale row."""

_HEAD = ("Model or corpus", "Probe", "Side", "Change seen", "What changed", "Stale dates")


def stale_mark(verdict: AnyVerdict, states: GatewayStates) -> str:
    """Return the mark of a row; "" for a verdict that is not known to be stale."""
    return MARK if staleness(verdict, states).stale else ""


def stale_section(verdicts: Sequence[AnyVerdict], states: GatewayStates) -> list[str]:
    """Return the section on stale verdicts, a row per probe, model or corpus, and side; no line where none is stale.

    Args:
        verdicts: The verdicts of the table.
        states: The recorded states of the gateways.
    """
    found: dict[tuple[str, str, str], tuple[LaneFreshness, list[str]]] = {}
    for verdict in verdicts:
        name = name_of_partition(verdict)
        for lane in staleness(verdict, states).stale:
            key = (verdict.endpoint, name, lane.side.value)
            newest, dates = found.get(key, (lane, []))
            dates.append(verdict.date)
            found[key] = max(newest, lane, key=_since), dates
    return ["", "## Stale verdicts", "", *_explained(found)] if found else []


def _since(lane: LaneFreshness) -> tuple[str, int]:
    return lane.changed_at, len(lane.changes)


def _explained(found: Mapping[tuple[str, str, str], tuple[LaneFreshness, list[str]]]) -> list[str]:
    dates = {date for _, several in found.values() for date in several}
    opening = (
        f"A gateway changed after {numbers.things(len(dates), 'date')} had been fetched, so these verdicts say nothing about "
        "what is deployed now. `parity backfill --side` with that side and these dates judges them again."
    )
    rows = [
        (code(name), prose(probe), prose(side), prose(lane.changed_at), prose("; ".join(lane.changes)), _span(several))
        for (probe, name, side), (lane, several) in sorted(found.items())
    ]
    return [opening, "", *table(_HEAD, rows)]


def _span(dates: Sequence[str]) -> str:
    ordered = sorted({*dates})
    if len(ordered) == 1:
        return prose(ordered[0])
    return prose(f"{len(ordered)}, {ordered[0]} to {ordered[-1]}")
