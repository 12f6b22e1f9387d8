"""What a sample set would have caught: the records that a verdict stores.

Here belong the closed set of results and the two records. The faults themselves are in `faults`, judging them in
`simulation`.
"""

from dataclasses import dataclass
from enum import StrEnum


class FaultResult(StrEnum):
    """The result of a fault. The spelling is stored, so a word is only ever added."""

    CAUGHT = "caught"
    """The verdict would not have been a pass."""
    UNSURE = "unsure"
    """It changes samples, and whether any of them moves far enough to fail is not known without a request."""
    MISSED = "missed"
    """The verdict would have been a pass all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFault:
    """One fault and its result.

    Attributes:
        name: Its name.
        words: What the candidate does wrong, such as "texts cut after 1,000 characters".
        result: The result.
        why: The check that shows it, or why none does; a clause without a full stop.
        assumed: Whether the vectors of changed texts had to be assumed, as no sample has the changed text.
    """

    name: str
    words: str
    result: FaultResult
    why: str
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a sample set would have caught, had the candidate had one of these faults.

    Attributes:
        caught: Faults that would have been caught.
        unsure: Faults that may have been.
        simulated: All of them.
        looked_at: Samples that were looked at; the others can only catch more.
        samples: Samples of the set.
        faults: The faults, in the order of their table; empty in the ledger.
    """

    caught: int
    unsure: int
    simulated: int
    looked_at: int
    samples: int
    faults: tuple[SimulatedFault, ...]

    def of(self, result: FaultResult) -> tuple[SimulatedFault, ...]:
        """Return the faults with this result."""
        return tuple(one for one in self.faults if one.result is result)

    @property
    def words(self) -> str:
        """Return the numbers as a clause, such as `27 of 30 simulated faults would have been caught, 1 more may have been`."""
        more = f", {self.unsure} more may have been" if self.unsure else ""
        return f"{self.caught} of {self.simulated} simulated faults would have been caught{more}"
