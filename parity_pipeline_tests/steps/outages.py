"""Outages of one side or both, at any point of a lane, through all steps of a run, on a virtual clock.

Here belong the sides that go down, the combinations, and the table that `python -m parity_pipeline_tests.steps.outages`
prints; no test.
"""

import asyncio
import hashlib
import itertools
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx
import numpy as np

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.faults.texts import TRAFFIC, block_of
from parity_pipeline.faults.trial_run import CLOCK, DAY, MODEL, context_for
from parity_pipeline.steps.context import Gateway
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.side_config import SideConfig, Timeouts
from parity_pipeline_tests.faults.clean_runs import BUDGET
from parity_pipeline_tests.wire.virtual_time import VirtualTime

TEXTS = 320
BATCH = 10
BATCHES = TEXTS // BATCH
DIMENSIONS = 64
RUST = next(one for one in BUILT_IN if one.name == "rust")

Respond = Callable[[httpx.Request], Awaitable[httpx.Response]]


async def silence(request: httpx.Request) -> httpx.Response:
    """Return nothing until the read time-out."""
    await asyncio.sleep(request.extensions["timeout"]["read"])
    raise httpx.ReadTimeout("no byte")


async def dropped(_request: httpx.Request) -> httpx.Response:
    """Break the connection."""
    await asyncio.sleep(0.05)
    raise httpx.ReadError("reset by peer")


def status(number: int) -> Respond:
    """Return what responds with an error status."""

    async def respond(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return httpx.Response(number, json={"error": "back end gone"})

    return respond


ERRORS: Mapping[str, Respond] = {
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "dropped": dropped,
    "silence": silence,
}
STAGES: Mapping[str, int] = {"start": 1, "middle": BATCHES // 2, "end": BATCHES - 1}
"""Requests of a side that get their vectors before it goes down: the first one, half of the lane, all but the last one."""

DOWN: Mapping[str, tuple[Side, ...]] = {"legacy": (Side.LEGACY,), "candidate": (Side.CANDIDATE,), "both": tuple(Side)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One combination.

    Attributes:
        down: Which sides go down.
        stage: When; of no stage, before its first request.
        error: What comes from then on.
    """

    down: str
    stage: str
    error: str

    def __str__(self) -> str:
        """Return its name."""
        return f"{self.down}-{self.stage}-{self.error}"


def outages() -> list[Outage]:
    """Return every combination."""
    every = itertools.product(DOWN, STAGES, ERRORS)
    return [Outage(down=down, stage=stage, error=error) for down, stage, error in every]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The result of a run.

    Attributes:
        verdict: Its verdict.
        seconds: How long it took on the virtual clock.
    """

    verdict: Verdict
    seconds: float


class MortalSide:
    """A side that returns the right vectors for so many requests, and then goes down."""

    def __init__(self, good: float, error: Respond) -> None:
        """Take how many requests are good, and what comes after them."""
        self._good = good
        self._error = error
        self.requests = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        self.requests += 1
        if self.requests > self._good:
            return await self._error(request)
        body = json.loads(request.content)
        await asyncio.sleep(0.05)
        vectors = [_vector(text) for text in body["texts"]]
        return httpx.Response(200, json={"embeddings": vectors, "model": body.get("model", MODEL)})


def _vector(text: str) -> list[float]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    row = np.random.default_rng(seed).standard_normal(DIMENSIONS)
    return (row / np.linalg.norm(row)).tolist()


def run(outage: Outage | None, folder: Path) -> Judged:
    """Run all steps with an outage, or with none."""
    with VirtualTime() as time:
        gateways = {side: _gateway(side, outage, time) for side in Side}
        texts = [f"text {number}" for number in range(TEXTS)]
        context = replace(context_for(folder, block_of(texts, [TRAFFIC] * TEXTS), gateways), stability=BUDGET)
        return Judged(verdict=run_partition(context, DAY, MODEL, run_id="outage"), seconds=time.now())


def _gateway(side: Side, outage: Outage | None, time: VirtualTime) -> Gateway:
    goes_down = outage is not None and side in DOWN[outage.down]
    good = STAGES.get(outage.stage, 0) if outage and goes_down else float("inf")
    respond = MortalSide(good, ERRORS[outage.error if outage else "500"])
    config = SideConfig(
        side=side, label=f"{side} side", base_url=f"http://{side}.invalid", dialect=RUST, batch_texts=BATCH
    )
    return Gateway(
        make_config=lambda: config,
        transport=lambda: httpx.MockTransport(respond),  # type: ignore[arg-type] # an asynchronous handler is called too
        clock=lambda: CLOCK,
        now=time.now,
        random=lambda: Random(1),  # noqa: S311 - the same jitter each time, nothing secret
    )


def longest(outage: Outage) -> float:
    """Return the seconds that a run may take: a minute beyond what the time-outs of the sides that are down cost."""
    own = Timeouts().read if outage.error == "silence" else 0.0
    return len(DOWN[outage.down]) * (own + 60.0)


def main() -> None:
    """Print the table of all combinations."""
    write = sys.stdout.write
    write("| down | from | as | decision | matched | without a vector | seconds |\n|---|---|---|---|---:|---:|---:|\n")
    for outage in outages():
        with TemporaryDirectory() as folder:
            found = run(outage, Path(folder))
        counts = found.verdict.counts
        lost = counts.samples - counts.compared
        row = (*asdict(outage).values(), found.verdict.decision, counts.matched, lost, f"{found.seconds:.0f}")
        write(f"| {' | '.join(map(str, row))} |\n")


if __name__ == "__main__":
    main()
