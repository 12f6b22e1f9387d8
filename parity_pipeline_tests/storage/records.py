"""Small true records for the storage tests: rows, provenance, comparisons, verdicts.

Here belong builders of values only; each test says for itself what it stores and reads.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.compare import compare
from parity_pipeline.core.confirmation import Confirmation, ConfirmedRow, Persistence, SideStrays
from parity_pipeline.core.diagnosis.records import Cause, CauseName, Confidence, Diagnosis, Evidence
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import ComparedRows, Thresholds
from parity_pipeline.core.noise_floor import floor_of
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus, Side
from parity_pipeline.core.power.records import FaultResult, Power, SimulatedFault
from parity_pipeline.core.provenance import ParityHeader, Provenance, SampleSetIdentity
from parity_pipeline.core.samples import Sample, sample_id
from parity_pipeline.core.stability.records import (
    Defect,
    DefectKind,
    ExperimentResult,
    Finding,
    Stability,
    StabilityOfSides,
)
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_builder import build_verdict
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.storage.atomic import draft_path, publish
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.ledger import AnyVerdict
from parity_pipeline.storage.sample_set_files import SampleSetFile, write_sample_set

DATE = "2026-04-30"


def of_embed(verdict: AnyVerdict) -> Verdict:
    """Return a verdict of the ledger that is one of the embed probe."""
    assert isinstance(verdict, Verdict)
    return verdict


def make_samples(count: int) -> list[Sample]:
    """Return distinct samples of two categories."""
    return [Sample(text=f"text {n}", category="even" if n % 2 == 0 else "odd", source=f"f:{n}") for n in range(count)]


def make_rows(start: int, count: int, dimension: int = 4) -> FetchedRows:
    """Return rows of `make_samples`: every seventh refused without a vector, the others with NaN-free float32 vectors."""
    refused = [ordinal % 7 == 6 for ordinal in range(start, start + count)]
    lengths = np.array([0 if no else dimension for no in refused], np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    firsts = [np.arange(dimension) + ordinal for ordinal, no in enumerate(refused, start=start) if not no]
    return FetchedRows(
        start=start,
        ids=[sample_id(f"text {ordinal}") for ordinal in range(start, start + count)],
        values=np.array(firsts, np.float32).ravel(),
        offsets=offsets,
        status=[RowStatus.REFUSED if no else RowStatus.OK for no in refused],
        http_status=[400 if no else 200 for no in refused],
        errors=["http 400: blank" if no else None for no in refused],
        request_ids=[f"r-{ordinal}" for ordinal in range(start, start + count)],
        latency_ms=[None if no else 12.5 for no in refused],
    )


def make_provenance(side: Side = Side.LEGACY, samples: int = 1, **changes: Any) -> Provenance:
    """Return a provenance with every field set."""
    values: dict[str, Any] = {
        "side": side,
        "label": "Rust gateway",
        "url": f"http://127.0.0.1:{1 if side is Side.LEGACY else 2}/ai/embed",
        "dialect": "rust",
        "date": DATE,
        "model": "org/model:tag",
        "model_asked": "org/model:tag",
        "models_echoed": {"org/model:tag": samples},
        "server_headers": {"server": "r\u00e9sum\u00e9"},
        "sample_set_hash": "ab" * 32,
        "samples": samples,
        "settings_hash": "cd" * 32,
        "package_version": "0.1.0",
        "fetched_from": "2026-04-30T00:00:00Z",
        "fetched_to": "2026-04-30T00:00:01Z",
        "requests": 1,
        "retries": 0,
        "status_counts": {"ok": samples},
        "observation": WireObservation(method_and_path="POST /ai/embed"),
    }
    return Provenance(**{**values, **changes})


def store_samples(path: Path, samples: Iterable[Sample]) -> SampleSetFile:
    """Publish a sample set."""
    draft = draft_path(path)
    write_sample_set(draft, samples, sources=["seed.txt"])
    publish(draft, path)
    return SampleSetFile(path)


def store_rows(path: Path, blocks: Sequence[FetchedRows], rows_per_group: int = 16) -> EmbeddingsFile:
    """Publish an embeddings file."""
    draft = draft_path(path)
    with EmbeddingsWriter(draft, rows_per_group) as writer:
        for block in blocks:
            writer.add(block)
        writer.finish(make_provenance(samples=writer.rows))
    publish(draft, path)
    return EmbeddingsFile(path)


def make_compared(start: int, count: int) -> ComparedRows:
    """Return what comparing `make_rows` with itself came to."""
    rows, samples = make_rows(start, count), make_samples(start + count)[start:]
    block = SampleBlock(
        start=start,
        ids=rows.ids,
        texts=[sample.text for sample in samples],
        categories=[sample.category for sample in samples],
        drawn=[ordinal % 3 for ordinal in range(start, start + count)],
    )
    return compare(block, rows, rows)


def as_plain(record: object) -> dict[str, Any]:
    """Return the fields of a dataclass with arrays as bytes, so that NaN equals NaN of the same bits."""
    plain: dict[str, Any] = {}
    for one in fields(record):  # pyright: ignore[reportArgumentType] - any dataclass
        value: Any = getattr(record, one.name)
        plain[one.name] = (value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value
    return plain


def make_header(**changes: Any) -> ParityHeader:
    """Return the header of a comparison."""
    identity = SampleSetIdentity(hash="ab" * 32, samples=5, duplicates_dropped=0, sources=("seed.txt",))
    values: dict[str, Any] = {
        "sample_set": identity,
        "sides": (make_provenance(), make_provenance(Side.CANDIDATE)),
        "pairing_faults": (),
        "counts": {Outcome.COMPARED: 17, Outcome.REFUSED_BY_BOTH: 3},
        "worst_cosine": 1.0,
        "worst_sample": "2cf24dba5fb0a30e",
        "background": make_background(),
    }
    return ParityHeader(**{**values, **changes})


def make_verdict(**changes: Any) -> Verdict:
    """Return a verdict of five compared samples, hostile text included, both sides tried and diagnosed."""
    tally = Tally(Thresholds())
    rows = make_compared(0, 5)
    tally.add(replace(rows, heads=["r\u00e9sum\u00e9 \ud800", *rows.heads[1:]]))
    verdict = build_verdict(
        tally,
        make_header(),
        endpoint="embed",
        date=DATE,
        model="org/model:tag",
        package_version="0.1.0",
        diagnosis=make_diagnosis(),
        stability=StabilityOfSides(legacy=make_stability(Side.LEGACY)),
    )
    verdict = replace(verdict, confirmation=make_confirmation(), background=make_background())
    noisy = floor_of(Side.LEGACY, {"repeat": {"a": 0.9999}}, requests=2)
    sound = {"decision": Decision.PASS, "legacy": replace(verdict.legacy, floor=noisy), "power": make_power()}
    return replace(verdict, **{**sound, **changes})


def make_power() -> Power:
    """Return what a sample set would have caught."""
    fault = SimulatedFault(name="swap", words="rows swapped", result=FaultResult.CAUGHT, why="cosine", assumed=False)
    return Power(caught=1, unsure=0, simulated=1, looked_at=5, samples=5, faults=(fault,))


def make_background() -> Background:
    """Return the background of a comparison."""
    return Background(pairs=20, median=0.25, p95=0.5, maximum=0.75, threshold=0.999, share_at_threshold=0.0)


def make_diagnosis() -> Diagnosis:
    """Return a diagnosis with every kind of record in it."""
    cause = Cause(
        name=CauseName.CASE,
        words="folds \ud800",
        confidence=Confidence.PROVEN,
        count=1,
        samples=("s1",),
        evidence=(Evidence(sample="s1", tried="lower case", before=0.5),),
        cases=(13,),
    )
    groups = (Collision(ids=("a", "b"), size=2, apart=2),)
    return Diagnosis(
        causes=(cause,),
        remarks=(),
        failing=2,
        failing_looked_at=2,
        looked_at=5,
        explained=1,
        unexplained=("s2",),
        requests_used=3,
        collisions=(OneSided(side=Side.CANDIDATE, groups=1, pairs=1, listed=groups),),
    )


def make_confirmation() -> Confirmation:
    """Return a confirmation with every kind of row in it."""
    rows = [
        ConfirmedRow(
            id=found.value, found=found, why="why \u202e", strayed=Side.LEGACY if found is Persistence.TRANSIENT else None,
            failed=1, p_value=0.25, between=0.5, within_legacy=0.0, within_candidate=None,
        )
        for found in Persistence
    ]  # fmt: skip
    legacy, candidate = (SideStrays(side=side, strays=1, responses=9, low=0.1, high=0.5, requests=8) for side in Side)
    return Confirmation(rows=tuple(rows), not_requested=2, passing=3, repeats=4, legacy=legacy, candidate=candidate)


def make_stability(side: Side = Side.CANDIDATE, *, measured: bool = True) -> Stability:
    """Return the stability of a side with every field filled, or of one that nothing was measured of."""
    defect = Defect(
        kind=DefectKind.SWAPPED, label="batch of 8", words="row 1 \u202e", count=2, samples=("s1", "s2"), cases=(1,)
    )
    one = ExperimentResult(
        name="batch-sizes", worst=0.25, label="batch of 8", level=8, worst_sample="s1", by_label={"batch of 8": 0.25},
        identical=3, rows=8, affected=("s1", "s2"), affected_texts=2, faults=(defect,), permutation=(1, 0), requests=4,
        left_out=("batch of 64: more than batch_texts (32)",),
    )  # fmt: skip
    return Stability(
        side=side,
        threshold=0.999,
        experiments=(one,) if measured else (ExperimentResult(name="repeats", worst=None, by_label={}),),
        floor=floor_of(side, {"batch of 8": {"s1": 0.75}}, requests=4) if measured else None,
        findings=(Finding("batch-sizes", "rows swapped"),),
        notes=("note",),
        texts={"s1": "sample"},
        requests=4,
    )
