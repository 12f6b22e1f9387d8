"""What pages repeat from the code is what the code says, and nothing is left out."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from parity_pipeline.core.errors import ParityError
from parity_pipeline.reference.__main__ import generated, outdated
from parity_pipeline.reference.blocks import anchor, blocks_of, filled
from parity_pipeline.reference.lists import command_sections
from parity_pipeline.reference.settings_page import SettingsList
from parity_pipeline.settings.fields import Seconds, Strict, attribute_docs
from parity_pipeline.settings.schema import at, settings_schema
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.docs.pages import DOCS


def test_generated_pages_are_up_to_date() -> None:
    """Whoever changed a setting, a check, a dialect or a command ran `make reference`."""
    assert outdated() == []


def test_a_page_that_was_edited_by_hand_is_noticed(tmp_path: Path) -> None:
    """The comparison looks into the blocks, at the whole schema, and at files that are missing."""
    page = (DOCS / "settings.md").read_text("utf-8")
    (tmp_path / "settings.md").write_text(page.replace("default `0.999`", "default `0.99`"), "utf-8")
    (tmp_path / "concepts.md").write_text("# Concepts\n", "utf-8")
    assert [path.name for path in outdated(tmp_path)] == ["parity.schema.json", "settings.md"]
    for path, text in generated(tmp_path):
        path.write_text(text, "utf-8")
    assert outdated(tmp_path) == []


def test_every_setting_has_a_description() -> None:
    """No key is listed without saying what it is for."""
    schema = settings_schema()
    forms: dict[str, Any] = {"": schema, **schema["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, form in forms.items()
        for key, value in form.get("properties", {}).items()
        if not (value.get("description") or "$ref" in value)
    ]
    assert silent == []


def test_every_setting_is_listed_once() -> None:
    """Each key of the schema has one entry over both pages, whichever section it is in."""
    text = "\n".join(path.read_text("utf-8") for path in (DOCS / "settings.md", DOCS / "dialects.md"))
    listed = re.findall(r"^- `([\w.*\[\]]+)` \(", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    schema = settings_schema()
    for name, form in schema["$defs"].items():
        for key, value in form.get("properties", {}).items():
            known = [one for one in listed if one.rpartition(".")[2] == key]
            assert known or value.get("deprecated"), f"{name}.{key}"
    assert {one.partition(".")[0].removesuffix("[]") for one in listed} == set(schema["properties"])


class _Inner(Strict):
    """How often."""

    seconds: Seconds = Field(default=5.0, description="Wait between two.", examples=[2.5])
    names: list[str] = Field(default=[], description="Who gets it.")


class _Outer(Strict):
    """Settings of a test.

    Attributes:
        by_name: By name; None
            for none.
        channels: Not shown.
    """

    alerts: _Inner = _Inner()
    channels: list[_Inner] = Field(default=[], description="Where to send it.")
    by_name: dict[str, _Inner] = {}


@pytest.mark.parametrize(
    "entry",
    [
        "- `alerts` (section): how often.",
        "- `alerts.seconds` (number, above 0 and at most 86,400, seconds; default `5`): wait between two. Example: `2.5`.",
        "- `alerts.names` (list of texts): who gets it.",
        "- `channels` (list of sections): where to send it.",
        "- `channels[].seconds` (number",
        "- `by_name` (mapping): by name; `null` for none.",
        "- `by_name.*.seconds` (number",
    ],
)
def test_a_new_section_is_listed_by_itself(entry: str) -> None:
    """A section that no page knows of appears with all its keys: type, range, unit, default, meaning, example."""
    lists = SettingsList({}, _Outer.model_json_schema())
    assert entry in re.sub(r"\n  ", " ", lists.on_page("settings.md", ""))


def test_a_section_with_a_block_of_its_own_is_linked() -> None:
    """A section is listed under its own heading, and its parent says where."""
    page = "# S\n\n<!-- generated: settings -->\n<!-- end -->\n\n## The alerts\n\n<!-- generated: settings alerts -->\n<!-- end -->\n"
    lists = SettingsList({"settings.md": page}, _Outer.model_json_schema())
    found = filled(page, {"settings": lambda place: lists.on_page("settings.md", place)})
    assert "`alerts` (section): how often. Keys: [The alerts](#the-alerts)." in found
    assert found.count("`alerts.seconds`") == 1
    assert found.index("## The alerts") < found.index("`alerts.seconds`")


def test_defaults_of_a_section_win_over_those_of_its_form() -> None:
    """The adapter's timeouts are shown with the adapter's own defaults, not with those of a probe."""
    lists = SettingsList({})
    seconds = "(number, above 0 and at most 86,400, seconds; default"
    assert f"`adapter.timeouts.total` {seconds} `30`)" in lists.on_page("settings.md", "adapter")
    assert f"`sides.*.timeouts.total` {seconds} `120`)" in lists.on_page("settings.md", "sides.*")


def test_deprecated_keys_are_not_listed() -> None:
    """A page offers no key that gives a warning."""
    assert "ask_default_model" not in SettingsList({}).on_page("settings.md", "")


def test_a_description_of_a_setting_wins_over_that_of_its_record() -> None:
    """Where the words of the record are for programmers, the setting has its own."""
    hazards = at(settings_schema(), "samples[]")["properties"]["hazards"]
    assert hazards["description"] == "Sets of the built-in hazard corpus, or `[all]`, in place of a path."


def test_a_block_that_nothing_writes_is_an_error() -> None:
    """A misspelt marker is not passed over, which would leave an old block for ever."""
    with pytest.raises(ParityError, match="no code writes a block 'setings'"):
        filled("<!-- generated: setings x -->\nold\n<!-- end -->", {"settings": str})


def test_blocks_know_the_heading_above_them() -> None:
    """The nearest heading is the one that links lead to."""
    page = "# A\n\n## B\n\n<!-- generated: settings sides.* -->\nold\n<!-- end -->\n"
    assert [(one.kind, one.subject, one.heading) for one in blocks_of(page)] == [("settings", "sides.*", "B")]
    assert anchor("What `parity` needs: two sides") == "what-parity-needs-two-sides"


def test_descriptions_come_from_the_records_that_settings_fill() -> None:
    """What a field means is written once, in its own room, and YAML has no None."""
    found = attribute_docs(SideConfig)
    assert found["requests_per_second"] == "Largest rate of requests, retries included; null for no cap."
    assert found["adaptive"].endswith("half as many after a 429 or 503.")


def test_every_command_has_a_section() -> None:
    """Commands of groups, and groups that run themselves, are listed; hidden options are not."""
    found = command_sections()
    for command in ("run", "backfill", "adapter serve", "flip check", "bundle", "bundle verify", "schema"):
        assert f"### parity {command}\n" in found
    assert "`--date YYYY-MM-DD`: Partition date." in found
    assert "--afresh" not in found
