"""Metadata: what a person reads beside an asset in the Dagster UI, columns included.

Here belongs the step from plain records to Dagster's metadata values (Dagster refuses numpy scalars, so each number is a
Python number already), and what each column of a stored file holds. The columns themselves belong to the module of each
file in `storage`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import dagster as dg

from parity_pipeline.core.checks import Check
from parity_pipeline.core.confirmation import Confirmation, Persistence
from parity_pipeline.core.contract.comparison import limit_words
from parity_pipeline.core.contract.records import ContractRecord
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.discrimination import background_words
from parity_pipeline.core.number_format import cosine_text
from parity_pipeline.core.provenance import ParityHeader, Provenance
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.stability.records import ExperimentResult, StabilityRecord
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.links import asset_place
from parity_pipeline.report.numbers import things
from parity_pipeline.report.summary import report_target
from parity_pipeline.steps.probes import PROBES
from parity_pipeline.storage.parquet_tables import TableKind
from parity_pipeline.storage.sample_set_files import SampleSetHeader

_IDENTITY: Final = "Hash of the text, the same for each date, model and side."
_ORDINAL: Final = "Place in the sample set, from 0."
_DRAWN: Final = "How often a random draw took this text; 0 for one that was only picked by hand."

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sample set": {
        "ordinal": _ORDINAL,
        "id": _IDENTITY,
        "text": "The text; half a surrogate pair, which has no UTF-8, is spelled out.",
        "category": "Category of the sample, from its source.",
        "source": "File, or set of hazards, that it came from.",
        "drawn": _DRAWN,
        "text_surrogatepass": "The exact text where it holds half a surrogate pair; else null.",
    },
    "embeddings": {
        "ordinal": _ORDINAL,
        "sample_id": _IDENTITY,
        "vector": "The vector as the side gave it, as float32; null where it gave none.",
        "dimension": "Numbers in the vector; 0 where there is none.",
        "status": "ok, refused (a definite no), failed (no definite response), malformed (response without a vector).",
        "http_status": "Status of the last response; null where there was none.",
        "error": "Why there is no vector, in the side's or the client's words.",
        "request_id": "Value of x-request-id that the request was sent with.",
        "latency_ms": "Milliseconds from sending the request to having the whole response.",
    },
    "parity": {
        "ordinal": _ORDINAL,
        "sample_id": _IDENTITY,
        "category": "Category of the sample, from its source.",
        "head": "Beginning of the text.",
        "outcome": "Result of comparing the sample; a compared one has a cosine, which the verdict grades.",
        "side": "Which side the outcome is about: legacy, candidate, both; null for compared.",
        "legacy_dimension": "Numbers in the legacy vector.",
        "candidate_dimension": "Numbers in the candidate vector.",
        "cosine": "Cosine similarity, accumulated in float64.",
        "legacy_norm": "L2 norm of the legacy vector.",
        "candidate_norm": "L2 norm of the candidate vector.",
        "norm_ratio": "Candidate norm divided by legacy norm.",
        "max_abs_delta": "Largest difference of one element.",
        "max_abs_delta_unit": "The same after both vectors got length 1.",
        "identical": "Whether both vectors are equal as float32.",
        "legacy_error": "Why the legacy side gave no vector.",
        "candidate_error": "Why the candidate gave no vector.",
        "drawn": _DRAWN,
    },
}
"""What a column holds, by the kind of the file and its name."""


Metadata = dict[str, Any]

_SUMMARY_LINES: Final = 60
"""Lines of the summary that the UI shows, each of which Dagster stores with every run; the file holds all."""

_LINK: Final = re.compile(r"\[report\]\(([^()]*)\)")
"""A link of the summary: relative to its folder, which the UI does not serve."""


def columns_of(kind: TableKind[Any], words_of: Mapping[str, Mapping[str, str]] = WORDS) -> Metadata:
    """Return what the columns of a stored file hold, with type and words, as metadata of its asset."""
    words = words_of[kind.name]
    columns = [
        dg.TableColumn(name=one.name, type=str(one.type), description=words.get(one.name)) for one in kind.schema
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def path_fact(path: Path) -> Metadata:
    """Return where a file lies."""
    return {"path": dg.MetadataValue.path(str(path))}


def items_of(lines: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Return lines of raw text as a list."""
    return dg.MetadataValue.md("\n".join(f"- {prose(line)}" for line in lines))


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> dg.MarkdownMetadataValue:
    """Return a table of escaped cells."""
    return dg.MetadataValue.md("\n".join(table(head, rows)))


def significant(value: float) -> float:
    """Return a number in three significant digits.

    >>> significant(1.2345678e-9)
    1.23e-09
    """
    return float(f"{value:.3g}")


def counts_of(counts: Mapping[Any, int], of: str) -> dg.MarkdownMetadataValue:
    """Return the counts that are not 0, of what is named."""
    return table_of((of, "count"), [(prose(name), f"{count:,}") for name, count in counts.items() if count])


def samples_metadata(header: SampleSetHeader, path: Path) -> Metadata:
    """Return what a person wants to know of a sample set."""
    return {
        "dagster/row_count": header.samples,
        "sources": ", ".join(prose(source) for source in header.sources),
        "duplicates dropped": header.duplicates_dropped,
        "content hash": header.hash,
        **path_fact(path),
    }


def embeddings_metadata(provenance: Provenance, path: Path) -> Metadata:
    """Return what a person wants to know of one lane's fetch."""
    survey = provenance.survey
    facts: dict[str, Any] = {
        "dagster/row_count": provenance.samples,
        "vectors": provenance.ok_rows,
        "gateway": f"{provenance.label} at {provenance.url} ({provenance.dialect})",
        "model requested": provenance.model_asked,
        "models echoed": counts_of(provenance.models_echoed, "model"),
        "rows by status": counts_of(provenance.status_counts, "status"),
        "dimensions": ", ".join(survey.dimensions),
        "requests": provenance.requests,
        "retries": provenance.retries,
        "sample set": provenance.sample_set_hash,
        **path_fact(path),
    }
    if survey.norm_low is not None and survey.norm_high is not None:
        facts["L2 norms"] = f"{survey.norm_low:.6g} to {survey.norm_high:.6g}"
    if provenance.errors_by_kind:
        facts["errors by kind"] = counts_of(provenance.errors_by_kind, "kind")
    if provenance.stopped_early:
        facts["stopped early"] = provenance.stopped_early
    facts |= {f"latency {name} (ms)": round(float(value), 1) for name, value in provenance.latency_ms.items()}
    return facts


def stability_metadata(record: StabilityRecord, path: Path) -> Metadata:
    """Return what a person wants to know of one side against itself."""
    found = record.stability
    facts: dict[str, Any] = {}
    if found.floor is not None:
        facts["noise floor, 1 - cosine"] = significant(found.floor.worst)
        facts["noise floor seen in"] = found.floor.worst_experiment or "all vectors are equal"
    if found.findings:
        facts["findings"] = items_of(one.words for one in found.findings)
    if found.experiments:
        facts["experiments"] = table_of(_EXPERIMENTS_HEAD, map(_tried, found.experiments))
    if found.notes:
        facts["not tried or without a response"] = items_of(found.notes)
    return facts | {
        "requests": found.requests,
        "texts": len(found.texts),
        "sample set": record.origin.sample_set_hash,
        **path_fact(path),
    }


_EXPERIMENTS_HEAD: Final = ("experiment", "worst 1 - cosine", "where", "rows", "bit for bit the same", "requests")


def _tried(one: ExperimentResult) -> Sequence[str]:
    worst = "not compared" if one.worst is None else f"{one.worst:.2g}"
    cells = (one.name, worst, one.label or "—", f"{one.rows:,}", f"{one.identical:,}", f"{one.requests:,}")
    return tuple(map(prose, cells))


def contract_metadata(record: ContractRecord, path: Path) -> Metadata:
    """Return what a person wants to know of one side's contract."""
    found = record.observation
    rows = [(prose(one.request), prose(f"{one.describe()} {one.words}".strip())) for one in found.responses]
    facts: dict[str, Any] = {"responses": table_of(("request", "response"), rows)} if rows else {}
    if found.unusable:
        facts["nothing observed"] = prose(found.unusable)
    for name, limit, unit in (
        ("largest body", found.body_limit, "bytes"),
        ("largest batch", found.batch_limit, "texts"),
    ):
        if limit is not None:
            facts[name] = limit_words(limit, unit)
    return facts | {"requests": found.requests, "path": dg.MetadataValue.path(str(path))}


def parity_metadata(header: ParityHeader, path: Path) -> Metadata:
    """Return what a person wants to know of a comparison."""
    facts: dict[str, Any] = {
        "dagster/row_count": sum(header.counts.values()),
        "compared": header.compared,
        "outcomes": counts_of(header.counts, "outcome"),
        **path_fact(path),
    }
    if sentence := background_words(header.background):
        facts["different texts"] = sentence
    if header.worst_cosine is not None:
        facts["worst cosine"] = cosine_text(header.worst_cosine)
        facts["worst sample"] = header.worst_sample
    return facts


def checked(one: Check | RetrievalCheck) -> Sequence[str]:
    """Return one row of the table of all checks."""
    failed = prose(f"waived by {one.waived_by}") if one.waived_by else f"**{one.severity}**"
    outcome = "not measured" if one.passed is None else "passed" if one.passed else failed
    return prose(one.name.value), outcome, prose(one.seen)


def summary_metadata(verdicts: Sequence[AnyVerdict], text: str, path: Path) -> Metadata:
    """Return how many verdicts the summary holds, its head, and where it lies."""
    pages = {report_target(one): page for one in verdicts if (page := report_page(one))}
    return {
        "dagster/row_count": len(verdicts),
        "summary": dg.MetadataValue.md(_shown(text, path, pages)),
        **path_fact(path),
    }


def report_page(verdict: AnyVerdict) -> str:
    """Return the address, within the UI, of a report's asset at the verdict's partition; "" where the UI has none.

    Runs through the adapter have a history of their own, which is not that of the UI.
    """
    if verdict.endpoint not in PROBES:
        return ""
    probe = PROBES[verdict.endpoint]
    asset = next(one for one in probe.after_sides if one.rpartition("/")[2] == "report")
    key = make_key(verdict.date, name_of_partition(verdict), probe.dimension)
    return asset_place(asset, view="partitions", partition=str(key))


def _shown(text: str, path: Path, pages: Mapping[str, str]) -> str:
    """Return the head of the summary, which says so where lines are left out.

    A link of the file leads to the report's asset instead, and becomes the file's name where that is not known.
    """
    lines = text.splitlines()
    left_out = len(lines) - _SUMMARY_LINES
    more = ["", f"{things(left_out, 'more line')} in `{path.name}`."] if left_out > 0 else []
    return "\n".join([*(_LINK.sub(partial(_linked, pages), line) for line in lines[:_SUMMARY_LINES]), *more])


def _linked(pages: Mapping[str, str], link: re.Match[str]) -> str:
    page = pages.get(link[1])
    return f"[report]({page})" if page else f"`{link[1]}`"


def confirmation_metadata(found: Confirmation | None, path: Path) -> Metadata:
    """Return what became of the failing rows, how often each side strayed, and what it cost."""
    if found is None:
        return {"failing rows": "none to request again", **path_fact(path)}
    counts = {one.value: found.count(one) for one in Persistence} | {"not requested again": found.not_requested}
    return {
        "failing rows": counts_of(counts, "found"),
        "strays": items_of(side.words() for side in found.sides),
        "requests": sum(side.requests for side in found.sides),
        **path_fact(path),
    }


def diagnosis_metadata(found: Diagnosis | None) -> Metadata:
    """Return the causes that were found, in words."""
    if found is None:
        return {"causes": dg.MetadataValue.md("no diagnosis was made")}
    causes = [f"- **{prose(one.name)}** ({one.confidence}): {prose(one.words)}" for one in found.causes]
    if found.unknown:
        causes.append(f"- **unknown**: no cause found for {things(found.unknown, 'sample')}")
    return {
        "causes": dg.MetadataValue.md("\n".join(causes) or "nothing to explain: no sample fails"),
        "failing samples": found.failing,
        "explained samples": found.explained,
        "samples looked at": found.looked_at,
        "requests used": found.requests_used,
    }
