"""Compare the lanes of a date with the same side's lanes of earlier dates, which are stored.

Here belongs the step between stored lanes and `core.self_drift`: which earlier dates are read. It sends no request, and reads each
earlier lane block by block.
"""

from functools import partial

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.self_drift import DriftFromDate, KeptVectors, SelfDrift, drift_from, explained_by
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.record_gateways import noise_of
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.stored_partitions import stored_dates


def compare_dates(run: RunContext, lane: EmbeddingsFile, day: str, model: str) -> SelfDrift:
    """Return how far a lane is from the newest earlier dates of its side, as many as the settings say.

    An earlier lane counts only where it was fetched before this one: a date that was fetched again since says nothing about
    earlier. One that cannot be read is passed over.

    Args:
        run: Where lanes lie, and how many dates are compared.
        lane: The lane of the date.
        day: Its partition date, ISO 8601.
        model: Model name.
    """
    header = lane.header
    side, explained = header.side, explained_by(noise_of(run, (run.probe, header.side, model), day))
    earlier = _earlier(run, lane, day, model)
    if header.recorded or not earlier:
        return SelfDrift(side=side, fetched_from=header.fetched_from, explained=explained)
    today = KeptVectors()
    for block in lane.blocks():
        today.add(block)
    rows = today.finished()
    found: list[DriftFromDate] = []
    for one in earlier:
        try:
            drift = drift_from(
                rows, one.blocks(), date=one.header.date, fetched_to=one.header.fetched_to, explained=explained
            )
        except ArtifactError:
            continue
        found += [drift] if drift.texts else []
    return SelfDrift(side=side, fetched_from=header.fetched_from, explained=explained, dates=tuple(found))


def _earlier(run: RunContext, lane: EmbeddingsFile, day: str, model: str) -> list[EmbeddingsFile]:
    """Return the earlier lanes, the one fetched last first."""
    most, side = run.gateway_changes.drift_dates, Side(lane.header.side)
    found: list[EmbeddingsFile] = []
    for date in stored_dates(partial(run.layout.embeddings, side), model) if most else ():
        if len(found) == most:
            break
        one = _lane(run, side, date, model) if date < day else None
        if one is not None and moment(one.header.fetched_to) <= moment(lane.header.fetched_from):
            found.append(one)
    return sorted(found, key=lambda one: moment(one.header.fetched_to), reverse=True)


def _lane(run: RunContext, side: Side, date: str, model: str) -> EmbeddingsFile | None:
    try:
        return EmbeddingsFile(run.layout.embeddings(side, date, model))
    except ArtifactError:
        return None
