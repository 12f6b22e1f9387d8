"""`parity alerts test` and `parity alerts send`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parity_pipeline.cli.alerts import alerts
from parity_pipeline.core.errors import SettingsError
from parity_pipeline_tests.alerts.receivers import Webhook, webhook
from parity_pipeline_tests.settings.test_settings import minimal, written

CHANNELS = [
    {"name": "oncall", "kind": "slack", "url_env": "PARITY_TEST_HOOK"},
    {"name": "bus", "kind": "webhook", "url_env": "PARITY_TEST_BUS"},
]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """Return a webhook that both channels lead to."""
    with webhook() as found:
        monkeypatch.setenv("PARITY_TEST_HOOK", found.url("/hook"))
        monkeypatch.setenv("PARITY_TEST_BUS", found.url("/bus/s3cr3t"))
        yield found


def called(folder: Path, *words: str, channels: object = CHANNELS) -> Result:
    """Return the result of a command on settings with these channels."""
    path = written(folder, minimal() | {"alerts": {"channels": channels}})
    return CliRunner().invoke(alerts, [*words, "--config", str(path)])


def test_each_channel_gets_a_test_message(tmp_path: Path, hook: Webhook) -> None:
    """Exit 0, a line per channel, and a message that nobody takes for an alert."""
    result = called(tmp_path, "test")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == ["ok   oncall (slack): sent", "ok   bus (webhook): sent"]
    assert "Nothing happened" in json.dumps(hook.got[0].body)
    assert hook.got[1].body["kind"] == "test"


def test_a_channel_that_fails_is_named_and_its_address_is_not(tmp_path: Path, hook: Webhook) -> None:
    """Exit 2, why, and the other channel gets its message all the same."""
    hook.status, hook.reply = {"/bus/s3cr3t": 404}, "no /bus/s3cr3t"
    result = called(tmp_path, "test")
    assert result.exit_code == 2
    assert "FAIL bus (webhook): 127.0.0.1 returns HTTP 404" in result.output
    assert "s3cr3t" not in result.output
    assert hook.texts("/hook")


def test_one_channel_can_be_chosen(tmp_path: Path, hook: Webhook) -> None:
    """Others get nothing; one that is not set is an error with those that are."""
    assert called(tmp_path, "test", "--channel", "bus").exit_code == 0
    assert [one.path for one in hook.got] == ["/bus/s3cr3t"]
    result = called(tmp_path, "test", "--channel", "bsu")
    assert isinstance(result.exception, SettingsError)
    assert "Use one of oncall, bus" in str(result.exception)


def test_without_a_channel_there_is_nothing_to_try(tmp_path: Path) -> None:
    """The error says where to add one."""
    result = called(tmp_path, "test", channels=[])
    assert isinstance(result.exception, SettingsError)
    assert "docs/alerts.md" in str(result.exception)


def test_what_is_new_is_sent_once(tmp_path: Path, hook: Webhook) -> None:
    """A project whose first date is long past has no verdict: that is announced by the first call alone."""
    first, second = called(tmp_path, "send"), called(tmp_path, "send")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "sent oncall: Parity: no verdict, " in first.output
    assert second.output.strip() == "Nothing new."
    assert len(hook.got) == 2


def test_a_delivery_that_fails_is_exit_two(tmp_path: Path, hook: Webhook) -> None:
    """Cron mails what a command prints when it fails."""
    hook.status = {"/hook": 500}
    result = called(tmp_path, "send")
    assert result.exit_code == 2
    assert "1 to be tried again" in result.output
