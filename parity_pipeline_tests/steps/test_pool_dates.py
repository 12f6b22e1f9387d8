from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from parity_pipeline.core.confidence import PooledBound, anytime_upper_bound
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.steps.pool_dates import pool_dates
from parity_pipeline.storage.ledger import LedgerEntry
from parity_pipeline_tests.report.verdicts import Row, verdict_of, with_provenance


def day_of(number: int) -> str:
    """Return a date of April 2026."""
    return f"2026-04-{number:02}"


def judged(number: int, *, texts: int = 100, failing: int = 0, drawn: int = 1, tag: str = "", **more: Any) -> Verdict:
    """Return the verdict on a day whose random samples are its own, or those of the days with the same tag."""
    tag = tag or day_of(number)
    match = Row(text="", drawn=drawn)
    mismatch = replace(match, outcome=Outcome.MISMATCH, cosine=0.5)
    rows = [replace(mismatch if place < failing else match, text=f"{tag} {place}") for place in range(texts)]
    verdict = verdict_of(rows, date=day_of(number), **more)
    return replace(verdict, sample_set=replace(verdict.sample_set, hash=(tag.encode().hex() * 8)[:64]))


def ledger_of(verdicts: Sequence[Verdict], recorded: Sequence[str] = ()) -> list[LedgerEntry]:
    """Return entries recorded in this order, or at these times."""
    times = recorded or [f"2026-05-01T00:00:{place:02}+00:00" for place in range(len(verdicts))]
    return [
        LedgerEntry(recorded_at=time, run_id="run", verdict=verdict)
        for time, verdict in zip(times, verdicts, strict=True)
    ]


def pooled(*verdicts: Verdict) -> PooledBound | None:
    """Return what the last verdict says of itself and all others."""
    return pool_dates(verdicts[-1], ledger_of(verdicts[:-1]))


def counted(found: PooledBound | None) -> tuple[int, int, int, str]:
    """Return dates, texts, failures and first date."""
    assert found is not None
    return found.dates, found.texts, found.failures, found.since


def test_thirty_nights_of_a_hundred_texts_say_what_three_thousand_do() -> None:
    """The random samples of all dates of one deployment are one sample, with one bound."""
    found = pooled(*(judged(number) for number in range(1, 31)))
    assert found == PooledBound(
        dates=30, texts=3000, failures=0, bound=anytime_upper_bound(0, 3000), since=day_of(1), repeated=False
    )
    assert anytime_upper_bound(0, 3000) < 0.0013


def test_failures_of_earlier_dates_are_not_forgotten() -> None:
    """A clean night after nights with failures pools them all, and the bound holds them."""
    found = pooled(judged(1, failing=3), judged(2, failing=1), judged(3))
    assert counted(found) == (3, 300, 4, day_of(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"settings_hash": "1" * 64},
        {"server_headers": {"server": "go 2"}},
        {"models_echoed": {"another": 100}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_deployment_starts_again(changes: dict[str, Any]) -> None:
    """Dates before the last change say nothing about the candidate of now, even if the old one comes back."""
    old = [judged(1), with_provenance(judged(2), Side.CANDIDATE, **changes)]
    assert pooled(*old, judged(3)) is None
    assert counted(pooled(*old, judged(3), judged(4))) == (2, 200, 0, day_of(3))


def test_the_number_of_rows_that_name_a_model_does_not_count() -> None:
    """A deployment is the model it names, not how many rows it named it in."""
    other = with_provenance(
        judged(1), Side.CANDIDATE, models_echoed=dict.fromkeys(judged(1).candidate.provenance.models_echoed, 7)
    )
    assert counted(pooled(other, judged(2))) == (2, 200, 0, day_of(1))


def test_other_limits_start_again() -> None:
    """What matched under a looser threshold is not evidence for a stricter one."""
    assert pooled(judged(1, thresholds=Thresholds(cosine=0.9)), judged(2)) is None


def test_the_newest_entry_of_a_date_counts() -> None:
    """A date that was judged again counts once, with what was recorded last, wherever it stands in the file."""
    first, second = judged(1, failing=9, tag="first"), judged(1, failing=2, tag="second")
    entries = ledger_of([second, first], ["2026-05-02T00:00:00+00:00", "2026-05-01T00:00:00+00:00"])
    assert counted(pool_dates(judged(2), entries)) == (2, 200, 2, day_of(1))
    assert counted(pool_dates(judged(2), entries + ledger_of([judged(2, failing=50)]))) == (2, 200, 2, day_of(1))


def test_the_same_samples_on_two_dates_count_once() -> None:
    """Samples that are sent again are not new draws; nor are they where hand-picked texts alone differ."""
    assert pooled(judged(1, tag="same"), judged(2, tag="same")) is None
    assert counted(pooled(judged(1, tag="same"), judged(2), judged(3, tag="same"))) == (2, 200, 0, day_of(2))
    same = judged(1, tag="same")
    salted = replace(same, sample_set=replace(same.sample_set, hash="5" * 64))
    assert pooled(salted, judged(2, tag="same")) is None


def test_later_dates_do_not_count() -> None:
    """A backfill says what was known on its date, whatever came after."""
    assert pool_dates(judged(2), ledger_of([judged(3), judged(4)])) is None
    assert counted(pool_dates(judged(2), ledger_of([judged(1), judged(3)]))) == (2, 200, 0, day_of(1))


def test_other_models_do_not_count() -> None:
    """Each model is a candidate of its own."""
    assert pooled(judged(1, model="other"), judged(2)) is None
    assert pooled(replace(judged(1), endpoint="retrieve"), judged(2)) is None


def test_dates_that_say_nothing_are_passed_over() -> None:
    """Dates without random samples, of earlier versions, or without any vector from the candidate change nothing."""
    picked = judged(2, drawn=0)
    old = judged(3)
    old = replace(old, random=replace(old.random, draws_hash=""))
    silent = with_provenance(
        judged(4), Side.CANDIDATE, status_counts={RowStatus.FAILED: 100}, models_echoed={}, server_headers={}
    )
    assert counted(pooled(judged(1), picked, old, silent, judged(5))) == (2, 200, 0, day_of(1))


def test_repeated_draws_are_named() -> None:
    """A text that one night draws twice is requested once, so the statement rests on repeatable results."""
    found = pooled(judged(1, texts=50, drawn=2), judged(2))
    assert counted(found) == (2, 200, 0, day_of(1))
    assert found is not None
    assert found.repeated
    assert "if results are repeatable" in found.sentence()
