"""The sections `alerts` and `links` of the settings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.alerts.options import ChannelKind, Encryption
from parity_pipeline.core.alerts import NewsKind, Subject
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.settings.alerts import alert_context, expected_dates
from parity_pipeline.settings.loading import load, read_content
from parity_pipeline.settings.without_secrets import without_secrets
from parity_pipeline_tests.settings.test_settings import minimal, with_value, written

SECRET = "https://hooks.test/T00/s3cr3t-never-shown"  # noqa: S105 - a planted one
SLACK: dict[str, Any] = {"name": "a", "kind": "slack", "url_env": "HOOK"}
MAIL: dict[str, Any] = {
    "name": "m",
    "kind": "email",
    "host": "smtp.test",
    "sender": "p@example.test",
    "to": ["a@example.test"],
}


def loaded(folder: Path, **sections: Any) -> Any:
    """Return loaded settings with further sections."""
    return load(written(folder, minimal() | sections), {})


def test_each_kind_of_channel_has_its_keys(tmp_path: Path) -> None:
    """The four kinds load, with their defaults."""
    channels = [
        SLACK,
        {**SLACK, "name": "w", "kind": "webhook", "bearer_env": "TOKEN", "only": ["fail", "stale"]},
        {**SLACK, "name": "p", "kind": "apprise"},
        {**MAIL, "user": "u", "password_env": "PW", "encryption": "tls", "port": 2465},
    ]
    slack, webhook, apprise, mail = loaded(tmp_path, alerts={"channels": channels}).alerts.channels
    assert (slack.kind, slack.url_env, slack.only) == (ChannelKind.SLACK, "HOOK", ())
    assert webhook.wants(NewsKind.STALE)
    assert not webhook.wants(NewsKind.RECOVERED)
    assert apprise.kind is ChannelKind.APPRISE
    assert (mail.encryption, mail.port, mail.to) == (Encryption.TLS, 2465, ("a@example.test",))


def test_without_a_section_there_is_no_channel(tmp_path: Path) -> None:
    """Nothing is sent unless somebody asks for it."""
    found = loaded(tmp_path).alerts
    assert (found.channels, found.inconclusive, found.stale_after_hours) == ((), True, 4)


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"name": "a", "kind": "slack"}, "url_env is missing"),
        ({**SLACK, "host": "h"}, "host means nothing for a channel of kind slack"),
        ({**SLACK, "bearer_env": "T"}, "bearer_env means nothing"),
        ({"name": "a", "kind": "email"}, "host is missing"),
        ({**MAIL, "url_env": "HOOK"}, "url_env means nothing for a channel of kind email"),
        ({**MAIL, "user": "u"}, "belong together"),
        ({**MAIL, "to": ["nobody"]}, "to"),
        ({**MAIL, "sender": "a@b.test\r\nBcc: c@d.test"}, "sender"),
        ({**MAIL, "port": 0}, "port"),
        ({**SLACK, "kind": "pigeon"}, "kind"),
        ({**SLACK, "only": ["fial"]}, "did you mean fail"),
        ({**SLACK, "name": "a b"}, "name"),
        ({**SLACK, "url": SECRET}, "unknown key"),
    ],
)
def test_what_is_not_usable_is_refused(tmp_path: Path, channel: dict[str, Any], words: str) -> None:
    """Each fault names its key and what a channel of that kind needs."""
    with pytest.raises(SettingsError, match=words):
        loaded(tmp_path, alerts={"channels": [channel]})


def test_two_channels_have_two_names(tmp_path: Path) -> None:
    """What was sent where is kept by name."""
    with pytest.raises(SettingsError, match="two channels are named a"):
        loaded(tmp_path, alerts={"channels": [SLACK, {**SLACK, "kind": "webhook"}]})


@pytest.mark.parametrize("key", ["url_env", "bearer_env", "password_env", "url", "password", "token"])
def test_a_secret_in_place_of_a_variable_is_not_repeated(tmp_path: Path, key: str) -> None:
    """Whoever pastes an address where a name belongs does not find it in a log."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, alerts={"channels": [{**SLACK, "kind": "webhook", key: SECRET}]})
    assert "s3cr3t" not in str(caught.value)


def test_a_bundle_holds_no_channels(tmp_path: Path) -> None:
    """Who is announced, and by which variables, changes no verdict."""
    path = written(tmp_path, minimal() | {"alerts": {"channels": [SLACK]}})
    assert "alerts" not in without_secrets(read_content(path, {}))


@pytest.mark.parametrize("address", ["ftp://x", "http://u:pw-shown@h", "h"])
def test_an_address_of_links_is_http_without_credentials(tmp_path: Path, address: str) -> None:
    """It becomes part of messages that many read."""
    with pytest.raises(SettingsError, match=r"links\.reports") as caught:
        load(written(tmp_path, with_value("links.reports", address)), {})
    assert "pw-shown" not in str(caught.value)


def test_each_model_and_corpus_is_waited_for(tmp_path: Path) -> None:
    """From the schedule on, in the time zone of the settings; never with null."""
    settings = loaded(
        tmp_path, models=["a", "b"], timezone="Asia/Tokyo", schedule={"hour": 6}, alerts={"stale_after_hours": 2}
    )
    late, early = datetime(2026, 6, 1, 23, 0, tzinfo=UTC), datetime(2026, 6, 1, 22, 59, tzinfo=UTC)
    assert expected_dates(settings, late) == {Subject(probe="embed", name=name): "2026-06-02" for name in ("a", "b")}
    assert set(expected_dates(settings, early).values()) == {"2026-06-01"}
    assert expected_dates(loaded(tmp_path, alerts={"stale_after_hours": None}), late) == {}


def test_the_state_lies_with_the_state_of_services(tmp_path: Path) -> None:
    """It is of this machine, and not tracked."""
    context = alert_context(loaded(tmp_path), {})
    assert context.state == tmp_path.resolve() / ".parity" / "alerts.json"
