"""Which verdicts came before one, and under which looser rules it was given than they or than the defaults.

Here belongs the choice among the entries of a ledger that a report speaks of beside its own verdict. Reading the ledger
belongs to `storage.ledger`, comparing two verdicts to `verdict_changes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from parity_pipeline.core.judging_rules import default_rules_of, rules_of
from parity_pipeline.core.provenance import without_vectors
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import (
    AnyVerdict,
    Change,
    Direction,
    name_of_partition,
    rule_changes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """A verdict with when and by which run it was given.

    Attributes:
        recorded_at: When the ledger recorded it, ISO 8601.
        run_id: The run that gave it; "" for one that no run gave.
        verdict: The verdict, without what only its own file holds.
    """

    recorded_at: str
    run_id: str
    verdict: AnyVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictHistory:
    """What a ledger says of the time before one verdict.

    Attributes:
        superseded: The verdict of the same date and model or corpus that it takes the place of; None for the first one.
        earlier_date: The verdict that counts of the newest earlier date; None where there is none.
    """

    superseded: RecordedVerdict | None = None
    earlier_date: RecordedVerdict | None = None

    @property
    def last(self) -> RecordedVerdict | None:
        """Return the verdict before it: that of the same date where there is one, else that of the date before."""
        return self.superseded or self.earlier_date


NO_HISTORY: Final = VerdictHistory()
"""That of a first verdict."""


def history_of(verdict: AnyVerdict, recorded: Sequence[RecordedVerdict]) -> VerdictHistory:
    """Return what came before a verdict.

    Args:
        verdict: The verdict.
        recorded: What a ledger holds of its date and the newest earlier one, by when it was recorded, such as what
            `storage.ledger.history` returns. Where its own entry is among them, it is the last one of its date.
    """
    of_model = [one for one in recorded if _same_partition(one.verdict, verdict)]
    own = [one for one in of_model if one.verdict.date == verdict.date]
    if own and _without_details(own[-1].verdict) == _without_details(verdict):
        own = own[:-1]
    earlier = [one for one in of_model if one.verdict.date < verdict.date]
    newest = max((one.verdict.date for one in earlier), default="")
    of_newest = [one for one in earlier if one.verdict.date == newest]
    return VerdictHistory(superseded=own[-1] if own else None, earlier_date=of_newest[-1] if of_newest else None)


def _same_partition(one: AnyVerdict, other: AnyVerdict) -> bool:
    return (one.endpoint, name_of_partition(one)) == (other.endpoint, name_of_partition(other))


def _without_details(verdict: AnyVerdict) -> AnyVerdict:
    """Return a verdict without what a ledger leaves out."""
    if isinstance(verdict, Verdict):
        legacy, candidate = (replace(one, provenance=without_vectors(one.provenance)) for one in verdict.sides)
        return replace(verdict, legacy=legacy, candidate=candidate, rows=(), contract=None, power=None)
    return replace(verdict, queries=(), power=None)


def looser_than_default(verdict: AnyVerdict) -> tuple[Change, ...]:
    """Return the rules of a verdict under which more passes than by default, each with its default as what was before."""
    return _looser(rule_changes(default_rules_of(verdict), rules_of(verdict)))


def looser_than_before(verdict: AnyVerdict, history: VerdictHistory) -> tuple[Change, ...]:
    """Return the rules under which more passes than under those of the verdict before; none where there is none."""
    return () if history.last is None else _looser(rule_changes(rules_of(history.last.verdict), rules_of(verdict)))


def _looser(found: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(one for one in found if one.direction is Direction.LOOSER)
