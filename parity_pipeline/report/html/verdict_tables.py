"""Tables of a page that a verdict of either probe has: latency and effort of both lanes, and the waivers in use.

Here belongs reading them out of a verdict and its lanes. Distributions belong to `drawings`, what a waiver is to `core.waivers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.sections.sides import LATENCIES
from parity_pipeline.report.view import Lane, name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """A table of both sides.

    Attributes:
        names: What the sides are called, legacy first.
        rows: What is measured, the legacy side's and the candidate's value, and the candidate's as a multiple.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]


def latency_rows(lanes: Sequence[Lane]) -> Latencies:
    """Return the percentiles of the requests that brought results, and how many requests and retries there were."""
    legacy, candidate = lanes
    pairs = [(name, legacy.latency_ms.get(name), candidate.latency_ms.get(name)) for name in LATENCIES]
    found = [
        (f"{name}, ms", _milliseconds(one), _milliseconds(two), _multiple(one, two))
        for name, one, two in pairs
        if (one, two) != (None, None)
    ]
    effort = [
        ("requests", numbers.count(legacy.requests), numbers.count(candidate.requests), ""),
        ("of these retries", numbers.count(legacy.retries), numbers.count(candidate.retries), ""),
    ]
    return Latencies(names=tuple(name_of(lane) for lane in lanes), rows=(*found, *effort))


def _milliseconds(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.1f}"


def _multiple(legacy: float | None, candidate: float | None) -> str:
    return f"{candidate / legacy:.2f} times" if legacy and candidate is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRow:
    """One waiver that was used.

    Attributes:
        name: Its id.
        taken: How many samples or queries it took, in words.
        checks: Checks that it covers, joined by commas; "" for none.
    """

    name: str
    taken: str
    checks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivers:
    """Waivers of a verdict.

    Attributes:
        rows: Those that were used, by id.
        findings: What the verdict says of waivers: owners, expiry, those that nothing needs.
    """

    rows: tuple[WaiverRow, ...]
    findings: tuple[str, ...]


def waivers_used(verdict: Verdict | RetrievalVerdict) -> Waivers:
    """Return the waivers that took a sample or query, or cover a check."""
    of_queries = isinstance(verdict, RetrievalVerdict)
    taken = verdict.counts.waived
    checks: dict[str, list[str]] = {}
    for check in verdict.checks:
        for name in check.waived_by.split(", ") if check.waived_by else ():
            checks.setdefault(name, []).append(check.name.value)
    rows = tuple(
        WaiverRow(name=name, taken=_things(taken.get(name, 0), of_queries), checks=", ".join(checks.get(name, ())))
        for name in sorted({*taken, *checks})
    )
    findings = tuple(one for one in dict.fromkeys(verdict.findings) if "waive" in one)
    return Waivers(rows=rows, findings=findings)


def _things(count: int, of_queries: bool) -> str:
    return numbers.things(count, "query", "queries") if of_queries else numbers.things(count, "sample")
