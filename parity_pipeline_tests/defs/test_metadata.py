"""What a person reads beside an asset in the UI."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from parity_pipeline.defs.metadata import WORDS, columns_of, diagnosis_metadata, summary_metadata
from parity_pipeline.report.summary import render_summary
from parity_pipeline.storage.embeddings_files import KIND as EMBEDDINGS
from parity_pipeline.storage.parity_files import KIND as PARITY
from parity_pipeline.storage.parquet_tables import TableKind
from parity_pipeline.storage.sample_set_files import KIND as SAMPLES
from parity_pipeline_tests.defs.project import Project
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.report.measured import diagnosis
from parity_pipeline_tests.report.retrieval_verdicts import passing as passing_retrieval
from parity_pipeline_tests.report.verdicts import SEED, mixed, verdict_of

PATH = Path("SUMMARY.md")


def words(value: Any) -> str:
    """Return the text of a Markdown value."""
    assert isinstance(value, dg.MarkdownMetadataValue)
    return value.md_str or ""


@pytest.mark.parametrize("kind", [SAMPLES, EMBEDDINGS, PARITY], ids=lambda kind: kind.name)
def test_every_column_is_described(kind: TableKind[Any]) -> None:
    """The page of an asset says of each column what it holds, and of none that the file has not."""
    assert list(WORDS[kind.name]) == list(kind.schema.names)
    assert all(column.description for column in columns_of(kind)["dagster/column_schema"].columns)


def test_a_summary_that_is_cut_says_so() -> None:
    """The head of a long summary names how much more the file has; a link to a report that is not known becomes a name."""
    rows = "".join(f"| {row} | [report](embed_parity_{row}.md) |\n" for row in range(70))
    shown = words(summary_metadata([], rows, PATH)["summary"])
    assert shown.endswith("\n\n10 more lines in `SUMMARY.md`.")
    assert "| 59 | `embed_parity_59.md` |" in shown
    assert "](" not in shown
    assert "more line" not in words(summary_metadata([], rows[:200], PATH)["summary"])


def test_a_link_of_the_summary_leads_to_the_report_in_the_ui() -> None:
    """The UI serves no files: each row leads to the asset of its report at its partition, whatever the name holds."""
    passing, _ = passing_retrieval()
    verdicts = [verdict_of(SEED, model="org/a b|c"), passing, replace(mixed(), endpoint="embed-through-adapter")]
    shown = words(summary_metadata(verdicts, render_summary(verdicts), PATH)["summary"])
    assert "[report](/assets/report?view=partitions&partition=2026-04-30%7Corg%2Fa%20b%257Cc)" in shown
    assert "[report](/assets/retrieve/report?view=partitions&partition=staff%7C2026-04-30)" in shown
    assert "`embed-through-adapter_parity_20260430_nomic-embed-text-v2-moe.md`" in shown


@pytest.mark.parametrize(
    ("failing", "explained", "shown"),
    [(0, 0, "nothing to explain"), (3, 0, "no cause found for 3 samples"), (3, 2, "no cause found for 1 sample")],
)
def test_a_diagnosis_says_what_stays_unknown(failing: int, explained: int, shown: str) -> None:
    """That nothing failed and that nothing was found read differently."""
    facts = diagnosis_metadata(diagnosis((), failing, ["unknown"] * (failing - explained)))
    assert shown in words(facts["causes"])
    assert (facts["failing samples"], facts["explained samples"]) == (failing, explained)


def test_a_side_that_was_not_tried_shows_why_and_no_empty_table(tmp_path: Path) -> None:
    """Beside a dead side stands what it said, and no table without rows."""
    project = Project(tmp_path, hash_gateway("rust"), None)
    with project.instance:
        result = project.run("samples", "candidate/stability")
    events = {event.asset_key: event for event in result.get_asset_materialization_events()}
    shown = events[dg.AssetKey(["candidate", "stability"])].materialization.metadata
    assert "gateway.test/v1/embed: no connection" in words(shown["not tried or without a response"])
    assert "experiments" not in shown
