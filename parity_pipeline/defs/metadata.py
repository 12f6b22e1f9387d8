"""Metadata: what a person reads beside an asset in the Dagster UI.

Here belongs the step from plain records to Dagster's metadata values. Dagster refuses numpy scalars, so each number
is a Python number already.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from parity_pipeline.core.numerals import cosine_text
from parity_pipeline.core.parity_header import ParityHeader
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.stability.records import StabilityRecord, Tried
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.escape import prose
from parity_pipeline.storage.embeddings import KIND as EMBEDDINGS
from parity_pipeline.storage.parity_files import KIND as PARITY
from parity_pipeline.storage.sample_sets import KIND as SAMPLES
from parity_pipeline.storage.sample_sets import SampleSetHeader
from parity_pipeline.storage.tables import TableKind

Metadata = Mapping[str, Any]

_SUMMARY_ROWS = 40
"""Lines of the summary that the UI shows; the file holds all."""


def _columns(kind: TableKind) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name=field.name, type=str(field.type)) for field in kind.schema])


def samples_definition() -> Metadata:
    """Return the columns of a sample-set file."""
    return {"dagster/column_schema": _columns(SAMPLES)}


def embeddings_definition() -> Metadata:
    """Return the columns of an embeddings file."""
    return {"dagster/column_schema": _columns(EMBEDDINGS)}


def parity_definition() -> Metadata:
    """Return the columns of a parity file."""
    return {"dagster/column_schema": _columns(PARITY)}


def _table(rows: Sequence[tuple[str, str]], left: str, right: str) -> dg.MarkdownMetadataValue:
    lines = [f"| {left} | {right} |", "|---|---|", *(f"| {prose(a)} | {prose(b)} |" for a, b in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def _counts(counts: Mapping[str, int], left: str) -> dg.MarkdownMetadataValue:
    return _table([(name, f"{count:,}") for name, count in counts.items() if count], left, "count")


def samples_metadata(header: SampleSetHeader) -> Metadata:
    """Return what a person wants to know of a sample set."""
    return {
        "dagster/row_count": header.samples,
        "content hash": header.hash,
        "duplicates dropped": header.duplicates_dropped,
        "sources": ", ".join(prose(source) for source in header.sources),
    }


def embeddings_metadata(provenance: Provenance, path: Path) -> Metadata:
    """Return what a person wants to know of one lane's fetch."""
    survey = provenance.survey
    facts: dict[str, Any] = {
        "dagster/row_count": provenance.samples,
        "vectors": provenance.ok_rows,
        "gateway": f"{provenance.label} at {provenance.url} ({provenance.dialect})",
        "model asked": provenance.model_asked,
        "models echoed": _counts(provenance.models_echoed, "model"),
        "rows by status": _counts(provenance.status_counts, "status"),
        "dimensions": ", ".join(survey["dimensions"]),
        "requests": provenance.requests,
        "retries": provenance.retries,
        "sample set": provenance.sample_set_hash,
        "path": dg.MetadataValue.path(str(path)),
    }
    if survey["norm_low"] is not None:
        facts["L2 norms"] = f"{survey['norm_low']:.6g} to {survey['norm_high']:.6g}"
    if provenance.errors_by_kind:
        facts["errors by kind"] = _counts(provenance.errors_by_kind, "kind")
    if provenance.stopped_early:
        facts["stopped early"] = provenance.stopped_early
    facts |= {f"latency {name} (ms)": round(float(value), 3) for name, value in provenance.latency_ms.items()}
    return facts


def stability_metadata(record: StabilityRecord, path: Path) -> Metadata:
    """Return what a person wants to know of one side against itself."""
    found = record.stability
    facts: dict[str, Any] = {
        "experiments": dg.MetadataValue.md("\n".join([*_EXPERIMENTS_HEAD, *map(_tried, found.experiments)])),
        "requests": found.requests,
        "texts": len(found.texts),
        "sample set": record.origin.sample_set_hash,
        "path": dg.MetadataValue.path(str(path)),
    }
    if found.floor is not None:
        facts["noise floor, 1 - cosine"] = found.floor.worst
        facts["noise floor seen in"] = found.floor.worst_experiment or "all answers are equal"
    if found.findings:
        facts["findings"] = dg.MetadataValue.md("\n".join(f"- {prose(one.words)}" for one in found.findings))
    if found.notes:
        facts["not tried or not answered"] = dg.MetadataValue.md("\n".join(f"- {prose(one)}" for one in found.notes))
    return facts


_EXPERIMENTS_HEAD = (
    "| experiment | worst 1 - cosine | where | rows | bit for bit the same | requests |",
    "|---|---|---|---|---|---|",
)


def _tried(one: Tried) -> str:
    worst = "not compared" if one.worst is None else f"{one.worst:.2g}"
    cells = (one.name, worst, one.label, f"{one.rows:,}", f"{one.identical:,}", f"{one.requests:,}")
    return f"| {' | '.join(map(prose, cells))} |"


def parity_metadata(header: ParityHeader, path: Path) -> Metadata:
    """Return what a person wants to know of a comparison."""
    facts: dict[str, Any] = {
        "dagster/row_count": sum(header.counts.values()),
        "compared": header.compared,
        "outcomes": _counts(header.counts, "outcome"),
        "path": dg.MetadataValue.path(str(path)),
    }
    if header.worst_cosine is not None:
        facts["worst cosine"] = header.worst_cosine
        facts["worst sample"] = header.worst_sample
    return facts


def verdict_metadata(verdict: Verdict, path: Path) -> Metadata:
    """Return the verdict, its reasons and its worst cosine."""
    facts: dict[str, Any] = {
        "verdict": verdict.decision.value,
        "reasons": dg.MetadataValue.md("\n".join(f"- {prose(reason)}" for reason in verdict.reasons)),
        "samples": verdict.samples,
        "compared": verdict.compared,
        "path": dg.MetadataValue.path(str(path)),
    }
    if verdict.worst_cosine is not None:
        facts["worst cosine"] = verdict.worst_cosine
        facts["worst cosine, as reported"] = cosine_text(verdict.worst_cosine, verdict.thresholds["cosine"])
    return facts


def report_metadata(verdict: Verdict, text: str, path: Path) -> Metadata:
    """Return the report itself, and where it lies."""
    return {
        "verdict": verdict.decision.value,
        "report": dg.MetadataValue.md(text),
        "path": dg.MetadataValue.path(str(path)),
    }


def summary_metadata(verdicts: Sequence[Verdict], text: str, path: Path) -> Metadata:
    """Return how many verdicts the summary holds, its head, and where it lies."""
    return {
        "dagster/row_count": len(verdicts),
        "summary": dg.MetadataValue.md("\n".join(text.splitlines()[:_SUMMARY_ROWS])),
        "path": dg.MetadataValue.path(str(path)),
    }


def diagnosis_metadata(found: Mapping[str, Any]) -> Metadata:
    """Return the causes that were found, in words."""
    causes = [
        f"- **{prose(str(one['name']))}** ({one['confidence']}): {prose(one['words'])}"
        for one in found.get("causes", ())
    ]
    return {
        "failing": int(found.get("failing", 0)),
        "explained": int(found.get("explained", 0)),
        "causes": dg.MetadataValue.md("\n".join(causes) or "none"),
        "requests used": int(found.get("requests_used", 0)),
        "samples looked at": int(found.get("looked_at", 0)),
    }
