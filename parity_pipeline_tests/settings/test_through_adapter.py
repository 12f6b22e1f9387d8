"""The settings of a probe through the adapter: the candidate is requested as callers of the legacy's wire request."""

import json
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER
from parity_pipeline.definitions import build_context
from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.through_adapter import (
    ADDRESS_VARIABLE,
    mapping_id,
    started_through_adapter,
    through_adapter,
)

ADDRESS = "http://127.0.0.1:1"


def settings(folder: Path, adapter: dict[str, Any] | None = None, **legacy: Any) -> Settings:
    """Return the settings of a file with two sides."""
    content: dict[str, Any] = {
        "first_date": "2026-04-30",
        "models": ["m", "n"],
        "samples": [{"path": "samples.txt"}],
        "sides": {
            "legacy": {"label": "L", "base_url": "http://legacy.test", "dialect": "rust", **legacy},
            "candidate": {
                "label": "C",
                "base_url": "http://candidate.test",
                "dialect": "go",
                "headers": {"x-key": "of the candidate"},
                "bearer_env": "CANDIDATE_TOKEN",
                "model_names": {"m": "M"},
                "accept_echo": ["*"],
            },
        },
        **({"adapter": adapter} if adapter is not None else {}),
    }
    file = folder / "parity.yaml"
    file.write_text(json.dumps(content), "utf-8")
    return load(file, {})


def test_requests_are_those_of_the_legacys_callers(tmp_path: Path) -> None:
    """Dialect, names of models, headers and token are the callers'; nothing of the candidate's own credentials is sent."""
    plain = settings(tmp_path, model_names={"m": "old-m"}, headers={"x-team": "search"}, bearer_env="LEGACY_TOKEN")
    found = through_adapter(plain, {}, ADDRESS)
    config = found.side_config(Side.CANDIDATE, {"LEGACY_TOKEN": "of callers"})
    assert (config.base_url, config.dialect.name, config.requested_name("m")) == (ADDRESS, "rust", "old-m")
    assert (config.headers, config.bearer_token) == ({"x-team": "search"}, "of callers")
    assert found.sides.candidate.accept_echo == []
    assert found.sides.legacy == plain.sides.legacy


def test_callers_of_the_adapter_present_its_own_token_where_it_has_one(tmp_path: Path) -> None:
    """With `callers.legacy.token_env` the probe presents that token, as callers will have to."""
    plain = settings(tmp_path, {"callers": {"legacy": {"token_env": "ADAPTER_TOKEN"}}}, bearer_env="LEGACY_TOKEN")
    found = through_adapter(plain, {"ADAPTER_TOKEN": "t"}, ADDRESS)
    assert found.sides.candidate.bearer_env == "ADAPTER_TOKEN"


def test_the_results_have_a_name_and_places_of_their_own(tmp_path: Path) -> None:
    """Only samples, ledger and summary are shared with the plain probe; verdict, report and staging are not."""
    plain = settings(tmp_path)
    found = through_adapter(plain, {}, ADDRESS)
    one, other = plain.layout(), found.layout()
    assert (build_context(plain).probe, build_context(found).probe) == (EMBED, EMBED_THROUGH_ADAPTER)
    assert one.samples("2026-05-01", "m") == other.samples("2026-05-01", "m")
    assert (one.ledger, one.summary) == (other.ledger, other.summary)
    places = [
        (lay.verdict("2026-05-01", "m"), lay.report("2026-05-01", "m"), lay.staging, lay.parity("2026-05-01", "m"))
        for lay in (one, other)
    ]
    assert not set(places[0]) & set(places[1])
    assert found.path(found.dagster_home) == tmp_path / ".dagster" / "through-adapter"
    assert through_adapter(plain, {"DAGSTER_HOME": "/shared"}, ADDRESS).dagster_home == Path("/shared/through-adapter")
    assert found.retrieve is None


def test_batches_are_larger_than_the_candidate_takes(tmp_path: Path) -> None:
    """The adapter has to divide and join them, within what it lets callers send."""
    assert through_adapter(settings(tmp_path), {}, ADDRESS).sides.candidate.batch_texts == 65
    bounded = settings(tmp_path, {"callers": {"legacy": {"max_texts": 40, "max_body_bytes": 1000}}})
    side = through_adapter(bounded, {}, ADDRESS).sides.candidate
    assert (side.batch_texts, side.batch_bytes) == (40, 1000)


def test_the_adapter_is_served_in_mode_candidate_and_keeps_no_texts(tmp_path: Path) -> None:
    """Whatever the settings say of mode and traffic: an adapter that asks the legacy would prove nothing."""
    plain = settings(tmp_path, {"mode": "shadow", "traffic": {"enabled": True}})
    found = through_adapter(plain, {}, ADDRESS)
    service = found.services(Side.CANDIDATE)[-1]
    words = " ".join(service.command)
    assert "--callers legacy --mode candidate --host 127.0.0.1 --port 1" in words
    assert f"--config {plain.file}" in words
    assert service.env == {"PARITY__ADAPTER__TRAFFIC__ENABLED": "false"}
    assert service.health_url == f"{ADDRESS}/health"


def test_a_free_port_is_taken_where_no_address_is_given(tmp_path: Path) -> None:
    """The command finds a port, and its processes are given the address by a variable."""
    plain = settings(tmp_path)
    address = through_adapter(plain, {}).sides.candidate.base_url
    assert address.startswith("http://127.0.0.1:")
    assert started_through_adapter(plain, {}) is plain
    assert started_through_adapter(plain, {ADDRESS_VARIABLE: address}).sides.candidate.base_url == address


def test_the_fingerprint_is_that_of_the_mapping(tmp_path: Path) -> None:
    """Another mapping has another fingerprint, other settings do not change it, and the label of the candidate names it."""
    first = mapping_id(settings(tmp_path), {})
    assert mapping_id(settings(tmp_path, {"mode": "shadow", "port": 9}), {}) == first
    changes = ({"normalise": True}, {"default_model": "n"}, {"error_statuses": {"refused": 422}})
    assert len({first, *(mapping_id(settings(tmp_path, {"callers": {"legacy": one}}), {}) for one in changes)}) == 4
    assert first in through_adapter(settings(tmp_path), {}, ADDRESS).sides.candidate.label


def test_a_file_cannot_ask_for_them(tmp_path: Path) -> None:
    """The settings file must not hold `through_adapter`, and without a file there is nothing for the adapter to read."""
    plain = settings(tmp_path)
    assert plain.file
    plain.file.write_text(plain.file.read_text("utf-8").replace("{", '{"through_adapter": true, ', 1), "utf-8")
    with pytest.raises(SettingsError, match="through_adapter"):
        load(plain.file, {})
    with pytest.raises(SettingsError, match="there is none"):
        through_adapter(plain.model_copy(update={"file": None}), {}, ADDRESS)
