"""The types and validators that all sections of the settings share.

Here belong strict models, records of other rooms as settings with their descriptions, names, numbers and URLs, and what is
said of a misspelt name.
The sections belong to `sides`, `retrieve` and `model`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import MISSING, asdict, fields
from enum import StrEnum
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_type_hints
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    create_model,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.slugs import slug
from parity_pipeline.core.suggestions import did_you_mean
from parity_pipeline.storage.sources import SourceSpec

Name = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400, json_schema_extra={"unit": "seconds"})]
Rate = Annotated[float, Field(gt=0, json_schema_extra={"unit": "per second"})]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, Field(ge=1, json_schema_extra={"unit": "bytes"})]

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def _local(value: Any) -> Any:
    """Refuse the address of a bucket or server, which would silently become the name of a folder."""
    if isinstance(value, str) and _ADDRESS.match(value):
        scheme = value.partition(":")[0]
        remedy = "write the path alone" if scheme == "file" else "name a local path, such as one where it is mounted"
        raise ValueError(
            f"begins with {scheme}: and is an address, while only local paths can be read and written; {remedy}"
        )
    return value


LocalPath = Annotated[Path, BeforeValidator(_local)]
"""A path of this machine. Nothing here reads or writes object stores."""

Accepted = TypeVar("Accepted")
Source = TypeVar("Source", bound=SourceSpec)


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error does not silently become a default.

    The `Attributes:` section of a model's docstring describes its keys, for the JSON schema and the list of settings. A
    `Field(description=…)` wins.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema with a description of each key."""
        found = handler(schema)
        documented = attribute_docs(cls)
        for name, value in handler.resolve_ref_schema(found).get("properties", {}).items():
            if name in documented:
                value.setdefault("description", documented[name])
        return found


_SECTION: Final = re.compile(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)
_ENTRY: Final = re.compile(r"^[ ]{4}(\w+): (.*(?:\n[ ]{8}.*)*)", re.MULTILINE)


def attribute_docs(record: type) -> dict[str, str]:
    """Return the description of each attribute that a class and its bases document, each as one line.

    `None` becomes `null`, which is how a settings file spells it. Under `python -OO`, which drops docstrings, there is none.

    >>> class Budget:
    ...     '''How much may be sent.
    ...
    ...     Attributes:
    ...         texts: Texts to try, at most;
    ...             None for all.
    ...     '''
    >>> attribute_docs(Budget)
    {'texts': 'Texts to try, at most; null for all.'}
    """
    found = dict[str, str]()
    for one in reversed(record.__mro__):
        found |= dict(_entries(cleandoc(one.__dict__.get("__doc__") or "")))
    return found


def in_yaml_words(text: str) -> str:
    """Return a text as one line in which None is spelled as in YAML."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))


def summary(record: type) -> str:
    """Return the first paragraph of a class's docstring as one line; "" if it has none."""
    paragraph = cleandoc(record.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    section = _SECTION.search(docstring)
    for name, text in _ENTRY.findall(section[1]) if section else ():
        yield name, in_yaml_words(text)


class Validated:
    """Validate a plain dataclass of another room as a setting, so that its fields and defaults are written once.

    Unknown keys are refused, as in `Strict`. The dataclass itself needs no pydantic.

    Descriptions are those of the dataclass's docstring; a type with a `Field(description=…)` of its own keeps that.

    Args:
        types: Types of fields that the settings limit further than the dataclass does.
    """

    def __init__(self, **types: Any) -> None:
        """Keep the narrower types by field."""
        self._types = types
        self._forms: dict[type[Any], type[Strict]] = {}

    def __get_pydantic_core_schema__(self, record: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a strict model with the dataclass's fields, whose values then make the dataclass."""
        # One form per record: the JSON schema would otherwise hold the same section once for each place that uses it.
        form = self._forms.setdefault(record, self._form(record))
        return core_schema.no_info_after_validator_function(
            lambda given: record(**{name: getattr(given, name) for name in form.model_fields}),
            handler.generate_schema(form),
            serialization=core_schema.plain_serializer_function_ser_schema(asdict),
        )

    def _form(self, record: type[Any]) -> type[Strict]:
        types = {**get_type_hints(record, include_extras=True), **self._types}
        documented = attribute_docs(record)
        members: dict[str, Any] = {}
        for one in fields(record):
            kind = types[one.name]
            own = next((found for part in get_args(kind)[1:] if (found := getattr(part, "description", None))), None)
            default: dict[str, Any] = {"default": one.default} if one.default is not MISSING else {}
            if one.default_factory is not MISSING:
                default = {"default_factory": one.default_factory}
            members[one.name] = (kind, Field(**default, description=own or documented.get(one.name)))
        return create_model(record.__name__, __base__=Strict, __doc__=summary(record), **members)


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
                faults.append(f"{one!r} is not {what}; {did_you_mean(str(one), known)}")
        return without_faults(faults, value)

    return check


def known_dialect(name: str, known: Iterable[str], place: str, section: str) -> None:
    """Refuse a dialect that there is not, with what may have been meant.

    Args:
        name: Its name.
        known: The dialects that there are.
        place: The key that names it.
        section: Where dialects are added.

    Raises:
        ValueError: There is no such dialect.
    """
    names = sorted(known)
    if name not in names:
        raise ValueError(f"{place}: {name!r} is not known; {did_you_mean(name, names, f'Else add it to {section}')}")


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


def one_of(*names: str) -> Any:
    """Return what says to the JSON schema that exactly one of these keys is set; the loader has a validator for it."""
    return Field(json_schema_extra={"oneOf": [{"required": [name]} for name in names]})


PATH_OR_HAZARDS: Final = one_of("path", "hazards")
"""What `one_kind` demands, for the JSON schema."""


REQUIRED_FOLDER: Final = Annotated[
    bool,
    Field(description="Whether a missing folder of the date is an error; else the source then gives nothing."),
]
"""The key `required` of a source of each date."""


def one_kind(value: Any, validate: Callable[[Any], Source]) -> Source:
    """Refuse a source that is neither a path nor hazards, or both, or hazards with options of files."""
    source = validate(value)
    if (source.path is None) == (not source.hazards):
        raise ValueError("needs a path or hazards, and not both; name exactly one of them")
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
    if "@" in value.partition("?")[0]:
        raise ValueError("contains credentials; remove them, and name an environment variable in bearer_env")
    shown = repr(value.partition("?")[0].partition("#")[0])  # a query may hold a token
    try:
        parts = urlsplit(value)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(f"{shown} is not a valid URL; write it as http://host:port or https://host") from None
    if not named:
        raise ValueError(f"{shown} is not a valid URL; write it as http://host:port or https://host")
    if parts.query or parts.fragment:
        raise ValueError(f"{shown} is followed by a query or a fragment; keep scheme, host, port and path only")
    return value


_TOKEN: Final = re.compile(
    r"(?=.*[0-9])(?=.*[a-z])[A-Za-z0-9_]{16,}\Z|(?:sk|gh[opsu]|hf|pat|glpat|xox[a-z]|eyj)_?[A-Za-z0-9_]{12,}\Z"
)
"""What looks like a token and not like the name of a variable: long, with digits and lower-case letters, or so begun."""


def unset_variable(name: str, place: str, holds: str) -> SettingsError:
    """Return the error for a variable that is not set, or is empty. What may be a token is not shown.

    Args:
        name: What the settings say is its name.
        place: The key.
        holds: What it should hold, such as `the token of the gateway`.
    """
    if _TOKEN.match(name):
        problem = "names no environment variable that is set, and looks like a token itself"
        return SettingsError(problem, place=place, remedy=f"Export {holds}, and write the name of its variable.")
    problem = f"the environment variable {name} is not set"
    return SettingsError(problem, place=place, remedy=f"Set {name} to {holds}, or remove the key.")


def absolute(folder: Path, path: Path) -> Path:
    """Return a path that is relative to a folder, or below somebody's home, as an absolute one, links followed.

    Raises:
        SettingsError: It leads in a circle of links or to the home of nobody, or no file can have this name.
    """
    try:
        found = (folder / path.expanduser()).resolve()
        with suppress(PermissionError):  # whoever reads or writes there says so; this is for names that are too long
            found.exists()
    except (OSError, RuntimeError, ValueError) as error:
        remedy = "Look at it with `ls -l`, or name another path."
        raise SettingsError(f"cannot be followed: {error}", place=str(path), remedy=remedy) from error
    return found
