"""Find and read the settings: one YAML file, then overrides from the environment.

Here belong the search for the file, the merge, old spellings of keys, and the messages of validation errors. The form of
the settings belongs to `model`.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import yaml

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.settings.fault_words import UNKNOWN_KEY, fault_line, value_at

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

CONFIG_VARIABLE: Final = "PARITY_CONFIG"
"""Environment variable that names the settings file."""

OVERRIDE_PREFIX: Final = "PARITY__"
"""Prefix of overrides: `PARITY__SIDES__LEGACY__BASE_URL` sets `sides.legacy.base_url`. Values are YAML."""

DEFAULT_NAME: Final = "parity.yaml"

RENAMED: Final[Mapping[str, str]] = {
    "sides.legacy.ask_default_model": "sides.legacy.observe_default_model",
    "sides.candidate.ask_default_model": "sides.candidate.observe_default_model",
}
"""Keys that were renamed, old to new, as dotted places; the old one still works and gives a warning."""

INTERNAL: Final = ("root", "file", "through_adapter")
"""Fields of the settings that no file may set."""

_EVERY_KEY: Final = "docs/settings.md lists every key."


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuse a duplicate key; PyYAML would silently use the last one."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key: Any = loader.construct_object(key_node, deep=True)  # pyright: ignore[reportUnknownMemberType] - no stubs
        line = key_node.start_mark.line + 1
        if not isinstance(key, str | int | float | bool):
            continue
        if key in seen:
            problem = f"duplicate key {key!r} (lines {seen[key]} and {line})"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
        seen[key] = line
    return loader.construct_mapping(node, deep=True)


def _date_or_text(loader: _UniqueKeyLoader, node: yaml.ScalarNode) -> object:
    """Return a date; one that no calendar has, such as 2026-02-30, as text, for which its key has a message."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:timestamp", _date_or_text)


def find_file(given: Path | None, environ: Mapping[str, str], folder: Path) -> Path:
    """Return the settings file: the given one, else that of `PARITY_CONFIG`, else `parity.yaml` in `folder` or above.

    Raises:
        SettingsError: There is none.
    """
    named = given or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    for path in (named,) if named is not None else (place / DEFAULT_NAME for place in (folder, *folder.parents)):
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where it may not look
            return path.resolve()
    place = str(folder if named is None else named)
    option = f"--config or {CONFIG_VARIABLE}"
    if named is None:
        remedy = f"Change into the project's folder, or name the file with {option}."
        raise SettingsError(f"there is no {DEFAULT_NAME} here or in a folder above", place=place, remedy=remedy)
    if os.path.isdir(named):  # noqa: PTH112 - as above
        remedy = f"Name a file in it, such as {named / DEFAULT_NAME}, with {option}."
        raise SettingsError("this is a folder, not a settings file", place=place, remedy=remedy)
    # Such as a pipe, which could be read once, and not again by the process of each step.
    problem = "this is not a regular file"
    try:
        named.stat()
    except FileNotFoundError:
        problem = "there is no such settings file"
    except OSError as error:
        problem = f"this settings file cannot be read: {error.strerror}"
    raise SettingsError(problem, place=place, remedy=f"Name an existing file with {option}.")


def named_config(path: Path | None, folder: Path) -> str:
    """Return how a command in a folder names a settings file; "" where it finds the file by itself, or there is none.

    The path is relative to the folder, so that a report shows no folder of the machine that it was written on.
    """
    if path is None:
        return ""
    found = next((one for place in (folder, *folder.parents) if (one := place / DEFAULT_NAME).is_file()), None)
    return (
        "" if found and found.resolve() == path.resolve() else Path(os.path.relpath(path.resolve(), folder)).as_posix()
    )


def load_from_here(given: Path | None = None) -> "Settings":
    """Return the settings of the given file, or of the one that the environment or the working folder names.

    Raises:
        SettingsError: There is none, or it is not usable.
    """
    return load(find_file(given, os.environ, Path.cwd()), os.environ)


def load(path: Path, environ: Mapping[str, str]) -> "Settings":
    """Return the settings of a file with the environment's overrides.

    Raises:
        SettingsError: The file is not readable YAML, or a key or value is not usable; names every fault.
    """
    return validate(read_content(path, environ), path, overridden(environ))


def read_content(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file holds with the environment's overrides and new spellings, not yet validated.

    Raises:
        SettingsError: The file is not readable YAML, or an override cannot be applied.
    """
    try:
        content: Any = yaml.load(path.read_text("utf-8"), _UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"invalid UTF-8: byte 0x{error.object[error.start]:02x} in line {line}"
        raise SettingsError(problem, place=str(path), remedy="Convert the file to UTF-8.") from error
    except (OSError, RecursionError, yaml.YAMLError) as error:
        remedy = "Fix the file; docs/settings.md shows its form."
        raise SettingsError(f"cannot be read as YAML: {_yaml_words(error)}", place=str(path), remedy=remedy) from error
    if not isinstance(content, dict):
        raise SettingsError("expected a YAML mapping", place=str(path), remedy="docs/settings.md shows its form.")
    merged = _merge(cast("dict[str, Any]", content), environ)
    for warning in _renamed(merged, path):
        sys.stderr.write(f"warning: {warning}\n")
    return merged


def overridden(environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Return the variables that override keys, by the place of the key."""
    named = (name for name in sorted(environ) if name.startswith(OVERRIDE_PREFIX))
    return {tuple(name.removeprefix(OVERRIDE_PREFIX).lower().split("__")): name for name in named}


def _yaml_words(error: Exception) -> str:
    """Return why a file cannot be read on one line, with the place in it where there is one."""
    if isinstance(error, RecursionError):
        return "its values are nested too deeply"
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    mark = error.problem_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + " ".join(part for part in (error.problem, error.context) if part)


def validate(
    content: Mapping[str, Any], path: Path, variables: Mapping[tuple[str, ...], str] | None = None
) -> "Settings":
    """Return the settings that a mapping holds.

    Args:
        content: What the file holds, overrides applied.
        path: The file; relative paths are relative to its folder.
        variables: Variables that have overridden keys, by their place, so that a fault can be found.

    Raises:
        SettingsError: A key or value is not usable; names every fault.
    """
    # The form of the settings takes most of a second to import, and whoever only looks for the file need not wait for it.
    from pydantic import ValidationError  # noqa: PLC0415

    from parity_pipeline.settings.model import Settings  # noqa: PLC0415

    if taken := sorted(set(INTERNAL) & set(content)):
        faults = [f"{name}: {UNKNOWN_KEY}; remove it" for name in taken]
        raise SettingsError("not usable", place=str(path), faults=faults, remedy=_EVERY_KEY)
    try:
        return Settings.model_validate({**content, "root": path.parent, "file": path})
    except ValidationError as error:
        faults = [
            fault_line(cast("dict[str, Any]", one), content, Settings.model_json_schema, _origin(one["loc"], variables))
            for one in error.errors(include_url=False)
        ]
        raise SettingsError("not usable", place=str(path), faults=faults, remedy=_EVERY_KEY) from None


def _origin(place: Sequence[int | str], variables: Mapping[tuple[str, ...], str] | None) -> str:
    """Return which variable has set the key of a fault; "" where the file has."""
    for length in range(len(place), 0, -1):
        if name := (variables or {}).get(tuple(str(part) for part in place[:length])):
            return name
    return ""


def _merge(content: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Lay the environment's overrides over the file's content."""
    for name in sorted(environ):
        if not name.startswith(OVERRIDE_PREFIX):
            continue
        *folders, last = name.removeprefix(OVERRIDE_PREFIX).lower().split("__")
        level: Any = content
        for folder in folders:
            level = level.setdefault(folder, {}) if isinstance(level, dict) else None
        if not isinstance(level, dict):
            raise SettingsError(
                "cannot override this key: the key above it is not a mapping", place=name, remedy="Unset it."
            )
        try:
            level[last] = yaml.load(environ[name], _UniqueKeyLoader)  # noqa: S506 - a SafeLoader
        except (RecursionError, yaml.YAMLError) as error:
            raise SettingsError("its value is not valid YAML", place=name, remedy="Put the value in quotes.") from error
    return content


def _renamed(content: dict[str, Any], path: Path) -> Iterator[str]:
    """Give old spellings their new ones, in place, and yield a warning for each.

    Raises:
        SettingsError: Both spellings of one key are given.
    """
    for old, new in RENAMED.items():
        *folders, name = old.split(".")
        level = value_at(content, folders)
        if not isinstance(level, dict) or name not in level:
            continue
        last = new.rpartition(".")[2]
        if last in level:
            raise SettingsError(f"{old} and {new} are the same key", place=str(path), remedy=f"Remove {old}.")
        level[last] = level.pop(name)
        yield f"{path}: {old} is deprecated; write {new} instead"
