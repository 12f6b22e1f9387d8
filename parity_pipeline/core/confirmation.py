"""Whether a difference persists when both sides are requested again, and which side strayed where it does not.

Here belong the records, the rules and their effect on a verdict. Which rows are repeated belongs to `row_selection`, the
responses and the test to `repeated_responses`, sending requests to `steps.confirm_rows`.

Each failing row has the stored response of each side and `REPEATS` more. It is, the first line that holds:

    a repeat has no usable response                                persistent: nothing speaks for the candidate
    no repeat fails                                                transient
    every repeat fails, and each side repeats itself               persistent
    the sides differ by more than each scatters (test below)       persistent
    the legacy side's own responses lie as far apart               explained
    fewer than half of the repeats fail                            transient, and the repeats do not all agree
    else                                                           persistent: it comes back

The p-values of all tested rows are adjusted as by Benjamini and Hochberg (1995), at `FALSE_DISCOVERY_RATE`. That controls
the rate for independent rows, and for rows with positive dependence (Benjamini and Yekutieli 2001), such as rows of one
request that stray together; under other dependence it guarantees nothing. The stored pair was chosen because it fails,
which makes the p-values too small rather than too large: the error is towards `persistent`, which fails a candidate and
never passes one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from parity_pipeline.core.confidence import upper_bound
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.repeated_responses import Responses

REPEATS: Final = 4
"""Times each chosen row is requested again from each side. With the stored one that makes five responses per side, whose
labels can be dealt in 126 distinct ways: the smallest p-value is 1/126, below 5 % divided by six rows."""

FALSE_DISCOVERY_RATE: Final = 0.05

EXACT: Final = 1e-6
"""Largest 1 - cosine of two responses to one text that count as the same: what float32 sums in another order cause."""

AS_FAR: Final = 0.5
"""Share of the median distance between the sides that the legacy side's own responses must be apart to explain it. It is
about 1 for two sides of equal scatter, and 1/2 for a candidate that scatters 1.7 times as far. A median, so that one stray
response of the legacy side explains nothing."""

LARGEST_STRAY_SHARE: Final = 0.01
"""Share of a side's responses that may stray where a pass is still allowed; docs/adr/0021 argues it."""

_SUSPICIOUS: Final = 0.05
"""Chance below which so many more strays of the candidate than of the legacy side are not attributed to luck."""


class Persistence(StrEnum):
    """The result of requesting a failing row again. The spelling is stored, so a name is never changed, only added."""

    PERSISTENT = "persistent"
    TRANSIENT = "transient"
    EXPLAINED = "explained"
    """The legacy side's own responses to this text lie as far apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedRow:
    """A failing row that was requested again.

    Attributes:
        id: Id of the sample.
        found: The result.
        why: Why, in words, a clause without a full stop.
        strayed: For a transient row, the side whose stored response lies apart from its own repeats; else None.
        failed: Repeats that fail too.
        p_value: Of the permutation test, before it was adjusted; None where it was not needed.
        between: Mean distance, 1 - cosine, between responses of the two sides; None where a response is lacking.
        within_legacy: The same within the legacy side.
        within_candidate: The same within the candidate.
    """

    id: str
    found: Persistence
    why: str
    strayed: Side | None
    failed: int
    p_value: float | None
    between: float | None
    within_legacy: float | None
    within_candidate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideStrays:
    """How often one side strays from its own responses.

    Attributes:
        side: Which side.
        strays: Responses below the cosine threshold to the side's own middle response to that text, and the stored one of
            each transient row that strayed.
        responses: Responses that could have been seen to stray: those compared in the lane, and all repeats.
        low: Lower limit of the share, Clopper-Pearson, two-sided at `limits.CONFIDENCE_LEVEL`.
        high: Upper limit of the share.
        requests: Requests sent to it for the repeats.
    """

    side: Side
    strays: int
    responses: int
    low: float
    high: float
    requests: int

    @property
    def share(self) -> float:
        """Return the share of responses that stray; 0 where there are none."""
        return self.strays / self.responses if self.responses else 0.0

    def words(self) -> str:
        """Return the rate with its interval, such as `the legacy strayed in 1 of 532 responses (…)`."""
        shown = f"{percent(self.low)} to {percent(self.high)} at {percent(CONFIDENCE_LEVEL)} confidence"
        return f"the {self.side} side strayed from itself in {self.strays:,} of {self.responses:,} responses ({shown})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What requesting failing rows again showed.

    Attributes:
        rows: The failing rows that were requested again, in the order of the set.
        not_requested: Failing rows beyond the budget.
        passing: Passing rows that were requested again beside them.
        repeats: Times each was requested from each side.
        legacy: How often the legacy side strayed.
        candidate: The same of the candidate.
    """

    rows: tuple[ConfirmedRow, ...]
    not_requested: int
    passing: int
    repeats: int
    legacy: SideStrays
    candidate: SideStrays

    @property
    def sides(self) -> tuple[SideStrays, SideStrays]:
        """Return how often each side strayed, the legacy side first."""
        return self.legacy, self.candidate

    def count(self, found: Persistence) -> int:
        """Return how many rows have this result."""
        return sum(row.found is found for row in self.rows)

    @property
    def excuses(self) -> frozenset[str]:
        """Return the ids of the rows that do not count as differences."""
        return frozenset(row.id for row in self.rows if row.found is not Persistence.PERSISTENT)


def confirm(
    rows: Sequence[Responses],
    *,
    threshold: float,
    compared: int,
    not_requested: int,
    requests: Sequence[int],
    adjust: Callable[[Sequence[float]], Sequence[float]],
) -> Confirmation:
    """Return what the repeats show.

    Args:
        rows: The failing and the passing rows that were requested again, in the order of the set.
        threshold: Cosine threshold.
        compared: Samples that were compared in the lane.
        not_requested: Failing rows beyond the budget.
        requests: Requests sent to the legacy side and to the candidate.
        adjust: Adjusts p-values so that the false discovery rate is controlled; called only where a row needs the test.
    """
    failing = [one for one in rows if one.fails]
    p_values = {one.id: one.p_value() for one in failing if _needs_test(one)}
    adjusted = dict(zip(p_values, adjust([*p_values.values()]), strict=True)) if p_values else {}
    confirmed = [_confirmed(one, p_values.get(one.id), adjusted.get(one.id)) for one in failing]
    strayed = {row.id: row.strayed for row in confirmed}
    legacy, candidate = (
        _rate(
            side,
            [
                max(one.strays(side, 1.0 - threshold), int(strayed.get(one.id) is side))
                for one in rows
                if not one.lacking
            ],
            compared + sum(len(one.failed) for one in rows if not one.lacking),
            sent,
        )
        for side, sent in zip(Side, requests, strict=True)
    )
    return Confirmation(
        rows=tuple(confirmed),
        not_requested=not_requested,
        passing=len(rows) - len(failing),
        repeats=max((len(row.failed) for row in rows), default=0),
        legacy=legacy,
        candidate=candidate,
    )


def _needs_test(one: Responses) -> bool:
    return not one.lacking and any(one.failed) and not _repeats_itself(one)


def _repeats_itself(one: Responses) -> bool:
    """Return whether every repeat fails, and neither side's repeats lie apart: no test could add to that."""
    return all(one.failed) and all(float(one.own(side)[1:, 1:].max()) <= EXACT for side in Side)


def _confirmed(one: Responses, p_value: float | None, adjusted: float | None) -> ConfirmedRow:
    found, why = _found(one, adjusted)
    lacking = bool(one.lacking)
    return ConfirmedRow(
        id=one.id,
        found=found,
        why=why,
        strayed=one.strayed() if found is Persistence.TRANSIENT else None,
        failed=sum(one.failed),
        p_value=p_value,
        between=None if lacking else float(one.across.mean()),
        within_legacy=None if lacking else float(one.within(Side.LEGACY).mean()),
        within_candidate=None if lacking else float(one.within(Side.CANDIDATE).mean()),
    )


def _found(one: Responses, adjusted: float | None) -> tuple[Persistence, str]:
    repeats = len(one.failed)
    again = f"{sum(one.failed)} of {repeats} repeats fail"
    if one.lacking:
        return Persistence.PERSISTENT, f"could not be requested again: {one.lacking}"
    if not any(one.failed):
        return Persistence.TRANSIENT, f"all {repeats} repeats agree"
    if adjusted is None:
        return Persistence.PERSISTENT, f"{again}, and each side repeats itself"
    return _tested(one, adjusted, again)


def _tested(one: Responses, adjusted: float, again: str) -> tuple[Persistence, str]:
    """Return the result for a row whose sides scatter, or whose repeats do not all fail."""
    if adjusted <= FALSE_DISCOVERY_RATE:
        return Persistence.PERSISTENT, f"{again}, and the sides differ by more than each scatters"
    if float(np.median(one.within(Side.LEGACY))) > max(EXACT, AS_FAR * float(np.median(one.across))):
        return Persistence.EXPLAINED, f"{again}, and the legacy side's own responses lie as far apart"
    if 2 * sum(one.failed) < len(one.failed):
        return Persistence.TRANSIENT, again
    return Persistence.PERSISTENT, again


def _rate(side: Side, by_row: Sequence[int], responses: int, requests: int) -> SideStrays:
    # A failing row that was refused or has no direction is not among the compared ones, and its strays are counted.
    strays, responses = sum(by_row), max(responses, sum(by_row))
    beyond = (1.0 - CONFIDENCE_LEVEL) / 2
    return SideStrays(
        side=side,
        strays=strays,
        responses=responses,
        low=1.0 - upper_bound(responses - strays, responses, 1.0 - beyond) if strays else 0.0,
        high=upper_bound(strays, responses, 1.0 - beyond),
        requests=requests,
    )


def unconfirmed_reasons(found: Confirmation | None, excused: int, not_requested: int) -> tuple[str, ...]:
    """Return why differences that did not persist stand against a pass all the same; empty where they do not.

    Args:
        found: What the repeats showed; None where nothing was requested again.
        excused: Samples that no longer count as differences, by it.
        not_requested: Samples among them that were beyond the budget.
    """
    if found is None or not excused:
        return ()
    reasons: list[str] = []
    if not_requested:
        reasons.append(
            f"{_samples(not_requested)} not requested again; none of the {len(found.rows):,} that were fails persistently"
        )
    if explained := found.count(Persistence.EXPLAINED):
        reasons.append(f"{_samples(explained)} explained by the legacy side's own scatter: {_both(found)}")
    if unsteady := sum(row.found is Persistence.TRANSIENT and row.failed > 0 for row in found.rows):
        reasons.append(f"{_samples(unsteady)} transient, but the repeats do not all agree: {_both(found)}")
    return (*reasons, *_stray_reasons(found))


def _stray_reasons(found: Confirmation) -> list[str]:
    """Return why the strays of a side stand against a pass: the candidate's own, or too many of either side."""
    own, legacy = found.candidate, found.legacy
    if own.strays and not legacy.strays:
        return [f"the candidate is not repeatable: {own.words()}, the legacy side in none of {legacy.responses:,}"]
    if own.strays and _chance_of(own.strays, legacy.strays) < _SUSPICIOUS:
        return [f"the candidate strays more often than the legacy side: {_both(found)}"]
    return [
        f"{side.words()}, and at most {percent(LARGEST_STRAY_SHARE)} is allowed"
        for side in found.sides
        if not side.share < LARGEST_STRAY_SHARE
    ]


def _chance_of(candidate: int, legacy: int) -> float:
    """Return the chance of so many strays of the candidate or more among all, were both sides alike."""
    every = candidate + legacy
    return sum(math.comb(every, count) for count in range(candidate, every + 1)) / 2**every


def _both(found: Confirmation) -> str:
    return f"{found.legacy.words()}, {found.candidate.words()}"


def stray_findings(found: Confirmation | None, excused: int) -> tuple[str, ...]:
    """Return which side strayed and how often, for a reader of any verdict; empty where no difference was transient."""
    transient = found.count(Persistence.TRANSIENT) if found and excused else 0
    if found is None or not transient:
        return ()
    who = [f"{count:,} strayed on the {side} side" for side in Side if (count := _strayed_rows(found, side))]
    many = f" ({', '.join(who)})" if who else ""
    sentence = f"{_samples(transient)} transient{many}: {_both(found)}"
    return (sentence,)


def _samples(count: int) -> str:
    return f"{count:,} failing {'sample is' if count == 1 else 'samples are'}"


def _strayed_rows(found: Confirmation, side: Side) -> int:
    return sum(row.strayed is side for row in found.rows)
