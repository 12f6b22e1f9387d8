"""Metadata of verdicts and reports, of both probes, and the tag of their runs: what a person reads first in the UI.

Here belong what stands there and in which order, the verdict before everything else, and the links from it. The UI shows
Markdown in place up to 1,000 characters and has no colours of its own for metadata, so that a symbol marks the decision.
The series that it plots belong to `charts`, the metadata of other assets to `metadata` and `retrieval_metadata`.
"""

from pathlib import Path
from typing import Any, Final

import dagster as dg

from parity_pipeline.core.number_format import cosine_text
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.defs.charts import retrieval_series, series
from parity_pipeline.defs.metadata import checked, items_of, path_fact, report_page, table_of
from parity_pipeline.report.digest import causes, digest, marked, worst_queries, worst_samples
from parity_pipeline.report.escape import prose
from parity_pipeline.report.links import Links, asset_place
from parity_pipeline.report.numbers import count, things
from parity_pipeline.report.retrieval_view import Queries, value_text
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.report.sections.retrieval_causes import first_retrieval_cause
from parity_pipeline.storage.layout import Layout

VERDICT_TAG: Final = "parity/verdict"
"""Tag of a run: PASS, PASS WITH WAIVERS, FAIL or INCONCLUSIVE. A run that found a failing date has succeeded."""

NO_QUERIES: Final[Queries] = {}
VERDICT_CHECK: Final = "verdict_is_pass"
"""The check that repeats the decision."""


def tag_verdict(context: dg.AssetExecutionContext, decision: Decision) -> None:
    """Tag the run of a step with the decision that it made, so that the list of runs shows it and can be searched for it."""
    context.instance.add_run_tags(context.run.run_id, {VERDICT_TAG: decision.value})


def verdict_metadata(verdict: Verdict, path: Path) -> dict[str, Any]:
    """Return verdict, digest, worst samples, reasons, checks and measures, and the series that are plotted."""
    facts = _opening(verdict, worst_samples(verdict)) | to_report(verdict)
    if cause := first_cause(verdict):
        facts["first cause"] = cause
    if verdict.worst_cosine is not None:
        facts["worst cosine"] = cosine_text(verdict.worst_cosine, verdict.threshold)
    counts = verdict.counts
    facts["samples"] = (
        f"{count(counts.matched)} of {things(counts.samples, 'sample')} match, {count(counts.compared)} compared"
    )
    return facts | _evidence(verdict) | path_fact(path) | series(verdict)


def retrieval_verdict_metadata(verdict: RetrievalVerdict, path: Path, queries: Queries = NO_QUERIES) -> dict[str, Any]:
    """Return the same of ranked lists; `queries` are the texts of the queries that are shown, by id."""
    facts = _opening(verdict, worst_queries(verdict, queries)) | to_report(verdict)
    if cause := first_retrieval_cause(verdict):
        facts["first cause"] = cause
    for measure in (SetMeasure.MEAN_OVERLAP, SetMeasure.TOP_1_SHARE, SetMeasure.MEAN_RBO):
        if (value := verdict.value(measure)) is not None:
            facts[measure.value.replace("_", " ")] = value_text(measure, value)
    agreeing, queries_in_all = verdict.counts.agreeing, things(verdict.counts.queries, "query", "queries")
    facts["queries"] = f"{count(agreeing)} of {queries_in_all} agree"
    return facts | _evidence(verdict) | path_fact(path) | retrieval_series(verdict)


def report_metadata(verdict: AnyVerdict, layout: Layout, links: Links, queries: Queries = NO_QUERIES) -> dict[str, Any]:
    """Return the verdict in short, and where the whole report is.

    Args:
        verdict: The verdict that is reported.
        layout: Where the report lies, and its page, which is named only where it exists.
        links: Where reports are reached.
        queries: Texts of queries by id.
    """
    facts = _opening(
        verdict, worst_queries(verdict, queries) if isinstance(verdict, RetrievalVerdict) else worst_samples(verdict)
    )
    if isinstance(verdict, RetrievalVerdict):
        places = (layout.retrieval_report, layout.html_retrieval_report)
    else:
        places = (layout.report, layout.html_report)
    for name, place in zip(("report", "page"), places, strict=True):
        if (path := place(verdict.date, name_of_partition(verdict))).exists():
            facts |= _file(name, path, layout.reports_dir, links)
    return facts


def _file(name: str, path: Path, folder: Path, links: Links) -> dict[str, Any]:
    """Return a link to a file, where there is one that a browser can follow, and its path."""
    address = links.report(path, folder)
    linked: dict[str, Any] = {name: dg.MetadataValue.url(address)} if address else {}
    return {**linked, ("path" if name == "report" else f"path of the {name}"): dg.MetadataValue.path(str(path))}


def to_report(verdict: AnyVerdict) -> dict[str, dg.MetadataValue[Any]]:
    """Return a link to the report of a verdict in the UI, at its partition; empty where the UI has none."""
    page = report_page(verdict)
    named = f"[report of {verdict.date}, {prose(name_of_partition(verdict))}]({page})"
    return {"report": dg.MetadataValue.md(named)} if page else {}


def to_act_on(verdict: AnyVerdict) -> dict[str, dg.MetadataValue[Any]]:
    """Return what a person needs to act on a verdict: causes, digest with what may be flipped, address of the report.

    The UI hides Markdown of a check behind a click, so that causes and address are plain.
    """
    known = {"causes": dg.MetadataValue.text("; ".join(found))} if (found := causes(verdict)) else {}
    return {**known, "digest": dg.MetadataValue.md(digest(verdict)), **report_address(verdict)}


def report_address(verdict: AnyVerdict) -> dict[str, dg.MetadataValue[Any]]:
    """Return the address of the report of a verdict within the UI, for a check; empty where the UI has none."""
    page = report_page(verdict)
    return {"report": dg.MetadataValue.url(page)} if page else {}


def _to_checks(asset: str) -> dg.MarkdownMetadataValue:
    """Return a link to the check of the verdict; its tab *Partitions* has no address of its own in the UI."""
    return dg.MetadataValue.md(
        f"[{VERDICT_CHECK}]({asset_place(asset, view='checks', checkDetail=VERDICT_CHECK)}), then *Partitions*"
    )


def _opening(verdict: AnyVerdict, worst: str) -> dict[str, Any]:
    """Return what stands at the top of both assets: the verdict, its digest, the worst inputs, the way to the checks."""
    of_lists = isinstance(verdict, RetrievalVerdict)
    facts: dict[str, Any] = {"verdict": marked(verdict.decision), "digest": dg.MetadataValue.md(digest(verdict))}
    if worst:
        facts["most changed queries" if of_lists else "worst samples"] = dg.MetadataValue.md(worst)
    return facts | {"checks of all dates": _to_checks("retrieve/verdict" if of_lists else "verdict")}


def _evidence(verdict: AnyVerdict) -> dict[str, Any]:
    facts: dict[str, Any] = {"reasons": items_of(verdict.reasons)}
    if verdict.strength:
        facts["strength"] = verdict.strength
    if verdict.power:
        facts["simulated faults"] = f"{count(verdict.power.caught)} of {count(verdict.power.simulated)} caught"
    if verdict.checks:
        facts["checks"] = table_of(("check", "result", "seen"), map(checked, verdict.checks))
    return facts
