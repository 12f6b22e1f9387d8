"""What the waivers of every probe have in common: who is responsible, when they hold, and the account of what they took.

Here belongs the part that does not know what a probe's waiver covers. That belongs to `waivers` and `retrieval.waivers`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import ClassVar, Generic, Protocol, TypeVar


class AnyWaiver(Protocol):
    """What every waiver says of itself; the fields are those of `waivers.Waiver`."""

    @property
    def id(self) -> str: ...  # noqa: D102 - as in `waivers.Waiver`, and the same below
    @property
    def owner(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def expires(self) -> date: ...  # noqa: D102
    @property
    def first_date(self) -> date | None: ...  # noqa: D102
    @property
    def last_date(self) -> date | None: ...  # noqa: D102
    @property
    def checks(self) -> Collection[StrEnum]: ...  # noqa: D102
    @property
    def most(self) -> int: ...  # noqa: D102 - the most inputs that it takes


W = TypeVar("W", bound=AnyWaiver)
Question = tuple[bool, str]
"""Whether a waiver has a fault, and the words for it."""


def of_date(waiver: AnyWaiver, day: date) -> bool:
    """Return whether a waiver is about this partition date at all."""
    after = waiver.first_date is None or waiver.first_date <= day
    return after and (waiver.last_date is None or day <= waiver.last_date)


def on_day(waivers: Sequence[W], today: date) -> tuple[tuple[W, ...], tuple[W, ...]]:
    """Return the waivers that hold on a day, up to and including their `expires`, and those that have expired."""
    holding = tuple(waiver for waiver in waivers if today <= waiver.expires)
    return holding, tuple(waiver for waiver in waivers if today > waiver.expires)


def unsigned(waiver: AnyWaiver) -> tuple[Question, ...]:
    """Return whether a waiver lacks its name, its owner or its reason."""
    texts = {"id": waiver.id, "owner": waiver.owner, "reason": waiver.reason}
    blank = [name for name, text in texts.items() if not text.strip()]
    return ((bool(blank), f"has no {', '.join(blank)}"),)


def backwards(waiver: AnyWaiver) -> Question:
    """Return whether a waiver's last date is before its first."""
    first, last = waiver.first_date, waiver.last_date
    return first is not None and last is not None and last < first, (
        "ends before it begins: swap first_date and last_date"
    )


def all_faults(waivers: Sequence[W], faults: Callable[[W], Iterable[str]]) -> tuple[str, ...]:
    """Return every reason why waivers cannot be used, with two of one id first; empty when they can."""
    times = Counter(waiver.id for waiver in waivers)
    twice = [
        f"waiver {name!r} is there {count} times: give each its own id" for name, count in times.items() if count > 1
    ]
    return (*twice, *(f"waiver {waiver.id!r} {fault}" for waiver in waivers for fault in faults(waiver)))


@dataclass(slots=True)
class Account(Generic[W]):
    """What the waivers of one partition took, and what they could not take. Its size is that of the waivers.

    Attributes:
        holding: Waivers that can take rows, in the order of the settings.
        expired: Waivers that are about this partition, and whose day has passed.
        taken: Rows that each waiver took.
        beyond: Rows that each waiver would have taken, had it had room, and that no other one took.
        lapsed: Rows that each expired waiver would have taken, and that no other one took.
    """

    INPUTS: ClassVar[str] = "samples"
    ONE: ClassVar[str] = "sample of this date and model"

    holding: tuple[W, ...] = ()
    expired: tuple[W, ...] = ()
    taken: Counter[str] = field(default_factory=Counter[str])
    beyond: Counter[str] = field(default_factory=Counter[str])
    lapsed: Counter[str] = field(default_factory=Counter[str])

    @property
    def concerned(self) -> bool:
        """Return whether any waiver, expired or not, is about this partition."""
        return bool(self.holding or self.expired)

    def take_first(self, covers: Callable[[W], bool]) -> str | None:
        """Return the id of the first waiver that covers a row and has room, and count the row; None where none does."""
        covering = [waiver for waiver in self.holding if covers(waiver)]
        for waiver in covering:
            if self.taken[waiver.id] < waiver.most:
                self.taken[waiver.id] += 1
                return waiver.id
        self.beyond.update(waiver.id for waiver in covering)
        self.lapsed.update(waiver.id for waiver in self.expired if covers(waiver))
        return None

    def waiver_of(self, check: StrEnum) -> str | None:
        """Return the id of the first waiver that covers a check by name; None where none does."""
        return next((waiver.id for waiver in self.holding if check in waiver.checks), None)

    def findings(self, *, complete: bool, of_checks: Collection[str] = ()) -> tuple[str, ...]:
        """Return what has to be said of the waivers, the ones that matter most first.

        Args:
            complete: Every row was taken in, so that a waiver without a row is one that nothing needs.
            of_checks: Ids of the waivers that cover a check by name.
        """
        over = [
            f"waiver {waiver.id!r} is larger than its limit: {self.taken[waiver.id] + self.beyond[waiver.id]} "
            f"{self.INPUTS}, {waiver.most} allowed; the {self.beyond[waiver.id]} beyond are not waived "
            f"(owner {waiver.owner})"
            for waiver in self.holding
            if self.beyond[waiver.id]
        ]
        late = [
            f"waiver {waiver.id!r} expired on {waiver.expires.isoformat()} and waives nothing; "
            f"{self.INPUTS} that would need it: {self.lapsed[waiver.id]} (owner {waiver.owner})"
            for waiver in self.expired
        ]
        idle = [
            f"waiver {waiver.id!r} is needed by no {self.ONE}: take it out (owner {waiver.owner})"
            for waiver in self.holding
            if complete and not (self.taken[waiver.id] or self.beyond[waiver.id] or waiver.id in of_checks)
        ]
        return (*over, *late, *idle)
