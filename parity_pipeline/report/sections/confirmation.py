"""What requesting failing samples again showed: which differences persist, and which side strays.

Here belongs the layout. What the repeats mean belongs to `core.confirmation`.
"""

from typing import Final

from parity_pipeline.core.confirmation import Confirmation, ConfirmedRow, Persistence
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose
from parity_pipeline.report.row_view import Names, listed, names_of
from parity_pipeline.report.sentences import table

_NAMED: Final = 12
"""Samples that one row of the table names; the verdict's JSON holds all."""


def confirmation(verdict: Verdict) -> list[str]:
    """Return the section as Markdown; nothing where nothing was requested again."""
    found = verdict.confirmation
    if found is None:
        return []
    names = names_of(verdict)
    grouped: dict[tuple[Persistence, str], list[ConfirmedRow]] = {}
    for row in found.rows:
        grouped.setdefault((row.found, _why(row)), []).append(row)
    cells = [_group(kind, why, rows, names) for (kind, why), rows in grouped.items()]
    return [
        "## Requested again",
        "",
        prose(_overview(found)),
        "",
        *table(("Found", "Samples", "Why", "Which"), cells, right=(1,)),
        "",
        *(f"- {prose(side.words()[:1].upper() + side.words()[1:])}." for side in found.sides),
    ]


def _overview(found: Confirmation) -> str:
    rows = f"{numbers.things(len(found.rows), 'failing sample')} and {numbers.things(found.passing, 'passing sample')}"
    sent = numbers.things(sum(side.requests for side in found.sides), "request")
    done = f"{rows} were requested {numbers.count(found.repeats)} more times from both sides, {sent} in all."
    rest = (
        f" {numbers.things(found.not_requested, 'more failing sample')} not requested again."
        if found.not_requested
        else ""
    )
    return done + rest


def _why(row: ConfirmedRow) -> str:
    return f"{row.why}; the {row.strayed} side strayed" if row.strayed else row.why


def _group(kind: Persistence, why: str, rows: list[ConfirmedRow], names: Names) -> tuple[str, str, str, str]:
    which = listed([row.id for row in rows], names, count=len(rows), most=_NAMED)
    return prose(kind.value), numbers.count(len(rows)), prose(why), which
