"""What a parity file says of itself: who was paired with whom, and what was measured.

Here belong the record in the file's metadata and the running account that it is made from. It holds no grades and no
thresholds: those are the verdict's.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from parity_pipeline.core.compare import ComparedRows
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.provenance import Provenance, SampleSetIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityHeader:
    """The header of one parity file.

    Attributes:
        sample_set: The set that both lanes were fetched for.
        sides: Where the legacy and the candidate batch came from, in this order.
        pairing_faults: Why the batches were not paired; the file then has no rows.
        counts: Samples of each outcome that occurs.
        worst_cosine: Smallest cosine; None where none was measured.
        worst_sample: Id of that sample, the first one in the set.
        background: Cosines of different texts across the sides; None where it was not looked at.
        drawn_as: Of each sample, by its id, how often it was drawn under each category; only those drawn under another
            category than their own.
    """

    sample_set: SampleSetIdentity
    sides: tuple[Provenance, Provenance]
    pairing_faults: tuple[str, ...]
    counts: Mapping[Outcome, int]
    worst_cosine: float | None
    worst_sample: str | None
    background: Background | None = None
    drawn_as: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])

    @property
    def compared(self) -> int:
        """Return the number of samples that have a cosine."""
        return self.counts.get(Outcome.COMPARED, 0)


@dataclass(slots=True)
class ComparisonSummary:
    """Counts of the blocks compared so far; its size does not grow with the set."""

    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    worst_cosine: float | None = None
    worst_sample: str | None = None

    def add(self, rows: ComparedRows) -> None:
        """Take in the next block."""
        self.counts.update(rows.outcomes)
        if not np.isfinite(rows.cosine).any():
            return
        at = int(np.nanargmin(rows.cosine))
        if self.worst_cosine is None or rows.cosine[at] < self.worst_cosine:
            self.worst_cosine, self.worst_sample = float(rows.cosine[at]), rows.ids[at]

    def header(
        self,
        sample_set: SampleSetIdentity,
        sides: tuple[Provenance, Provenance],
        pairing_faults: tuple[str, ...],
        background: Background | None = None,
        drawn_as: Mapping[str, Mapping[str, int]] | None = None,
    ) -> ParityHeader:
        """Return the header of a file that holds the rows taken in."""
        return ParityHeader(
            sample_set=sample_set,
            sides=sides,
            pairing_faults=pairing_faults,
            counts=dict(sorted(self.counts.items())),
            worst_cosine=self.worst_cosine,
            worst_sample=self.worst_sample,
            background=background,
            drawn_as=drawn_as or {},
        )
