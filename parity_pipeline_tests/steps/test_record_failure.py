"""A date that could not be run, as the steps record it: what the verdict says, and what it never says."""

from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError, GatewayError, ServiceError, SettingsError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.run_failure import RunFailure, failure_of
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, EMBED_BEHIND_ADAPTER, RETRIEVE
from parity_pipeline.steps.record_failure import not_run_verdict, record_failure
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.ledger import entries, newest
from parity_pipeline_tests.defs.project import DAY, MODEL, searching_project
from parity_pipeline_tests.defs.test_runs import a_project

FAILURE = RunFailure(
    step="candidate/embeddings",
    problem="no connection | <b>",
    place="http://gateway.test",
    remedy="Start the service.",
    kind="GatewayError",
)


def context(folder: Path) -> RunContext:
    """Return what the steps share, before anything was run."""
    return a_project(folder).context()


def test_the_verdict_names_the_reason_and_claims_nothing(tmp_path: Path) -> None:
    """INCONCLUSIVE with one reason and one check; no number, no drift, no cause, and the limits of now."""
    found = not_run_verdict(context(tmp_path), EMBED, DAY, MODEL, FAILURE)
    assert isinstance(found, Verdict)
    assert found.decision is Decision.INCONCLUSIVE
    assert found.reasons == ("could not run: candidate/embeddings failed: http://gateway.test: no connection | <b>",)
    assert [(one.name, one.passed, one.remedy) for one in found.checks] == [("pairing", False, "Start the service.")]
    assert (found.findings, found.drift, found.rows, found.diagnosis, found.power) == ((), (), (), None, None)
    assert (found.counts.samples, found.worst_cosine, found.threshold) == (0, None, 0.999)
    assert found.not_run == FAILURE


def test_the_sides_are_named_as_they_would_have_been_requested(tmp_path: Path) -> None:
    """Label, address and model are those of the settings, with no request; a side without a token has none of them."""
    run = context(tmp_path)

    def no_token() -> object:
        raise SettingsError("TOKEN is not set", place="sides.legacy.bearer_env")

    broken = replace(run.gateways[Side.LEGACY], make_config=no_token)  # pyright: ignore[reportArgumentType] - never returns
    run = replace(run, gateways={**run.gateways, Side.LEGACY: broken})
    found = not_run_verdict(run, EMBED, DAY, MODEL, FAILURE)
    assert isinstance(found, Verdict)
    legacy, candidate = (side.provenance for side in found.sides)
    assert (legacy.label, legacy.url, legacy.requests) == ("", "", 0)
    assert (candidate.label, candidate.url, candidate.requests) == (
        "New gateway",
        "http://gateway.test/v1/embed",
        0,
    )
    assert len(candidate.settings_hash) == 64


def test_everything_that_stood_is_replaced_and_nothing_in_the_ledger_is(tmp_path: Path) -> None:
    """The stored verdict, the report and the summary say so; the ledger has one more line."""
    run = context(tmp_path)
    assert record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="one") is not None
    before = run.layout.ledger.read_bytes()
    assert record_failure(run, EMBED, DAY, MODEL, replace(FAILURE, problem="again"), run_id="two") is not None
    assert run.layout.ledger.read_bytes().startswith(before)
    assert [entry.run_id for entry in entries(run.layout.ledger)] == ["one", "two"]
    stored = read_verdict(run.layout.verdict(DAY, MODEL))
    assert stored.not_run is not None
    assert stored.not_run.problem == "again"
    assert "no connection &#124; &lt;b>" in run.layout.report(DAY, MODEL).read_text("utf-8")
    assert "again" in run.layout.summary.read_text("utf-8")


def test_a_run_is_recorded_once_and_a_failure_without_a_run_each_time(tmp_path: Path) -> None:
    """A second failing step of a run adds nothing; services that did not start have no run to go by."""
    run = context(tmp_path)
    assert record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="one") is not None
    assert record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="one") is None
    assert record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="") is not None
    assert record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="") is not None
    assert len(list(entries(run.layout.ledger))) == 3


def test_corpora_and_the_adapter_have_failures_of_their_own(tmp_path: Path) -> None:
    """The same failure of another probe is another verdict, in the same ledger."""
    project = searching_project(tmp_path)
    run = project.context()
    behind = replace(run, probe=EMBED_BEHIND_ADAPTER.name, layout=replace(run.layout, probe=EMBED_BEHIND_ADAPTER.name))
    record_failure(run, RETRIEVE, DAY, "everyone", FAILURE, run_id="a")
    record_failure(behind, EMBED_BEHIND_ADAPTER, DAY, MODEL, FAILURE, run_id="b")
    record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="c")
    assert [one.endpoint for one in newest(run.layout.ledger)] == ["embed", "embed-through-adapter", "retrieve"]
    assert "could not run" in run.layout.retrieval_report(DAY, "everyone").read_text("utf-8")


def test_a_ledger_that_takes_no_line_leaves_no_report(tmp_path: Path) -> None:
    """What is not in the ledger did not happen: no report may say that it did."""
    run = context(tmp_path)
    run.layout.ledger.mkdir(parents=True)
    with pytest.raises(ArtifactError):
        record_failure(run, EMBED, DAY, MODEL, FAILURE, run_id="one")
    assert not run.layout.report(DAY, MODEL).exists()
    assert not run.layout.verdict(DAY, MODEL).exists()


def test_an_error_of_the_product_keeps_its_parts() -> None:
    """Problem, place and remedy stand apart, and an error that nobody expected shows its kind alone."""
    known = failure_of(GatewayError("down", place="http://h", remedy="Start it."), "legacy/embeddings")
    assert known == RunFailure(
        step="legacy/embeddings", problem="down", place="http://h", remedy="Start it.", kind="GatewayError"
    )
    bug = failure_of(ValueError("Bearer abc"), "parity")
    assert bug.problem == "unexpected ValueError, whose text is in the log of the run"
    assert "abc" not in repr(bug)


def test_the_log_of_a_service_is_not_part_of_the_reason() -> None:
    """A reason is one line; what a service wrote stays in its log."""
    error = ServiceError("it ended; the last lines of its log:\n    secret?", remedy="Look.\n  The whole log is x.log.")
    found = failure_of(error, "services")
    assert found.problem == "it ended"
    assert found.remedy == "Look. The whole log is x.log."
