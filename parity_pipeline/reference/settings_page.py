"""The list of settings, from the JSON schema: key, type, range, unit, default, meaning, example.

Here belong the words for a part of the schema, and which keys one block lists. A block is about a place, such as `sides.*`:
it lists the keys there and all below, except those that another block lists, which it links to. A new key of the settings
therefore appears by itself, and a new section does so too until it gets a block of its own.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import yaml

from parity_pipeline.reference.blocks import anchor, blocks_of, item
from parity_pipeline.settings.schema import Node, at, followed, reference, settings_schema

KIND: Final = "settings"

_FORMATS: Final = {"date": "date", "path": "path", "password": "text, kept secret"}
_TYPES: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_MOST_NAMES: Final = 8
"""Names that an entry lists; longer lists have pages of their own."""

_FEW_CHARACTERS: Final = 40
"""Longest default that is shown; a section's own keys show theirs."""


@dataclass(frozen=True)
class SettingsList:
    """Writes the blocks of settings of several pages.

    Attributes:
        pages: Text of each page by its name, such as `settings.md`.
        schema: The JSON schema of the settings.
    """

    pages: Mapping[str, str]
    schema: Node = field(default_factory=settings_schema)

    @cached_property
    def homes(self) -> dict[int, tuple[str, str, str]]:
        """Page, heading and place of each block, by the identity of the part of the schema that it lists."""
        return {
            id(at(self.schema, block.subject)): (page, block.heading, block.subject)
            for page, text in self.pages.items()
            for block in blocks_of(text)
            if block.kind == KIND
        }

    def on_page(self, page: str, place: str) -> str:
        """Return the list of the keys at a place, as a page has it."""
        entries = self._entries(at(self.schema, place), place, page, {})
        return "\n".join(item(entry) for entry in entries)

    def _entries(self, node: Node, prefix: str, page: str, defaults: Node) -> Iterator[str]:
        """Yield an entry per key; `defaults` are those of the section above, which win over a key's own."""
        required = set(node.get("required", ()))
        for name, one in node.get("properties", {}).items():
            if one.get("deprecated"):
                continue
            value = {**one, "default": defaults[name]} if name in defaults else one
            place = f"{prefix}.{name}" if prefix else name
            yield self._entry(place, value, page, required=name in required)
            yield from self._below(place, value, page)

    def _below(self, place: str, value: Node, page: str) -> Iterator[str]:
        """Yield the keys below a key, unless another block lists them; the same keys of several sides once."""
        node, place = self._record(value, place)
        if id(node) in self.homes or not node.get("properties"):
            return
        parts = [reference(one) for one in node["properties"].values()]
        if len(parts) > 1 and len(set(parts)) == 1 and None not in parts:
            shared = next(iter(node["properties"].values()))
            yield from self._below(f"{place}.*", shared, page)
            return
        default = value.get("default")
        yield from self._entries(node, place, page, default if isinstance(default, dict) else {})

    def _record(self, value: Node, place: str) -> tuple[Node, str]:
        """Return the record that a value is, or holds in a list or a mapping, and its place."""
        node = followed(self.schema, value)
        if "items" in node:
            return self._record(node["items"], f"{place}[]")
        if isinstance(node.get("additionalProperties"), dict):
            return self._record(node["additionalProperties"], f"{place}.*")
        return node, place

    def _entry(self, place: str, value: Node, page: str, *, required: bool) -> str:
        node = followed(self.schema, value)
        facts = self._type(value)
        if required:
            facts += "; required"
        elif shown := _default(value):
            facts += f"; default {shown}"
        text = value.get("description") or node.get("description", "")
        examples = ", ".join(f"`{_yaml(one)}`" for one in value.get("examples", ()))
        example = f" Example: {examples}." if examples else ""
        return f"`{place}` ({facts}): {_yaml_words(_lower(text))}{example}{self._link(value, place, page)}"

    def _link(self, value: Node, place: str, page: str) -> str:
        nodes = [self._record(value, place)[0]]
        nodes += [self._record(one, place)[0] for one in nodes[0].get("properties", {}).values()]
        for node in nodes:
            if id(node) in self.homes:
                there, heading, _ = self.homes[id(node)]
                return f" Keys: [{heading}]({'' if there == page else there}#{anchor(heading)})."
        return ""

    def _type(self, value: Node) -> str:
        """Return type, range and unit in words."""
        others = [one for one in value.get("anyOf", [value]) if one.get("type") != "null"]
        words = " or ".join(dict.fromkeys(self._one_type(one) for one in others)) or "anything"
        unit = next((one["unit"] for one in (value, *others) if "unit" in one), "")
        return f"{words}, {unit}" if unit else words

    def _one_type(self, value: Node) -> str:
        node = followed(self.schema, value)
        if "enum" in node:
            names = [f"`{one}`" for one in node["enum"]]
            return " or ".join((", ".join(names[:-1]), names[-1])) if 1 < len(names) <= _MOST_NAMES else "name"
        if node.get("type") == "array":
            return f"list of {self._plural(node['items'])}" if "items" in node else "list"
        if node.get("type") == "object":
            return "section" if "properties" in node else "mapping"
        kind = _FORMATS.get(node.get("format", ""), _TYPES.get(node.get("type", ""), "any value"))
        return ", ".join(filter(None, (kind, _range(node))))

    def _plural(self, value: Node) -> str:
        words = self._one_type(value)
        return {"section": "sections", "name": "names", "whole number, at least 1": "whole numbers from 1"}.get(
            words, "texts" if words == "text" else words
        )


def _range(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{_number(low)} to {_number(high)}"
    words = (("at least", low), ("above", above), ("at most", high), ("below", below))
    return " and ".join(f"{word} {_number(limit)}" for word, limit in words if limit is not None)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _default(value: Node) -> str:
    """Return the default as YAML; "" where there is none to show: nothing, or a section whose keys show theirs."""
    found = value.get("default")
    if found is None or found in ("", {}, []) or isinstance(found, dict):
        return ""
    shown = _yaml(found)
    return f"`{shown}`" if len(shown) <= _FEW_CHARACTERS else ""


def _yaml(value: Any) -> str:
    """Return a value as flow style YAML that a person would write."""
    if isinstance(value, str):
        return value if yaml.safe_load(value) == value else json.dumps(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0")
    if isinstance(value, list):
        return f"[{', '.join(_yaml(one) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


def _lower(text: str) -> str:
    """Return a sentence for use after a colon: its first word small, unless that is a name or an abbreviation."""
    first, _, rest = text.partition(" ")
    plain = (
        first[:1].isupper()
        and first[1:] == first[1:].lower()
        and first not in ("IANA", "Dagster", "Parquet", "Kendall")
    )
    return f"{first[0].lower()}{first[1:]} {rest}" if plain else text


def _yaml_words(text: str) -> str:
    """Return a text with null and the empty string as code."""
    return re.sub(r'(?<!`)(""|\bnull\b)(?!`)', r"`\1`", text)
