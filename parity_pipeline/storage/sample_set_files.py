"""The stored sample set of one date and model: a snapshot that backfills read again.

Here belong its columns, its header and its reader. Where samples come from belongs to `sources`, how a text without UTF-8
is stored to `input_sets`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from parity_pipeline.core.errors import ArtifactError, SampleSourceError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.samples import DropCount, Sample, unique
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.arrow_columns import numbers, utf8
from parity_pipeline.storage.input_sets import GROUP_ROWS, SetProgress, exact_texts, text_columns
from parity_pipeline.storage.parquet_tables import (
    Batch,
    StoredTable,
    TableKind,
    TableWriter,
    printable,
)
from parity_pipeline.storage.source_formats import SURROGATE_COLUMN

_REMEDY: Final = "Materialize samples again, or draw that date again with `parity backfill --redraw`."


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

_Row: TypeAlias = tuple[str, str, str, str, int]
"""Id, text, category, source, drawn."""


@dataclass(slots=True)
class _Progress(SetProgress[Sample, _Row]):
    drawn_as: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    empty: int = 0

    def add(self, one: Sample) -> None:
        identity, category = one.id, printable(one.category)
        self.hold((identity, one.text, category, one.source, one.drawn), one.text, category, one.drawn)
        self.digest.add(identity, category)
        if one.drawn_as:
            self.drawn_as[identity] = {printable(name): times for name, times in one.drawn_as.items()}
        self.empty += not one.text

    def batch(self, start: int, rows: Sequence[_Row]) -> Batch:
        ids, texts, categories, sources, drawn = zip(*rows, strict=True)
        text, exact = text_columns(texts)
        words = [utf8(ids), text, utf8(categories), utf8(sources)]
        ordinals = numbers(np.arange(start, start + len(rows)), pa.int64())
        arrays = [ordinals, *words, numbers(drawn, pa.int32()), exact]
        return pa.RecordBatch.from_arrays(arrays, schema=KIND.schema)


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
    with TableWriter(temporary, KIND, GROUP_ROWS) as writer:
        seen.write(writer, unique(samples, dropped))
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
                texts=exact_texts(texts, exact),
                categories=table.column("category").to_pylist(),
                drawn=table.column("drawn").to_pylist(),
            )
