"""The results of the gate as a line, as JSON, as JUnit XML and as annotations of GitHub.

Here belong these four forms and what makes foreign text safe in each: a model may be named anything, and a reason may repeat
what a server said. What the results are belongs to `reading.ledger_gate`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report.escape import visible

_SHOWN: Final = 1
"""Results that the line shows with their reason, the worst first."""

_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}
"""What GitHub reads in place of characters that end a command, its title, or a property."""


class Result(Protocol):
    """One result; the fields are those of `reading.ledger_gate.GateResult`."""

    @property
    def probe(self) -> str: ...  # noqa: D102 - as above, and the same below
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def date(self) -> str: ...  # noqa: D102
    @property
    def decision(self) -> Decision: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def reasons(self) -> Sequence[str]: ...  # noqa: D102


def gate_line(overall: Decision, date: str, results: Sequence[Result]) -> str:
    """Return one line: the result of all, the date, and why, or what passed."""
    against = sorted((one for one in results if one.decision is not Decision.PASS), key=_worst_first)
    if not against:
        passed = ", ".join(f"{one.probe} {visible(one.name)}" for one in results)
        said = f", {visible(results[0].reason)}" if len(results) == 1 and results[0].reason else ""
        return f"{overall} {date}: {passed}{said}"
    shown = [f"{one.probe} {visible(one.name)}: {visible(one.reason)}" for one in against[:_SHOWN]]
    more = [f"and {len(against) - _SHOWN} more of {len(results)}"] if len(against) > _SHOWN else []
    return f"{overall} {date}: {', '.join([*shown, *more])}"


def _worst_first(one: Result) -> bool:
    return one.decision is not Decision.FAIL


def gate_json(overall: Decision, exit_code: int, results: Iterable[Result], facts: Iterable[Mapping[str, Any]]) -> str:
    """Return one JSON document: `{"decision", "exit_code", "results": [{"probe", "name", "date", "decision", "reasons", …}]}`.

    Args:
        overall: The result of all.
        exit_code: The exit code.
        results: The results.
        facts: What else is known of each, in the same order.
    """
    rows = [
        {
            "probe": one.probe,
            "name": one.name,
            "date": one.date,
            "decision": one.decision.value,
            "reason": one.reason,
            "reasons": list(one.reasons),
            **more,
        }
        for one, more in zip(results, facts, strict=True)
    ]
    return json.dumps({"decision": overall.value, "exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def gate_junit(results: Iterable[Result]) -> bytes:
    """Return the results as JUnit XML in UTF-8: one suite per probe, one case per model or corpus.

    A FAIL is a failure, an INCONCLUSIVE an error, as for a test that could not run.
    """
    suites = dict[str, TestSuite]()
    for one in results:
        suite = suites.setdefault(one.probe, TestSuite(f"parity {one.probe}"))
        case = TestCase(visible(one.name), classname=f"parity.{one.probe}.{one.date}")
        if one.decision is not Decision.PASS:
            kind = Failure if one.decision is Decision.FAIL else Error
            result = kind(visible(one.reason), one.decision.value)
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


def gate_annotations(results: Iterable[Result]) -> list[str]:
    """Return one workflow command of GitHub Actions per result, each one line: an error, or a notice for a PASS."""
    return [
        f"::{'notice' if one.decision is Decision.PASS else 'error'} title={_escaped(_title(one), _PROPERTY)}::"
        f"{_escaped(_message(one), _DATA)}"
        for one in results
    ]


def _title(one: Result) -> str:
    return f"{one.decision} {one.probe} {visible(one.name)}, {one.date}"


def _message(one: Result) -> str:
    return "\n".join(map(visible, one.reasons))


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
