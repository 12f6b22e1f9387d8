"""Repeatability of one side: experiments, findings, the noise floor.

Here belongs the reading of the observations. An experiment that shows no more than a simpler one that it contains
is reported with that one and is not a finding of its own: a side that never returns the same vectors twice shows that
in batches and under load too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from parity_pipeline.core.diagnosis.records import Experiment, ExperimentName
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.measures import Matrix32, measure_rows
from parity_pipeline.core.noise_floor import NoiseFloor, floor_of
from parity_pipeline.core.number_format import limit_text
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.observations import Observations, Part
from parity_pipeline.core.stability.plan import Plan
from parity_pipeline.core.stability.records import (
    IDS_LISTED,
    OF_THE_FLOOR,
    TESTED,
    WORDS_LISTED,
    Defect,
    DefectKind,
    ExperimentResult,
    Finding,
    Stability,
    Texts,
)

_CONTAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "repeats": (),
    "batch-sizes": ("repeats",),
    "shuffled": ("repeats", "batch-sizes"),
    "concurrency": ("repeats", "batch-sizes", "shuffled"),
    "equal-length-load": ("repeats", "concurrency"),
    "canaries": ("repeats",),
    "salted": ("repeats",),
}
"""Which simpler experiments each one contains, and cannot come out better than."""

_SAME_NOISE: Final = 4.0
"""How many times a simpler experiment's worst 1 - cosine is attributed to the same noise: two vectors that are each
within an angle of a third lie within twice that angle, which is four times the 1 - cosine while angles are small."""

_MEANING: Final[Mapping[str, str]] = {
    "repeats": "returns different vectors for the same request",
    "batch-sizes": "returns different vectors for a text alone and in a batch",
    "shuffled": "returns different vectors for a text beside the same texts in another order",
    "concurrency": "returns different vectors while other requests are in flight",
    "equal-length-load": "returns different vectors for texts of equal length that come at once",
    "canaries": "returns different vectors for the same texts after other texts came",
    "salted": "returns different vectors for a text the first time and later",
}

_DIAGNOSED: Final[Mapping[str, ExperimentName]] = {
    "repeats": ExperimentName.REPEATS,
    "batch-sizes": ExperimentName.ALONE_VS_BATCH,
    "shuffled": ExperimentName.SHUFFLED,
    "concurrency": ExperimentName.CONCURRENCY,
    "equal-length-load": ExperimentName.EQUAL_LENGTH_LOAD,
    "canaries": ExperimentName.CANARIES,
    "salted": ExperimentName.SALTED_VS_REPEATED,
}


def analyse(plan: Plan, observed: Observations, side: Side, *, requests: int) -> Stability:
    """Return the repeatability of a side, from what its experiments showed.

    Args:
        plan: What was sent.
        observed: What the responses showed; its threshold decides which texts are affected.
        side: The side.
        requests: Requests sent, retries included.
    """
    moved = any(kind in (DefectKind.SWAPPED, DefectKind.MIXED) for _, kind in observed.faults)
    # where rows change places a canary's vector is that of another text, which says nothing about its model
    if not moved and (fault := foreign_fault(plan.probe_texts.endings, observed.known)):
        observed.faults["salted", fault.kind] = fault
    experiments = tuple(_tried(name, plan, observed) for name in TESTED)
    floor = _floor(observed, side, requests)
    return Stability(
        side=side,
        threshold=observed.threshold,
        experiments=experiments,
        floor=floor,
        findings=_findings(experiments, side, observed.threshold),
        notes=_notes(plan, experiments, floor),
        texts=plan.probe_texts.origins(),
        requests=requests,
    )


def _notes(plan: Plan, experiments: Sequence[ExperimentResult], floor: NoiseFloor | None) -> tuple[str, ...]:
    notes = [f"{one.name}: {why}" for one in experiments for why in one.left_out]
    if plan.texts_left:
        notes.insert(
            0, f"{len(plan.probe_texts.samples)} texts were tried, {plan.texts_left} more did not fit the budget"
        )
    if floor is None:
        notes.insert(0, "no noise floor: no two vectors with a direction could be compared")
    return tuple(notes)


def _tried(name: str, plan: Plan, observed: Observations) -> ExperimentResult:
    parts = observed.parts.get(name, {})
    by_label = {label: 1.0 - min(part.cosines.values()) for label, part in parts.items() if part.cosines}
    label, worst = max(by_label.items(), key=lambda one: one[1], default=("", None))
    low = {text for part in parts.values() for text, cosine in part.cosines.items() if cosine < observed.threshold}
    faults = tuple(fault for (experiment, _), fault in observed.faults.items() if experiment == name)
    common = ExperimentResult(
        name=name,
        worst=worst,
        by_label=by_label,
        identical=sum(part.identical for part in parts.values()),
        rows=sum(part.rows for part in parts.values()),
        affected=tuple(sorted(low)[:IDS_LISTED]),
        affected_texts=len(low),
        faults=faults,
        permutation=observed.permutations.get(name, ()),
        requests=observed.requests.get(name, 0),
        left_out=(*plan.left_out.get(name, ()), *_without_response(observed.no_response.get(name, ()))),
    )
    return _with_worst(common, label, parts) if worst else common


def _with_worst(one: ExperimentResult, label: str, parts: Mapping[str, Part]) -> ExperimentResult:
    cosines = parts[label].cosines
    return replace(
        one, label=label, level=parts[label].level, worst_sample=min(cosines, key=lambda text: cosines[text])
    )


def _without_response(words: Sequence[str]) -> tuple[str, ...]:
    """Return what got no vectors, each reason once with its count."""
    counts = {word: list(words).count(word) for word in dict.fromkeys(words)}
    reasons = [word if count == 1 else f"{word} ({count} times)" for word, count in counts.items()]
    more = len(reasons) - WORDS_LISTED
    return (*reasons[:WORDS_LISTED], *([f"{more} more"] if more > 0 else []))


def _floor(observed: Observations, side: Side, requests: int) -> NoiseFloor | None:
    pairs = {
        label: part.cosines
        for name in TESTED
        if name in OF_THE_FLOOR
        for label, part in observed.parts.get(name, {}).items()
        if part.cosines
    }
    try:
        return floor_of(side, pairs, requests=requests)
    except MetricInputError:
        return None


def _findings(experiments: Sequence[ExperimentResult], side: Side, threshold: float) -> tuple[Finding, ...]:
    reported: dict[str, ExperimentResult] = {}
    found: list[Finding] = []
    for one in experiments:
        simpler = [reported[name] for name in _CONTAINS[one.name] if name in reported]
        strays = _strays(one, threshold) and not any(_explains(other, one) for other in simpler)
        kinds = {fault.kind for other in simpler for fault in other.faults}
        faults = [fault for fault in one.faults if fault.kind not in kinds]
        if not strays and not faults:
            continue
        reported[one.name] = one
        words = [_stray_words(one, threshold)] if strays else []
        words += [f"{fault.kind}, {fault.count} times, first in {fault.label}: {fault.words}" for fault in faults]
        found.append(Finding(one.name, f"the {side} side {_MEANING[one.name]}: {'; '.join(words)}"))
    return tuple(found)


def _strays(one: ExperimentResult, threshold: float) -> bool:
    return one.worst is not None and not 1.0 - one.worst >= threshold


def _explains(simpler: ExperimentResult, one: ExperimentResult) -> bool:
    return one.worst is not None and simpler.worst is not None and one.worst <= _SAME_NOISE * simpler.worst


def _stray_words(one: ExperimentResult, threshold: float) -> str:
    texts = "1 text" if one.affected_texts == 1 else f"{one.affected_texts} texts"
    return f"1 - cosine up to {one.worst:.2g} ({one.label}), {texts} < {limit_text(threshold)}"


def not_measured(side: Side, threshold: float, why: str) -> Stability:
    """Return the stability of a side that could not be tried: no experiments, no floor, and why as a note."""
    return Stability(
        side=side, threshold=threshold, experiments=(), floor=None, findings=(), notes=(why,), texts={}, requests=0
    )


def stable_faults(stability: Stability, threshold: float) -> tuple[str, ...]:
    """Return why a side is not stable under a threshold; empty when it is. A floor that is not known is a reason."""
    floor = stability.floor
    faults = [finding.words for finding in stability.findings]
    if floor is None:
        faults.insert(0, f"no noise floor of the {stability.side} side was measured")
        faults += stability.notes if not stability.experiments else ()
    elif not floor.cosine >= threshold and not faults:
        faults.insert(0, f"the {stability.side} side's noise floor is below {limit_text(threshold)}")
    return tuple(faults)


def for_diagnosis(stability: Stability) -> tuple[Experiment, ...]:
    """Return the experiments that found something, as a diagnosis takes them."""
    names = {finding.experiment for finding in stability.findings}
    return tuple(
        Experiment(
            side=stability.side,
            name=_DIAGNOSED[one.name],
            worst=one.worst,
            size_at_worst=one.level,
            affected=one.affected,
        )
        for one in stability.experiments
        if one.name in names and one.worst is not None
    )


_FAR: Final = 0.3
"""Cosine below which a text and the same text with a new ending are taken to be of two models. Vectors of different
models are as good as orthogonal; an ending of a dozen characters moves a text of 60 and more far less within one."""

_NEAR: Final = 0.7
"""Smallest cosine of a text with two new endings at which this model is known to be moved little by an ending."""


def foreign_fault(endings: tuple[Texts, Texts, Texts], known: Mapping[Texts, Matrix32]) -> Defect | None:
    """Return the fault of texts that lie far from themselves with a new ending; None where there is none.

    Args:
        endings: The texts, and the same with two new endings, in the same order.
        known: Request, to its kept vectors, float32, shape (texts, dimensions). Texts without vectors are passed over.
    """
    vectors = {text: rows[place : place + 1] for texts, rows in known.items() for place, text in enumerate(texts)}
    whole = [texts for texts in zip(*endings, strict=True) if all(text in vectors for text in texts)]
    far = tuple(texts[0] for texts in whole if _foreign(*(vectors[text] for text in texts)))
    if not far:
        return None
    return Defect(
        kind=DefectKind.OTHER_SPACE,
        label="new endings",
        words=f"{len(far)} of {len(whole)} fixed texts lie far from the same text with a new ending",
        count=len(far),
        samples=tuple(map(sample_id, far)),
        cases=(28,),
    )


def _foreign(plain: Matrix32, first: Matrix32, second: Matrix32) -> bool:
    if first.shape != second.shape or not _cosine(first, second) >= _NEAR:
        return False
    return plain.shape != first.shape or _cosine(plain, first) < _FAR


def _cosine(one: Matrix32, two: Matrix32) -> float:
    return float(measure_rows(one, two).cosine[0])
