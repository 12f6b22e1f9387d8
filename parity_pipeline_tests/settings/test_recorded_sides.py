"""A side that is a recording: what its settings need no more, and what is said where its gateway is needed all the same."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import EMBED
from parity_pipeline.settings.adapter import adapter_config
from parity_pipeline.settings.flip import flip_route, gate_inputs, needs_adapter
from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.schema import settings_schema
from parity_pipeline.settings.through_adapter import mapping_id
from parity_pipeline_tests.settings.test_retrieve_settings import section
from parity_pipeline_tests.settings.test_settings import written

SIDES = pytest.mark.parametrize("side", list(Side))


def recorded(side: Side, **keys: Any) -> dict[str, Any]:
    """Return settings of both probes in which a side is a recording, with further keys of it, and no section of its own."""
    content = section()
    content["sides"][side.value] = {"recorded": "last", **keys}
    del content["retrieve"][side.value]
    return content


def read(folder: Path, content: dict[str, Any]) -> Settings:
    """Return the settings of a file."""
    return load(written(folder, content), {})


@SIDES
@pytest.mark.parametrize("value", ["last", date(2026, 5, 1)])
def test_a_recording_needs_nothing_else(tmp_path: Path, side: Side, value: str | date) -> None:
    """`{recorded: last}` is a whole side, of both probes, and so is a date; it has no services and no address."""
    settings = read(tmp_path, recorded(side, recorded=value))
    assert settings.side(side).recorded == value
    assert settings.side(side).missing() == ["label", "base_url", "dialect"]
    assert not settings.services(side)


@SIDES
def test_the_longer_spelling_stays_valid(tmp_path: Path, side: Side) -> None:
    """A side whose gateway is still named beside `recorded` is read as before, its address too."""
    content = section()
    content["sides"][side.value]["recorded"] = "last"
    settings = read(tmp_path, content)
    assert not settings.side(side).missing()
    assert settings.side_config(side, {}).base_url == content["sides"][side.value]["base_url"]
    assert settings.retrieval_side(side, "staff", {}).dialect.name == content["retrieve"][side.value]["dialect"]


@SIDES
@pytest.mark.parametrize("key", ["label", "base_url", "dialect"])
@pytest.mark.parametrize("empty", [{}, {"recorded": None}])
def test_a_gateway_still_needs_its_keys(tmp_path: Path, side: Side, key: str, empty: dict[str, Any]) -> None:
    """Without a recording each missing key is named as before, and so is one that is null."""
    content = section()
    content["sides"][side.value] = {**content["sides"][side.value], **empty}
    del content["sides"][side.value][key]
    with pytest.raises(SettingsError, match=f"sides.{side}.{key}: missing key; add it"):
        read(tmp_path, content)
    content["sides"][side.value][key] = None
    with pytest.raises(SettingsError, match=f"sides.{side}.{key}: expected text; write it in quotes"):
        read(tmp_path, content)


@SIDES
def test_a_gateway_still_needs_a_retrieval_dialect(tmp_path: Path, side: Side) -> None:
    """A gateway without a section in `retrieve`, or without a dialect there, is refused with the key."""
    content = section()
    del content["retrieve"][side.value]
    with pytest.raises(SettingsError, match=f"retrieve.{side}.dialect: missing key; add it"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"recorded": "lst"}, "sides.legacy.recorded"),
        ({"recorded": "last", "dialect": "cobol"}, "sides.legacy.dialect: 'cobol' is not known"),
        ({"recorded": "last", "base_url": "host"}, "sides.legacy.base_url.*not a valid URL"),
        ({"recorded": "last", "base_url": ""}, "sides.legacy.base_url.*is empty"),
    ],
)
def test_what_a_recording_has_must_be_usable(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    """A key that a recording needs not have is checked where it is there; a misspelt recording is the one fault named."""
    with pytest.raises(SettingsError, match=words) as caught:
        read(tmp_path, recorded(Side.LEGACY, **keys))
    assert "missing key" not in str(caught.value)


def test_two_recordings_are_refused(tmp_path: Path) -> None:
    """Settings without any gateway would request nothing."""
    content = recorded(Side.LEGACY)
    content["sides"]["candidate"] = {"recorded": "2026-05-01"}
    with pytest.raises(SettingsError, match="both sides are recordings, so nothing would be requested"):
        read(tmp_path, content)


@SIDES
def test_what_needs_the_gateway_says_so(tmp_path: Path, side: Side) -> None:
    """Requests, the adapter, its mapping and the routing of a flip name the side and what to add; none reaches elsewhere."""
    settings = read(tmp_path, recorded(side))
    calls = (
        lambda: settings.side_config(side, {}),
        lambda: settings.retrieval_side(side, "staff", {}),
        lambda: adapter_config(settings, Side.LEGACY, {}),
        lambda: adapter_config(settings, Side.CANDIDATE, {}),
        lambda: mapping_id(settings, {}),
        lambda: needs_adapter(settings),
        lambda: flip_route(settings),
    )
    for call in calls:
        with pytest.raises(SettingsError, match=r"is a recording \(last\) that names no gateway") as caught:
            call()
        assert caught.value.place == f"sides.{side}"
        assert "set label, base_url, dialect beside `recorded`" in str(caught.value)


def test_a_recording_without_a_retrieval_dialect_says_so(tmp_path: Path) -> None:
    """A recording that names its embed gateway alone cannot be sent queries, and says which key is missing."""
    content = section()
    content["sides"]["legacy"]["recorded"] = "last"
    content["retrieve"]["legacy"] = {}
    with pytest.raises(SettingsError, match=r"retrieve\.legacy\.dialect: this side is a recording"):
        read(tmp_path, content).retrieval_side(Side.LEGACY, "staff", {})


def test_the_gate_holds_no_recording_to_an_address(tmp_path: Path) -> None:
    """Where the adapter is settled, the gate has no address of a recording to compare verdicts with."""
    content = recorded(Side.LEGACY)
    content["flip"] = {"adapter": False}
    found = gate_inputs(
        read(tmp_path, content), [], [], states=GatewayStates(), mapping=None, now=datetime(2026, 5, 3, tzinfo=UTC)
    )
    assert found.urls[EMBED][Side.LEGACY] == found.urls["retrieve"][Side.LEGACY] == ""


def test_editors_know_what_a_recording_needs() -> None:
    """The schema accepts a recording alone, and marks a gateway without its keys, in both sections."""
    schema = Draft202012Validator(settings_schema())
    for side in Side:
        content = {**recorded(side), "first_date": "2026-05-01"}
        assert not list(schema.iter_errors(content))
        empty: list[dict[str, Any]] = [{}, {"recorded": None}]
        for nothing in empty:
            content = section()
            content["sides"][side.value] = nothing
            assert list(schema.iter_errors(content))
        live = section()
        del live["retrieve"][side.value]
        assert list(schema.iter_errors(live))
