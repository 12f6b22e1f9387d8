"""The sensor of alerts, as Dagster sees it."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.alerts.announce import Round
from parity_pipeline.definitions import build_definitions
from parity_pipeline.defs.alert_sensor import NAME, alert_sensor
from parity_pipeline_tests.defs.project import Project
from parity_pipeline_tests.fakes.gateways import hash_gateway

CHANNEL = {"name": "oncall", "kind": "slack", "url_env": "HOOK"}


def tick(announce: Callable[[], Round]) -> dg.SkipReason:
    """Return what a tick of the sensor ends in."""
    with dg.DagsterInstance.ephemeral() as instance:
        found = alert_sensor(announce)(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SkipReason)
    return found


def test_a_tick_says_what_was_sent() -> None:
    """It starts no run, and its words are those of the round."""
    assert tick(Round).skip_message == "Nothing new."
    sent = tick(lambda: Round(news=1, sent=("oncall: FAIL",))).skip_message
    assert sent == "sent oncall: FAIL."


def test_a_channel_that_fails_makes_a_red_tick() -> None:
    """Nobody reads the reasons of skipped ticks: a broken channel has to show."""
    with pytest.raises(dg.Failure, match="not sent to oncall: HTTP 404"):
        tick(lambda: Round(failed=("oncall: HTTP 404",), waiting=1))


def test_the_sensor_is_there_where_a_channel_is_and_off(tmp_path: Path) -> None:
    """Without a channel there is nothing to switch on, and with one nothing is sent before somebody does."""
    sides = (hash_gateway("rust"), hash_gateway("go"))
    without = Project(tmp_path, *sides).definitions()
    assert NAME not in [one.name for one in without.get_repository_def().sensor_defs]
    project = Project(tmp_path, *sides, more={"alerts": {"channels": [CHANNEL]}})
    sensor = build_definitions(project.settings()).resolve_sensor_def(NAME)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert sensor.minimum_interval_seconds == 60


def test_a_real_tick_sends_once(tmp_path: Path) -> None:
    """Two sensors, as of two instances, share what was announced: a channel without its variable fails in both alike."""
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go", noise=0.5))
    with project.instance:
        assert project.run().success
    project.more = {"alerts": {"channels": [CHANNEL], "stale_after_hours": None}}
    sensor = build_definitions(project.settings(), environ={}).resolve_sensor_def(NAME)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(dg.Failure, match="HOOK is not set"):
        sensor(dg.build_sensor_context(instance=instance))
    with dg.DagsterInstance.ephemeral() as instance:
        found = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "1 to be tried again."
