"""Counterfactuals by a few extra requests: which edit of a text restores the other side's vector.

Here belong choosing the requests and judging the vectors. How a request is sent belongs to whoever provides the `Ask`;
finding where a text is cut belongs to `truncation`, sending the very same text again to `follow_up`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.edits import EDITS, PREFIXES, Edit
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, FollowUpQueries, Vector
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.outcomes import Side

_VERIFIED: Final = 0.95
"""Share of the rows tried that an edit has to restore before it is claimed for rows that were not tried."""

_ROUNDS: Final = 4
"""Times that an example is chosen and tried."""


class RequestBudget:
    """The requests that a diagnosis may still send."""

    def __init__(self, inquiry: FollowUpQueries) -> None:
        """Start with the whole budget."""
        self._asks = {Side.LEGACY: inquiry.legacy, Side.CANDIDATE: inquiry.candidate}
        self.texts = inquiry.texts
        self.left = inquiry.requests
        self.kept_back = 0
        self.used = 0

    def allows(self, side: Side) -> bool:
        """Say whether a side may get one more request; the requests kept back are for what is tried last."""
        return self._asks[side] is not None and self.left > self.kept_back

    def embed(self, side: Side, texts: Sequence[str]) -> list[Vector | None]:
        """Return a side's vectors of at most `texts` texts in one request; None where there is none.

        A side that cannot be reached gets no further request, for the verdict does not depend on a diagnosis.
        """
        ask = self._asks[side]
        kept = list(texts)[: self.texts]
        if ask is None or not self.allows(side) or not kept:
            return [None] * len(texts)
        self.left -= 1
        self.used += 1
        try:
            vectors = list(ask(kept))
        except ParityError:
            self._asks[side] = None
            vectors = []
        if len(vectors) != len(kept):
            vectors = [None] * len(kept)
        return [*vectors, *([None] * (len(texts) - len(kept)))]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The side that is thought to change texts, and the other one that embeds the changed text."""

    side: Side
    other: Side
    vectors: Matrix32

    @classmethod
    def both(cls, context: DiagnosisContext) -> "tuple[Suspect, Suspect]":
        """Return the candidate as suspect, then the legacy side."""
        return (
            cls(Side.CANDIDATE, Side.LEGACY, context.candidate),
            cls(Side.LEGACY, Side.CANDIDATE, context.legacy),
        )


def _prefixing(prefix: str) -> Callable[[str], str]:
    return lambda text: prefix + text


_SINGLE: Final[tuple[tuple[Edit, ...], ...]] = tuple(
    (edit,)
    for edit in (*EDITS, *(Edit(CauseName.PREFIX, f"{one!r} is put in front", _prefixing(one)) for one in PREFIXES))
)
_DOUBLE: Final[tuple[tuple[Edit, ...], ...]] = tuple(
    pair for pair in combinations(EDITS, 2) if pair[0].cause is not pair[1].cause
)


def find_by_counterfactual(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return edits that restore failing samples when the other side embeds the edited text.

    One request tries every edit on one or two examples; a second one tries the edit that restored them on the
    other failing samples. Two edits at once are reported as two causes.
    """
    found: list[FoundCause] = []
    left = waiting & context.low
    tried: set[int] = set()
    for _ in range(_ROUNDS):
        examples = _examples(context, left, tried)
        if not examples or not context.same_width:
            break
        tried.update(examples)
        for suspect in Suspect.both(context):
            edits = _winner(context, suspect, examples, budget)
            if edits:
                findings = _verified(context, suspect, edits, left, budget)
                found.extend(findings)
                for finding in findings:
                    left[finding.rows] = False
                break
    return found


def _examples(context: DiagnosisContext, left: Mask, tried: set[int]) -> list[int]:
    """Return up to two waiting rows of middle length that were not tried: a middle one shows most edits."""
    rows = sorted(
        (row for row in indices(left).tolist() if row not in tried), key=lambda row: len(context.text_of(row))
    )
    return sorted({rows[len(rows) // 3], rows[2 * len(rows) // 3]}) if rows else []


def _applied(edits: tuple[Edit, ...], text: str) -> str:
    for edit in edits:
        text = edit.apply(text)
    return text


def _winner(
    context: DiagnosisContext, suspect: Suspect, examples: list[int], budget: RequestBudget
) -> tuple[Edit, ...]:
    """Return the slightest edit, or two at once, that restores one of the examples; empty for none."""
    for choice, rows in ((_SINGLE, examples), (_DOUBLE, examples[:1])):
        variants: dict[str, tuple[int, tuple[Edit, ...]]] = {}
        for row in rows:
            for edits in choice:
                changed = _applied(edits, context.text_of(row))
                if changed != context.text_of(row) and changed.strip():
                    variants.setdefault(changed, (row, edits))
        if not variants or not budget.allows(suspect.other):
            continue
        vectors = budget.embed(suspect.other, list(variants))
        for (row, edits), vector in zip(variants.values(), vectors, strict=True):
            if vector is not None and pair_cosine(suspect.vectors[row], vector) >= context.near:
                return edits
    return ()


def _verified(
    context: DiagnosisContext, suspect: Suspect, edits: tuple[Edit, ...], left: Mask, budget: RequestBudget
) -> list[FoundCause]:
    """Try the edits on all waiting rows that they change, as far as one request goes."""
    rows = [row for row in indices(left).tolist() if _applied(edits, context.text_of(row)) != context.text_of(row)]
    picked = rows if len(rows) <= budget.texts else rows[:: -(-len(rows) // budget.texts)]
    vectors = budget.embed(suspect.other, [_applied(edits, context.text_of(row)) for row in picked])
    after = np.array(
        [
            0.0 if vector is None else pair_cosine(suspect.vectors[row], vector)
            for row, vector in zip(picked, vectors, strict=True)
        ]
    )
    good = after >= context.near
    restored = [row for row, kept in zip(picked, good.tolist(), strict=True) if kept]
    if not restored:
        return []
    whole = len(picked) < len(rows) and len(restored) >= _VERIFIED * len(picked)
    explained = np.array(rows if whole else restored, np.intp)
    return [
        FoundCause(
            edit.cause,
            f"the {suspect.side} side behaves as if {edit.words}: for the edited text the {suspect.other} side returns "
            f"the same vector, for {len(restored)} of {len(picked)} failing samples tried",
            Confidence.PROVEN,
            explained,
            context.evidence(
                restored, lambda _, edit=edit: f"the {suspect.other} vector once {edit.words}", after[good]
            ),
        )
        for edit in edits
    ]
