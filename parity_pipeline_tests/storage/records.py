"""Small true records for the storage tests: rows, provenance, comparisons, verdicts.

Here belong builders of values only; each test says for itself what it stores and reads.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from parity_pipeline.core.compare import ComparedRows, compare
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import Decision, RowStatus, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.samples import Sample, sample_id
from parity_pipeline.core.thresholds import Thresholds
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.storage.atomic import draft_path, publish
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile, write_sample_set

DATE = "2026-04-30"


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
        "url": "http://127.0.0.1:1/ai/embed",
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
    return compare(block, rows, rows, Thresholds())


def as_plain(record: object) -> dict[str, Any]:
    """Return the fields of a dataclass with arrays as bytes, so that NaN equals NaN of the same bits."""
    plain: dict[str, Any] = {}
    for one in fields(record):  # pyright: ignore[reportArgumentType] - any dataclass
        value: Any = getattr(record, one.name)
        plain[one.name] = (value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value
    return plain


def make_verdict(**changes: Any) -> Verdict:
    """Return a verdict as `judge` and its callers make one."""
    values: dict[str, Any] = {
        "endpoint": "embed",
        "date": DATE,
        "model": "org/model:tag",
        "decision": Decision.PASS,
        "reasons": ("5/5 samples \u2265 0.9990",),
        "thresholds": {"cosine": 0.999, "norm_ratio": 0.001},
        "samples": 5,
        "compared": 5,
        "counts": {"match": 5, "mismatch": 0},
        "by_category": {"seed": {"match": 5}},
        "worst_cosine": 1.0,
        "mean_cosine": 1.0,
        "worst_sample": "2cf24dba5fb0a30e",
        "identical": 0,
        "norms_differ": 5,
        "norms": {"legacy": [1.0, 1.0], "candidate": [None, None]},
        "rows": ({"ordinal": 0, "head": "r\u00e9sum\u00e9 \ud800"},),
        "drift": ({"field": "URL", "legacy": "a", "candidate": "b", "same": False},),
        "sides": json.loads(json.dumps({"legacy": make_provenance().to_json()})),
        "sample_set": {"hash": "ab", "samples": 5, "duplicates_dropped": 0, "sources": ["seed.txt"]},
        "package_version": "0.1.0",
    }
    return Verdict(**{**values, **changes})
