"""What the ledger says to a script about one date: pass, fail, or nothing that can be relied on, and why.

Here belong the question, the result for each model or corpus, and the exit code of all results. Verdicts are read and not
judged again. How results are written belongs to `report.gate_formats`, the stricter gate of the flip to `flip.gate`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from parity_pipeline.core.flip_steps import FlipRecord
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.staleness import staleness
from parity_pipeline.flip.gate import changed_between, changed_since, fetched_at
from parity_pipeline.storage.ledger import AnyVerdict, LedgerEntry, newest_entries

EXIT_CODES: Final[Mapping[str, int]] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 2}
"""As those of `parity run`."""


class Cause(StrEnum):
    """Why a result is not PASS."""

    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    """No verdict on this date is recorded."""
    TOO_OLD = "too old"
    """Its vectors or rankings were fetched longer ago than allowed."""
    STALE = "stale"
    """A gateway was changed after they were fetched."""


@dataclass(frozen=True, kw_only=True)
class GateQuestion:
    """What a script wants to know.

    Attributes:
        date: Partition date, ISO 8601.
        names: Models or corpora, by probe.
        now: The time; aware.
        max_age: Longest time since the first request of either lane; None for any.
    """

    date: str
    names: Mapping[str, Sequence[str]]
    now: datetime
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The result for one model or corpus.

    Attributes:
        probe: The probe.
        name: Model or corpus.
        date: Partition date, ISO 8601.
        decision: `PASS`, `FAIL` or `INCONCLUSIVE`.
        cause: Why it is not PASS; None for PASS.
        reason: Why, one sentence without a full stop; foreign text in it is as it was.
        entry: The entry of the ledger that counts; None where there is none.
    """

    probe: str
    name: str
    date: str
    decision: Decision
    cause: Cause | None
    reason: str
    entry: LedgerEntry | None

    @property
    def reasons(self) -> Sequence[str]:
        """Return the reason, and the reasons of the verdict where they say more."""
        return tuple(dict.fromkeys((self.reason, *(self.entry.verdict.reasons if self.entry else ()))))


def gate_results(
    question: GateQuestion, entries: Iterable[LedgerEntry], records: Sequence[FlipRecord], states: GatewayStates
) -> list[GateResult]:
    """Return one result per name, in the order of the question.

    Args:
        question: The question.
        entries: The ledger's verdicts, in any order.
        records: The ledger's steps of the flip, oldest first; a change of a gateway is one.
        states: The recorded states of the gateways.
    """
    newest, changes = newest_entries(entries), _Changes(records=records, states=states)
    # What was fetched last shows what is deployed; a verdict that was only given again does not, and one that could not be
    # run is the oldest: nothing was fetched.
    latest = dict[tuple[str, str], LedgerEntry]()
    for (probe, _, name), entry in newest.items():
        known = latest.get((probe, name))
        if known is None or fetched_at(entry.verdict) > fetched_at(known.verdict):
            latest[probe, name] = entry
    return [
        _result(question, probe, name, newest.get((probe, question.date, name)), latest.get((probe, name)), changes)
        for probe, names in question.names.items()
        for name in names
    ]


@dataclass(frozen=True, kw_only=True)
class _Changes:
    """What is recorded of gateways that were changed: by a person, and by fetches and the sensor."""

    records: Sequence[FlipRecord]
    states: GatewayStates


def exit_code(found: Sequence[GateResult]) -> int:
    """Return 0 when every result is PASS, 1 when any is FAIL, else 2, also where there is none."""
    return EXIT_CODES[overall(found)]


def overall(found: Sequence[GateResult]) -> Decision:
    """Return the result of all together."""
    said = {one.decision for one in found}
    if Decision.FAIL in said:
        return Decision.FAIL
    return Decision.PASS if said == {Decision.PASS} else Decision.INCONCLUSIVE


def _result(
    question: GateQuestion,
    probe: str,
    name: str,
    entry: LedgerEntry | None,
    latest: LedgerEntry | None,
    changes: _Changes,
) -> GateResult:
    cause, reason = _cause(question, entry, latest, changes)
    passed, failed = Decision.PASS, Decision.FAIL
    said = passed if cause is None else failed if cause is Cause.FAILED else Decision.INCONCLUSIVE
    return GateResult(
        probe=probe, name=name, date=question.date, decision=said, cause=cause, reason=reason, entry=entry
    )


def _cause(
    question: GateQuestion, entry: LedgerEntry | None, latest: LedgerEntry | None, changes: _Changes
) -> tuple[Cause | None, str]:
    """Return why the result is not PASS, and the reason; first whether it can be relied on, then what it says."""
    if entry is None:
        return Cause.MISSING, "no verdict is recorded"
    verdict = entry.verdict
    if verdict.not_run:
        return Cause.INCONCLUSIVE, verdict.not_run.words
    fetched = fetched_at(verdict)
    # A clock that runs behind the one by which it was fetched would make any verdict new.
    if question.max_age is not None and not timedelta() <= question.now - fetched <= question.max_age:
        when, limit = fetched.isoformat(timespec="minutes"), _length_text(question.max_age)
        return Cause.TOO_OLD, f"{verdict.decision} rests on what was fetched at {when}, not within {limit}"
    if why := _stale(verdict, latest, changes):
        return Cause.STALE, f"{verdict.decision} is from before {why}"
    first = verdict.reasons[0] if verdict.reasons else "no reason is given"
    if verdict.decision in PASSING:
        return None, verdict.strength if verdict.decision is Decision.PASS else f"{verdict.decision}: {first}"
    return (Cause.FAILED if verdict.decision is Decision.FAIL else Cause.INCONCLUSIVE), first


def _length_text(length: timedelta) -> str:
    """Return a length of time in the largest of hours, minutes and seconds that needs at most two decimals."""
    for unit, one in (("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        value = length / one
        if value >= 1 and round(value, 2) == value:
            return f"{value:.10g} {unit}"
    return f"{length.total_seconds():.10g} s"


def _stale(verdict: AnyVerdict, latest: LedgerEntry | None, changes: _Changes) -> str:
    """Return what was changed after the lanes of a verdict were fetched; "" for nothing that is known."""
    if stale := staleness(verdict, changes.states).stale:
        return " and before ".join(
            f"the {one.side} changed, seen {one.changed_at} ({'; '.join(one.changes)})" for one in stale
        )
    if change := changed_since(verdict, changes.records):
        return f"a gateway was changed at {change.recorded_at}"
    if latest is not None and (what := changed_between(verdict, latest.verdict)):
        return f"{what} changed, as {latest.verdict.date} was judged"
    return ""
