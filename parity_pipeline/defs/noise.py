"""What is known of each side's own noise when a date is judged or explained.

Here belongs reading the stored stability of both sides, where it belongs to the batches at hand, in the forms that
judging and diagnosing take. Trying a side is the asset of `stability`.
"""

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.parity_header import ParityHeader
from parity_pipeline.core.stability.records import Stability, StabilityOfSides
from parity_pipeline.defs.resources import RunContext
from parity_pipeline.storage.evidence_files import read_stability


def stability_of(probe: RunContext, header: ParityHeader, day: str, model: str) -> StabilityOfSides:
    """Return the stored stability of the sides, where it was measured with the samples and settings of these batches.

    Args:
        probe: Where it lies.
        header: The comparison that is judged.
        day: Partition date, ISO 8601.
        model: Model name.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    found: dict[Side, Stability] = {}
    for batch in header.sides:
        path = probe.layout.stability(batch.side, day, model)
        if not path.exists():
            continue
        record = read_stability(path)
        same = (record.origin.sample_set_hash, record.origin.settings_hash)
        if same == (header.sample_set.hash, batch.settings_hash):
            found[batch.side] = record.stability
    return StabilityOfSides(legacy=found.get(Side.LEGACY), candidate=found.get(Side.CANDIDATE))
