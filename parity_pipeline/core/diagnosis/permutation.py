"""Right vectors on wrong rows: permutations, and rows moved up behind a blank text.

Here belong finding whose vector a row holds, and giving the pattern a name. A row that holds the vector of a text it
turns into by an edit (lower case, trimming) is no wrong row: that belongs to `edits`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, counted, indices, row_cosines
from parity_pipeline.core.diagnosis.edits import are_edited_pair
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.metrics import Float64
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
    """Rows that hold another row's vector: `rows[i]` holds that of `sources[i]`, with a cosine of `after[i]`."""

    rows: Rows
    sources: Rows
    after: Float64


def find_permutation(scene: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return permuted and shifted rows; empty where no failing row holds another row's vector."""
    rows = indices(waiting & scene.low)[:SEARCHED]
    if not scene.same_width or not scene.legacy.shape[1] or not len(rows):
        return []
    moved = _steady(scene, rows, _nearest(scene, rows))
    return [_named(scene, moved)] if len(moved.rows) else []


def _nearest(scene: DiagnosisContext, rows: Rows) -> _Moved:
    """Find for each row the legacy row whose vector the candidate's is nearest to."""
    sources, after = np.zeros(len(rows), np.intp), np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        near = scene.candidate[rows[part]] @ scene.legacy.T
        # Among equal vectors the neighbour in the request is the likelier source.
        far = np.abs(scene.ordinals[rows[part]][:, None] - scene.ordinals[None, :])
        best = np.where(near >= near.max(axis=1, keepdims=True) - _EQUAL, far, scene.ordinals[-1] + 1).argmin(axis=1)
        sources[part] = best
        after[part] = row_cosines(scene.candidate[rows[part]], scene.legacy[best])
    return _Moved(rows, sources, after)


def _steady(scene: DiagnosisContext, rows: Rows, nearest: _Moved) -> _Moved:
    """Keep the rows that hold another's vector; where most moved by one step, twins and changed vectors are read so too.

    Changed are vectors that something else was done to as well: they are nearest to that of the row a step further on,
    though not equal to it.
    """
    strange = np.array(
        [
            not are_edited_pair(scene.text_of(row), scene.text_of(source))
            for row, source in zip(rows.tolist(), nearest.sources.tolist(), strict=True)
        ],
        np.bool_,
    )
    real = strange & (nearest.after >= scene.near)
    sources, after = nearest.sources.copy(), nearest.after.copy()
    step = _common_step(scene, rows[strange], sources[strange], len(rows))
    whole = step is not None
    if not whole:
        step = _common_step(scene, rows[real], sources[real], int(real.sum()))
    if step is not None:
        expected = _stepped(scene, rows, step)
        cosines = row_cosines(scene.candidate[rows], scene.legacy[expected])
        fits = cosines >= scene.threshold
        if whole:
            fits |= strange & (nearest.sources == expected)
        sources, after, real = np.where(fits, expected, sources), np.where(fits, cosines, after), real | fits
    return _Moved(rows[real], sources[real], after[real])


def _common_step(scene: DiagnosisContext, rows: Rows, sources: Rows, among: int) -> int | None:
    """Return by how many places more than half of `among` rows moved within their requests; None for no such step."""
    inside = scene.ordinals[sources] // _batch(scene) == scene.ordinals[rows] // _batch(scene)
    rows, sources = rows[inside], sources[inside]
    if len(rows) < _STEADY:
        return None
    steps, counts = np.unique(
        (scene.ordinals[sources] - scene.ordinals[rows]) % _sizes(scene, rows), return_counts=True
    )
    step = int(steps[counts.argmax()])
    return step if step and counts.max() > among / 2 else None


def _batch(scene: DiagnosisContext) -> int:
    return max(1, scene.subject.batch_size)


def _stepped(scene: DiagnosisContext, rows: Rows, step: int) -> Rows:
    """Return the rows that lie a step further on in the same request; a row itself where that one is not in the set."""
    batch = _batch(scene)
    first = scene.ordinals[rows] // batch * batch
    wanted = first + (scene.ordinals[rows] - first + step) % _sizes(scene, rows)
    place = np.minimum(np.searchsorted(scene.ordinals, wanted), scene.size - 1)
    return np.where(scene.ordinals[place] == wanted, place, rows)


def _sizes(scene: DiagnosisContext, rows: Rows) -> Rows:
    """Return how many texts the request of each row held."""
    batch = _batch(scene)
    return np.minimum(batch, int(scene.ordinals[-1]) + 1 - scene.ordinals[rows] // batch * batch)


def _named(scene: DiagnosisContext, moved: _Moved) -> FoundCause:
    shift = _shift_after_blank(scene, moved)
    name, words = shift or (CauseName.PERMUTED_ROWS, _permutation(scene, moved))
    sources = dict(zip(moved.rows.tolist(), moved.sources.tolist(), strict=True))
    evidence = scene.evidence(
        moved.rows.tolist(), lambda row: f"the {Side.LEGACY} vector of sample {scene.id_of(sources[row])}", moved.after
    )
    changed = int((moved.after < scene.threshold).sum())
    if changed:
        words += f"; {changed} of them are nearest to that vector and differ from it as well"
    return FoundCause(name, words, Confidence.PROVEN, moved.rows, evidence, sources=moved.sources)


def _steps(scene: DiagnosisContext, moved: _Moved) -> Rows:
    return scene.ordinals[moved.sources] - scene.ordinals[moved.rows]


def _shift_after_blank(scene: DiagnosisContext, moved: _Moved) -> tuple[CauseName, str] | None:
    """Return name and words where rows hold a later row's vector from a blank text on, by a steady or growing step."""
    steps = _steps(scene, moved)
    forward = steps > 0
    # The last rows of a request have nobody behind them: they hold what was repeated there.
    if not forward.any() or forward.mean() < 0.5 or not _starts_at_blank(scene, moved.rows[forward]):
        return None
    one = int(np.median(steps[forward]))
    words = (
        f"{len(moved.rows)} rows behind a blank text hold the vector of a row further on, most by {one}: "
        "the blank's row was left out and the rest moved up"
    )
    return CauseName.SHIFTED_ROWS, words


def _starts_at_blank(scene: DiagnosisContext, rows: Rows) -> bool:
    """Say whether in each request with moved rows the first of them is blank, or follows one that is."""
    batches = scene.ordinals[rows] // _batch(scene)
    firsts = [int(rows[batches == batch][0]) for batch in np.unique(batches)]
    blank = [any(not scene.text_of(near).strip() for near in range(max(0, row - 1), row + 1)) for row in firsts]
    return bool(np.mean(blank) > 0.5)


def _permutation(scene: DiagnosisContext, moved: _Moved) -> str:
    """Return the words that name the pattern: swaps, a rotation, cycles, or rows that merely hold another's vector."""
    told = f"{counted(len(moved.rows), 'row')} of {scene.size} hold the {Side.LEGACY} side's vector of another row"
    links = dict(zip(moved.rows.tolist(), moved.sources.tolist(), strict=True))
    lengths = _cycles(links) if set(links) == set(links.values()) else []
    if lengths and set(lengths) == {2}:
        return f"{told}: {counted(len(lengths), 'swap')} of two rows"
    steps = set((_steps(scene, moved) % _sizes(scene, moved.rows)).tolist())
    if len(steps) == 1 and len(moved.rows) >= _STEADY:
        return f"{told}: the rows of each request are rotated by {steps.pop()}"
    if lengths:
        return f"{told}: {counted(len(lengths), 'cycle')} of {min(lengths)} to {max(lengths)} rows"
    return f"{told}; some vectors come twice or not at all, so it is no mere exchange"


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


def undo_permutation(scene: DiagnosisContext, found: Sequence[FoundCause]) -> tuple[DiagnosisContext, Mask] | None:
    """Return the comparison with moved rows put right, and which rows of it still fail; None where none does.

    Args:
        scene: The comparison as it came.
        found: What was found in it; permuted rows say whose vectors they hold.
    """
    moved = next((one for one in found if one.name is CauseName.PERMUTED_ROWS and one.sources is not None), None)
    if moved is None or moved.sources is None:
        return None
    order = np.arange(scene.size)
    order[moved.sources] = moved.rows
    righted = DiagnosisContext(replace(scene.subject, candidate=_in_order(scene.subject.candidate, order)))
    own = np.zeros(scene.size, np.bool_)
    own[moved.sources] = True
    # a row that passed as it came has no cause, wherever its vector belongs
    left = righted.low & own & scene.failing
    return (righted, left) if left.any() else None


def _in_order(side: FetchedRows, order: Rows) -> FetchedRows:
    """Return the rows of a side with the answers in another order; the ids stay."""
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
