"""Diagnose a date and model: why samples fail, with evidence, and collisions that one side alone has.

Here belongs the step from the stored lanes to the core's diagnosis, and the few requests it may send. A gateway that
does not respond leaves causes open and fails nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from parity_pipeline.core.collisions import OneSided, one_sided, scan
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import Diagnosis, DiagnosisInput, FollowUpQueries, Vector
from parity_pipeline.core.diagnosis.wrong_model import known_vectors
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import Matrix32, grade
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.row_selection import (
    FailingRows,
    Ordinals,
    chosen_rows,
    matrix_of,
    picked_rows,
)
from parity_pipeline.core.stability.analysis import for_diagnosis
from parity_pipeline.steps.confirm_rows import picked_samples, stored_confirmation
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.steps.measure_repeatability import stored_repeatability
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import write_diagnosis
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

ROWS: Final = 4000
"""Largest number of samples that a diagnosis holds in memory, failing and passing ones together."""

REQUESTS: Final = 12
"""Request budget: extra requests to both sides together. A date without a failing sample sends none."""

KNOWN_TEXTS: Final = 16
"""Failing texts that are sent to the other models, to recognise one of them."""

_AGREEING: Final = (Outcome.MATCH, Outcome.REFUSED_BY_BOTH)


def diagnose_failures(run: RunContext, day: str, model: str, log: Callable[[str], None]) -> Diagnosis | None:
    """Diagnose a date and model, store the result, and return it; None without paired lanes or where the search broke.

    `log` is called within an exception handler with a line, where the search broke: the verdict is given without it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
    """
    parity = stored(run.layout.parity(day, model), ParityFile)
    samples = stored(run.layout.samples(day, model), Path)
    lanes = [stored(run.layout.embeddings(side, day, model), Path) for side in Side]
    try:
        found = _found(run, parity, samples, lanes, day, model) if parity.rows else None
    except Exception:  # noqa: BLE001 - whatever breaks the search must not cost the date its verdict
        log("the search for a cause broke; the verdict is given without one")
        found = None
    write_diagnosis(run.layout.diagnosis(day, model), found, parity.header)
    return found


def _found(
    run: RunContext, parity: ParityFile, samples: Path, lanes: Sequence[Path], day: str, model: str
) -> Diagnosis:
    confirmation = stored_confirmation(run, parity.header, day, model)
    failing, excused = _failing_rows(run, parity, confirmation.excuses if confirmation else frozenset())
    batch = max(1, run.gateways[Side.LEGACY].config().batch_texts)
    chosen = np.setdiff1d(chosen_rows(failing.ordinals, parity.rows, batch=batch, limit=ROWS), excused)
    picked = picked_samples(SampleSetFile(samples), chosen)
    legacy, candidate = (picked_rows(chosen, EmbeddingsFile(lane).blocks()) for lane in lanes)
    comparison = DiagnosisInput(
        samples=picked,
        legacy=legacy,
        candidate=candidate,
        thresholds=run.thresholds,
        batch_size=batch,
        ordinals=[int(ordinal) for ordinal in chosen],
        known=_other_models(run, parity.header, picked, chosen, failing.ordinals, model) if failing.total else {},
    )
    follow_up = FollowUpQueries(
        legacy=_embedder_of(run, parity.header, Side.LEGACY, model),
        candidate=_embedder_of(run, parity.header, Side.CANDIDATE, model),
        requests=REQUESTS,
        texts=batch,
    )
    measured = stored_repeatability(run, parity.header, day, model).tried
    experiments = [one for side in measured for one in for_diagnosis(side)]
    result = diagnose(comparison, experiments, follow_up if failing.total else None)
    return replace(result, failing=failing.total, collisions=collisions_of(legacy, candidate))


def _failing_rows(run: RunContext, parity: ParityFile, excuses: Collection[str]) -> tuple[FailingRows, list[int]]:
    """Return the failing rows, and apart the ordinals of those that did not persist: nothing of theirs is to be explained."""
    failing, excused = FailingRows(ROWS // 2), list[int]()
    for rows in parity.blocks():
        for index, outcome in enumerate(grade(rows, run.thresholds).outcomes):
            if rows.ids[index] in excuses:
                excused.append(rows.start + index)
            elif outcome not in _AGREEING:
                failing.add(rows.start + index)
    return failing, excused


def _other_models(
    run: RunContext,
    header: ParityHeader,
    picked: SampleBlock,
    chosen: Ordinals,
    failing: Sequence[int],
    model: str,
) -> Mapping[str, Matrix32]:
    """Return what the other models of either side give for some failing texts, to recognise a wrong model."""
    rows = [int(row) for row in np.searchsorted(chosen, failing[:KNOWN_TEXTS])]
    texts = [picked.texts[row] for row in rows]
    known: dict[str, Matrix32] = {}
    for other in run.models:
        for side in Side if other != model else ():
            vectors = known_vectors(_embedder_of(run, header, side, other), texts, rows, len(picked.ids))
            if vectors is not None:
                known[f"{other!r} of the {side} side"] = vectors
    return known


def _embedder_of(
    run: RunContext, header: ParityHeader, side: Side, model: str
) -> Callable[[Sequence[str]], Sequence[Vector | None]]:
    """Return what embeds texts; a side whose lane stopped early is sent nothing, for each request may be a time-out."""
    if any(lane.stopped_early for lane in header.sides if lane.side is side):
        return lambda texts: [None] * len(texts)
    return embedder(run.gateways[side], model)


def embedder(gateway: Gateway, model: str) -> Callable[[Sequence[str]], Sequence[Vector | None]]:
    """Return a function that embeds texts; None for what is refused, all None where the side cannot be used."""

    def ask(texts: Sequence[str]) -> Sequence[Vector | None]:
        try:
            return gateway.embed(model, texts)
        except ParityError:
            return [None] * len(texts)

    return ask


def collisions_of(legacy: FetchedRows, candidate: FetchedRows) -> tuple[OneSided, ...]:
    """Return the collisions that one side alone has, among rows of the usual dimension on both sides."""
    widths = [int(np.bincount(rows.dimensions()).argmax()) if len(rows) else 0 for rows in (legacy, candidate)]
    if not all(widths):
        return ()
    matrices = [matrix_of(rows, width) for rows, width in zip((legacy, candidate), widths, strict=True)]
    both = np.flatnonzero(np.all([np.any(matrix, axis=1) for matrix in matrices], axis=0))
    if not len(both):
        return ()
    ids = [legacy.ids[int(row)] for row in both]
    left, right = (matrix[both] for matrix in matrices)
    found = one_sided(Side.LEGACY, scan(left, ids), right, ids), one_sided(Side.CANDIDATE, scan(right, ids), left, ids)
    return tuple(one for one in found if one.groups)
