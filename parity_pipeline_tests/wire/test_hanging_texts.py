"""Texts that make a side hang: every other text is fetched, and the lane ends soon. On a virtual clock."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.wire.fake_side import FakeSide, side, vector_of
from parity_pipeline_tests.wire.virtual_time import Slow, fetch_in_virtual_time

MANY = 1079
LONG = 2000
Arrange = Callable[[list[str], list[str]], list[str]]


def defaults() -> SideConfig:
    """Return a side with the default batches, requests in flight and time-outs."""
    return side(batch_texts=32, concurrency=4)


def is_long(texts: list[str]) -> bool:
    """Return whether one of the texts is long enough to make the side hang."""
    return any(len(text) >= LONG for text in texts)


def scattered(short: list[str], long: list[str]) -> list[str]:
    """Put the long texts anywhere."""
    texts = [*short, *long]
    Random(3).shuffle(texts)  # noqa: S311 - an order, nothing secret
    return texts


ARRANGEMENTS: dict[str, Arrange] = {
    "scattered": scattered,
    "first": lambda short, long: [*long, *short],
    "last": lambda short, long: [*short, *long],
    "together": lambda short, long: [*short[:500], *long, *short[500:]],
    "longest first": lambda short, long: sorted([*short, *long], key=len, reverse=True),
}


def corpus(arrange: Arrange, *, long: int = 50) -> list[str]:
    """Return texts of many lengths, some of them long."""
    dice = Random(7)  # noqa: S311 - lengths, nothing secret
    shorts = [f"{number} ".ljust(int(dice.lognormvariate(4.5, 1.0)) % 1900 + 8, "x") for number in range(MANY - long)]
    longs = [f"{number} ".ljust(dice.randrange(LONG, 9000), "y") for number in range(long)]
    return arrange(shorts, longs)


@pytest.mark.parametrize("arrange", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_long_texts_that_hang_cost_two_minutes_and_no_other_text(arrange: Arrange, tmp_path: Path) -> None:
    """With default settings the lane ends within 120 s; each text that does not hang has its vector."""
    texts = corpus(arrange)
    fake = FakeSide()
    got = fetch_in_virtual_time(Slow(fake, is_long), texts, defaults(), tmp_path / "a")
    assert got.is_complete(texts)
    assert got.time.seconds <= 120.0
    expected = [[] if is_long([text]) else vector_of(text) for text in texts]
    assert got.vectors() == expected
    assert got.result.status_counts["failed"] == 50
    assert not got.result.stopped_early
    alone = [body["texts"] for body in fake.bodies if len(body["texts"]) == 1 and is_long(body["texts"])]
    assert len(alone) <= 16
    errors = [error for error in got.column("errors") if error]
    skipped = [error for error in errors if error.startswith("not requested: like ")]
    assert len(skipped) == 50 - sum(error.startswith("read_timeout") for error in errors) >= 40
    assert any(f"{len(skipped)} texts were not requested" in caveat for caveat in got.result.caveats)


def test_a_trickling_response_costs_one_total_timeout() -> None:
    """Where bytes keep trickling in, only the total time-out ends a request; three times it are enough for all."""
    texts = corpus(scattered)
    got = fetch_in_virtual_time(Slow(FakeSide(), is_long, trickles=True), texts, defaults())
    assert got.time.seconds <= 3 * defaults().timeouts.total
    assert got.result.status_counts["ok"] == MANY - 50


def test_without_staging_the_same_holds() -> None:
    """A lane that keeps its early rows in memory does not wait for the texts it set aside."""
    texts = corpus(scattered)
    got = fetch_in_virtual_time(Slow(FakeSide(), is_long), texts, defaults())
    assert got.is_complete(texts)
    assert got.result.status_counts["ok"] == MANY - 50


def test_a_text_that_hangs_for_another_reason_than_its_length_is_isolated(tmp_path: Path) -> None:
    """Where length is not the reason, nothing is predicted: each text is requested, and only those that hang fail."""
    texts = corpus(scattered, long=0)
    bad = set(texts[100:103])
    got = fetch_in_virtual_time(
        Slow(FakeSide(), lambda requested: not bad.isdisjoint(requested)), texts, defaults(), tmp_path / "a"
    )
    assert [text for text, status in zip(texts, got.column("status"), strict=True) if status is not RowStatus.OK] == [
        text for text in texts if text in bad
    ]
    assert got.time.seconds <= 240.0
    assert not any("not requested" in caveat for caveat in got.result.caveats)


def test_the_time_for_texts_that_hang_without_a_pattern_is_bounded(tmp_path: Path) -> None:
    """Fifty such texts end the lane within the budget, and the caveats say how many texts it cost."""
    texts = corpus(scattered, long=0)
    bad = set(Random(9).sample(texts, 50))  # noqa: S311 - a choice, nothing secret
    config = defaults()
    got = fetch_in_virtual_time(
        Slow(FakeSide(), lambda requested: not bad.isdisjoint(requested)), texts, config, tmp_path / "a"
    )
    assert got.is_complete(texts)
    assert got.time.seconds <= 5 * config.timeouts.total
    assert got.result.status_counts["ok"] > 0.9 * MANY


def test_a_slow_side_keeps_its_batches(tmp_path: Path) -> None:
    """A side that needs 40 of the 60 s for a batch gets whole batches once it has shown how slow it is."""
    texts = corpus(scattered, long=0)[:320]
    fake = FakeSide()
    slow = Slow(fake, seconds=lambda requested: 1.25 * len(requested))
    got = fetch_in_virtual_time(slow, texts, defaults(), tmp_path / "a")
    assert got.result.status_counts["ok"] == 320
    assert sum(len(body["texts"]) == 32 for body in fake.bodies) >= 10
    assert fake.requests <= 20


def test_a_cold_start_costs_no_text(tmp_path: Path) -> None:
    """A side that loads its model for 45 s at its first request loses no text."""
    texts = corpus(scattered, long=0)
    fake = FakeSide()
    slow = Slow(fake, seconds=lambda _requested: 45.0 if fake.requests <= 5 else 0.05)
    got = fetch_in_virtual_time(slow, texts, defaults(), tmp_path / "a")
    assert got.result.status_counts["ok"] == MANY
    assert fake.requests <= 45


def test_one_lone_hang_is_not_retried(tmp_path: Path) -> None:
    """A text that exceeded the time-outs alone, while the side worked, is not requested again."""
    texts = corpus(scattered, long=1)
    fake = FakeSide()
    fetch_in_virtual_time(Slow(fake, is_long), texts, defaults(), tmp_path / "a")
    assert sum(body["texts"] == [text] for body in fake.bodies for text in texts if is_long([text])) == 1
