"""Waivers: differences that someone expects, is responsible for, and lets pass until a day.

Here belong the record of the embed probe and which rows it covers. Waivers are kept in settings; the running account of
what they took is `waiver_account`, which decision waived rows lead to belongs to `verdict_builder`.

A row that could be waived goes to the first waiver, in the order of the settings, that holds, covers it and has room.
A waiver takes at most `max_samples` rows, the first ones of the set; those beyond fail as if it were not there. So a
waiver that was added anywhere never makes another row fail, and what is beyond a limit is seen. A waiver never covers
batches that may not be paired or counts that do not add up. It covers missing evidence only where its outcomes name
`missing`, what was found beside the samples only where its `checks` name the check, and a verdict in which nothing
matched is still none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Final

from parity_pipeline.core.checks import ALWAYS, OF_SAMPLES, CheckName
from parity_pipeline.core.compare import BOTH
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.measures import ComparedRows, Measure, values_of, within
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.waiver_account import Account, all_faults, backwards, of_date, on_day, unsigned

NEVER_WAIVED: Final = (Outcome.MATCH, Outcome.REFUSED_BY_BOTH)
"""Outcomes in which the sides agree: there is nothing to waive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One expected difference. What is left empty restricts nothing.

    Attributes:
        id: Its name, such as a ticket; unique.
        owner: Who is responsible for it.
        reason: Why the difference is expected.
        expires: The last day on which a verdict may use it.
        max_samples: Most samples of one date and model that it covers; left out where it names checks alone.
        checks: Checks it covers, whatever they saw; those that count samples are covered by outcomes and measures.
        outcomes: Outcomes it covers. `mismatch` covers a sample that is beyond any limit, however far.
        measures: Measures it covers, each with the worst value allowed. It covers a mismatch that leaves the limits of
            these measures alone and stays within these values.
        side: `legacy`, `candidate` or `both`: the side that an outcome is about. A mismatch is about neither.
        categories: Categories it covers.
        samples: Ids of the samples it covers.
        head: Glob of the first characters of a sample's text, as a report shows them (`*` any, `?` one), case matters.
        models: Models it covers.
        first_date: First date of a probe that it covers; None for any.
        last_date: Last one.
    """

    id: str
    owner: str
    reason: str
    expires: date
    max_samples: int = 0
    checks: tuple[CheckName, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    measures: Mapping[Measure, float] = field(default_factory=dict[Measure, float])
    side: str | None = None
    categories: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    head: str = ""
    models: tuple[str, ...] = ()
    first_date: date | None = None
    last_date: date | None = None

    def concerns(self, model: str, day: date) -> bool:
        """Return whether it is about this model and partition date at all."""
        return of_date(self, day) and (not self.models or model in self.models)

    @property
    def most(self) -> int:
        """Return the most samples that it covers."""
        return self.max_samples

    def covers(self, rows: ComparedRows, index: int, off: Mapping[Measure, bool]) -> bool:
        """Return whether it covers one row of a block.

        Args:
            rows: The block.
            index: The row.
            off: The measures that can fail a sample, and whether this row is beyond their limits.
        """
        return self._is_about(rows, index) and (
            rows.outcomes[index] in self.outcomes or self._measures_cover(rows, index, off)
        )

    def _is_about(self, rows: ComparedRows, index: int) -> bool:
        return (
            (self.side is None or self.side == rows.sides[index])
            and (not self.categories or rows.categories[index] in self.categories)
            and (not self.samples or rows.ids[index] in self.samples)
            and (not self.head or fnmatchcase(rows.heads[index], self.head))
        )

    def _measures_cover(self, rows: ComparedRows, index: int, off: Mapping[Measure, bool]) -> bool:
        beyond = [measure for measure, is_off in off.items() if is_off]
        if rows.outcomes[index] is not Outcome.MISMATCH or not beyond or not set(beyond) <= set(self.measures):
            return False
        one = slice(index, index + 1)
        return all(within(name, values_of(name, rows)[one], self.measures[name]).all() for name in beyond)


def waiver_faults(waivers: Sequence[Waiver]) -> tuple[str, ...]:
    """Return every reason why these waivers cannot be used; empty when they can."""
    return all_faults(waivers, _faults)


def _faults(waiver: Waiver) -> Iterable[str]:
    counts = bool(waiver.outcomes or waiver.measures)
    whole = ", ".join(name for name in waiver.checks if name in ALWAYS)
    sampled = ", ".join(name for name in waiver.checks if name in OF_SAMPLES)
    questions = (
        *unsigned(waiver),
        (counts and waiver.max_samples < 1, "covers no sample: set max_samples to 1 or more"),
        (not counts and not waiver.checks, "covers nothing: name outcomes, measures or checks"),
        (bool(whole), f"names {whole}, which no waiver covers: take it out"),
        (bool(sampled), f"names {sampled}, which counts samples: name outcomes or measures, and max_samples"),
        (bool(set(waiver.outcomes) & set(NEVER_WAIVED)), "names outcomes in which the sides agree: leave them out"),
        (Outcome.COMPARED in waiver.outcomes, "names the outcome 'compared', which no verdict has: name mismatch"),
        (any(value != value for value in waiver.measures.values()), "allows NaN: give a number"),  # noqa: PLR0124 - NaN alone differs from itself
        (waiver.side not in (None, BOTH, *Side), f"names the side {waiver.side!r}: use legacy, candidate or both"),
        backwards(waiver),
    )
    return (words for holds, words in questions if holds)


class WaiverAccount(Account[Waiver]):
    """What the waivers of one date and model took, and what they could not take."""

    def take(self, rows: ComparedRows, index: int, off: Mapping[Measure, bool]) -> str | None:
        """Return the id of the waiver that takes this row; None where none does, and the row stands as it is."""
        if rows.outcomes[index] in NEVER_WAIVED:
            return None
        return self.take_first(lambda waiver: waiver.covers(rows, index, off))


def account_for(waivers: Sequence[Waiver], *, model: str, day: date, today: date) -> WaiverAccount:
    """Return an empty account of the waivers that are about a model and date.

    Args:
        waivers: All waivers, in the order of the settings.
        model: The model.
        day: The partition date.
        today: The day on which the verdict is given; a waiver holds up to and including its `expires`.

    Raises:
        SettingsError: The waivers cannot be used; names every fault.
    """
    if faults := waiver_faults(waivers):
        raise SettingsError("these waivers cannot be used", place="waivers", faults=faults)
    holding, expired = on_day([waiver for waiver in waivers if waiver.concerns(model, day)], today)
    return WaiverAccount(holding=holding, expired=expired)
