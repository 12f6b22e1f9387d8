"""`parity rejudge`: nothing changes under the same settings, and what would change under others is shown, and kept on request."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.core.errors import ArtifactError, GatewayError, SettingsError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.definitions import build_context
from parity_pipeline.settings.loading import load
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, RETRIEVE, AnyVerdict, Probe
from parity_pipeline.steps.record_failure import record_failure
from parity_pipeline.steps.rejudge import keep, rejudge, without_network
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.storage import ledger
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import key_of
from parity_pipeline_tests.defs.project import MODEL, Project
from parity_pipeline_tests.reading.stored import CORPUS, DAYS, another_candidate, judge, make_project

RANGE: Final = ("--from", DAYS[0], "--to", DAYS[1])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first date passes and whose second fails for one text."""
    made = make_project(tmp_path_factory.mktemp("judged"))
    judge(made, DAYS[:1])
    another_candidate(made, "hello")
    judge(made, DAYS[1:])
    return made.folder


@pytest.fixture
def project(judged: Path, tmp_path: Path) -> Project:
    """A copy of that project, both gateways gone since."""
    folder = tmp_path / "project"
    shutil.copytree(judged, folder)
    made = make_project(folder)
    made.legacy = made.candidate = None
    return made


def run(project: Project, *arguments: str) -> Any:
    """Run the command on both dates, in this process."""
    config = str(project.folder / "parity.yaml")
    return CliRunner().invoke(app, ["rejudge", "--config", config, *RANGE, *arguments])


def stored(project: Project) -> dict[str, bytes]:
    """Return every file of the project but its settings and samples."""
    folders = [project.folder / name for name in ("data", "reports")]
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths if path.name != ".ledger.lock"}


def change_settings(project: Project, **more: Any) -> None:
    """Write the settings with further keys."""
    (project.folder / "parity.yaml").write_text(yaml.safe_dump(project.content() | more), "utf-8")


def load_context(project: Project) -> RunContext:
    """Return what the steps share under the settings of the file, both sides out of reach."""
    return without_network(build_context(load(project.folder / "parity.yaml", {})))


def layout_of(project: Project) -> Layout:
    """Return where the files lie."""
    return load(project.folder / "parity.yaml", {}).layout()


def lines_of(project: Project) -> list[ledger.LedgerEntry]:
    """Return the verdicts of the ledger."""
    return list(ledger.entries(layout_of(project).ledger))


def test_the_same_settings_change_nothing(project: Project) -> None:
    """Every verdict is said to be unchanged, and not one byte of a file changes, with --write neither."""
    before = stored(project)
    for arguments in ((), ("--write",)):
        done = run(project, *arguments)
        assert done.exit_code == 0, done.output
        assert done.output.count("unchanged") == 4
        assert "0 of 4 verdicts" in done.output
    assert stored(project) == before


@pytest.mark.parametrize(("probe", "name"), [(EMBED, MODEL), (RETRIEVE, CORPUS)])
@pytest.mark.parametrize("day", DAYS)
def test_decision_and_figures_are_the_same_bytes(project: Project, probe: Probe, name: str, day: str) -> None:
    """A verdict given again on what is stored has the decision, the reasons and every figure of the stored one."""
    found = rejudge(project.context(), probe, day, name)
    assert found is not None
    assert found.after is not None
    assert not found.changed
    before, after = (figures(one) for one in (found.before, found.after))
    assert before == after
    assert '"decision"' in before


def figures(verdict: AnyVerdict) -> str:
    """Return a verdict as JSON without what further steps add to it: simulated faults, earlier dates, lists of queries."""
    held = asdict(verdict)
    checks = [one for one in held.pop("checks") if one["name"] != "changed-verdict"]
    kept = {name: value for name, value in held.items() if name not in {"power", "queries", "pooled"}}
    return json.dumps({**kept, "checks": checks}, sort_keys=True, default=str)


def test_another_limit_is_shown_and_not_kept(project: Project) -> None:
    """A date that would pass at a lower threshold is shown with what changes; files stay as they are."""
    before = stored(project)
    done = run(project, "--threshold", "norm-ratio=0.5", "--threshold", "0.11")
    assert "cosine ≥ 0.9990 → ≥ 0.1100" in done.output
    assert "norm ratio ≤ 0.001 → ≤ 0.5" in done.output
    assert "2 of 2 verdicts would change; --write keeps them" in done.output
    assert CORPUS not in done.output
    assert stored(project) == before


def test_a_stricter_limit_fails_what_passed(project: Project) -> None:
    """The table names both decisions, and a verdict that does not change is said not to."""
    more = {"thresholds": {"max_abs_delta": 1e-30}}
    change_settings(project, **more, hazards=False)
    candidate = load(project.folder / "parity.yaml", {})
    assert candidate.thresholds.max_abs_delta == 1e-30
    done = run(project, "--model", MODEL)
    [first, second, _] = done.output.splitlines()
    assert first.startswith(f"{DAYS[0]}  embed {MODEL}  PASS  max abs delta none → ≤ 1e-30")
    assert second.startswith(f"{DAYS[1]}  embed {MODEL}  FAIL")


def test_written_verdicts_are_marked_and_reported(project: Project) -> None:
    """With --write the verdict's file, the report and the summary say what the ledger says, in a line that is marked."""
    change_settings(project, thresholds={"cosine": 0.99999})
    assert run(project, "--write", "--model", MODEL).exit_code == 0
    entries = lines_of(project)
    assert [one.rejudged for one in entries] == [False] * 4 + [True] * 2
    layout = layout_of(project)
    assert "0.99999" in layout.report(DAYS[1], MODEL).read_text("utf-8")
    newest = {key_of(one.verdict): one for one in entries}
    assert newest["embed", DAYS[1], MODEL].verdict.decision is Decision.FAIL
    assert json.loads(layout.verdict(DAYS[0], MODEL).read_bytes())["measures"][0]["limit"] == 0.99999
    assert f"{DAYS[1]}" in layout.summary.read_text("utf-8")
    again = run(project, "--write", "--model", MODEL)
    assert again.output.count("unchanged") == 2
    assert len(lines_of(project)) == 6


def test_bands_of_the_settings_judge_rankings_again(project: Project) -> None:
    """Stored rankings are judged under the bands of now, written with their report, without a gateway and without a token."""
    section = {**project.more["retrieve"], "required_bound": 0.0001}
    change_settings(project, retrieve=section)
    done = run(project, "--corpus", CORPUS, "--write")
    assert done.exit_code == 0, done.output
    assert done.output.count("PASS → INCONCLUSIVE") == 2
    assert [one.rejudged for one in lines_of(project)] == [False] * 4 + [True] * 2
    assert "INCONCLUSIVE" in layout_of(project).retrieval_report(DAYS[0], CORPUS).read_text("utf-8")


def test_no_request_is_sent_and_no_token_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side whose token is not in the environment is judged again all the same."""
    monkeypatch.delenv("PARITY_TEST_TOKEN", raising=False)
    content = project.content()
    content["sides"]["legacy"]["bearer_env"] = "PARITY_TEST_TOKEN"
    change_settings(project, sides=content["sides"], thresholds={"cosine": 0.99999})
    done = run(project, "--write")
    assert done.exit_code == 0, done.output
    assert "2 of 4 verdicts written" in done.output


@pytest.mark.parametrize("arguments", [("--model", MODEL), ("--corpus", CORPUS)])
def test_a_ledger_that_takes_no_line_leaves_every_file(project: Project, arguments: Sequence[str]) -> None:
    """What cannot be recorded is not stored either: verdicts and reports of both probes stay as they were."""
    section = {**project.more["retrieve"], "required_bound": 0.0001}
    change_settings(project, retrieve=section, thresholds={"cosine": 0.99999})
    path = layout_of(project).ledger
    path.rename(path.with_name("kept.jsonl"))
    path.mkdir()
    before = stored(project)
    error = run(project, *arguments, "--write").exception
    assert isinstance(error, ArtifactError)
    assert error.place == str(path)
    assert stored(project) == before
    path.rmdir()
    path.with_name("kept.jsonl").rename(path)
    assert "2 of 2 verdicts written" in run(project, *arguments, "--write").output


def test_what_was_kept_before_an_error_is_in_the_summary(project: Project) -> None:
    """A second date whose file the disk does not take ends the command; the first one's new decision is shown."""
    change_settings(project, retrieve={**project.more["retrieve"], "required_bound": 0.0001})
    layout = layout_of(project)
    second = layout.retrieval_report(DAYS[1], CORPUS)
    second.unlink()
    second.mkdir()
    assert isinstance(run(project, "--corpus", CORPUS, "--write").exception, ArtifactError)
    [row] = [one for one in layout.summary.read_text("utf-8").splitlines() if DAYS[0] in one and CORPUS in one][:1]
    assert "INCONCLUSIVE" in row


@pytest.mark.parametrize(("probe", "name"), [(EMBED, MODEL), (RETRIEVE, CORPUS)])
def test_a_run_that_judged_meanwhile_is_not_overwritten(project: Project, probe: Probe, name: str) -> None:
    """A verdict that a run stored after this one was looked at stays, in its file and as the ledger's newest."""
    section = {**project.more["retrieve"], "required_bound": 0.0001}
    change_settings(project, retrieve=section, thresholds={"cosine": 0.99999})
    context = load_context(project)
    made = rejudge(context, probe, DAYS[0], name)
    assert made is not None
    assert made.changed
    failure = RunFailure(step="candidate/embeddings", problem="it is down")
    record_failure(context, probe, DAYS[0], name, failure, run_id="meanwhile")
    before = stored(project)
    with pytest.raises(ArtifactError, match=r"another command judged .* meanwhile"):
        keep(context, made)
    assert stored(project) == before
    assert [one.run_id for one in lines_of(project)][-1] == "meanwhile"


def test_sides_that_respond_are_out_of_reach_all_the_same(tmp_path: Path) -> None:
    """What judges stored results cannot send a request by mistake: it fails at once, and nothing is waited for."""
    live = make_project(tmp_path)
    with pytest.raises(GatewayError):
        run_partition(without_network(live.context()), DAYS[0], MODEL, run_id="r")
    assert run_partition(live.context(), DAYS[0], MODEL, run_id="r").decision is Decision.PASS


def test_a_fault_of_the_file_is_not_attributed_to_a_limit(project: Project) -> None:
    """Who gives a limit and has a fault in the settings reads where the fault is."""
    change_settings(project, thresholds={"norm_ratio": -1})
    error = run(project, "--threshold", "0.9").exception
    assert isinstance(error, SettingsError)
    assert "parity.yaml: not usable" in str(error)
    assert "--threshold" not in str(error)


def test_an_expired_waiver_changes_a_verdict(project: Project) -> None:
    """Waivers expire by the day of the command: one that has expired since does not excuse again."""
    waiver = {"id": "W", "owner": "ann", "reason": "known", "max_samples": 1, "outcomes": ["mismatch"]}
    change_settings(project, waivers=[{**waiver, "expires": "2099-01-01"}])
    assert "FAIL → PASS WITH WAIVERS" in run(project, "--model", MODEL, "--write").output
    change_settings(project, waivers=[{**waiver, "expires": "2026-05-03"}])
    assert "PASS WITH WAIVERS → FAIL" in run(project, "--model", MODEL).output


def test_a_date_without_vectors_keeps_its_verdict(project: Project) -> None:
    """What has no vectors is said, whyever that is, counted, and stays as it is, also where its limits changed."""
    layout = layout_of(project)
    layout.embeddings(Side.LEGACY, DAYS[0], MODEL).unlink()
    layout.rankings(Side.CANDIDATE, DAYS[1], CORPUS).unlink()
    change_settings(project, thresholds={"cosine": 0.99999})
    done = run(project, "--write")
    assert f"{DAYS[0]}  embed {MODEL}      PASS  kept: its vectors are not stored" in done.output
    assert "kept: its rankings are not stored" in done.output
    assert "1 of 4 verdicts written, 2 kept as they are" in done.output
    assert [one.verdict.date for one in lines_of(project) if one.rejudged] == [DAYS[1]]


def test_a_date_that_could_not_be_run_stays_so(project: Project) -> None:
    """Vectors of an earlier run are not judged in place of a run that failed, whatever the limits."""
    failure = RunFailure(step="candidate/embeddings", problem="it is down")
    record_failure(project.context(), EMBED, DAYS[0], MODEL, failure, run_id="failed")
    change_settings(project, thresholds={"cosine": 0.99999})
    done = run(project, "--model", MODEL, "--write")
    assert f"{DAYS[0]}  embed {MODEL}  INCONCLUSIVE  kept: it could not be run" in done.output
    assert [one.verdict.date for one in lines_of(project) if one.rejudged] == [DAYS[1]]


def test_what_cannot_be_judged_is_refused(project: Project) -> None:
    """An unknown measure, a value that is none, a limit out of range, thresholds of rankings, and dates without a verdict."""
    for arguments, words in (
        (("--threshold", "cosin=0.9"), "is not a measure"),
        (("--threshold", "high"), "is not a number"),
        (("--threshold", "1.5"), "--threshold: not usable\n  - thresholds.cosine (is 1.5): must be at most 1"),
        (("--threshold", "0.9", "--threshold", "cosine=0.99"), "--threshold: cosine has two limits. Leave one out."),
        (("--threshold", "0.9", "--corpus", CORPUS), "retrieve.bands"),
        (("--corpus", "staff"), "no verdict is stored"),
    ):
        error = run(project, *arguments).exception
        assert isinstance(error, SettingsError | ArtifactError)
        assert words in str(error)
