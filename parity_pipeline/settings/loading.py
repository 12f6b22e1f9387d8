"""Find and read the settings: one YAML file, then overrides from the environment.

Here belong the search for the file, the merge, old spellings of keys, and the messages of validation errors. The form of
the settings belongs to `model`.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pydantic import ValidationError

from parity_pipeline.core.errors import SettingsError
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

UNKNOWN_KEY: Final = "unknown key; check its spelling"

_EVERY_KEY: Final = "docs/settings.md lists every key."


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuse a duplicate key; PyYAML would silently use the last one."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key: Any = loader.construct_object(key_node, deep=True)  # pyright: ignore[reportUnknownMemberType] - no stubs
        line = key_node.start_mark.line + 1
        if isinstance(key, str | int | float | bool) and key in seen:
            problem = f"duplicate key {key!r} (lines {seen[key]} and {line})"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
        seen[key] = line
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def find_file(given: Path | None, environ: Mapping[str, str], folder: Path) -> Path:
    """Return the settings file: the given one, else that of `PARITY_CONFIG`, else `parity.yaml` in `folder` or above.

    Raises:
        SettingsError: There is none.
    """
    named = given or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    for path in (named,) if named is not None else (place / DEFAULT_NAME for place in (folder, *folder.parents)):
        if path.is_file():
            return path.resolve()
    place = str(folder if named is None else named)
    option = f"--config or {CONFIG_VARIABLE}"
    if named is None:
        remedy = f"Change into the project's folder, or name the file with {option}."
        raise SettingsError(f"there is no {DEFAULT_NAME} here or in a folder above", place=place, remedy=remedy)
    if named.is_dir():
        remedy = f"Name a file in it, such as {named / DEFAULT_NAME}, with {option}."
        raise SettingsError("this is a folder, not a settings file", place=place, remedy=remedy)
    raise SettingsError("there is no such settings file", place=place, remedy=f"Name an existing file with {option}.")


def load_from_here(given: Path | None = None) -> Settings:
    """Return the settings of the given file, or of the one that the environment or the working folder names.

    Raises:
        SettingsError: There is none, or it is not usable.
    """
    return load(find_file(given, os.environ, Path.cwd()), os.environ)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file with the environment's overrides.

    Raises:
        SettingsError: The file is not readable YAML, or a key or value is not usable; names every fault.
    """
    return validate(read_content(path, environ), path)


def read_content(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file holds with the environment's overrides and new spellings, not yet validated.

    Raises:
        SettingsError: The file is not readable YAML, or an override cannot be applied.
    """
    try:
        content: Any = yaml.load(path.read_text("utf-8"), _UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        remedy = "Fix the file; docs/settings.md shows its form."
        raise SettingsError(f"cannot be read as YAML: {error}", place=str(path), remedy=remedy) from error
    if not isinstance(content, dict):
        raise SettingsError("expected a YAML mapping", place=str(path), remedy="docs/settings.md shows its form.")
    merged = _merge(cast("dict[str, Any]", content), environ)
    for warning in _renamed(merged, path):
        sys.stderr.write(f"warning: {warning}\n")
    return merged


def validate(content: Mapping[str, Any], path: Path) -> Settings:
    """Return the settings that a mapping holds; `path` is the file that relative paths are relative to.

    Raises:
        SettingsError: A key or value is not usable; names every fault.
    """
    if taken := sorted(set(INTERNAL) & set(content)):
        faults = [f"{name}: {UNKNOWN_KEY}" for name in taken]
        raise SettingsError("not usable", place=str(path), faults=faults, remedy=_EVERY_KEY)
    try:
        return Settings.model_validate({**content, "root": path.parent, "file": path})
    except ValidationError as error:
        faults = [_fault(dict(one), content) for one in error.errors(include_url=False)]
        raise SettingsError("not usable", place=str(path), faults=faults, remedy=_EVERY_KEY) from error


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
            level[last] = yaml.safe_load(environ[name])
        except yaml.YAMLError as error:
            raise SettingsError("its value is not valid YAML", place=name, remedy="Put the value in quotes.") from error
    return content


def _renamed(content: dict[str, Any], path: Path) -> Iterator[str]:
    """Give old spellings their new ones, in place, and yield a warning for each.

    Raises:
        SettingsError: Both spellings of one key are given.
    """
    for old, new in RENAMED.items():
        *folders, name = old.split(".")
        level = _below(content, folders)
        if not isinstance(level, dict) or name not in level:
            continue
        last = new.rpartition(".")[2]
        if last in level:
            raise SettingsError(f"{old} and {new} are the same key", place=str(path), remedy=f"Remove {old}.")
        level[last] = level.pop(name)
        yield f"{path}: {old} is deprecated; write {new} instead"


def _below(content: Any, place: Sequence[int | str]) -> Any:
    """Return the value at a place in nested mappings and lists; None where there is none."""
    value = content
    for part in place:
        if isinstance(value, dict):
            value = cast("dict[Any, Any]", value).get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[part]
        else:
            return None
    return value


_WORDS: Final = {
    "extra_forbidden": UNKNOWN_KEY,
    "missing": "missing key; add it",
    "model_type": "expected a YAML mapping",
}
"""What is said in place of pydantic's message, by its type of error."""

_SECRET_KEYS: Final = ("headers", "env", "bearer_env", "token_env", "tokens", "channels")
"""Keys whose values are not shown: a person may have written the token itself."""


def _fault(error: dict[str, Any], content: Mapping[str, Any]) -> str:
    """Return one line: key, value where it may be shown, what is wrong."""
    place = [str(part) for part in error["loc"]]
    message = str(error["msg"]).removeprefix("Value error, ")
    value = _below(content, error["loc"])
    shown = ""
    hidden = any(part in _SECRET_KEYS for part in place) or "credentials" in message
    if isinstance(value, str | int | float | bool) and not hidden and repr(value) not in message:
        shown = f" (is {value!r})"
    return f"{'.'.join(place) or 'settings'}{shown}: {_WORDS.get(error['type'], message)}"
