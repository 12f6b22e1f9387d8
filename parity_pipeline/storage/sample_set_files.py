"""The stored sample set of one date and model: a snapshot that backfills read again.

Here belong its columns, its header and its reader. Where samples come from belongs to `sources`.

A text with lone surrogates has no UTF-8, and a Parquet string must. `text` then holds it with U+FFFD in their place, so
that every reader sees a string, and the binary column `text_surrogatepass` holds it exactly; it is null in all other
rows. Reading a set back gives the exact text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa

from parity_pipeline.core.errors import ArtifactError, SampleSourceError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.samples import DropCount, Sample, SetHash, unique
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.parquet_tables import (
    Array,
    Batch,
    StoredTable,
    TableKind,
    TableWriter,
    printable,
    utf8,
)
from parity_pipeline.storage.source_formats import SURROGATE_COLUMN

_REMEDY: Final = "Materialize samples again."
_GROUP_ROWS: Final = 2048
_GROUP_CHARACTERS: Final = 4_000_000
"""Characters after which a row group ends before its rows are full: over-long texts must not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSetHeader:
    """What is known of a stored sample set without reading its rows.

    Attributes:
        hash: Content hash, `core.samples.SetHash`, 64 hex digits.
        samples: Number of samples, 1 or more.
        duplicates_dropped: Samples left out because their text had come before.
        empty: Samples whose text is empty, 0 or 1.
        longest_characters: Length of the longest text.
        categories: Samples of each category.
        drawn: Samples that a random draw gave; the others were only picked.
        drawn_as: Of each drawn sample, by its id, how often it was drawn under each category; only those drawn under
            another category than their own.
        sources: What the samples were read from.
        package_version: Version of parity_pipeline that wrote the set.
    """

    hash: str
    samples: int
    duplicates_dropped: int
    empty: int
    longest_characters: int
    categories: dict[str, int]
    drawn: int
    drawn_as: dict[str, dict[str, int]]
    sources: tuple[str, ...]
    package_version: str


KIND: Final = TableKind(
    name="sample set",
    version=3,
    header=SampleSetHeader,
    older={2: older_versions.sample_set_header},
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("category", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("drawn", pa.int32(), nullable=False),
            pa.field(SURROGATE_COLUMN, pa.binary()),
        ]
    ),
    remedy=_REMEDY,
)

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


_Row: TypeAlias = tuple[int, str, str, str, str, int]
"""Ordinal, id, text, category, source, drawn."""


@dataclass(slots=True)
class _Progress:
    """The running counts of a set that is being written, and the rows of its next row group."""

    digest: SetHash = field(default_factory=SetHash)
    categories: Counter[str] = field(default_factory=Counter[str])
    drawn: int = 0
    drawn_as: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    empty: int = 0
    longest: int = 0
    held: list[_Row] = field(default_factory=list["_Row"])
    held_characters: int = 0

    def add(self, sample: Sample) -> None:
        identity, category = sample.id, printable(sample.category)
        self.held.append((self.digest.count, identity, sample.text, category, sample.source, sample.drawn))
        self.held_characters += len(sample.text)
        self.digest.add(identity, category)
        self.categories[category] += 1
        self.drawn += sample.drawn > 0
        if sample.drawn_as:
            self.drawn_as[identity] = {printable(name): times for name, times in sample.drawn_as.items()}
        self.empty += not sample.text
        self.longest = max(self.longest, len(sample.text))

    @property
    def full(self) -> bool:
        return len(self.held) >= _GROUP_ROWS or self.held_characters >= _GROUP_CHARACTERS

    def take(self) -> Batch:
        ordinals, ids, texts, categories, sources, drawn = zip(*self.held, strict=True)
        self.held, self.held_characters = [], 0
        text, exact = text_columns(texts)
        words = [utf8(ids), text, utf8(categories), utf8(sources)]
        arrays = [pa.array(ordinals, pa.int64()), *words, pa.array(drawn, pa.int32()), exact]
        return pa.RecordBatch.from_arrays(arrays, schema=KIND.schema)


def text_columns(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return the `text` column and the column of exact texts."""
    try:
        return pa.array(texts, pa.string()), pa.nulls(len(texts), pa.binary())
    except UnicodeEncodeError:
        exact = [text.encode("utf-8", "surrogatepass") if _SURROGATE.search(text) else None for text in texts]
        return pa.array([_SURROGATE.sub("\ufffd", text) for text in texts]), pa.array(exact, pa.binary())


def write_sample_set(temporary: Path, samples: Iterable[Sample], *, sources: Sequence[str]) -> SampleSetHeader:
    """Write the distinct samples, in order, as a stream: memory holds one row group and some 90 bytes per text.

    Args:
        temporary: A draft path; removed when this fails.
        samples: The samples, duplicates included.
        sources: What they were read from, for the header.

    Returns:
        The header that was stored.

    Raises:
        SampleSourceError: There is no sample, or reading one failed.
        ArtifactError: The disk or folder does not take the file.
    """
    seen, dropped = _Progress(), DropCount()
    with TableWriter(temporary, KIND, _GROUP_ROWS) as writer:
        for sample in unique(samples, dropped):
            seen.add(sample)
            if seen.full:
                writer.add_batch(seen.take())
                writer.flush()
        if seen.held:
            writer.add_batch(seen.take())
        if not seen.digest.count:
            remedy = "Put at least one text into a sample source of parity.yaml."
            raise SampleSourceError("the sample sources hold no sample", place=", ".join(sources), remedy=remedy)
        header = SampleSetHeader(
            hash=seen.digest.hexdigest(),
            samples=seen.digest.count,
            duplicates_dropped=dropped.duplicates,
            empty=seen.empty,
            longest_characters=seen.longest,
            categories=dict(sorted(seen.categories.items())),
            drawn=seen.drawn,
            drawn_as=seen.drawn_as,
            sources=tuple(sources),
            package_version=version("parity_pipeline"),
        )
        writer.finish(header)
    return header


class SampleSetFile(StoredTable[SampleSetHeader]):
    """A stored sample set."""

    def __init__(self, path: Path) -> None:
        """Read the footer.

        Raises:
            ArtifactError: As every `StoredTable`, or the header counts other samples than there are rows.
        """
        super().__init__(path, KIND)
        if self.header.samples != self.rows:
            problem = f"its header counts {self.header.samples} samples, the file has {self.rows}"
            raise ArtifactError(problem, place=str(self.path), remedy=_REMEDY)

    def blocks(self, rows: int = 1024, stop: int | None = None) -> Iterator[SampleBlock]:
        """Yield consecutive samples in blocks of `rows`, the last one shorter; `stop` ends before that ordinal."""
        for start, table in self.table_blocks(rows, stop):
            texts: list[str] = table.column("text").to_pylist()
            exact: list[bytes | None] = table.column(SURROGATE_COLUMN).to_pylist()
            yield SampleBlock(
                start=start,
                ids=table.column("id").to_pylist(),
                texts=[
                    text if raw is None else raw.decode("utf-8", "surrogatepass")
                    for text, raw in zip(texts, exact, strict=True)
                ],
                categories=table.column("category").to_pylist(),
                drawn=table.column("drawn").to_pylist(),
            )
