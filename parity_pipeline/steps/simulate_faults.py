"""Simulate faults on what is stored of a date and model, to say what its samples would have caught.

Here belongs the step between the stored lanes and the core's simulation. No request is sent for it.
"""

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.power.records import Power
from parity_pipeline.core.power.rows import RowsSample
from parity_pipeline.core.power.simulation import Judge, Simulation
from parity_pipeline.steps.context import RunContext
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, paired_blocks
from parity_pipeline.storage.sample_set_files import SampleSetFile


def simulate_faults(run: RunContext, day: str, model: str, judge: Judge) -> Power | None:
    """Return what the samples of a date and model would have caught; None where its lanes are no longer stored.

    Args:
        run: Where files lie.
        day: Partition date, ISO 8601.
        model: Model name.
        judge: The code of the verdict, with what it knew.

    Raises:
        ArtifactError: A lane or the sample set is damaged.
    """
    paths = [run.layout.embeddings(side, day, model) for side in Side]
    if not all(path.exists() for path in (run.layout.samples(day, model), *paths)):
        return None
    samples = SampleSetFile(run.layout.samples(day, model))
    legacy, candidate = (EmbeddingsFile(path) for path in paths)
    chosen = RowsSample(samples.header.samples, without=judge.excused)
    for block in paired_blocks(samples, legacy, candidate):
        chosen.add(*block)
    return Simulation(chosen.rows(), judge, samples.header.samples).power()
