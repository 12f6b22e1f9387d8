"""The checks of each side by itself: repeatability, norms, declared dimension, model echo, outage, and of where both came from.

Here belongs the step from provenances, norms and experiments to checks. What is found on the candidate is its own defect,
unless the legacy side shows the same; what is found on the legacy side makes the reference unreliable.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from parity_pipeline.core.canaries import LOST, CanaryRecord
from parity_pipeline.core.checks import Check, CheckName, CheckSettings, CheckSeverity, of_side
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.number_format import cosine_text
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance, echo_fault
from parity_pipeline.core.stability.records import DefectKind, ExperimentResult, Stability, StabilityOfSides
from parity_pipeline.core.tally import NormTally

_FAIL, _INCONCLUSIVE, _WARN = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE, CheckSeverity.WARN

EXPERIMENTS: Final[Mapping[str, str]] = {
    "repeats": "repeats",
    "batch-sizes": "batch-sizes",
    "shuffled": "order",
    "concurrency": "load",
    "equal-length-load": "equal-lengths",
    "canaries": "history",
    "salted": "salted",
}
"""What the check of each experiment is about, by the experiment's name."""

_TOO_LARGE: Final = "http_413"
"""How a lane counts requests that were refused for their size."""

_NOT_TRIED: Final = "the repeatability of this side was not measured"


def origin_check(sides: tuple[Provenance, Provenance], settings: CheckSettings) -> Check:
    """Return whether the two sides were fetched from different addresses."""
    legacy, candidate = sides
    name = CheckName.SAME_ORIGIN
    if legacy.url != candidate.url:
        return Check(name=name, severity=_INCONCLUSIVE, passed=True, seen="the two sides have different addresses")
    return Check(
        name=name,
        severity=_WARN if settings.allow_same_origin else _INCONCLUSIVE,
        passed=False,
        seen=f"both sides were fetched from {legacy.url}, so that a gateway is compared with itself",
        remedy="Give each side its own base_url; if one address is meant, set allow_same_origin: true.",
        by_default=_INCONCLUSIVE if settings.allow_same_origin else None,
    )


def lane_checks(
    sides: tuple[Provenance, Provenance],
    norms: Mapping[Side, NormTally],
    settings: CheckSettings,
    *,
    threshold: float,
) -> Iterator[Check]:
    """Yield what the two fetches showed: echoed models, lanes that gave up, canaries, declared dimensions, norms.

    Args:
        sides: The two lanes.
        norms: Of each side.
        settings: What the settings say of checks.
        threshold: Of the cosine; canaries that do not reach it are of two models.
    """
    for side, lane in zip(Side, sides, strict=True):
        yield _echo(side, lane, settings.accept_echo.get(side, ()))
        yield _outage(side, lane)
        yield _canaries(side, lane.canaries, threshold)
        yield _request_size(side, lane, sides[0])
    wrong = {side: _wrong_dimension(lane) for side, lane in zip(Side, sides, strict=True)}
    for side, lane in zip(Side, sides, strict=True):
        yield _declared(side, lane, own=bool(wrong[side]), other=bool(wrong[Side.LEGACY]))
    for side in Side:
        yield _norms(side, norms)


def _echo(side: Side, lane: Provenance, accepted: tuple[str, ...]) -> Check:
    name, fault = of_side(side, "model-echo"), echo_fault(lane, accepted)
    named = any(lane.models_echoed.get(one) for one in lane.models_echoed if one)
    return Check(
        name=name,
        severity=_INCONCLUSIVE,
        passed=False if fault else True if named else None,
        seen=fault or ("the requested model is the one echoed" if named else f"{side} echoes no model"),
        remedy=f"Find out which model is behind this side. If this is the same one, add the name to sides.{side}.accept_echo.",
        side=side,
    )


def _outage(side: Side, lane: Provenance) -> Check:
    stopped = lane.stopped_early
    return Check(
        name=of_side(side, "outage"),
        severity=_INCONCLUSIVE,
        passed=not stopped,
        seen=f"the {side} {stopped}" if stopped else "the lane ran to its end",
        remedy=f"Bring the gateway back, then `parity backfill --side {side}`, or materialize {side}/embeddings again.",
        side=side,
    )


def _canaries(side: Side, found: CanaryRecord, threshold: float) -> Check:
    """Return whether a side stayed the same while it was fetched from; where it did not, its rows are of two states."""
    words = _canary_words(side, found, threshold)
    measured = found.compared and found.from_start
    return Check(
        name=of_side(side, "canaries"),
        severity=_INCONCLUSIVE,
        passed=False if words else True if measured else None,
        seen=words or (_same_canaries(found) if measured else _not_measured(found)),
        remedy="Find out what was deployed or switched at that time,"
        f" then `parity backfill --side {side}` while nothing changes, or materialize {side}/embeddings again.",
        side=side,
    )


def _canary_words(side: Side, found: CanaryRecord, threshold: float) -> str:
    """Return how a side's canaries changed; "" where they did not."""
    words: list[str] = []
    for first in found.beyond(threshold)[:1]:
        count = len(found.beyond(threshold))
        more = f", the first of {count} or more such changes" if count > 1 else ""
        words.append(f"the canary of the {side} side changed {first.describe()}{more}")
    if found.lost >= LOST and found.last_good and found.first_bad:
        low, high = found.last_good.request, found.first_bad.request
        words.append(
            f"the canary of the {side} side got no vectors {found.lost} times in a row"
            f" between request {low:,} and {high:,}, and got them before ({found.first_bad.error})"
        )
    return "; ".join(words)


def _same_canaries(found: CanaryRecord) -> str:
    count = f"{found.compared + 1} canaries"
    return count if found.lowest is None else f"{count}, cosine {cosine_text(found.lowest)} or more"


def _not_measured(found: CanaryRecord) -> str:
    if not found.from_start:
        return "not measured: the lane was resumed without the canary of its start"
    return "fewer than two canaries got vectors" if found.sent else "no canary was sent"


def _request_size(side: Side, lane: Provenance, legacy: Provenance) -> Check:
    """Return whether a side took requests of the size that was sent; the candidate has to, where the legacy side does."""
    refused = lane.errors_by_kind.get(_TOO_LARGE, 0)
    alone = side is Side.CANDIDATE and not legacy.errors_by_kind.get(_TOO_LARGE, 0)
    return Check(
        name=of_side(side, "request-size"),
        severity=_INCONCLUSIVE if alone else _WARN,
        passed=not refused,
        seen=f"the {side} side refused {refused} requests as too large (HTTP 413), and got their texts in smaller ones"
        if refused
        else "no request was refused as too large",
        remedy=f"Raise the limit of the gateway; if callers send less, set sides.{side}.batch_bytes to what they send.",
        side=side,
    )


def _wrong_dimension(lane: Provenance) -> bool:
    seen = lane.observation
    return bool(seen.declared_dimension and seen.dimension and seen.declared_dimension != seen.dimension)


def _declared(side: Side, lane: Provenance, *, own: bool, other: bool) -> Check:
    seen = lane.observation
    words = (
        f"the {side} side declares the dimension {seen.declared_dimension} and returns vectors of {seen.dimension}"
        if own
        else f"vectors of {seen.dimension}, as declared"
        if seen.declared_dimension
        else "no dimension is declared"
    )
    return Check(
        name=of_side(side, "declared-dimension"),
        severity=_blame(side, shared=other),
        passed=False if own else True if seen.declared_dimension and seen.dimension else None,
        seen=words,
        remedy="Make the gateway declare the dimension of the vectors that it returns.",
        side=side,
    )


def _norms(side: Side, norms: Mapping[Side, NormTally]) -> Check:
    found = norms[side]
    return Check(
        name=of_side(side, "norm-consistency"),
        severity=_blame(side, shared=norms[Side.LEGACY].mixed),
        passed=not found.mixed if found.unit or found.near or found.below or found.above else None,
        seen=f"the {side} side mixes {found.unit} unit vectors with {found.others} of other norms"
        f" ({found.low:.3g} to {found.high:.3g})"
        if found.mixed
        else found.range().describe(),
        remedy="Find out which requests are normalised and which are not: dot products do not compare across the two.",
        side=side,
    )


def _blame(side: Side, *, shared: bool) -> CheckSeverity:
    """Return what a defect of a side means: the candidate's own fails it, one that the legacy side has too does not."""
    return _FAIL if side is Side.CANDIDATE and not shared else _INCONCLUSIVE


def floor_checks(floors: NoiseFloors, threshold: float, *, lone_stray: bool = False) -> Iterator[Check]:
    """Yield whether each side's own noise leaves room for the threshold; the candidate's fails it where it is proof.

    Args:
        floors: The noise floors.
        threshold: Of the cosine.
        lone_stray: Whether one stray response explains the candidate's noise floor, so that it proves no difference.
    """
    proof = "" if lone_stray else floors.instability_proof(threshold)
    unstable = floors.instability_of(threshold)
    for side, floor in ((Side.LEGACY, floors.legacy), (Side.CANDIDATE, floors.candidate)):
        fails = proof if side is Side.CANDIDATE else ""
        yield Check(
            name=of_side(side, "noise-floor"),
            severity=_FAIL if fails else _INCONCLUSIVE,
            passed=None if floor is None else not (fails or unstable.get(side)),
            seen=fails
            or unstable.get(side)
            or ("the noise floor was not measured" if floor is None else "the noise floor reaches the threshold"),
            remedy="Find out what makes its responses differ: batches, load or several back ends.",
            side=side,
        )


def repeatability_checks(tried: StabilityOfSides, floors: NoiseFloors, *, expected: bool) -> Iterator[Check]:
    """Yield whether each noise floor is known, and one check per experiment and side.

    Args:
        tried: What trying each side against itself showed.
        floors: The noise floors in use.
        expected: Whether repeatability is measured, so that a missing legacy floor leaves the reference unreliable.
    """
    for side, floor in ((Side.LEGACY, floors.legacy), (Side.CANDIDATE, floors.candidate)):
        stale = side in tried.stale
        yield Check(
            name=of_side(side, "floor-measured"),
            severity=_INCONCLUSIVE if expected and side is Side.LEGACY else _WARN,
            passed=floor is not None,
            seen="the noise floor was measured after the fetch"
            if floor
            else f"the noise floor of the {side} side was measured before the fetch that it would judge"
            if stale
            else f"no noise floor of the {side} side was measured",
            remedy="Run that date again, and no other run of it at the same time."
            if stale and not floor
            else f"Materialize {side}/stability again.",
            side=side,
        )
    for side in Side:
        yield from _experiments(side, tried)


def _experiments(side: Side, tried: StabilityOfSides) -> Iterator[Check]:
    found, legacy = tried.of(side), tried.of(Side.LEGACY) if side is Side.CANDIDATE else None
    for experiment, subject in EXPERIMENTS.items():
        yield _experiment(side, of_side(side, subject), _named(found, experiment), found, _named(legacy, experiment))
    yield _foreign(side, found, legacy)


def _named(stability: Stability | None, experiment: str) -> ExperimentResult | None:
    experiments = stability.experiments if stability else ()
    return next((one for one in experiments if one.name == experiment), None)


def _experiment(
    side: Side,
    name: CheckName,
    one: ExperimentResult | None,
    found: Stability | None,
    same: ExperimentResult | None,
) -> Check:
    """Return the check of one experiment, which a finding of its own fails.

    A defect that the legacy side does not show in the same experiment is the candidate's; a distance alone is noise.
    """
    if one is None or found is None:
        return Check(name=name, severity=_WARN, passed=None, seen=_NOT_TRIED, side=side)
    words = [finding.words for finding in found.findings if finding.experiment == one.name]
    kinds = {fault.kind for fault in one.faults} - {DefectKind.OTHER_SPACE}
    foreign_alone = bool(one.faults) and not kinds and not one.affected_texts
    stands = bool(words) and not foreign_alone
    shared = {fault.kind for fault in same.faults} if same else set[DefectKind]()
    measured = one.rows or one.faults
    return Check(
        name=name,
        severity=_FAIL if stands and side is Side.CANDIDATE and kinds - shared else _INCONCLUSIVE,
        passed=False if stands else True if measured else None,
        seen="; ".join(words) if stands else _clean(one),
        remedy=f"Reproduce it with the requests of {side}/stability; the report shows what each experiment found.",
        side=side,
    )


def _clean(one: ExperimentResult) -> str:
    if not one.rows and not one.faults:
        return "; ".join(one.left_out) or "nothing was compared"
    if one.affected_texts or one.faults:
        return "nothing that a simpler experiment does not show"
    return f"{one.rows} rows, {one.identical} of them identical"


def _foreign(side: Side, found: Stability | None, legacy: Stability | None) -> Check:
    name = of_side(side, "foreign-vectors")
    if found is None or not found.experiments:
        return Check(name=name, severity=_WARN, passed=None, seen=_NOT_TRIED, side=side)
    words = _foreign_words(found)
    salted = _named(found, "salted")
    measured = bool(words) or bool(salted and salted.rows)
    return Check(
        name=name,
        severity=_blame(side, shared=bool(legacy and _foreign_words(legacy))),
        passed=False if words else True if measured else None,
        seen=f"the {side} side returns another model's vectors: {'; '.join(words)}"
        if words
        else "no fixed text lies far from itself with a new ending"
        if measured
        else "nothing was compared",
        remedy="Clear the gateway's cache, and find out which model filled it.",
        side=side,
    )


def _foreign_words(found: Stability) -> list[str]:
    return [fault.words for one in found.experiments for fault in one.faults if fault.kind is DefectKind.OTHER_SPACE]
