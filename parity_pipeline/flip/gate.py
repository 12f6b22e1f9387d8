"""Whether the next step may be taken: every reason against it, each with what to do.

Here belongs the judgement over verdicts and recorded steps, and what the gate of scripts (`reading.ledger_gate`) needs of it:
how old a verdict's evidence is, and what was changed since. It reads nothing: the ledger is given, and so are the time and the
settings. What a verdict says is not judged again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.flip_steps import FORWARD, FlipRecord, FlipStep, current_step, next_step
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.waivers import QueryWaiver, query_account_for
from parity_pipeline.core.staleness import staleness
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.core.verdict_changes import name_of_partition
from parity_pipeline.core.waivers import Waiver, account_for
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.storage.ledger import AnyVerdict, LedgerEntry, newest_entries

_ORDER: Final = ("smoke", "sampled", "proved")
_CONTRACT: Final = "contract-"
"""What the names of all checks of the contract begin with."""
_RUN_AGAIN: Final = "Run `parity run`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason why a step may not be taken.

    Attributes:
        problem: What is wrong, one sentence.
        remedy: What to do, one sentence.
    """

    problem: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class GateInputs:
    """What the gate looks at.

    Attributes:
        options: What has to hold.
        names: Models and corpora of the settings, by probe.
        urls: Address of each side by the settings, by probe; what the verdicts' requests were sent to begins with it. ""
            for a recording that names none.
        mapping: Id of the adapter's mapping, which the label of a verdict on it names; None where none has to be proved.
        entries: Verdicts of the ledger, in any order.
        records: Steps of the ledger, oldest first.
        states: The recorded states of the gateways.
        waivers: Expected differences of the embed probes; a warning that one names by its check is waived here too.
        query_waivers: Those of the retrieve probe.
        now: The time; aware.
        today: The date of now in the time zone of the settings.
    """

    options: FlipOptions
    names: Mapping[str, Collection[str]]
    urls: Mapping[str, Mapping[Side, str]]
    mapping: str | None
    entries: Iterable[LedgerEntry]
    records: Sequence[FlipRecord]
    states: GatewayStates
    now: datetime
    today: date
    waivers: Sequence[Waiver] = ()
    query_waivers: Sequence[QueryWaiver] = ()


def refusals(inputs: GateInputs, step: FlipStep) -> list[Refusal]:
    """Return every reason against a step; none where it may be taken.

    A step that gives traffic back to the legacy has no gate.
    """
    if has_no_gate(inputs.records, step):
        return []
    newest = newest_verdicts(inputs.entries)
    found = list(_of_order(inputs, step))
    for probe, names in inputs.names.items():
        for name in names:
            found += _of_name(inputs, newest, probe, name)
    return found


def has_no_gate(records: Sequence[FlipRecord], step: FlipStep) -> bool:
    """Return whether a step moves no traffic to the candidate that it does not get already."""
    at = current_step(records)
    return step not in FORWARD or (at is not None and FORWARD.index(step) < FORWARD.index(at.step))


def newest_verdicts(entries: Iterable[LedgerEntry]) -> list[AnyVerdict]:
    """Return the newest verdict of each probe, name and date, the newest date first."""
    found = [entry.verdict for entry in newest_entries(entries).values()]
    return sorted(found, key=lambda held: held.date, reverse=True)


def _of_order(inputs: GateInputs, step: FlipStep) -> Iterable[Refusal]:
    at, expected = current_step(inputs.records), next_step(inputs.records)
    if at is not None and step is at.step:
        yield Refusal(problem=f"The step {step} was taken already.", remedy="Check the step after it.")
    elif expected is not None and step is not expected:
        yield Refusal(
            problem=f"The step {expected} comes before {step} and is not recorded.",
            remedy=f"Take it first; if it was taken, run `parity flip record --step {expected}`.",
        )
    if at is None or step is at.step:
        return
    due = moment(at.recorded_at) + timedelta(hours=inputs.options.hours_of(at.step))
    if inputs.now < due:
        yield Refusal(
            problem=f"The step {at.step} has to last until {due.isoformat(timespec='minutes')}.",
            remedy=f"Wait until then, or set a shorter time in flip.hours.{at.step}.",
        )


def _of_name(inputs: GateInputs, newest: Sequence[AnyVerdict], probe: str, name: str) -> list[Refusal]:
    own = [held for held in newest if (held.endpoint, name_of_partition(held)) == (probe, name)]
    what = f"{probe}, {'corpus' if probe == 'retrieve' else 'model'} {name}"
    found = list(_of_dates(inputs, own, what))
    callers = own[:1]
    if probe == EMBED and inputs.mapping is not None:
        callers = [
            held for held in newest if (held.endpoint, name_of_partition(held)) == (EMBED_THROUGH_ADAPTER, name)
        ][:1]
        what = f"{EMBED_THROUGH_ADAPTER}, model {name}"
        found += _of_adapter(inputs, callers, what)
    return found + [one for held in callers for one in _of_checks(inputs, held, what)]


def _below(url: str, base: str) -> bool:
    return not base or url == base or url.startswith(f"{base.rstrip('/')}/")


def _of_dates(inputs: GateInputs, verdicts: Sequence[AnyVerdict], what: str) -> Iterable[Refusal]:
    options = inputs.options
    if not verdicts:
        yield Refusal(problem=f"There is no verdict on {what}.", remedy=f"{_RUN_AGAIN}.")
        return
    newest = verdicts[0]
    yield from _stale(inputs, newest, what)
    wanted = verdicts[: options.dates]
    if len(wanted) < options.dates:
        yield Refusal(
            problem=f"{what} has {len(wanted)} of {options.dates} dates with a verdict.",
            remedy=f"{_RUN_AGAIN} on further dates, or `parity backfill`.",
        )
    for held in wanted:
        if held.decision not in PASSING:
            reason = held.reasons[0] if held.reasons else "no reason is given"
            yield Refusal(
                problem=f"The verdict on {what}, {held.date} is {held.decision}: {reason}.",
                remedy="Fix what the report of that date names, then run `parity backfill` for it.",
            )
        else:
            yield from _too_weak(options, held, what)
        yield from _changed_since_fetch(inputs, held, what)
        if changed := changed_between(held, newest):
            yield Refusal(
                problem=f"{what}: {changed} differs between {held.date} and {newest.date}, so a gateway was changed.",
                remedy=f"Run `parity backfill --from {held.date} --to {held.date}` against what is deployed now.",
            )


def _stale(inputs: GateInputs, newest: AnyVerdict, what: str) -> Iterable[Refusal]:
    age = (inputs.today - date.fromisoformat(newest.date)).days
    if age > inputs.options.max_age_days:
        yield Refusal(
            problem=f"The newest verdict on {what} is of {newest.date}, {age} days ago.", remedy=f"{_RUN_AGAIN} today."
        )
    for side, lane in zip(Side, newest.lanes, strict=True):
        if not (newest.not_run or _below(lane.url, inputs.urls[newest.endpoint][side])):
            yield Refusal(
                problem=f"The newest verdict on {what} is about a {side} at another address than that of the settings.",
                remedy=f"{_RUN_AGAIN} with these settings.",
            )
    yield from _changed_after(inputs, newest, what)


def _changed_since_fetch(inputs: GateInputs, verdict: AnyVerdict, what: str) -> Iterable[Refusal]:
    """Yield for each lane that is not of what is deployed, as far as that was last seen, what changed and when."""
    for lane in () if verdict.not_run else staleness(verdict, inputs.states).stale:
        yield Refusal(
            problem=f"The verdict on {what}, {verdict.date} is stale: {lane.words}.",
            remedy=f"{_RUN_AGAIN} against what is deployed now, or `parity backfill --side {lane.side}` for this date.",
        )


def _changed_after(inputs: GateInputs, verdict: AnyVerdict, what: str) -> Iterable[Refusal]:
    if change := changed_since(verdict, inputs.records):
        yield Refusal(
            problem=f"A gateway was changed at {change.recorded_at}, after {what} was fetched for {verdict.date}.",
            remedy=f"{_RUN_AGAIN} against what is deployed now.",
        )


def _too_weak(options: FlipOptions, verdict: AnyVerdict, what: str) -> Iterable[Refusal]:
    drawn = next((one for one in verdict.random.bounds if one.category is None and one.trials), None)
    proved = "smoke" if drawn is None else "sampled" if verdict.random.required_bound is None else "proved"
    place = f"The PASS of {what}, {verdict.date}"
    again = f"then draw that date again: `parity backfill --from {verdict.date} --to {verdict.date} --redraw`"
    if _ORDER.index(proved) < _ORDER.index(options.strength):
        yield Refusal(
            problem=f"{place} is a {verdict.strength}, and flip.strength asks for {options.strength}.",
            remedy=f"Add a random draw to samples (`sample: n`), and required_bound for a proof; {again}.",
        )
    if options.bound is not None and (drawn is None or not drawn.bound <= options.bound):
        known = "nothing" if drawn is None else f"at most {percent(drawn.bound)}"
        yield Refusal(
            problem=f"{place} proves {known} of differing inputs, and flip.bound asks for {percent(options.bound)}.",
            remedy=f"Draw more samples at random, {again}.",
        )


def _of_adapter(inputs: GateInputs, verdicts: Sequence[AnyVerdict], what: str) -> Iterable[Refusal]:
    remedy = "Run `parity run --through-adapter`."
    if not verdicts:
        yield Refusal(problem=f"The adapter is not proved: there is no verdict on {what}.", remedy=remedy)
        return
    held = verdicts[0]
    if held.decision not in PASSING:
        yield Refusal(
            problem=f"The adapter is not proved: the verdict on {what}, {held.date} is {held.decision}.",
            remedy="Fix what the report of that date names, then run `parity run --through-adapter`.",
        )
    age = (inputs.today - date.fromisoformat(held.date)).days
    if age > inputs.options.max_age_days:
        yield Refusal(problem=f"The newest verdict on {what} is of {held.date}, {age} days ago.", remedy=remedy)
    if f"(mapping {inputs.mapping})" not in held.lanes[1].label:
        yield Refusal(
            problem=f"The verdict on {what}, {held.date} is about another mapping than the adapter has by these settings.",
            remedy=remedy,
        )
    yield from _changed_since_fetch(inputs, held, what)
    yield from _changed_after(inputs, held, what)


def _of_checks(inputs: GateInputs, verdict: AnyVerdict, what: str) -> Iterable[Refusal]:
    """Yield what is open in the newest verdict: what callers will see; nothing of one that only says why it could not run."""
    if verdict.not_run:
        return
    contract = [one for one in verdict.checks if one.name.startswith(_CONTRACT) and one.passed is not None]
    if isinstance(verdict, Verdict) and not contract:
        yield Refusal(
            problem=f"The contracts of both sides were not compared for {what}, {verdict.date}.",
            remedy=f"Set contract.enabled: true, then {_RUN_AGAIN[0].lower()}{_RUN_AGAIN[1:]}.",
        )
    for one in verdict.checks:
        if not one.stands or one.severity is not CheckSeverity.WARN or one.name in inputs.options.accepted:
            continue
        if _waived(inputs, verdict, one.name):
            continue
        of_contract = one.name.startswith(_CONTRACT)
        waived = f"waive it (a waiver with `checks: [{one.name}]`), " if of_contract else ""
        yield Refusal(
            problem=f"{what}, {verdict.date} has an open {'contract difference' if of_contract else 'finding'}, "
            f"{one.name}: {one.seen}.",
            remedy=f"Fix it, {waived}or list {one.name} in flip.accepted.",
        )


def _waived(inputs: GateInputs, verdict: AnyVerdict, name: str) -> bool:
    """Return whether a waiver that holds today names a check. A verdict itself only waives what weighs on its decision."""
    day = date.fromisoformat(verdict.date)
    if isinstance(verdict, Verdict):
        account = account_for(inputs.waivers, model=verdict.model, day=day, today=inputs.today)
        return account.waiver_of(CheckName(name)) is not None
    held = query_account_for(inputs.query_waivers, corpus=verdict.corpus, day=day, today=inputs.today)
    return held.waiver_of(RetrievalCheckName(name)) is not None


def fetched_at(verdict: AnyVerdict) -> datetime:
    """Return when the first request of either lane was sent: the verdict says nothing about a later time.

    A verdict that was given again on stored vectors is as old as these vectors. A side that is a recording is meant to be
    old, and does not count.
    """
    lanes = verdict.lanes
    fetched = [lane for lane in lanes if not lane.recorded] or lanes
    return min(moment(lane.fetched_from) for lane in fetched)


def changed_since(verdict: AnyVerdict, records: Sequence[FlipRecord]) -> FlipRecord | None:
    """Return the last recorded change of a gateway, where it came after the verdict's lanes were fetched; else None.

    Args:
        verdict: The verdict.
        records: Steps of the ledger, oldest first.
    """
    changes = [one for one in records if one.step is FlipStep.GATEWAY_CHANGED]
    return changes[-1] if changes and fetched_at(verdict) < moment(changes[-1].recorded_at) else None


def changed_between(held: AnyVerdict, newest: AnyVerdict) -> str:
    """Return what of the sides differs between two verdicts; "" for nothing, and where one of them reached no side."""
    if held.not_run or newest.not_run:
        return ""
    for side, one, two in zip(Side, held.lanes, newest.lanes, strict=True):
        if one.url != two.url or one.settings_hash != two.settings_hash:
            return f"how the {side} is requested"
        if one.server_headers != two.server_headers:
            return f"what the {side} says of its software"
    return ""
