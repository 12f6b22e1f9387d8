"""The waivers of a page: which took how many samples, and which checks they cover.

Here belongs reading them out of a verdict of either probe. What a waiver is belongs to `core.waivers`.
"""

from dataclasses import dataclass

from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers


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
