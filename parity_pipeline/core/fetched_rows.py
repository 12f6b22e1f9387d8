"""What a fetch hands on: rows of one side in the order of the sample set, whatever happened to each.

Here belong the plain records between the wire and the storage, so that neither needs to know the other, and what the rows
of all probes have in common. How rows are fetched belongs to `wire`, how they are kept to `storage`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import RowStatus


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Consecutive samples of one sample set.

    Attributes:
        start: Ordinal of the first sample; the others follow without a gap.
        ids: Sample ids, `core.samples.sample_id` of each text.
        texts: The texts, exactly as they are to be sent.
        categories: One category a sample.
        drawn: How often a random draw gave each text, `core.samples.Sample.drawn`; all 0 where not given.
    """

    start: int
    ids: Sequence[str]
    texts: Sequence[str]
    categories: Sequence[str]
    drawn: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Default to "nothing was drawn at random", which claims least."""
        if not self.drawn:
            object.__setattr__(self, "drawn", [0] * len(self.ids))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """The results of consecutive samples, in the order of the sample set.

    The vectors lie end to end in `values`; row i is `values[offsets[i]:offsets[i + 1]]`, and is empty for a row whose
    status is not OK. This is the layout of an Arrow list column, so that storing it copies nothing.

    Attributes:
        start: Ordinal of the first row.
        ids: Sample ids.
        values: float32, shape (offsets[-1],). May hold NaN and infinities, as they came.
        offsets: int32, shape (rows + 1,), ascending from 0.
        status: One status per row.
        http_status: HTTP status of the response that a row came from; None without a response.
        errors: For a row that is not OK: kind and the server's own words, at most `limits.ERROR_CHARACTERS`; else None.
        request_ids: The id of the request for the row (`x-request-id`); None where none was sent.
        latency_ms: Milliseconds from sending the request to having the whole body; None where there was no response.
    """

    start: int
    ids: Sequence[str]
    values: NDArray[np.float32]
    offsets: NDArray[np.int32]
    status: Sequence[RowStatus]
    http_status: Sequence[int | None]
    errors: Sequence[str | None]
    request_ids: Sequence[str | None]
    latency_ms: Sequence[float | None]

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, which would shift rows.

        Raises:
            MetricInputError: A column's length is not that of `ids`, or the offsets do not span the values.
        """
        rows = len(self.ids)
        columns = (self.status, self.http_status, self.errors, self.request_ids, self.latency_ms)
        spans = len(self.offsets) == rows + 1 and self.offsets[0] == 0 and self.offsets[-1] == len(self.values)
        if any(len(column) != rows for column in columns) or not spans:
            msg = f"columns of a fetched block disagree about its {rows} rows"
            raise MetricInputError(msg, place=f"rows from ordinal {self.start}", remedy="Report this as a bug.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    def dimensions(self) -> NDArray[np.int32]:
        """Return the length of each row's vector, int32, shape (rows,); 0 where there is none."""
        return np.diff(self.offsets).astype(np.int32, copy=False)

    @classmethod
    def without_vectors(
        cls,
        block: SampleBlock,
        status: RowStatus,
        error: str,
        *,
        http_status: int | None = None,
        request_id: str | None = None,
        latency_ms: float | None = None,
    ) -> Self:
        """Return rows for samples that all ended in the same way without a vector."""
        rows = len(block)
        return cls(
            start=block.start,
            ids=block.ids,
            values=np.empty(0, np.float32),
            offsets=np.zeros(rows + 1, np.int32),
            status=[status] * rows,
            http_status=[http_status] * rows,
            errors=[error] * rows,
            request_ids=[request_id] * rows,
            latency_ms=[latency_ms] * rows,
        )


class Rows(Protocol):
    """What the fetch engine and the staging read of consecutive rows, whatever a probe fetches."""

    @property
    def start(self) -> int:
        """Return the ordinal of the first row."""
        ...

    @property
    def status(self) -> Sequence[RowStatus]:
        """Return one status per row."""
        ...

    @property
    def latency_ms(self) -> Sequence[float | None]:
        """Return the milliseconds of each row's response; None where there was none."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...


RowsT = TypeVar("RowsT", bound=Rows)


@dataclass(
    frozen=True
)  # no slots: `Piece(…)` sets an attribute of `typing` on it, which a frozen class with slots breaks
class SettledRows(Generic[RowsT]):
    """Rows that one response settled, the unit in which fetched rows are staged.

    Attributes:
        rows: The rows.
        model_echo: The model that the response named; "" where it named none or was not usable.
    """

    rows: RowsT
    model_echo: str = ""


Piece: TypeAlias = SettledRows[FetchedRows]
"""The settled rows of an embed lane."""


class StagingOf(Protocol[RowsT]):
    """Where pieces are kept safe until their Parquet file is published, so that nothing is fetched twice.

    One staging belongs to one side, model or corpus, sample set or query set, and request shape. The wire uses it through
    this protocol only.
    """

    def count_at(self, start: int) -> int:
        """Return how many rows the settled piece from ordinal `start` on holds; 0 where there is none.

        A piece with a row whose status is FAILED counts as settled within the run that put it, and not in a later one.
        """
        ...

    def put(self, piece: SettledRows[RowsT]) -> None:
        """Keep a piece, so that a kill right after this call does not lose it.

        Raises:
            ArtifactError: It cannot be written; names the file and the remedy. What was kept before stays.
        """
        ...

    def take(self, start: int) -> SettledRows[RowsT]:
        """Return the settled piece from ordinal `start` on.

        Raises:
            ArtifactError: There is none, or its bytes are no longer what was put.
        """
        ...

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Keep facts about the lane, plain JSON values, in place of those kept before."""
        ...

    def recall(self) -> Mapping[str, Any]:
        """Return the facts kept last; empty where there are none."""
        ...


Staging: TypeAlias = StagingOf[FetchedRows]
"""The staging of an embed lane."""
