"""The worst samples of a page, worst first, and how sentences refer to them.

Here belong order, links and the figures of one sample. Taking its text apart belongs to `characters`; which rows a verdict
keeps, to `core.worst_rows`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.limits import ERROR_CHARACTERS, REPORT_ROWS
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.reproduction import is_failing
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped
from parity_pipeline.report.html.characters import Look, look
from parity_pipeline.report.html.environment import code
from parity_pipeline.report.view import words_of

WORST: Final = 10
"""Samples that are shown at once and printed; the others open on demand."""
_HEAD: Final = 80

Links = Mapping[str, Markup]
"""Sample id to a link to its card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One sample.

    Attributes:
        place: Its place in the set, from 1 on.
        head: The beginning of its text.
        outcome: Its outcome in words.
        state: `beyond` for a difference, `excused` for one that something excuses, `lost` where nothing was shown either way,
            `within` for a match.
        cosine: Its cosine, as text.
        figures: What else is known of it: label and value.
        errors: Side and its words in place of vectors.
        look: Its text, taken apart.
        whole: Whether the whole text is known; else it is the beginning that a verdict keeps.
    """

    place: int
    head: str
    outcome: str
    state: str
    cosine: str
    figures: tuple[tuple[str, str], ...]
    errors: tuple[tuple[str, str], ...]
    look: Look
    whole: bool


def cards(verdict: Verdict, texts: Mapping[str, str]) -> list[Card]:
    """Return the samples of the verdict's table, worst first.

    Args:
        verdict: The verdict.
        texts: Whole texts by sample id; of a sample without one its head is shown.
    """
    rows = sorted(verdict.rows[:REPORT_ROWS], key=_badness)
    return [_card(row, texts.get(row.id), verdict.threshold) for row in rows]


def _badness(row: JudgedRow) -> tuple[int, float, int]:
    order = {"beyond": 0, "lost": 1, "excused": 2, "within": 3}
    return order[_state(row)], -2.0 if row.cosine is None else row.cosine, row.ordinal


def _state(row: JudgedRow) -> str:
    if is_failing(row):
        return "beyond"
    if row.excused:
        return "excused"
    return "within" if row.outcome is Outcome.MATCH else "lost"


def _card(row: JudgedRow, text: str | None, threshold: float) -> Card:
    errors = (("legacy", row.legacy_error), ("candidate", row.candidate_error))
    return Card(
        place=row.ordinal + 1,
        head=(row.head if text is None else text)[:_HEAD],
        outcome=_outcome(row),
        state=_state(row),
        cosine=numbers.cosine(row.cosine, threshold),
        figures=tuple(_figures(row)),
        errors=tuple((side, clipped(words, ERROR_CHARACTERS)) for side, words in errors if words is not None),
        look=look(row.head if text is None else text),
        whole=text is not None,
    )


def _outcome(row: JudgedRow) -> str:
    words = words_of(row.outcome)
    return f"{words} ({row.side})" if row.side and row.outcome in (Outcome.MISSING, *_NEEDS_SIDE) else words


_NEEDS_SIDE: Final = (Outcome.NON_FINITE, Outcome.ZERO_NORM)


def _figures(row: JudgedRow) -> Iterator[tuple[str, str]]:
    yield "category", row.category
    if row.drawn:
        yield "drawn at random", numbers.things(row.drawn, "time")
    yield "dimension, legacy / candidate", f"{_width(row.legacy_dimension)} / {_width(row.candidate_dimension)}"
    yield "L2 norm, legacy / candidate", f"{numbers.measure(row.legacy_norm)} / {numbers.measure(row.candidate_norm)}"
    yield "largest difference of one element", numbers.measure(row.max_abs_delta)
    yield "the same of unit vectors", numbers.measure(row.max_abs_delta_unit)
    if row.waiver is not None:
        yield "waived by", row.waiver
    if row.within_noise:
        yield "excused", "within the noise of the legacy side"
    if row.unconfirmed:
        yield "excused", row.unconfirmed


def _width(dimension: int) -> str:
    return numbers.count(dimension) if dimension else numbers.NOTHING


def links_to(verdict: Verdict) -> dict[str, Markup]:
    """Return a link to the card of each sample that has one."""
    return {
        row.id: Markup('<a href="#sample-{}">#{}</a> {}').format(
            row.ordinal + 1, numbers.count(row.ordinal + 1), code(row.head)
        )
        for row in verdict.rows[:REPORT_ROWS]
    }


def linked(samples: Sequence[str], links: Links, *, count: int, most: int) -> Markup:
    """Return at most `most` samples, first those with a card as links, and how many of `count` are not named."""
    # Those that can be looked at come first.
    found = sorted(samples, key=lambda one: one not in links)[:most]
    named = [links[one] if one in links else code(one) for one in found]
    rest = count - len(named)
    return Markup(", ").join([*named, *([f"{numbers.count(rest)} more"] if rest > 0 else [])])
