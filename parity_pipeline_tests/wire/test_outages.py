"""A side that goes down: its rows are FAILED, its lane stops soon, and a text that breaks a side is still refused."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline_tests.wire.fake_side import FakeSide, fetch, side, vector_of
from parity_pipeline_tests.wire.virtual_time import Slow, fetch_in_virtual_time

TEXTS = [f"text {number}" for number in range(320)]
BATCHES = 32
POISONS = {f"text {number}" for number in range(120, 124)}

ERRORS: dict[str, Callable[[], httpx.Response | Exception]] = {
    "500": lambda: httpx.Response(500),
    "424": lambda: httpx.Response(424),
    "502": lambda: httpx.Response(502),
    "503": lambda: httpx.Response(503),
    "504": lambda: httpx.Response(504),
    "dropped": lambda: httpx.ReadError("dropped"),
    "refused connection": lambda: httpx.ConnectError("refused"),
}
STAGES = {"after the first batch": 1, "in the middle": BATCHES // 2, "before the last batch": BATCHES - 1}


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("good", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_outage_refuses_nothing(
    error: Callable[[], httpx.Response | Exception], good: int, concurrency: int, tmp_path: Path
) -> None:
    """Whatever a side that is down returns, and from when on, no text is refused and the lane stops within a minute."""
    fake = FakeSide(lambda _texts, number: error() if number > good else None)
    config = side(batch_texts=10, concurrency=concurrency)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, config, tmp_path / "a")
    assert got.is_complete(TEXTS)
    assert got.result.status_counts == {"ok": 10 * good, "refused": 0, "failed": 320 - 10 * good, "malformed": 0}
    assert got.result.stopped_early.startswith("lane stopped early because")
    assert got.time.seconds <= 60.0


@pytest.mark.parametrize("good", STAGES.values(), ids=STAGES)
def test_silence_is_an_outage(good: int, tmp_path: Path) -> None:
    """A side that accepts requests and says nothing more ends its lane within a minute beyond its read time-out."""
    fake = FakeSide()
    got = fetch_in_virtual_time(Slow(fake, lambda _texts: fake.requests > good), TEXTS, side(), tmp_path / "a")
    assert got.is_complete(TEXTS)
    assert got.result.status_counts["failed"] == 320 - 10 * good
    assert got.result.stopped_early
    assert got.time.seconds <= Timeouts().read + 60.0


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_side_that_is_down_from_the_start_is_unusable(error: Callable[[], httpx.Response | Exception]) -> None:
    """Without a single vector, the side is reported with its address, within a minute."""
    with pytest.RaisesGroup(GatewayError, flatten_subgroups=True):
        fetch_in_virtual_time(Slow(FakeSide(lambda _texts, _number: error())), TEXTS, side())


def test_silence_from_the_start_is_unusable() -> None:
    """A side that never says anything is reported after its first batches and one plain text."""
    fake = FakeSide()
    with pytest.RaisesGroup(pytest.RaisesExc(GatewayError, match="sends no response"), flatten_subgroups=True):
        fetch_in_virtual_time(Slow(fake, lambda _texts: True), TEXTS, side())
    assert fake.requests <= 6


def test_texts_that_break_a_side_stay_refused(tmp_path: Path) -> None:
    """Texts that draw a 500 while a known good text gets its vector are refused, and only they are."""
    fake = FakeSide(lambda texts, _number: httpx.Response(500) if not POISONS.isdisjoint(texts) else None)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, side(), tmp_path / "a")
    refused = [text for text, status in zip(TEXTS, got.column("status"), strict=True) if status is RowStatus.REFUSED]
    assert set(refused) == POISONS
    assert got.result.status_counts["ok"] == 316
    assert not got.result.stopped_early


def test_retries_of_lone_500s_wait_side_by_side(tmp_path: Path) -> None:
    """Thirty-two texts that each draw a 500 cost no more than twice the time of a single one."""

    def seconds(bad: set[str], folder: Path) -> float:
        fake = FakeSide(lambda texts, _number: httpx.Response(500) if not bad.isdisjoint(texts) else None)
        got = fetch_in_virtual_time(Slow(fake), TEXTS, side(batch_texts=32, concurrency=4), folder)
        assert got.result.status_counts["refused"] == len(bad)
        return got.time.seconds

    assert seconds(set(TEXTS[32:64]), tmp_path / "many") <= 2 * seconds({TEXTS[40]}, tmp_path / "one")


@pytest.mark.parametrize(
    ("batch_texts", "concurrency", "seconds", "requests"), [(32, 4, 10.0, 500), (32, 1, 40.0, 600), (1, 4, 12.0, 600)]
)
def test_texts_that_break_a_side_alone_cost_one_retry_each(
    batch_texts: int, concurrency: int, seconds: float, requests: int, tmp_path: Path
) -> None:
    """Fifty texts among five hundred that draw a 500 are sent alone twice, and wait together for the end of the lane."""
    texts = [f"text {number}" for number in range(500)]
    bad = set(Random(4).sample(texts, 50))  # noqa: S311 - a choice, nothing secret
    fake = FakeSide(lambda texts, _number: httpx.Response(500) if not bad.isdisjoint(texts) else None)
    config = side(batch_texts=batch_texts, concurrency=concurrency)
    got = fetch_in_virtual_time(Slow(fake), texts, config, tmp_path / "a")
    assert {text for text, row in zip(texts, got.column("status"), strict=True) if row is RowStatus.REFUSED} == bad
    alone = Counter(body["texts"][0] for body in fake.bodies if len(body["texts"]) == 1)
    assert {alone[text] for text in bad} == {2}
    assert got.result.requests <= requests
    assert got.time.seconds <= seconds


@pytest.mark.parametrize("batch_texts", [1, 2, 32])
def test_an_error_that_passes_refuses_no_text(batch_texts: int, tmp_path: Path) -> None:
    """Where one request in ten draws a 500 by chance, no text is refused, however few are sent at once."""
    dice = Random(6)  # noqa: S311 - the same errors each time, nothing secret
    fake = FakeSide(lambda _texts, _number: httpx.Response(500) if dice.random() < 0.1 else None)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, side(batch_texts=batch_texts), tmp_path / "a")
    assert got.result.status_counts["ok"] == len(TEXTS)


def test_a_lone_text_is_refused_after_all_attempts(tmp_path: Path) -> None:
    """A single text that was never in a batch is sent as often as the side's attempts allow: nothing else speaks for it."""
    fake = FakeSide(lambda texts, _number: httpx.Response(500) if texts == ["text 5"] else None)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, side(batch_texts=1, attempts=4), tmp_path / "a")
    assert got.result.status_counts["refused"] == 1
    assert fake.requested["text 5"] == 4


def test_an_outage_while_texts_wait_for_the_end_refuses_none_of_them(tmp_path: Path) -> None:
    """A side that goes down before the last retries leaves its texts FAILED, so that a later run requests them."""

    def down_at_the_first_retry(texts: list[str], _number: int) -> httpx.Response | None:
        down = any(fake.requested[text] > 1 for text in POISONS)
        return httpx.Response(500) if down or texts[0] in POISONS else None

    fake = FakeSide(down_at_the_first_retry)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, side(batch_texts=1), tmp_path / "a")
    assert got.is_complete(TEXTS)
    assert got.result.status_counts == {"ok": 316, "refused": 0, "failed": 4, "malformed": 0}
    assert got.result.stopped_early


def test_a_definite_no_needs_no_canary() -> None:
    """A 4xx for a text says that the side works: no request is spent on a canary."""
    fake = FakeSide(lambda texts, _number: httpx.Response(400) if "text 11" in texts else None)
    got = fetch(fake, TEXTS[:20], side(concurrency=1))
    assert got.result.status_counts["refused"] == 1
    assert fake.requests == 2 + 8  # the two batches, then eight parts of the second one


def test_an_outage_that_passes_costs_nothing(tmp_path: Path) -> None:
    """A side that comes back while its canary is being retried gets another request for what it had not embedded."""
    fake = FakeSide(lambda _texts, number: httpx.Response(500) if 3 <= number < 9 else None)
    got = fetch_in_virtual_time(Slow(fake), TEXTS, side(concurrency=1), tmp_path / "a")
    assert got.result.status_counts["ok"] == 320
    assert not got.result.stopped_early


def test_the_next_run_asks_again_for_what_an_outage_cost(tmp_path: Path) -> None:
    """No row of an outage is staged as refused: the next run requests it and gets its vector."""
    down = FakeSide(lambda _texts, number: httpx.Response(500) if number > 3 else None)
    with SqliteStaging(tmp_path / "a") as staging:
        fetch(down, TEXTS, side(), staging=staging)
    back = FakeSide()
    with SqliteStaging(tmp_path / "a") as staging:
        got = fetch(back, TEXTS, side(), staging=staging)
    assert back.requests == BATCHES - 3
    assert got.vectors() == [vector_of(text) for text in TEXTS]


def test_an_outage_is_named_in_the_rows_that_it_cost() -> None:
    """A row of a batch that was lost says that there was no definite response, and which error there was."""
    fake = FakeSide(lambda _texts, number: httpx.Response(500, text="backend gone") if number > 1 else None)
    got = fetch(fake, TEXTS, side(concurrency=1))
    assert got.column("errors")[10].startswith("no definite response: http_500")
    assert "the side is down" in got.column("errors")[-1]


def test_one_error_that_passes_makes_no_side_unusable(tmp_path: Path) -> None:
    """Where the first batch is refused and the plain text after it meets a 502 once, the lane goes on."""
    bad = {TEXTS[3]}

    def respond(texts: list[str], number: int) -> httpx.Response | None:
        if number == 2:
            return httpx.Response(502)
        return None if bad.isdisjoint(texts) else httpx.Response(400)

    got = fetch_in_virtual_time(Slow(FakeSide(respond)), TEXTS[:20], side(concurrency=1), tmp_path / "a")
    assert (got.result.status_counts["ok"], got.result.status_counts["refused"]) == (19, 1)
