"""Causes that the responses state themselves: refused, missing, NaN, zero.

Here belongs grouping the rows without a usable vector by what happened to them. Which lengths are refused belongs here
too; other properties of texts belong to `text_split`.
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


def find_missing_vectors(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return a cause for each way in which samples got no usable vector."""
    groups: dict[tuple[Outcome, str], list[int]] = {}
    for row in indices(waiting & ~context.low).tolist():
        key = (context.compared.outcomes[row], context.compared.sides[row] or "")
        groups.setdefault(key, []).append(row)
    found: list[FoundCause] = []
    for (outcome, side), rows in groups.items():
        finding = _finding(context, outcome, side, rows)
        if finding:
            found.append(finding)
    return found


def _finding(context: DiagnosisContext, outcome: Outcome, side: str, rows: list[int]) -> FoundCause | None:
    if outcome in _REFUSERS:
        return _refused(context, _REFUSERS[outcome], rows)
    if outcome is Outcome.MISSING:
        words = f"{len(rows)} of {context.size} samples have no usable vector from {_who(side)}{_kinds(context, rows)}"
        words += _places(context, rows)
        return _stated(context, CauseName.NO_ANSWER, words, rows)
    if outcome is Outcome.NON_FINITE:
        return _stated(context, CauseName.NON_FINITE, _non_finite_words(context, side, rows), rows)
    if outcome is Outcome.ZERO_NORM:
        words = f"{len(rows)} of {context.size} samples are vectors of zeros on {_who(side)}"
        return _stated(context, CauseName.ZERO_VECTOR, words, rows)
    return None


def _stated(
    context: DiagnosisContext, name: CauseName, words: str, rows: list[int], cases: tuple[int, ...] = ()
) -> FoundCause:
    evidence = context.evidence(rows, lambda row: context.compared.outcomes[row].value)
    return FoundCause(name, words, Confidence.PROVEN, np.array(rows, np.intp), evidence, cases or CASES[name])


def _refused(context: DiagnosisContext, side: Side, rows: list[int]) -> FoundCause:
    other = Side.LEGACY if side is Side.CANDIDATE else Side.CANDIDATE
    words = f"{len(rows)} of {context.size} texts are refused by the {side} side and embedded by the {other} side"
    words += _kinds(context, rows)
    embedded = context.passing | context.low
    shortest = min(len(context.text_of(row)) for row in rows)
    longest = max((len(context.text_of(row)) for row in indices(embedded)), default=0)
    if 0 < longest < shortest and len(rows) > 1:
        words += f"; each has {shortest} characters or more, and no embedded text has more than {longest}"
        return _stated(context, CauseName.REFUSED_OVER_LENGTH, words, rows)
    errors = _errors(context, rows)
    cases = (22,) if errors and set(errors) == {"http_413"} else CASES[CauseName.REFUSED]
    return _stated(context, CauseName.REFUSED, words, rows, cases)


def _non_finite_words(context: DiagnosisContext, side: str, rows: list[int]) -> str:
    places: Counter[int] = Counter()
    for one in (context.subject.legacy, context.subject.candidate):
        for row in rows:
            places.update(np.flatnonzero(~np.isfinite(vector_of(one, row)))[:2].tolist())
    words = f"{len(rows)} of {context.size} samples hold NaN or infinity on {_who(side)}"
    return f"{words}, each at element {next(iter(places))}" if len(places) == 1 else words


def _errors(context: DiagnosisContext, rows: list[int]) -> Counter[str]:
    """Return how often each kind of error stands in front of a server's words; the words themselves are foreign."""
    kinds: Counter[str] = Counter()
    for row in rows:
        for said in (context.compared.legacy_errors[row], context.compared.candidate_errors[row]):
            if said:
                kinds[said.partition(":")[0][:40]] += 1
    return kinds


def _kinds(context: DiagnosisContext, rows: list[int]) -> str:
    kinds = _errors(context, rows).most_common(_KINDS_LISTED)
    return f" ({', '.join(f'{kind} {count}' for kind, count in kinds)})" if kinds else ""


def _places(context: DiagnosisContext, rows: list[int]) -> str:
    """Return where in their requests the rows stand, if all behind one place or all at one; "" otherwise."""
    size = context.subject.batch_size
    places = context.ordinals[rows] % max(1, size)
    others = np.setdiff1d(np.arange(context.size), rows)
    before = int(places.min())
    if len(rows) > 1 and before > 0 and not (context.ordinals[others] % max(1, size) >= before).any():
        return f"; they are all that stand behind place {before} of a request of {size}"
    return ""


def _who(side: str) -> str:
    return "both sides" if side == "both" else f"the {side} side"
