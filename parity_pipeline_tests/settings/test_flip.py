"""The section `flip` of the settings, what it takes from the rest, and settings as a bundle may show them."""

import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import FORWARD, FlipStep
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.settings.flip import flip_route, gate_inputs, needs_adapter, serve_commands
from parity_pipeline.settings.loading import load, read_content, validate
from parity_pipeline.settings.without_secrets import without_secrets
from parity_pipeline_tests.settings.test_settings import ROOT, minimal, with_value, written

SECRET = "tok-77aa-never-shown"  # noqa: S105 - a planted one


def made(folder: Path, **sections: Any) -> Any:
    """Return loaded settings with further sections."""
    return load(written(folder, minimal() | sections), {})


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("flip.date", 3, "unknown key"),
        ("flip.dates", 0, "flip.dates"),
        ("flip.strength", "strong", "flip.strength"),
        ("flip.bound", 1, "flip.bound"),
        ("flip.accepted", ["norm"], "not a check"),
        ("flip.hours", {"shadow": -1}, "flip.hours"),
        ("flip.hours", {"roll-back": 1}, "has no time"),
        ("flip.hours", {"dark": 1}, "flip.hours"),
        ("flip.listen", "8080", "not a host and a port"),
        ("flip.listen", "a;b:80", "cannot stand"),
        ("flip.divide", "user", "flip.divide"),
    ],
)
def test_what_is_not_usable_is_refused_with_its_place(tmp_path: Path, place: str, value: Any, words: str) -> None:
    """Each fault names its key before any step is looked at."""
    with pytest.raises(SettingsError, match=words):
        load(written(tmp_path, with_value(place, value)), {})


def test_the_adapter_is_in_the_way_where_the_sides_differ(tmp_path: Path) -> None:
    """Unequal dialects or a section `adapter` need it, and the section `flip` has the last word."""
    settings = made(tmp_path)
    assert needs_adapter(settings) == (settings.sides.legacy.dialect != settings.sides.candidate.dialect)
    assert needs_adapter(made(tmp_path, adapter={}))
    assert not needs_adapter(made(tmp_path, adapter={}, flip={"adapter": False}))


def test_the_routing_has_the_addresses_of_the_settings(tmp_path: Path) -> None:
    """The legacy itself, the adapter in each mode on a port of its own, and a command that serves each."""
    settings = made(tmp_path, adapter={"port": 50_000, "host": "0.0.0.0"}, flip={"listen": "[::1]:9000"})  # noqa: S104
    route = flip_route(settings)
    assert (route.listen_host, route.listen_port, route.path) == ("[::1]", 9000, route.legacy.path)
    assert route.legacy.scheme + "://" + route.legacy.authority in settings.sides.legacy.base_url + ":80"
    assert (route.candidate.authority, route.shadow.authority) == ("127.0.0.1:50000", "127.0.0.1:50001")
    assert [one.port for one in route.share.values()] == [50_002, 50_003, 50_004]
    commands = [line for lines in serve_commands(settings).values() for line in lines]
    assert [port for port in range(50_000, 50_005) if not any(str(port) in line for line in commands)] == []


def test_a_candidate_of_the_same_wire_is_reached_without_the_adapter(tmp_path: Path) -> None:
    """With equal dialects and no section, traffic goes to the candidate itself."""
    content = minimal()
    content["sides"]["candidate"] |= {"dialect": content["sides"]["legacy"]["dialect"], "base_url": "http://new:3110/x"}
    settings = load(written(tmp_path, content), {})
    route = flip_route(settings)
    assert (route.candidate.authority, route.candidate.path) == ("new:3110", f"/x{route.path}")
    assert not any("--mode candidate" in line for line in serve_commands(settings)[FlipStep.SHARE_1])


def test_the_gate_looks_at_every_model_in_the_time_zone_of_the_settings(tmp_path: Path) -> None:
    """Midnight is where the settings say; addresses are those of the sides."""
    settings = made(tmp_path, timezone="Pacific/Auckland")
    inputs = gate_inputs(
        settings, [], [], states=GatewayStates(), mapping=None, now=datetime(2026, 5, 3, 20, tzinfo=UTC)
    )
    assert inputs.today.isoformat() == "2026-05-04"
    assert list(inputs.names["embed"]) == settings.models
    assert inputs.urls["embed"][Side.LEGACY] == settings.sides.legacy.base_url


def test_the_page_of_the_settings_lists_every_key_of_the_flip() -> None:
    """Whoever decides what has to hold finds each key in the documentation, and each step in the runbook."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    keys = [f"flip.{one.name}" for one in fields(FlipOptions)]
    assert [key for key in keys if not re.search(rf"^- `{re.escape(key)}` \(", page, re.MULTILINE)] == []
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    assert [step for step in FORWARD if step not in runbook] == []


def test_settings_without_secrets_hold_none_and_can_be_loaded(tmp_path: Path) -> None:
    """Tokens, headers, proxies, commands and patterns are left out; what stored results are judged by stays."""
    content: dict[str, Any] = minimal() | {
        "thresholds": {"cosine": 0.99},
        "retrieve": None,
        "adapter": {
            "tokens": {"candidate": SECRET.replace("-", "_")},
            "callers": {"legacy": {"token_env": SECRET.replace("-", "_"), "normalise": True}},
            "traffic": {"redact": {SECRET: "x"}, "rate": 0.5},
        },
    }
    content["sides"]["legacy"] |= {
        "headers": {"x-key": SECRET},
        "bearer_env": SECRET.replace("-", "_"),
        "proxy": f"http://u:{SECRET}@proxy:1",
        "services": [
            {"name": "s", "command": ["run", SECRET], "env": {"A": SECRET}, "health_url": "http://127.0.0.1:1/health"}
        ],
    }
    path = written(tmp_path, content)
    environ = {"PARITY__SIDES__CANDIDATE__HEADERS": json.dumps({"x-key": SECRET}), "PARITY__REQUIRED_BOUND": "0.01"}
    shown = without_secrets(read_content(path, environ))
    text = json.dumps(shown, default=str)
    assert SECRET not in text
    assert SECRET.replace("-", "_") not in text
    assert str(tmp_path) not in text
    again = validate(json.loads(text), tmp_path / "settings.json")
    whole = load(path, environ)
    assert again.judged_thresholds() == whole.judged_thresholds()
    assert (again.required_bound, again.check_settings()) == (0.01, whole.check_settings())
    assert again.adapter is not None
    assert again.adapter.callers.legacy.normalise
