"""Pair the two stored lanes of a date and model into one parity file, block by block.

Here belongs the step between three readers and one writer. Comparing itself belongs to `core.compare`.
"""

from dataclasses import replace

from parity_pipeline.core.compare import compare
from parity_pipeline.core.discrimination import BackgroundSample
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import ComparisonSummary, ParityHeader, SampleSetIdentity, pairing_faults
from parity_pipeline.steps.compare_dates import compare_dates
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, paired_blocks
from parity_pipeline.storage.parity_files import ParityWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile


def pair_lanes(run: RunContext, day: str, model: str) -> ParityHeader:
    """Compare the lanes of a date and model into a parity file, and return its header.

    Lanes that may not be paired give a file without rows, with the reasons in its header: the verdict on it is
    INCONCLUSIVE.

    Raises:
        ArtifactError: A lane or the sample set is missing or damaged, or the disk does not take the file.
    """
    samples = stored(run.layout.samples(day, model), SampleSetFile)
    legacy, candidate = (stored(run.layout.embeddings(side, day, model), EmbeddingsFile) for side in Side)
    drawn, sides = samples.header, (legacy.header, candidate.header)
    faults = pairing_faults(*sides, drawn.hash)
    summary, different = ComparisonSummary(), BackgroundSample(drawn.samples)
    with publishing(run.layout.parity(day, model)) as draft, ParityWriter(draft) as writer:
        for block in () if faults else paired_blocks(samples, legacy, candidate):
            rows = compare(*block)
            summary.add(rows)
            different.add(rows, block[1], block[2])
            writer.add(rows)
        identity = SampleSetIdentity(
            hash=drawn.hash,
            samples=drawn.samples,
            duplicates_dropped=drawn.duplicates_dropped,
            sources=drawn.sources,
        )
        background = None if faults else different.background(run.thresholds.cosine)
        header = summary.header(identity, sides, faults, background, drawn.drawn_as)
        header = replace(header, drift=tuple(compare_dates(run, lane, day, model) for lane in (legacy, candidate)))
        writer.finish(header)
    return header
