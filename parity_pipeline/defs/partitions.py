"""Partitions: date x model for the embed probe, date x corpus for retrieve; two dimensions, one run per pair.

Here belongs everything that knows how a Dagster partition key is spelled.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import dagster as dg

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.slugs import name_of, partition_key

DATE: Final = "date"
MODEL: Final = "model"
CORPUS: Final = "corpus"


def make_partitions(
    first_date: date, timezone: str, names: Sequence[str], dimension: str = MODEL
) -> dg.MultiPartitionsDefinition:
    """Return the partitions of date x model, or of date x corpus, from `first_date` to today in `timezone`."""
    return dg.MultiPartitionsDefinition(
        {
            DATE: dg.DailyPartitionsDefinition(first_date.isoformat(), timezone=timezone, end_offset=1),
            dimension: dg.StaticPartitionsDefinition([partition_key(name) for name in names]),
        }
    )


def make_key(day: str, name: str, dimension: str = MODEL) -> dg.MultiPartitionKey:
    """Return the partition key of an ISO 8601 date and the name of a model, or of a corpus."""
    return dg.MultiPartitionKey({DATE: day, dimension: partition_key(name)})


def split_key(key: str, dimension: str = MODEL) -> tuple[str, str]:
    """Return the ISO 8601 date, and the name of the model or corpus, of a partition key.

    Dagster hands out a `MultiPartitionKey` in a run and a plain string elsewhere. It orders the dimensions by name, so
    that the string is spelled `date|model`, and `corpus|date`.

    Raises:
        ParityError: The key has not this form.
    """
    first, bar, second = key.partition("|")
    form = "|".join(sorted((DATE, dimension)))
    if not bar:
        raise ParityError(f"a partition is one date and one {dimension}", place=key, remedy=f"Choose it as {form}.")
    day, name = (first, second) if dimension > DATE else (second, first)
    return day, name_of(name)
