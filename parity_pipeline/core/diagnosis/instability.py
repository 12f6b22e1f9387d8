"""Causes that lie in how a side behaves and not in a text: its repeatability, and texts that were sent again.

Here belong reading the results of experiments, sending failing texts again in other company and alone, and what came before
them: history and chance. Running the experiments belongs to whoever can send requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.records import (
    CauseName,
    Confidence,
    Evidence,
    Experiment,
    ExperimentName,
    Rows,
    Vector,
)
from parity_pipeline.core.diagnosis.request_budget import RequestBudget, Suspect
from parity_pipeline.core.diagnosis.text_split import CHANCE, chance_of
from parity_pipeline.core.measures import Float64
from parity_pipeline.core.outcomes import Side

_SAME_SIZE: Final = 4.0
"""How many times the measured drift a failing row's own 1 - cosine may be and still be of its size."""

_HALVED: Final = 0.5
"""Share of a text's 1 - cosine that may be left where it came right."""

_FEWEST: Final = 2
"""Rows of a request that have to come out otherwise before a side is said to have changed."""


@dataclass(slots=True)
class SentAgain:
    """What failing texts showed when a side got them again: in other company, and then alone.

    Attributes:
        right: Rows that got the other side's vector, with the cosine, by the side they were sent to.
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

    Each row is judged by itself, so that rows that failed once are kept apart from rows that always fail.
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
        # At the threshold itself a row may come out on either side of it; that does not make another vector.
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


_MEANING: Final[Mapping[ExperimentName, tuple[CauseName, str]]] = {
    ExperimentName.REPEATS: (CauseName.NOT_DETERMINISTIC, "returns different vectors for the same request"),
    ExperimentName.ALONE_VS_BATCH: (CauseName.BATCH_SIZE, "returns different vectors for a text alone and in a batch"),
    ExperimentName.SHUFFLED: (
        CauseName.BATCH_SIZE,
        "returns different vectors for a text beside other texts of the batch",
    ),
    ExperimentName.CONCURRENCY: (CauseName.CONCURRENCY, "returns different vectors while other requests are in flight"),
    ExperimentName.EQUAL_LENGTH_LOAD: (CauseName.EQUAL_LENGTH, "mixes up texts of equal length under load"),
    ExperimentName.CANARIES: (CauseName.HISTORY, "returns different vectors for the same texts after other texts came"),
    ExperimentName.SALTED_VS_REPEATED: (
        CauseName.STALE_CACHE,
        "returns different vectors for repeated texts and for new ones",
    ),
}

_GENERAL: Final = tuple(_MEANING)
"""Which experiment is believed first: one that needs least to go wrong contains those after it."""


_COMPANY: Final = frozenset({CauseName.BATCH_SIZE, CauseName.CONCURRENCY, CauseName.EQUAL_LENGTH})
"""Causes that lie in the texts or requests beside a text: alone it would be right."""


def find_instability(
    context: DiagnosisContext,
    waiting: Mask,
    alike: Mask,
    experiments: Sequence[Experiment],
    again: SentAgain,
) -> list[FoundCause]:
    """Return a cause for each experiment in which a side strayed from itself by more than the threshold allows.

    Args:
        context: The comparison.
        waiting: Rows that wait for a cause; those that changed in the experiment itself are explained.
        alike: Those of them that no property of theirs sets apart; they are explained where they fail by no more than
            the experiment's worst.
        experiments: What was tried.
        again: What failing texts showed when they were sent again. Company is blamed for none of a side whose texts
            fail alone as well, and for a proven cause they have to be right alone.

    A side that repeats of one request already change is called not deterministic, and the other experiments on it,
    which repeats affect as well, are left out unless they strayed ten times as far.
    """
    allowed = 1.0 - context.threshold
    strayed = sorted((one for one in experiments if one.worst > allowed), key=lambda one: _GENERAL.index(one.name))
    causes: dict[tuple[str, CauseName], FoundCause] = {}
    noisy: dict[str, float] = {}
    for one in strayed:
        name = _MEANING[one.name][0]
        if one.worst < 10 * noisy.get(one.side, 0.0) or (one.side, name) in causes:
            continue
        if one.name is ExperimentName.REPEATS:
            noisy[one.side] = one.worst
        causes[one.side, name] = _cause(context, waiting, alike, one, again)
    return list(causes.values())


def _cause(context: DiagnosisContext, waiting: Mask, alike: Mask, one: Experiment, again: SentAgain) -> FoundCause:
    name, meaning = _MEANING[one.name]
    listed = np.isin(np.array(context.ids, dtype=np.str_), np.array(list(one.affected), dtype=np.str_))
    with np.errstate(invalid="ignore"):
        of_its_size = 1.0 - context.cosine <= _SAME_SIZE * one.worst
    if name in _COMPANY and again.alone.get(one.side):
        waiting = alike = _only(waiting, again.right.get(one.side, {}))
    named = waiting & listed
    rows = indices(named | (alike & context.low & of_its_size))
    at = f" at {one.size_at_worst}" if one.size_at_worst else ""
    words = (
        f"the {one.side} side {meaning}: 1 - cosine of a text against itself up to {one.worst:.2g}{at}; "
        f"{int(named.sum())} failing samples changed in the experiment, {len(rows)} fail by no more than that explains"
    )
    tried = f"{one.side} against itself, {one.name}"
    evidence = [Evidence(sample=sample, tried=tried) for sample in one.affected]
    proven = len(rows) > 0 and int(named.sum()) == len(rows) and bool(of_its_size[rows].all())
    if name is not CauseName.NOT_DETERMINISTIC:
        right = again.right.get(one.side, {})
        proven = proven and all(row in right for row in rows.tolist())
    return FoundCause(name, words, Confidence.PROVEN if proven else Confidence.LIKELY, rows, evidence, side=one.side)


def _only(waiting: Mask, right: Mapping[int, float]) -> Mask:
    """Return the waiting rows that came right when they were sent again."""
    kept = np.zeros(len(waiting), np.bool_)
    kept[list(right)] = True
    return kept & waiting
