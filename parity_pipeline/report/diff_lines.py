"""What changed between two verdicts, as lines of text for a terminal or a pipe.

Here belong the words and the columns. What changed belongs to `core.verdict_changes`, which samples to `reading`; what a
gateway or a sample said is shown with every character visible.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from parity_pipeline.core.number_format import exact_decimal, floored
from parity_pipeline.core.verdict_changes import Change, VerdictChanges, VerdictKey
from parity_pipeline.report.escape import visible

MOST_INPUTS: Final = 20
"""Samples that newly fail, or newly pass, that are listed; all are counted."""

_DECIMALS: Final = 6
_TEXT_CHARACTERS: Final = 100
_VALUE_CHARACTERS: Final = 100
"""Longest shown text of a sample, and value of a fact."""


class InputResult(Protocol):
    """What a comparison holds of one input; the fields are those of `reading.changed_inputs.InputResult`."""

    @property
    def outcome(self) -> str: ...  # noqa: D102 - as above, and the same below
    @property
    def value(self) -> float: ...  # noqa: D102


class Changed(Protocol):
    """One input that changed; the fields are those of `reading.changed_inputs.ChangedInput`."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def before(self) -> InputResult: ...  # noqa: D102
    @property
    def after(self) -> InputResult: ...  # noqa: D102


def change_lines(found: VerdictChanges, *, times: tuple[str, str] | None = None) -> Iterator[str]:
    """Yield a title, and one line per change: what it means, what changed, its earlier and its later value.

    Args:
        found: The changes.
        times: When both verdicts were recorded, where both are of one date.
    """
    was, now = (
        f"{key.date}{f' ({times[place]})' if times else ''} {key.decision}"
        for place, key in enumerate((found.before, found.after))
    )
    yield f"{title_of(found.after)}: {was} → {now}"
    if not found.changes:
        yield "  nothing changed that a verdict holds"
        return
    rows = [(one.direction.value, visible(one.what), _values(one)) for one in found.changes]
    widths = [max(len(row[place]) for row in rows) for place in range(2)]
    for direction, what, values in rows:
        yield f"  {direction:<{widths[0]}}  {what:<{widths[1]}}  {values}"


def title_of(key: VerdictKey) -> str:
    """Return what a verdict is about but for its date."""
    return f"{key.probe} {visible(key.name)}"


def _values(one: Change) -> str:
    return f"{_cut(one.before, _VALUE_CHARACTERS)} → {_cut(one.after, _VALUE_CHARACTERS)}"


def input_lines(what: str, inputs: Sequence[Changed], shared: int) -> Iterator[str]:
    """Yield how many inputs changed in one way, and the first of them with outcome, cosine or overlap, and text.

    Args:
        what: How they changed, such as `newly failing`.
        inputs: Those inputs.
        shared: Inputs that both comparisons hold.
    """
    yield f"  {what}: {len(inputs):,} of {shared:,} that both have"
    for one in inputs[:MOST_INPUTS]:
        yield f"    {visible(one.id)}  {_seen(one.before)} → {_seen(one.after)}  {_cut(one.text, _TEXT_CHARACTERS)}"
    if len(inputs) > MOST_INPUTS:
        yield f"    and {len(inputs) - MOST_INPUTS:,} more"


def _seen(one: InputResult) -> str:
    # Rounded down, as reports do: a cosine just below a limit must not read as one that meets it.
    number = "" if math.isnan(one.value) else f" {floored(exact_decimal(one.value), _DECIMALS)}"
    return f"{one.outcome.replace('_', ' ')}{number}"


def _cut(text: str, most: int) -> str:
    """Return a text of at most so many characters, every one visible."""
    return visible(text) if len(text) <= most else f"{visible(text[:most])} …"
