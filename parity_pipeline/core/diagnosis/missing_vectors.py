"""Causes that the answers state themselves: refused, missing, NaN, zero.

Here belongs grouping the rows without a usable vector by what happened to them. Which lengths are refused belongs here
too; other properties of texts belong to `text_predicates`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, vector_of
from parity_pipeline.core.diagnosis.records import CASES, CauseName, Confidence
from parity_pipeline.core.outcomes import Outcome, Side

_KINDS_LISTED: Final = 3

_REFUSERS: Final[Mapping[Outcome, Side]] = {
    Outcome.REFUSED_BY_LEGACY: Side.LEGACY,
    Outcome.REFUSED_BY_CANDIDATE: Side.CANDIDATE,
}


def find_missing_vectors(scene: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return a cause for each way in which samples got no usable vector."""
    groups: dict[tuple[Outcome, str], list[int]] = {}
    for row in indices(waiting & ~scene.low).tolist():
        key = (scene.compared.outcomes[row], scene.compared.sides[row] or "")
        groups.setdefault(key, []).append(row)
    found: list[FoundCause] = []
    for (outcome, side), rows in groups.items():
        finding = _finding(scene, outcome, side, rows)
        if finding:
            found.append(finding)
    return found


def _finding(scene: DiagnosisContext, outcome: Outcome, side: str, rows: list[int]) -> FoundCause | None:
    if outcome in _REFUSERS:
        return _refused(scene, _REFUSERS[outcome], rows)
    if outcome is Outcome.MISSING:
        words = f"{len(rows)} of {scene.size} samples have no usable answer from {_who(side)}{_kinds(scene, rows)}"
        words += _places(scene, rows)
        return _stated(scene, CauseName.NO_ANSWER, words, rows)
    if outcome is Outcome.NON_FINITE:
        return _stated(scene, CauseName.NON_FINITE, _non_finite_words(scene, side, rows), rows)
    if outcome is Outcome.ZERO_NORM:
        words = f"{len(rows)} of {scene.size} samples are vectors of zeros on {_who(side)}"
        return _stated(scene, CauseName.ZERO_VECTOR, words, rows)
    return None


def _stated(
    scene: DiagnosisContext, name: CauseName, words: str, rows: list[int], cases: tuple[int, ...] = ()
) -> FoundCause:
    evidence = scene.evidence(rows, lambda row: scene.compared.outcomes[row].value)
    return FoundCause(name, words, Confidence.PROVEN, np.array(rows, np.intp), evidence, cases or CASES[name])


def _refused(scene: DiagnosisContext, side: Side, rows: list[int]) -> FoundCause:
    other = Side.LEGACY if side is Side.CANDIDATE else Side.CANDIDATE
    words = f"{len(rows)} of {scene.size} texts are refused by the {side} side and answered by the {other} side"
    words += _kinds(scene, rows)
    answered = scene.passing | scene.low
    shortest = min(len(scene.text_of(row)) for row in rows)
    longest = max((len(scene.text_of(row)) for row in indices(answered)), default=0)
    if 0 < longest < shortest and len(rows) > 1:
        words += f"; each has {shortest} characters or more, and no answered text has more than {longest}"
        return _stated(scene, CauseName.REFUSED_OVER_LENGTH, words, rows)
    errors = _errors(scene, rows)
    cases = (22,) if errors and set(errors) == {"http_413"} else CASES[CauseName.REFUSED]
    return _stated(scene, CauseName.REFUSED, words, rows, cases)


def _non_finite_words(scene: DiagnosisContext, side: str, rows: list[int]) -> str:
    places: Counter[int] = Counter()
    for one in (scene.subject.legacy, scene.subject.candidate):
        for row in rows:
            places.update(np.flatnonzero(~np.isfinite(vector_of(one, row)))[:2].tolist())
    words = f"{len(rows)} of {scene.size} samples hold NaN or infinity on {_who(side)}"
    return f"{words}, each at element {next(iter(places))}" if len(places) == 1 else words


def _errors(scene: DiagnosisContext, rows: list[int]) -> Counter[str]:
    """Return how often each kind of error stands in front of a server's words; the words themselves are foreign."""
    kinds: Counter[str] = Counter()
    for row in rows:
        for said in (scene.compared.legacy_errors[row], scene.compared.candidate_errors[row]):
            if said:
                kinds[said.partition(":")[0][:40]] += 1
    return kinds


def _kinds(scene: DiagnosisContext, rows: list[int]) -> str:
    kinds = _errors(scene, rows).most_common(_KINDS_LISTED)
    return f" ({', '.join(f'{kind} {count}' for kind, count in kinds)})" if kinds else ""


def _places(scene: DiagnosisContext, rows: list[int]) -> str:
    """Return where in their requests the rows stand, if all behind one place or all at one; "" otherwise."""
    size = scene.subject.batch_size
    places = scene.ordinals[rows] % max(1, size)
    others = np.setdiff1d(np.arange(scene.size), rows)
    before = int(places.min())
    if len(rows) > 1 and before > 0 and not (scene.ordinals[others] % max(1, size) >= before).any():
        return f"; they are all that stand behind place {before} of a request of {size}"
    return ""


def _who(side: str) -> str:
    return "both sides" if side == "both" else f"the {side} side"
