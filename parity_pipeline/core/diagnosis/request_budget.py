"""The requests that a diagnosis may send, and the two sides it may send them to.

Here belong counting them and giving up a side that cannot be reached. What is requested belongs to the modules beside this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.diagnosis.context import DiagnosisContext
from parity_pipeline.core.diagnosis.records import Ask, FollowUpQueries, Vector
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.outcomes import Side


class RequestBudget:
    """The HTTP requests that a diagnosis may still send, to both sides and all models together."""

    def __init__(self, inquiry: FollowUpQueries) -> None:
        """Start with the whole budget."""
        self._asks: dict[object, Ask | None] = {
            Side.LEGACY: inquiry.legacy,
            Side.CANDIDATE: inquiry.candidate,
            **inquiry.others,
        }
        self.others = tuple(inquiry.others)
        self.texts = inquiry.texts
        self.kept_back = 0
        self._requests = inquiry.requests
        self._sent = inquiry.sent
        self._calls = 0

    @property
    def used(self) -> int:
        """Return how many requests were sent: as counted by whoever sends them, retries included."""
        return self._sent() if self._sent else self._calls

    @property
    def left(self) -> int:
        """Return how many requests may still be sent."""
        return max(0, self._requests - self.used)

    def allows(self, target: Side | tuple[str, Side]) -> bool:
        """Say whether a side or another model may get one more request; those kept back are for what is tried last."""
        return self._asks.get(target) is not None and self.left > self.kept_back

    def embed(self, target: Side | tuple[str, Side], texts: Sequence[str]) -> list[Vector | None]:
        """Return the vectors of at most `texts` texts, None where there is none.

        That is one request. Where it is refused as a whole, its halves are sent, since one refused text takes all others
        of its request with it on many servers. A side that cannot be reached gets no further request, for the verdict
        does not depend on a diagnosis.
        """
        kept = list(texts)[: self.texts]
        return [*self._halved(target, kept), *([None] * (len(texts) - len(kept)))]

    def _halved(self, target: Side | tuple[str, Side], texts: list[str]) -> list[Vector | None]:
        vectors = self._once(target, texts)
        if len(texts) < 2 or any(vector is not None for vector in vectors):
            return vectors
        half = len(texts) // 2
        first = self._once(target, texts[:half])
        if all(vector is None for vector in first):
            # Nothing says that any of them is embedded at all: one more request settles it.
            second = self._once(target, texts[half:])
            known = any(vector is not None for vector in second)
            return [*(self._halved(target, texts[:half]) if known and half > 1 else first), *second]
        return [*first, *self._halved(target, texts[half:])]

    def _once(self, target: Side | tuple[str, Side], texts: list[str]) -> list[Vector | None]:
        ask = self._asks.get(target)
        if ask is None or not texts or not self.allows(target):
            return [None] * len(texts)
        self._calls += 1
        try:
            vectors = list(ask(texts))
        except ParityError:
            self._asks[target] = None
            return [None] * len(texts)
        return vectors if len(vectors) == len(texts) else [None] * len(texts)


NO_BUDGET: Final = RequestBudget(FollowUpQueries(requests=0))
"""For a search in stored vectors alone."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """The side that is thought to change texts, and the other one that embeds the changed text."""

    side: Side
    other: Side
    vectors: Matrix32
    truth: Matrix32

    @classmethod
    def both(cls, context: DiagnosisContext) -> "tuple[Suspect, Suspect]":
        """Return the candidate as suspect, then the legacy side."""
        return (
            cls(Side.CANDIDATE, Side.LEGACY, context.candidate, context.legacy),
            cls(Side.LEGACY, Side.CANDIDATE, context.legacy, context.candidate),
        )
