"""What is stored of a query's reproduction: read again, shown with its own verdict alone, checked, bundled, removed."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.bundle.archive import content_of, read_archive
from parity_pipeline.bundle.manifest import MANIFEST
from parity_pipeline.bundle.verify import verify_bundle
from parity_pipeline.bundle.write import BundleRequest, write_bundle
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.bands import QUERY_LIMITS, Bands, Limits, QueryMeasure
from parity_pipeline.core.retrieval.reproduction import worst_failing_query
from parity_pipeline.faults.trial_run import DAY as TRIAL_DAY
from parity_pipeline.faults.trial_run import MODEL
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.steps.retrieval.fetch_side import retrieval_of
from parity_pipeline.steps.retrieval.judge_rankings import judge_stored_rankings, write_retrieval_report
from parity_pipeline.steps.retrieval.reproduce_query import reproduce_query, stored_query_reproduction
from parity_pipeline.steps.retrieval.run_retrieval import compare_and_reproduce, run_retrieval
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_check import write_query_check
from parity_pipeline.steps.write_reports import write_report
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.defs.project import DAY, Project
from parity_pipeline_tests.steps.reproducing import counted, faulty
from parity_pipeline_tests.steps.reproducing_queries import CORPUS, TEXTS, candidate_of, project_of


def with_w(text: str) -> bool:
    """Return whether a text has a w."""
    return "w" in text


def failed(folder: Path) -> RunContext:
    """Return a run that failed, its worst query made small."""
    run = project_of(folder, with_w).context()
    assert run_retrieval(run, DAY, CORPUS, run_id="run").decision is Decision.FAIL
    return run


def test_what_was_reproduced_is_not_requested_again(tmp_path: Path) -> None:
    """Judging the same lists once more sends nothing; other limits of a query do not take it over."""
    run = failed(tmp_path)
    verdict, seen = judge_stored_rankings(run, DAY, CORPUS), {side: list[str]() for side in Side}
    assert stored_query_reproduction(run, verdict) is not None
    assert reproduce_query(counted(run, seen), verdict, pytest.fail) == stored_query_reproduction(run, verdict)
    assert not any(seen.values())
    bands = Bands(query={**QUERY_LIMITS, QueryMeasure.OVERLAP: Limits(0.9, 0.6)})
    other = replace(run, retrieval=replace(retrieval_of(run), bands=bands))
    assert worst_failing_query(judge_stored_rankings(other, DAY, CORPUS)) is not None
    assert stored_query_reproduction(other, judge_stored_rankings(other, DAY, CORPUS)) is None


def test_what_was_found_of_another_query_is_not_shown(tmp_path: Path) -> None:
    """A verdict whose worst query is another one has no reproduction."""
    run = failed(tmp_path)
    verdict = judge_stored_rankings(run, DAY, CORPUS)
    found = stored_query_reproduction(run, verdict)
    assert found is not None
    others = replace(verdict, queries=tuple(one for one in verdict.queries if one.id != found.query))
    assert stored_query_reproduction(run, others) is None


def test_a_damaged_file_costs_no_report(tmp_path: Path) -> None:
    """It is an error to read it, and the report comes without it, with the whole query."""
    run = failed(tmp_path)
    verdict = judge_stored_rankings(run, DAY, CORPUS)
    run.layout.retrieval_reproduction(DAY, CORPUS).write_text("{}")
    with pytest.raises(ArtifactError, match="reproduction"):
        stored_query_reproduction(run, verdict)
    assert write_query_check(run, verdict) is None
    assert TEXTS[1] in write_retrieval_report(run, DAY, CORPUS)[1].partition("curl")[2]


def test_a_damaged_file_is_replaced_and_costs_no_verdict(tmp_path: Path) -> None:
    """The next run of the date searches again and writes over what cannot be read."""
    run = failed(tmp_path)
    run.layout.retrieval_reproduction(DAY, CORPUS).write_text("{}")
    compare_and_reproduce(run, DAY, CORPUS, pytest.fail)
    assert stored_query_reproduction(run, judge_stored_rankings(run, DAY, CORPUS)) is not None


def test_a_check_of_an_earlier_run_goes(tmp_path: Path) -> None:
    """A report that links to no check leaves none behind: of a run that passed since, or that could not be run."""
    project = project_of(tmp_path, with_w)
    run_retrieval(project.context(), DAY, CORPUS, run_id="run")
    _, text = write_retrieval_report(project.context(), DAY, CORPUS)
    check = project.context().layout.retrieval_check(DAY, CORPUS)
    assert f"(reproduce/{check.name})" in text
    assert check.read_text("ascii").startswith("#!/usr/bin/env python3\n")
    sound = project_of(tmp_path, lambda _: False).context()
    assert run_retrieval(sound, DAY, CORPUS, run_id="again").decision is Decision.PASS
    _, text = write_retrieval_report(sound, DAY, CORPUS)
    assert "still fails" not in text
    assert not check.exists()


def test_a_check_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """A folder where the check of an earlier run would be is an error with its place, and no traceback."""
    run = project_of(tmp_path, lambda _: False).context()
    run_retrieval(run, DAY, CORPUS, run_id="run")
    run.layout.retrieval_check(DAY, CORPUS).mkdir(parents=True)
    with pytest.raises(ArtifactError, match="cannot write") as caught:
        write_retrieval_report(run, DAY, CORPUS)
    assert caught.value.place == str(run.layout.retrieval_check(DAY, CORPUS))


def test_a_half_surrogate_survives_the_file(tmp_path: Path) -> None:
    """A text that has no UTF-8 is stored, read, shown, and put in a check that is Python."""
    run = project_of(tmp_path, lambda text: "\ud800" in text, texts=("plain", "odd \ud800 text")).context()
    verdict = run_retrieval(run, DAY, CORPUS, run_id="run")
    found = stored_query_reproduction(run, verdict)
    assert found is not None
    assert found.smallest is not None
    assert "\ud800" in found.smallest.text
    assert write_retrieval_report(run, DAY, CORPUS)[1].encode()
    compile(run.layout.retrieval_check(DAY, CORPUS).read_text("ascii"), "check", "exec")


def test_dagsters_graph_makes_it_with_the_comparison(tmp_path: Path) -> None:
    """The asset of the comparison sends the requests; the report has sentence, commands and check."""
    project = project_of(tmp_path, with_w)
    for name in ("retrieve/queries", "legacy/retrieval", "candidate/retrieval", "retrieve/parity"):
        assert materialized(project, name)
    layout = project.context().layout
    assert layout.retrieval_reproduction(DAY, CORPUS).exists()
    searches = candidate_of(project).searches
    assert materialized(project, "retrieve/verdict", "retrieve/report")
    assert candidate_of(project).searches == searches
    assert "still fails as `w`" in layout.retrieval_report(DAY, CORPUS).read_text("utf-8")
    assert layout.retrieval_check(DAY, CORPUS).exists()


def materialized(project: Project, *names: str) -> bool:
    """Return whether assets of the partition could be materialized."""
    return project.run(*names, model=CORPUS, probe=RETRIEVE).success


def bundled(run: RunContext, path: Path, probe: str, name: str) -> dict[str, bytes]:
    """Return the contents of a bundle of a run, which verifies."""
    request = BundleRequest(layout=run.layout, settings={}, names={probe: [name]}, first=DAY, last="2026-12-31")
    manifest = write_bundle(request, path)
    verify_bundle(
        path,
        lambda _settings, folder, _probe: replace(
            run, layout=Layout(data_dir=folder / "data", reports_dir=folder / "reports"), gateways={}
        ),
    )
    with path.open("rb") as file:
        held = {one: b"".join(content_of(file, entry)) for one, entry in read_archive(file, "b").items()}
    for one in manifest.files:
        assert hashlib.sha256(held[one.path]).hexdigest() == one.sha256
    return {name: content for name, content in held.items() if name != MANIFEST}


def reproductions(held: dict[str, bytes]) -> list[str]:
    """Return the names of the reproductions and checks in a bundle."""
    return [name for name in held if "reproduc" in name]


def test_a_bundle_holds_the_reproduction_and_the_check_of_a_query(tmp_path: Path) -> None:
    """Byte by byte, with their hashes; those of an earlier FAIL are not evidence for a PASS."""
    run = failed(tmp_path)
    write_retrieval_report(run, DAY, CORPUS)
    held = bundled(run, tmp_path / "b.zip", "retrieve", CORPUS)
    record, check = run.layout.retrieval_reproduction(DAY, CORPUS), run.layout.retrieval_check(DAY, CORPUS)
    assert [held[name] for name in reproductions(held)] == [record.read_bytes(), check.read_bytes()]
    sound = project_of(tmp_path, lambda _: False).context()
    run_retrieval(sound, DAY, CORPUS, run_id="again")
    assert record.exists()
    assert check.exists()
    assert reproductions(bundled(sound, tmp_path / "b.zip", "retrieve", CORPUS)) == []


def test_a_bundle_holds_the_reproduction_and_the_check_of_a_sample(tmp_path: Path) -> None:
    """Of the embed probe likewise; without a check it holds the record alone."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    run_partition(run, TRIAL_DAY, MODEL, run_id="run")
    write_report(run, TRIAL_DAY, MODEL)
    held = bundled(run, tmp_path / "b.zip", "embed", MODEL)
    record, check = run.layout.reproduction(TRIAL_DAY, MODEL), run.layout.reproduce_check(TRIAL_DAY, MODEL)
    assert [held[name] for name in reproductions(held)] == [record.read_bytes(), check.read_bytes()]
    check.unlink()
    assert len(reproductions(bundled(run, tmp_path / "b.zip", "embed", MODEL))) == 1


def test_a_check_starts_without_this_project(tmp_path: Path) -> None:
    """With Python alone, the check of a whole run says that nobody is there."""
    run = failed(tmp_path)
    write_retrieval_report(run, DAY, CORPUS)
    command = [sys.executable, "-I", "-S", "-W", "error", str(run.layout.retrieval_check(DAY, CORPUS))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
