"""The results of the gate in their four forms, with names and reasons that try to break out of each."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report.gate_formats import gate_annotations, gate_json, gate_junit, gate_line

HOSTILE = (
    "a\n::error::stolen",
    "::stop-commands::x",
    "##[command]x",
    "100%25",
    '"><script>&amp;]]>',
    "\x00\x08\x0b\x1b[31m\ufffe\uffff\ud800",
    "a:b,c=d\r",
    "\u202egnp",
    "",
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """One result."""

    probe: str = "embed"
    name: str = "m"
    date: str = "2026-05-02"
    decision: Decision = Decision.PASS
    reason: str = "sampled"
    reasons: Sequence[str] = ("sampled",)


def failing(name: str = "m", reason: str = "3 samples differ") -> Said:
    """Return a FAIL."""
    return Said(name=name, decision=Decision.FAIL, reason=reason, reasons=(reason, "more"))


def parsed(*said: Said) -> Any:
    """Return the root of the JUnit XML."""
    return ET.fromstring(gate_junit(said))  # noqa: S314 - what was just written here


def test_the_line_says_what_passed() -> None:
    """One name is shown with what its pass proves; several by their names."""
    assert gate_line(Decision.PASS, "2026-05-02", [Said()]) == "PASS 2026-05-02: embed m, sampled"
    two = [Said(), Said(probe="retrieve", name="staff")]
    assert gate_line(Decision.PASS, "2026-05-02", two) == "PASS 2026-05-02: embed m, retrieve staff"


def test_the_line_says_what_stands_against_it() -> None:
    """The worst result is shown with its reason, a FAIL before what is missing; the others are counted."""
    missing = Said(name="x", decision=Decision.INCONCLUSIVE, reason="no verdict is recorded")
    line = gate_line(Decision.FAIL, "2026-05-02", [Said(), missing, failing()])
    assert line == "FAIL 2026-05-02: embed m: 3 samples differ, and 1 more of 3"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_line_is_one_line_and_no_command(text: str) -> None:
    """No name and no reason begins a line of its own, which a runner would read as a command."""
    line = gate_line(Decision.FAIL, "2026-05-02", [failing(text, text)])
    assert line.isprintable()
    assert line.startswith("FAIL 2026-05-02: embed ")


def test_junit_has_a_case_per_name() -> None:
    """A FAIL is a failure with its reasons, an INCONCLUSIVE an error, and the counts add up."""
    unclear = Said(
        probe="retrieve", name="staff", decision=Decision.INCONCLUSIVE, reason="missing", reasons=("missing",)
    )
    root = parsed(Said(name="ok"), failing("bad"), unclear)
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")
    assert [one.get("name") for one in root.iter("testsuite")] == ["parity embed", "parity retrieve"]
    assert [one.get("name") for one in root.iter("testcase")] == ["ok", "bad", "staff"]
    assert {one.get("classname") for one in root.iter("testcase")} == {
        "parity.embed.2026-05-02",
        "parity.retrieve.2026-05-02",
    }
    [failure] = root.iter("failure")
    assert (failure.get("message"), failure.get("type")) == ("3 samples differ", "FAIL")
    assert (failure.text or "").split("\n") == ["3 samples differ", "more"]
    [error] = root.iter("error")
    assert error.get("message") == "missing"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_breaks_out_of_the_xml(text: str) -> None:
    """Whatever a model is named and a server said, the document is well-formed, has one case, and shows every character."""
    root = parsed(failing(text, text))
    [case] = root.iter("testcase")
    assert [one.tag for one in case] == ["failure"]
    assert (case.get("name") or "").isprintable()
    assert "stolen" not in text or "stolen" in (case.get("name") or "")


def test_annotations_are_errors_and_notices() -> None:
    """What does not pass is an error with all its reasons, a PASS a notice; line breaks are escaped."""
    assert gate_annotations([failing(), Said()]) == [
        "::error title=FAIL embed m%2C 2026-05-02::3 samples differ%0Amore",
        "::notice title=PASS embed m%2C 2026-05-02::sampled",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_ends_an_annotation(text: str) -> None:
    """An annotation is one line, its title ends where it should, and a per cent sign stays one."""
    [line] = gate_annotations([failing(text, text)])
    assert line.isprintable()
    command, _, message = line.removeprefix("::").partition("::")
    name, _, title = command.partition(" title=")
    assert name == "error"
    assert not {":", ","} & set(title)
    assert ("%2525" in title) is ("%25" in text)
    assert message.endswith("%0Amore")


def test_json_has_every_fact() -> None:
    """One document with the code, the decision of all, and what is known of each; foreign text as it was, in ASCII."""
    text = gate_json(Decision.FAIL, 1, [failing("\u202e", "r")], [{"run_id": "1"}])
    assert text.isascii()
    assert json.loads(text) == {
        "decision": "FAIL",
        "exit_code": 1,
        "results": [
            {
                "probe": "embed",
                "name": "\u202e",
                "date": "2026-05-02",
                "decision": "FAIL",
                "reason": "r",
                "reasons": ["r", "more"],
                "run_id": "1",
            }
        ],
    }
