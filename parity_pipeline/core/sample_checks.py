"""The checks that count samples: outcomes, measures, missing evidence, the compared share, what random draws prove.

Here belongs the step from the tally to checks. What they mean for the decision belongs to `checks`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity, of_measure
from parity_pipeline.core.confidence import ShareBound, each_of, required_bound_words
from parity_pipeline.core.confirmation import unconfirmed_reasons
from parity_pipeline.core.discrimination import Background, background_words, discrimination_reason
from parity_pipeline.core.measures import Measure, keeps_words, leaves_words
from parity_pipeline.core.number_format import limit_text, percent
from parity_pipeline.core.outcomes import DIFFERENT, MUTUAL, Outcome, Severity, Side
from parity_pipeline.core.tally import Tally

_FAIL, _INCONCLUSIVE, _WARN = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE, CheckSeverity.WARN

_OF_OUTCOMES: Final[Mapping[Outcome, tuple[CheckName, str, Side | None]]] = {
    Outcome.DIMENSION_MISMATCH: (CheckName.DIMENSION, "have vectors of different dimensions", None),
    Outcome.NON_FINITE: (CheckName.NOT_A_NUMBER, "hold NaN or infinity on one side alone", None),
    Outcome.ZERO_NORM: (CheckName.ZERO_VECTOR, "are zero vectors on one side alone", None),
    Outcome.REFUSED_BY_CANDIDATE: (
        CheckName.REFUSED_BY_CANDIDATE,
        "are refused by the candidate and embedded by the legacy side",
        Side.CANDIDATE,
    ),
    Outcome.REFUSED_BY_LEGACY: (
        CheckName.REFUSED_BY_LEGACY,
        "are refused by the legacy side and embedded by the candidate",
        Side.LEGACY,
    ),
}
_OF_BOTH: Final[Mapping[Outcome, tuple[CheckName, str]]] = {
    Outcome.NON_FINITE: (CheckName.NOT_A_NUMBER_ON_BOTH, "hold NaN or infinity"),
    Outcome.ZERO_NORM: (CheckName.ZERO_VECTOR_ON_BOTH, "are zero vectors"),
}
_NORMS: Final = "Harmless where vectors are ranked by cosine; else normalise both sides to unit length."
_FIND_OUT: Final = "Find out why these samples differ; the causes in the report say where to begin."


def ground_checks(tally: Tally, expected: int, pairing_faults: Iterable[str]) -> Iterator[Check]:
    """Yield whether the lanes may be paired at all, and whether every sample has an outcome."""
    faults = tuple(pairing_faults)
    yield Check(
        name=CheckName.PAIRING,
        severity=_INCONCLUSIVE,
        passed=not faults,
        seen="; ".join(faults) or "both lanes hold the same sample set, date and model",
    )
    whole = faults or tally.samples == expected
    yield Check(
        name=CheckName.COMPLETE_COUNTS,
        severity=_INCONCLUSIVE,
        passed=bool(whole),
        seen=f"{tally.samples} of {expected} samples have an outcome"
        if whole
        else f"the counts do not add up: {tally.samples} of {expected} samples have an outcome",
        remedy="Materialize parity again.",
    )


def sample_checks(tally: Tally) -> Iterator[Check]:
    """Yield the checks of outcomes and measures that prove a difference, those of `DIFFERENT` in that order."""
    for outcome in DIFFERENT:
        if outcome is Outcome.MISMATCH:
            yield from (_measure(tally, measure) for measure in Measure)
        else:
            yield _outcome(tally, outcome)


def _outcome(tally: Tally, outcome: Outcome) -> Check:
    name, words, side = _OF_OUTCOMES[outcome]
    count = tally.different(outcome)
    waived = tally.waived[outcome] - tally.waived_mutual[outcome]
    return Check(
        name=name,
        severity=_FAIL,
        passed=not count and not waived,
        seen=f"{count or waived}/{tally.samples} samples {words}",
        remedy=_FIND_OUT,
        side=side,
        waived_by="" if count else _waivers(tally, outcome, waived),
    )


def _waivers(tally: Tally, outcome: Outcome, waived: int) -> str:
    return ", ".join(sorted(tally.waived_by.get(outcome, ()))) if waived else ""


def _measure(tally: Tally, measure: Measure) -> Check:
    """Return the check of one measure; one without a limit passes, since nothing is required of it."""
    limit = tally.thresholds.limits().get(measure)
    warns = tally.thresholds.severity(measure) is Severity.WARN
    passed = Check(name=of_measure(measure), severity=_WARN if warns else _FAIL, passed=True, seen="no limit is set")
    if limit is None:
        return passed
    found = tally.measures[measure]
    if not tally.compared:
        return replace(passed, passed=None, seen="no sample was compared")
    # What noise excuses is a check of its own.
    count = found.off if warns else found.failing
    waived = found.waived if not warns and not count else 0
    if not count and not waived:
        return replace(
            passed, seen=f"{tally.compared - found.off}/{tally.compared} samples {keeps_words(measure, limit)}"
        )
    worst = None if warns else found.unwaived_worst if count else found.worst
    return replace(
        passed,
        passed=False,
        seen=f"{count or waived}/{tally.compared} compared samples {leaves_words(measure, limit, worst)}",
        remedy=_NORMS if measure is Measure.NORM_RATIO else _FIND_OUT,
        waived_by=_waivers(tally, Outcome.MISMATCH, waived),
    )


def evidence_checks(tally: Tally, min_share: float) -> Iterator[Check]:
    """Yield the checks of samples that prove nothing: noise, missing ones, NaN and zeros of both, too few compared."""
    noise = f"{tally.within_noise}/{tally.compared} compared samples < {limit_text(tally.thresholds.cosine)}"
    yield Check(
        name=CheckName.WITHIN_NOISE,
        severity=_INCONCLUSIVE,
        passed=not tally.within_noise,
        seen=f"{noise} differ no more than the legacy side's own noise explains",
        remedy="Make the legacy side repeatable, or ask it again when it is idle.",
        side=Side.LEGACY,
    )
    yield _without_evidence(
        tally,
        CheckName.MISSING,
        tally.counts[Outcome.MISSING] - tally.waived[Outcome.MISSING],
        tally.waived[Outcome.MISSING],
        Outcome.MISSING,
        "have no usable vector from one side or both",
    )
    for outcome in MUTUAL:
        name, words = _OF_BOTH[outcome]
        waived = tally.waived_mutual[outcome]
        left = tally.mutual[outcome] - waived
        yield _without_evidence(tally, name, left, waived, outcome, f"{words} on both sides")
    yield _share(tally, min_share)
    nothing = not tally.compared or (tally.waived.total() and not tally.counts[Outcome.MATCH])
    yield Check(
        name=CheckName.SOME_MATCH,
        severity=_INCONCLUSIVE,
        passed=not nothing,
        seen="no sample was compared"
        if not tally.compared
        else "no compared sample matched, with or without waivers"
        if nothing
        else f"{tally.counts[Outcome.MATCH]}/{tally.compared} compared samples match",
    )


def _without_evidence(tally: Tally, name: CheckName, left: int, waived: int, outcome: Outcome, words: str) -> Check:
    return Check(
        name=name,
        severity=_INCONCLUSIVE,
        passed=not left and not waived,
        seen=f"{left or waived}/{tally.samples} samples {words}",
        remedy="Fetch the side that gave no usable response again; the report shows what it said.",
        waived_by="" if left else _waivers(tally, outcome, waived),
    )


def _share(tally: Tally, min_share: float) -> Check:
    """Return whether enough samples have a cosine. Nothing compared at all is said by `some-match` alone."""
    share = tally.compared / tally.samples if tally.samples else 0.0
    refused = tally.counts[Outcome.REFUSED_BY_BOTH]
    seen = f"{tally.compared} of {tally.samples} samples were compared"
    if share >= min_share or not tally.compared:
        passed = True if tally.compared else None
        return Check(name=CheckName.COMPARED_SHARE, severity=_INCONCLUSIVE, passed=passed, seen=seen)
    alike = f", {refused} are refused by both sides" if refused else ""
    return Check(
        name=CheckName.COMPARED_SHARE,
        severity=_INCONCLUSIVE,
        passed=False,
        seen=f"only {seen}{alike}; at least {percent(min_share)} have to be",
        remedy="Find out why the others have no vectors: two back ends that are down refuse alike. "
        "If these texts are meant to be refused, take them out of the samples or lower min_compared_share.",
    )


def reached(tally: Tally) -> str:
    """Return what the matches reached, each limit that can fail a sample named."""
    limits = tally.thresholds.limits().items()
    kept = [
        keeps_words(measure, limit) for measure, limit in limits if tally.thresholds.severity(measure) is Severity.FAIL
    ]
    return f"{tally.counts[Outcome.MATCH]}/{tally.compared} samples {', '.join(kept)}"


def mutual_refusals(tally: Tally) -> list[str]:
    """Return how many texts both sides refuse: parity, but not compared."""
    count = tally.counts[Outcome.REFUSED_BY_BOTH]
    return [f"{count}/{tally.samples} samples are refused by both sides"] if count else []


def transient_samples(tally: Tally) -> list[str]:
    """Return how many samples differed once, and not when they were requested again."""
    count = tally.unconfirmed.total()
    return [f"{count}/{tally.samples} samples differed once, and not when they were requested again"] if count else []


def confirmation_check(tally: Tally) -> Check:
    """Return whether the differences that did not persist leave a pass standing."""
    count = tally.unconfirmed.total()
    reasons = unconfirmed_reasons(tally.confirmation, count, tally.not_requested)
    fine = f"{count} differences did not persist" if count else "no difference had to be excused"
    return Check(
        name=CheckName.CONFIRMATION,
        severity=_INCONCLUSIVE,
        passed=not reasons,
        seen="; ".join(reasons) or fine,
        remedy="Find out which back end of that side strays, then run the date again.",
    )


def discrimination_check(background: Background | None, threshold: float) -> Check:
    """Return whether a wrong row would have been noticed: different texts have to differ."""
    reason = discrimination_reason(background, threshold)
    measured = background is not None and background.median is not None
    return Check(
        name=CheckName.DISCRIMINATION,
        severity=_INCONCLUSIVE,
        passed=None if not measured else not reason,
        seen=reason
        or (background_words(background) or "the background of different texts was not measured").rstrip("."),
        remedy="Use samples that differ, or raise the cosine threshold: this model keeps different texts too close.",
    )


def waived_samples(tally: Tally) -> list[str]:
    """Return how many samples waivers took, and which ones."""
    taken = [f"{name} ({count})" for name, count in tally.waivers.taken.items() if count]
    if not taken:
        return []
    return [f"{tally.waived.total()}/{tally.samples} samples differ and are waived: {', '.join(taken)}"]


def share_bounds(tally: Tally) -> tuple[ShareBound, ...]:
    """Return what the random samples prove: of all together first, then of each category that has any.

    The bounds of the categories hold together at `limits.CONFIDENCE_LEVEL`, each of them at the higher one that this takes.
    """
    each = each_of(len(tally.drawn))
    every: Counter[Outcome] = Counter()
    for counts in tally.drawn.values():
        every.update(counts)
    return (
        ShareBound.of(None, every, tally.drawn_waived.total()),
        *(
            ShareBound.of(category, counts, tally.drawn_waived[category], each)
            for category, counts in sorted(tally.drawn.items())
        ),
    )


def bound_check(tally: Tally, required: float | None) -> Check:
    """Return whether the random samples prove the required bound, and how many more would."""
    name, severity = CheckName.REQUIRED_BOUND, _INCONCLUSIVE
    if required is None:
        return Check(name=name, severity=severity, passed=True, seen="no bound is required")
    proven, seen = required_bound_words(share_bounds(tally)[0], required)
    if proven:
        return Check(name=name, severity=severity, passed=True, seen=seen)
    remedy = "Draw more samples at random, with `sample` of a source in the settings."
    return Check(name=name, severity=severity, passed=False, seen=seen, remedy=remedy)
