"""Why samples differ: each cause in words with its evidence, the samples left unexplained, observations and collisions.

Here belongs the layout of a diagnosis, and its short form for the summary and the terminal. Finding causes belongs to
`core.diagnosis`, the scan for collisions to `core.collisions`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.diagnosis.records import Cause, Confidence, Diagnosis, Evidence
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.view import Names, listed, named, names_of

_NAMED: Final = 12
"""Samples that one list names; the verdict's JSON holds more."""

_GROUPS: Final = 5
_MEMBERS: Final = 6
"""Groups of one side's collisions that are shown, and texts of each."""

_MEANING: Final[Mapping[Confidence, str]] = {
    Confidence.PROVEN: "one named change restores the threshold on these very samples, or the response itself says so",
    Confidence.LIKELY: "a property that sets these samples apart far better than chance",
    Confidence.POSSIBLE: "it fits and nothing contradicts it, but chance or another cause would fit too",
}


def why(verdict: Verdict) -> list[str]:
    """Return the causes as Markdown; nothing where no sample differs."""
    diagnosis = verdict.diagnosis
    if diagnosis is None:
        undiagnosed = "No diagnosis was made, so no cause is named. The samples below show which ones differ."
        return ["## Why", "", undiagnosed] if verdict.decision is Decision.FAIL else []
    if not diagnosis.failing:
        return []
    names = names_of(verdict)
    lines = ["## Why", "", prose(_overview(diagnosis, verdict.counts.samples))]
    for number, cause in enumerate(diagnosis.causes, 1):
        lines += ["", *_cause(number, cause, names, verdict.threshold)]
    return [*lines, *_unknown(diagnosis, names)]


def _overview(diagnosis: Diagnosis, samples: int) -> str:
    causes = diagnosis.causes
    failing = numbers.things(diagnosis.failing, "differing sample")
    found = f"{numbers.things(len(causes), 'cause')} found" if causes else "No cause found"
    described = [f"{found}: {numbers.count(diagnosis.explained)} of {failing} explained."]
    if sum(cause.count for cause in causes) > diagnosis.explained:
        described.append("A sample can have more than one cause.")
    levels = dict.fromkeys(cause.confidence for cause in causes)
    described += [f"{level.capitalize()}: {_MEANING[level]}." for level in levels]
    if diagnosis.looked_at < samples:
        described.append(
            f"The diagnosis looked at {numbers.count(diagnosis.looked_at)} of {numbers.things(samples, 'sample')}."
        )
    if diagnosis.requests_used:
        described.append(f"The diagnosis sent {numbers.things(diagnosis.requests_used, 'extra request')}.")
    return " ".join(described)


def _cause(number: int, cause: Cause, names: Names, limit: float) -> list[str]:
    at_fault = f"{cause.side} side" if cause.side else ""
    facts = [cause.confidence, at_fault, numbers.things(cause.count, "sample"), documented(cause.cases)]
    lines = [
        f"### {number}. {prose(cause.name)} — {prose(', '.join(fact for fact in facts if fact))}",
        "",
        f"{prose(cause.words[:1].upper() + cause.words[1:])}.",
        "",
        f"Affected: {listed(cause.samples, names, count=cause.count, most=_NAMED)}.",
    ]
    return [*lines, *_evidence(cause.evidence, names, limit)] if cause.evidence else lines


def _evidence(rows: Sequence[Evidence], names: Names, limit: float) -> list[str]:
    """Return the table of the evidence; what was tried or seen on every row alike stands above it once."""
    tried = {row.tried for row in rows}
    cells = [
        (
            named(row.sample, names),
            prose(row.tried),
            numbers.cosine(row.before, limit),
            numbers.cosine(row.after, limit),
        )
        for row in rows
    ]
    if len(tried) > 1 or len(rows) == 1:
        head = ("Sample", "Tried or seen", "Cosine before", "Cosine after")
        return ["", *table(head, cells, right=(2, 3))]
    short = [(sample, before, after) for sample, _, before, after in cells]
    seen = f"Tried or seen on each: {prose(tried.pop())}."
    return ["", seen, "", *table(("Sample", "Cosine before", "Cosine after"), short, right=(1, 2))]


def _unknown(diagnosis: Diagnosis, names: Names) -> list[str]:
    count = diagnosis.unknown
    if not count:
        return []
    who = listed(diagnosis.unexplained, names, count=count, most=_NAMED)
    has = "has" if count == 1 else "have"
    return ["", f"**Unknown**: {prose(numbers.things(count, 'sample'))} {has} no cause: {who}."]


def observations(verdict: Verdict) -> list[str]:
    """Return observations that do not affect the verdict, as Markdown; nothing where there are none."""
    found = verdict.diagnosis.remarks if verdict.diagnosis else ()
    if not found:
        return []
    return ["## Observations", "", "Observations that do not affect the verdict:", "", *map(_observation, found)]


def _observation(cause: Cause) -> str:
    facts = ", ".join(fact for fact in (cause.confidence, documented(cause.cases)) if fact)
    return f"- {prose(f'{cause.name} ({facts}): {cause.words}.')}"


def collisions(verdict: Verdict) -> list[str]:
    """Return distinct texts that share a vector on one side alone, as Markdown; nothing where there are none."""
    found = verdict.diagnosis.collisions if verdict.diagnosis else ()
    names = names_of(verdict)
    lines = [line for one in found if one.groups for line in _side(one, names)]
    return ["## Collisions on one side only", "", *lines] if lines else []


def _side(one: OneSided, names: Names) -> list[str]:
    other = Side.CANDIDATE if one.side is Side.LEGACY else Side.LEGACY
    described = (
        f"On the {one.side} side alone: {numbers.things(one.groups, 'group')} of distinct texts with the same vector, "
        f"{numbers.things(one.pairs, 'pair')} that the {other} side separates."
    )
    lines = [f"- {prose(described)}", *(f"  - {_group(group, names)}" for group in one.listed[:_GROUPS])]
    rest = one.groups - min(len(one.listed), _GROUPS)
    return [*lines, f"  - {prose(numbers.things(rest, 'more group'))}"] if rest > 0 else lines


def _group(group: Collision, names: Names) -> str:
    return listed(group.ids, names, count=group.size, most=_MEMBERS)


def documented(cases: Sequence[int]) -> str:
    """Return the numbers of documented failure modes in words, such as `cases 1, 3`; "" where there are none."""
    return f"case{'s' if len(cases) > 1 else ''} {', '.join(map(str, cases))}" if cases else ""


def first_cause(verdict: Verdict) -> str:
    """Return the cause that explains most samples, and how many others there are; "" where nothing was to explain.

    Raw text, such as `precision (likely, 7), 1 more`, or `unknown (3)`.
    """
    found = verdict.diagnosis
    if found is None:
        return ""
    if not found.causes:
        return f"unknown ({numbers.count(found.unknown)})" if found.unknown else ""
    first = found.causes[0]
    where = f" on the {first.side} side" if first.side else ""
    shown = [f"{first.name}{where} ({first.confidence}, {numbers.count(first.count)})"]
    if len(found.causes) > 1:
        shown.append(f"{numbers.count(len(found.causes) - 1)} more")
    if found.unknown:
        shown.append(f"{numbers.count(found.unknown)} unknown")
    return ", ".join(shown)
