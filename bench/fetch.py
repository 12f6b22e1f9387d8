"""How fast a lane is fetched, beside what it is compared with in the same run.

    python bench/fetch.py [decode] [canned] [slow] [--samples N] [--rounds N]

`decode`: ways to read one response of 32 x 768 float64 digits. `canned`: a fixed response from nginx through to
Parquet, plain and over TLS, beside wrk's raw limit, a plain httpx + json client and the loop of one text per request,
and where the engine's time goes.
`slow`: a server that takes 50 ms per batch. A rate is the best of its rounds. The rows take turns, and a ratio is the
median of the rounds, so that a busy moment of a shared machine affects both. nginx and wrk are needed for `canned`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
import orjson
from baseline_client import plain_client, plain_client_to_parquet, plain_loop
from kills import provenance
from servers import SLOW_SECONDS, TEXTS, WIDTH, canned, nginx, program, slow_gateway, wrk

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.vector_stats import VectorStats
from parity_pipeline.storage.embeddings_files import EmbeddingsWriter
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.client import Client
from parity_pipeline.wire.decode import Decoder
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.encode import RequestEncoder, encode_text
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

RUST = BUILT_IN[0]


def blocks(samples: int) -> Iterator[SampleBlock]:
    """Yield so many samples."""
    for start in range(0, samples, 1024):
        ordinals = range(start, min(start + 1024, samples))
        names = [f"{ordinal:016x}" for ordinal in ordinals]
        yield SampleBlock(start, names, [f"text {name}" for name in names], ["bench"] * len(names))


def side(url: str, concurrency: int = 4, ca_bundle: Path | None = None) -> SideConfig:
    """Return the settings of the side that is fetched from."""
    return SideConfig(
        side=Side.LEGACY, label="bench", base_url=url, dialect=RUST, concurrency=concurrency, ca_bundle=ca_bundle
    )


def fetch(
    url: str, samples: int, folder: Path, *, staged: bool = True, concurrency: int = 4, ca_bundle: Path | None = None
) -> LaneResult:
    """Fetch through to a finished Parquet file, as the embeddings asset does."""
    config = side(url, concurrency, ca_bundle)
    staging = SqliteStaging(folder / "staging") if staged else contextlib.nullcontext()
    with staging as kept, EmbeddingsWriter(folder / f"{uuid4()}.parquet") as writer:
        survey = VectorStats()

        def sink(rows: FetchedRows) -> None:
            survey.add(rows)
            writer.add(rows)

        result = fetch_lane(config, "m", blocks(samples), sink, staging=kept)
        writer.finish(provenance(config, samples, result))
        if kept is not None:
            kept.discard()
    return result


def throw_away(_: FetchedRows) -> None:
    """Take rows and keep nothing."""


def raw_requests(url: str, samples: int, *, decoded: bool) -> None:
    """Send the engine's requests with its client alone, four in flight, with or without decoding the responses."""
    config = side(url)
    decoder = Decoder(RUST)
    todo = iter(blocks(samples))

    async def run() -> None:
        transport = transport_for(config)
        client = Client(config, transport, time.monotonic)
        shape = RequestEncoder(RUST, "m")
        bodies = (
            shape.body([encode_text(text) for text in block.texts[at : at + TEXTS]])
            for block in todo
            for at in range(0, len(block), TEXTS)
        )

        async def work() -> None:
            for body in bodies:
                reply = await client.send(body, "bench", seconds=60)
                if decoded:
                    decoder.decode(reply.body, TEXTS)

        async with transport:
            await asyncio.gather(*(work() for _ in range(4)))

    asyncio.run(run())


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the wall and on the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


@dataclass(frozen=True)
class Times:
    """Seconds per sample of one way, one figure per round."""

    wall: list[float] = field(default_factory=list[float])
    processor: list[float] = field(default_factory=list[float])

    def times(self, other: "Times") -> float:
        """Return how many times the other way's processor time is this one's: the middle of the rounds.

        Rows of one round ran right after one another. A machine that is twice as fast at one moment as at the next
        distorts the ratio of two best rounds, but not this one.
        """
        return statistics.median(theirs / own for theirs, own in zip(other.processor, self.processor, strict=True))


def taking_turns(rounds: int, ways: Mapping[str, tuple[int, Callable[[], object]]]) -> dict[str, Times]:
    """Return the seconds per sample of each way, the ways taking turns."""
    found = {name: Times() for name in ways}
    for _ in range(rounds):
        for name, (samples, way) in ways.items():
            wall, processor = timed(way)
            found[name].wall.append(wall / samples)
            found[name].processor.append(processor / samples)
    return found


def bench_decode() -> None:
    """Print milliseconds per response for each way to read it."""
    body = canned(TEXTS)
    decoder = Decoder(RUST)

    def by_list(load: Callable[[bytes], dict[str, list[list[float]]]]) -> Callable[[], object]:
        return lambda: np.array(load(body)["embeddings"], np.float32)

    ways = {
        "json, list, numpy": by_list(json.loads),
        "orjson, list, numpy": by_list(orjson.loads),
        "simdjson into a buffer, strict (this engine)": lambda: decoder.decode(body, TEXTS),
    }
    print(f"\nReading one response of {TEXTS} x {WIDTH} float64 digits, best of 40, processor time:")
    for name, times in taking_turns(40, {name: (1, way) for name, way in ways.items()}).items():
        print(f"  {name:46} {min(times.processor) * 1e3:8.2f} ms")


def bench_canned(samples: int, rounds: int) -> None:
    """Print the rates against a fixed response, this process on one core."""
    if program("nginx") is None:
        print("\nnginx is not installed (Debian package nginx-light): the canned rows are left out")
        return
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as (url, tls):
        folder = Path(name)
        print(f"\nA fixed response from nginx, this process on one core, best of {rounds}, rows taking turns:")
        raw = wrk(url, folder, 4)
        if raw is not None:
            print(f"  {'wrk, bodies thrown away':46} {raw * TEXTS:9.0f} vectors/s wall")
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        fetch(url, 3200, folder)  # first use of each library does not count
        few = samples // 4
        found = taking_turns(
            rounds,
            {
                "plain httpx + json + lists + numpy": (few, lambda: plain_client(url, few)),
                "the same, then Parquet by pyarrow": (
                    few,
                    lambda: plain_client_to_parquet(url, few, folder / "plain.parquet"),
                ),
                "one text per request, urllib + json": (few // 16, lambda: plain_loop(url, few // 16)),
                "http": (samples, lambda: raw_requests(url, samples, decoded=False)),
                "decoded": (samples, lambda: raw_requests(url, samples, decoded=True)),
                "engine": (samples, lambda: fetch_lane(side(url), "m", blocks(samples), throw_away)),
                "engine to Parquet": (samples, lambda: fetch(url, samples, folder, staged=False)),
                "engine to Parquet, staged": (samples, lambda: fetch(url, samples, folder)),
                "the same over TLS": (samples, lambda: fetch(tls, samples, folder, ca_bundle=folder / "ca.pem")),
            },
        )
        print_rates(found)
        share = found["the same over TLS"].times(found["engine to Parquet, staged"])
        print(f"  TLS reaches {share:.0%} of the plain rate")
        print_breakdown(found)


def print_rates(found: Mapping[str, Times]) -> None:
    """Print the best rates, and the middle ratios to the two plain clients of the same round."""
    plain, whole = list(found.values())[:2]
    print(f"  {'':46} {'wall':>9} {'processor':>11}  times plain, with Parquet")
    for name, times in found.items():
        if name in ("http", "decoded", "engine"):
            continue
        ratios = f"{times.times(plain):5.1f}x {times.times(whole):12.1f}x"
        print(f"  {name:46} {1 / min(times.wall):7.0f}/s {1 / min(times.processor):9.0f}/s  {ratios}")


def print_breakdown(found: Mapping[str, Times]) -> None:
    """Print where the engine's processor time goes, each step by what it adds to the one before."""
    steps = {
        "HTTP: sockets, aiohttp, the kernel's copies": "http",
        "responses into arrays": "decoded",
        "plan, order, rows, counts": "engine",
        "survey and Parquet": "engine to Parquet",
        "staging": "engine to Parquet, staged",
    }
    print(f"  where the time of {TEXTS} vectors goes, in ms of processor time:")
    before, whole = 0.0, min(found["engine to Parquet, staged"].processor)
    for name, key in steps.items():
        upto = min(found[key].processor)
        print(f"    {name:44} {(upto - before) * TEXTS * 1e3:6.2f} ms {(upto - before) / whole:7.1%}")
        before = upto
    print(f"    {'together':44} {whole * TEXTS * 1e3:6.2f} ms")


def bench_slow(samples: int, rounds: int) -> None:
    """Print the share of the ideal rate against a server that takes 50 ms per batch, eight requests in flight."""
    print(f"\n50 ms per batch, 8 in flight, through to Parquet, best of {rounds}:")
    with tempfile.TemporaryDirectory() as name, slow_gateway() as url:
        fetch(url, 320, Path(name))
        requests = -(-samples // TEXTS)
        # One more request goes alone at the end, to learn the default model.
        ideal = (-(-requests // 8) + 1) * SLOW_SECONDS
        times = taking_turns(rounds, {"": (samples, lambda: fetch(url, samples, Path(name), concurrency=8))})[""]
        wall, processor = min(times.wall) * samples, min(times.processor) * samples
        print(
            f"  {requests} + 1 requests, ideal {ideal:.2f} s, took {wall:.2f} s: {ideal / wall:.1%} of the ideal rate"
        )
        print(f"  {samples / wall:.0f} vectors/s, {processor / wall:.0%} of one core")
        raw = wrk(url, Path(name), 8)
        if raw is not None:
            share = requests / raw / (wall - SLOW_SECONDS)
            print(f"  wrk gets {raw * TEXTS:.0f} vectors/s out of the same server: {share:.1%} of that")


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["decode", "slow", "canned"])
    parser.add_argument("--samples", type=int, default=4_096)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    parts: dict[str, Callable[[], None]] = {
        "decode": bench_decode,
        "slow": lambda: bench_slow(8 * options.samples, max(1, options.rounds // 3)),
        "canned": lambda: bench_canned(options.samples, options.rounds),  # last: it keeps to one core from then on
    }
    for part, run in parts.items():
        if part in options.parts:
            run()


if __name__ == "__main__":
    main()
