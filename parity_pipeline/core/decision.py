"""Decide on a compared sample set, and say why.

Here belongs the one function that decides. Asset checks, reports and the ledger only repeat what is said here.
Counting belongs to `tally`, the record of the decision to `verdict`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.confidence import ShareBound, each_of, percent
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import cosine_text, limit_text
from parity_pipeline.core.outcomes import Decision, Measure, Outcome, Severity
from parity_pipeline.core.tally import MUTUAL, Tally
from parity_pipeline.core.thresholds import keeps_words, leaves_words
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.worst_rows import DIFFERENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInputs:
    """What is known beside the rows.

    Attributes:
        expected: Samples in the stored set.
        pairing_faults: Reasons why the two batches may not be paired.
        doubts: Reasons why even equal vectors prove nothing, such as an echoed model that was not asked for.
        required_bound: Share of inputs, in (0, 1), that at most may fail, at `confidence`; None asks for no proof.
        confidence: In (0, 1).
    """

    expected: int
    pairing_faults: Sequence[str] = ()
    doubts: Sequence[str] = ()
    required_bound: float | None = None
    confidence: float = CONFIDENCE_LEVEL


def decide(tally: Tally, circumstances: DecisionInputs) -> tuple[Decision, tuple[str, ...]]:
    """Decide, and say why, worst reason first.

    FAIL when any sample proves a difference that no waiver covers and the legacy side's noise does not explain, or when
    the candidate's own noise proves one. INCONCLUSIVE when the batches may not be paired, the counts do not add up,
    nothing was compared, a sample has no evidence, a side is not repeatable, the random samples do not prove the
    required bound, or there is a doubt. PASS WITH WAIVERS when nothing of that holds and a waiver was needed; PASS only
    when none was. Samples that both sides refuse are then named as a remark. A difference outweighs missing evidence;
    batches that may not be paired outweigh everything.
    """
    if circumstances.pairing_faults:
        return Decision.INCONCLUSIVE, tuple(circumstances.pairing_faults)
    if tally.samples != circumstances.expected:
        lost = f"the counts do not add up: {tally.samples} of {circumstances.expected} samples have an outcome"
        return Decision.INCONCLUSIVE, (lost,)
    different = _difference_reasons(tally)
    unproven = [
        *_noise_reasons(tally),
        *_no_evidence_reasons(tally),
        *_bound_reasons(tally, circumstances),
        *circumstances.doubts,
    ]
    if different:
        return Decision.FAIL, (*different, *unproven, *_waived_remarks(tally))
    if unproven:
        return Decision.INCONCLUSIVE, (*unproven, *_waived_remarks(tally))
    waived = tally.waived.total()
    return (Decision.PASS_WITH_WAIVERS if waived else Decision.PASS), (_reached(tally), *_remarks(tally))


def _reached(tally: Tally) -> str:
    """Return what the matches reached, each limit that can fail a sample named."""
    limits = tally.thresholds.limits().items()
    kept = [
        keeps_words(measure, limit) for measure, limit in limits if tally.thresholds.severity(measure) is Severity.FAIL
    ]
    return f"{tally.counts[Outcome.MATCH]}/{tally.compared} samples {', '.join(kept)}"


def _remarks(tally: Tally) -> list[str]:
    """Return what a reader of a PASS has to know: a text that both sides refuse is parity, but was not compared."""
    count = tally.counts[Outcome.REFUSED_BY_BOTH]
    refused = [f"{count}/{tally.samples} samples are refused by both sides"] if count else []
    return [*_waived_remarks(tally), *refused]


def _waived_remarks(tally: Tally) -> list[str]:
    taken = [f"{name} ({count})" for name, count in tally.waivers.taken.items() if count]
    if not taken:
        return []
    return [f"{tally.waived.total()}/{tally.samples} samples differ and are waived: {', '.join(taken)}"]


_WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.DIMENSION_MISMATCH: "have vectors of different dimensions",
    Outcome.NON_FINITE: "hold NaN or infinity on one side alone",
    Outcome.ZERO_NORM: "are zero vectors on one side alone",
    Outcome.REFUSED_BY_CANDIDATE: "are refused by the candidate and answered by the legacy side",
    Outcome.REFUSED_BY_LEGACY: "are refused by the legacy side and answered by the candidate",
}


def _difference_reasons(tally: Tally) -> list[str]:
    """Return a reason for each outcome that proves a difference, and for a candidate whose own noise does."""
    reasons: list[str] = []
    for outcome in DIFFERENT:
        count = tally.different(outcome)
        if not count:
            continue
        if outcome is Outcome.MISMATCH:
            reasons.extend(_mismatch_reasons(tally))
        else:
            reasons.append(f"{count}/{tally.samples} samples {_WORDS[outcome]}")
    proof = tally.floors.instability_proof(tally.thresholds.cosine)
    return [*reasons, proof] if proof else reasons


def _mismatch_reasons(tally: Tally) -> list[str]:
    """Return a reason for each measure whose limit a sample leaves without an excuse."""
    return [
        f"{found.failing}/{tally.compared} compared samples {leaves_words(measure, limit, found.unwaived_worst)}"
        for measure, limit in tally.thresholds.limits().items()
        if (found := tally.measures[measure]).failing and tally.thresholds.severity(measure) is Severity.FAIL
    ]


def _noise_reasons(tally: Tally) -> list[str]:
    """Return a reason for each side that is not repeatable, and for the samples that noise alone may explain."""
    limit = tally.thresholds.cosine
    reasons = list(tally.floors.instability(limit))
    if tally.within_noise:
        reasons.append(
            f"{tally.within_noise}/{tally.compared} compared samples < {limit_text(limit)} differ no more than the "
            "legacy side's own noise explains"
        )
    return reasons


def _no_evidence_reasons(tally: Tally) -> list[str]:
    """Return a reason for each group of samples that proves nothing."""
    reasons: list[str] = []
    missing = tally.counts[Outcome.MISSING] - tally.waived[Outcome.MISSING]
    if missing:
        reasons.append(f"{missing}/{tally.samples} samples have no usable answer from one side or both")
    for outcome, words in zip(MUTUAL, ("hold NaN or infinity", "are zero vectors"), strict=True):
        mutual = tally.mutual[outcome] - tally.waived_mutual[outcome]
        if mutual:
            reasons.append(f"{mutual}/{tally.samples} samples {words} on both sides")
    if not tally.compared:
        reasons.append("no sample was compared")
    elif tally.waived.total() and not tally.counts[Outcome.MATCH]:
        reasons.append("no compared sample matched, with or without waivers")
    return reasons


def share_bounds(tally: Tally, confidence: float = CONFIDENCE_LEVEL) -> tuple[ShareBound, ...]:
    """Return what the random samples prove: of all together first, then of each category that has any.

    The bounds of the categories hold together at `confidence`, each of them at the higher one that this takes.
    """
    each = each_of(len(tally.drawn), confidence)
    every: Counter[Outcome] = Counter()
    for counts in tally.drawn.values():
        every.update(counts)
    return (
        ShareBound.of(None, every, tally.drawn_waived.total(), confidence),
        *(
            ShareBound.of(category, counts, tally.drawn_waived[category], each)
            for category, counts in sorted(tally.drawn.items())
        ),
    )


def _bound_reasons(tally: Tally, circumstances: DecisionInputs) -> list[str]:
    """Return why the random samples do not prove the required bound, and how many more would."""
    required = circumstances.required_bound
    if required is None:
        return []
    proven = share_bounds(tally, circumstances.confidence)[0]
    if proven.unwaived_bound <= required:
        return []
    more = proven.needed(required)
    allowed = f"at most {percent(required)} are allowed"
    if not proven.trials:
        return [f"no sample was drawn at random, and {allowed}: {more:,} clean random samples are needed"]
    clean = f"{proven.trials - proven.failures:,} of {proven.trials:,} random samples are clean"
    found = f"{clean}, so up to {percent(proven.unwaived_bound)} of such inputs may fail, and {allowed}"
    return [f"{found}: {more:,} more clean random samples are needed"]


def cosine_faults(verdict: Verdict) -> tuple[str, ...]:
    """Return why not every compared sample reaches the cosine threshold; empty when every one does.

    Nothing compared is a fault: a check without data has shown nothing. Samples that were not compared, such as refused
    ones, are no fault of this check; the verdict counts them.
    """
    compared, found = verdict.counts.compared, verdict.measure(Measure.COSINE)
    if not compared:
        return ("no sample was compared",)
    if not found.beyond:
        return ()
    worst = "unknown" if found.worst is None else cosine_text(found.worst, found.limit)
    return (f"{found.beyond}/{compared} compared samples < {limit_text(found.limit)}, worst {worst}",)


def norm_faults(verdict: Verdict) -> tuple[str, ...]:
    """Return why the norms of the two sides do not agree; empty when those of every compared sample do."""
    compared, found = verdict.counts.compared, verdict.measure(Measure.NORM_RATIO)
    if not compared:
        return ("no sample was compared",)
    if not found.beyond:
        return ()
    return (f"{found.beyond}/{compared} compared samples {leaves_words(found.measure, found.limit, None)}",)
