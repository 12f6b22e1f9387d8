"""`parity run --through-adapter`: the real adapter in front of the candidate, judged beside the plain probe and apart from it."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.services.supervisor import down
from parity_pipeline.settings.through_adapter import mapping_id
from parity_pipeline.storage import ledger
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, Project, side

BATCH_TEXTS = 32
"""Texts that a side takes at once, by the settings' default."""

ADAPTER = {"callers": {"legacy": {"normalise": True, "default_model": "fake-32"}}}


@contextmanager
def project_between(
    folder: Path, *, candidate: Gateway | None = None, **more: Any
) -> Generator[tuple[Project, Gateway, Gateway]]:
    """Yield a project between a legacy with unit vectors and a candidate with raw ones, and the two gateways."""
    old, new = hash_gateway("rust"), candidate or hash_gateway("go", norm=13.0)
    with ExitStack() as served:
        left, right = (served.enter_context(serve(one.app)) for one in (old, new))
        yield Project(folder, side(left, "rust"), side(right, "go"), more={"adapter": ADAPTER, **more}), old, new
        assert down(folder / ".parity") == []


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def embed_verdicts(project: Project) -> list[Verdict]:
    """Return the verdicts of the ledger in their order."""
    found = [entry.verdict for entry in ledger.entries(project.settings().layout().ledger)]
    return [one for one in found if isinstance(one, Verdict)]


def test_the_verdict_stands_beside_the_plain_one(tmp_path: Path) -> None:
    """Both are in ledger and summary, on the same samples; nothing of the plain one changes, and norms are equal now."""
    with project_between(tmp_path) as (project, _, _):
        plain = project.parity("run", "--date", DAY)
        before = files(tmp_path / "data")
        report = project.settings().layout().report(DAY, "fake-32")
        written = report.read_bytes()
        done = project.parity("run", "--date", DAY, "--through-adapter")
        again = project.parity("backfill", "--from", DAY, "--to", DAY, "--side", "candidate", "--through-adapter")
    assert (plain.code, done.code, again.code) == (0, 0, 0), done.printed + again.printed
    assert {name: content for name, content in files(tmp_path / "data").items() if name in before} == before
    assert report.read_bytes() == written
    bare, through, _ = embed_verdicts(project)
    assert (bare.endpoint, through.endpoint) == (EMBED, EMBED_THROUGH_ADAPTER)
    assert (bare.norms_differ, through.norms_differ) == (bare.counts.compared, 0)
    assert bare.sample_set.hash == through.sample_set.hash
    assert through.candidate.provenance.dialect == "rust"
    assert mapping_id(project.settings(), {}) in through.candidate.provenance.label
    assert not [one.name for one in through.checks if one.name == "contract-no-model" and not one.passed]
    summary = (tmp_path / "reports/cutover/SUMMARY.md").read_text("utf-8")
    assert "| embed | PASS |" in summary
    assert "| embed-through-adapter | PASS |" in summary
    assert "(embed-through-adapter_parity_20260501_fake-32.md)" in summary


def test_steps_in_processes_of_their_own_find_the_adapter(tmp_path: Path) -> None:
    """With `executor: forkserver` the processes of a run request the adapter that the command has started."""
    with project_between(tmp_path, executor="forkserver") as (project, _, _):
        done = project.parity("run", "--date", DAY, "--through-adapter", "--json")
        assert done.decisions() == ["PASS"], done.printed
    (found,) = done.document()["results"]
    assert found["probe"] == found["verdict"]["endpoint"] == EMBED_THROUGH_ADAPTER
    assert "as callers will see it" in Path(found["report"]).read_text("utf-8").splitlines()[0]


def test_what_is_kept_of_the_traffic_holds_no_sample_of_the_probe(tmp_path: Path) -> None:
    """A probe that kept its own texts as traffic would judge them as such the next day."""
    section = {**ADAPTER, "traffic": {"enabled": True, "rate": 1.0}, "mode": "shadow"}
    with project_between(tmp_path, adapter=section, hazards=True) as (project, old, new):
        assert project.parity("run", "--date", DAY, "--through-adapter").code == 0
        log = (tmp_path / ".parity/logs/through-adapter.log").read_text("utf-8")
    assert old.requests
    assert max(new.batch_sizes) == BATCH_TEXTS  # what the probe sends is larger, and was divided
    assert not (tmp_path / "data/traffic").exists()
    assert '"mode":"candidate"' in log.replace(" ", "")


def test_an_adapter_that_changes_vectors_fails_and_the_plain_verdict_stays(tmp_path: Path) -> None:
    """A FAIL through the adapter is exit 1, and the plain PASS is still the newest of its own probe."""
    with project_between(tmp_path) as (project, _, new):
        assert project.parity("run", "--date", DAY).code == 0
        new.embed = hash_gateway("go", noise=0.15).embed
        assert project.parity("run", "--date", DAY, "--through-adapter").code == 1
        newest = ledger.newest(project.settings().layout().ledger)
    assert [(one.endpoint, str(one.decision)) for one in newest] == [(EMBED, "PASS"), (EMBED_THROUGH_ADAPTER, "FAIL")]


def test_what_it_cannot_do_is_refused(tmp_path: Path) -> None:
    """Drawing the shared samples again, and the retrieve probe, end the command before anything is started."""
    with project_between(tmp_path) as (project, old, new):
        redrawn = project.parity("backfill", "--from", DAY, "--to", DAY, "--redraw", "--through-adapter")
        lists = project.parity("run", "--date", DAY, "--probe", "retrieve", "--through-adapter")
    assert (redrawn.code, lists.code) == (2, 2)
    assert "--redraw" in redrawn.err
    assert not old.requests + new.requests
