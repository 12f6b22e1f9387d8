"""The JSON schema of `parity.yaml`, made from the settings' model, for editors and for the page of all settings.

Here belongs what the model cannot say of a file: keys that no file may have, keys that give a row its name, old spellings.
The form of the settings belongs to `model`; rules between keys are checked by the loader alone.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema

from parity_pipeline.core.outcomes import Side
from parity_pipeline.settings.fields import in_yaml_words
from parity_pipeline.settings.loading import INTERNAL, RENAMED
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.sides import OF_GATEWAY

FILE: Final = "parity.schema.json"
"""Name of the tracked file, in `docs/`."""

_NAMED_BY_KEY: Final = ("dialects.*", "retrieval_dialects.*")
"""Places of rows that take their `name` from the key above them, so that a file must not repeat it."""

Node = dict[str, Any]
"""A schema, or a part of one."""


class _WithoutTitles(GenerateJsonSchema):
    """Leave out the titles that pydantic makes from the names of keys: editors show the name itself."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - none is
        return False


def settings_schema() -> Node:
    """Return the JSON schema (draft 2020-12) of a settings file before overrides from the environment.

    What it accepts, the loader may still refuse, since rules between keys are not in it. What it refuses, the loader refuses
    too, trifles aside: a number in quotes, or a key beside its alternative that is set to what leaving it out means.
    """
    schema: Node = Settings.model_json_schema(schema_generator=_WithoutTitles)
    for name in INTERNAL:
        schema["properties"].pop(name)
    for place in _NAMED_BY_KEY:
        row = at(schema, place)
        row["properties"].pop("name")
        row["required"].remove("name")
    for form in (schema, *schema["$defs"].values()):
        if "description" in form:
            form["description"] = in_yaml_words(form["description"].partition("\n\n")[0])
    _let_recordings_be_short(schema)
    for old, new in RENAMED.items():
        _add_old_spelling(schema, old, new)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "parity.yaml",
        "description": "All settings of parity_pipeline. docs/settings.md explains them.",
    }


def schema_text() -> str:
    """Return the schema as the tracked file holds it."""
    return json.dumps(settings_schema(), indent=1, ensure_ascii=False) + "\n"


def at(schema: Node, place: str) -> Node:
    """Return the schema at a dotted place, references followed; `*` stands for any key, `[]` for any element.

    Raises:
        KeyError: There is no such place.
    """
    node = schema
    for part in _parts(place):
        node = followed(schema, node)
        if part == "[]":
            node = node["items"]
        elif part != "*":
            node = node["properties"][part]
        else:
            node = _any_value(node)
    return followed(schema, node)


def followed(schema: Node, node: Node) -> Node:
    """Return a node with its reference followed, and without the alternative of being null."""
    if "anyOf" in node:
        others = [one for one in node["anyOf"] if one.get("type") != "null"]
        node = others[-1] if others else node
    while (name := reference(node)) is not None:
        node = cast("Node", schema["$defs"][name])
    return node


def reference(node: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a node refers to; None if it refers to none."""
    return node["$ref"].removeprefix("#/$defs/") if "$ref" in node else None


def _parts(place: str) -> Iterator[str]:
    for part in filter(None, place.split(".")):
        name = part.removesuffix("[]")
        if name:
            yield name
        if part.endswith("[]"):
            yield "[]"


def _any_value(node: Node) -> Node:
    """Return what every key of a mapping holds; a closed mapping has the same form for all of its keys."""
    extra = node.get("additionalProperties")
    return cast("Node", extra) if isinstance(extra, dict) else next(iter(node["properties"].values()))


def _let_recordings_be_short(schema: Node) -> None:
    """Demand of a side, and of its part of `retrieve`, what says how it is requested, unless it is a recording."""
    recording = {"required": ["recorded"], "properties": {"recorded": {"type": "string"}}}
    side = at(schema, "sides.*")
    side |= {"if": recording, "else": {"required": list(OF_GATEWAY)}}
    section = at(schema, "retrieve")
    for name in Side:
        section["properties"][name].pop("default")
        needed = {"required": [name], "properties": {name: {"required": ["dialect"]}}}
        schema.setdefault("allOf", []).append(
            {
                "if": {"properties": {"sides": {"properties": {name: recording}}}},
                "else": {"properties": {"retrieve": needed}},
            }
        )


def _add_old_spelling(schema: Node, old: str, new: str) -> None:
    """Add a renamed key as deprecated; a file that has both spellings is refused."""
    above, _, name = old.rpartition(".")
    level = at(schema, above)
    if name in level["properties"]:
        return  # both sides share one definition
    last = new.rpartition(".")[2]
    kept = {key: value for key, value in level["properties"][last].items() if key not in ("default", "description")}
    level["properties"][name] = {**kept, "deprecated": True, "description": f"Deprecated; write {last} instead."}
    level.setdefault("allOf", []).append({"not": {"required": [name, last]}})
