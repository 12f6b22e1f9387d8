"""What a parity file says of itself: who was paired with whom, and what the rows came to.

Here belong the record in the file's metadata and the one judgement that the cosine check repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.number_format import cosine_text, limit_text
from parity_pipeline.core.outcomes import Measure
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.thresholds import Thresholds
from parity_pipeline.core.verdict import counts_by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityHeader:
    """The header of one parity file.

    Attributes:
        sample_set: `{"hash", "samples", "duplicates_dropped", "sources"}` of the stored set.
        sides: Where the legacy and the candidate batch came from, in this order.
        pairing_faults: Why the batches were not paired; the file then has no rows.
        thresholds: What the rows were graded against.
        counts: Samples of each outcome, every outcome named.
        compared: Samples that have a cosine.
        worst_cosine: Smallest cosine; None where none was measured.
        worst_sample: Id of that sample.
        norms_differ: Compared samples whose norm ratio leaves the tolerance.
        off: Compared samples beyond the limit of each measure that has one.
    """

    sample_set: Mapping[str, Any]
    sides: tuple[Provenance, Provenance]
    pairing_faults: Sequence[str]
    thresholds: Thresholds
    counts: Mapping[str, int]
    compared: int
    worst_cosine: float | None
    worst_sample: str | None
    norms_differ: int
    off: Mapping[str, int]

    @classmethod
    def of(
        cls,
        tally: Tally,
        sample_set: Mapping[str, Any],
        sides: tuple[Provenance, Provenance],
        pairing_faults: Sequence[str],
    ) -> Self:
        """Return the header of a file whose rows came to `tally`."""
        worst = tally.worst_cosine()
        return cls(
            sample_set=sample_set,
            sides=sides,
            pairing_faults=tuple(pairing_faults),
            thresholds=tally.thresholds,
            counts=counts_by_name(tally.counts),
            compared=tally.compared,
            worst_cosine=worst.cosine if worst else None,
            worst_sample=worst.id if worst else None,
            norms_differ=tally.norms_differ,
            off={measure.value: found.off for measure, found in tally.measures.items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the header as plain JSON values."""
        sides = [side.to_json() for side in self.sides]
        return asdict(self) | {"sides": sides, "thresholds": self.thresholds.to_json(), "off": dict(self.off)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str) -> Self:
        """Return the header that `to_json` gave.

        Raises:
            ArtifactError: A field is missing or unknown: the file was written by another version.
        """
        try:
            legacy, candidate = (Provenance.from_json(side, place) for side in value["sides"])
            thresholds = Thresholds.from_json(value["thresholds"])
            plain: dict[str, Any] = {**value, "sides": (legacy, candidate), "thresholds": thresholds}
            return cls(**plain)
        except (KeyError, TypeError, ValueError) as error:
            problem = f"its header was written by another version of parity_pipeline ({error})"
            raise ArtifactError(problem, place=place, remedy="Materialize parity again.") from error


def cosine_faults(header: ParityHeader) -> tuple[str, ...]:
    """Return why not every compared sample reaches the cosine threshold; empty when every one does.

    Nothing compared, or batches that were not paired, are faults: a check without data has shown nothing. Samples
    that were not compared, such as refused ones, are no fault of this check; the verdict counts them.
    """
    if header.pairing_faults:
        return tuple(header.pairing_faults)
    if not header.compared:
        return ("no sample was compared",)
    below = header.off.get(Measure.COSINE, header.compared)
    if below:
        limit = header.thresholds.cosine
        worst = "unknown" if header.worst_cosine is None else cosine_text(header.worst_cosine, limit)
        return (f"{below}/{header.compared} compared samples < {limit_text(limit)}, worst {worst}",)
    return ()


def norm_faults(header: ParityHeader) -> tuple[str, ...]:
    """Return why the norms of the two sides do not agree; empty when every compared sample's do."""
    if not header.compared:
        return ("no sample was compared",)
    if header.norms_differ:
        tolerance = header.thresholds.norm_ratio
        return (
            f"{header.norms_differ}/{header.compared} compared samples have a norm ratio off 1 by more than {tolerance:g}",
        )
    return ()
