"""How many samples matched, differ or are excused, in all and a category.

Here belongs the layout of the counts. Counting belongs to `core.tally`.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose
from parity_pipeline.report.rows import words_of
from parity_pipeline.report.tables import table

_ALWAYS: Final = ("matched", "waived", "different")
"""Counts that are told when they are 0 too."""

_SOMETIMES: Final = ("within_noise", "without_evidence", "refused_by_both")


def counts(verdict: Verdict) -> list[str]:
    """Return the counts as Markdown: apart, by waiver, by outcome and category."""
    lines = ["## Counts", ""]
    if not verdict.samples:
        return [*lines, "No sample was counted."]
    if verdict.apart:
        lines += [prose(apart(verdict.samples, verdict.apart)), ""]
    if verdict.waived:
        taken = ", ".join(f"{code(name)} {numbers.count(count)}" for name, count in sorted(verdict.waived.items()))
        lines += [f"Waived, by waiver: {taken}.", ""]
    rows = [(code(name), *_outcomes(found)) for name, found in sorted(verdict.by_category.items())]
    if len(rows) == 1:
        return [*lines, f"By outcome, all of the category {rows[0][0]}: {rows[0][2]}."]
    rows.insert(0, ("all", *_outcomes(verdict.counts)))
    head = "Outcomes, waived ones included" if verdict.waived else "Outcomes"
    return [*lines, *table(("Category", "Samples", head), rows, right=(1,))]


def apart(samples: int, found: Mapping[str, int]) -> str:
    """Return the counts that stand apart, each sample in one of them; raw text."""
    shown = [*_ALWAYS, *(name for name in _SOMETIMES if found.get(name))]
    told = ", ".join(f"{numbers.count(found.get(name, 0))} {words_of(name)}" for name in shown)
    return f"{numbers.things(samples, 'sample')}: {told}."


def _outcomes(found: Mapping[str, int]) -> tuple[str, str]:
    """Return how many samples there are, and the outcomes that are not 0 in words, differences in the usual order."""
    order = [*(outcome.value for outcome in Outcome), *sorted(set(found) - set(Outcome))]
    words = ", ".join(f"{numbers.count(found[name])} {words_of(name)}" for name in order if found.get(name))
    return numbers.count(sum(found.values())), prose(words or "none")
