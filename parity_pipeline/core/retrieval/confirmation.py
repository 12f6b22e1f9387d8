"""Asking differing queries again, both sides, alternating: which differences persist.

Here belong the choice of queries and the record of what asking again showed. Sending them belongs to `steps`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfirmation:
    """What asking differing queries again showed.

    Attributes:
        asked: Queries that were asked again.
        requests: Requests sent for it, both sides together.
        confirmed: Ids of queries that differed each time.
        unconfirmed: Ids of queries that agreed when they were asked again.
        strays: For each side, `legacy` first, queries of which its own lists differed between lane and repeats.
        not_asked: Differing queries that were not asked again because the budget was used up.
    """

    asked: int
    requests: int
    confirmed: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    strays: tuple[int, int] = (0, 0)
    not_asked: int = 0
