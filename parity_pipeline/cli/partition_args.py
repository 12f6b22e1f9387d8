"""Which partitions a command means: its dates, in the time zone of the settings, and its models.

Here belong the dates and models that a person names, checked against the settings. It does not import Dagster, so that
a wrong date is refused at once. Running the partitions belongs to `runs.runner`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.settings.model import Settings


def today(settings: Settings) -> date:
    """Return the date of now in the time zone of the settings."""
    return datetime.now(ZoneInfo(settings.timezone)).date()


def calendar_date(text: str, option: str) -> date:
    """Return the date that a person wrote as YYYY-MM-DD after an option.

    Raises:
        SettingsError: It is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        remedy = "Write a date as YYYY-MM-DD, such as 2026-05-04."
        raise SettingsError(f"{text!r} is not a date", place=option, remedy=remedy) from None


def dates_between(settings: Settings, first: date, last: date, current: date) -> list[str]:
    """Return the ISO 8601 dates from `first` to `last`, both included.

    Raises:
        SettingsError: They are in the wrong order, before the first date of the settings, or in the future.
    """
    if first > last:
        raise SettingsError(f"{first} is after {last}", place="--from/--to", remedy="Swap them.")
    if first < settings.first_date:
        raise SettingsError(
            f"{first} is before the first date, {settings.first_date}",
            place="date",
            remedy="Choose a later date, or set first_date in parity.yaml.",
        )
    if last > current:
        raise SettingsError(f"{last} is in the future; today is {current}", place="date", remedy="Choose a past date.")
    return [(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)]


def chosen_models(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the models to run: those named, or all.

    Raises:
        SettingsError: A name is not among the models of the settings.
    """
    if unknown := [name for name in names if name not in settings.models]:
        raise SettingsError(
            f"{', '.join(unknown)} is not among the models {', '.join(settings.models)}",
            place="--model",
            remedy="Choose one of them, or add it to models in parity.yaml.",
        )
    return list(names) or list(settings.models)
