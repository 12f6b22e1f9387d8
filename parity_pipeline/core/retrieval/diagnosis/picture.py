"""A set of compared queries as the rules see it: what differs, what agrees, and what no cause explains yet.

Here belong the view that all rules share, and the claim that a rule makes. The rules themselves belong to the modules
beside.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from parity_pipeline.core.retrieval.bands import NEAR_TIE
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCause, RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import Case
from parity_pipeline.core.retrieval.diagnosis.evidence import CauseEvidence, Kind

SUPPORT: Final = 3
"""Fewest queries that a cause may rest on: one or two of a kind may be strays."""

NEARLY_ALL: Final = 0.9
"""Share of what a cause is about, in [0, 1], that must show its signs."""

WIDESPREAD: Final = 0.1
"""Smallest share of queries, in [0, 1], that differ where a cause is about the side as a whole, such as its metric."""

COARSE_TIE: Final = 10 * NEAR_TIE
"""Score gap, absolute, up to which an order of equal documents is called an order of ties: scores of three digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a rule says: one cause and the cases that it explains.

    Attributes:
        name: The cause.
        proven: Whether a control was sent that would have come out differently if the cause were false.
        side: The side that it is about; None for neither alone.
        cases: The cases that it explains.
        evidence: One sentence per fact.
        remedy: What to do.
    """

    name: RetrievalCauseName
    proven: bool
    side: str | None
    cases: Sequence[Case]
    evidence: tuple[str, ...]
    remedy: str


@dataclass(slots=True)
class Picture:
    """The cases of a set, and those that no claim explains yet.

    Attributes:
        evidence: What is known of the whole set.
        differing: Kept cases that differ and did so again when they were sent again.
        agreeing: Kept cases that agree.
        left: Differing cases that no claim explains yet.
    """

    evidence: CauseEvidence
    differing: list[Case] = field(init=False)
    agreeing: list[Case] = field(init=False)
    left: list[Case] = field(init=False)

    def __post_init__(self) -> None:
        """Leave out queries that agreed when they were sent again."""
        sent = self.evidence.confirmation
        passing = set(sent.unconfirmed) if sent is not None else set[str]()
        self.differing = [case for case in self.evidence.cases if not case.agrees and case.id not in passing]
        self.agreeing = [case for case in self.evidence.cases if case.agrees]
        self.left = list(self.differing)

    @property
    def sent(self) -> int:
        """Return the number of queries with two lists."""
        return sum(self.evidence.queries.values())

    def scaled(self, cases: Iterable[Case], weight: Callable[[Case], int] = lambda _: 1) -> int:
        """Return how many queries of the whole set some kept differing cases stand for, or a sum of weights over them."""
        counts = Counter[Kind]()
        for case in cases:
            counts[kind_of(case)] += weight(case)
        total = 0.0
        for kind, number in counts.items():
            kept = self.evidence.kept(kind)
            total += number * (self.evidence.differing[kind] / kept if kept else 1.0)
        return round(total)

    def share_differing(self, wanted: Callable[[Kind], bool] = lambda _: True) -> float:
        """Return the share of all queries of some kinds that differ; 0 without any."""
        queries = sum(number for kind, number in self.evidence.queries.items() if wanted(kind))
        differing = sum(number for kind, number in self.evidence.differing.items() if wanted(kind))
        return differing / queries if queries else 0.0

    def sent_of(self, wanted: Callable[[Kind], bool]) -> int:
        """Return the number of queries of some kinds."""
        return sum(number for kind, number in self.evidence.queries.items() if wanted(kind))

    def explain(self, cases: Iterable[Case]) -> None:
        """Take cases out of those that nothing explains yet."""
        done = {id(case) for case in cases}
        self.left = [case for case in self.left if id(case) not in done]

    def cause(self, claim: Claim) -> RetrievalCause:
        """Return a claim as the cause that a verdict holds."""
        return RetrievalCause(
            name=claim.name,
            confidence=CauseConfidence.PROVEN if claim.proven else CauseConfidence.LIKELY,
            side=claim.side,
            queries=self.scaled(claim.cases),
            evidence=claim.evidence,
            remedy=claim.remedy,
        )


def kind_of(case: Case) -> Kind:
    """Return the kind of a case."""
    return case.category, case.filtered, case.several


def mostly(cases: Sequence[Case], fits: Callable[[Case], bool], share: float = NEARLY_ALL) -> bool:
    """Return whether at least `SUPPORT` cases, and this share of them, fit."""
    number = sum(map(fits, cases))
    return number >= SUPPORT and number >= share * len(cases)
