"""Which changes of verdicts are news: a failing date, a recovery, missing evidence, and a verdict that does not come.

Here belongs the decision alone, over plain facts: what was known, which verdicts came, what the time is. Reading the ledger
belongs to `storage.ledger_tail`, words to `report.alert_text`, sending to the room `alerts`.

A model or corpus of a probe is one *subject*. Its state is that of its latest date, and a change of it is announced once:

    announced before    state now       news
    nothing, PASS       FAIL            fail
    nothing, PASS       INCONCLUSIVE    inconclusive, unless that is switched off
    INCONCLUSIVE        FAIL            fail
    FAIL, INCONCLUSIVE  PASS            recovered
    FAIL                INCONCLUSIVE    none: it is open, and nothing shows that it is over

Earlier dates that turn into FAIL while the state is not FAIL are announced together, once no verdict of the subject has come for
a while: a backfill of a week is one message. What a ledger holds when it is first looked at is known and not news, but for
the state itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.recorded_time import moment


class NewsKind(StrEnum):
    """What happened. The spelling is a setting and part of what a webhook gets: it is never changed, only added to."""

    FAIL = "fail"
    FAIL_OF_PAST_DATES = "fail-of-past-dates"
    INCONCLUSIVE = "inconclusive"
    RECOVERED = "recovered"
    STALE = "stale"
    RESUMED = "resumed"
    """A verdict came again after it was missed, and its decision is not news itself."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """A model of a probe of embeddings, or a corpus of retrieval.

    Attributes:
        probe: Name of the probe, as verdicts have it.
        name: Name of the model or corpus.
    """

    probe: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict, as far as alerts need it.

    Attributes:
        subject: What it is about.
        date: Partition date, ISO 8601.
        decision: The decision.
        recorded_at: When it was recorded, ISO 8601 in UTC.
        run_id: The run that gave it.
        reason: Its first reason; "" for none.
        cause: The name of its first cause; "" for none.
    """

    subject: Subject
    date: str
    decision: Decision
    recorded_at: str
    run_id: str
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDate:
    """The verdict on one date that was looked at last."""

    decision: Decision
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one subject.

    Attributes:
        dates: The newest verdict of each date, by ISO 8601 date.
        pending: Verdicts on past dates that are news once no further one has come for a while.
        announced: The problem that was announced and is not over; None where there is none.
        since: First date of that problem; "" where there is none.
        stale: The date whose verdict was missed, announced and still missing; "" where there is none.
    """

    dates: Mapping[str, KnownDate] = field(default_factory=dict[str, KnownDate])
    pending: tuple[Judged, ...] = ()
    announced: Decision | None = None
    since: str = ""
    stale: str = ""

    @property
    def latest(self) -> str:
        """Return the latest date that has a verdict, ISO 8601; "" where none has."""
        return max(self.dates, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One change that people have to know of.

    Attributes:
        kind: What happened.
        subject: What it is about.
        date: The date that it is about; of a verdict that is missing, the expected one.
        since: First date of the problem; of a verdict that is missing, the last date that has one, "" where none has.
        decision: The decision now; None for a verdict that is missing.
        dates: The dates concerned, where there are several.
        reason: First reason of the verdict; "" for none.
        cause: First cause; "" for none.
        run_id: The run that gave the verdict; "" for none.
    """

    kind: NewsKind
    subject: Subject
    date: str
    since: str = ""
    decision: Decision | None = None
    dates: tuple[str, ...] = ()
    reason: str = ""
    cause: str = ""
    run_id: str = ""


State = Mapping[Subject, Known]

SETTLED_AFTER: Final = timedelta(minutes=10)
"""How long no verdict of a subject has come before its past dates are announced: a partition takes a minute, a long one more."""


def changes(
    state: State,
    judged: Iterable[Judged],
    *,
    now: datetime,
    inconclusive: bool = True,
    settled_after: timedelta = SETTLED_AFTER,
) -> tuple[list[News], dict[Subject, Known]]:
    """Return what is news of the verdicts that came, in the order of the subjects, and the state after it.

    Args:
        state: The state before.
        judged: Verdicts that came since, in any order, repeated ones included.
        now: The time; aware.
        inconclusive: Whether missing evidence is news.
        settled_after: How long no verdict of a subject has to come before its past dates are announced.
    """
    came: dict[Subject, list[Judged]] = {}
    for one in judged:
        came.setdefault(one.subject, []).append(one)
    found, after = list[News](), dict(state)
    for subject in sorted(came.keys() | state.keys()):
        news, after[subject] = _of_subject(
            state.get(subject), came.get(subject, []), now - settled_after, inconclusive=inconclusive
        )
        found += news
    return found, after


def _of_subject(
    before: Known | None, came: Iterable[Judged], settled: datetime, *, inconclusive: bool
) -> tuple[list[News], Known]:
    known, newest = before or Known(), dict[str, Judged]()
    dates = dict(known.dates)
    for one in sorted(came, key=lambda judged: moment(judged.recorded_at)):
        held = dates.get(one.date)
        if held is None or moment(one.recorded_at) >= moment(held.recorded_at):
            dates[one.date] = KnownDate(decision=one.decision, recorded_at=one.recorded_at)
            newest[one.date] = one
    after = replace(known, dates=dates)
    news, after = _of_state(after, newest.get(after.latest), inconclusive=inconclusive)
    past = [
        one
        for day, one in newest.items()
        if before is not None and day != after.latest and one.decision is Decision.FAIL and _was_better(known, day)
    ]
    return _with_past(news, _pending(after, past, newest), settled)


def _was_better(known: Known, day: str) -> bool:
    held = known.dates.get(day)
    return held is None or held.decision is not Decision.FAIL


def _of_state(known: Known, newest: Judged | None, *, inconclusive: bool) -> tuple[list[News], Known]:
    """Return what is news of the latest date, for which a verdict came or did not."""
    if newest is None:
        return [], known
    decision, announced = newest.decision, known.announced
    if decision in PASSING:
        kind, now = (NewsKind.RECOVERED if announced else None), None
    elif decision is Decision.FAIL:
        kind, now = (None if announced is Decision.FAIL else NewsKind.FAIL), Decision.FAIL
    else:
        is_news = announced is None and inconclusive
        kind, now = (NewsKind.INCONCLUSIVE if is_news else None), Decision.INCONCLUSIVE if is_news else announced
    began = known.since if announced is now else _began(known)
    after = replace(known, announced=now, since=began if now else "")
    if kind is None:
        return [], after
    since = known.since if kind is NewsKind.RECOVERED else began
    return [_news(kind, newest, since=since)], after


def _began(known: Known) -> str:
    """Return the first date from which on no date passed, up to the latest one."""
    began = known.latest
    for day in sorted(known.dates, reverse=True):
        if known.dates[day].decision in PASSING:
            break
        began = day
    return began


def _pending(known: Known, past: Iterable[Judged], newest: Mapping[str, Judged]) -> Known:
    """Return what is known with the past dates that wait to be announced; one that was judged again waits as it is now."""
    waiting = {one.date: one for one in known.pending if one.date not in newest}
    waiting |= {one.date: one for one in past}
    waiting |= {
        one.date: newest[one.date]
        for one in known.pending
        if one.date in newest and newest[one.date].decision is Decision.FAIL
    }
    return replace(known, pending=tuple(waiting[day] for day in sorted(waiting) if day != known.latest))


def _with_past(news: list[News], known: Known, settled: datetime) -> tuple[list[News], Known]:
    """Return the news with that of past dates, where it is time; a problem that was announced covers them."""
    if known.announced is Decision.FAIL:
        return news, replace(known, pending=())
    if not known.pending or max(moment(held.recorded_at) for held in known.dates.values()) > settled:
        return news, known
    days = tuple(one.date for one in known.pending)
    found = _news(NewsKind.FAIL_OF_PAST_DATES, known.pending[-1], since=days[0])
    return [*news, replace(found, dates=days)], replace(known, pending=())


def _news(kind: NewsKind, one: Judged, *, since: str) -> News:
    return News(
        kind=kind,
        subject=one.subject,
        date=one.date,
        since=since,
        decision=one.decision,
        reason=one.reason,
        cause=one.cause,
        run_id=one.run_id,
    )


def staleness(
    state: State, expected: Mapping[Subject, str], others: Iterable[Subject] = ()
) -> tuple[list[News], dict[Subject, Known]]:
    """Return whose verdict is missing, and whose came again, in the order of the subjects; and the state after it.

    Args:
        state: The state, verdicts that came included.
        expected: The latest date that should have a verdict by now, of each subject that is judged on a schedule.
        others: Subjects that have other news, which says that a verdict came.
    """
    found, after, covered = list[News](), dict(state), set(others)
    for subject in sorted(expected):
        known, due = state.get(subject, Known()), expected[subject]
        if known.latest < due:
            if not known.stale:
                found.append(News(kind=NewsKind.STALE, subject=subject, date=due, since=known.latest))
                after[subject] = replace(known, stale=due)
        elif known.stale:
            if subject not in covered:
                decision = known.dates[known.latest].decision
                found.append(
                    News(
                        kind=NewsKind.RESUMED,
                        subject=subject,
                        date=known.latest,
                        since=known.stale,
                        decision=decision,
                    )
                )
            after[subject] = replace(known, stale="")
    return found, after


def expected_date(local: datetime, schedule: time, within: timedelta, first: date) -> str:
    """Return the latest date that should have a verdict by now, ISO 8601; "" where none has to have one.

    Args:
        local: The time in the time zone of the partitions; aware.
        schedule: When the run of a date is started, on that date.
        within: How long after that its verdict may come; hours that pass, also where the clock is set meanwhile.
        first: The first partition date.

    >>> expected_date(datetime(2026, 5, 2, 9, 59, tzinfo=UTC), time(6), timedelta(hours=4), date(2026, 4, 30))
    '2026-05-01'
    """
    begun = (local.astimezone(UTC) - within).astimezone(local.tzinfo).replace(tzinfo=None)
    due = begun.date() if begun.time() >= schedule else begun.date() - timedelta(days=1)
    return due.isoformat() if due >= first else ""
