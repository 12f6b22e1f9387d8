"""What a person sees of a verdict in the Dagster UI: the tag of its run, its metadata, its series."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.defs import checks, retrieval_checks
from parity_pipeline.defs.charts import log10, per_cent, retrieval_series, series
from parity_pipeline.defs.verdict_metadata import (
    VERDICT_TAG,
    report_metadata,
    retrieval_verdict_metadata,
    verdict_metadata,
)
from parity_pipeline.report.digest import INLINE, causes
from parity_pipeline.report.links import Links
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.report.measured import measured_pass, two_causes
from parity_pipeline_tests.report.retrieval_verdicts import failing
from parity_pipeline_tests.report.verdicts import mixed, with_provenance

PATH = Path("verdict.json")


def words(value: Any) -> str:
    """Return the text of a Markdown value."""
    assert isinstance(value, dg.MarkdownMetadataValue)
    return value.md_str or ""


def plotted(facts: dict[str, Any]) -> set[str]:
    """Return the names of what the UI would plot."""
    return {name for name, value in facts.items() if isinstance(value, int | float)}


def test_verdict_and_digest_come_first() -> None:
    """The verdict stands before everything, then its digest, the worst inputs, and the way to the checks."""
    embed = verdict_metadata(mixed(), PATH)
    assert list(embed)[:4] == ["verdict", "digest", "worst samples", "checks of all dates"]
    verdict, queries = failing()
    retrieve = retrieval_verdict_metadata(verdict, PATH, queries)
    assert list(retrieve)[:4] == ["verdict", "digest", "most changed queries", "checks of all dates"]
    assert embed["verdict"] == retrieve["verdict"] == "✘ FAIL"
    for facts in (embed, retrieve):
        assert all(len(words(facts[name])) < INLINE for name in list(facts)[1:4])
    assert "/assets/retrieve/verdict?view=checks&checkDetail=verdict_is_pass" in words(retrieve["checks of all dates"])


def test_the_verdict_leads_to_the_report_of_its_partition() -> None:
    """From the asset of a verdict one link leads to its report, whichever probe it is of."""
    embed, retrieve = verdict_metadata(mixed(), PATH), retrieval_verdict_metadata(failing()[0], PATH)
    assert "](/assets/report?view=partitions&partition=2026-04-30%7C" in words(embed["report"])
    assert "](/assets/retrieve/report?view=partitions&partition=" in words(retrieve["report"])
    assert "report" not in verdict_metadata(replace(mixed(), endpoint="embed-through-adapter"), PATH)


def test_a_check_that_did_not_pass_says_what_to_do_and_one_that_passed_is_short() -> None:
    """A red check leads to the report, that of the verdict says what may be flipped, and a green one has its numbers alone."""
    failed = [*checks.check_verdict(mixed()), *retrieval_checks.check_verdict(failing()[0])]
    for one in failed:
        assert ("report" in one.metadata) is not one.passed, one.check_name
    verdicts = [one for one in failed if one.check_name == "verdict_is_pass"]
    assert ["**May be flipped**" in words(one.metadata["digest"]) for one in verdicts] == [True, True]
    explained = next(checks.check_verdict(two_causes()))
    assert str(explained.metadata["causes"].value) == "; ".join(causes(two_causes())) != ""
    assert str(verdicts[0].metadata["report"].value).startswith(
        "/assets/report?view=partitions&partition=2026-04-30%7C"
    )
    passed = next(checks.check_verdict(measured_pass()))
    assert passed.passed
    assert set(passed.metadata) == {"worst cosine"}


def test_the_check_of_the_cosine_shows_its_threshold() -> None:
    """The limit stands beside the worst value, whether that reaches it or not."""
    for verdict in (mixed(), measured_pass()):
        cosine = next(one for one in checks.check_verdict(verdict) if one.check_name == "cosine")
        assert cosine.metadata["threshold"].value == verdict.threshold


def test_only_series_are_plotted_and_each_is_of_one_model() -> None:
    """A number without a model's name would be one chart of all models."""
    embed, retrieve = verdict_metadata(measured_pass(), PATH), retrieval_verdict_metadata(failing()[0], PATH)
    assert plotted(embed) == set(series(measured_pass()))
    assert plotted(retrieve) == set(retrieval_series(failing()[0]))
    assert all(name.startswith(f"{measured_pass().model}: ") for name in plotted(embed))


def test_the_series_are_agreement_share_noise_and_latency() -> None:
    """What spans powers of ten is a logarithm; what was not measured has no series."""
    verdict = with_provenance(measured_pass(), Side.CANDIDATE, latency_ms={"p95": 12.345})
    assert series(verdict)[f"{verdict.model}: candidate latency p95, ms"] == 12.3
    quantities = {name.partition(": ")[2] for name in series(verdict)}
    assert quantities >= {
        "log10(1 - worst cosine)",
        "samples that match, %",
        "legacy noise floor, log10(1 - cosine)",
        "candidate latency p95, ms",
    }
    bare = replace(verdict, legacy=replace(verdict.legacy, floor=None))
    assert {name.partition(": ")[2] for name in series(bare)} == quantities - {"legacy noise floor, log10(1 - cosine)"}
    assert {name.partition(": ")[2] for name in retrieval_series(failing()[0])} >= {
        "common documents, mean %",
        "log10(1 - mean RBO)",
        "queries that agree, %",
    }


def test_a_series_has_a_name_that_the_database_takes() -> None:
    """Whatever a model is called: no bar, no control character, no half of a surrogate pair."""
    names = series(replace(two_causes(), model="a|b\n\ud800"))
    assert all(name.startswith("a%7Cb%0A%ED%A0%80: ") for name in names)
    assert all(name.encode() for name in names)


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, -16.0), (-1e-17, -16.0), (1e-20, -16.0), (1e-3, -3.0), (2.0, 0.3)]
)
def test_a_logarithm_is_finite(difference: float, expected: float) -> None:
    """No difference is the lowest value of the chart and not infinitely low."""
    assert log10(difference) == expected


def test_only_all_are_a_hundred_per_cent() -> None:
    """A share is rounded down: one sample of a million that differs shows."""
    assert per_cent(1 - 1e-6) == 99.99
    assert per_cent(1.0) == 100.0


def test_a_page_is_linked_only_where_it_exists(tmp_path: Path) -> None:
    """A report has a path, and a link below the address of the reports where the settings name one."""
    layout, verdict = Layout(tmp_path, tmp_path), mixed()
    report, page = (find(verdict.date, verdict.model) for find in (layout.report, layout.html_report))
    report.write_text("", "utf-8")
    without = report_metadata(verdict, layout, Links())
    assert set(without) == {"verdict", "digest", "worst samples", "checks of all dates", "path"}
    page.parent.mkdir()
    page.write_text("", "utf-8")
    linked = report_metadata(verdict, layout, Links(reports="https://git.test/r"))
    assert linked["report"].url == f"https://git.test/r/{report.name}"
    assert linked["page"].url == f"https://git.test/r/html/{page.name}"
    assert linked["path of the page"].path == str(page)


@pytest.mark.parametrize(("noise", "decision"), [(0.0, Decision.PASS), (0.5, Decision.FAIL)])
def test_a_run_is_tagged_with_its_verdict(tmp_path: Path, noise: float, decision: Decision) -> None:
    """The list of runs can be searched for failing dates, although their runs succeed."""
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go", noise=noise))
    with project.instance as instance:
        result = project.run()
        assert result.success
        (run,) = instance.get_runs(dg.RunsFilter(tags={VERDICT_TAG: decision.value}))
        assert run.run_id == result.run_id
        assert run.tags["dagster/partition"] == f"{DAY}|{MODEL}"
    events = {event.asset_key: event for event in result.get_asset_materialization_events()}
    shown = events[dg.AssetKey("report")].materialization.metadata
    assert list(shown)[:2] == ["verdict", "digest"]
    assert decision.value in str(shown["verdict"].value)


def test_a_date_that_could_not_run_is_tagged_too(tmp_path: Path) -> None:
    """Its run has failed, and is found among those without enough evidence."""
    project = Project(tmp_path, hash_gateway("rust"), None)
    with project.instance as instance:
        result = project.run()
        assert not result.success
        (run,) = instance.get_runs(dg.RunsFilter(tags={VERDICT_TAG: Decision.INCONCLUSIVE.value}))
        assert run.run_id == result.run_id


def test_a_run_of_retrieval_is_tagged_and_shows_texts(tmp_path: Path) -> None:
    """The queries of the digest are shown by their texts, and the run has the tag as well."""
    project = searching_project(tmp_path)
    with project.instance as instance:
        result = project.run(probe=RETRIEVE, model="staff")
        assert result.success
        (run,) = instance.get_runs(dg.RunsFilter(tags={VERDICT_TAG: Decision.PASS.value}))
        assert run.run_id == result.run_id
    events = {event.asset_key: event for event in result.get_asset_materialization_events()}
    shown = events[dg.AssetKey(["retrieve", "report"])].materialization.metadata
    assert words(shown["most changed queries"]).count("\n") > 1
