"""Canaries of a lane: sent at its start, middle and end, compared, kept for a resumed lane, and sent on in a soak."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.hazards.texts import CANARIES
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.side_config import SideConfig, Soak
from parity_pipeline_tests.wire.fake_side import FakeSide, Fetched, fetch, side, vector_of, vectors_response
from parity_pipeline_tests.wire.virtual_time import Slow, fetch_in_virtual_time

TEXTS = [f"text {number}" for number in range(200)]


def watched(**changes: Any) -> SideConfig:
    """Return a side with canaries, one request in flight."""
    changes.setdefault("concurrency", 1)
    return side(canaries=True, **changes)


def is_canary(texts: list[str]) -> bool:
    """Return whether a request is a canary."""
    return texts[0] in CANARIES.values()


def switched(texts: list[str], *, after: bool) -> httpx.Response:
    """Return the response of one build of a gateway, or of the next: other vectors, model, server and speed."""
    if not after:
        return vectors_response(texts)
    vectors = [[-value for value in vector_of(text)] for text in texts]
    return httpx.Response(200, json={"embeddings": vectors, "model": "m2"}, headers={"server": "build/2"})


def switching(at: int) -> FakeSide:
    """Return a side that another build takes the place of from a request on."""
    return FakeSide(lambda texts, number: switched(texts, after=number >= at))


def record_of(fake: FakeSide, config: SideConfig, **more: Any) -> CanaryRecord:
    """Return what the canaries of a lane showed."""
    got = fetch(fake, TEXTS, config, total=len(TEXTS), **more)
    assert got.is_complete(TEXTS)
    return got.result.canaries


def test_a_lane_sends_three_canaries() -> None:
    """One small request is sent before the first batch, one in the middle, one after the last; none of them is a sample."""
    fake = FakeSide()
    found = record_of(fake, watched())
    at = [number for number, body in enumerate(fake.bodies) if is_canary(body["texts"])]
    assert at == [0, 11, 22]
    assert (found.sent, found.compared, found.from_start, found.lowest, found.changes) == (3, 2, True, 1.0, ())


@pytest.mark.parametrize(("changes", "texts"), [({"batch_texts": 2}, 2), ({"batch_bytes": 120}, 1), ({}, 6)])
def test_a_canary_keeps_to_the_limits_of_its_side(changes: dict[str, Any], texts: int) -> None:
    """The request holds as many fixed texts as the side takes at once."""
    fake = FakeSide()
    record_of(fake, watched(**changes))
    assert {len(body["texts"]) for body in fake.bodies if is_canary(body["texts"])} == {texts}


def test_canaries_change_nothing_else_of_a_lane() -> None:
    """Rows, tokens, errors, echoes and latencies are those of the samples alone; the requests are three more."""

    def respond(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        data = [{"embedding": vector_of(text), "index": place} for place, text in enumerate(texts)]
        return httpx.Response(200, json={"data": data, "model": "m", "usage": {"total_tokens": len(texts)}})

    plain, more = (
        fetch(respond, TEXTS, side("openai", canaries=on, concurrency=1), total=len(TEXTS)) for on in (False, True)
    )
    assert more.vectors() == plain.vectors()
    assert more.result.requests == plain.result.requests + 3
    for name in ("tokens", "errors_by_kind", "models_echoed", "status_counts", "latency", "retries", "caveats"):
        assert getattr(more.result, name) == getattr(plain.result, name)


@pytest.mark.parametrize(("at", "low", "high"), [(5, 0, 100), (15, 100, 200)])
def test_a_change_is_placed_between_two_samples(at: int, low: int, high: int) -> None:
    """Where a lane changes its build, the change is between two canaries, with what else changed at that moment."""
    found = record_of(switching(at), watched())
    (change,) = found.changes
    assert (change.before.sample, change.after.sample) == (low, high)
    assert change.cosine == pytest.approx(-1.0)
    assert change.describe() == (
        f"between sample {low:,} and {high:,} (cosine -1.000000); at the same time changed: the model named, m to m2; "
        "the header server, none to build/2"
    )


def test_noise_below_the_tolerance_is_not_a_change() -> None:
    """Numbers that differ in their last digits are the same canary, and the record says how close they stayed."""

    def noisy(texts: list[str], number: int) -> httpx.Response:
        vectors = (np.array([vector_of(text) for text in texts]) * [1, 1 + 1e-5 * number, 1]).tolist()
        return httpx.Response(200, json={"embeddings": vectors, "model": "m"})

    found = record_of(FakeSide(noisy), watched())
    assert found.changed == 0
    assert found.lowest is not None
    assert 0.9999 < found.lowest < 1.0


def test_another_dimension_is_a_change() -> None:
    """Vectors of another length have no cosine, and are a change."""
    fake = FakeSide(
        lambda texts, number: (
            httpx.Response(200, json={"embeddings": [[1.0, 2.0]] * len(texts)}) if number > 15 else None
        )
    )
    found = record_of(fake, watched())
    assert [change.cosine for change in found.changes] == [None]
    assert found.beyond(0.999) == found.changes


@pytest.mark.parametrize("error", [400, 500, 503])
def test_a_canary_without_vectors_is_not_an_error_of_the_lane(error: int) -> None:
    """A side that refuses the fixed texts is fetched as before, and says that nothing was compared."""
    fake = FakeSide(lambda texts, _number: httpx.Response(error) if is_canary(texts) else None)
    got = fetch(fake, TEXTS, watched(), total=len(TEXTS))
    assert got.result.status_counts["ok"] == len(TEXTS)
    assert got.result.errors_by_kind == {}
    assert (got.result.canaries.sent, got.result.canaries.compared, got.result.canaries.lost) == (3, 0, 0)


def test_a_canary_does_not_hide_a_side_that_embeds_nothing_else(tmp_path: Path) -> None:
    """Where only the fixed texts get vectors, the texts of the lane are refused one by one, each after its retry."""
    fake = FakeSide(lambda texts, _number: None if is_canary(texts) else httpx.Response(500))
    got = fetch_in_virtual_time(Slow(fake), TEXTS[:20], watched(), tmp_path / "a")
    assert got.result.status_counts["refused"] == 20


def staged(fake: Callable[[httpx.Request], Any], folder: Path, config: SideConfig) -> Fetched:
    """Fetch with staging in a folder."""
    with SqliteStaging(folder) as staging:
        return fetch(fake, TEXTS, config, staging=staging, total=len(TEXTS))


def test_a_resumed_lane_compares_with_its_first_canary(tmp_path: Path) -> None:
    """What was staged of the canaries is compared with those of the later run: a build between two runs is a change."""
    down = FakeSide(lambda _texts, number: httpx.ConnectError("down") if number > 8 else None)
    first = staged(down, tmp_path / "a", watched(attempts=1, stop_window=3))
    assert first.result.stopped_early
    found = staged(switching(0), tmp_path / "a", watched()).result.canaries
    assert found.from_start
    (change,) = found.changes
    assert (change.before.sample, change.after.sample) == (0, 70)


def test_a_lane_resumed_without_its_first_canary_says_so(tmp_path: Path) -> None:
    """Rows that an earlier version staged without a canary make the lane one that was not watched from its start."""
    down = FakeSide(lambda _texts, number: httpx.ConnectError("down") if number > 8 else None)
    staged(down, tmp_path / "a", side(attempts=1, stop_window=3))
    found = staged(FakeSide(), tmp_path / "a", watched()).result.canaries
    assert (found.from_start, found.sent, found.changed) == (False, 3, 0)


def test_a_lane_with_nothing_left_to_fetch_sends_no_canary(tmp_path: Path) -> None:
    """A second run over complete staging sends nothing, and says what the first one's canaries showed."""
    first = staged(FakeSide(), tmp_path / "a", watched())
    again = FakeSide()
    second = staged(again, tmp_path / "a", watched(soak=Soak(requests=100)))
    assert again.requests == 0
    assert second.result.canaries == first.result.canaries


def test_a_soak_finds_the_request_from_which_on_vectors_change() -> None:
    """A soak goes on with canaries up to its number of requests, and says between which two of them one changed."""
    fake = switching(312)
    found = record_of(fake, watched(soak=Soak(requests=1000)))
    assert fake.requests == 1000
    (change,) = found.changes
    assert (change.before.request, change.after.request) == (310, 311)
    assert change.describe().startswith("between request 310 and 311 (cosine -1.000000)")


def test_a_soak_lasts_its_minutes(tmp_path: Path) -> None:
    """A soak of five minutes sends a canary a second, and no more than the side's rate allows."""
    fake = FakeSide()
    got = fetch_in_virtual_time(Slow(fake), TEXTS, watched(soak=Soak(minutes=5)), tmp_path / "a")
    assert 295 <= got.time.seconds <= 305
    assert 250 <= got.result.canaries.sent <= 300
    slow = watched(soak=Soak(minutes=5), requests_per_second=0.5)
    got = fetch_in_virtual_time(Slow(FakeSide()), TEXTS, slow, tmp_path / "b")
    assert got.result.canaries.sent <= 155


def test_a_soak_leaves_a_side_alone_that_went_down() -> None:
    """After ten canaries without vectors a soak ends, and the record says from which request on there were none."""
    fake = FakeSide(lambda _texts, number: httpx.Response(500) if number > 300 else None)
    found = record_of(fake, watched(soak=Soak(requests=1000)))
    assert fake.requests == 300 + 2 * 10
    assert found.lost == 10
    assert found.first_bad is not None
    assert found.first_bad.request == 300
    assert "http_500" in found.first_bad.error


def test_a_side_that_never_repeats_itself_keeps_few_changes() -> None:
    """However often vectors change, the record stays small: the strongest changes and their number."""
    fake = FakeSide(
        lambda texts, number: httpx.Response(
            200, json={"embeddings": [[np.cos(number), np.sin(number)]] * len(texts), "model": "m"}
        )
    )
    found = record_of(fake, watched(soak=Soak(requests=200)))
    assert len(found.changes) == 5
    assert found.changed > 5
    assert found.lowest == min(change.cosine or 0.0 for change in found.changes)
