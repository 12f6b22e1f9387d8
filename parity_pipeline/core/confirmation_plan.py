"""Choose which rows are requested again before anything is decided, and in which requests.

Here belongs the bounded choice: failing rows, passing ones for comparison, and the whole requests that held them. A row is
repeated in the company it was first sent in: a permutation or a fault of load does not show on a text that is sent alone.
What the repeats show belongs to `confirmation`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ordinals = NDArray[np.int64]

FAILING: Final = 32
"""Largest number of failing rows that are requested again."""

REQUESTS: Final = 16
"""Largest number of requests in one repeat of one side that are chosen for their rows; see `most_requests`."""

TEXTS: Final = 2 * FAILING
"""Texts that one repeat of one side may hold anyhow, so that small requests do not leave rows out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatPlan:
    """What is requested again.

    Attributes:
        failing: Ordinals of the failing rows that are requested again, ascending.
        passing: Ordinals of the passing rows, likewise.
    """

    failing: tuple[int, ...]
    passing: tuple[int, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Return the ordinals of all of them, ascending."""
        return tuple(sorted((*self.failing, *self.passing)))


def make_plan(
    failing: Sequence[int], not_passing: Collection[int], samples: int, *, batch: int, seed: str
) -> RepeatPlan:
    """Choose the rows, the same for the same seed.

    Args:
        failing: Ordinals of rows that prove a difference.
        not_passing: Ordinals of all rows that do not match, `failing` among them.
        samples: Rows of the whole set.
        batch: Texts of one request.
        seed: Decides which rows; the content hash of the sample set.
    """
    random = Random(f"confirm {seed}")  # noqa: S311 - a repeatable choice, nothing secret
    most, left = most_requests(batch), list(failing)
    random.shuffle(left)
    requests: set[int] = set()
    chosen: list[int] = []
    for row in left:
        if len(chosen) < FAILING and len(requests | {row // batch}) <= most:
            requests.add(row // batch)
            chosen.append(row)
    passing = _passing(random, chosen, requests, not_passing, samples, batch)
    return RepeatPlan(failing=tuple(sorted(chosen)), passing=tuple(sorted(passing)))


def most_requests(batch: int) -> int:
    """Return the largest number of requests that are chosen for their rows."""
    return max(REQUESTS, TEXTS // batch)


def _passing(
    random: Random, chosen: Sequence[int], requests: set[int], not_passing: Collection[int], samples: int, batch: int
) -> list[int]:
    """Return passing rows: of the requests that are sent anyhow, then of others where those have fewer than fail."""
    excluded = frozenset(not_passing)
    company = [
        row
        for request in sorted(requests)
        for row in range(request * batch, min(samples, (request + 1) * batch))
        if row not in excluded
    ]
    passing = random.sample(company, min(FAILING, len(company)))
    while chosen and len(passing) < len(chosen) and len(requests) < most_requests(batch):
        # A few draws are enough: where hardly a row passes there is no company to be had.
        drawn = [random.randrange(samples) for _ in range(FAILING)]
        row = next((one for one in drawn if one not in excluded and one not in passing), None)
        if row is None:
            break
        requests.add(row // batch)
        passing.append(row)
    return passing


def whole_requests(rows: Sequence[int], samples: int, *, batch: int, in_flight: int) -> Ordinals:
    """Return the ordinals to send, ascending: the requests that held these rows, and those that were in flight with them.

    Args:
        rows: Ordinals of the chosen rows.
        samples: Rows of the whole set.
        batch: Texts of one request of this side.
        in_flight: Requests that the side is sent at the same time.
    """
    wanted = dict.fromkeys(sorted({row // batch for row in rows}))
    last = (samples - 1) // batch
    for request in list(wanted):
        # A few requests meet each other; only where there are fewer than were in flight are others sent along.
        near = (request + step * sign for step in range(1, in_flight) for sign in (1, -1))
        for other in near:
            if 0 <= other <= last and len(wanted) < in_flight:
                wanted[other] = None
    ordinals = np.concatenate([np.arange(one * batch, min(samples, (one + 1) * batch)) for one in sorted(wanted)])
    return ordinals.astype(np.int64)
