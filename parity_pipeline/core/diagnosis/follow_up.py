"""The very same text or request sent again, and the same text in other spellings.

Here belong causes that no property of a text shows: what was in flight beside it, what came before it, chance; and two
readings of a text sent in other spellings. One that changes next to nothing for a sound side and cures the other shows a
vector that depends on the exact text, as a cached one does; an edit that alone cures it shows on which property it depends.
Which edit a side *makes* is settled earlier, by `counterfactuals`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

_FEWEST: Final = 2
"""Rows of a request that have to come out otherwise before a side is said to have changed."""


def find_circumstances(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return what a failing text shows when it is sent again, alone: "batch, load or history", or "not deterministic".

    The first where a side now gives the other side's vector, the second where it gives neither that nor its own of
    before, and the same request twice gives two vectors.
    """
    rows = indices(waiting & context.low)
    if not context.same_width or not len(rows):
        return []
    for suspect in Suspect.both(context):
        good, last = _sent_alone(context, suspect, rows, budget)
        if last is None and good:
            return [_circumstance(context, suspect, rows, good)]
        if last is not None and pair_cosine(suspect.vectors[last[0]], last[1]) < context.threshold:
            chance = _unsteady(context, suspect, rows, budget)
            if chance:
                return chance
    return []


def _sent_alone(
    context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget
) -> tuple[dict[int, float], tuple[int, Vector] | None]:
    """Send a side up to three failing texts, each alone, until one does not get the other side's vector.

    Returns:
        Rows that got it, with the cosine; and the row that did not, with the vector that it got, or else with its own
        vector of before.
    """
    truth = context.legacy if suspect.side is Side.CANDIDATE else context.candidate
    good: dict[int, float] = {}
    for row in dict.fromkeys(int(rows[place]) for place in (0, len(rows) // 2, len(rows) - 1)):
        if not budget.allows(suspect.side):
            break
        vector = budget.embed(suspect.side, [context.text_of(row)])[0]
        if vector is None:
            return good, (row, suspect.vectors[row])
        cosine = pair_cosine(truth[row], vector)
        if cosine < context.near:
            return good, (row, vector)
        good[row] = cosine
    return good, None


def _circumstance(context: DiagnosisContext, suspect: Suspect, rows: Rows, good: dict[int, float]) -> FoundCause:
    words = (
        f"the {suspect.side} side returned the {suspect.other} side's vector for {len(good)} of {len(rows)} failing "
        "texts when each was sent again, alone: what fails depends on the batch, the load or what came before"
    )
    after = np.array(list(good.values()))
    evidence = context.evidence(list(good), lambda _: f"sent to the {suspect.side} side again, alone", after)
    return FoundCause(CauseName.CIRCUMSTANCES, words, Confidence.LIKELY, rows, evidence)


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
    return [FoundCause(CauseName.NOT_DETERMINISTIC, words, Confidence.PROVEN, np.array(strayed, np.intp), evidence)]


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
    return FoundCause(CauseName.HISTORY, words, Confidence.LIKELY, rows, evidence)


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


def _spellings(context: DiagnosisContext, examples: Sequence[int], budget: RequestBudget) -> dict[int, list[_Spelling]]:
    variants: dict[tuple[int, str], tuple[str, Edit | None]] = {}
    for row in examples:
        text = context.text_of(row)
        changes = [("", None, text), *((words, None, change(text)) for words, change in _NEUTRAL)]
        changes += [(edit.words, edit, edit.apply(text)) for edit in EDITS]
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
    return FoundCause(CauseName.STALE_CACHE, words, Confidence.POSSIBLE, np.array([row], np.intp), evidence)


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
