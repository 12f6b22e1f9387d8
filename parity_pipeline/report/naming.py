"""What a report calls a sample that it has only the id of.

Here belongs the one spelling of a reference to a sample, for causes, collisions and measures. The sample table itself
belongs to `rows`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parity_pipeline.core.limits import HEAD_CHARACTERS
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
