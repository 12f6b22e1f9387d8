"""Which dates, models and corpora have a stored file of a kind: what is found on the disk, and not what should be there.

Here belongs listing hive folders. Where a file of a date and model lies belongs to `layout`, what is in it to the module of
its kind.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from parity_pipeline.core.slugs import slug

Place = Callable[[str, str], Path]
"""Where the file of an ISO 8601 date and a model or corpus lies."""

_DAY: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})\Z", re.ASCII)
_ANY_DATE: Final = "2026-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPartition:
    """One file of one date and model or corpus.

    Attributes:
        date: Partition date, ISO 8601.
        name: Model or corpus. One whose folder name is cut because it is long has that folder name, unless it is known.
        path: The file.
    """

    date: str
    name: str
    path: Path


def stored_partitions(place: Place, known: Iterable[str] = ()) -> Iterator[StoredPartition]:
    """Yield the partitions that have a file, by date, then by folder name; none where there is no folder.

    Args:
        place: Where such a file lies, a method of `Layout` with whatever else it takes filled in.
        known: Names of models or corpora, by which the folders of long ones are recognised.
    """
    example = place(_ANY_DATE, "x")
    names = {slug(name): name for name in known}
    for date, day in _days(example):
        for folder in sorted(day.glob("*=*")):
            path = folder / example.name
            if folder.name.startswith(_key(example)) and path.is_file():
                yield StoredPartition(date=date, name=_name(folder.name.partition("=")[2], names), path=path)


def stored_dates(place: Place, name: str) -> list[str]:
    """Return the dates, ISO 8601, newest first, for which one model or corpus has a file; none where there is no folder.

    Args:
        place: Where such a file lies, as above.
        name: The model or corpus.
    """
    example = place(_ANY_DATE, name)
    # Not by a pattern: the folder of a model may hold characters that mean something in one.
    found = [date for date, day in _days(example) if (day / example.parent.name / example.name).is_file()]
    return found[::-1]


def _days(example: Path) -> list[tuple[str, Path]]:
    """Return the folders of dates of one kind of file, by date."""
    found = ((_DAY.match(day.name), day) for day in sorted(example.parents[2].glob("date=*")))
    return [(match[1], day) for match, day in found if match and _is_date(match[1])]


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _key(example: Path) -> str:
    """Return what the folders of models, or of corpora, begin with."""
    return example.parent.name.partition("=")[0] + "="


def _name(folder: str, names: Mapping[str, str]) -> str:
    return names.get(folder) or unquote(folder, errors="surrogatepass")
