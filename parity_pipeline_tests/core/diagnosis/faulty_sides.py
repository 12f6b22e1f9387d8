"""Two sides without a network: a true one, and one that goes wrong as a fault of the demo's table says.

Here belong applying faults to vectors, fetching a set from such a side, and measuring its repeatability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.records import Ask, DiagnosisInput, Experiment, ExperimentName, FollowUpQueries
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.demo.fault_scope import Call, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.demo.models import Embedder
from parity_pipeline_tests.core.builders import Row, fetched, samples_of

BATCH = 32

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@cache
def embedder() -> Embedder:
    """Return the demo's embedding models, loaded once."""
    return Embedder()


def real(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return raw vectors of a real static model, 256 dimensions; a blank text gets that of a full stop."""
    return embedder().embed("wordllama-256", [text if text.strip() else "." for text in texts])


def narrow(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return those of its narrow sibling, 64 dimensions."""
    return embedder().embed("wordllama-64", [text if text.strip() else "." for text in texts])


def hashed(texts: Sequence[str], width: int = 96, salt: str = "") -> NDArray[np.float32]:
    """Return unit vectors that only the text decides, in no relation to its meaning."""
    rows = [
        np.random.default_rng(list((salt + text).encode("utf-8", "surrogatepass"))).standard_normal(width)
        for text in texts
    ]
    matrix = np.array(rows, np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@dataclass
class FaultySide:
    """A side in front of a model, with faults; it remembers its requests, as the demo's proxy does."""

    embed: Embed
    faults: Sequence[Fault] = ()
    scope: Scope = field(default_factory=Scope)
    other: Embed = narrow
    requests: int = 0
    longest: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def respond(self, texts: Sequence[str], in_flight: int = 1) -> list[Row]:
        """Return the rows of one response: vectors, or the status of rows without a usable one."""
        call = Call(
            texts=texts,
            hits=self.scope.hits(texts),
            scope=self.scope,
            in_flight=in_flight,
            requests=self.requests,
            longest=self.longest,
            seen=[self.seen.get(text, 0) for text in texts],
        )
        self._remember(texts)
        if any(fault.reply and fault.reply(call) for fault in self.faults):
            if len(texts) == 1:
                return [RowStatus.REFUSED]
            return [row for text in texts for row in self.respond([text], in_flight)]
        rows = self._forward(call)
        for fault in self.faults:
            rows = fault.rows(rows, call) if fault.rows else rows
        lost: list[Row] = [RowStatus.MALFORMED] * (len(texts) - len(rows))
        return [_vector(row) for row in rows] + lost

    def _remember(self, texts: Sequence[str]) -> None:
        self.requests += 1
        self.longest = max(self.longest, *map(len, texts))
        for text in texts:
            self.seen[text] = self.seen.get(text, 0) + 1

    def _forward(self, call: Call) -> list[list[float]]:
        texts = list(call.texts)
        for fault in self.faults:
            if fault.text:
                texts = [
                    fault.text(text, self.scope) if hit else text for text, hit in zip(texts, call.hits, strict=True)
                ]
        rows: list[list[float]] = self.embed(texts).tolist()
        if any(fault.model for fault in self.faults):
            others = self.other(texts).tolist()
            rows = [others[place] if hit else row for place, (row, hit) in enumerate(zip(rows, call.hits, strict=True))]
        return rows

    def fetch(self, texts: Sequence[str], batch: int = BATCH, in_flight: int = 1) -> FetchedRows:
        """Return the rows of a set, sent in batches."""
        rows = [
            row
            for start in range(0, len(texts), batch)
            for row in self.respond(texts[start : start + batch], in_flight)
        ]
        return fetched(samples_of(texts), rows)

    def ask(self) -> Ask:
        """Return the side as a diagnosis queries it."""
        return lambda texts: [
            None if isinstance(row, RowStatus) else np.array(row, np.float32) for row in self.respond(list(texts))
        ]


def _vector(row: Sequence[float | None]) -> Row:
    return RowStatus.MALFORMED if not row else [float("nan") if value is None else value for value in row]


def subject(
    texts: Sequence[str], candidate: FaultySide, legacy: FaultySide | None = None, in_flight: int = 1
) -> DiagnosisInput:
    """Return the comparison of a side with the true one."""
    true = legacy or FaultySide(candidate.embed)
    return DiagnosisInput(
        samples=samples_of(texts),
        legacy=true.fetch(texts),
        candidate=candidate.fetch(texts, in_flight=in_flight),
        batch_size=BATCH,
    )


def inquiry(candidate: FaultySide, legacy: FaultySide | None = None, requests: int = 30) -> FollowUpQueries:
    """Return follow-up queries to both sides."""
    return FollowUpQueries(
        legacy=(legacy or FaultySide(candidate.embed)).ask(), candidate=candidate.ask(), requests=requests
    )


def experiments(candidate: FaultySide, texts: Sequence[str]) -> list[Experiment]:
    """Measure the repeatability of a side on the first texts, each way once, and return what strayed."""
    short = [text for text in texts if len(text) < 200][: 2 * BATCH]
    fresh = [f"{text} ({place})" for place, text in enumerate(short)]

    def own() -> FaultySide:
        return FaultySide(candidate.embed, candidate.faults, candidate.scope, candidate.other)

    side = own()
    first = side.fetch(fresh)
    tries = (
        (ExperimentName.ALONE_VS_BATCH, own().fetch(fresh, batch=1), own().fetch(fresh), BATCH),
        (ExperimentName.CONCURRENCY, own().fetch(fresh), own().fetch(fresh, in_flight=4), 4),
        (ExperimentName.CANARIES, own().fetch(fresh), _after_long(own()).fetch(fresh), 0),
        (ExperimentName.REPEATS, own().fetch(fresh), _later(own(), ["another request"]).fetch(fresh), 2),
        (ExperimentName.SALTED_VS_REPEATED, first, side.fetch(fresh), 2),
    )
    return [_experiment(name, one, two, size, fresh) for name, one, two, size in tries]


def _later(side: FaultySide, texts: Sequence[str]) -> FaultySide:
    side.respond(texts)
    return side


def _after_long(side: FaultySide) -> FaultySide:
    return _later(side, ["long " * 200])


def _experiment(
    name: ExperimentName, one: FetchedRows, two: FetchedRows, size: int, texts: Sequence[str]
) -> Experiment:
    ids = samples_of(texts).ids
    usable = (one.dimensions() == two.dimensions()) & (one.dimensions() > 0)
    lost = np.zeros(len(ids))
    for row in np.flatnonzero(usable):
        left = one.values[one.offsets[row] : one.offsets[row + 1]].astype(np.float64)
        right = two.values[two.offsets[row] : two.offsets[row + 1]].astype(np.float64)
        size_of = np.linalg.norm(left) * np.linalg.norm(right)
        lost[row] = 1 - left @ right / size_of if np.isfinite(size_of) and size_of > 0 else 0.0
    affected = [ids[row] for row in np.flatnonzero(lost > 1e-3).tolist()]
    return Experiment(side=Side.CANDIDATE, name=name, worst=float(lost.max()), size_at_worst=size, affected=affected)
