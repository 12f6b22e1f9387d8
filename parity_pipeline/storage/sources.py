"""Read the sources that settings name as one stream of samples.

Here belong which files a source means for a date, their order, and the draw from them, for samples and queries alike. What a
format means belongs to `source_formats`, the fields of a query to `query_sources`, the built-in hazard texts to
`core.hazards`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards.corpus import CORPUS_VERSION, hazard_samples
from parity_pipeline.core.samples import Drawable, DrawCounts, Sample, draw
from parity_pipeline.storage.source_formats import FORMAT_OF_SUFFIX, READERS, Fields, SourceRecord

Item = TypeVar("Item", bound=Drawable)


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """One source of samples or queries: a path or hazard sets, exactly one of them.

    Attributes:
        path: A file, or a folder of which all files are read, sorted by path; names that begin with `.` or `_` are
            passed over.
        category: Category of samples whose file names none; "" for the file's stem, or, where `per_date`, the name of
            the folder `path`.
        format: `text`, `jsonl`, `csv` or `parquet`; None to go by the suffix.
        per_date: `path` holds folders `date=YYYY-MM-DD`, and only that date's is read.
        sample: How many samples to draw at random, duplicates not yet dropped; None for all. The same seed, date and
            files draw the same samples. Only samples of such a draw let a verdict speak for inputs it has not seen, and
            then for inputs of this source; a text that another source holds too counts as drawn all the same.
        seed: Seed of the draw, beside the date.
        required: Whether a per-date source without a folder for the date is an error; else it gives nothing and
            `absent_sources` names it.
        hazards: Names of built-in hazard sets, in place of a path: of `core.hazards.corpus.SETS` for samples, of
            `core.retrieval.hazards.CATEGORIES` for queries, or `all`. Salted texts go by the date; the other attributes
            do not matter.
    """

    path: Path | None = None
    category: str = ""
    format: str | None = None
    per_date: bool = False
    sample: int | None = None
    seed: int = 0
    required: bool = True
    hazards: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Return what a reader knows the source by: the file's or folder's name, or `hazards:` and the version."""
        return f"hazards:{CORPUS_VERSION}" if self.path is None else self.path.name


def read_sources(specs: Sequence[SourceSpec], date: str) -> Iterator[Sample]:
    """Yield the samples of all sources in order, duplicates included, as a stream; only random draws are held.

    A sample's source is `file:line`, the file as seen from the folder that holds the source's path, or that of
    `core.hazards.corpus.hazard_samples`.

    Args:
        specs: The sources.
        date: Partition date, YYYY-MM-DD.

    Raises:
        SampleSourceError: A source is missing, empty of files, or unreadable; names file and line. Or a hazard set is
            unknown, or a source has neither or both of path and hazards.
    """
    return read_drawn(specs, date, lambda spec, before: _read_whole(spec, date, before))


def read_drawn(
    specs: Sequence[SourceSpec], date: str, read: Callable[[SourceSpec, int], Iterable[Item]]
) -> Iterator[Item]:
    """Yield what all sources give, in order, each with how often it was drawn; only random draws are held.

    Args:
        specs: The sources.
        date: Partition date, YYYY-MM-DD; it seeds the draws.
        read: Reads all that one source gives, behind so many items of other sources.

    Raises:
        SampleSourceError: As `read` does. Or the sources give nothing but hazards, though files of yours are among them.
    """
    # All draws come first: a text counts as drawn wherever it stands, also in an earlier list that someone picked.
    counts, drawn = DrawCounts(), dict[int, list[Item]]()
    for place, spec in enumerate(specs):
        if spec.sample is not None and not spec.hazards:
            drawn[place] = draw(read(spec, 0), spec.sample, f"{spec.seed}:{date}")
            counts.add(drawn[place])
    before, own = 0, 0
    for place, spec in enumerate(specs):
        items = drawn.pop(place) if place in drawn else read(spec, before)
        for item in counts.mark(items):
            yield item
            before += 1
            own += not spec.hazards
    empty = [one for one in specs if not one.hazards and not _absent(one, date)]
    if before and empty and not own:
        problem = "there is no line in it, and the built-in hazards alone would say nothing about your inputs"
        place = ", ".join(str(one.path) for one in empty)
        raise SampleSourceError(problem, place=place, remedy="Fill it, or leave the source out.")


def _read_whole(spec: SourceSpec, date: str, before: int) -> Iterable[Sample]:
    """Read all that a source without a draw gives for a date, behind so many samples of other sources."""
    if spec.hazards and spec.path is None:
        return hazard_samples(spec.hazards, salt=date, before=before)
    return (
        Sample(text=one.text, category=one.category or place.category, source=f"{place.label}:{one.line}")
        for place, one in read_records(spec, date, Fields())
    )


def absent_sources(specs: Sequence[SourceSpec], date: str) -> list[str]:
    """Return the folders of the per-date sources that have none for this date, as `name/date=YYYY-MM-DD`."""
    return [_label(spec, _base(spec, date)) for spec in specs if _absent(spec, date)]


def _absent(spec: SourceSpec, date: str) -> bool:
    return spec.per_date and not _base(spec, date).is_dir()


def _path(spec: SourceSpec) -> Path:
    if spec.path is None or spec.hazards:
        problem = "a sample source needs a path or hazards, and not both"
        raise SampleSourceError(problem, place="samples", remedy="Fix it in parity.yaml.")
    return spec.path


def _base(spec: SourceSpec, date: str) -> Path:
    path = _path(spec)
    return path / f"date={date}" if spec.per_date else path


def _label(spec: SourceSpec, path: Path) -> str:
    """Return a path as seen from the folder that holds the source: the same on every machine."""
    root = _path(spec)
    return (Path(root.resolve().name) / path.relative_to(root)).as_posix()


class SourceFile(NamedTuple):
    """A file of a source.

    Attributes:
        path: Where it lies.
        label: The same as seen from the folder that holds the source: the same on every machine.
        category: Category of records that name none.
    """

    path: Path
    label: str
    category: str


def read_records(spec: SourceSpec, date: str, fields: Fields) -> Iterator[tuple[SourceFile, SourceRecord]]:
    """Yield the records of all files of a source for a date, each with the file that it stands in.

    Raises:
        SampleSourceError: As `read_sources`.
    """
    for path in _files(spec, date):
        category = spec.category or (_path(spec).resolve().name if spec.per_date else path.stem)
        file = SourceFile(path, _label(spec, path), category)
        for record in READERS[_format(spec, path)](path, fields):
            yield file, record


def _files(spec: SourceSpec, date: str) -> list[Path]:
    base = _base(spec, date)
    if spec.per_date and not base.is_dir():
        if not spec.required:
            return []
        remedy = "Put that date's files there, or set `required: false` for this source."
        raise SampleSourceError(f"there is no folder for {date}", place=str(base), remedy=remedy)
    if base.is_file():
        return [base]
    if not base.is_dir():
        raise SampleSourceError("there is no such sample file", place=str(base), remedy="Fix the path in parity.yaml.")
    found = [path for path in base.rglob("*") if path.is_file() and not _hidden(path.relative_to(base))]
    if not found:
        raise SampleSourceError("this folder holds no file", place=str(base), remedy="Put sample files there.")
    return sorted(found, key=lambda path: path.relative_to(base).as_posix())


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _format(spec: SourceSpec, path: Path) -> str:
    name = spec.format if spec.format is not None else FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if name is None or name not in READERS:
        problem = f"format {name!r} is unknown" if name else f"the suffix {path.suffix!r} names no format"
        remedy = f"Set `format` to one of {', '.join(READERS)}, or move the file out of the source."
        raise SampleSourceError(problem, place=str(path), remedy=remedy)
    return name
