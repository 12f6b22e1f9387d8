"""The same text in other spellings: what cures it, and what does not.

Here belong two readings of a text sent in other spellings. One that changes next to nothing for a sound side and cures the
other shows a vector that depends on the exact text, as a cached one does; an edit that alone cures it shows on which property
it depends. Which edit a side *makes* is settled earlier, by `counterfactuals`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.edits import EDITS, Edit
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence, Vector
from parity_pipeline.core.diagnosis.request_budget import RequestBudget, Suspect
from parity_pipeline.core.outcomes import Side

_HALVED: Final = 0.5
"""Share of a text's 1 - cosine that may be left without a property on which it depends."""

REQUESTS: Final = 2
"""Requests that this takes: one to either side."""

_EXAMPLES: Final = 2

_NEUTRAL: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("a blank behind it", lambda text: f"{text} "),
    ("two blanks behind it", lambda text: f"{text}  "),
    ("a line feed behind it", lambda text: f"{text}\n"),
)
"""Spellings that change next to nothing for many models. `counterfactuals` sends none of them, since a cache may hold
what was requested before."""

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
        vectors: What either side gave for it.
        agree: Cosine of the two.
    """

    words: str
    edit: Edit | None
    vectors: dict[Side, Vector]
    agree: float


def find_text_variants(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return "stale cache", or the one property without which the sides agree, of one or two failing rows.

    Nothing is said of a row unless a spelling that changes next to nothing for the sound side got a vector from both.
    """
    rows = indices(waiting & context.low).tolist()
    if not rows or not context.same_width or not all(budget.allows(side) for side in Side):
        return []
    examples = sorted({rows[0], rows[-1]})[:_EXAMPLES]
    spelt = _spellings(context, examples, budget)
    found: list[FoundCause] = []
    for row in examples:
        finding = _read(context, row, spelt[row])
        if finding:
            found.append(finding)
    return found


def without_refuted(context: DiagnosisContext, likely: Sequence[FoundCause], budget: RequestBudget) -> list[FoundCause]:
    """Return the findings without those whose own edits let the sides agree on none of the texts that were sent.

    A property that separates failing texts by chance is refuted so: the text fails without the property as well, or it
    passes in any other spelling. What cannot be edited away, or cannot be sent, stays as it is.
    """
    open_to = {
        place: one
        for place, one in enumerate(likely)
        if one.confidence is not Confidence.PROVEN and one.name in _EDITABLE and context.same_width
    }
    if not open_to or not all(budget.allows(side) for side in Side):
        return list(likely)
    examples = {place: sorted({int(one.rows[0]), int(one.rows[-1])}) for place, one in open_to.items()}
    room = max(1, budget.texts // _VARIANTS)
    rows = list(dict.fromkeys(row for pair in zip(*_padded(examples.values()), strict=True) for row in pair))[:room]
    causes: dict[int, set[CauseName]] = {}
    for place, one in open_to.items():
        for row in examples[place]:
            causes.setdefault(row, set()).add(one.name)
    spelt = _spellings(context, rows, budget, causes)
    refuted = {
        place
        for place, one in open_to.items()
        if (depends := [_depends(context, spelt[row], one.name) for row in examples[place] if row in spelt])
        and all(one is False for one in depends)
    }
    return [one for place, one in enumerate(likely) if place not in refuted]


_EDITABLE: Final = frozenset(edit.cause for edit in EDITS) - {CauseName.TOKENIZER}
"""Causes that an edit of the text takes away; a tokenizer differs in more than white space."""

_VARIANTS: Final = 6
"""Texts that one example takes on average: itself, spellings that change next to nothing, and the edits of one cause."""


def _padded(pairs: Iterable[list[int]]) -> tuple[list[int], list[int]]:
    """Return the first and the last example of each finding."""
    both = list(pairs)
    return [one[0] for one in both], [one[-1] for one in both]


def _depends(context: DiagnosisContext, spelt: Sequence[_Spelling], cause: CauseName) -> bool | None:
    """Say whether the sides agree on a text without a property and on it in no neutral spelling; None if unknown."""
    itself = next((one for one in spelt if not one.words), None)
    edited = [one for one in spelt if one.edit is not None and one.edit.cause is cause]
    if itself is None or itself.agree >= context.threshold or not edited:
        return None
    neutral = [one for one in spelt if one.words and one.edit is None]
    # Of two properties that a text has, the other one still differs.
    better = max(itself.agree, 1.0 - _HALVED * (1.0 - itself.agree))
    if neutral and all(one.agree >= better for one in neutral):
        return False
    return any(one.agree >= better for one in edited)


def _spellings(
    context: DiagnosisContext,
    examples: Sequence[int],
    budget: RequestBudget,
    causes: Mapping[int, Collection[CauseName]] | None = None,
) -> dict[int, list[_Spelling]]:
    """Return what both sides give for spellings of the examples: for all edits, or for those of some causes."""
    variants: dict[tuple[int, str], tuple[str, Edit | None]] = {}
    for row in examples:
        text = context.text_of(row)
        changes = [("", None, text), *((words, None, change(text)) for words, change in _NEUTRAL)]
        edits = [edit for edit in EDITS if causes is None or edit.cause in causes[row]]
        changes += [(edit.words, edit, edit.apply(text)) for edit in edits]
        for words, edit, changed in changes:
            if changed.strip():
                variants.setdefault((row, changed), (words, edit))
    texts = list(dict.fromkeys(text for _, text in variants))
    vectors = {side: dict(zip(texts, budget.embed(side, texts), strict=True)) for side in Side}
    found: dict[int, list[_Spelling]] = {row: [] for row in examples}
    for (row, text), (words, edit) in variants.items():
        both = {side: one for side in Side if (one := vectors[side][text]) is not None}
        if len(both) == len(Side):
            agree = pair_cosine(both[Side.LEGACY], both[Side.CANDIDATE])
            found[row].append(_Spelling(words, edit, both, agree))
    return found


def _read(context: DiagnosisContext, row: int, spelt: Sequence[_Spelling]) -> FoundCause | None:
    itself = next((one for one in spelt if not one.words), None)
    if itself is None or itself.agree >= context.near:
        return None
    controlled = False
    for suspect in Suspect.both(context):
        truth = context.legacy if suspect.side is Side.CANDIDATE else context.candidate
        slight = min(context.threshold, 1.0 - min(_SLIGHT_AT_ALL, _SLIGHT * (1.0 - float(context.cosine[row]))))
        neutral = [
            one
            for one in spelt
            if one.words and one.edit is None and pair_cosine(truth[row], one.vectors[suspect.other]) >= slight
        ]
        if neutral and all(one.agree >= context.near for one in neutral):
            return _of_a_cache(context, suspect, row, neutral)
        controlled = controlled or bool(neutral)
    return _of_a_property(context, row, spelt) if controlled else None


def _of_a_cache(context: DiagnosisContext, suspect: Suspect, row: int, neutral: Sequence[_Spelling]) -> FoundCause:
    words = (
        f"the {suspect.side} side gives a failing text the {suspect.other} side's vector once it has "
        f"{neutral[0].words}, which changes next to nothing for the {suspect.other} side: its vector depends on the "
        "exact text, as a cached one does"
    )
    evidence = [_evidence(context, row, one) for one in neutral]
    return FoundCause(
        CauseName.STALE_CACHE, words, Confidence.POSSIBLE, np.array([row], np.intp), evidence, side=suspect.side
    )


def _of_a_property(context: DiagnosisContext, row: int, spelt: Sequence[_Spelling]) -> FoundCause | None:
    """Return the one cause whose edits let the sides agree; None where none does, or edits of several causes do."""
    cured = [(one.edit, one) for one in spelt if one.edit is not None and one.agree >= context.near]
    if len({edit.cause for edit, _ in cured}) != 1:
        return None
    edit = cured[0][0]
    words = (
        f"both sides agree on a failing text once {edit.words}, and on none of {len(spelt) - len(cured)} other "
        "spellings of it: they differ in what they make of that"
    )
    evidence = [_evidence(context, row, one) for _, one in cured]
    return FoundCause(edit.cause, words, Confidence.POSSIBLE, np.array([row], np.intp), evidence)


def _evidence(context: DiagnosisContext, row: int, one: _Spelling) -> Evidence:
    tried = f"the text sent to both sides: {one.words}"
    return Evidence(sample=context.id_of(row), tried=tried, before=float(context.cosine[row]), after=one.agree)
