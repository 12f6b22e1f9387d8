"""Examine a project: folders, samples, services, and each side with one text.

Here belongs the list of examinations, each with its remedy. Asking a side belongs to `wire.check_connectivity`, printing to `main`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.services.supervisor import status
from parity_pipeline.settings.model import Settings
from parity_pipeline.storage.sources import absent_sources, read_sources
from parity_pipeline.wire.connectivity import ConnectivityResult, check_connectivity
from parity_pipeline.wire.side_config import SideConfig

Connect = Callable[[SideConfig, str], ConnectivityResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One line of the doctor's answer.

    Attributes:
        subject: What was examined.
        good: Whether it is as it should be.
        text: What was found.
        remedy: What to do; "" where it is good.
    """

    subject: str
    good: bool
    text: str
    remedy: str = ""


def examine(
    settings: Settings, environ: Mapping[str, str], day: str, *, ask: Connect = check_connectivity
) -> Iterator[Examination]:
    """Yield a finding for each thing that a run needs, in the order in which a run needs them.

    Args:
        settings: Settings that were accepted.
        environ: Where tokens are looked up.
        day: The date whose samples are read, ISO 8601.
        ask: Asks a side for one text's vector.
    """
    yield Examination(
        subject="settings", good=True, text=f"{len(settings.models)} models, dialects and sides are known"
    )
    for name in ("data_dir", "reports_dir", "state_dir", "dagster_home"):
        yield _folder(name, settings.path(getattr(settings, name)))
    yield from _samples(settings, day)
    for one in status(settings.services(), settings.path(settings.state_dir)):
        text = f"answers at {one.health_url}" if one.healthy else f"does not answer at {one.health_url}"
        yield Examination(
            subject=f"service {one.name}", good=one.healthy, text=text, remedy="" if one.healthy else "Run `parity up`."
        )
    for side in Side:
        yield from _side(settings, side, environ, ask)


def _folder(name: str, path: Path) -> Examination:
    """Say whether files can be made in a folder, or in the nearest folder above that exists."""
    nearest = next(place for place in (path, *path.parents) if place.exists())
    good = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    text = f"{path} is writable" if good else f"{nearest} is not a folder that can be written to"
    remedy = "" if good else f"Change its permissions, or set {name} in parity.yaml."
    return Examination(subject=name, good=good, text=text, remedy=remedy)


def _samples(settings: Settings, day: str) -> Iterator[Examination]:
    """Read every sample of the day once, as `samples` will."""
    try:
        count = sum(1 for _ in read_sources(settings.sources(), day))
    except ParityError as error:
        place = f"{error.place}: " if error.place else ""
        yield Examination(subject="samples", good=False, text=place + error.problem, remedy=error.remedy)
        return
    absent = absent_sources(settings.sources(), day)
    text = f"{count:,} lines for {day}" + (f"; nothing from {', '.join(absent)}" if absent else "")
    yield Examination(
        subject="samples", good=count > 0, text=text, remedy="" if count else "Add texts to a sample source."
    )


def _side(settings: Settings, side: Side, environ: Mapping[str, str], ask: Connect) -> Iterator[Examination]:
    """Ask one side for one text with each model."""
    stated = settings.side(side).default_model
    try:
        config = settings.side_config(side, environ)
    except ParityError as error:
        yield Examination(subject=f"{side} token", good=False, text=error.problem, remedy=error.remedy)
        return
    seen: set[tuple[str, str]] = set()
    for model in settings.models:
        try:
            result = ask(config, model)
        except ParityError as error:
            yield Examination(subject=f"{side} with {model}", good=False, text=str(error), remedy=error.remedy)
            continue
        for check in result.checks:
            if (check.name, check.detail) not in seen:
                seen.add((check.name, check.detail))
                where = f"{config.url}: " if check.ok is False else ""
                yield Examination(
                    subject=f"{side} {check.name}", good=bool(check.ok), text=where + check.detail, remedy=check.remedy
                )
        if stated and result.observation:
            found = result.observation.default_model
            remedy = f"Set sides.{side}.default_model to it, or find out why it changed."
            good = found == stated
            text = f"is {found}" if good else f"is {found}, and {stated} is stated"
            yield Examination(subject=f"{side} default model", good=good, text=text, remedy="" if good else remedy)
            stated = None
