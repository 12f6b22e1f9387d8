"""Runs of the whole graph on one partition, with gateways in this process."""

import json
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.defs.checks import FAMILIES
from parity_pipeline.steps import diagnose_failures
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.ledger import entries
from parity_pipeline_tests.defs.project import DAY, MODEL, SAMPLES, Project, checks_of
from parity_pipeline_tests.fakes.gateways import RefusalError, hash_gateway
from parity_pipeline_tests.fakes.shapes import Vector

ALL_CHECKS = {
    "samples:corpus_sane",
    "legacy/embeddings:fetch_complete",
    "legacy/embeddings:vectors_finite_one_dimension",
    "candidate/embeddings:fetch_complete",
    "candidate/embeddings:vectors_finite_one_dimension",
    "legacy/stability:stable",
    "candidate/stability:stable",
    "verdict:verdict_is_pass",
    *(f"verdict:{family}" for family in FAMILIES),
}


def a_project(folder: Path, **changes: object) -> Project:
    """Return a project whose sides agree, but for their norms."""
    sides = {"legacy": hash_gateway("rust"), "candidate": hash_gateway("go", norm=7.0)}
    return Project(folder, **{**sides, **changes})  # pyright: ignore[reportArgumentType] - a test's own keywords


def test_equal_sides_pass_with_every_check_but_the_norms(tmp_path: Path) -> None:
    """Two sides that differ in scale alone pass; the norm check warns and nothing else fails."""
    project = a_project(tmp_path)
    result = project.run()
    layout = project.settings().layout()
    assert result.success
    assert checks_of(result) == {name: name != "verdict:norm_ratio" for name in ALL_CHECKS}
    verdict = read_verdict(layout.verdict(DAY, MODEL))
    assert verdict.decision is Decision.PASS
    assert verdict.counts.matched == len(SAMPLES)
    assert "**PASS** — smoke test (5 hand-picked texts): 5/5 samples" in layout.report(DAY, MODEL).read_text("utf-8")
    assert DAY in layout.summary.read_text("utf-8")
    assert [entry.run_id for entry in entries(layout.ledger)] == [result.run_id]


def test_checks_record_their_partition(tmp_path: Path) -> None:
    """Every check evaluation carries the partition it was made for."""
    result = a_project(tmp_path).run()
    evaluations = result.get_asset_check_evaluations()
    assert {one.partition for one in evaluations} == {f"{DAY}|{MODEL}"}


def test_a_failing_date_still_gets_its_report_and_its_row(tmp_path: Path) -> None:
    """A side with other vectors fails the checks, and report and summary are written all the same."""
    project = a_project(tmp_path, candidate=hash_gateway("go", noise=0.5))
    result = project.run()
    layout = project.settings().layout()
    assert result.success
    failed = {name for name, passed in checks_of(result).items() if not passed}
    assert failed - {"verdict:norm_ratio"} == {"verdict:cosine", "verdict:verdict_is_pass"}
    assert "**FAIL**" in layout.report(DAY, MODEL).read_text("utf-8")
    assert "FAIL" in layout.summary.read_text("utf-8")


@pytest.mark.parametrize(("down", "up"), [("legacy", "candidate"), ("candidate", "legacy")])
def test_a_side_that_is_down_fails_alone(tmp_path: Path, down: str, up: str) -> None:
    """A dead gateway fails its own lane with address and remedy; the other lane's file stays, and the date could not run."""
    project = a_project(tmp_path, **{down: None})
    result = project.run()
    layout = project.settings().layout()
    assert not result.success
    failures = result.filter_events(lambda event: event.is_step_failure)
    assert [event.step_key for event in failures] == [f"{down}__embeddings"]
    data = failures[0].step_failure_data.user_failure_data
    assert data is not None
    assert data.description is not None
    assert "http://gateway.test" in data.description
    assert EmbeddingsFile(layout.embeddings(up, DAY, MODEL)).rows == len(SAMPLES)
    verdict = read_verdict(layout.verdict(DAY, MODEL))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.not_run is not None
    assert verdict.not_run.step == f"{down}/embeddings"


def test_a_lane_of_an_older_sample_set_is_never_paired(tmp_path: Path) -> None:
    """Samples drawn again with only one lane fetched again give INCONCLUSIVE with the remedy, not PASS."""
    project = a_project(tmp_path)
    assert project.run().success
    project.samples = ("another text",)
    result = project.run("samples", "candidate/embeddings", "parity", "verdict", "report", "summary")
    verdict = read_verdict(project.settings().layout().verdict(DAY, MODEL))
    assert result.success
    assert verdict.decision is Decision.INCONCLUSIVE
    assert any("materialize legacy/embeddings again" in reason for reason in verdict.reasons)
    assert not checks_of(result)["verdict:cosine"]


def test_one_lane_alone_leaves_samples_and_the_other_lane_as_they_were(tmp_path: Path) -> None:
    """Fetching the candidate again touches neither the snapshot nor the legacy file, and sends legacy no request."""
    project = a_project(tmp_path)
    assert project.run().success
    layout = project.settings().layout()
    kept = (layout.samples(DAY, MODEL), layout.embeddings("legacy", DAY, MODEL))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept]
    assert project.legacy is not None
    fetched = project.legacy.requests
    project.samples = ("a later text",)
    assert project.run("candidate/embeddings", "parity", "verdict", "report", "summary").success
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept] == before
    assert project.legacy.requests == fetched
    assert len(list(entries(layout.ledger))) == 2


def test_the_verdict_alone_judges_stored_rows_under_thresholds_of_now(tmp_path: Path) -> None:
    """Stricter thresholds turn a stored PASS into a FAIL without any fetch."""
    noisy = hash_gateway("go", noise=0.01)
    project = a_project(tmp_path, candidate=noisy)
    assert project.run().success
    layout = project.settings().layout()
    assert read_verdict(layout.verdict(DAY, MODEL)).decision is Decision.PASS
    fetched = noisy.requests
    project.thresholds = {"cosine": 1.0}
    assert project.run("verdict").success
    assert read_verdict(layout.verdict(DAY, MODEL)).decision is Decision.FAIL
    assert noisy.requests == fetched


def test_a_side_that_says_it_used_another_model_proves_nothing(tmp_path: Path) -> None:
    """Equal vectors under an echoed model that was not requested are INCONCLUSIVE."""
    candidate = hash_gateway("go")
    candidate.echo = "something-else"
    project = a_project(tmp_path, candidate=candidate)
    assert project.run().success
    verdict = read_verdict(project.settings().layout().verdict(DAY, MODEL))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert any("something-else" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("model", ["org/model:tag", "a|b", "../x", "dots...", "emoji 🙂", "n" * 300])
def test_hostile_model_names_run(tmp_path: Path, model: str) -> None:
    """A model name that no file system or partition key likes runs to a verdict under its own name."""
    sides = {"legacy": hash_gateway("rust", models={model: 8}), "candidate": hash_gateway("go", models={model: 8})}
    project = a_project(tmp_path, models=(model,), **sides)
    assert project.run(model=model).success
    assert read_verdict(project.settings().layout().verdict(DAY, model)).model == model


def test_the_same_inputs_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two projects with equal gateways and a standing clock write equal reports and summaries, each run in its own folder."""
    texts: list[tuple[str, str]] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        project = a_project(tmp_path / name)
        assert project.run().success
        layout = project.settings().layout()
        texts.append((layout.report(DAY, MODEL).read_text("utf-8"), layout.summary.read_text("utf-8")))
    assert texts[0] == texts[1]


def test_an_asset_without_its_input_names_what_to_materialize(tmp_path: Path) -> None:
    """Materializing parity before its lanes fails with the asset to materialize first."""
    result = a_project(tmp_path).run("parity")
    assert not result.success
    event = result.filter_events(lambda event: event.is_step_failure)[0]
    error = event.step_failure_data.error
    assert error is not None
    assert "Materialize" in json.dumps(error.to_string())


def test_no_samples_is_a_clear_failure(tmp_path: Path) -> None:
    """An empty sample file fails in `samples`, and nothing downstream can pass."""
    project = a_project(tmp_path, samples=())
    result = project.run()
    assert not result.success
    assert [event.step_key for event in result.filter_events(lambda event: event.is_step_failure)] == ["samples"]
    assert dg.AssetKey("verdict") not in {event.asset_key for event in result.get_asset_materialization_events()}


def test_a_waiver_turns_an_expected_refusal_into_a_pass_with_waivers(tmp_path: Path) -> None:
    """A refusal that someone accounts for passes by name; without the waiver, or after its day, it fails."""
    waiver = {
        "id": "GW-1",
        "owner": "ann@example.com",
        "reason": "the candidate refuses pipes",
        "outcomes": ["refused_by_candidate"],
        "max_samples": 1,
    }
    project = a_project(tmp_path, candidate=hash_gateway("go", refused=("a | b",)))
    layout = project.settings().layout()
    found: list[Decision] = []
    for waivers in ([], [{**waiver, "expires": "2026-05-01"}], [{**waiver, "expires": "2026-04-30"}]):
        project.more = {"waivers": waivers}
        result = project.run()
        assert result.success
        found.append(read_verdict(layout.verdict(DAY, MODEL)).decision)
        assert checks_of(result)["verdict:verdict_is_pass"] is (found[-1] is Decision.PASS_WITH_WAIVERS)
    assert found == [Decision.FAIL, Decision.PASS_WITH_WAIVERS, Decision.FAIL]
    assert "GW-1" in read_verdict(layout.verdict(DAY, MODEL)).findings[0]


def test_a_required_bound_needs_random_samples(tmp_path: Path) -> None:
    """Hand-picked texts prove no share of the traffic: with a bound required they are INCONCLUSIVE."""
    project = a_project(tmp_path, more={"required_bound": 0.5})
    assert project.run().success
    layout = project.settings().layout()
    assert read_verdict(layout.verdict(DAY, MODEL)).decision is Decision.INCONCLUSIVE
    project.samples = tuple(f"text {number}" for number in range(20))
    project.more["samples"] = [{"path": "samples.txt", "sample": 10, "seed": 1}]
    assert project.run().success
    verdict = read_verdict(layout.verdict(DAY, MODEL))
    assert (verdict.decision, verdict.random.draws) == (Decision.PASS, 10)


def test_a_failing_date_names_its_cause(tmp_path: Path) -> None:
    """Rows that come permuted are named as such in the verdict, with the samples; a passing date asks nothing more."""
    candidate = hash_gateway("go")
    project = a_project(tmp_path, candidate=candidate, samples=tuple(f"text number {number}" for number in range(40)))
    project.more |= {"stability": {"enabled": False}, "contract": {"enabled": False}}
    assert project.run().success
    layout = project.settings().layout()
    assert candidate.requests == 3 + 3  # two batches and the default model; canaries
    clean = read_verdict(layout.verdict(DAY, MODEL)).diagnosis
    assert clean is not None
    assert clean.causes == ()
    straight = candidate.embed
    swapped = {"text number 4": "text number 7", "text number 7": "text number 4"}
    # only in company: a text that alone gets the vector of another one has a wrong vector, and no row is out of place
    candidate.embed = lambda text, model: straight(
        swapped.get(text, text) if candidate.batch_sizes[-1] > 1 else text, model
    )
    assert project.run().success
    diagnosis = read_verdict(layout.verdict(DAY, MODEL)).diagnosis
    assert diagnosis is not None
    assert [cause.name for cause in diagnosis.causes] == ["rows permuted"]
    assert (diagnosis.failing, diagnosis.explained) == (2, 2)


def test_a_diagnosis_of_other_batches_is_not_believed(tmp_path: Path) -> None:
    """Judging a newer comparison with the diagnosis of an older one leaves the cause open."""
    project = a_project(tmp_path, candidate=hash_gateway("go", noise=0.5))
    assert project.run().success
    layout = project.settings().layout()
    assert read_verdict(layout.verdict(DAY, MODEL)).diagnosis
    project.samples = ("other texts", "than before")
    assert project.run("samples", "legacy/embeddings", "candidate/embeddings", "parity", "verdict").success
    assert read_verdict(layout.verdict(DAY, MODEL)).diagnosis is None


@pytest.mark.parametrize(("untried", "expected"), [("legacy", Decision.INCONCLUSIVE), ("candidate", Decision.PASS)])
def test_a_side_that_cannot_be_tried_still_gets_its_verdict(tmp_path: Path, untried: str, expected: Decision) -> None:
    """A gateway that refuses the texts of the experiments has no floor, and the date its verdict; a reference without one is unreliable."""
    sides = {"legacy": hash_gateway("rust"), "candidate": hash_gateway("go")}
    straight = sides[untried].embed

    def known_only(text: str, model: str) -> Vector:
        if text not in SAMPLES:
            raise RefusalError(400, "unknown text")
        return straight(text, model)

    sides[untried].embed = known_only
    project = a_project(tmp_path, **sides)
    result = project.run()
    assert result.success
    verdict = read_verdict(project.settings().layout().verdict(DAY, MODEL))
    assert verdict.decision is expected


def test_a_diagnosis_that_breaks_does_not_cost_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the diagnosis itself leaves the cause open; the FAIL and its report come all the same."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(diagnose_failures, "diagnose", broken)
    project = a_project(tmp_path, candidate=hash_gateway("go", noise=0.5))
    assert project.run().success
    verdict = read_verdict(project.settings().layout().verdict(DAY, MODEL))
    assert (verdict.decision, verdict.diagnosis) == (Decision.FAIL, None)


def test_a_verdict_that_changes_by_itself_warns(tmp_path: Path) -> None:
    """The same samples and settings with another result than before are a warning; other limits are not the same settings."""
    project = a_project(tmp_path, candidate=hash_gateway("go", noise=0.5))
    layout = project.settings().layout()

    def changed() -> Check:
        checks = read_verdict(layout.verdict(DAY, MODEL)).checks
        return next(one for one in checks if one.name is CheckName.CHANGED_VERDICT)

    assert project.run().success
    assert changed().passed
    project.candidate = hash_gateway("go")
    result = project.run("candidate/embeddings", "candidate/stability", "parity", "diagnosis", "verdict")
    assert not checks_of(result)["verdict:circumstances"]
    assert (changed().passed, changed().severity) == (False, CheckSeverity.WARN)
    assert "the decision was FAIL" in changed().seen
    assert project.run("verdict").success
    assert changed().passed
    project.thresholds = {"cosine": 0.9}
    project.candidate = hash_gateway("go", noise=0.5)
    assert project.run("candidate/embeddings", "candidate/stability", "parity", "diagnosis", "verdict").success
    assert changed().passed


def test_checks_of_the_settings_reach_dagster(tmp_path: Path) -> None:
    """A severity of the settings decides, and is what the UI shows."""
    project = a_project(tmp_path, more={"checks": {"norm-ratio": "inconclusive", "cosine": "fail"}})
    result = project.run()
    verdict = read_verdict(project.settings().layout().verdict(DAY, MODEL))
    assert verdict.decision is Decision.INCONCLUSIVE
    found = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert (found["norm_ratio"].passed, found["norm_ratio"].severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found["cosine"].description == next(one.seen for one in verdict.checks if one.name is CheckName.COSINE)
