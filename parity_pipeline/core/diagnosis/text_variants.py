"""The same text in other spellings, asked of both sides: on which of them the sides agree again.

Here belong two readings of that. A spelling that changes next to nothing for a sound side and cures the other one shows an
answer that hangs on the exact text, as one from a cache does. An edit that alone cures it shows which property it hangs on.
Which edit a side *makes* is settled by `counterfactuals`, and before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.counterfactuals import RequestBudget, Suspect
from parity_pipeline.core.diagnosis.edits import EDITS, Edit
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence, Vector
from parity_pipeline.core.outcomes import Side

REQUESTS: Final = 2
"""Requests that this takes: one to either side."""

_EXAMPLES: Final = 2

_NEUTRAL: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("a blank behind it", lambda text: f"{text} "),
    ("two blanks behind it", lambda text: f"{text}  "),
    ("a line feed behind it", lambda text: f"{text}\n"),
)
"""Spellings that change next to nothing for many models. `asking` sends none of them, for a cache may hold what was asked
before."""

_SLIGHT: Final = 0.2
"""Largest share of a row's 1 - cosine that a spelling may change the sound side by and still be next to nothing."""

_SLIGHT_AT_ALL: Final = 0.05
"""Largest 1 - cosine of that, however far the row is off."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One spelling of a row's text, and whether the sides agree on it.

    Attributes:
        words: What was changed, "" for the text itself.
        edit: The edit; None for the text itself and for white space alone.
        answers: What either side gave for it.
        agree: Cosine of the two.
    """

    words: str
    edit: Edit | None
    answers: dict[Side, Vector]
    agree: float


def find_text_variants(scene: DiagnosisContext, waiting: Mask, purse: RequestBudget) -> list[FoundCause]:
    """Return "stale cache", or the one property without which the sides agree, of one or two failing rows.

    Nothing is said of a row unless a spelling that changes next to nothing for the sound side was answered by both.
    """
    rows = indices(waiting & scene.low).tolist()
    if not rows or not scene.same_width or not all(purse.can_ask(side) for side in Side):
        return []
    examples = sorted({rows[0], rows[-1]})[:_EXAMPLES]
    spelt = _asked(scene, examples, purse)
    found: list[FoundCause] = []
    for row in examples:
        finding = _read(scene, row, spelt[row])
        if finding:
            found.append(finding)
    return found


def _asked(scene: DiagnosisContext, examples: Sequence[int], purse: RequestBudget) -> dict[int, list[_Spelling]]:
    asked: dict[tuple[int, str], tuple[str, Edit | None]] = {}
    for row in examples:
        text = scene.text_of(row)
        changes = [("", None, text), *((words, None, change(text)) for words, change in _NEUTRAL)]
        changes += [(edit.words, edit, edit.apply(text)) for edit in EDITS]
        for words, edit, changed in changes:
            if changed.strip():
                asked.setdefault((row, changed), (words, edit))
    texts = list(dict.fromkeys(text for _, text in asked))
    answers = {side: dict(zip(texts, purse.ask(side, texts), strict=True)) for side in Side}
    found: dict[int, list[_Spelling]] = {row: [] for row in examples}
    for (row, text), (words, edit) in asked.items():
        both = {side: one for side in Side if (one := answers[side][text]) is not None}
        if len(both) == len(Side):
            agree = pair_cosine(both[Side.LEGACY], both[Side.CANDIDATE])
            found[row].append(_Spelling(words, edit, both, agree))
    return found


def _read(scene: DiagnosisContext, row: int, spelt: Sequence[_Spelling]) -> FoundCause | None:
    itself = next((one for one in spelt if not one.words), None)
    if itself is None or itself.agree >= scene.near:
        return None
    controlled = False
    for suspect in Suspect.both(scene):
        truth = scene.legacy if suspect.side is Side.CANDIDATE else scene.candidate
        slight = min(scene.threshold, 1.0 - min(_SLIGHT_AT_ALL, _SLIGHT * (1.0 - float(scene.cosine[row]))))
        neutral = [
            one
            for one in spelt
            if one.words and one.edit is None and pair_cosine(truth[row], one.answers[suspect.other]) >= slight
        ]
        if neutral and all(one.agree >= scene.near for one in neutral):
            return _of_a_cache(scene, suspect, row, neutral)
        controlled = controlled or bool(neutral)
    return _of_a_property(scene, row, spelt) if controlled else None


def _of_a_cache(scene: DiagnosisContext, suspect: Suspect, row: int, neutral: Sequence[_Spelling]) -> FoundCause:
    words = (
        f"the {suspect.side} side gives a failing text the {suspect.other} side's vector once it has {neutral[0].words}, which "
        f"changes next to nothing for the {suspect.other} side: its answer hangs on the exact text, as one kept in a cache does"
    )
    evidence = [_evidence(scene, row, one) for one in neutral]
    return FoundCause(CauseName.STALE_CACHE, words, Confidence.POSSIBLE, np.array([row], np.intp), evidence)


def _of_a_property(scene: DiagnosisContext, row: int, spelt: Sequence[_Spelling]) -> FoundCause | None:
    """Return the one cause whose edits let the sides agree; None where none does, or edits of several causes do."""
    cured = [(one.edit, one) for one in spelt if one.edit is not None and one.agree >= scene.near]
    if len({edit.cause for edit, _ in cured}) != 1:
        return None
    edit = cured[0][0]
    words = (
        f"both sides agree on a failing text once {edit.words}, and on none of {len(spelt) - len(cured)} other spellings of it: "
        "they differ in what they make of that"
    )
    evidence = [_evidence(scene, row, one) for _, one in cured]
    return FoundCause(edit.cause, words, Confidence.POSSIBLE, np.array([row], np.intp), evidence)


def _evidence(scene: DiagnosisContext, row: int, one: _Spelling) -> Evidence:
    tried = f"both sides asked for the text, {one.words}"
    return Evidence(sample=scene.id_of(row), tried=tried, before=float(scene.cosine[row]), after=one.agree)
