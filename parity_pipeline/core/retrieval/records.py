"""Queries, the ranked list that one side returned for one, and what makes the lists of two sides comparable.

Here belong the records of one query, and the settings that map ids and scores of the candidate to those of the legacy
side. Many rankings as arrays belong to `ranked_lists`.
"""

import math
import string
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import RowStatus

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request that both sides can serve.

    Attributes:
        id: Unique in its query set.
        text: What is searched for.
        k: Results requested, 1 or more.
        filter: The filter as its query set spells it; None for none.
        corpora: Corpora or indexes to search; more than one are merged.
        category: What the query exercises.
        drawn: How often a random draw gave the query, 0 where it was picked.
    """

    id: str
    text: str
    k: int
    filter: str | None = None
    corpora: tuple[str, ...] = ()
    category: str = ""
    drawn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What one side returned for one query.

    Attributes:
        query_id: The query.
        status: `OK` with the list that came back, which may be empty; else without one.
        ids: Document ids, the best first, as the side spells them.
        scores: One score or distance per id, as reported; empty where the side reports none.
        mode: The mode that the side reports, such as `hybrid` or `lexical`; None where it says nothing.
        metadata: One 64-bit hash per id of the metadata that must be equal; empty where none is compared.
        refusal: HTTP status and shape of a refusal, such as `400 {error, message}`; None where nothing was refused.
        hit_corpora: Distinct corpora that the results come from; None where the side does not name them.
    """

    query_id: str
    status: RowStatus
    ids: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    mode: str | None = None
    metadata: tuple[int, ...] = ()
    refusal: str | None = None
    hit_corpora: int | None = None


_FIELDS: Final = frozenset({"id", "corpus"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMapping:
    """How an id of one side is spelled in the space that both are compared in.

    Attributes:
        prefix: Removed from the front of an id that has it.
        template: What an id becomes, with `{id}` (without the prefix) and `{corpus}`.
        corpus: The corpus that `{corpus}` stands for.

    Raises:
        MetricInputError: A template without `{id}`, which would make all ids one, or with another field.

    >>> IdMapping(prefix="workers/", template="{corpus}:{id}", corpus="staff").apply("workers/17")
    'staff:17'
    """

    prefix: str = ""
    template: str = "{id}"
    corpus: str = ""

    def __post_init__(self) -> None:
        """Refuse a template that would make different ids one."""
        try:
            found = {name for _, name, _, _ in string.Formatter().parse(self.template) if name is not None}
        except ValueError:
            found = {""}
        if "id" not in found or found - _FIELDS:
            msg = f"the id template {self.template!r} must contain {{id}} and may contain {{corpus}}"
            raise MetricInputError(
                msg, place="retrieve.<side>.ids.template", remedy="Write it as '{corpus}:{id}', for example."
            )

    def apply(self, identity: str) -> str:
        """Return the id in the space that both sides are compared in."""
        return self.template.format(id=identity.removeprefix(self.prefix), corpus=self.corpus)

    @property
    def changes_nothing(self) -> bool:
        """Return whether every id stays as it is."""
        return not self.prefix and self.template == "{id}"


class Reported(StrEnum):
    """What a side reports beside a document id, and how it becomes a score: higher is better, 1 is the same direction."""

    SCORE = "score"
    """Higher is better; taken as it is."""
    COSINE_DISTANCE = "cosine_distance"
    """1 - cosine: lower is better."""
    SQUARED_EUCLIDEAN = "squared_euclidean"
    """|a - b|**2 of unit vectors, which is 2 - 2 cosine: lower is better."""
    EUCLIDEAN = "euclidean"
    """|a - b| of unit vectors, the square root of the above: lower is better."""
    NEGATIVE_DOT = "negative_dot"
    """-(a . b), as pgvector's `<#>`: lower is better."""
    NOTHING = "nothing"
    """No score: only the order is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScale:
    """How what a side reports becomes a score that can be compared with the other side's.

    Attributes:
        reported: What a response holds for each document: a score, or which kind of distance.
        factor: Multiplied with the score, for a side that rescales it; finite and above 0, so that the order stays.
        offset: Added after that.

    Raises:
        MetricInputError: A factor or an offset that would change the order or lose it.

    >>> ScoreScale(reported=Reported.COSINE_DISTANCE).scores(np.array([0.0, 0.25])).tolist()
    [1.0, 0.75]
    """

    reported: Reported = Reported.SCORE
    factor: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a scale that does not keep the order."""
        if not (0.0 < self.factor < math.inf and math.isfinite(self.offset)):
            msg = f"scores cannot be scaled by {self.factor} and shifted by {self.offset}"
            raise MetricInputError(
                msg, place="retrieve.<side>.scores", remedy="Give a factor above 0 and a finite offset."
            )

    def scores(self, reported: Float64) -> Float64:
        """Return scores of the same shape, higher is better; NaN where nothing is reported."""
        match self.reported:
            case Reported.SCORE:
                scores = reported
            case Reported.COSINE_DISTANCE:
                scores = 1.0 - reported
            case Reported.SQUARED_EUCLIDEAN:
                scores = 1.0 - reported / 2.0
            case Reported.EUCLIDEAN:
                scores = 1.0 - np.square(reported) / 2.0
            case Reported.NEGATIVE_DOT:
                scores = -reported
            case Reported.NOTHING:
                return np.full_like(reported, np.nan)
        if self.factor == 1.0 and not self.offset:
            return scores
        return scores * self.factor + self.offset
