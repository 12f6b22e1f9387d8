"""Causes that the responses state themselves: refused, missing, NaN, zero.

Here belongs grouping the rows without a usable vector by what happened to them and by what the server said, and the property
that a group shares. Which properties there are belongs to `text_split`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, vector_of
from parity_pipeline.core.diagnosis.records import CASES, CauseName, Confidence
from parity_pipeline.core.diagnosis.text_split import MEASURES, shared_property
from parity_pipeline.core.outcomes import Outcome, Side

_KINDS_LISTED: Final = 3

_SENTENCES: Final = 6
"""Different sentences of a server that are kept apart; more than that belong to single texts and not to a rule."""

_QUOTED: Final = 160
"""Characters of a server's sentence that are quoted."""

_REFUSERS: Final[Mapping[Outcome, Side]] = {
    Outcome.REFUSED_BY_LEGACY: Side.LEGACY,
    Outcome.REFUSED_BY_CANDIDATE: Side.CANDIDATE,
}

_OF_LENGTH = re.compile(
    r"\b(?:too (?:long|large|many tokens)|tokens?|lengths?|exceed\w*|maximum|context|truncat\w*)\b", re.IGNORECASE
)
"""Words by which servers say that a text is too long."""


def find_missing_vectors(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return a cause for each way in which samples got no usable vector, and for each reason that a server gives."""
    groups: dict[tuple[Outcome, str, str], list[int]] = {}
    rows = indices(waiting & ~context.low).tolist()
    said = {row: _sentence(context, row) for row in rows}
    few = len(set(said.values())) <= _SENTENCES
    for row in rows:
        key = (context.compared.outcomes[row], context.compared.sides[row] or "", _rule(said[row]) if few else "")
        groups.setdefault(key, []).append(row)
    found: list[FoundCause] = []
    for (outcome, side, _), rows_of in groups.items():
        finding = _finding(context, outcome, side, rows_of)
        if finding:
            found.append(finding)
    return found


def _finding(context: DiagnosisContext, outcome: Outcome, side: str, rows: list[int]) -> FoundCause | None:
    if outcome in _REFUSERS:
        return _refused(context, _REFUSERS[outcome], rows)
    if outcome is Outcome.MISSING:
        words = f"{len(rows)} of {context.size} samples have no usable vector from {_who(side)}{_kinds(context, rows)}"
        words += _places(context, rows) + _shared(context, rows) + _quoted(context, rows)
        return _stated(context, CauseName.NO_ANSWER, words, rows, side)
    if outcome is Outcome.NON_FINITE:
        return _stated(context, CauseName.NON_FINITE, _non_finite_words(context, side, rows), rows, side)
    if outcome is Outcome.ZERO_NORM:
        words = f"{len(rows)} of {context.size} samples are vectors of zeros on {_who(side)}{_shared(context, rows)}"
        return _stated(context, CauseName.ZERO_VECTOR, words, rows, side)
    return None


def _stated(
    context: DiagnosisContext, name: CauseName, words: str, rows: list[int], side: str, cases: tuple[int, ...] = ()
) -> FoundCause:
    evidence = context.evidence(rows, lambda row: context.compared.outcomes[row].value)
    at_fault = Side(side) if side in tuple(Side) else None
    return FoundCause(
        name, words, Confidence.PROVEN, np.array(rows, np.intp), evidence, cases or CASES[name], side=at_fault
    )


def _refused(context: DiagnosisContext, side: Side, rows: list[int]) -> FoundCause:
    other = Side.LEGACY if side is Side.CANDIDATE else Side.CANDIDATE
    words = f"{len(rows)} of {context.size} texts are refused by the {side} side and embedded by the {other} side"
    words += _kinds(context, rows)
    if over := _over_length(context, rows):
        return _stated(context, CauseName.REFUSED_OVER_LENGTH, words + over + _quoted(context, rows), rows, side)
    words += _shared(context, rows) + _quoted(context, rows)
    errors = _errors(context, rows)
    cases = (22,) if errors and set(errors) == {"http_413"} else CASES[CauseName.REFUSED]
    return _stated(context, CauseName.REFUSED, words, rows, side, cases)


def _over_length(context: DiagnosisContext, rows: list[int]) -> str:
    """Return in words from which length on texts are refused; "" where length does not set them apart.

    A length that separates all of them from all embedded texts is enough. Where the server itself speaks of a length, it has
    to separate most: it counts in tokens, which neither characters nor words are.
    """
    embedded = indices((context.passing | context.low) & context.typical).tolist()
    if not embedded or not any(context.text_of(row).strip() for row in rows):
        return ""
    for measure in MEASURES:
        shortest = min(measure.of(context.text_of(row)) for row in rows)
        longest = max(measure.of(context.text_of(row)) for row in embedded)
        if 0 < longest < shortest and len(rows) > 1:
            return f"; each has {shortest} {measure.unit} or more, and no embedded text has more than {longest}"
    if _OF_LENGTH.search(_sentence(context, rows[0])):
        typical = float(np.median([len(context.text_of(row)) for row in embedded]))
        longer = [len(context.text_of(row)) for row in rows]
        if min(longer) > typical:
            return f"; they have {min(longer)} to {max(longer)} characters"
    return ""


def _shared(context: DiagnosisContext, rows: list[int]) -> str:
    """Return the property that all of the rows share and hardly any other row has; "" for none."""
    found = shared_property(context, rows)
    return f"; all of them are texts with {found}" if found else ""


def _non_finite_words(context: DiagnosisContext, side: str, rows: list[int]) -> str:
    places: Counter[int] = Counter()
    for one in (context.subject.legacy, context.subject.candidate):
        for row in rows:
            places.update(np.flatnonzero(~np.isfinite(vector_of(one, row)))[:2].tolist())
    words = f"{len(rows)} of {context.size} samples hold NaN or infinity on {_who(side)}{_shared(context, rows)}"
    return f"{words}, each at element {next(iter(places))}" if len(places) == 1 else words


def _errors(context: DiagnosisContext, rows: list[int]) -> Counter[str]:
    """Return how often each kind of error stands in front of a server's words."""
    kinds: Counter[str] = Counter()
    for row in rows:
        for said in (context.compared.legacy_errors[row], context.compared.candidate_errors[row]):
            if said:
                kinds[said.partition(":")[0][:40]] += 1
    return kinds


def _sentence(context: DiagnosisContext, row: int) -> str:
    """Return what the server said of a row, behind the kind of error; "" where it said nothing."""
    both = (context.compared.legacy_errors[row], context.compared.candidate_errors[row])
    return next((" ".join(one.partition(":")[2].split()) for one in both if one), "")


def _rule(sentence: str) -> str:
    """Return a sentence without its numbers: one rule refuses many texts and names the length of each.

    >>> _rule("input 3 has 512 tokens") == _rule("input 17 has 600 tokens")
    True
    """
    return re.sub(r"\d+", "0", sentence)


def _quoted(context: DiagnosisContext, rows: list[int]) -> str:
    """Return the server's own words on the first of the rows."""
    said = _sentence(context, rows[0])
    short = said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
    return f"; in the server's words: “{short}”" if short else ""


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
