"""The records of a diagnosis: its input and its result.

Here belong frozen records and the names of the causes with their case numbers. Finding a cause belongs to the modules
beside this one, one a family; `diagnose` puts them in order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.collisions import OneSided
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side

Vector = NDArray[np.float32]

Ask = Callable[[Sequence[str]], Sequence[Vector | None]]
"""Ask one side for the vectors of texts in one request: one vector per text in the same order, None where refused."""

Rows = NDArray[np.intp]

IDS_LISTED: Final = 50
"""Sample ids that one cause lists; its count says how many there are."""

EVIDENCE_LISTED: Final = 12
"""Evidence rows that one cause shows."""


class CauseName(StrEnum):
    """What a cause is called. The spelling is stored, so a name is never changed, only added."""

    REFUSED = "refused"
    REFUSED_OVER_LENGTH = "refused over a length"
    NO_ANSWER = "no usable answer"
    NON_FINITE = "not a number"
    ZERO_VECTOR = "zero vectors"
    DIMENSION = "dimensions differ"
    TRUNCATED_DIMENSIONS = "dimensions cut"
    REINTERPRETED_BYTES = "bytes read as another number format"
    PERMUTED_ROWS = "rows permuted"
    SHIFTED_ROWS = "rows shifted"
    WRONG_MODEL = "wrong model"
    OTHER_SPACE = "another model or pooling"
    REORDERED_AXES = "axes reordered"
    ROTATED_SPACE = "space rotated"
    OFFSET = "constant offset"
    ADDED_DIRECTION = "one direction added"
    NORMALISATION = "normalisation"
    PRECISION = "precision"
    TRUNCATION = "text cut"
    CASE = "case folded"
    ACCENTS = "accents stripped"
    UNICODE_FORM = "Unicode form changed"
    NEWLINE = "newlines replaced"
    TRIM = "white space trimmed"
    PUNCTUATION = "punctuation dropped"
    TOKENIZER = "tokenizer"
    SPECIAL_TOKENS = "special tokens in a text"
    BLANK = "blank text"
    EMOJI = "emoji"
    PREFIX = "prefix"
    NOT_DETERMINISTIC = "not deterministic"
    BATCH_SIZE = "batch size"
    CONCURRENCY = "concurrency"
    EQUAL_LENGTH = "equal lengths under load"
    HISTORY = "history"
    STALE_CACHE = "stale cache"
    COLLISION = "texts share a vector"
    CIRCUMSTANCES = "batch, load or history"


CASES: Final[Mapping[CauseName, tuple[int, ...]]] = {
    CauseName.REFUSED: (19, 22),
    CauseName.REFUSED_OVER_LENGTH: (11,),
    CauseName.NO_ANSWER: (25, 26),
    CauseName.NON_FINITE: (19, 20),
    CauseName.ZERO_VECTOR: (26,),
    CauseName.DIMENSION: (23, 27),
    CauseName.TRUNCATED_DIMENSIONS: (23, 29),
    CauseName.REINTERPRETED_BYTES: (23,),
    CauseName.PERMUTED_ROWS: (1, 3),
    CauseName.SHIFTED_ROWS: (24,),
    CauseName.WRONG_MODEL: (27,),
    CauseName.OTHER_SPACE: (16, 27),
    CauseName.REORDERED_AXES: (16,),
    CauseName.ROTATED_SPACE: (16,),
    CauseName.OFFSET: (16,),
    CauseName.ADDED_DIRECTION: (16, 17),
    CauseName.NORMALISATION: (7,),
    CauseName.PRECISION: (30,),
    CauseName.TRUNCATION: (10,),
    CauseName.CASE: (13,),
    CauseName.ACCENTS: (14,),
    CauseName.UNICODE_FORM: (14,),
    CauseName.NEWLINE: (18,),
    CauseName.TRIM: (18,),
    CauseName.PUNCTUATION: (15,),
    CauseName.TOKENIZER: (15,),
    CauseName.SPECIAL_TOKENS: (15,),
    CauseName.BLANK: (24,),
    CauseName.EMOJI: (15,),
    CauseName.PREFIX: (17,),
    CauseName.NOT_DETERMINISTIC: (6,),
    CauseName.BATCH_SIZE: (2,),
    CauseName.CONCURRENCY: (3,),
    CauseName.EQUAL_LENGTH: (4,),
    CauseName.HISTORY: (5,),
    CauseName.STALE_CACHE: (28,),
    CauseName.COLLISION: (13, 14, 15, 28),
    CauseName.CIRCUMSTANCES: (2, 3, 5, 6, 28),
}
"""The documented failure modes that each cause may be a case of."""


class Confidence(StrEnum):
    """How sure a cause is."""

    PROVEN = "proven"
    """One named change restores the threshold on the very rows, or the response itself says so."""
    LIKELY = "likely"
    """A property that separates failing from passing samples far better than chance, or a signature of a kind."""
    POSSIBLE = "possible"
    """It fits and nothing contradicts it, but chance or another cause would fit too: too few samples, or no control."""


class ExperimentName(StrEnum):
    """An experiment on the repeatability of a side."""

    REPEATS = "repeats"
    ALONE_VS_BATCH = "alone-vs-batch"
    SHUFFLED = "shuffled"
    CONCURRENCY = "concurrency"
    EQUAL_LENGTH_LOAD = "equal-length-load"
    CANARIES = "canaries"
    SALTED_VS_REPEATED = "salted-vs-repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Result of one experiment on the repeatability of a side.

    Attributes:
        side: The side that was tried.
        name: How.
        worst: Largest 1 - cosine of a text against itself, in [0, 2].
        size_at_worst: Batch size, parallel requests or repeats at which it was seen; 0 where that means nothing.
        affected: Ids of the samples that changed by more than the threshold allows.
    """

    side: Side
    name: ExperimentName
    worst: float
    size_at_worst: int = 0
    affected: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpQueries:
    """How a diagnosis may ask for more.

    Attributes:
        legacy: Sends requests to the legacy side; None where it may not.
        candidate: The same of the candidate.
        others: The same of other models, by their name and side.
        requests: Largest number of requests to both sides and all models together.
        texts: Largest number of texts of one request.
        sent: Returns how many requests were really sent so far, retries included; None where one call is one request.
    """

    legacy: Ask | None = None
    candidate: Ask | None = None
    others: Mapping[tuple[str, Side], Ask | None] = field(default_factory=dict[tuple[str, Side], Ask | None])
    requests: int = 30
    texts: int = 64
    sent: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisInput:
    """The comparison to explain: all samples of a bounded set, or a bounded share of them.

    It is held in memory: 5,000 samples of 768 dimensions take about 150 MB while it is worked on.

    Attributes:
        samples: Ids, texts and categories.
        legacy: What the legacy side made of exactly these samples.
        candidate: What the candidate made of them.
        thresholds: Where a match ends.
        batch_size: Texts of one request as they were fetched, 1 or more; rows stand in the order they were sent.
        ordinals: Place of each row in the order they were sent, ascending; None for rows without gaps from 0.
    """

    samples: SampleBlock
    legacy: FetchedRows
    candidate: FetchedRows
    thresholds: Thresholds = field(default_factory=Thresholds)
    batch_size: int = 32
    ordinals: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One row of a cause's evidence table.

    Attributes:
        sample: Id of the sample.
        tried: What was compared or changed, in words.
        before: Cosine of the stored vectors; None where they have none.
        after: Cosine after the change; None where the row states a fact and no change.
    """

    sample: str
    tried: str
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause with its evidence.

    Attributes:
        name: What it is called.
        words: What was found, with exact counts, a clause without a full stop. It may quote a model's name, so a
            reader's page has to escape it.
        confidence: How sure it is.
        count: Failing samples it explains; for one of `remarks`, samples it concerns.
        samples: Ids of the first `IDS_LISTED` of them.
        evidence: The first `EVIDENCE_LISTED` rows of its evidence.
        cases: Numbers of documented failure modes it may be.
        side: The side that is at fault; None where nothing shows which one is.
    """

    name: CauseName
    words: str
    confidence: Confidence
    count: int
    samples: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    cases: tuple[int, ...]
    side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What explains the failing samples.

    Attributes:
        causes: The causes, the one that explains most first.
        remarks: Observations that do not affect the verdict, such as norms that differ under equal directions.
        failing: Samples that fail, of the whole set.
        failing_looked_at: Those of them that were looked at.
        looked_at: Samples that were looked at, failing and passing ones; of a large set a part.
        explained: Failing samples that at least one cause explains.
        unexplained: Ids of the first `IDS_LISTED` failing samples without a cause: the honest "unknown".
        requests_used: Extra requests that were sent.
        collisions: Distinct texts that share a vector on one side alone; empty where no side has any of its own.
    """

    causes: tuple[Cause, ...]
    remarks: tuple[Cause, ...]
    failing: int
    failing_looked_at: int
    looked_at: int
    explained: int
    unexplained: tuple[str, ...]
    requests_used: int
    collisions: tuple[OneSided, ...] = ()

    @property
    def unknown(self) -> int:
        """Return how many failing samples no cause explains."""
        return max(0, self.failing - self.explained)
