"""`parity backfill`: what is fetched again, and what stays as it was."""

from pathlib import Path

from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, NEXT_DAY, SAMPLES, Project, side

MODEL = "fake-32"


def texts_of(path: Path) -> list[str]:
    """Return the texts of a stored sample set."""
    return [text for block in SampleSetFile(path).blocks() for text in block.texts]


def test_one_lane_again_then_all_then_redrawn(tmp_path: Path) -> None:
    """The lane that is named is fetched again with the old samples; a date without samples draws.

    `--redraw` draws again, and `--discard-staging` discards what an unfinished fetch has staged.
    """
    legacy, candidate = hash_gateway("rust"), hash_gateway("go")
    with serve(legacy.app) as left, serve(candidate.app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"))
        assert project.parity("run", "--date", DAY).code == 0
        layout = project.settings().layout()
        kept = [layout.samples(DAY, MODEL), layout.embeddings("legacy", DAY, MODEL)]
        before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept]
        from_legacy, from_candidate = legacy.requests, candidate.requests
        project.write_samples("a later text")

        one_day = ("--from", DAY, "--to", DAY)
        result = project.parity("backfill", *one_day, "--side", "candidate", "--model", MODEL, "--json")
        assert (result.code, result.decisions()) == (0, ["PASS"])
        assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept] == before
        assert legacy.requests == from_legacy
        assert candidate.requests > from_candidate

        staged = layout.staging / "candidate" / MODEL / NEXT_DAY / "left-by-a-run"
        staged.mkdir(parents=True)
        result = project.parity("backfill", "--from", DAY, "--to", NEXT_DAY)
        assert (result.code, result.out.count("PASS")) == (0, 2)
        assert texts_of(layout.samples(DAY, MODEL)) == list(SAMPLES)
        assert texts_of(layout.samples(NEXT_DAY, MODEL)) == ["a later text"]
        assert legacy.requests > from_legacy
        assert staged.exists()

        assert project.parity("backfill", "--from", DAY, "--to", NEXT_DAY, "--redraw", "--discard-staging").code == 0
        assert not staged.exists()
        assert texts_of(layout.samples(DAY, MODEL)) == ["a later text"]
    assert len(layout.ledger.read_bytes().splitlines()) == 6


def test_the_old_spelling_of_an_option_works_with_a_warning(tmp_path: Path) -> None:
    """`--afresh` still discards what is staged; stderr names the new spelling, and the help only shows that one."""
    with serve(hash_gateway("rust").app) as left, serve(hash_gateway("go").app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"))
        staged = project.settings().layout().staging / "candidate" / MODEL / DAY / "left-by-a-run"
        staged.mkdir(parents=True)
        result = project.parity("run", "--date", DAY, "--afresh", "--json")
    assert (result.code, result.decisions()) == (0, ["PASS"])
    assert "warning: --afresh is deprecated; write --discard-staging instead" in result.err
    assert not staged.exists()
    shown = project.parity("run", "--help").out
    assert "--discard-staging" in shown
    assert "--afresh" not in shown


def test_a_date_that_was_never_judged_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    """One lane of such a date is not fetched: the command says what to do, and judges the dates that have both."""
    legacy, candidate = hash_gateway("rust"), hash_gateway("go")
    with serve(legacy.app) as left, serve(candidate.app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"))
        assert project.parity("run", "--date", DAY).code == 0
        result = project.parity("backfill", "--from", DAY, "--to", NEXT_DAY, "--side", "candidate")
    layout = project.settings().layout()
    assert result.code == 2
    assert [line.split("  ")[0] for line in result.out.splitlines() if MODEL in line][:2] == ["COULD NOT RUN", "PASS"]
    assert "was never fetched from the legacy side" in result.printed
    assert f"`parity backfill --from {NEXT_DAY} --to {NEXT_DAY}` without --side" in result.printed
    assert not layout.embeddings("candidate", NEXT_DAY, MODEL).exists()
    assert not layout.samples(NEXT_DAY, MODEL).exists()
