"""What the stored inputs of every probe have in common: exact texts, running counts, and writing a set as a stream.

Here belongs what does not know what a row holds. Columns and headers belong to `sample_set_files` and `query_set_files`.

A text with lone surrogates has no UTF-8, and a Parquet string must. `text` then holds it with U+FFFD in their place, so
that every reader sees a string, and the binary column `text_surrogatepass` holds it exactly; it is null in all other
rows. Reading a set back gives the exact text.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import pyarrow as pa

from parity_pipeline.core.samples import SetHash
from parity_pipeline.storage.arrow_columns import binary, strings
from parity_pipeline.storage.parquet_tables import Array, Batch, TableWriter

GROUP_ROWS: Final = 2048
GROUP_CHARACTERS: Final = 4_000_000
"""Characters after which a row group ends before its rows are full: over-long texts must not fill the memory."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

InputT = TypeVar("InputT")
RowT = TypeVar("RowT")


def text_columns(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return the `text` column and the column of exact texts."""
    try:
        return strings(texts), pa.nulls(len(texts), pa.binary())
    except UnicodeEncodeError:
        exact = [text.encode("utf-8", "surrogatepass") if _SURROGATE.search(text) else None for text in texts]
        return strings([_SURROGATE.sub("\ufffd", text) for text in texts]), binary(exact)


def exact_texts(texts: Sequence[str], exact: Sequence[bytes | None]) -> list[str]:
    """Return the texts that `text_columns` stored."""
    return [
        text if raw is None else raw.decode("utf-8", "surrogatepass") for text, raw in zip(texts, exact, strict=True)
    ]


@dataclass(slots=True)
class SetProgress(ABC, Generic[InputT, RowT]):
    """The running counts of a set that is being written, and the rows of its next row group.

    Attributes:
        digest: The content hash, and the number of inputs.
        categories: Inputs of each category.
        drawn: Inputs that a random draw gave.
        longest: Characters of the longest text.
        held: Rows of the next row group.
        held_characters: Characters of their texts.
    """

    digest: SetHash = field(default_factory=SetHash)
    categories: Counter[str] = field(default_factory=Counter[str])
    drawn: int = 0
    longest: int = 0
    held: list[RowT] = field(default_factory=list["RowT"])
    held_characters: int = 0

    @abstractmethod
    def add(self, one: InputT) -> None:
        """Take in the next input: count it, and `hold` its row."""

    @abstractmethod
    def batch(self, start: int, rows: Sequence[RowT]) -> Batch:
        """Return rows as a batch; `start` is the ordinal of the first."""

    def hold(self, row: RowT, text: str, category: str, drawn: int) -> None:
        """Hold the row of an input, and count what every probe counts."""
        self.held.append(row)
        self.held_characters += len(text)
        self.categories[category] += 1
        self.drawn += drawn > 0
        self.longest = max(self.longest, len(text))

    @property
    def full(self) -> bool:
        """Return whether the next row group has all its rows."""
        return len(self.held) >= GROUP_ROWS or self.held_characters >= GROUP_CHARACTERS

    def take(self) -> Batch:
        """Return the rows held, and hold none."""
        rows = self.held
        self.held, self.held_characters = [], 0
        return self.batch(self.digest.count - len(rows), rows)

    def write(self, writer: TableWriter[Any], inputs: Iterable[InputT]) -> None:
        """Write all inputs but the header; memory holds one row group.

        Raises:
            ArtifactError: The disk or folder does not take the file.
        """
        for one in inputs:
            self.add(one)
            if self.full:
                writer.add_batch(self.take())
                writer.flush()
        if self.held:
            writer.add_batch(self.take())
