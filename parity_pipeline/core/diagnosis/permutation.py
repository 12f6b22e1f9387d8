"""Right vectors on wrong rows: permutations, and rows moved up behind a blank text.

Here belong finding the row that each vector belongs to, and naming the pattern. A row that
holds the vector of a text it turns into by an edit (lower case, trimming) is not a wrong row: that belongs to `edits`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import (
    DiagnosisContext,
    FoundCause,
    Mask,
    counted,
    indices,
    pair_cosine,
    row_cosines,
)
from parity_pipeline.core.diagnosis.edits import are_edited_pair
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows
from parity_pipeline.core.diagnosis.request_budget import NO_BUDGET, RequestBudget, Suspect
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import Float64
from parity_pipeline.core.outcomes import Side

SEARCHED: Final = 2000
"""Failing rows that are searched for; against 5,000 rows of 768 dimensions that is two seconds."""

_BLOCK: Final = 256

_EQUAL: Final = 1e-6
"""Largest difference of cosines between equal vectors: float32 sums stray by less."""

_STEADY: Final = 3
"""Rows from which on a common step is looked for."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """Rows that hold another row's vector: `rows[i]` holds that of `sources[i]`, with a cosine of `after[i]`.

    Attributes:
        rows: The rows.
        sources: Whose vectors they hold.
        after: The cosines.
        steady: Whether most of them moved by one step within their requests, which depends on places and not on texts.
    """

    rows: Rows
    sources: Rows
    after: Float64
    steady: bool = False

    @property
    def closed(self) -> bool:
        """Say whether the rows exchanged their vectors among themselves, so that none is lost and none comes twice."""
        return set(self.rows.tolist()) == set(self.sources.tolist())


def find_permutation(context: DiagnosisContext, waiting: Mask, budget: RequestBudget | None = None) -> list[FoundCause]:
    """Return permuted and shifted rows; empty where no failing row holds another row's vector.

    Rows that did not move by one step are sent again alone, if that is allowed: what still holds another's vector there
    was not moved within its request.
    """
    rows = indices(waiting & context.low)[:SEARCHED]
    if not context.same_width or not context.legacy.shape[1] or not len(rows) or context.vague:
        return []
    moved = _steady(context, rows, _nearest(context, rows))
    if not moved.steady:
        moved = _without_copies(context, moved)
    if not len(moved.rows):
        return []
    finding = _named(context, moved)
    return [finding] if moved.steady else _controlled(context, finding, moved, budget or NO_BUDGET)


def _without_copies(context: DiagnosisContext, moved: _Moved) -> _Moved:
    """Leave out rows that hold the vector of a row which has it too, and rightly: that is a collision and no move."""
    kept = ~context.passing[moved.sources]
    return _Moved(moved.rows[kept], moved.sources[kept], moved.after[kept])


def _controlled(
    context: DiagnosisContext, finding: FoundCause, moved: _Moved, budget: RequestBudget
) -> list[FoundCause]:
    """Return the finding with what its first row showed alone, on the side where that is right; none if it is on neither."""
    row = int(moved.rows[0])
    refuted = 0
    for suspect in Suspect.both(context):
        if not budget.allows(suspect.side):
            continue
        (vector,) = budget.embed(suspect.side, [context.text_of(row)])
        if vector is None:
            continue
        if pair_cosine(suspect.vectors[row], vector) < context.threshold:
            words = f"{finding.words}; sent to the {suspect.side} side alone, the first of them got another vector"
            return [replace(finding, words=words, side=suspect.side)]
        refuted += 1
    if refuted == len(Side):
        return []
    return [finding if moved.closed else replace(finding, confidence=Confidence.LIKELY)]


def find_collisions(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return rows whose text shares its vector with another text on one side, while the other side distinguishes them."""
    found: list[FoundCause] = []
    left = waiting & context.low
    for suspect in Suspect.both(context) if context.same_width and not context.vague else ():
        shared = shared_vectors(context, suspect, indices(left))
        if not shared:
            continue
        rows = np.array(sorted(shared), np.intp)
        words = (
            f"the {suspect.side} side gives {counted(len(rows), 'failing sample')} the vector of another text, which the "
            f"{suspect.other} side keeps apart, as a tokenizer that reads both alike does, or a cache whose key they share"
        )
        evidence = context.evidence(
            rows.tolist(), lambda row, shared=shared: f"the vector of sample {context.id_of(shared[row])}"
        )
        found.append(FoundCause(CauseName.COLLISION, words, Confidence.LIKELY, rows, evidence, side=suspect.side))
        left[rows] = False
    return found


def shared_vectors(context: DiagnosisContext, suspect: Suspect, rows: Rows) -> dict[int, int]:
    """Return for each row that shares its vector on a side with another text of the set one such row."""
    shared: dict[int, int] = {}
    for row in rows[:SEARCHED].tolist():
        alike = np.flatnonzero(suspect.vectors @ suspect.vectors[row] >= 1.0 - _EQUAL)
        apart = alike[(suspect.truth[alike] @ suspect.truth[row] < context.threshold) & context.truthful[alike]]
        texts = [int(one) for one in apart if not are_edited_pair(context.text_of(row), context.text_of(int(one)))]
        if texts:
            shared[row] = texts[0]
    return shared


def _nearest(context: DiagnosisContext, rows: Rows) -> _Moved:
    """Find for each row the legacy row whose vector the candidate's is nearest to."""
    sources, after = np.zeros(len(rows), np.intp), np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        near = context.candidate[rows[part]] @ context.legacy.T
        # Among equal vectors the neighbour in the request is the likelier source.
        far = np.abs(context.ordinals[rows[part]][:, None] - context.ordinals[None, :])
        best = np.where(near >= near.max(axis=1, keepdims=True) - _EQUAL, far, context.ordinals[-1] + 1).argmin(axis=1)
        sources[part] = best
        after[part] = row_cosines(context.candidate[rows[part]], context.legacy[best])
    return _Moved(rows, sources, after)


def _steady(context: DiagnosisContext, rows: Rows, nearest: _Moved) -> _Moved:
    """Keep the rows that hold another's vector; where most moved by one step, edited pairs and changed vectors too.

    Changed are vectors that something else was done to as well: they are nearest to that of the row one step further
    on, though not equal to it.
    """
    strange = np.array(
        [
            not are_edited_pair(context.text_of(row), context.text_of(source))
            for row, source in zip(rows.tolist(), nearest.sources.tolist(), strict=True)
        ],
        np.bool_,
    )
    real = strange & (nearest.after >= context.near)
    sources, after = nearest.sources.copy(), nearest.after.copy()
    step = _common_step(context, rows[strange], sources[strange], len(rows))
    whole = step is not None
    if not whole:
        step = _common_step(context, rows[real], sources[real], int(real.sum()))
    if step is not None:
        expected = _stepped(context, rows, step)
        cosines = row_cosines(context.candidate[rows], context.legacy[expected])
        fits = cosines >= context.threshold
        if whole:
            fits |= strange & (nearest.sources == expected)
        sources, after, real = np.where(fits, expected, sources), np.where(fits, cosines, after), real | fits
    return _Moved(rows[real], sources[real], after[real], steady=step is not None)


def _common_step(context: DiagnosisContext, rows: Rows, sources: Rows, among: int) -> int | None:
    """Return by how many places more than half of `among` rows moved within their requests; None for no such step."""
    inside = context.ordinals[sources] // _batch(context) == context.ordinals[rows] // _batch(context)
    rows, sources = rows[inside], sources[inside]
    if len(rows) < _STEADY:
        return None
    steps, counts = np.unique(
        (context.ordinals[sources] - context.ordinals[rows]) % _sizes(context, rows), return_counts=True
    )
    step = int(steps[counts.argmax()])
    return step if step and counts.max() > among / 2 else None


def _batch(context: DiagnosisContext) -> int:
    return max(1, context.subject.batch_size)


def _stepped(context: DiagnosisContext, rows: Rows, step: int) -> Rows:
    """Return the rows that lie a step further on in the same request; a row itself where that one is not in the set."""
    batch = _batch(context)
    first = context.ordinals[rows] // batch * batch
    wanted = first + (context.ordinals[rows] - first + step) % _sizes(context, rows)
    place = np.minimum(np.searchsorted(context.ordinals, wanted), context.size - 1)
    return np.where(context.ordinals[place] == wanted, place, rows)


def _sizes(context: DiagnosisContext, rows: Rows) -> Rows:
    """Return how many texts the request of each row held."""
    batch = _batch(context)
    return np.minimum(batch, int(context.ordinals[-1]) + 1 - context.ordinals[rows] // batch * batch)


def _named(context: DiagnosisContext, moved: _Moved) -> FoundCause:
    shift = _shift_after_blank(context, moved)
    name, words = shift or (CauseName.PERMUTED_ROWS, _permutation(context, moved))
    sources = dict(zip(moved.rows.tolist(), moved.sources.tolist(), strict=True))
    evidence = context.evidence(
        moved.rows.tolist(),
        lambda row: f"the {Side.LEGACY} vector of sample {context.id_of(sources[row])}",
        moved.after,
    )
    changed = int((moved.after < context.threshold).sum())
    if changed:
        words += f"; {changed} of them are nearest to that vector and differ from it as well"
    return FoundCause(name, words, Confidence.PROVEN, moved.rows, evidence, sources=moved.sources)


def _steps(context: DiagnosisContext, moved: _Moved) -> Rows:
    return context.ordinals[moved.sources] - context.ordinals[moved.rows]


def _shift_after_blank(context: DiagnosisContext, moved: _Moved) -> tuple[CauseName, str] | None:
    """Return name and words where rows hold a later row's vector from a blank text on, by a steady or growing step."""
    steps = _steps(context, moved)
    # Where the legacy side left a row out, its vectors are those of rows further on, and the candidate's of rows before.
    side = Side.CANDIDATE if (steps > 0).mean() >= (steps < 0).mean() else Side.LEGACY
    forward = steps > 0 if side is Side.CANDIDATE else steps < 0
    # The last rows of a request have nobody behind them: they hold what was repeated there.
    if not forward.any() or forward.mean() < 0.5 or not _starts_at_blank(context, moved.rows[forward]):
        return None
    one = abs(int(np.median(steps[forward])))
    words = (
        f"{len(moved.rows)} rows behind a blank text hold the vector of a row further on on the {side} side, most by {one}: "
        "the blank's row was left out and the rest moved up"
    )
    return CauseName.SHIFTED_ROWS, words


def _starts_at_blank(context: DiagnosisContext, rows: Rows) -> bool:
    """Say whether in each request with moved rows a blank text begins them.

    Between the blank and the first row that is known to have moved, rows may fail for another reason as well, so that
    nobody knows whose vector they hold; none of them passes.
    """
    batches = context.ordinals[rows] // _batch(context)
    blank = [_follows_blank(context, int(rows[batches == batch][0]), int(batch)) for batch in np.unique(batches)]
    return bool(np.mean(blank) > 0.5)


def _follows_blank(context: DiagnosisContext, row: int, batch: int) -> bool:
    for near in range(row, -1, -1):
        if context.ordinals[near] // _batch(context) != batch:
            return False
        if not context.text_of(near).strip():
            return True
        if near != row and context.passing[near]:
            return False
    return False


def _permutation(context: DiagnosisContext, moved: _Moved) -> str:
    """Return the words that name the pattern: swaps, a rotation, cycles, or rows that merely hold another's vector."""
    start = f"{counted(len(moved.rows), 'row')} of {context.size} hold the {Side.LEGACY} side's vector of another row"
    links = dict(zip(moved.rows.tolist(), moved.sources.tolist(), strict=True))
    lengths = _cycles(links) if moved.closed else []
    if lengths and set(lengths) == {2}:
        return f"{start}: {counted(len(lengths), 'swap')} of two rows"
    steps = set((_steps(context, moved) % _sizes(context, moved.rows)).tolist())
    if len(steps) == 1 and len(moved.rows) >= _STEADY:
        return f"{start}: the rows of each request are rotated by {steps.pop()}"
    if lengths:
        return f"{start}: {counted(len(lengths), 'cycle')} of {min(lengths)} to {max(lengths)} rows"
    return f"{start}; some vectors come twice or not at all, so it is more than an exchange"


def _cycles(links: dict[int, int]) -> list[int]:
    """Return the lengths of the cycles of a permutation."""
    lengths: list[int] = []
    open_rows = set(links)
    while open_rows:
        row, length = open_rows.pop(), 1
        while links[row] in open_rows:
            row = links[row]
            open_rows.discard(row)
            length += 1
        lengths.append(length)
    return lengths


def undo_permutation(context: DiagnosisContext, found: Sequence[FoundCause]) -> tuple[DiagnosisContext, Mask] | None:
    """Return the comparison with moved rows put right, and which rows of it still fail; None where none does.

    Args:
        context: The comparison as it came.
        found: What was found in it; permuted rows say whose vectors they hold.
    """
    moved = next((one for one in found if one.name is CauseName.PERMUTED_ROWS and one.sources is not None), None)
    if moved is None or moved.sources is None:
        return None
    order = np.arange(context.size)
    order[moved.sources] = moved.rows
    righted = DiagnosisContext(replace(context.subject, candidate=_in_order(context.subject.candidate, order)))
    own = np.zeros(context.size, np.bool_)
    own[moved.sources] = True
    # a row that passed as it came has no cause, wherever its vector belongs
    left = righted.low & own & context.failing
    return (righted, left) if left.any() else None


def _in_order(side: FetchedRows, order: Rows) -> FetchedRows:
    """Return the rows of a side with the vectors in another order; the ids stay."""
    rows = order.tolist()
    values = [side.values[side.offsets[row] : side.offsets[row + 1]] for row in rows]
    return replace(
        side,
        values=np.concatenate([np.empty(0, np.float32), *values]),
        offsets=np.concatenate([[0], np.cumsum(side.dimensions()[order])]).astype(np.int32),
        status=[side.status[row] for row in rows],
        http_status=[side.http_status[row] for row in rows],
        errors=[side.errors[row] for row in rows],
        request_ids=[side.request_ids[row] for row in rows],
        latency_ms=[side.latency_ms[row] for row in rows],
    )
