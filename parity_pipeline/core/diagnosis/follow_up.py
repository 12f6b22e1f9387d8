"""The very same text or request sent again, and the same text in other spellings.

Here belong causes that no property of a text shows: what was in flight beside it, what came before it, chance; and two
readings of a text sent in other spellings. One that changes next to nothing for a sound side and cures the other shows a
vector that depends on the exact text, as a cached one does; an edit that alone cures it shows on which property it depends.
Which edit a side *makes* is settled earlier, by `counterfactuals`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.counterfactuals import RequestBudget, Suspect
from parity_pipeline.core.diagnosis.edits import EDITS, Edit
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence, Rows, Vector
from parity_pipeline.core.diagnosis.text_split import CHANCE, chance_of
from parity_pipeline.core.measures import Float64
from parity_pipeline.core.outcomes import Side

_SAME_SIZE: Final = 4.0
"""Largest ratio of a failing row's own 1 - cosine to the measured drift at which the two are of one size."""

_HALVED: Final = 0.5
"""Share of a text's 1 - cosine that may be left where it came right, or without a property on which it depends."""

_FEWEST: Final = 2
"""Rows of a request that have to come out otherwise before a side is said to have changed."""


@dataclass(slots=True)
class SentAgain:
    """What failing texts showed when a side got them again: in other company, and then alone.

    Attributes:
        right: Rows that got the other side's vector, with the cosine, by the side that was asked.
        alone: Sides whose failing texts were sent alone, and how many of them failed as before.
        unsteady: Causes of rows that got two vectors for one request.
    """

    right: dict[Side, dict[int, float]] = field(default_factory=dict[Side, dict[int, float]])
    alone: dict[Side, int] = field(default_factory=dict[Side, int])
    unsteady: list[FoundCause] = field(default_factory=list[FoundCause])


_TOGETHER: Final = 2
"""Failing texts from which on they are sent again together before they are sent alone."""

_REQUESTS: Final = 4
"""Requests with failing texts sent together, where some of the first came right."""

_ALONE: Final = 2
"""Texts that still fail in other company, and are sent alone."""

_ENOUGH: Final = 8
"""Texts that have to come right before the same is claimed of those that were not sent."""


def send_again(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> SentAgain:
    """Send failing texts again to each side: in other company, then those that still fail alone.

    Each row is judged by itself, so that rows that were spoilt once are kept apart from rows that always fail.
    """
    found = SentAgain()
    rows = indices(waiting & context.low)
    if not context.same_width or not len(rows):
        return found
    for suspect in Suspect.both(context):
        if not budget.allows(suspect.side):
            continue
        _send_again(context, suspect, rows, budget, found)
        if found.right.get(suspect.side) or found.unsteady:
            break
    return found


def _send_again(
    context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget, found: SentAgain
) -> None:
    right = found.right.setdefault(suspect.side, {})
    picked, strayed = _send_together(context, suspect, rows, budget, right)
    left = np.array([row for row in picked.tolist() if row not in right], np.intp)
    for row in dict.fromkeys(int(left[place]) for place in (0, len(left) - 1)[: min(_ALONE, len(left))]):
        if not budget.allows(suspect.side):
            return
        strayed |= _take_right(context, suspect, np.array([row], np.intp), budget, right)
        if row not in right:
            found.alone[suspect.side] = found.alone.get(suspect.side, 0) + 1
    if strayed and not right:
        found.unsteady = _unsteady(context, suspect, rows, budget)
        return
    rest = np.array([row for row in left.tolist() if row not in right], np.intp)[:_ENOUGH]
    if len(rest) and any(row in right for row in left.tolist()):
        _take_right(context, suspect, rest, budget, right)


def _send_together(
    context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget, right: dict[int, float]
) -> tuple[Rows, bool]:
    """Send rows in other company than before, all of them only where some of the first request come right.

    Returns:
        The rows that were sent, or a lone one that has to be sent alone anyway; and whether any got a third vector.
    """
    if len(rows) < _TOGETHER:
        return rows, False
    step = -(-len(rows) // budget.texts)
    picked = np.concatenate([rows[start::step][::-1] for start in range(min(step, _REQUESTS))])
    sent, strayed = 0, False
    while sent < len(picked) and (right or not sent) and budget.allows(suspect.side):
        strayed |= _take_right(context, suspect, picked[sent : sent + budget.texts], budget, right)
        sent += budget.texts
    return picked[:sent], strayed


def _take_right(
    context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget, right: dict[int, float]
) -> bool:
    """Send rows in one request, note those that get the other side's vector, and say whether any got a third one."""
    strayed = False
    vectors = budget.embed(suspect.side, [context.text_of(row) for row in rows.tolist()])
    for row, vector in zip(rows.tolist(), vectors, strict=True):
        if vector is None:
            continue
        cosine = pair_cosine(suspect.truth[row], vector)
        # At the threshold itself a row may come out on either side of it; that is no other vector.
        if cosine >= context.near and 1.0 - cosine <= _HALVED * (1.0 - float(context.cosine[row])):
            right[row] = cosine
        strayed |= pair_cosine(suspect.vectors[row], vector) < context.threshold
    return strayed


def find_circumstances(context: DiagnosisContext, waiting: Mask, again: SentAgain) -> list[FoundCause]:
    """Return "batch, load or history" for the rows that were right when sent again, "not deterministic" for unsteady ones.

    Rows that were not sent are claimed only where all that were sent came right.
    """
    found = [one for one in again.unsteady if waiting[one.rows].any()]
    for side, right in again.right.items():
        rows = indices(waiting & context.low)
        good = [row for row in rows.tolist() if row in right]
        if good:
            failed = again.alone.get(side, 0)
            whole = not failed and len(good) >= min(_ENOUGH, len(rows))
            found.append(_circumstance(context, side, rows if whole else np.array(good, np.intp), right, good))
    return found


def _circumstance(
    context: DiagnosisContext, side: Side, rows: Rows, right: dict[int, float], good: list[int]
) -> FoundCause:
    other = Side.LEGACY if side is Side.CANDIDATE else Side.CANDIDATE
    words = (
        f"the {side} side returned the {other} side's vector for {len(good)} failing texts when they were sent again, in "
        "other company or alone: what fails depends on the batch, the load or what came before"
    )
    after = np.array([right[row] for row in good])
    evidence = context.evidence(good, lambda _: f"sent to the {side} side again", after)
    return FoundCause(CauseName.CIRCUMSTANCES, words, Confidence.LIKELY, rows, evidence, side=side)


def _unsteady(context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget) -> list[FoundCause]:
    """Send one request with the failing texts twice; texts with two different vectors are not deterministic."""
    picked = rows[: budget.texts].tolist()
    texts = [context.text_of(row) for row in picked]
    twice = _same(budget.embed(suspect.side, texts), budget.embed(suspect.side, texts))
    moved = twice < context.threshold
    strayed = [row for row, one in zip(picked, moved.tolist(), strict=True) if one]
    if not strayed:
        return []
    words = (
        f"the {suspect.side} side, sent one request with {len(picked)} failing texts twice, gave {len(strayed)} of "
        f"them two vectors: 1 - cosine up to {1 - twice[moved].min():.2g}"
    )
    evidence = context.evidence(
        strayed,
        lambda _: f"the {suspect.side} side's two responses to one request, compared with each other",
        twice[moved],
    )
    far = _SAME_SIZE * (1.0 - float(twice[moved].min()))
    by_chance = all(1.0 - float(context.cosine[row]) <= far for row in strayed)
    confidence = Confidence.PROVEN if by_chance else Confidence.LIKELY
    rows_of = np.array(strayed, np.intp)
    return [FoundCause(CauseName.NOT_DETERMINISTIC, words, confidence, rows_of, evidence, side=suspect.side)]


def find_history(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return "history" where one request passed among those that failed, and sent again it fails as well.

    That passing rows stand together proves nothing, for a set may be sorted. That their request, sent again,
    gets other vectors than before, and the same other ones once more, shows that the state of the side has changed.
    """
    passed = _passed(context, waiting)
    if not len(passed) or not context.same_width:
        return []
    texts = [context.text_of(row) for row in passed.tolist()]
    for suspect in Suspect.both(context):
        if not budget.allows(suspect.side):
            continue
        now = budget.embed(suspect.side, texts)
        since = _same([suspect.vectors[row] for row in passed.tolist()], now)
        moved = context.passing[passed] & (since < context.threshold)
        if moved.sum() < _FEWEST:
            continue
        if (_same(now, budget.embed(suspect.side, texts))[moved] >= context.threshold).all():
            return [_history(context, suspect, waiting, passed[moved], since[moved])]
    return []


def _passed(context: DiagnosisContext, waiting: Mask) -> Rows:
    """Return the rows of the request that passed against all odds; empty where chance may have put them together."""
    batch = max(1, context.subject.batch_size)
    requests = context.ordinals // batch
    failing, passing = waiting & context.low, context.passing
    all_bad, all_fine = int(failing.sum()), int(passing.sum())
    if not all_bad or not all_fine:
        return np.empty(0, np.intp)
    kinds, sizes = np.unique(requests, return_counts=True)
    kinds = kinds[sizes == batch]  # a request that is not here as a whole cannot be sent again as it was
    chances = [
        chance_of(int(passing[own].sum()), int(failing[own].sum()), all_fine, all_bad) * len(kinds)
        for own in (requests == kind for kind in kinds.tolist())
    ]
    if not chances or min(chances) > CHANCE:
        return np.empty(0, np.intp)
    return np.flatnonzero(requests == kinds[int(np.argmin(chances))])


def _history(context: DiagnosisContext, suspect: Suspect, waiting: Mask, moved: Rows, since: Float64) -> FoundCause:
    with np.errstate(invalid="ignore"):
        of_its_size = 1.0 - context.cosine <= _SAME_SIZE * float(1.0 - since.min())
    rows = indices(waiting & context.low & of_its_size)
    words = (
        f"a request that passed among others that failed was sent to the {suspect.side} side again, twice: "
        f"{len(moved)} of its texts got other vectors than before, the same both times, 1 - cosine up to "
        f"{1 - since.min():.2g}; {len(rows)} failing samples fail by no more than that, so something in "
        "between changed the state of the side"
    )
    tried = f"the same request sent to the {suspect.side} side again, compared with its first response"
    evidence = context.evidence(moved.tolist(), lambda _: tried, since)
    return FoundCause(CauseName.HISTORY, words, Confidence.LIKELY, rows, evidence, side=suspect.side)


def _same(before: "list[Vector] | list[Vector | None]", after: "list[Vector | None]") -> Float64:
    """Return the cosine of each pair of vectors; NaN where one of them is missing."""
    return np.array(
        [
            np.nan if one is None or two is None else pair_cosine(one, two)
            for one, two in zip(before, after, strict=True)
        ],
        np.float64,
    )


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
    """Return the findings without those whose own edits let the sides agree on none of the texts asked for.

    A property that separates failing texts by chance is refuted so: the text fails without the property as well, or it
    passes in any other spelling. What cannot be edited away, or cannot be asked for, stays as it is.
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
        if (asked := [_depends(context, spelt[row], one.name) for row in examples[place] if row in spelt])
        and all(answer is False for answer in asked)
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
