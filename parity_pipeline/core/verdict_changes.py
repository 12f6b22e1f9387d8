"""What changed between two verdicts of one probe, and which limits of a verdict are looser than others.

Here belongs the comparison of two verdicts as typed records, for reports, `parity diff` and `parity rejudge` alike: the
decision, what matches, limits and severities, waivers, causes, inputs, gateways. What follows from it, and every sentence
about it, belongs to whoever shows it. Comparing two sides belongs to `compare`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.judging_rules import Rule, rules_of
from parity_pipeline.core.number_format import cosine_text, exact_decimal, floored
from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict

AnyVerdict: TypeAlias = Verdict | RetrievalVerdict
"""A verdict of either probe."""

NONE: Final = "none"
"""Stands for a value that one of two verdicts does not have: never for 0, which is a measurement."""


class Subject(StrEnum):
    """What a change is about, in the order in which changes are listed."""

    DECISION = "decision"
    MATCHING = "matching"
    """Samples that match, or queries for which both sides return the same, of all."""
    AGREEMENT = "agreement"
    """The worst cosine, or the mean overlap."""
    RULE = "rule"
    """A limit, or the severity that settings give a check."""
    WAIVED = "waived"
    CAUSE = "cause"
    INPUTS = "inputs"
    """The set of samples or queries that was compared."""
    GATEWAY = "gateway"
    """What says which gateway it was: address, dialect, model, software."""
    VERSION = "version"
    """The version of parity_pipeline that judged."""


class Direction(StrEnum):
    """What a change means."""

    BETTER = "better"
    WORSE = "worse"
    LOOSER = "looser"
    """More passes than did before."""
    STRICTER = "stricter"
    OTHER = "other"
    """Different, and by itself neither better nor worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        subject: What it is about.
        what: Its name in a table or sentence, such as `worst cosine` or `candidate header server`; raw text, since a
            gateway chooses part of it.
        before: Its earlier value as text; `NONE` where there was none. Raw text.
        after: Its later value, likewise.
        direction: What the change means.
        side: The side that it is about; None for neither alone.
    """

    subject: Subject
    what: str
    before: str
    after: str
    direction: Direction
    side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictKey:
    """Which verdict a comparison is about.

    Attributes:
        probe: The probe, as verdicts name it.
        date: Partition date, ISO 8601.
        name: Model or corpus.
        decision: The decision.
    """

    probe: str
    date: str
    name: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChanges:
    """What changed from one verdict to another.

    Attributes:
        before: The earlier verdict.
        after: The later one.
        changes: What changed, in the order of `Subject`; empty where nothing did that a verdict holds.
    """

    before: VerdictKey
    after: VerdictKey
    changes: tuple[Change, ...]

    def of(self, *subjects: Subject) -> tuple[Change, ...]:
        """Return the changes about these subjects."""
        return tuple(one for one in self.changes if one.subject in subjects)


def changes_between(before: AnyVerdict, after: AnyVerdict) -> VerdictChanges:
    """Return what changed from one verdict to a later one.

    Either may be of any date, model or corpus, and may be one of the ledger, which holds no rows. Of a date that could not be
    run nothing is compared but the decision and the numbers that it lacks: no limit was applied, and no cause looked for.

    Raises:
        MetricInputError: One is on vectors and the other on ranked lists.
    """
    if isinstance(before, Verdict) is not isinstance(after, Verdict):
        problem = f"a verdict of {before.endpoint} and one of {after.endpoint} have nothing in common to compare"
        raise MetricInputError(problem, remedy="Compare two verdicts of one probe.")
    found = (*_decision(before, after), *_matching(before, after), *_agreement(before, after))
    if not (before.not_run or after.not_run):
        found = (*found, *_of_judged(before, after))
    return VerdictChanges(before=key_of(before), after=key_of(after), changes=found)


def _of_judged(before: AnyVerdict, after: AnyVerdict) -> tuple[Change, ...]:
    return (
        *rule_changes(rules_of(before), rules_of(after)),
        *_waived(before, after),
        *_causes(before, after),
        *_inputs(before, after),
        *_gateways(before, after),
        *_different(Subject.VERSION, "parity_pipeline", before.package_version, after.package_version),
    )


def key_of(verdict: AnyVerdict) -> VerdictKey:
    """Return which verdict it is."""
    return VerdictKey(
        probe=verdict.endpoint, date=verdict.date, name=name_of_partition(verdict), decision=verdict.decision
    )


def name_of_partition(verdict: AnyVerdict) -> str:
    """Return the model or corpus of a verdict."""
    return verdict.model if isinstance(verdict, Verdict) else verdict.corpus


def inputs_of(verdict: AnyVerdict) -> int:
    """Return how many samples or queries have an outcome."""
    return verdict.counts.samples if isinstance(verdict, Verdict) else verdict.counts.queries


def matching_of(verdict: AnyVerdict) -> int:
    """Return how many samples match, or for how many queries both sides return the same."""
    return verdict.counts.matched if isinstance(verdict, Verdict) else verdict.counts.agreeing


def agreement_of(verdict: AnyVerdict) -> float | None:
    """Return the worst cosine or the mean overlap, in [-1, 1]; None where nothing was measured."""
    return verdict.worst_cosine if isinstance(verdict, Verdict) else verdict.value(SetMeasure.MEAN_OVERLAP)


def agreement_text(verdict: AnyVerdict) -> str:
    """Return the worst cosine or the mean overlap as reports print it; "" where nothing was measured."""
    value = agreement_of(verdict)
    if value is None:
        return ""
    if isinstance(verdict, Verdict):
        return cosine_text(value, verdict.threshold)
    return floored(exact_decimal(value), _DECIMALS)


def causes_of(verdict: AnyVerdict) -> tuple[str, ...]:
    """Return the names of the causes, with the side of each where it is known, the first one first."""
    if isinstance(verdict, RetrievalVerdict):
        named = [(one.name.value, one.side) for one in verdict.causes if one.name is not RetrievalCauseName.UNKNOWN]
    else:
        named = [(one.name.value, one.side) for one in verdict.diagnosis.causes] if verdict.diagnosis else []
    return tuple(dict.fromkeys(f"{name} on the {side} side" if side else name for name, side in named))


def rule_changes(before: Iterable[Rule], after: Iterable[Rule]) -> tuple[Change, ...]:
    """Return which rules differ, and whether more or less passes under the later ones.

    Where one of them does not have a rule, the default of that rule holds there, or nothing.
    """
    old, new = ({one.name: one for one in rules} for rules in (before, after))
    found: list[Change] = []
    for name in dict.fromkeys((*old, *new)):
        was, strict = _held(old.get(name), new.get(name))
        now, stricter = _held(new.get(name), old.get(name))
        if was == now:
            continue
        direction = Direction.OTHER if strict == stricter else Direction.LOOSER
        found.append(
            Change(
                subject=Subject.RULE,
                what=name,
                before=was,
                after=now,
                direction=Direction.STRICTER if stricter > strict else direction,
            )
        )
    return tuple(found)


def _held(rule: Rule | None, other: Rule | None) -> tuple[str, float]:
    """Return text and strictness of a rule; those of its default, as the other verdict knows it, where there is none."""
    if rule is not None:
        return rule.text, rule.strictness
    return (other.default_text or NONE, other.default_strictness) if other else (NONE, -math.inf)


_DECIMALS: Final = 4
"""Decimals of a mean overlap, as reports print it."""

_ORDER: Final[Mapping[Decision, int]] = {
    Decision.FAIL: 0,
    Decision.INCONCLUSIVE: 0,
    Decision.PASS_WITH_WAIVERS: 1,
    Decision.PASS: 2,
}
"""How good a decision is for whoever wants to flip: not to know is no better than to know that it fails."""


def _direction(before: float, after: float) -> Direction:
    return Direction.OTHER if before == after else Direction.BETTER if after > before else Direction.WORSE


def _different(subject: Subject, what: str, before: str, after: str, *, side: Side | None = None) -> tuple[Change, ...]:
    """Return a change that is neither better nor worse; nothing where both are the same."""
    if before == after:
        return ()
    one = Change(
        subject=subject, what=what, before=before or NONE, after=after or NONE, direction=Direction.OTHER, side=side
    )
    return (one,)


def _decision(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    if before.decision is after.decision:
        return
    yield Change(
        subject=Subject.DECISION,
        what="decision",
        before=before.decision.value,
        after=after.decision.value,
        direction=_direction(_ORDER[before.decision], _ORDER[after.decision]),
    )


def _matching(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    shares = [(matching_of(one), inputs_of(one)) for one in (before, after)]
    if shares[0] == shares[1]:
        return
    texts = [f"{matched:,} of {total:,}" if total else NONE for matched, total in shares]
    values = [matched / total if total else None for matched, total in shares]
    was, now = values
    yield Change(
        subject=Subject.MATCHING,
        what="samples that match" if isinstance(after, Verdict) else "queries with the same results",
        before=texts[0],
        after=texts[1],
        direction=Direction.OTHER if was is None or now is None else _direction(was, now),
    )


def _agreement(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    was, now = agreement_of(before), agreement_of(after)
    texts = [agreement_text(before) or NONE, agreement_text(after) or NONE]
    if texts[0] == texts[1]:
        return
    yield Change(
        subject=Subject.AGREEMENT,
        what="worst cosine" if isinstance(after, Verdict) else "mean overlap",
        before=texts[0],
        after=texts[1],
        direction=Direction.OTHER if was is None or now is None else _direction(was, now),
    )


def _waived(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    """Yield the inputs that each waiver took, and the checks that it covers."""
    counts = [dict(one.counts.waived) for one in (before, after)]
    covered = [
        {name for check in one.checks for name in check.waived_by.split(", ") if name} for one in (before, after)
    ]
    for name in sorted({*counts[0], *counts[1], *covered[0], *covered[1]}):
        was, now = counts[0].get(name, 0), counts[1].get(name, 0)
        texts = [
            _taken(taken.get(name, 0), of_checks=name in by_name)
            for taken, by_name in zip(counts, covered, strict=True)
        ]
        if texts[0] == texts[1]:
            continue
        wider = now > was or (name in covered[1] and name not in covered[0])
        yield Change(
            subject=Subject.WAIVED,
            what=f"waiver {name}",
            before=texts[0],
            after=texts[1],
            direction=Direction.LOOSER if wider else Direction.STRICTER,
        )


def _taken(count: int, *, of_checks: bool) -> str:
    parts = [f"{count:,} waived"] if count else []
    return " and ".join([*parts, *(["checks waived"] if of_checks else [])]) or NONE


def _causes(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    was, now = causes_of(before), causes_of(after)
    # Where nothing was judged again, no cause has gone: it was not looked for.
    gone = [one for one in was if one not in now] if after.decision in (*PASSING, Decision.FAIL) else []
    for name in gone:
        yield Change(subject=Subject.CAUSE, what=name, before="named", after=NONE, direction=Direction.BETTER)
    for name in now:
        if name not in was:
            yield Change(subject=Subject.CAUSE, what=name, before=NONE, after="named", direction=Direction.WORSE)


_HASH_DIGITS: Final = 12
"""Digits of a content hash that are shown; two sets with as many in common are the same one in practice."""


def _inputs(before: AnyVerdict, after: AnyVerdict) -> tuple[Change, ...]:
    (was, old), (now, new) = (_set_of(one) for one in (before, after))
    if was == now:
        return ()
    what = "sample set" if isinstance(after, Verdict) else "query set"
    texts = [f"{count:,} ({name[:_HASH_DIGITS]})" if name else NONE for name, count in ((was, old), (now, new))]
    return _different(Subject.INPUTS, what, *texts)


def _set_of(verdict: AnyVerdict) -> tuple[str, int]:
    if isinstance(verdict, Verdict):
        return verdict.sample_set.hash, verdict.sample_set.samples
    return verdict.query_set.hash, verdict.query_set.queries


def _gateways(before: AnyVerdict, after: AnyVerdict) -> Iterator[Change]:
    """Yield what says that a gateway is another one; nothing of a side that one of the verdicts did not reach."""
    for side in Side:
        old, new = identity_of(before, side), identity_of(after, side)
        for fact in dict.fromkeys((*old, *new)) if old and new else ():
            yield from _different(Subject.GATEWAY, f"{side} {fact}", old.get(fact, ""), new.get(fact, ""), side=side)


def identity_of(verdict: AnyVerdict, side: Side) -> Mapping[str, str]:
    """Return what a verdict holds that says which gateway a side was, by the name of each fact; empty where it has nothing.

    Address, dialect, the model that was requested, those that the responses name, and the headers that name software. What
    differs from request to request is not among them.
    """
    held = verdict.side(side)
    lane = held if isinstance(held, RetrievalProvenance) else held.provenance
    if not lane.requests:
        return {}
    facts = {"label": lane.label, "address": lane.url, "dialect": lane.dialect}
    if not isinstance(lane, RetrievalProvenance):
        facts["model requested"] = lane.model_asked
        facts["model in the responses"] = ", ".join(sorted(name for name in lane.models_echoed if name))
    else:
        facts["mode"] = ", ".join(sorted(name for name in lane.modes if name))
    return facts | {f"header {name}": value for name, value in sorted(lane.server_headers.items())}
