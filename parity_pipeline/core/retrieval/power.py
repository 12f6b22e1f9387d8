"""What a query set would have caught: faults applied to stored rankings and judged by the verdict's own code.

Here belong the simulated faults, and the record of which would have been caught.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRetrievalFault:
    """One simulated fault.

    Attributes:
        name: What it is, such as `one corpus of two is dropped`.
        caught: Whether the verdict would not have been a pass; None where it could not be simulated.
        decision: The decision that it would have led to; "" where it could not be simulated.
        why_not: Why it was not caught or not simulated; "" where it was caught.
    """

    name: str
    caught: bool | None
    decision: str
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalPower:
    """What the queries would have caught.

    Attributes:
        faults: The simulated faults; empty in the ledger.
        simulated: Faults that could be simulated.
        caught: Those of them that would have been caught.
    """

    faults: tuple[SimulatedRetrievalFault, ...]
    simulated: int
    caught: int

    def sentence(self) -> str:
        """Say how many simulated faults would have been caught."""
        return f"{self.caught} of {self.simulated} simulated faults would have been caught"
