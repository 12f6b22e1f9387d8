"""The gate's answers as a line, as JSON, as JUnit XML and as annotations of GitHub.

Here belong these four forms and what makes foreign text safe in each: a model may be named anything, and a reason may repeat
what a server said. What the answers are belongs to whoever asked the ledger.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report.escape import visible

_SHOWN: Final = 1
"""Answers that the line shows with their reason, the worst first."""

_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}
"""What GitHub reads in place of characters that end a command, its title, or a property."""


class Answer(Protocol):
    """One answer; the fields are those of `reading.ledger_gate.GateAnswer`."""

    @property
    def probe(self) -> str: ...  # noqa: D102 - as above, and the same below
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def date(self) -> str: ...  # noqa: D102
    @property
    def answer(self) -> Decision: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def reasons(self) -> Sequence[str]: ...  # noqa: D102


def gate_line(overall: Decision, date: str, answers: Sequence[Answer]) -> str:
    """Return one line: the answer of all, the date, and why, or what passed."""
    against = sorted((one for one in answers if one.answer is not Decision.PASS), key=_worst_first)
    if not against:
        passed = ", ".join(f"{one.probe} {visible(one.name)}" for one in answers)
        said = f", {visible(answers[0].reason)}" if len(answers) == 1 and answers[0].reason else ""
        return f"{overall} {date}: {passed}{said}"
    shown = [f"{one.probe} {visible(one.name)}: {visible(one.reason)}" for one in against[:_SHOWN]]
    more = [f"and {len(against) - _SHOWN} more of {len(answers)}"] if len(against) > _SHOWN else []
    return f"{overall} {date}: {', '.join([*shown, *more])}"


def _worst_first(one: Answer) -> bool:
    return one.answer is not Decision.FAIL


def gate_json(overall: Decision, exit_code: int, answers: Iterable[Answer], facts: Iterable[Mapping[str, Any]]) -> str:
    """Return one JSON document: `{"answer", "exit_code", "results": [{"probe", "name", "date", "answer", "reasons", …}]}`.

    Args:
        overall: The answer of all.
        exit_code: The exit code.
        answers: The answers.
        facts: What else is known of each, in the same order.
    """
    rows = [
        {
            "probe": one.probe,
            "name": one.name,
            "date": one.date,
            "answer": one.answer.value,
            "reason": one.reason,
            "reasons": list(one.reasons),
            **more,
        }
        for one, more in zip(answers, facts, strict=True)
    ]
    return json.dumps({"answer": overall.value, "exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def gate_junit(answers: Iterable[Answer]) -> bytes:
    """Return the answers as JUnit XML in UTF-8: one suite per probe, one case per model or corpus.

    A FAIL is a failure, an INCONCLUSIVE an error, as for a test that could not run.
    """
    suites = dict[str, TestSuite]()
    for one in answers:
        suite = suites.setdefault(one.probe, TestSuite(f"parity {one.probe}"))
        case = TestCase(visible(one.name), classname=f"parity.{one.probe}.{one.date}")
        if one.answer is not Decision.PASS:
            kind = Failure if one.answer is Decision.FAIL else Error
            result = kind(visible(one.reason), one.answer.value)
            result.text = "\n".join(map(visible, one.reasons))
            case.result = [result]
        else:
            case.system_out = visible(one.reason)
        suite.add_testcase(case)
    document = JUnitXml("parity")
    for suite in suites.values():
        document.add_testsuite(suite)
    document.update_statistics()
    return document.tostring()


def gate_annotations(answers: Iterable[Answer]) -> list[str]:
    """Return one workflow command of GitHub Actions per answer, each one line: an error, or a notice for a PASS."""
    return [
        f"::{'notice' if one.answer is Decision.PASS else 'error'} title={_escaped(_title(one), _PROPERTY)}::"
        f"{_escaped(_message(one), _DATA)}"
        for one in answers
    ]


def _title(one: Answer) -> str:
    return f"{one.answer} {one.probe} {visible(one.name)}, {one.date}"


def _message(one: Answer) -> str:
    return "\n".join(map(visible, one.reasons))


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
