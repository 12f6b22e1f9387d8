"""Blocks for the tests of the core: fetched rows and compared rows from the few facts that a test is about.

Here belongs building input. What is expected of it stands in the tests.
"""

from collections.abc import Sequence

import numpy as np

from parity_pipeline.core.compare import compare
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import ComparedRows
from parity_pipeline.core.outcomes import Decision, RowStatus, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs, checks_of, decide_over
from parity_pipeline.core.wire_drift import WireObservation

Row = Sequence[float] | RowStatus
"""One fetched row: its vector, or the status it ended in without one."""


def samples_of(
    texts: Sequence[str], start: int = 0, categories: Sequence[str] | None = None, drawn: Sequence[int] = ()
) -> SampleBlock:
    """Return a block of samples with their true ids."""
    ids = [sample_id(text) for text in texts]
    return SampleBlock(start, ids, list(texts), categories or ["seed"] * len(texts), drawn)


def fetched(block: SampleBlock, rows: Sequence[Row]) -> FetchedRows:
    """Return fetched rows of the samples of a block."""
    vectors = [np.empty(0, np.float32) if isinstance(row, RowStatus) else np.array(row, np.float32) for row in rows]
    status = [row if isinstance(row, RowStatus) else RowStatus.OK for row in rows]
    return FetchedRows(
        start=block.start,
        ids=block.ids,
        values=np.concatenate([np.empty(0, np.float32), *vectors]),
        offsets=np.cumsum([0, *(len(vector) for vector in vectors)]).astype(np.int32),
        status=status,
        http_status=[200] * len(rows),
        errors=[None if one is RowStatus.OK else f"{one}: said so" for one in status],
        request_ids=[None] * len(rows),
        latency_ms=[1.0] * len(rows),
    )


def compared(
    pairs: Sequence[tuple[Row, Row]],
    start: int = 0,
    categories: Sequence[str] | None = None,
    drawn: Sequence[int] = (),
) -> ComparedRows:
    """Return the comparison of (legacy, candidate) pairs, as samples from an ordinal on."""
    block = samples_of([f"text {start + place}" for place in range(len(pairs))], start, categories, drawn)
    legacy, candidate = fetched(block, [pair[0] for pair in pairs]), fetched(block, [pair[1] for pair in pairs])
    return compare(block, legacy, candidate)


def provenance(
    side: Side = Side.LEGACY,
    *,
    date: str = "2026-04-30",
    model: str = "m",
    requested: str = "m",
    echoed: dict[str, int] | None = None,
    sample_set_hash: str = "a" * 64,
) -> Provenance:
    """Return the provenance of a lane of two samples."""
    return Provenance(
        side=side,
        label="Rust gateway",
        url=f"http://127.0.0.1:{3100 if side is Side.LEGACY else 3110}/ai/embed",
        dialect="rust",
        date=date,
        model=model,
        model_asked=requested,
        models_echoed=echoed or {},
        server_headers={"server": "x"},
        sample_set_hash=sample_set_hash,
        samples=2,
        settings_hash="b" * 64,
        package_version="0.1.0",
        fetched_from="2026-04-30T00:00:00Z",
        fetched_to="2026-04-30T00:00:01Z",
        requests=1,
        retries=0,
        status_counts={RowStatus.OK: 2},
        observation=WireObservation(request_fields=("model", "texts"), dimension=768),
    )


def decide(tally: Tally, inputs: DecisionInputs) -> tuple[Decision, tuple[str, ...]]:
    """Decide over all checks of a tally, and say why, worst reason first."""
    return decide_over(checks_of(tally, inputs), tally)
