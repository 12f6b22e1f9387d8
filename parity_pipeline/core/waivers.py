"""Waivers: differences that someone expects, is responsible for, and lets pass until a day.

Here belong the record, which rows it covers, and the running account of what waivers took. They are kept in settings;
which decision waived rows lead to belongs to `verdict_builder`.

A row that could be waived goes to the first waiver, in the order of the settings, that holds, covers it and has room.
A waiver takes at most `max_samples` rows, the first ones of the set; those beyond fail as if it were not there. So a
waiver that was added anywhere never makes another row fail, and what is beyond a limit is seen. A waiver never covers
batches that may not be paired or counts that do not add up. It covers missing evidence only where its outcomes name
`missing`, what was found beside the samples only where its `checks` name the check, and a verdict in which nothing
matched is still none.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Final

from parity_pipeline.core.checks import ALWAYS, OF_SAMPLES, CheckName
from parity_pipeline.core.compare import BOTH
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.measures import ComparedRows, Measure, values_of, within
from parity_pipeline.core.outcomes import Outcome, Side

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
        max_samples: Most samples of one date and model that it covers; 0 for one that names checks alone.
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
        after = self.first_date is None or self.first_date <= day
        before = self.last_date is None or day <= self.last_date
        return after and before and (not self.models or model in self.models)

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
    times = Counter(waiver.id for waiver in waivers)
    twice = [
        f"waiver {name!r} is there {count} times: give each its own id" for name, count in times.items() if count > 1
    ]
    return (*twice, *(f"waiver {waiver.id!r} {fault}" for waiver in waivers for fault in _faults(waiver)))


def _faults(waiver: Waiver) -> Iterable[str]:
    blank = [name for name in ("id", "owner", "reason") if not getattr(waiver, name).strip()]
    counts = bool(waiver.outcomes or waiver.measures)
    whole = ", ".join(name for name in waiver.checks if name in ALWAYS)
    sampled = ", ".join(name for name in waiver.checks if name in OF_SAMPLES)
    questions = (
        (bool(blank), f"has no {', '.join(blank)}"),
        (counts and waiver.max_samples < 1, "covers no sample: set max_samples to 1 or more"),
        (not counts and not waiver.checks, "covers nothing: name outcomes, measures or checks"),
        (bool(whole), f"names {whole}, which no waiver covers: take it out"),
        (bool(sampled), f"names {sampled}, which counts samples: name outcomes or measures, and max_samples"),
        (bool(set(waiver.outcomes) & set(NEVER_WAIVED)), "names outcomes in which the sides agree: leave them out"),
        (Outcome.COMPARED in waiver.outcomes, "names the outcome 'compared', which no verdict has: name mismatch"),
        (any(value != value for value in waiver.measures.values()), "allows NaN: give a number"),  # noqa: PLR0124 - NaN alone differs from itself
        (waiver.side not in (None, BOTH, *Side), f"names the side {waiver.side!r}: use legacy, candidate or both"),
        (_reversed(waiver), "ends before it begins: swap first_date and last_date"),
    )
    return (words for holds, words in questions if holds)


def _reversed(waiver: Waiver) -> bool:
    return waiver.first_date is not None and waiver.last_date is not None and waiver.last_date < waiver.first_date


@dataclass(slots=True)
class WaiverAccount:
    """What the waivers of one date and model took, and what they could not take. Its size is that of the waivers.

    Attributes:
        holding: Waivers that can take rows, in the order of the settings.
        expired: Waivers that are about this date and model, and whose day has passed.
        taken: Rows that each waiver took.
        beyond: Rows that each waiver would have taken, had it had room, and that no other one took.
        lapsed: Rows that each expired waiver would have taken, and that no other one took.
    """

    holding: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()
    taken: Counter[str] = field(default_factory=Counter[str])
    beyond: Counter[str] = field(default_factory=Counter[str])
    lapsed: Counter[str] = field(default_factory=Counter[str])

    @property
    def concerned(self) -> bool:
        """Return whether any waiver, expired or not, is about this model and date."""
        return bool(self.holding or self.expired)

    def take(self, rows: ComparedRows, index: int, off: Mapping[Measure, bool]) -> str | None:
        """Return the id of the waiver that takes this row; None where none does, and the row stands as it is."""
        if rows.outcomes[index] in NEVER_WAIVED:
            return None
        covering = [waiver for waiver in self.holding if waiver.covers(rows, index, off)]
        for waiver in covering:
            if self.taken[waiver.id] < waiver.max_samples:
                self.taken[waiver.id] += 1
                return waiver.id
        self.beyond.update(waiver.id for waiver in covering)
        self.lapsed.update(waiver.id for waiver in self.expired if waiver.covers(rows, index, off))
        return None

    def waiver_of(self, check: CheckName) -> str | None:
        """Return the id of the first waiver that covers a check by name; None where none does."""
        return next((waiver.id for waiver in self.holding if check in waiver.checks), None)

    def findings(self, *, complete: bool, of_checks: Collection[str] = ()) -> tuple[str, ...]:
        """Return what has to be said of the waivers, the ones that matter most first.

        Args:
            complete: Every sample was taken in, so that a waiver without a row is one that nothing needs.
            of_checks: Ids of the waivers that cover a check by name.
        """
        over = [
            f"waiver {waiver.id!r} is larger than its limit: {self.taken[waiver.id] + self.beyond[waiver.id]} samples, "
            f"{waiver.max_samples} allowed; the {self.beyond[waiver.id]} beyond are not waived (owner {waiver.owner})"
            for waiver in self.holding
            if self.beyond[waiver.id]
        ]
        late = [
            f"waiver {waiver.id!r} expired on {waiver.expires.isoformat()} and waives nothing; "
            f"samples that would need it: {self.lapsed[waiver.id]} (owner {waiver.owner})"
            for waiver in self.expired
        ]
        idle = [
            f"waiver {waiver.id!r} is needed by no sample of this date and model: take it out (owner {waiver.owner})"
            for waiver in self.holding
            if complete and not (self.taken[waiver.id] or self.beyond[waiver.id] or waiver.id in of_checks)
        ]
        return (*over, *late, *idle)


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
    about = [waiver for waiver in waivers if waiver.concerns(model, day)]
    return WaiverAccount(
        holding=tuple(waiver for waiver in about if today <= waiver.expires),
        expired=tuple(waiver for waiver in about if today > waiver.expires),
    )
