"""Samples as a report shows them: rows of the sample table, and what a sample is called elsewhere.

Here belong the one spelling of a reference to a sample, for causes, collisions and measures, and the cells of the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code

Names = Mapping[str, str]
"""Sample id to Markdown: its number and head. Ids that the sample table does not hold are missing."""


def names_of(verdict: Verdict) -> Names:
    """Return what the samples of the table are called, by id; a waived one is marked."""
    return {row.id: _name(row) for row in verdict.rows}


def _name(row: JudgedRow) -> str:
    waived = " (waived)" if row.waiver is not None else ""
    return f"#{_position(row)} {code(row.head, cut=len(row.head) >= HEAD_CHARACTERS)}{waived}"


def named(sample: str, names: Names) -> str:
    """Return one sample as Markdown; its id where the table does not hold it."""
    return names.get(sample) or code(sample)


def listed(samples: Sequence[str], names: Names, *, count: int, most: int) -> str:
    """Return samples as Markdown, at most `most` of them, and how many of `count` are not named."""
    shown = [named(sample, names) for sample in samples[:most]]
    rest = count - len(shown)
    more = [f"{numbers.count(rest)} more"] if rest > 0 else []
    return ", ".join([*shown, *more]) or numbers.NOTHING


_NEEDS_SIDE = frozenset({Outcome.MISSING, Outcome.NON_FINITE, Outcome.ZERO_NORM})
"""Outcomes whose word does not say which side they are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of the sample table; numbers formatted, `head` raw.

    Attributes:
        number: Position in the set, from 1 on.
        dimensions: Of the legacy and of the candidate vector; `—` where none came.
        outcome: The outcome in words, and what excuses it; raw, since a waiver's id is foreign.
    """

    number: str
    head: str
    dimensions: tuple[str, str]
    cosine: str
    legacy_norm: str
    candidate_norm: str
    delta: str
    delta_unit: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """What one side said in place of vectors, and for which samples it said so.

    Attributes:
        side: Which side.
        numbers: Positions in the set, from 1 on.
        message: Its words, raw.
    """

    side: Side
    numbers: tuple[str, ...]
    message: str


def words_of(outcome: str) -> str:
    """Return an outcome as a person writes it: `refused_by_candidate` is `refused by candidate`."""
    return "non-finite" if outcome == Outcome.NON_FINITE else outcome.replace("_", " ")


def rows_of(rows: Sequence[JudgedRow], threshold: float) -> tuple[RowView, ...]:
    """Return the table's rows in the order they are stored in."""
    return tuple(_row(row, threshold) for row in rows)


def _row(row: JudgedRow, threshold: float) -> RowView:
    return RowView(
        number=_position(row),
        head=row.head,
        dimensions=(_dimension(row.legacy_dimension), _dimension(row.candidate_dimension)),
        cosine=numbers.cosine(row.cosine, threshold),
        legacy_norm=numbers.measure(row.legacy_norm),
        candidate_norm=numbers.measure(row.candidate_norm),
        delta=numbers.measure(row.max_abs_delta),
        delta_unit=numbers.measure(row.max_abs_delta_unit),
        outcome=_outcome(row),
    )


def _position(row: JudgedRow) -> str:
    return numbers.count(row.ordinal + 1)


def _dimension(value: int) -> str:
    return str(value) if value else numbers.NOTHING


def _outcome(row: JudgedRow) -> str:
    words = words_of(row.outcome)
    if row.side and row.outcome in _NEEDS_SIDE:
        words = f"{words} ({row.side})"
    if row.waiver is not None:
        return f"{words}, waived: {row.waiver}"
    excuse = "within the noise" if row.within_noise else row.unconfirmed
    return f"{words}, {excuse}" if excuse else words


def errors_of(rows: Sequence[JudgedRow]) -> tuple[ErrorView, ...]:
    """Return each distinct message of each side once, in the order of its first sample, legacy first."""
    found: dict[tuple[Side, str], list[str]] = {}
    for side in Side:
        for row in rows:
            message = row.legacy_error if side is Side.LEGACY else row.candidate_error
            if message is not None:
                found.setdefault((side, message), []).append(_position(row))
    return tuple(ErrorView(side=side, numbers=tuple(at), message=message) for (side, message), at in found.items())
