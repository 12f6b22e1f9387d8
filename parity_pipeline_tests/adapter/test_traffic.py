"""The sample of the traffic: what is kept, what is not, and that a probe reads it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from parity_pipeline.adapter.config import TrafficOptions
from parity_pipeline.adapter.traffic import TrafficSample
from parity_pipeline.storage.sources import SourceSpec, read_sources
from parity_pipeline_tests.adapter.support import adapter, config, served
from parity_pipeline_tests.fakes.gateways import hash_gateway

DAY = datetime(2026, 4, 30, 23, 59, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Begin just before midnight."""
        self.now = DAY

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def sample(folder: Path, seed: int = 1, clock: Clock | None = None, **options: object) -> TrafficSample:
    """Return a sample that keeps everything unless its options say otherwise."""
    chosen = TrafficOptions(**{"enabled": True, "rate": 1.0, **options})  # type: ignore[arg-type]
    return TrafficSample(chosen, folder, clock or Clock(), Random(seed), "w")  # noqa: S311 - a test's own draw


def kept(folder: Path, date: str = "2026-04-30") -> list[str]:
    """Return the texts that a probe of a date would read."""
    spec = SourceSpec(path=folder, per_date=True, required=False)
    return [one.text for one in read_sources([spec], date)]


def write(one: TrafficSample) -> None:
    """Write what is due."""
    for draw in one.due():
        draw.write()


def test_a_probe_reads_what_was_kept(tmp_path: Path) -> None:
    """The files are a per-date source, drawn from with `sample`, lone surrogates and repetitions included."""
    one = sample(tmp_path)
    one.take(["a", "b\nc", "a", "\ud800x", ""])
    write(one)
    assert kept(tmp_path) == ["a", "b\nc", "a", "\ud800x", ""]
    drawn = list(read_sources([SourceSpec(path=tmp_path, per_date=True, sample=3)], "2026-04-30"))
    assert len(drawn) == 3
    assert all(one.drawn and one.category == "traffic" for one in drawn)


def test_each_date_has_its_own_folder(tmp_path: Path) -> None:
    """At midnight a new draw begins; what was kept of the day before is written there."""
    clock = Clock()
    one = sample(tmp_path, clock=clock)
    one.take(["before"])
    clock.now += timedelta(minutes=2)
    one.take(["after"])
    write(one)
    assert (kept(tmp_path), kept(tmp_path, "2026-05-01")) == (["before"], ["after"])
    assert one.due() == []


def test_the_draw_is_uniform_and_has_a_cap() -> None:
    """Of a hundred texts, each is kept about as often, and never more than the cap."""
    counts: Counter[str] = Counter()
    for seed in range(2000):
        one = sample(Path("unused"), seed, cap=10)
        one.take([str(number) for number in range(100)])
        (draw,) = one.due()
        assert len(draw.texts) == 10
        counts.update(draw.texts)
    assert len(counts) == 100
    assert all(abs(count - 200) < 5 * (200 * 0.9) ** 0.5 for count in counts.values())


def test_only_the_rate_is_considered() -> None:
    """A rate of a tenth keeps about a tenth."""
    one = sample(Path("unused"), rate=0.1)
    assert abs(one.take(["x"] * 10_000) - 1000) < 5 * 30


def test_what_is_redacted_is_never_kept(tmp_path: Path) -> None:
    """Each pattern is replaced before a text is kept, so that it reaches neither the file nor the memory of the draw."""
    one = sample(tmp_path, redact={r"[\w.]+@[\w.]+": "<mail>", r"\d{4,}": "#"})
    one.take(["write to ann.b@example.com or 123456"])
    write(one)
    assert kept(tmp_path) == ["write to <mail> or #"]
    assert b"ann.b" not in next(tmp_path.rglob("*.parquet")).read_bytes()


@pytest.mark.parametrize("mode", ["legacy", "candidate", "shadow", "share"])
@pytest.mark.parametrize("enabled", [False, True])
def test_texts_are_kept_in_every_mode_and_only_if_wanted(tmp_path: Path, mode: str, enabled: bool) -> None:
    """Sampling is off by default; where it is on, what was kept is on disk when the adapter has stopped, with a warning."""
    traffic = TrafficOptions(enabled=enabled, rate=1.0)
    made = config(mode=mode, share=50, traffic=traffic, traffic_dir=tmp_path)

    async def served_once() -> int:
        async with adapter(made, served(hash_gateway("rust")), served(hash_gateway("go"))) as client:
            return (await client.post("/ai/embed", content=b'{"texts": ["one", "two"]}')).status_code

    assert asyncio.run(served_once()) == 200
    files = list(tmp_path.rglob("*.parquet"))
    assert len(files) == (1 if enabled else 0)
    assert kept(tmp_path, files[0].parent.name.removeprefix("date=")) == ["one", "two"] if enabled else True
