"""`parity show` and `parity diff`: stored reports as they are or paged, and what changed between two verdicts."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.core.errors import ArtifactError, SettingsError
from parity_pipeline.settings.loading import load
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline_tests.defs.project import MODEL
from parity_pipeline_tests.reading.stored import (
    CORPUS,
    DAYS,
    another_candidate,
    judge,
    make_project,
    noon_of,
)

ESCAPE: Final = b"\x1b["
EARLIER: Final = "2026-04-30"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a project whose second date fails for two texts, and was judged again since with one of them."""
    folder = tmp_path_factory.mktemp("shown")
    project = make_project(folder)
    judge(project, DAYS[:1])
    another_candidate(project, "hello", "a | b")
    judge(project, (EARLIER, *DAYS[1:]))
    another_candidate(project, "hello")
    project.clock = noon_of("2026-05-03")
    run_partition(project.context(), DAYS[1], MODEL, run_id="again")
    return folder / "parity.yaml"


def run(command: str, config: Path, *arguments: str) -> Any:
    """Run a command in this process."""
    return CliRunner().invoke(app, [command, *arguments, "--config", str(config)])


def on_terminal(config: Path, **environ: str) -> bytes:
    """Return what `parity show` prints on a terminal of 80 columns."""
    main, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "parity_pipeline.cli.main",
        "show",
        DAYS[0],
        "--model",
        MODEL,
        "--config",
        str(config),
    ]
    plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "PAGER", "LESS"}}
    variables = {**plain, "PAGER": "cat", "TERM": "xterm-256color", "COLUMNS": "80", **environ}
    with subprocess.Popen(command, stdout=terminal, env=variables, stdin=subprocess.DEVNULL) as process:
        os.close(terminal)
        shown = bytearray()
        while True:
            try:
                found = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not found:
                break
            shown += found
    os.close(main)
    assert process.returncode == 0
    return bytes(shown)


def test_a_pipe_gets_the_file_itself(config: Path) -> None:
    """Into a pipe the report is plain Markdown, byte for byte as it is stored."""
    path = load(config, {}).layout().report(DAYS[0], MODEL)
    done = run("show", config, DAYS[0], "--model", MODEL)
    assert done.exit_code == 0
    assert done.stdout_bytes == path.read_bytes()


def test_the_newest_date_is_shown_of_every_name(config: Path) -> None:
    """Without a date the newest with a verdict is shown, the reports of both probes one after the other."""
    layout = load(config, {}).layout()
    paths = layout.report(DAYS[1], MODEL), layout.retrieval_report(DAYS[1], CORPUS)
    assert run("show", config).stdout_bytes == b"\n---\n\n".join(path.read_bytes() for path in paths)


def test_a_terminal_gets_a_page_with_styles(config: Path) -> None:
    """On a terminal the report is laid out in the width of it, by the pager, without Markdown's marks."""
    shown = on_terminal(config)
    assert ESCAPE in shown
    assert b"**PASS**" not in shown
    assert b"PASS" in shown


def test_no_color_leaves_out_every_style(config: Path) -> None:
    """Whoever sets NO_COLOR gets no code of a colour and none of bold."""
    shown = on_terminal(config, NO_COLOR="1")
    assert ESCAPE not in shown
    assert b"PASS" in shown
    assert b"**PASS**" not in shown


def test_a_date_without_a_verdict_is_named_with_its_command(config: Path) -> None:
    """The error says what is missing and how it is made; so does that of a report that is gone."""
    error = run("show", config, "2026-05-09", "--model", MODEL).exception
    assert isinstance(error, ArtifactError)
    assert f"parity backfill --from 2026-05-09 --to 2026-05-09 --model {MODEL}" in str(error)
    assert isinstance(run("show", config, "--through-adapter").exception, ArtifactError)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "2999-01-01"), "2999-01-01 is in the future"),
        (("show", "2020-01-01"), "2020-01-01 is before the first date"),
        (("diff", DAYS[0], "2999-01-01"), "2999-01-01 is in the future"),
    ],
)
def test_no_command_is_named_that_would_be_refused(config: Path, arguments: tuple[str, ...], words: str) -> None:
    """A date that no command judges is said to be one, in place of a backfill of it."""
    error = run(arguments[0], config, *arguments[1:]).exception
    assert isinstance(error, SettingsError)
    assert words in str(error)
    assert "parity backfill" not in str(error)


def test_a_report_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A verdict without its report is another error than a date without a verdict."""
    project = make_project(tmp_path)
    judge(project, DAYS[:1])
    layout = project.settings().layout()
    layout.report(DAYS[0], MODEL).unlink()
    error = run("show", tmp_path / "parity.yaml", "--model", MODEL).exception
    assert "whose report is missing" in str(error)


def test_two_dates_are_compared_down_to_their_samples(config: Path) -> None:
    """Decision, matching samples and worst cosine are listed, and the sample that newly fails with its text."""
    lines = run("diff", config, *DAYS, "--model", MODEL).output.splitlines()
    assert lines[0] == f"embed {MODEL}: {DAYS[0]} PASS → {DAYS[1]} FAIL"
    assert lines[1:4] == [
        "  worse  decision            PASS → FAIL",
        "  worse  samples that match  5 of 5 → 4 of 5",
        "  worse  worst cosine        1.000000 → 0.131424",
    ]
    assert lines[4] == "  newly failing: 1 of 5 that both have"
    assert lines[5].endswith("match 1.000000 → mismatch 0.131424  hello")
    assert lines[6] == "  newly passing: 0 of 5 that both have"
    assert len(lines) == 7


def test_the_other_way_round_it_newly_passes(config: Path) -> None:
    """The first date named is the earlier one, whichever it is."""
    output = run("diff", config, *reversed(DAYS), "--model", MODEL).output
    assert "better  decision" in output
    assert "newly passing: 1 of 5" in output


def test_what_failed_before_does_not_newly_fail(config: Path) -> None:
    """A sample that fails on both dates is in neither list."""
    output = run("diff", config, EARLIER, DAYS[1], "--model", MODEL).output
    assert "newly failing: 0 of 5" in output
    assert "newly passing: 1 of 5" in output
    assert "hello" not in output


def test_two_verdicts_of_one_date_are_compared(config: Path) -> None:
    """Of one date its last two verdicts are compared; the vectors of the earlier one are gone, and that is said."""
    lines = run("diff", config, DAYS[1], "--model", MODEL).output.splitlines()
    assert lines[0].startswith(f"embed {MODEL}: {DAYS[1]} ({DAYS[1]}T12:00:00+00:00) FAIL → {DAYS[1]} (2026-05-03T12")
    assert lines[1] == "  better  samples that match  3 of 5 → 4 of 5"
    assert lines[2] == (
        "  samples are not compared: a side was fetched again since this FAIL was given, so its comparison is gone"
    )


def test_queries_without_their_comparison_are_called_queries(config: Path) -> None:
    """Of retrieval, what can no longer be compared is queries."""
    stored = load(config, {}).layout().retrieval_parity(DAYS[0], CORPUS)
    kept = stored.read_bytes()
    stored.unlink()
    try:
        output = run("diff", config, *DAYS, "--corpus", CORPUS).output
    finally:
        stored.write_bytes(kept)
    assert "  queries are not compared: " in output
    assert "samples" not in output


def test_nothing_changed_is_said(config: Path) -> None:
    """Two equal dates have no change to list, and no query that newly fails."""
    output = run("diff", config, *DAYS, "--corpus", CORPUS).output
    assert "nothing changed that a verdict holds" in output
    assert "newly failing: 0 of 12" in output


def test_a_date_that_is_missing_is_named(config: Path) -> None:
    """The error names the date that has no verdict, and the one that has no two."""
    error = run("diff", config, DAYS[0], "2026-05-09", "--model", MODEL).exception
    assert "no verdict is recorded on 2026-05-09" in str(error)
    assert "there are not two verdicts on 2026-05-01" in str(run("diff", config, DAYS[0]).exception)
