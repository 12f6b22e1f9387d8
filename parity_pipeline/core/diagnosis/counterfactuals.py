"""Counterfactuals by a few extra requests: which edit of a text restores the other side's vector.

Here belong choosing what to ask and judging the answers. How a request is sent belongs to whoever gives the `Ask`;
finding where a text is cut belongs to `truncation`, asking for the very same text again to `follow_up`.
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
from parity_pipeline.core.metrics import Matrix32
from parity_pipeline.core.outcomes import Side

_VERIFIED: Final = 0.95
"""Share of the rows asked about that an edit has to restore before it is told of rows that were not asked about."""

_ROUNDS: Final = 4
"""Times that an example is chosen and asked about."""


class RequestBudget:
    """The requests that a diagnosis may still send."""

    def __init__(self, inquiry: FollowUpQueries) -> None:
        """Start with the whole budget."""
        self._asks = {Side.LEGACY: inquiry.legacy, Side.CANDIDATE: inquiry.candidate}
        self.texts = inquiry.texts
        self.left = inquiry.requests
        self.kept_back = 0
        self.used = 0

    def can_ask(self, side: Side) -> bool:
        """Say whether a side may be asked once more; the requests kept back are for what is tried last."""
        return self._asks[side] is not None and self.left > self.kept_back

    def ask(self, side: Side, texts: Sequence[str]) -> list[Vector | None]:
        """Return a side's vectors of at most `texts` texts in one request; None where there is none.

        A side that cannot be reached is not asked again, for the verdict does not depend on a diagnosis.
        """
        ask = self._asks[side]
        kept = list(texts)[: self.texts]
        if ask is None or not self.can_ask(side) or not kept:
            return [None] * len(texts)
        self.left -= 1
        self.used += 1
        try:
            answers = list(ask(kept))
        except ParityError:
            self._asks[side] = None
            answers = []
        if len(answers) != len(kept):
            answers = [None] * len(kept)
        return [*answers, *([None] * (len(texts) - len(kept)))]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The side that is thought to change texts, and the other one that is asked for the changed text."""

    side: Side
    other: Side
    vectors: Matrix32

    @classmethod
    def both(cls, scene: DiagnosisContext) -> "tuple[Suspect, Suspect]":
        """Return the candidate as suspect, then the legacy side."""
        return (
            cls(Side.CANDIDATE, Side.LEGACY, scene.candidate),
            cls(Side.LEGACY, Side.CANDIDATE, scene.legacy),
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


def find_by_counterfactual(scene: DiagnosisContext, waiting: Mask, purse: RequestBudget) -> list[FoundCause]:
    """Return edits that restore failing samples when the other side is asked for the edited text.

    One request asks about every edit of one or two examples; a second one tries the edit that restored them on the
    other failing samples. Two edits at once are told as two causes.
    """
    found: list[FoundCause] = []
    left = waiting & scene.low
    tried: set[int] = set()
    for _ in range(_ROUNDS):
        examples = _examples(scene, left, tried)
        if not examples or not scene.same_width:
            break
        tried.update(examples)
        for suspect in Suspect.both(scene):
            edits = _winner(scene, suspect, examples, purse)
            if edits:
                findings = _verified(scene, suspect, edits, left, purse)
                found.extend(findings)
                for finding in findings:
                    left[finding.rows] = False
                break
    return found


def _examples(scene: DiagnosisContext, left: Mask, tried: set[int]) -> list[int]:
    """Return up to two waiting rows of middle length that were not asked about: a middle one shows most edits."""
    rows = sorted((row for row in indices(left).tolist() if row not in tried), key=lambda row: len(scene.text_of(row)))
    return sorted({rows[len(rows) // 3], rows[2 * len(rows) // 3]}) if rows else []


def _applied(edits: tuple[Edit, ...], text: str) -> str:
    for edit in edits:
        text = edit.apply(text)
    return text


def _winner(scene: DiagnosisContext, suspect: Suspect, examples: list[int], purse: RequestBudget) -> tuple[Edit, ...]:
    """Return the slightest edit, or two at once, that restores one of the examples; empty for none."""
    for choice, rows in ((_SINGLE, examples), (_DOUBLE, examples[:1])):
        asked: dict[str, tuple[int, tuple[Edit, ...]]] = {}
        for row in rows:
            for edits in choice:
                changed = _applied(edits, scene.text_of(row))
                if changed != scene.text_of(row) and changed.strip():
                    asked.setdefault(changed, (row, edits))
        if not asked or not purse.can_ask(suspect.other):
            continue
        answers = purse.ask(suspect.other, list(asked))
        for (row, edits), vector in zip(asked.values(), answers, strict=True):
            if vector is not None and pair_cosine(suspect.vectors[row], vector) >= scene.near:
                return edits
    return ()


def _verified(
    scene: DiagnosisContext, suspect: Suspect, edits: tuple[Edit, ...], left: Mask, purse: RequestBudget
) -> list[FoundCause]:
    """Ask for the edited text of all waiting rows that it changes, as far as one request goes."""
    rows = [row for row in indices(left).tolist() if _applied(edits, scene.text_of(row)) != scene.text_of(row)]
    picked = rows if len(rows) <= purse.texts else rows[:: -(-len(rows) // purse.texts)]
    answers = purse.ask(suspect.other, [_applied(edits, scene.text_of(row)) for row in picked])
    after = np.array(
        [
            0.0 if vector is None else pair_cosine(suspect.vectors[row], vector)
            for row, vector in zip(picked, answers, strict=True)
        ]
    )
    good = after >= scene.near
    restored = [row for row, kept in zip(picked, good.tolist(), strict=True) if kept]
    if not restored:
        return []
    whole = len(picked) < len(rows) and len(restored) >= _VERIFIED * len(picked)
    explained = np.array(rows if whole else restored, np.intp)
    return [
        FoundCause(
            edit.cause,
            f"the {suspect.side} side answers as if {edit.words}: asked for the edited text, the {suspect.other} side gives "
            f"its vector for {len(restored)} of {len(picked)} failing samples asked about",
            Confidence.PROVEN,
            explained,
            scene.evidence(
                restored, lambda _, edit=edit: f"{suspect.other} asked for the text once {edit.words}", after[good]
            ),
        )
        for edit in edits
    ]
