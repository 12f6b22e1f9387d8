"""A failing sample made small: the records of the smallest text, batch and concurrency that still fails.

Here belong frozen records, and which sample is made small. The search for the smallest belongs to `minimise`, sending its requests to
`steps.reproduce_sample`, showing the result to `report`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from parity_pipeline.core.compare import BOTH
from parity_pipeline.core.outcomes import DIFFERENT, MUTUAL, Outcome, Side
from parity_pipeline.core.worst_rows import JudgedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceBudget:
    """How many requests may be sent to make a failing sample or query small; only a FAIL sends any.

    Attributes:
        requests: Most requests to each side for the worst failing sample or query, retries included; 0 sends none.
    """

    requests: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A text, the texts in the same request, and the requests in flight beside it.

    Attributes:
        text: The text whose vectors are compared.
        before: Texts before it in its request.
        after: Texts after it in its request.
        beside: The texts of each further request in flight at the same time.
    """

    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    beside: tuple[tuple[str, ...], ...] = ()

    @property
    def batch(self) -> tuple[str, ...]:
        """Return all texts of its request, in order."""
        return (*self.before, self.text, *self.after)

    @property
    def concurrency(self) -> int:
        """Return how many requests are in flight at the same time, 1 or more."""
        return 1 + len(self.beside)


class ReproductionResult(StrEnum):
    """What trying to reproduce a failing sample came to. The spelling is stored, so it is never changed, only added."""

    REPRODUCED = "reproduced"
    NOT_ANY_MORE = "does not reproduce any more"
    NO_RESPONSE = "could not be tried"
    """A side gave no definite response, or the requests were used up before anything failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallRequest:
    """The smallest request that still fails, as one side is sent it, and where its vector is in the response.

    Attributes:
        side: The side.
        url: Where it is sent to, path included, without credentials.
        body: The JSON body of the request that holds the text.
        beside: The bodies of the requests in flight at the same time.
        place: Position of the text in its request, from 0 on.
        texts: Texts of that request.
        token_variable: Name of the environment variable that holds the bearer token; "" where none is sent.
        header_names: Names of the further headers of the settings, whose values are never stored.
        vectors_field: Response path of the vectors, as in a dialect.
        order_field: Response path of each vector's position; None where the order is positional.
        one_text: The endpoint takes one text and may return its vector bare.
        base64: Vectors come as base64 of little-endian float32.
    """

    side: Side
    url: str
    body: str
    beside: tuple[str, ...]
    place: int
    texts: int
    token_variable: str
    header_names: tuple[str, ...]
    vectors_field: str
    order_field: str | None
    one_text: bool
    base64: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What trying to reproduce the worst failing sample came to.

    Attributes:
        sample: Id of the sample.
        ordinal: Its place in the set, from 0 on.
        outcome: How it failed.
        result: Whether it still does.
        smallest: The smallest trial that fails alike; None where none does.
        characters: Characters of the sample's whole text.
        complete: Whether the search ended by itself, and not for want of requests or of a response.
        legacy_requests: Requests that were sent to the legacy side, retries included.
        candidate_requests: The same to the candidate.
        requests: How each side is sent the smallest trial, the legacy first; empty where there is none.
    """

    sample: str
    ordinal: int
    outcome: Outcome
    result: ReproductionResult
    smallest: Trial | None
    characters: int
    complete: bool
    legacy_requests: int
    candidate_requests: int
    requests: tuple[SmallRequest, ...]


def is_failing(row: JudgedRow) -> bool:
    """Return whether a judged row proves a difference that nothing excuses: no waiver, no noise, no failed repeat."""
    proven = row.outcome in DIFFERENT and not (row.outcome in MUTUAL and row.side == BOTH)
    return proven and not row.excused


def worst_failing(rows: Iterable[JudgedRow]) -> JudgedRow | None:
    """Return the failing row with the worst outcome, then the smallest cosine, then the first; None where none fails."""
    return min(filter(is_failing, rows), key=_badness, default=None)


def _badness(row: JudgedRow) -> tuple[int, float, int]:
    return DIFFERENT.index(row.outcome), -math.inf if row.cosine is None else row.cosine, row.ordinal
