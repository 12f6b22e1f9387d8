"""The checks of where the lists came from: noise of each side, lanes that gave up, same origin, caveats, relevance.

Here belongs the step from provenances, repeats and labels to checks. What counts queries belongs to `query_checks`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import QueryMeasure
from parity_pipeline.core.retrieval.checks import RetrievalCheck, RetrievalCheckName, of_side
from parity_pipeline.core.retrieval.confirmation import unconfirmed_reasons
from parity_pipeline.core.retrieval.noise import Differences, explains, noise_words
from parity_pipeline.core.retrieval.outcomes import GRADED, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.tally import RetrievalTally

_FAIL, _INCONCLUSIVE, _WARN = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE, CheckSeverity.WARN

RELEVANCE_LOSS: Final = 0.01
"""Loss of relevance, in the unit of its measures, which are in [0, 1], that the labels must prove to fail a candidate.

Origin: docs/adr/0028. One point of nDCG is about what two runs of one ranking model differ by.
"""

Sides = tuple[RetrievalProvenance, RetrievalProvenance]


def differences(tally: RetrievalTally) -> Differences:
    """Return how much the two sides differ in queries that stand."""
    empty = tally.standing(RetrievalOutcome.EMPTY_LEGACY, RetrievalOutcome.EMPTY_CANDIDATE)
    compared = tally.standing(*GRADED) + empty
    differing = compared - tally.standing(RetrievalOutcome.MATCH)
    values = tally.distributions[QueryMeasure.RBO]
    # Two empty lists have a rank-biased overlap of 1 and add nothing to the loss.
    loss = empty + ((1.0 - values.mean) * values.count if values.mean is not None else 0.0)
    return Differences(differing=differing, compared=compared, loss=min(1.0, loss / differing) if differing else 0.0)


def noise_explains(tally: RetrievalTally, sides: Sides) -> bool:
    """Return whether the legacy side's own noise explains as much as the two sides differ, so that no band is proof."""
    return explains(sides[0].noise, differences(tally))


def noise_checks(tally: RetrievalTally, sides: Sides) -> Iterator[RetrievalCheck]:
    """Yield whether each side differs from itself less than the two sides differ."""
    found = differences(tally)
    for side, lane in zip(Side, sides, strict=True):
        noise = lane.noise
        measured = noise is not None and noise.queries and noise.worst_rbo is not None
        unstable = explains(noise, found)
        words = noise_words(side, noise) if noise and (measured or unstable) else "the noise floor was not measured"
        as_much = "as often and as far as the two sides differ" if found.differing else "while the two sides agree"
        yield RetrievalCheck(
            name=of_side(side, "noise-floor"),
            severity=_INCONCLUSIVE,
            passed=False if unstable else True if measured else None,
            seen=f"{words}, {as_much}" if unstable else words,
            remedy="Find out what makes its responses differ: an index that is being built, replicas, or load.",
            side=side,
        )


def mode_check(
    found: RetrievalCheck, sides: Sequence[RetrievalProvenance], held: Sequence[Side] | None
) -> RetrievalCheck:
    """Return the check of queries in the wrong mode as one that measured nothing where no response could have shown one.

    Args:
        found: The check as the queries give it.
        sides: Where the lanes came from, with the modes that their responses report.
        held: Sides that are held to a mode; None where that is not known, which leaves the check as it is.
    """
    if held is None or not found.passed or any(any(lane.modes) for lane in sides if lane.side in held):
        return found
    seen = "no side that is held to a mode reports one" if held else "no side is held to a mode"
    return replace(found, passed=None, seen=seen)


def lane_checks(sides: Sides) -> Iterator[RetrievalCheck]:
    """Yield whether each lane ran to its end, and the caveats of the fetches."""
    for side, lane in zip(Side, sides, strict=True):
        stopped = lane.stopped_early
        yield RetrievalCheck(
            name=of_side(side, "outage"),
            severity=_INCONCLUSIVE,
            passed=not stopped,
            seen=f"the {side} {stopped}" if stopped else "the lane ran to its end",
            remedy=f"Bring the gateway back, then `parity backfill --side {side}`, or materialize {side}/retrieval again.",
            side=side,
        )
    caveats = [f"{lane.side}: {caveat}" for lane in sides for caveat in lane.doubts]
    yield RetrievalCheck(
        name=RetrievalCheckName.CAVEATS,
        severity=_INCONCLUSIVE,
        passed=not caveats,
        seen="; ".join(caveats) or "nothing beside the lists speaks against them",
        remedy="Find out what the gateway returned there; its log has the request ids.",
    )


def origin_check(sides: Sides, *, allowed: bool) -> RetrievalCheck:
    """Return whether the two sides were fetched from different addresses."""
    legacy, candidate = sides
    name = RetrievalCheckName.SAME_ORIGIN
    if legacy.url != candidate.url:
        seen = "the two sides have different addresses"
        return RetrievalCheck(name=name, severity=_INCONCLUSIVE, passed=True, seen=seen)
    return RetrievalCheck(
        name=name,
        severity=_WARN if allowed else _INCONCLUSIVE,
        passed=False,
        seen=f"both sides were fetched from {legacy.url}, so that a gateway is compared with itself",
        remedy="Give each side its own base_url; if one address is meant, set allow_same_origin: true.",
        by_default=_INCONCLUSIVE if allowed else None,
    )


def confirmation_check(tally: RetrievalTally) -> RetrievalCheck:
    """Return whether the differences that did not persist leave a pass standing."""
    count = tally.unconfirmed.total()
    reasons = unconfirmed_reasons(tally.confirmation, count, tally.queries)
    return RetrievalCheck(
        name=RetrievalCheckName.CONFIRMATION,
        severity=_INCONCLUSIVE,
        passed=not reasons,
        seen="; ".join(reasons)
        or (f"{count} differences did not persist" if count else "no difference had to be excused"),
        remedy="Find out which back end of that side strays, then run the date again.",
    )


def order_check(tally: RetrievalTally) -> RetrievalCheck:
    """Return whether scores fall towards the end of each list; rising ones are a distance that is taken for a score."""
    return RetrievalCheck(
        name=RetrievalCheckName.SCORE_ORDER,
        severity=_WARN,
        passed=not tally.unordered if tally.compared else None,
        seen=f"{tally.unordered}/{tally.queries} queries have scores that rise towards the end of a list",
        remedy="Check `scores.reported` of that side: a distance is best where it is lowest.",
    )


def relevance_check(found: Sequence[RelevanceDifference]) -> RetrievalCheck:
    """Return whether labels prove that the candidate's lists are less relevant.

    An interval wholly below -`RELEVANCE_LOSS` fails; one wholly below 0 around a larger loss is not a PASS.
    """
    name = RetrievalCheckName.RELEVANCE
    if not found:
        return RetrievalCheck(name=name, severity=_FAIL, passed=None, seen="there are no labels")
    proven = [one for one in found if one.high < -RELEVANCE_LOSS]
    likely = [one for one in found if one.high < 0.0 and one.difference < -RELEVANCE_LOSS]
    shown = proven or likely
    return RetrievalCheck(
        name=name,
        severity=_FAIL if proven or not likely else _INCONCLUSIVE,
        passed=not shown,
        seen="; ".join(one.sentence() for one in shown or found),
        remedy="Look at the labelled queries that became worse; the causes in the report say where to begin.",
    )
