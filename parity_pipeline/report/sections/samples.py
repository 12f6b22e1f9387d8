"""The samples one by one: the table of the worst, and what the sides said in place of vectors.

Here belong the layout of both, and the facts of the sample set. Choosing the rows belongs to `core.tally`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.limits import ERROR_CHARACTERS, REPORT_ROWS
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped, code, known, listed_code, prose, table
from parity_pipeline.report.view import head, name_of, position, words_of

_NEEDS_SIDE: Final = frozenset({Outcome.MISSING, Outcome.NON_FINITE, Outcome.ZERO_NORM})
"""Outcomes whose word does not say which side they are about."""

_DEFAULT_INITIALS: Final = ("L", "C")

_WORST_FIRST: Final = (
    "differences first, then missing vectors, what a waiver or noise excuses, refusals by both and matches; within an "
    "outcome the smallest cosine first"
)
"""The order of `core.tally.Tally.shown_rows` for a set that is larger than the table."""


def samples(verdict: Verdict) -> list[str]:
    """Return the table of samples as Markdown, with a legend; one line where none was compared."""
    lines, rows = ["## Samples", "", prose(_shown(verdict))], verdict.rows[:REPORT_ROWS]
    if not rows:
        return lines
    one, two = initials(verdict)
    delta = r"Max\|Δ\|"
    title = (
        "#",
        "Sample (head)",
        f"Dim {one}/{two}",
        "Cosine",
        f"L2 {one}",
        f"L2 {two}",
        delta,
        f"{delta} unit",
        "Outcome",
    )
    legacy, candidate = (prose(name_of(side.provenance)) for side in verdict.sides)
    legend = f"{one} is the legacy side, {legacy}; {two} is the candidate, {candidate}."
    unit = f"{delta} is the largest difference of one element; “unit” is the same after both vectors got length 1."
    cells = [sample(row, verdict.threshold) for row in rows]
    return [*lines, "", *table(title, cells, right=(0, 3, 4, 5, 6, 7)), "", f"{legend} {unit}"]


def initials(verdict: Verdict) -> tuple[str, str]:
    """Return one letter per side: the first ones of their labels where nobody can take one side for the other, else L and C."""
    one, two = (side.provenance.label[:1].upper() for side in verdict.sides)
    plain = all(letter.isascii() and letter.isalpha() for letter in (one, two))
    # A legacy side called "Core" or a candidate called "Live" would read as the other side.
    misread = one == "C" or two == "L"
    return (one, two) if plain and one != two and not misread else _DEFAULT_INITIALS


def _shown(verdict: Verdict) -> str:
    """Return how many rows of how many the table holds, and in what order."""
    rows, several = len(verdict.rows[:REPORT_ROWS]), numbers.things(verdict.counts.samples, "sample")
    if not rows:
        return "No sample was compared, so there are no rows to show."
    if rows >= verdict.counts.samples:
        return f"All {several}, in the order of the set."
    return f"{numbers.count(rows)} of {several}: {_WORST_FIRST}."


def sample(row: JudgedRow, threshold: float) -> Sequence[str]:
    """Return one row of the table as Markdown; the outcome in words, and what excuses it."""
    return (
        position(row),
        head(row),
        " / ".join(
            str(width) if width else numbers.NOTHING for width in (row.legacy_dimension, row.candidate_dimension)
        ),
        numbers.cosine(row.cosine, threshold),
        numbers.measure(row.legacy_norm),
        numbers.measure(row.candidate_norm),
        numbers.measure(row.max_abs_delta),
        numbers.measure(row.max_abs_delta_unit),
        prose(_outcome(row)),
    )


def _outcome(row: JudgedRow) -> str:
    words = words_of(row.outcome)
    if row.side and row.outcome in _NEEDS_SIDE:
        words = f"{words} ({row.side})"
    if row.waiver is not None:
        return f"{words}, waived: {row.waiver}"
    excuse = "within the noise" if row.within_noise else row.unconfirmed
    return f"{words}, {excuse}" if excuse else words


def errors(verdict: Verdict) -> list[str]:
    """Return each distinct message of each side once, in the order of its first sample, legacy first; nothing without one."""
    found: dict[tuple[Side, str], list[str]] = {}
    for side in Side:
        for row in verdict.rows[:REPORT_ROWS]:
            message = row.legacy_error if side is Side.LEGACY else row.candidate_error
            if message is not None:
                found.setdefault((side, message), []).append(position(row))
    if not found:
        return []
    rows = [
        (side.value, ", ".join(at), code(clipped(message, ERROR_CHARACTERS))) for (side, message), at in found.items()
    ]
    return ["## What the sides said in place of vectors", "", *table(("Side", "Samples #", "Message"), rows)]


def sample_set(verdict: Verdict) -> list[str]:
    """Return size, content hash and sources of the set as Markdown, and how many duplicates were dropped."""
    found = verdict.sample_set
    dropped = numbers.things(found.duplicates_dropped, "duplicate")
    return [
        "## Sample set",
        "",
        f"- {numbers.things(found.samples, 'sample')}, {dropped} dropped",
        f"- Content hash: {known(found.hash)}",
        f"- Sources: {listed_code(found.sources)}",
    ]
