"""`parity run` as a user types it: the table, the JSON document, the exit codes, the words of what went wrong."""

import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, CommandResult, Project, free_ports, side

NOWHERE = "http://127.0.0.1:9"  # the discard port; these tests never get as far as sending to it
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


def run(folder: Path, candidate: Gateway, *arguments: str) -> tuple[Project, CommandResult]:
    """Run one date against a sound legacy gateway and the given candidate, with a JSON document."""
    with serve(hash_gateway("rust").app) as left, serve(candidate.app) as right:
        project = Project(folder, side(left, "rust"), side(right, "go"))
        return project, project.parity("run", "--date", DAY, "--json", *arguments)


def test_equal_sides_pass_and_every_run_is_kept(tmp_path: Path) -> None:
    """Two models pass with a table, files and exit 0; the same date again adds to the ledger and changes no line."""
    with ExitStack() as served:
        left = served.enter_context(serve(hash_gateway("rust", float64_digits=True).app))
        right = served.enter_context(serve(hash_gateway("go", norm=13.0).app))
        project = Project(tmp_path, side(left, "rust"), side(right, "go"), models=("fake-32", "fake-16"))
        first = project.parity("run", "--date", DAY)
        layout = project.settings().layout()
        before = layout.ledger.read_bytes()
        report = layout.report(DAY, "fake-32").read_bytes()
        again = project.parity("run", "--date", DAY, "--json", "--model", "fake-16")
    assert first.code == 0
    assert first.out.count("PASS") == 2
    assert "wrote reports/cutover/embed_parity_20260501_fake-32.md" in first.out
    assert first.out.splitlines()[-2:] == ["wrote reports/cutover/SUMMARY.md", "wrote reports/cutover/html/index.html"]
    assert again.code == again.document()["exit_code"] == 0
    assert again.decisions() == ["PASS"]
    assert again.document()["results"][0]["verdict"]["date"] == DAY
    after = layout.ledger.read_bytes()
    assert after.startswith(before)
    assert (before.count(b"\n"), after.count(b"\n")) == (2, 3)
    assert layout.report(DAY, "fake-32").read_bytes() == report
    assert b"supersedes" not in report
    assert "supersedes" in layout.report(DAY, "fake-16").read_text("utf-8")


def test_a_summary_that_cannot_be_written_ends_with_2(tmp_path: Path) -> None:
    """A pass is printed and recorded, and the ledger's damaged line named; the old summary is not said to be written."""
    with serve(hash_gateway("rust").app) as left, serve(hash_gateway("go").app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"))
        assert project.parity("run", "--date", DAY).code == 0
        layout = project.settings().layout()
        os.utime(layout.summary, (0, 0))
        os.utime(layout.html_index, (0, 0))
        with layout.ledger.open("ab") as file:
            file.write(b"<<<<<<< HEAD\n")
        result = project.parity("run", "--date", DAY)
    assert result.code == 2
    assert result.out.startswith("PASS  ")
    assert "ledger.jsonl:2: this line of the ledger is damaged" in result.out
    assert result.out.splitlines()[-1] == "wrote reports/cutover/embed_parity_20260501_fake-32.md"
    assert layout.summary.stat().st_mtime == 0
    assert b'"PASS"' in layout.ledger.read_bytes().splitlines()[2]


def test_a_noisy_candidate_fails(tmp_path: Path) -> None:
    """A cosine of about 0.99 is a FAIL with exit 1, in the document and in the report."""
    project, result = run(tmp_path, hash_gateway("go", noise=0.15))
    assert result.code == 1
    assert result.decisions() == ["FAIL"]
    assert "FAIL" in project.settings().layout().report(DAY, "fake-32").read_text("utf-8")


def test_an_echo_of_another_model_is_inconclusive(tmp_path: Path) -> None:
    """Equal vectors from a model that nobody requested prove nothing: exit 2, with the reason."""
    _, result = run(tmp_path, hash_gateway("go", echo="something-else"))
    assert result.code == 2
    assert result.decisions() == ["INCONCLUSIVE"]
    assert "something-else" in result.out


def test_a_side_that_is_down_leaves_the_other_lane(tmp_path: Path) -> None:
    """Exit 2 with the address and what to do, shown once, with --quiet too; the lane that could be fetched stays on disk."""
    port = free_ports(1)[0]
    with serve(hash_gateway("rust").app) as left:
        project = Project(tmp_path, side(left, "rust"), side(f"http://127.0.0.1:{port}", "go"))
        result = project.parity("run", "--date", DAY)
        quiet = project.parity("run", "--date", DAY, "--quiet")
    layout = project.settings().layout()
    assert (quiet.code, quiet.out.count("\n"), quiet.err.count("\n")) == (2, 1, 1)
    assert quiet.err.startswith(f"error: {DAY} fake-32: could not run: candidate/embeddings failed: ")
    assert "listens." in quiet.err
    assert result.code == 2
    assert f"127.0.0.1:{port}" in result.out
    assert result.out.count("listens.") == 1
    assert "COULD NOT RUN" in result.out or "INCONCLUSIVE" in result.out
    assert layout.embeddings("legacy", DAY, "fake-32").exists()
    assert "PASS" not in result.out


@pytest.mark.parametrize(
    ("arguments", "more", "words"),
    [
        (["--model", "nobody"], {}, ["--model", "nobody is not among the models fake-32", "parity.yaml"]),
        (["--date", TOMORROW], {}, [TOMORROW, "is in the future", "Choose a past date"]),
        (["--date", "2026-04-29"], {}, ["before the first date, 2026-04-30", "first_date in parity.yaml"]),
        (["--date", "2026-13-40"], {}, ["--date: '2026-13-40' is not a date", "YYYY-MM-DD"]),
        (["--config", "none.yaml"], {}, ["none.yaml", "no such settings file", "--config"]),
        (["--config", "."], {}, ["this is a folder", "such as parity.yaml"]),
        ([], {"modles": ["x"]}, ["parity.yaml", "modles", "unknown key", "docs/settings.md"]),
        ([], {"thresholds": {"cosine": 2}}, ["thresholds.cosine", "2", "must be at most 1"]),
    ],
    ids=["model", "future", "too early", "not a date", "no file", "a folder", "unknown key", "bad value"],
)
def test_what_cannot_run_says_why(tmp_path: Path, arguments: list[str], more: dict[str, Any], words: list[str]) -> None:
    """Exit 2, nothing on standard output, and a message that names the place and the remedy; nothing is written."""
    project = Project(tmp_path, side(NOWHERE, "rust"), side(NOWHERE, "go"), more=more)
    result = project.parity("run", "--json", *arguments)
    assert result.code == 2
    assert result.out == ""
    for word in words:
        assert word in result.printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parity.yaml", "samples.txt"]
