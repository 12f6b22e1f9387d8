"""Which dates have a file: read from the hive folders of `layout`, without opening a file.

Here belongs the listing of dates. What lies in the files belongs to the module of their kind.
"""

import datetime as dt
from pathlib import Path
from typing import Final

_PREFIX: Final = "date="

ANY_DATE: Final = "2000-01-01"
"""A date to ask the layout for a path with whose other dates are meant."""


def stored_dates(like: Path) -> list[str]:
    """Return the dates, ISO 8601, newest first, for which a file exists beside the one of another date.

    Args:
        like: The path of one date, such as `layout.embeddings(side, date, model)`; it need not exist.
    """
    name, partition, dates = like.name, like.parent.name, like.parent.parent.parent
    # Not by a pattern: the slug of a model may hold characters that mean something in one.
    found = [
        folder.name.removeprefix(_PREFIX)
        for folder in (dates.iterdir() if dates.is_dir() else ())
        if folder.name.startswith(_PREFIX) and (folder / partition / name).is_file()
    ]
    return sorted(filter(_is_date, found), reverse=True)


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
