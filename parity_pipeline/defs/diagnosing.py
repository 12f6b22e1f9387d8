"""The asset `diagnosis`: why samples of a date and model fail, with evidence.

Here belongs the step from the stored lanes to the core's diagnosis, and the few requests it may send. A gateway that
does not answer leaves causes open and fails nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import dagster as dg
import numpy as np

from parity_pipeline.core.collisions import OneSided, one_sided, scan
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import Diagnosis, DiagnosisInput, Experiment, FollowUpQueries, Vector
from parity_pipeline.core.diagnosis.wrong_model import known_vectors
from parity_pipeline.core.diagnosis_sample import FailingRows, PickedSamples, chosen_rows, matrix_of, picked_rows
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.metrics import Matrix32
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.stability.analysis import for_diagnosis
from parity_pipeline.core.thresholds import grade
from parity_pipeline.defs.artifacts import LANES, Made, stored
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.metadata import diagnosis_metadata
from parity_pipeline.defs.noise import stability_of
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.resources import Gateway, RunContext
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import write_diagnosis
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

ROWS: Final = 4000
"""Largest number of samples that a diagnosis holds in memory, failing and passing ones together."""

REQUESTS: Final = 12
"""Largest number of extra requests to both sides together. A date without a failing sample sends none."""

KNOWN_TEXTS: Final = 16
"""Failing texts that are asked of the other models, to recognise one of them."""

_AGREEING: Final = (Outcome.MATCH, Outcome.REFUSED_BY_BOTH)


def diagnosis_asset(partitions: dg.PartitionsDefinition, owners: list[str], *, stability: bool) -> dg.AssetsDefinition:
    """Return the asset `diagnosis`.

    Args:
        partitions: Its partitions.
        owners: Its owners.
        stability: Whether there are stability assets, which then come first.
    """

    @dg.asset(
        deps=["samples", *LANES, "parity", *(dg.AssetKey([side.value, "stability"]) for side in Side if stability)],
        required_resource_keys={"probe", "legacy_gateway", "candidate_gateway"},
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "json"},
        owners=owners,
    )
    def diagnosis(context: dg.AssetExecutionContext) -> Made:
        """Why samples fail: causes in words with evidence, and collisions that one side alone has."""
        probe: RunContext = context.resources.probe
        day, model = split_key(context.partition_key)
        gateways = {side: getattr(context.resources, f"{side.value}_gateway") for side in Side}
        with explained():
            parity = stored(probe.layout.parity(day, model), ParityFile)
            legacy, candidate = (stored(probe.layout.embeddings(side, day, model), EmbeddingsFile) for side in Side)
            header = parity.header
            tried = stability_of(probe, header, day, model).tried
            work = Work(
                samples=stored(probe.layout.samples(day, model), SampleSetFile),
                lanes=(legacy, candidate),
                parity=parity,
                probe=probe,
                model=model,
                experiments=[one for side in tried for one in for_diagnosis(side)],
            )
            found = _found(work, gateways, context)
            with publishing(probe.layout.diagnosis(day, model)) as draft:
                write_diagnosis(draft, found, header)
        return Made(metadata=diagnosis_metadata(found))

    return diagnosis


def _found(work: "Work", gateways: Mapping[Side, Gateway], context: dg.AssetExecutionContext) -> Diagnosis | None:
    """Return the diagnosis; None, and reported in the log, where the search itself broke."""
    try:
        return work.diagnosed(gateways)
    except Exception:
        context.log.exception("the search for a cause broke; the verdict is given without one")
        return None


@dataclass(frozen=True, kw_only=True)
class Work:
    """One diagnosis: what is stored of a date and model, and under which thresholds it is looked at."""

    samples: SampleSetFile
    lanes: tuple[EmbeddingsFile, EmbeddingsFile]
    parity: ParityFile
    probe: RunContext
    model: str
    experiments: Sequence[Experiment] = ()

    def diagnosed(self, gateways: Mapping[Side, Gateway]) -> Diagnosis | None:
        """Return the diagnosis; None where the lanes were not paired."""
        failing = FailingRows(ROWS // 2)
        for rows in self.parity.blocks():
            for index, outcome in enumerate(grade(rows, self.probe.thresholds).outcomes):
                if outcome not in _AGREEING:
                    failing.add(rows.start + index)
        if not self.parity.rows:
            return None
        batch = max(1, gateways[Side.LEGACY].config.batch_texts)
        chosen = chosen_rows(failing.ordinals, self.parity.rows, batch=batch, limit=ROWS)
        picked = PickedSamples(chosen)
        for block in self.samples.blocks():
            picked.add(block)
        legacy, candidate = (picked_rows(chosen, lane.blocks()) for lane in self.lanes)
        subject = DiagnosisInput(
            samples=picked.block(),
            legacy=legacy,
            candidate=candidate,
            thresholds=self.probe.thresholds,
            batch_size=batch,
            ordinals=[int(ordinal) for ordinal in chosen],
            known=self._known(picked, chosen, failing.ordinals, gateways) if failing.seen else {},
        )
        inquiry = FollowUpQueries(
            legacy=asking(gateways[Side.LEGACY], self.model),
            candidate=asking(gateways[Side.CANDIDATE], self.model),
            requests=REQUESTS,
            texts=batch,
        )
        result = diagnose(subject, self.experiments, inquiry if failing.seen else None)
        return replace(result, failing=failing.seen, collisions=collisions_of(legacy, candidate))

    def _known(
        self,
        picked: PickedSamples,
        chosen: np.ndarray[Any, Any],
        failing: Sequence[int],
        gateways: Mapping[Side, Gateway],
    ) -> dict[str, Matrix32]:
        """Return what the other models of either side give for some failing texts, to recognise a wrong model."""
        rows = [int(row) for row in np.searchsorted(chosen, failing[:KNOWN_TEXTS])]
        texts = [picked.texts[row] for row in rows]
        known: dict[str, Matrix32] = {}
        for other in self.probe.models:
            for side in Side if other != self.model else ():
                vectors = known_vectors(asking(gateways[side], other), texts, rows, len(picked.ids))
                if vectors is not None:
                    known[f"{other!r} of the {side} side"] = vectors
        return known


def asking(gateway: Gateway, model: str) -> Callable[[Sequence[str]], Sequence[Vector | None]]:
    """Return a function that asks a side for texts; None for what is refused, all None where it cannot be used."""

    def ask(texts: Sequence[str]) -> Sequence[Vector | None]:
        try:
            return gateway.ask(model, texts)
        except ParityError:
            return [None] * len(texts)

    return ask


def collisions_of(legacy: FetchedRows, candidate: FetchedRows) -> tuple[OneSided, ...]:
    """Return the collisions that one side alone has, of the rows that both sides answered in their usual dimension."""
    widths = [int(np.bincount(rows.dimensions()).argmax()) if len(rows) else 0 for rows in (legacy, candidate)]
    if not all(widths):
        return ()
    matrices = [matrix_of(rows, width) for rows, width in zip((legacy, candidate), widths, strict=True)]
    both = np.flatnonzero(np.all([np.any(matrix, axis=1) for matrix in matrices], axis=0))
    if not len(both):
        return ()
    ids = [legacy.ids[int(row)] for row in both]
    old, new = (matrix[both] for matrix in matrices)
    found = (
        one_sided(Side.LEGACY, scan(old, ids), new, ids),
        one_sided(Side.CANDIDATE, scan(new, ids), old, ids),
    )
    return tuple(one for one in found if one.groups)
