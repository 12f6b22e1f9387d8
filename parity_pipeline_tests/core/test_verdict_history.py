from dataclasses import replace

from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.provenance import without_vectors
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict
from parity_pipeline.core.verdict_history import (
    RecordedVerdict,
    VerdictHistory,
    history_of,
    looser_than_before,
    looser_than_default,
)
from parity_pipeline_tests.core.fingerprints import fingerprint
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.verdicts import DATE, SEED, V1, mixed, verdict_of, with_provenance

BEFORE = "2026-04-29"


def recorded(*verdicts: AnyVerdict) -> list[RecordedVerdict]:
    """Return verdicts as a ledger has them: without details, one hour after the other."""
    return [
        RecordedVerdict(recorded_at=f"2026-05-01T{place:02}:00:00+00:00", run_id=f"run-{place}", verdict=_short(one))
        for place, one in enumerate(verdicts)
    ]


def _short(verdict: AnyVerdict) -> AnyVerdict:
    if isinstance(verdict, Verdict):
        legacy, candidate = (replace(one, provenance=without_vectors(one.provenance)) for one in verdict.sides)
        return replace(verdict, legacy=legacy, candidate=candidate, rows=(), contract=None, power=None)
    return replace(verdict, queries=(), power=None)


def test_the_first_verdict_has_no_history() -> None:
    """Its own line in the ledger is not what it supersedes, for both probes."""
    passing, _ = retrieval_verdicts.passing()
    for one in (verdict_of(SEED), passing):
        found = history_of(one, recorded(one))
        assert found == VerdictHistory()
        assert found.last is None
        assert looser_than_before(one, found) == ()


def test_the_vectors_of_canaries_do_not_make_another_verdict() -> None:
    """A verdict whose own file holds the canaries of its lanes is the one whose line in the ledger leaves them out."""
    held = verdict_of(SEED)
    for side in Side:
        held = with_provenance(held, side, fingerprint=fingerprint())
    assert history_of(held, recorded(held)) == VerdictHistory()
    other = with_provenance(held, Side.CANDIDATE, fingerprint=fingerprint(version="2"))
    assert history_of(held, recorded(other)).superseded is not None


def test_the_verdict_before_of_the_same_date_is_superseded() -> None:
    """Of several, the last one before its own; the newest of the date before stands beside it."""
    now = verdict_of(SEED)
    entries = recorded(
        replace(verdict_of(SEED), date="2026-04-01"),
        replace(mixed(), date=BEFORE),
        replace(now, date=BEFORE),
        mixed(),
        now,
    )
    found = history_of(now, entries)
    assert found.superseded == entries[3]
    assert found.earlier_date == entries[2]
    assert found.last == entries[3]
    assert found.last is not None
    assert (found.last.verdict.decision, now.decision) == (Decision.FAIL, Decision.PASS)


def test_a_verdict_that_was_given_twice_supersedes_itself() -> None:
    """The same verdict a second time is a second line, and the first one is what came before."""
    now = verdict_of(SEED)
    entries = recorded(now, now)
    assert history_of(now, entries).superseded == entries[0]


def test_a_verdict_that_the_ledger_lost_supersedes_the_last_line() -> None:
    """Where the newest line is another verdict, that one is what came before, and not its own."""
    entries = recorded(mixed())
    assert history_of(verdict_of(SEED), entries).superseded == entries[0]


def test_other_models_probes_and_later_dates_are_left_out() -> None:
    """What came after, or is about something else, is never named."""
    now = verdict_of(SEED)
    passing, _ = retrieval_verdicts.passing()
    others = recorded(
        replace(now, date="2026-05-09"),
        verdict_of(SEED, model=V1),
        replace(now, endpoint="embed-through-adapter"),
        replace(passing, corpus=now.model),
    )
    assert history_of(now, others) == VerdictHistory()


def test_a_loosened_threshold_is_looser_than_the_default_and_than_the_verdict_before() -> None:
    """Both are named by themselves: a threshold may be looser than one of them alone."""
    loose = verdict_of(SEED, thresholds=Thresholds(cosine=0.95))
    tight = verdict_of(SEED, thresholds=Thresholds(cosine=0.9999))
    [one] = looser_than_default(loose)
    assert (one.what, one.before, one.after) == ("cosine", "≥ 0.9990", "≥ 0.9500")
    assert looser_than_default(tight) == looser_than_default(verdict_of(SEED)) == ()
    since_tight = history_of(verdict_of(SEED), recorded(replace(tight, date=BEFORE), verdict_of(SEED)))
    assert [(change.before, change.after) for change in looser_than_before(verdict_of(SEED), since_tight)] == [
        ("≥ 0.9999", "≥ 0.9990")
    ]
    since_loose = history_of(verdict_of(SEED), recorded(replace(loose, date=DATE), verdict_of(SEED)))
    assert looser_than_before(verdict_of(SEED), since_loose) == ()
