"""What is known of each side's own noise when a date is judged or explained.

Here belongs reading the stored stability of both sides, where it belongs to the batches at hand, in the forms that
judging and diagnosing take. Trying a side is the asset of `stability`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from parity_pipeline.core.diagnosis.records import Experiment
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.parity_header import ParityHeader
from parity_pipeline.core.stability.analysis import for_diagnosis
from parity_pipeline.core.stability.records import Stability
from parity_pipeline.defs.resources import RunContext
from parity_pipeline.storage.stability_files import read_stability


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The stability of the sides that were tried for the batches at hand."""

    sides: Mapping[Side, Stability]

    def floors(self) -> NoiseFloors:
        """Return the noise floors; None for a side that was not tried, or whose experiments gave no evidence."""
        found = {side.value: stability.floor for side, stability in self.sides.items()}
        return NoiseFloors(legacy=found.get("legacy"), candidate=found.get("candidate"))

    def experiments(self) -> tuple[Experiment, ...]:
        """Return the experiments that found something."""
        return tuple(experiment for stability in self.sides.values() for experiment in for_diagnosis(stability))

    def completed(self) -> tuple[str, ...]:
        """Return the names of the experiments that ran to their end on both sides."""
        ended = [set(stability.completed) for stability in self.sides.values()]
        return tuple(sorted(set.intersection(*ended))) if len(ended) == len(Side) else ()

    def findings(self) -> tuple[str, ...]:
        """Return what the experiments found, in words."""
        return tuple(finding.words for stability in self.sides.values() for finding in stability.findings)

    def plain(self) -> dict[str, Any]:
        """Return the stability of each side as plain values."""
        return {
            side.value: asdict(stability) | {"floor": stability.floor.to_json() if stability.floor else None}
            for side, stability in self.sides.items()
        }


def noise_of(probe: RunContext, header: ParityHeader, day: str, model: str) -> Noise:
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
        if same == (header.sample_set["hash"], batch.settings_hash):
            found[batch.side] = record.stability
    return Noise(sides=found)
