"""Which changes of verdicts are news, once each, and which are none."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from parity_pipeline.core.alerts import Judged, Known, News, NewsKind, State, Subject, changes, expected_date, staleness
from parity_pipeline.core.outcomes import Decision

MODEL = Subject(probe="embed", name="m")
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
PASS, FAIL, UNCLEAR, WAIVED = Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS_WITH_WAIVERS


def judged(day: int, decision: Decision, *, minute: int = 0, hour: int = 6, subject: Subject = MODEL) -> Judged:
    """Return a verdict on a day of May 2026, recorded on that day."""
    at = datetime(2026, 5, day, hour, minute, tzinfo=UTC).isoformat()
    return Judged(subject=subject, date=f"2026-05-{day:02d}", decision=decision, recorded_at=at, run_id="r")


def announced(rounds: Sequence[Sequence[Judged]], *, inconclusive: bool = True, now: datetime = NOW) -> list[list[str]]:
    """Return the kinds of the news of each round, in which these verdicts come."""
    state: State = {}
    found = list[list[str]]()
    for came in rounds:
        news, state = changes(state, came, now=now, inconclusive=inconclusive)
        found.append([one.kind.value for one in news])
    return found


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([PASS, PASS], ["", ""]),
        ([PASS, WAIVED, PASS], ["", "", ""]),
        ([PASS, FAIL, FAIL, PASS], ["", "fail", "", "recovered"]),
        ([FAIL, FAIL], ["fail", ""]),
        ([PASS, UNCLEAR, UNCLEAR, PASS], ["", "inconclusive", "", "recovered"]),
        ([UNCLEAR, FAIL, WAIVED], ["inconclusive", "fail", "recovered"]),
        ([FAIL, UNCLEAR, FAIL, PASS], ["fail", "", "", "recovered"]),
        ([FAIL, UNCLEAR, PASS], ["fail", "", "recovered"]),
    ],
)
def test_a_change_of_the_state_is_announced_once(decisions: list[Decision], expected: list[str]) -> None:
    """Day after day, only what changes is news; the same verdict again never is."""
    rounds = [[judged(day, one)] for day, one in enumerate(decisions, 1)]
    assert announced(rounds) == [[one] if one else [] for one in expected]


def test_missing_evidence_is_not_news_where_that_is_switched_off() -> None:
    """Then neither it nor the pass after it is announced, and a failure still is."""
    rounds = [[judged(1, PASS)], [judged(2, UNCLEAR)], [judged(3, PASS)], [judged(4, UNCLEAR)], [judged(5, FAIL)]]
    assert announced(rounds, inconclusive=False) == [[], [], [], [], ["fail"]]


def test_the_same_verdicts_read_again_are_not_news() -> None:
    """A ledger that is read from its beginning again, as after a merge, announces nothing twice."""
    came = [judged(1, PASS), judged(2, FAIL), judged(3, UNCLEAR)]
    assert announced([came, came, [*came, judged(2, FAIL)]]) == [["inconclusive"], [], []]


def test_a_date_that_is_judged_again_changes_the_state() -> None:
    """Of one date the verdict recorded last counts, in whatever order they come."""
    later = judged(2, PASS, minute=30)
    assert announced([[judged(2, FAIL)], [later], [judged(2, FAIL)]]) == [["fail"], ["recovered"], []]
    assert announced([[later, judged(2, FAIL)]]) == [[]]


def test_since_is_the_first_date_that_did_not_pass() -> None:
    """A failure names the date from which none has passed; a recovery the same."""
    news, state = changes({}, [judged(1, PASS), judged(2, UNCLEAR), judged(3, FAIL)], now=NOW)
    assert [(one.kind, one.date, one.since) for one in news] == [(NewsKind.FAIL, "2026-05-03", "2026-05-02")]
    news, state = changes(state, [judged(4, FAIL)], now=NOW)
    assert news == []
    news, state = changes(state, [judged(5, PASS)], now=NOW)
    assert [(one.kind, one.since) for one in news] == [(NewsKind.RECOVERED, "2026-05-02")]
    assert state[MODEL].announced is None


def test_a_backfill_of_past_dates_is_one_message_when_it_is_over() -> None:
    """While verdicts come, nothing is announced; then all dates that fail now are announced together, once."""
    _, state = changes({}, [judged(day, PASS) for day in range(1, 9)], now=NOW)
    for minute, day in enumerate((2, 3, 4)):
        now = datetime(2026, 5, 9, 6, minute, tzinfo=UTC)
        at = now.isoformat()
        again = Judged(subject=MODEL, date=f"2026-05-0{day}", decision=FAIL, recorded_at=at, run_id="r")
        news, state = changes(state, [again], now=now)
        assert news == []
    news, state = changes(state, [], now=datetime(2026, 5, 9, 6, 11, tzinfo=UTC))
    assert news == []
    news, state = changes(state, [], now=datetime(2026, 5, 9, 6, 12, tzinfo=UTC))
    assert [(one.kind, one.dates) for one in news] == [
        (NewsKind.FAIL_OF_PAST_DATES, ("2026-05-02", "2026-05-03", "2026-05-04"))
    ]
    assert changes(state, [], now=NOW)[0] == []


def test_a_past_date_that_passes_in_the_end_is_not_announced() -> None:
    """Judged again while the backfill runs, it is not news any more."""
    _, state = changes({}, [judged(1, PASS), judged(8, PASS)], now=NOW)
    _, state = changes(state, [judged(1, FAIL, hour=7)], now=datetime(2026, 5, 8, 7, tzinfo=UTC))
    news, _ = changes(state, [judged(1, PASS, hour=8)], now=NOW)
    assert news == []


def test_past_dates_are_not_announced_while_the_state_is_fail() -> None:
    """Somebody is at it already, and a message per date would hide the next thing."""
    _, state = changes({}, [judged(1, PASS), judged(8, FAIL)], now=NOW)
    news, state = changes(state, [judged(1, FAIL, hour=7)], now=NOW)
    assert news == []
    news, _ = changes(state, [judged(9, PASS)], now=NOW)
    assert [one.kind for one in news] == [NewsKind.RECOVERED]


def test_what_a_ledger_held_before_alerts_is_not_news() -> None:
    """At the first look only the state counts; failures of last year wake nobody."""
    assert announced([[judged(1, FAIL), judged(2, FAIL), judged(3, PASS)], []]) == [[], []]


def test_subjects_do_not_mix() -> None:
    """A corpus named like a model has a state of its own."""
    corpus = Subject(probe="retrieve", name="m")
    rounds = [[judged(1, FAIL), judged(1, PASS, subject=corpus)], [judged(2, FAIL, subject=corpus)]]
    assert announced(rounds) == [["fail"], ["fail"]]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (datetime(2026, 5, 2, 9, 59, tzinfo=UTC), "2026-05-01"),
        (datetime(2026, 5, 2, 10, 0, tzinfo=UTC), "2026-05-02"),
        (datetime(2026, 5, 2, 0, 0, tzinfo=UTC), "2026-05-01"),
        (datetime(2026, 4, 30, 9, 0, tzinfo=UTC), ""),
        (datetime(2026, 4, 30, 10, 0, tzinfo=UTC), "2026-04-30"),
    ],
)
def test_a_date_is_due_some_hours_after_its_schedule(local: datetime, expected: str) -> None:
    """Up to that hour the day before is due, and before the first date none is."""
    assert expected_date(local, time(6), timedelta(hours=4), date(2026, 4, 30)) == expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        # Berlin, 29 March: clocks go from 2:00 to 3:00, so that four hours after 1:00 it is 6:00.
        (datetime(2026, 3, 29, 3, 30, tzinfo=UTC), "2026-03-28"),
        (datetime(2026, 3, 29, 4, 0, tzinfo=UTC), "2026-03-29"),
        # 25 October: from 3:00 to 2:00, so that it is 4:00.
        (datetime(2026, 10, 25, 2, 59, tzinfo=UTC), "2026-10-24"),
        (datetime(2026, 10, 25, 3, 0, tzinfo=UTC), "2026-10-25"),
    ],
)
def test_a_run_has_its_hours_where_the_clock_is_set(utc: datetime, expected: str) -> None:
    """A day of 23 hours does not make a run late, and one of 25 gives it no hour more."""
    local = utc.astimezone(ZoneInfo("Europe/Berlin"))
    assert expected_date(local, time(1), timedelta(hours=4), date(2026, 1, 1)) == expected


def kinds(news: Sequence[News]) -> list[NewsKind]:
    """Return the kinds of some news."""
    return [one.kind for one in news]


def test_a_missing_verdict_is_announced_once_and_so_is_its_coming() -> None:
    """One message for all days that it is missing, and one when it is there again."""
    _, state = changes({}, [judged(1, PASS)], now=NOW)
    assert staleness(state, {MODEL: "2026-05-01"})[0] == []
    news, state = staleness(state, {MODEL: "2026-05-02"})
    assert [(one.kind, one.date, one.since) for one in news] == [(NewsKind.STALE, "2026-05-02", "2026-05-01")]
    news, state = staleness(state, {MODEL: "2026-05-03"})
    assert news == []
    _, state = changes(state, [judged(3, PASS)], now=NOW)
    news, state = staleness(state, {MODEL: "2026-05-03"})
    assert [(one.kind, one.decision) for one in news] == [(NewsKind.RESUMED, PASS)]
    assert staleness(state, {MODEL: "2026-05-03"})[0] == []


def test_a_verdict_that_is_news_itself_says_that_verdicts_are_back() -> None:
    """A failure after a gap is one message and not two."""
    news, state = staleness({}, {MODEL: "2026-05-02"})
    assert kinds(news) == [NewsKind.STALE]
    assert news[0].since == ""
    news, state = changes(state, [judged(2, FAIL)], now=NOW)
    assert kinds(news) == [NewsKind.FAIL]
    assert staleness(state, {MODEL: "2026-05-02"}, [MODEL])[0] == []


def test_what_is_on_no_schedule_is_never_missing() -> None:
    """A model that was removed from the settings keeps its verdicts and is not waited for."""
    _, state = changes({}, [judged(1, PASS)], now=NOW)
    assert staleness(state, {}) == ([], state)
    assert state[MODEL] == Known(dates=state[MODEL].dates)
