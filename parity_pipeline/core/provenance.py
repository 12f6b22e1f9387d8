"""Where a batch of vectors came from, whether two batches may be paired, and what a parity file says of the pair.

Here belong the frozen records that travel in the metadata of embeddings and parity files, and the comparison that names
every reason against pairing. They hold no grades and no thresholds: those are the verdict's. Reading and writing the
files belongs to `storage`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import numpy as np

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.measures import ComparedRows
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side
from parity_pipeline.core.self_drift import SelfDrift
from parity_pipeline.core.vector_stats import VectorSummary
from parity_pipeline.core.wire_drift import WireObservation

if TYPE_CHECKING:
    from parity_pipeline.core.retrieval.provenance import RetrievalProvenance

NAMES_SHOWN: Final = 3
"""Names of other models that one message lists: a server may name a new one in each response."""

NAME_CHARACTERS: Final = 200
"""Characters of a model name that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSetIdentity:
    """Which sample set a comparison is about.

    Attributes:
        hash: Content hash of the stored set.
        samples: Number of samples in it.
        duplicates_dropped: Samples left out because their text had come before.
        sources: What the samples were read from.
    """

    hash: str
    samples: int
    duplicates_dropped: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What produced one embeddings partition.

    Attributes:
        side: `legacy` or `candidate`.
        label: What people call this side, such as `Rust gateway`.
        url: The URL that requests were sent to, without credentials.
        dialect: Name of the dialect spoken.
        date: Partition date, ISO 8601.
        model: The model of the partition.
        model_asked: The name that requests to this side gave it.
        models_echoed: How many rows came in responses that named each model; "" stands for those that named none.
        server_headers: Response headers that say what software responded, such as `server` and `via`.
        sample_set_hash: Content hash of the sample set that was sent.
        samples: Number of samples in that set.
        settings_hash: Hash of the settings that shape a request.
        package_version: Version of parity_pipeline.
        fetched_from: Time of the first request, ISO 8601 in UTC.
        fetched_to: Time of the last response, ISO 8601 in UTC.
        requests: Requests sent, retries included.
        retries: Requests sent again.
        status_counts: Rows of each `RowStatus`; sums to `samples`.
        observation: What the wire looked like.
        stopped_early: Why the lane gave up before its end; "" where it did not.
        survey: What the vectors looked like.
        errors_by_kind: Requests that failed, per kind of failure, retried ones included.
        latency_ms: Percentiles of the requests' latency in milliseconds: `p50`, `p95`, `p99`, `max`.
        usage: Token usage as the side reported it, summed over the responses; empty where it reported none.
        doubts: Caveats of the fetch: why good vectors prove less than they seem to.
        canaries: What the same request showed at the start, middle and end of the lane.
        fingerprint: What the side showed of itself; empty where it was not looked at.
        recorded: The partition date that these vectors were fetched for and taken from, ISO 8601; "" where they were
            fetched for this one.
        recorded_unproved: Why no verdict that passed was given on them on that date, a clause; "" where one was.
    """

    side: Side
    label: str
    url: str
    dialect: str
    date: str
    model: str
    model_asked: str
    models_echoed: Mapping[str, int]
    server_headers: Mapping[str, str]
    sample_set_hash: str
    samples: int
    settings_hash: str
    package_version: str
    fetched_from: str
    fetched_to: str
    requests: int
    retries: int
    status_counts: Mapping[str, int]
    observation: WireObservation
    stopped_early: str = ""
    survey: VectorSummary = field(default_factory=VectorSummary)
    errors_by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    latency_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    usage: Mapping[str, int] = field(default_factory=dict[str, int])
    doubts: tuple[str, ...] = ()
    canaries: CanaryRecord = field(default_factory=CanaryRecord)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    recorded: str = ""
    recorded_unproved: str = ""

    @property
    def ok_rows(self) -> int:
        """Return the number of rows with a vector."""
        return self.status_counts.get(RowStatus.OK, 0)


def without_vectors(lane: Provenance) -> Provenance:
    """Return a provenance without the vectors of its canaries, as the ledger keeps it."""
    if lane.fingerprint.canaries is None:
        return lane
    return replace(lane, fingerprint=replace(lane.fingerprint, canaries=None))


def recording_words(lane: "Provenance | RetrievalProvenance", what: str = "vectors") -> str:
    """Return that a lane is a recording, and whether a verdict vouches for it; "" for one that was fetched for its date.

    Args:
        lane: The lane.
        what: What was fetched: `vectors` or `rankings`.
    """
    if not lane.recorded:
        return ""
    unproved = f"; no verdict vouches for them: {lane.recorded_unproved}" if lane.recorded_unproved else ""
    return (
        f"the {lane.side} is a recording of {lane.recorded}: its {what} were fetched until {lane.fetched_to},"
        f" and nothing was requested from it for this verdict{unproved}"
    )


def pairing_faults(legacy: Provenance, candidate: Provenance, sample_set_hash: str) -> tuple[str, ...]:
    """Return every reason why two batches may not be paired for a sample set; empty when they may.

    All reasons are collected, not the first alone, and each names what differs and how to fix it.
    """
    faults: list[str] = []
    for side, batch in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)):
        if batch.side is not side:
            faults.append(f"the batch given as {side} was fetched from the {batch.side} side")
        if batch.sample_set_hash != sample_set_hash:
            faults.append(
                f"{side} was fetched for sample set {batch.sample_set_hash[:12]} while the snapshot is "
                f"{sample_set_hash[:12]}: materialize {side}/embeddings again"
            )
    if legacy.model != candidate.model:
        faults.append(f"legacy holds model {legacy.model!r}, candidate {candidate.model!r}")
    if legacy.date != candidate.date:
        faults.append(f"legacy is dated {legacy.date}, candidate {candidate.date}")
    return tuple(faults)


def echo_fault(batch: Provenance, accepted: Sequence[str] = ()) -> str:
    """Return why the model that a side says it used is not the one requested; "" when it is, or when it names none.

    A tag `:latest` on either name makes no difference, since Ollama adds it.

    Args:
        batch: The lane.
        accepted: Names, or globs of names, that stand for the one that was requested.
    """
    requested = batch.model_asked.removesuffix(":latest")
    others = {
        name: rows
        for name, rows in batch.models_echoed.items()
        if name
        and name.removesuffix(":latest") != requested
        and not any(name == one or fnmatchcase(name, one) for one in accepted)
    }
    if not others:
        return ""
    often = sorted(others.items(), key=lambda entry: (-entry[1], entry[0]))
    named = ", ".join(f"{name[:NAME_CHARACTERS]!r} ({rows} rows)" for name, rows in often[:NAMES_SHOWN])
    more = f" and {len(often) - NAMES_SHOWN} more" if len(often) > NAMES_SHOWN else ""
    wanted = batch.model_asked[:NAME_CHARACTERS]
    return f"{batch.side}: model {wanted!r} was requested, but the responses name {named}{more}"


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
        drift: Each side against itself on earlier dates; empty where that was not looked at.
    """

    sample_set: SampleSetIdentity
    sides: tuple[Provenance, Provenance]
    pairing_faults: tuple[str, ...]
    counts: Mapping[Outcome, int]
    worst_cosine: float | None
    worst_sample: str | None
    background: Background | None = None
    drawn_as: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    drift: tuple[SelfDrift, ...] = ()

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
