"""The section `adapter` of the settings: what is accepted, what it takes from the sides, and that its page is complete."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.adapter.config import CallerOptions, Mode, ShadowOptions, TrafficOptions
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.settings.adapter import AdapterSettings, adapter_config
from parity_pipeline.settings.loading import load
from parity_pipeline_tests.settings.test_settings import ROOT, minimal, with_value, written

TOKEN = "tok-77aa-never-shown"  # noqa: S105 - a planted one


def made(folder: Path, section: dict[str, Any] | None = None, **sides: dict[str, Any]) -> Any:
    """Return loaded settings with a section and changed sides."""
    content = minimal() | ({} if section is None else {"adapter": section})
    for side, changes in sides.items():
        content["sides"][side] |= changes
    return load(written(folder, content), {})


def test_no_section_is_needed(tmp_path: Path) -> None:
    """Without a section the adapter has its defaults: the candidate responds, nothing is normalised, no text is kept."""
    config = adapter_config(made(tmp_path), Side.LEGACY, {})
    assert config.mode is Mode.CANDIDATE
    assert not config.options.normalise
    assert not config.traffic.enabled
    assert (config.path, config.models) == ("/ai/embed", {"m": "m"})


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("adapter.mod", "share", "unknown key"),
        ("adapter.mode", "both", "adapter.mode"),
        ("adapter.share", 101, "adapter.share"),
        ("adapter.callers.legacy.normalize", True, "unknown key"),
        ("adapter.callers.legacy.error_statuses", {"gone": 410}, "not a kind of refusal"),
        ("adapter.callers.legacy.error_statuses", {"refused": 200}, "adapter.callers.legacy.error_statuses"),
        ("adapter.callers.legacy.digits", "float16", "adapter.callers.legacy.digits"),
        ("adapter.callers.legacy.token_env", TOKEN, "adapter.callers.legacy.token_env"),
        ("adapter.tokens.candidate", TOKEN, "adapter.tokens.candidate"),
        ("adapter.traffic.rate", 2, "adapter.traffic.rate"),
        ("adapter.traffic.redact", {"(": ""}, "not a regular expression"),
        ("adapter.shadow.busy_share", 0, "adapter.shadow.busy_share"),
        ("adapter.timeouts.total", 0, "adapter.timeouts.total"),
    ],
)
def test_what_is_not_usable_is_refused_with_its_place(tmp_path: Path, place: str, value: Any, words: str) -> None:
    """Each fault names its key; a token that was written in place of a variable's name is not shown."""
    with pytest.raises(SettingsError, match=words) as caught:
        load(written(tmp_path, with_value(place, value)), {})
    assert TOKEN not in str(caught.value)


def test_models_are_mapped_by_the_names_of_both_sides(tmp_path: Path) -> None:
    """A side's own names make the mapping in either direction; the section adds to it."""
    settings = made(
        tmp_path,
        {"callers": {"legacy": {"model_names": {"old": "new"}}}},
        legacy={"model_names": {"m": "legacy-m"}, "default_model": "legacy-m"},
        candidate={"model_names": {"m": "candidate-m"}},
    )
    forward = adapter_config(settings, Side.LEGACY, {})
    assert forward.models == {"legacy-m": "candidate-m", "old": "new"}
    assert forward.default_model == "legacy-m"
    assert adapter_config(settings, Side.CANDIDATE, {}).models == {"candidate-m": "legacy-m"}


def test_a_side_that_takes_no_model_has_one_counterpart_only(tmp_path: Path) -> None:
    """Where a request to the other side names no model, only the default one is known to it."""
    content: dict[str, Any] = {**minimal(), "models": ["m", "n"]}
    content["sides"]["candidate"]["dialect"] = "tei"
    content["sides"]["legacy"]["default_model"] = "n"
    config = adapter_config(load(written(tmp_path, content), {}), Side.LEGACY, {})
    assert config.models == {"n": "n"}


def test_tokens_come_from_their_own_variables_and_never_from_the_probe(tmp_path: Path) -> None:
    """The probe's token and headers are not lent to callers; the adapter's are read from the variables it names."""
    section = {"tokens": {"candidate": "CANDIDATE_TOKEN"}, "callers": {"legacy": {"token_env": "CALLERS_TOKEN"}}}
    settings = made(tmp_path, section, candidate={"bearer_env": "PROBE_TOKEN", "headers": {"x-key": "probe"}})
    environ = {"CANDIDATE_TOKEN": TOKEN, "CALLERS_TOKEN": "for-callers", "PROBE_TOKEN": "of-the-probe"}
    config = adapter_config(settings, Side.LEGACY, environ)
    candidate = config.sides[Side.CANDIDATE]
    assert (candidate.bearer_token, candidate.headers, config.caller_token) == (TOKEN, {}, "for-callers")
    assert config.sides[Side.LEGACY].bearer_token is None
    assert TOKEN not in repr(config)
    assert "for-callers" not in repr(config)
    with pytest.raises(SettingsError, match="CANDIDATE_TOKEN is not set"):
        adapter_config(settings, Side.LEGACY, {"CALLERS_TOKEN": "x"})


def test_timeouts_that_are_set_in_part_keep_the_adapters_own_defaults(tmp_path: Path) -> None:
    """A caller never waits a probe's two minutes because one of the timeouts was set."""
    timeouts = made(tmp_path, {"timeouts": {"read": 3}}).adapter.timeouts
    assert (timeouts.read, timeouts.total) == (3, AdapterSettings().timeouts.total)


def keys() -> Iterator[str]:
    """Yield every key of the section as the page shows it."""
    records = {"callers": CallerOptions, "shadow": ShadowOptions, "traffic": TrafficOptions}
    for name in AdapterSettings.model_fields:
        if name in records:
            prefix = "adapter.callers.*" if name == "callers" else f"adapter.{name}"
            yield from (f"{prefix}.{one.name}" for one in fields(records[name]))
        elif name == "tokens":
            yield "adapter.tokens.legacy"
        else:
            yield f"adapter.{name}"


def test_the_page_of_the_settings_lists_every_key_of_the_adapter() -> None:
    """Whoever sets up an adapter finds each key in the documentation."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [key for key in keys() if not re.search(rf"^- `{re.escape(key)}` \(", page, re.MULTILINE)] == []
