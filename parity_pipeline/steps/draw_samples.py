"""Draw the samples of one date and model from their sources into the stored sample set.

Here belongs the step alone. Reading sources and writing the set belong to `storage`.
"""

from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.recordings import VECTORS, recorded_inputs
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.sample_set_files import SampleSetFile, SampleSetHeader, write_sample_set
from parity_pipeline.storage.sources import read_sources


def draw_samples(run: RunContext, day: str, model: str) -> SampleSetHeader:
    """Store the samples of a date and model, and return the header of the set; where a side is a recording, those of it.

    Raises:
        SampleSourceError: A source cannot be read, or there is no sample.
        ArtifactError: The disk or folder does not take the file.
    """
    if recorded_inputs(VECTORS, run, day, model):
        return stored(run.layout.samples(day, model), SampleSetFile).header
    with publishing(run.layout.samples(day, model)) as draft:
        return write_sample_set(draft, read_sources(run.sources, day), sources=[spec.name for spec in run.sources])
