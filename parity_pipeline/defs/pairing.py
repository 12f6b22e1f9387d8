"""Pair the two stored lanes into one parity file, block by block.

Here belongs the step between three readers and one writer. Comparing itself belongs to `core.compare`.
"""

from pathlib import Path

from parity_pipeline.core.compare import compare
from parity_pipeline.core.parity_header import ComparisonSummary, ParityHeader
from parity_pipeline.core.provenance import SampleSetIdentity, pairing_faults
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, paired_blocks
from parity_pipeline.storage.parity_files import ParityWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile


def pair_to(temporary: Path, samples: SampleSetFile, legacy: EmbeddingsFile, candidate: EmbeddingsFile) -> ParityHeader:
    """Compare the two lanes into a parity file and return its header.

    Batches that may not be paired give a file without rows, with the reasons in its header: the verdict on it is
    INCONCLUSIVE.
    """
    stored = samples.header
    sides = (legacy.provenance, candidate.provenance)
    faults = pairing_faults(*sides, stored.hash)
    summary = ComparisonSummary()
    with ParityWriter(temporary) as writer:
        for block in () if faults else paired_blocks(samples, legacy, candidate):
            rows = compare(*block)
            summary.add(rows)
            writer.add(rows)
        identity = SampleSetIdentity(
            hash=stored.hash,
            samples=stored.samples,
            duplicates_dropped=stored.duplicates_dropped,
            sources=stored.sources,
        )
        header = summary.header(identity, sides, faults)
        writer.finish(header)
    return header
