"""Judge clean runs of the demo's retrieval, with ties shuffled, restarts and strays; none may FAIL.

Run: `.venv/bin/python -m bench.retrieval_clean [--runs 200] [--queries 80] [--first 1]`. Each run has queries of its own and a
candidate of its own, whose approximate index has a recall of about 0.996 and which returns ties in another order with each
request. A quarter of the runs are only that; in a quarter the candidate restarts in the middle (a few requests in a row get
503); in a quarter one response is that of the request before; in a quarter both happen. About two seconds per run on
one core; no network is used. Exits with 1 where a run FAILs.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.demo.gateway import CANDIDATE
from parity_pipeline.demo.generated_queries import generated_queries
from parity_pipeline.faults.retrieval_trial import CleanLegacy, demo_app

KINDS: Final = ("ties shuffled", "and a restart", "and a stray response", "and both")
DOWN: Final = 3
"""Requests in a row that a restarting candidate refuses with 503."""


class Disturbed:
    """A candidate that restarts, or returns the response before once, at a place that a seed chooses."""

    def __init__(self, app: ASGIApp, kind: str, random: Random, queries: int) -> None:
        """Wrap an application.

        Args:
            app: The candidate.
            kind: One of `KINDS`.
            random: Chooses the places.
            queries: Queries of a lane, among which the places are.
        """
        self._app = app
        first, second = random.sample(range(2, queries - DOWN), 2)
        self._down = range(first, first + DOWN) if kind in KINDS[1::2] else range(0)
        self._stray = second if kind in KINDS[2:] else -1
        self._number = 0
        self._before: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http" or scope["path"] != CANDIDATE.retrieve_path:
            await self._app(scope, receive, send)
            return
        self._number += 1
        number = self._number  # others are in flight meanwhile
        if number in self._down:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"0")]})
            await send({"type": "http.response.body", "body": b"restarting"})
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        found = self._before if number == self._stray and self._before else sent
        self._before = sent
        for message in found:
            await send(message)


def main(show: Callable[[str], None] = print) -> int:
    """Print each run that does not PASS and the counts of each kind; return how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--queries", type=int, default=80)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    counts = {kind: Counter[str]() for kind in KINDS}
    overlaps: list[float] = []
    for seed in range(given.first, given.first + given.runs):
        kind = KINDS[seed % len(KINDS)]
        verdict = _judged(seed, kind, given.queries)
        counts[kind][verdict.decision.value] += 1
        values = {one.measure: one.value for one in verdict.set_measures}
        overlaps.append(values[SetMeasure.MEAN_OVERLAP] or 0.0)
        if verdict.decision is not Decision.PASS or verdict.causes:
            causes = ", ".join(cause.name for cause in verdict.causes) or "no cause"
            show(f"run {seed} ({kind}): {verdict.decision}; {causes}; {'; '.join(verdict.reasons)[:300]}")
    show(f"mean overlap of the runs: {sum(overlaps) / len(overlaps):.4f}, the smallest {min(overlaps):.4f}")
    for kind, found in counts.items():
        show(f"{kind}: {', '.join(f'{name} {number}' for name, number in sorted(found.items()))}")
    total = sum(counts.values(), Counter[Any]())
    show(f"all: {', '.join(f'{name} {number}' for name, number in sorted(total.items()))}")
    return 1 if total[Decision.FAIL] else 0


def _judged(seed: int, kind: str, queries: int) -> RetrievalVerdict:
    sent = generated_queries(seed, queries)
    app = demo_app(Side.CANDIDATE, "shuffled-ties", seed=seed)
    with TemporaryDirectory(prefix="parity-clean-") as folder:
        candidate = Disturbed(app, kind, Random(seed), len(sent))  # noqa: S311 - a repeatable run
        return CleanLegacy(Path(folder), sent, seed, hazards=seed % 20 == 0).judge(candidate, name="run")[1]


if __name__ == "__main__":
    sys.exit(main())
