"""What a report calls a sample that it has only the id of.

Here belongs the one spelling of a reference to a sample, for causes, collisions and measures. The sample table itself
belongs to `row_view`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code

Names = Mapping[str, str]
"""Sample id to Markdown: its number and head. Ids that the sample table does not hold are missing."""


def names_of(verdict: Verdict) -> Names:
    """Return what the samples of the table are called, by id; a waived one is marked."""
    return {str(row["id"]): _name(row) for row in verdict.rows}


def _name(row: Mapping[str, Any]) -> str:
    head = str(row["head"])
    waived = " (waived)" if row.get("waiver") is not None else ""
    return f"#{numbers.count(int(row['ordinal']) + 1)} {code(head, cut=len(head) >= HEAD_CHARACTERS)}{waived}"


def named(sample: str, names: Names) -> str:
    """Return one sample as Markdown; its id where the table does not hold it."""
    return names.get(sample) or code(sample)


def listed(samples: Sequence[str], names: Names, *, count: int, most: int) -> str:
    """Return samples as Markdown, at most `most` of them, and how many of `count` are not named."""
    shown = [named(str(sample), names) for sample in samples[:most]]
    rest = count - len(shown)
    more = [f"{numbers.count(rest)} more"] if rest > 0 else []
    return ", ".join([*shown, *more]) or numbers.NOTHING


_NEEDS_SIDE = frozenset({Outcome.MISSING.value, Outcome.NON_FINITE.value, Outcome.ZERO_NORM.value})
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


def rows_of(rows: Sequence[Mapping[str, Any]], threshold: float | None) -> tuple[RowView, ...]:
    """Return the table's rows in the order they are stored in."""
    return tuple(_row(row, threshold) for row in rows)


def _row(row: Mapping[str, Any], threshold: float | None) -> RowView:
    return RowView(
        number=_position(row),
        head=str(row["head"]),
        dimensions=(_dimension(row["legacy_dimension"]), _dimension(row["candidate_dimension"])),
        cosine=numbers.cosine(row["cosine"], threshold),
        legacy_norm=numbers.measure(row["legacy_norm"]),
        candidate_norm=numbers.measure(row["candidate_norm"]),
        delta=numbers.measure(row["max_abs_delta"]),
        delta_unit=numbers.measure(row["max_abs_delta_unit"]),
        outcome=_outcome(row),
    )


def _position(row: Mapping[str, Any]) -> str:
    return numbers.count(int(row["ordinal"]) + 1)


def _dimension(value: int) -> str:
    return str(value) if value else numbers.NOTHING


def _outcome(row: Mapping[str, Any]) -> str:
    outcome, side, waiver = str(row["outcome"]), row["side"], row.get("waiver")
    words = words_of(outcome)
    told = f"{words} ({side})" if side and outcome in _NEEDS_SIDE else words
    if waiver is not None:
        return f"{told}, waived: {waiver}"
    return f"{told}, within the noise" if row.get("within_noise") else told


def errors_of(rows: Sequence[Mapping[str, Any]]) -> tuple[ErrorView, ...]:
    """Return each distinct message of each side once, in the order of its first sample, legacy first."""
    found: dict[tuple[Side, str], list[str]] = {}
    for side in Side:
        for row in rows:
            message = row[f"{side.value}_error"]
            if message is not None:
                found.setdefault((side, str(message)), []).append(_position(row))
    return tuple(ErrorView(side=side, numbers=tuple(at), message=message) for (side, message), at in found.items())
