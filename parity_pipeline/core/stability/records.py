"""The records of a side's repeatability: what is sent, what comes back, what it shows.

Here belong frozen records. Which requests are sent belongs to `plan`, reading the responses to `observations`,
what they show to `analysis`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.noise_floor import NoiseFloor, NoiseFloors
from parity_pipeline.core.outcomes import RowStatus, Side

Texts = tuple[str, ...]
"""The texts of one request, in the order they are sent."""

IDS_LISTED: Final = 50
"""Ids that one list of a record holds at most; counts say how many there are."""

WORDS_LISTED: Final = 12
"""Faults that one experiment lists at most."""

TESTED: Final = (
    "repeats",
    "batch-sizes",
    "shuffled",
    "concurrency",
    "equal-length-load",
    "canaries",
    "salted",
)
"""The experiments of `docs/failure-modes.md` that are made here, in the order in which they are reported."""

OF_THE_FLOOR: Final = frozenset({"repeats", "batch-sizes", "shuffled", "concurrency", "equal-length-load"})
"""Experiments whose worst pair makes the noise floor: what the circumstances of one fetch do to a vector: being sent
again, with which other texts, in which order and at what load. Two fetches differ by that at random, so it explains a
difference. `canaries` and `salted` show a state that a side is in, after a long text or of a cache: it stays for a
whole fetch, is not noise, and would excuse a candidate for what the legacy side is stuck with. Each is a finding."""


class Reference(StrEnum):
    """What a response is compared with."""

    ALONE = "alone"
    """Each text's vector when it was sent alone."""
    SAME = "same"
    """The response to the very same request."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a response.

    Attributes:
        experiment: A name of `TESTED`.
        label: How it reads, such as `batch of 32`.
        level: Batch size, requests in flight or number of the repeat; 0 where that means nothing.
        against: What its rows are compared with.
    """

    experiment: str
    label: str
    level: int
    against: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Requests that are sent together; the next step begins when all have completed.

    Attributes:
        experiment: A name of `TESTED` they are sent for; "" for each text alone, which most of them need.
        requests: The requests, each with its texts in order.
        at_once: Requests in flight at the same time.
        keep: Later responses are compared with these, in place of those kept before.
        compared: What these responses are compared with; compared before they are kept.
    """

    experiment: str
    requests: tuple[Texts, ...]
    at_once: int = 1
    keep: bool = False
    compared: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back for one request.

    Attributes:
        status: OK with vectors; else REFUSED, FAILED or MALFORMED for the request as a whole.
        vectors: float32, shape (texts, dimensions); None where the status is not OK.
        words: Why there are none, with the server's own words; "" where there are.
    """

    status: RowStatus
    vectors: Matrix32 | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be sent to a side for this.

    Attributes:
        texts: Most samples to repeat. More find rarer faults, at about 2 requests per text.
        requests: Most requests to one side for one date and model, retries included.
    """

    texts: int = 8
    requests: int = 60


class DefectKind(StrEnum):
    """What goes wrong beside a distance. The spelling is stored, so a name is never changed, only added."""

    SWAPPED = "rows swapped"
    """A row equals the vector of another text of its request."""
    MIXED = "requests mixed"
    """A row equals the vector of a text of another request."""
    REFUSED = "refused in company"
    """A request is refused although each of its texts got a vector before."""
    MALFORMED = "malformed in company"
    """A response does not hold one vector per text although each of its texts got a vector before."""
    NO_DIRECTION = "no direction"
    """A row is zero or holds NaN although the text's other vector is neither."""
    DIMENSION = "another dimension"
    """A row has another dimension than the text's other vector."""
    OTHER_SPACE = "another model's vectors"
    """A fixed text lies far from the same text with a new ending, while two such endings lie close together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something that went wrong in an experiment beside a distance.

    Attributes:
        kind: What.
        label: In which part of the experiment it was first seen.
        words: What was found, a clause without a full stop. It may hold a server's words, so a page has to escape it.
        count: Rows, or requests where rows mean nothing.
        samples: Ids of the first texts.
        cases: Numbers of documented failure modes it may be.
    """

    kind: DefectKind
    label: str
    words: str
    count: int
    samples: tuple[str, ...]
    cases: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResult:
    """Result of one experiment.

    Attributes:
        name: A name of `TESTED`.
        worst: Largest 1 - cosine of two vectors of one text, in [0, 2]; None where no two were compared.
        label: The part of the experiment it was seen in; "" where all are equal or none was compared.
        level: Batch size, requests in flight or number of the repeat there; 0 where that means nothing.
        worst_sample: Id of its text; None likewise.
        by_label: Largest 1 - cosine of each part.
        identical: Compared rows that are the same float32 numbers.
        rows: Compared rows.
        affected: Ids of the first texts below the threshold.
        affected_texts: How many there are.
        faults: What went wrong beside.
        permutation: For each row of a permuted request the position of the text whose vector it holds; empty where no
            whole request was permuted.
        requests: Requests sent for it.
        left_out: Which of it was not tried or got no vectors, and why.
    """

    name: str
    worst: float | None
    label: str = ""
    level: int = 0
    worst_sample: str | None = None
    by_label: Mapping[str, float]
    identical: int = 0
    rows: int = 0
    affected: tuple[str, ...] = ()
    affected_texts: int = 0
    faults: tuple[Defect, ...] = ()
    permutation: tuple[int, ...] = ()
    requests: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def bit_identical(self) -> bool:
        """Return whether rows were compared and every one was the same float32 numbers."""
        return self.rows > 0 and self.identical == self.rows


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a side, reported once.

    Attributes:
        experiment: The name of `TESTED` that needs least to go wrong for it.
        words: What it does, a sentence without a full stop. It may hold a server's words.
    """

    experiment: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Result of the repeatability experiments on one side.

    Attributes:
        side: The side.
        threshold: Cosine below which a text counts as affected.
        experiments: One per name of `TESTED`, in that order.
        floor: The noise floor; None where nothing of it was measured.
        findings: What is wrong with the side; empty for a stable one.
        notes: What was not tried or got no vectors, and why.
        texts: Id of each text sent, to where it came from: `sample`, `canary`, `equal-length` or `salted`.
        requests: Requests sent.
    """

    side: Side
    threshold: float
    experiments: tuple[ExperimentResult, ...]
    floor: NoiseFloor | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    texts: Mapping[str, str]
    requests: int

    @property
    def lone_stray(self) -> bool:
        """Return whether a single stray response explains the floor.

        A response that strays once affects one text and equals that of no other text. A fault of batches, order or load
        affects half of the texts or more, or moves rows.
        """
        tried = [one for one in self.experiments if one.name in OF_THE_FLOOR]
        if self.floor is None or any(one.faults for one in tried):
            return False
        texts = {text for one in tried for text in one.affected}
        unstable = max([len(texts), *(one.affected_texts for one in tried)])
        return unstable < 2 or 2 * unstable < self.floor.samples

    @property
    def completed(self) -> tuple[str, ...]:
        """Return the names of the experiments in which rows were compared."""
        return tuple(one.name for one in self.experiments if one.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a side's stability comes from.

    Attributes:
        date: Partition date, ISO 8601.
        model: Model of the partition.
        url: URL that requests were sent to.
        sample_set_hash: Content hash of the set whose texts were tried.
        settings_hash: `SideConfig.settings_hash`: what shaped the requests.
        package_version: Version of parity_pipeline.
        first: Time of the first request, ISO 8601 in UTC.
        last: Time of the last response, ISO 8601 in UTC.
    """

    date: str
    model: str
    url: str
    sample_set_hash: str
    settings_hash: str
    package_version: str
    first: str
    last: str

    def before(self, moment: str) -> bool:
        """Return whether the first request was sent before a moment, ISO 8601 with a zone."""
        return datetime.fromisoformat(self.first) < datetime.fromisoformat(moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityRecord:
    """What is stored of one side, date and model."""

    origin: Origin
    stability: Stability


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityOfSides:
    """The stability of the sides that were tried for the batches at hand.

    Attributes:
        legacy: That of the legacy side; None where it was not tried for this lane.
        candidate: That of the candidate; likewise.
        stale: Sides that were tried before the lane at hand was fetched, which says nothing about that lane.
    """

    legacy: Stability | None = None
    candidate: Stability | None = None
    stale: tuple[Side, ...] = ()

    def of(self, side: Side) -> Stability | None:
        """Return the stability of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate

    @property
    def tried(self) -> tuple[Stability, ...]:
        """Return the stability of each side that was tried, the legacy side first."""
        return tuple(one for one in (self.legacy, self.candidate) if one is not None)

    @property
    def floors(self) -> NoiseFloors:
        """Return the noise floors; None for a side that was not tried, or whose experiments gave no evidence."""
        return NoiseFloors(legacy=self.legacy and self.legacy.floor, candidate=self.candidate and self.candidate.floor)
