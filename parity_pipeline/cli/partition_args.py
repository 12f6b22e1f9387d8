"""Which partitions a command means: its dates, in the time zone of the settings, its probes, models and corpora.

Here belong the dates, names and numbers that a person gives, checked against the settings. It does not import Dagster, so that
a wrong date is refused at once. Running the partitions belongs to `runs.runner`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.suggestions import meant

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings


def today(settings: "Settings") -> date:
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


_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(text: str, option: str) -> timedelta:
    """Return the length of time that a person wrote after an option, such as `90m`, `24h` or `7d`.

    Raises:
        SettingsError: It is not one, or is zero.
    """
    match = _AGE.fullmatch(text.strip())
    found = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not found:
        remedy = "Write a number and a unit, such as 90m, 24h or 7d."
        raise SettingsError(f"{text!r} is not a length of time", place=option, remedy=remedy)
    return found


def dates_between(settings: "Settings", first: date, last: date, current: date) -> list[str]:
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


def number_in(text: str, option: str, low: int, high: int) -> float:
    """Return the number that a person wrote after an option.

    Raises:
        SettingsError: It is not one from `low` to `high`.
    """
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        problem = f"{text!r} is not a number from {low} to {high}"
        raise SettingsError(problem, place=option, remedy="Write one, or leave the option out.")
    return found


EMBED: Final = "embed"
RETRIEVE: Final = "retrieve"
"""Names of the probes, as `steps.probes` has them."""


def chosen_names(
    settings: "Settings", *, probes: Sequence[str] = (), models: Sequence[str] = (), corpora: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return what each probe that is to be run is run for: models or corpora, all of them where none is named.

    Whoever names a model means the embed probe, and whoever names a corpus means the retrieve probe; who names neither
    means every probe of the settings, or those given.

    Raises:
        SettingsError: A name is not in the settings, or is of a probe that was not chosen.
    """
    section = settings.retrieve
    there = {EMBED: settings.models, **({RETRIEVE: list(section.corpora)} if section else {})}
    if unknown := [name for name in probes if name not in there]:
        use = f"Use one of {', '.join(there)}."
        remedy = "Add a section retrieve to parity.yaml." if RETRIEVE in unknown else meant(unknown, there, use)
        raise SettingsError(f"the settings have no probe {', '.join(unknown)}", place="--probe", remedy=remedy)
    named = {EMBED: list(models), RETRIEVE: list(corpora)}
    wanted = list(probes) or [probe for probe, names in named.items() if names] or list(there)
    for probe, names in named.items():
        if names and probe not in wanted:
            place = _OPTIONS[probe]
            remedy = f"Leave {place} out, or choose --probe {probe} too."
            raise SettingsError(
                f"{', '.join(names)} is of the {probe} probe, which is not chosen", place=place, remedy=remedy
            )
    return {probe: _known(probe, named[probe], there.get(probe, [])) for probe in named if probe in wanted}


_OPTIONS: Final = {EMBED: "--model", RETRIEVE: "--corpus"}


def _known(probe: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names that were given, or all.

    Raises:
        SettingsError: One is not known.
    """
    if unknown := [name for name in names if name not in known]:
        kind = "models" if probe == EMBED else "corpora"
        where = "models" if probe == EMBED else "retrieve.corpora"
        if known:
            listed = f"among the {kind} {', '.join(known)}"
            remedy = meant(unknown, known, f"Choose one of them, or add it to {where} in parity.yaml.")
        else:
            listed = f"a corpus, for the settings have no section {probe}"
            remedy = f"Leave {_OPTIONS[probe]} out, or add a section {probe} to parity.yaml."
        raise SettingsError(f"{', '.join(unknown)} is not {listed}", place=_OPTIONS[probe], remedy=remedy)
    return list(names) or list(known)
