"""The verdict table in the terminal: every fact of a row, at 80 columns, and nothing read as markup."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from parity_pipeline.cli import console as console_module
from parity_pipeline.cli.console import Detail, print_results, results_json, unjudged_lines
from parity_pipeline.cli.terminal import new_console
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.runs.runner import PartitionResult
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.report.measured import measured_pass, two_causes, waived_pass
from parity_pipeline_tests.report.past import FAILURE, not_run
from parity_pipeline_tests.report.verdicts import mixed, unpaired


def _ran(verdict: Verdict | None, *failures: str, model: str = "nomic-embed-text-v2-moe") -> PartitionResult:
    return PartitionResult(date="2026-04-30", name=model, run_id="r", verdict=verdict, failures=failures)


def _lines(
    *results: PartitionResult,
    width: int = 80,
    terminal: bool = True,
    detail: Detail = Detail.SHORT,
    colour: bool = False,
) -> list[str]:
    console = Console(
        width=width, color_system="truecolor" if colour else None, force_terminal=terminal, file=StringIO()
    )
    with console.capture() as printed:
        print_results(console, results, detail)
    return printed.get().splitlines()


def _words(*results: PartitionResult, width: int = 80, detail: Detail = Detail.SHORT) -> str:
    return " ".join(" ".join(_lines(*results, width=width, detail=detail)).split())


@pytest.mark.parametrize("verdict", [measured_pass(), waived_pass(), two_causes(), mixed(), unpaired(), None])
def test_the_table_fits_eighty_columns(verdict: Verdict | None) -> None:
    """No line is wider than the terminal, none is cut, and a verdict takes few lines."""
    lines = _lines(_ran(verdict, *([] if verdict else ["legacy/embeddings: could not connect"])))
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 16
    assert "…" not in "".join(lines)
    assert "2026-04-30" in "".join(lines)


def test_a_failure_shows_its_first_cause() -> None:
    """The cause with its count, waived samples, and how much more the report lists."""
    shown = _words(_ran(two_causes()), width=200)
    assert "cause: rows permuted (proven, 14), 1 more, 4 unknown" in shown
    assert "2 waived" in shown
    assert "4 more reasons and 3 findings in the report" in shown


def test_a_failure_without_a_diagnosis_shows_two_reasons() -> None:
    """Without a cause to show, the first two reasons are shown."""
    shown = _words(_ran(mixed()), width=200)
    assert "13/59 compared samples < 0.9990" in shown
    assert "5 more reasons and 2 more warnings in the report" in shown


def test_waivers_are_counted_beside_the_verdict() -> None:
    """A pass with waivers is never printed as a plain one."""
    shown = _words(_ran(waived_pass()), width=200)
    assert "PASS WITH" in shown
    assert "WAIVERS" in shown
    assert "3 waived" in shown
    assert "1 finding in the report" in shown


def test_a_pass_says_how_much_it_proves(tmp_path: Path) -> None:
    """The strength of a pass stands first in the table and has a field of its own in the JSON document."""
    assert "sampled (50 random texts: at most 5.82 % may differ)" in _words(_ran(measured_pass()), width=200)
    layout = Layout(data_dir=tmp_path, reports_dir=tmp_path)
    document = json.loads(results_json([_ran(measured_pass()), _ran(mixed())], layout, 1))
    strengths = [one["strength"] for one in document["results"]]
    assert strengths == ["sampled (50 random texts: at most 5.82 % may differ)", ""]


def test_what_could_not_run_is_shown_in_full() -> None:
    """There is no report to read, so every failure is printed, with markup shown as text."""
    failures = ("legacy/embeddings: [bold]no[/bold]", "candidate/embeddings: gone", "third: \x1b[31mred")
    shown = _words(_ran(None, *failures, model="[red]m[/red]"))
    assert "[bold]no[/bold]" in shown
    assert "candidate/embeddings: gone" in shown
    assert "[red]m[/red]" in shown
    assert "\x1b" not in shown


def test_a_date_that_could_not_be_run_reads_as_in_the_summary(tmp_path: Path) -> None:
    """It is INCONCLUSIVE with the recorded reason and what to do, once, in the table, in a log and in the JSON document."""
    other = "legacy/embeddings: 401\nwith the last lines of its log"
    ran = replace(_ran(None, f"{FAILURE.place}: {FAILURE.problem}. {FAILURE.remedy}", other), not_run=not_run())
    lines = _lines(ran, width=400)
    assert lines[0] == f"INCONCLUSIVE  2026-04-30  {ran.name}          —  could not run"
    assert lines[1].strip() == f"{FAILURE.words}. {FAILURE.remedy}"
    assert "401" in lines[2]
    assert sum(FAILURE.problem in line for line in lines) == 1
    [quiet] = _lines(ran, detail=Detail.LINE)
    assert quiet.startswith("INCONCLUSIVE")
    assert quiet.endswith("could not run")
    assert unjudged_lines([ran, _ran(mixed())]) == [f"{ran.date} {ran.name}: {FAILURE.words}. {FAILURE.remedy}"]
    assert unjudged_lines([_ran(None, other)]) == [f"{ran.date} {ran.name}: legacy/embeddings: 401"]
    assert unjudged_lines([_ran(None, "")]) == [f"{ran.date} {ran.name}: could not run; the log of run r says why"]
    layout = Layout(data_dir=tmp_path, reports_dir=tmp_path)
    [row] = json.loads(results_json([ran], layout, 2))["results"]
    assert (row["decision"], row["verdict"]["not_run"]["step"]) == ("INCONCLUSIVE", FAILURE.step)
    assert row["report"] == str(layout.report(ran.date, ran.name))
    assert row["failures"] == list(ran.failures)
    [bare] = json.loads(results_json([_ran(None, "gone")], layout, 2))["results"]
    assert (bare["decision"], bare["verdict"], bare["report"]) == (None, None, None)


@pytest.mark.parametrize("name", [":smile:", "[bold]m[/bold]", "m:heart:x"])
@pytest.mark.parametrize("stderr", [True, False])
def test_a_name_is_printed_as_it_is(name: str, *, stderr: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """What rich reads as a picture or a style is part of a name, in tables, messages and file names."""
    console = new_console(stderr=stderr)
    print_results(console, [_ran(measured_pass(), model=name)], Detail.LINE)
    console.print(f"wrote {name}.md", markup=False, soft_wrap=True)
    captured = capsys.readouterr()
    printed = captured.err if stderr else captured.out
    assert f"  {name}  " in printed
    assert f"wrote {name}.md" in printed


def test_every_command_prints_by_the_same_consoles() -> None:
    """No module of the command line makes a console of its own, which would read a name as a picture."""
    made = {
        path.name for path in Path(console_module.__file__).parent.glob("*.py") if "Console(" in path.read_text("utf-8")
    }
    assert made == {"terminal.py"}


def test_the_json_document_is_complete(tmp_path: Path) -> None:
    """Causes, waivers and simulated faults are in the JSON document, whatever the table leaves out."""
    layout = Layout(data_dir=tmp_path, reports_dir=tmp_path)
    document = json.loads(results_json([_ran(replace(two_causes(), date="2026-05-01"))], layout, 1))
    verdict = document["results"][0]["verdict"]
    assert [cause["name"] for cause in verdict["diagnosis"]["causes"]] == ["rows permuted", "text cut"]
    assert verdict["counts"]["waived"] == {"EMB-20": 1, "EMB-21": 1}
    assert verdict["power"] is None, "nothing is simulated for a FAIL"
    passed = json.loads(results_json([_ran(measured_pass())], layout, 0))["results"][0]["verdict"]["power"]
    assert (passed["caught"], passed["simulated"], len(passed["faults"])) == (2, 5, 5)


def test_a_pass_says_what_it_would_have_caught() -> None:
    """The number stands beside the strength, also in a terminal."""
    assert "2 of 5 simulated faults would have been caught" in _words(_ran(measured_pass()))


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("verdict", [two_causes(), measured_pass(), None])
def test_verdict_date_and_model_are_on_one_line(verdict: Verdict | None, width: int, *, terminal: bool) -> None:
    """A search for the verdict finds what it is about, at any width, also where the output is piped."""
    decision = verdict.decision.value if verdict else "COULD NOT RUN"
    (line,) = [one for one in _lines(_ran(verdict), width=width, terminal=terminal) if one.startswith(decision)]
    assert "2026-04-30" in line
    assert "nomic-embed-text-v2-moe" in line


def test_forty_columns_are_enough_to_read() -> None:
    """Numbers move below the first line, and what is below is wrapped between words, indented."""
    lines = _lines(_ran(two_causes()), width=40)
    assert lines[0] == "FAIL 2026-04-30 nomic-embed-text-v2-moe"
    assert lines[1].strip() == "60/81, 0.410000"
    assert max(map(len, lines)) <= 40
    assert all(line.startswith("  ") for line in lines[1:])


def test_nothing_is_wrapped_in_a_pipe() -> None:
    """A reason is one line there, however long, so that it can be searched for."""
    lines = _lines(_ran(None, "word " * 60), width=40, terminal=False)
    assert len(lines) == 2


def test_norms_are_a_warning_where_they_differ_alone() -> None:
    """The warning of norms comes first and says how many; equal norms have none."""
    assert "warning: 81/81 compared samples have a norm ratio off 1" in _words(_ran(two_causes()), width=200)
    assert "norm ratio" not in _words(_ran(measured_pass()), width=200)


def test_little_and_much_detail() -> None:
    """One line for those who want little; every reason and finding, and the run, for those who want all."""
    assert len(_lines(_ran(two_causes()), _ran(mixed()), detail=Detail.LINE)) == 2
    everything = _words(_ran(two_causes()), width=2000, detail=Detail.ALL)
    for text in (*two_causes().reasons, *two_causes().findings):
        assert text in everything
    assert "in the report" not in everything
    assert "run r" in everything


def test_colour_is_left_out_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves out bold too; without it a terminal gets both; an empty one counts as not set."""
    printed = list[bool]()
    for value in ("1", "", None):
        if value is None:
            monkeypatch.delenv("NO_COLOR")
        else:
            monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
        console = new_console()
        with console.capture() as text:
            print_results(console, [_ran(two_causes())])
        printed.append("\x1b[" in text.get())
    assert printed == [False, True, True]
