"""The types and validators that all sections of the settings share.

Here belong strict models, records of other rooms as settings, names, numbers and URLs, and what is said of a misspelt name.
The sections belong to `sides`, `retrieve` and `model`.
"""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, asdict, fields
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, TypeVar, cast, get_type_hints
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from parity_pipeline.core.slugs import slug
from parity_pipeline.storage.sources import SourceSpec

Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]

Accepted = TypeVar("Accepted")
Source = TypeVar("Source", bound=SourceSpec)


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error does not silently become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())


class Validated:
    """Validate a plain dataclass of another room as a setting, so that its fields and defaults are written once.

    Unknown keys are refused, as in `Strict`. The dataclass itself needs no pydantic.

    Args:
        types: Types of fields that the settings limit further than the dataclass does.
    """

    def __init__(self, **types: Any) -> None:
        """Keep the narrower types by field."""
        self._types = types

    def __get_pydantic_core_schema__(self, record: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a strict model with the dataclass's fields, whose values then make the dataclass."""
        types = {**get_type_hints(record, include_extras=True), **self._types}
        members: dict[str, Any] = {}
        for one in fields(record):
            if one.default_factory is not MISSING:
                members[one.name] = (types[one.name], Field(default_factory=one.default_factory))
            else:
                members[one.name] = (types[one.name], ... if one.default is MISSING else one.default)
        form = create_model(record.__name__, __base__=Strict, **members)
        return core_schema.no_info_after_validator_function(
            lambda given: record(**{name: getattr(given, name) for name in members}),
            handler.generate_schema(form),
            serialization=core_schema.plain_serializer_function_ser_schema(asdict),
        )


def known_names(names: type[StrEnum], what: str) -> Callable[[Any], Any]:
    """Return a validator that refuses unknown names, in a list or as keys of a mapping; each is shown with the nearest one.

    Args:
        names: The names that there are.
        what: What one of them is, such as `a check`.
    """
    known = [name.value for name in names]

    def check(value: Any) -> Any:
        faults = list[str]()
        for one in cast("Iterable[Any]", value) if isinstance(value, list | tuple | dict) else ():
            if one not in known:
                near = get_close_matches(str(one), known, n=1)
                meant = f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}"
                faults.append(f"{one!r} is not {what}; {meant}")
        return without_faults(faults, value)

    return check


def without_faults(faults: Iterable[str], value: Accepted) -> Accepted:
    """Return a value that has no faults.

    Raises:
        ValueError: It has some; names all of them.
    """
    if found := "; ".join(faults):
        raise ValueError(found)
    return value


def named_by_key(section: str) -> Callable[[Any], Any]:
    """Return a validator that gives each row of a section its key as its name."""

    def named(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        rows = cast("dict[Any, Any]", value)
        if twice := [key for key, row in rows.items() if isinstance(row, dict) and "name" in row]:
            raise ValueError(
                f"{', '.join(map(str, twice))}: remove the key name; a dialect is named by its key in {section}"
            )
        return {key: {**row, "name": key} if isinstance(row, dict) else row for key, row in rows.items()}

    return named


def one_kind(value: Any, validate: Callable[[Any], Source]) -> Source:
    """Refuse a source that is neither a path nor hazards, or both, or hazards with options of files."""
    source = validate(value)
    if (source.path is None) == (not source.hazards):
        raise ValueError("name a path or hazards, exactly one of them, for each source")
    if source.hazards and (idle := sorted(set(value) - {"path", "hazards"})):
        raise ValueError(f"{', '.join(idle)} can only be set for files; hazards are not read from any, leave it out")
    return source


def distinct_names(value: list[str]) -> list[str]:
    """Return names of which no two share a file, whatever the file system does with capitals.

    Raises:
        ValueError: Two do.
    """
    names: dict[str, str] = {}
    for name in value:
        folded = slug(name).casefold()
        if folded in names:
            twin = names[folded]
            same = "is named twice" if twin == name else f"and {twin!r} would share a file on some file systems"
            raise ValueError(f"{name!r} {same}; keep one of them")
        names[folded] = name
    return value


def checked_url(value: str) -> str:
    """Return an http or https URL without credentials, query or fragment; the message never repeats credentials."""
    parts = urlsplit(value)
    if parts.username or parts.password:
        raise ValueError("contains credentials; name an environment variable in bearer_env instead")
    try:
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ValueError(f"{value!r} is not a valid URL; write it as http://host:port or https://host")
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r} has a query or a fragment; keep scheme, host, port and path only")
    return value
