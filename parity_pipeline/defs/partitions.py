"""Partitions: date x model, two dimensions, one run a pair.

Here belongs everything that knows how a Dagster partition key is spelled.
"""

from datetime import date
from typing import Final

import dagster as dg

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.slugs import model_of, partition_key

DATE: Final = "date"
MODEL: Final = "model"


def make_partitions(first_date: date, timezone: str, models: list[str]) -> dg.MultiPartitionsDefinition:
    """Return the date x model partitions, from `first_date` to today in `timezone`."""
    return dg.MultiPartitionsDefinition(
        {
            DATE: dg.DailyPartitionsDefinition(first_date.isoformat(), timezone=timezone, end_offset=1),
            MODEL: dg.StaticPartitionsDefinition([partition_key(model) for model in models]),
        }
    )


def make_key(day: str, model: str) -> dg.MultiPartitionKey:
    """Return the partition key of an ISO 8601 date and a model name."""
    return dg.MultiPartitionKey({DATE: day, MODEL: partition_key(model)})


def split_key(key: str) -> tuple[str, str]:
    """Return the ISO 8601 date and the model name of a partition key.

    Dagster hands out a `MultiPartitionKey` in a run and a plain string elsewhere; both are spelled `date|model`.

    Raises:
        ParityError: The key has not this form.
    """
    day, bar, model = key.partition("|")
    if not bar:
        raise ParityError("a partition is one date and one model", place=key, remedy="Choose it as date|model.")
    return day, model_of(model)
