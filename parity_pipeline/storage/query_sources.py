"""Read the query sources that settings name, as one stream of the queries that a partition sends.

Here belong the fields that a query may have beside its text, and what makes one unusable. Files, formats and random draws
are those of samples: `sources` and `source_formats`.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from parity_pipeline.core.retrieval.hazards import QUERY_HAZARDS_VERSION, hazard_queries
from parity_pipeline.core.retrieval.query_set import SourcedQuery, query_id, searched
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.storage.parquet_tables import printable
from parity_pipeline.storage.source_formats import Fields, SourceRecord, source_fault
from parity_pipeline.storage.sources import SourceFile, SourceSpec, read_drawn, read_records

_MORE: Final = ("id", "k", "filter", "corpora")
_MOST_RESULTS: Final = 1_000_000_000
"""Largest k: more results than any index returns, and few enough for a column of 32-bit numbers."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WHOLE: Final = re.compile(r"\s*\+?[0-9]{1,9}(\.0*)?\s*")


@dataclass(frozen=True, kw_only=True)
class QuerySourceSpec(SourceSpec):
    """One query source: a sample source with a column of its own for the text.

    Attributes:
        text: Name of the field or column that holds the text, in files that have fields.
    """

    text: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDefaults:
    """What a partition says of queries that say nothing themselves.

    Attributes:
        searches: The corpora that the partition searches, one or more.
        k: Results requested, 1 or more.
        filters: Names of the filters that settings define.
    """

    searches: tuple[str, ...]
    k: int
    filters: Collection[str] = ()


def read_queries(specs: Sequence[SourceSpec], date: str, defaults: QueryDefaults) -> Iterator[SourcedQuery]:
    """Yield the queries of all sources that a partition sends, duplicates included, as a stream.

    A query that names corpora is sent where all of them are searched, and searches those alone; one that names none
    searches all of the partition. Hazards are sent in every partition. Draws are from the queries of the partition.

    Args:
        specs: The sources.
        date: Partition date, YYYY-MM-DD.
        defaults: What the partition says.

    Raises:
        SampleSourceError: A source is missing, empty of files, or unreadable, or a field of a query cannot be used;
            names file and line. Or a hazard category is unknown, or a source has neither or both of path and hazards.
    """
    return read_drawn(specs, date, lambda spec, _: _read_whole(spec, date, defaults))


def source_names(specs: Sequence[SourceSpec]) -> tuple[str, ...]:
    """Return what a reader knows the sources by: file or folder names, or `hazards:` and the version."""
    return tuple(f"hazards:{QUERY_HAZARDS_VERSION}" if spec.path is None else spec.name for spec in specs)


def _read_whole(spec: SourceSpec, date: str, defaults: QueryDefaults) -> Iterable[SourcedQuery]:
    if spec.hazards and spec.path is None:
        for one in hazard_queries(spec.hazards, k=defaults.k, filters=defaults.filters):
            yield replace(one, query=replace(one.query, corpora=one.query.corpora or defaults.searches))
        return
    column = spec.text if isinstance(spec, QuerySourceSpec) else "text"
    for file, record in read_records(spec, date, Fields(text=column, more=_MORE)):
        query = _query(file, record, defaults)
        if searched(query.corpora, defaults.searches):
            own = replace(query, corpora=query.corpora or defaults.searches)
            yield SourcedQuery(own, f"{file.label}:{record.line}")


def _query(file: SourceFile, record: SourceRecord, defaults: QueryDefaults) -> Query:
    """Return a query as its record spells it; corpora that it does not name are left open."""

    def read(name: str, convert: Callable[[object], Any], wanted: str) -> Any:
        value = record.more.get(name)
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, RecursionError) as error:
            problem = f"`{name}` is {_shown(value)}{f' ({error})' if str(error) else ''}"
            raise source_fault(file.path, record.line, problem, wanted) from error

    k = read("k", _count, f"Write a whole number from 1 to {_MOST_RESULTS:,}.")
    spelled = read("filter", _string, "Write it as a string: the name of a filter in the settings, or what is sent.")
    corpora = read("corpora", _names, "Write a JSON list of names, or names with commas between them.") or ()
    own = read("id", _identity, "Write it as a string that is not empty.")
    return Query(
        id=own or query_id(record.text, k=k, filter=spelled, corpora=corpora),
        text=record.text,
        k=k or defaults.k,
        filter=spelled,
        corpora=corpora,
        category=printable(record.category or file.category),
    )


def _shown(value: object, most: int = 60) -> str:
    shown = ascii(value)
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _count(value: object) -> int | None:
    """Return k; None for the empty field of a CSV file."""
    if isinstance(value, str):
        if not value.strip():
            return None
        if not _WHOLE.fullmatch(value):
            raise ValueError
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError
    if not 1 <= value <= _MOST_RESULTS:
        raise ValueError
    return int(value)


def _string(value: object) -> str | None:
    """Return a filter; None for an empty one, which is how a CSV file says that there is none."""
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - caught above, which names the field
    return _whole(value) or None


def _identity(value: object) -> str:
    """Return an id. Numbers are taken too: collections such as MS MARCO number their queries."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not a string")  # noqa: TRY004 - caught above, which names the field
    return _whole(str(value))


def _names(value: object) -> tuple[str, ...]:
    """Return names of corpora, each once, in their order."""
    if isinstance(value, str):
        listed = value.lstrip().startswith("[")
        value = json.loads(value) if listed else [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - caught above, which names the field
    names = cast("list[object]", value)
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("not a list of names")
    return tuple(dict.fromkeys(_whole(cast("str", name)) for name in names))


def _whole(text: str) -> str:
    """Return the text; one with half of a surrogate pair could not be stored as it is sent."""
    if _SURROGATE.search(text):
        raise ValueError("half of a surrogate pair, which has no UTF-8")
    return text
