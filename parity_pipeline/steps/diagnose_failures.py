"""Diagnose a date and model: why samples fail, with evidence, and collisions that one side alone has.

Here belongs the step from the stored lanes to the core's diagnosis, and the few requests it may send. A gateway that
does not respond leaves causes open and fails nothing.
"""

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from parity_pipeline.core.collisions import OneSided, one_sided, scan
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import Ask, Diagnosis, DiagnosisInput, FollowUpQueries, Vector
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import grade
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.row_selection import (
    FailingRows,
    chosen_rows,
    matrix_of,
    picked_rows,
)
from parity_pipeline.core.stability.analysis import for_diagnosis
from parity_pipeline.core.stability.records import Response, Step, Texts
from parity_pipeline.steps.confirm_rows import picked_samples, stored_confirmation
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.steps.measure_repeatability import stored_repeatability
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import write_diagnosis
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.wire.transport import transport_for

ROWS: Final = 4000
"""Largest number of samples that a diagnosis holds in memory, failing and passing ones together."""

REQUESTS: Final = 30
"""Request budget: every HTTP request to both sides and all models together, retries included. A date without a failing
sample sends none. Six show whether texts fail again, two each other model, and two to four whether a side makes an edit."""

_AGREEING: Final = (Outcome.MATCH, Outcome.REFUSED_BY_BOTH)


def diagnose_failures(run: RunContext, day: str, model: str, log: Callable[[str], None]) -> Diagnosis | None:
    """Diagnose a date and model, store the result, and return it; None without paired lanes or where the search broke.

    `log` is called within an exception handler with a line, where the search broke: the verdict is given without it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
    """
    parity = stored(run.layout.parity(day, model), ParityFile)
    samples = stored(run.layout.samples(day, model), Path)
    lanes = [stored(run.layout.embeddings(side, day, model), Path) for side in Side]
    try:
        found = _found(run, parity, samples, lanes, day, model) if parity.rows else None
    except Exception:  # noqa: BLE001 - whatever breaks the search must not cost the date its verdict
        log("the search for a cause broke; the verdict is given without one")
        found = None
    write_diagnosis(run.layout.diagnosis(day, model), found, parity.header, run.thresholds)
    return found


def _found(
    run: RunContext, parity: ParityFile, samples: Path, lanes: Sequence[Path], day: str, model: str
) -> Diagnosis:
    confirmation = stored_confirmation(run, parity.header, day, model)
    failing, excused = _failing_rows(run, parity, confirmation.excuses if confirmation else frozenset())
    live = [gateway.config() for gateway in run.gateways.values() if not gateway.recorded]
    batch = max(1, live[0].batch_texts)
    chosen = np.setdiff1d(chosen_rows(failing.ordinals, parity.rows, batch=batch, limit=ROWS), excused)
    picked = picked_samples(SampleSetFile(samples), chosen)
    legacy, candidate = (picked_rows(chosen, EmbeddingsFile(lane).blocks()) for lane in lanes)
    comparison = DiagnosisInput(
        samples=picked,
        legacy=legacy,
        candidate=candidate,
        thresholds=run.thresholds,
        batch_size=batch,
        ordinals=[int(ordinal) for ordinal in chosen],
    )
    silent = [lane.side for lane in parity.header.sides if lane.stopped_early or run.gateways[lane.side].recorded]
    requests = Requests(REQUESTS, silent)
    others = [(other, side) for other in run.models if other != model for side in Side]
    follow_up = FollowUpQueries(
        legacy=requests.embedder(run, Side.LEGACY, model),
        candidate=requests.embedder(run, Side.CANDIDATE, model),
        others={(other, side): requests.embedder(run, side, other) for other, side in others},
        requests=REQUESTS,
        texts=min(config.batch_texts for config in live),
        sent=lambda: requests.sent,
    )
    measured = stored_repeatability(run, parity.header, day, model).tried
    experiments = [one for side in measured for one in for_diagnosis(side)]
    result = diagnose(comparison, experiments, follow_up if failing.total else None)
    return replace(result, failing=failing.total, collisions=collisions_of(legacy, candidate))


def _failing_rows(run: RunContext, parity: ParityFile, excuses: Collection[str]) -> tuple[FailingRows, list[int]]:
    """Return the failing rows, and apart the ordinals of those that did not persist: nothing of theirs is to be explained."""
    failing, excused = FailingRows(ROWS // 2), list[int]()
    for rows in parity.blocks():
        for index, outcome in enumerate(grade(rows, run.thresholds).outcomes):
            if rows.ids[index] in excuses:
                excused.append(rows.start + index)
            elif outcome not in _AGREEING:
                failing.add(rows.start + index)
    return failing, excused


class Requests:
    """The requests of one diagnosis or reproduction: those that were sent, retries included, and how many more may be.

    Attributes:
        most: How many may be sent.
        sent: How many were.
        stopped: Sides that are sent nothing: their lane stopped early and each request may be a time-out, or they are
            recordings.
    """

    def __init__(self, most: int, stopped: Collection[Side] = ()) -> None:
        """Start with none sent."""
        self.most = most
        self.sent = 0
        self.stopped = stopped

    def embedder(self, run: RunContext, side: Side, model: str) -> Ask | None:
        """Return a function that sends texts in one request; None where a side is sent nothing."""
        if side in self.stopped:
            return None
        gateway = run.gateways[side]
        counted = self.counting(gateway)

        def ask(texts: Sequence[str]) -> Sequence[Vector | None]:
            tried = counted.run_experiments(model, _one_request(tuple(texts)), most=self.most - self.sent)
            vectors = tried.result.vectors
            return [None] * len(texts) if vectors is None else list(vectors)

        return ask

    def counting(self, gateway: Gateway) -> Gateway:
        """Return a side whose requests are counted here."""
        return replace(gateway, transport=lambda: _Counting(_network(gateway), self))


class _Counting(httpx.AsyncBaseTransport):
    """Counts what really goes out, so that neither a retry nor a request that ended in an exception is missed."""

    def __init__(self, network: httpx.AsyncBaseTransport, requests: Requests) -> None:
        self._network = network
        self._requests = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._requests.sent += 1
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def _network(gateway: Gateway) -> httpx.AsyncBaseTransport:
    return gateway.transport() if gateway.transport else transport_for(gateway.config())


def _one_request(texts: Texts) -> Generator[Step, Sequence[Response], Response]:
    (response,) = yield Step(experiment="", requests=(texts,))
    return response


def collisions_of(legacy: FetchedRows, candidate: FetchedRows) -> tuple[OneSided, ...]:
    """Return the collisions that one side alone has, among rows of the usual dimension on both sides."""
    widths = [int(np.bincount(rows.dimensions()).argmax()) if len(rows) else 0 for rows in (legacy, candidate)]
    if not all(widths):
        return ()
    matrices = [matrix_of(rows, width) for rows, width in zip((legacy, candidate), widths, strict=True)]
    both = np.flatnonzero(np.all([np.any(matrix, axis=1) for matrix in matrices], axis=0))
    if not len(both):
        return ()
    ids = [legacy.ids[int(row)] for row in both]
    if len(both) < len(legacy):  # a copy of all rows would double what is held
        matrices = [matrix[both] for matrix in matrices]
    left, right = matrices
    found = one_sided(Side.LEGACY, scan(left, ids), right, ids), one_sided(Side.CANDIDATE, scan(right, ids), left, ids)
    return tuple(one for one in found if one.groups)
