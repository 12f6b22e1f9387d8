"""One message to each kind of channel, and errors that hold no secret."""

import email
import email.policy
import logging
import socket
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest

from parity_pipeline.alerts.delivery import ID_HEADER, Letter, deliver
from parity_pipeline.alerts.errors import DeliveryError
from parity_pipeline.alerts.options import Channel, ChannelKind, Encryption
from parity_pipeline.core.alerts import News, NewsKind, Subject
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report.alert_text import alert_text
from parity_pipeline_tests.alerts.receivers import MailServer, Webhook, mail_server, webhook

SECRET = "T00/B11/s3cr3t-never-shown"  # noqa: S105 - a planted one
PASSWORD = "PW"  # noqa: S105 - the name of a variable
ITEM = News(
    kind=NewsKind.FAIL,
    subject=Subject(probe="embed", name="modèle <b>"),
    date="2026-05-03",
    since="2026-05-01",
    decision=Decision.FAIL,
    reason="3/5 < 0.999",
    run_id="r-1",
)
LETTER = Letter(
    id="id-1",
    kind=NewsKind.FAIL,
    at="2026-05-03T06:10:00+00:00",
    text=alert_text(NewsKind.FAIL, [ITEM], {}),
    items=(ITEM,),
    addresses={},
)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """Return a webhook."""
    with webhook() as found:
        yield found


@pytest.fixture
def server() -> Iterator[MailServer]:
    """Return a mail server."""
    with mail_server() as found:
        yield found


def channel(kind: ChannelKind, **more: object) -> Channel:
    """Return a channel whose address is in URL."""
    fields: dict[str, object] = {
        "name": "c",
        "kind": kind,
        "url_env": "" if kind is ChannelKind.EMAIL else "URL",
        **more,
    }
    return Channel(**fields)  # pyright: ignore[reportArgumentType] - a test's own keywords


def mailing(server: MailServer, **more: object) -> Channel:
    """Return a channel to a mail server."""
    return channel(
        ChannelKind.EMAIL,
        host="127.0.0.1",
        port=server.port,
        encryption=Encryption.NONE,
        sender="parity@example.test",
        to=("a@example.test", "b@example.test"),
        **more,
    )


def test_slack_gets_one_text(hook: Webhook) -> None:
    """The body is what Slack and its like take, and nothing else."""
    deliver(channel(ChannelKind.SLACK), LETTER, {"URL": hook.url("/hook")})
    (got,) = hook.got
    assert set(got.body) == {"text"}
    assert got.body["text"].startswith("*`Parity: FAIL, embed modèle &lt;b&gt;, 2026-05-03`*")


def test_a_webhook_gets_facts_and_its_token(hook: Webhook) -> None:
    """A program reads kind, subject, date and id without taking words apart."""
    environ = {"URL": hook.url("/hook"), "TOKEN": "t-1"}
    deliver(channel(ChannelKind.WEBHOOK, bearer_env="TOKEN"), LETTER, environ)
    (got,) = hook.got
    assert got.headers["authorization"] == "Bearer t-1"
    assert got.headers[ID_HEADER] == got.body["id"] == "id-1"
    assert (got.body["schema"], got.body["kind"], got.body["at"]) == (1, "fail", LETTER.at)
    assert got.body["items"] == [
        {
            "probe": "embed",
            "name": "modèle <b>",
            "date": "2026-05-03",
            "since": "2026-05-01",
            "decision": "FAIL",
            "dates": [],
            "reason": "3/5 < 0.999",
            "cause": None,
            "run_id": "r-1",
            "links": {},
        }
    ]


def test_credentials_of_an_address_are_sent_as_such(hook: Webhook) -> None:
    """An address with a user is used as a browser would."""
    url = hook.url("/hook").replace("http://", "http://ann:pw@")
    deliver(channel(ChannelKind.WEBHOOK), LETTER, {"URL": url})
    assert hook.got[0].headers["authorization"] == "Basic YW5uOnB3"


def test_a_webhook_is_reached_by_the_proxy_of_the_environment(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that `no_proxy` names is reached directly, any other one through the proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", hook.url(""))
    deliver(channel(ChannelKind.WEBHOOK), LETTER, {"URL": "http://hooks.test/far"})
    assert [one.path for one in hook.got] == ["http://hooks.test/far"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    deliver(channel(ChannelKind.WEBHOOK), LETTER, {"URL": hook.url("/near")})
    assert hook.got[-1].path == "/near"


def test_a_mail_has_both_forms(server: MailServer) -> None:
    """All receivers get one message with subject, date, id, a plain and an HTML part."""
    server.password = "pw"  # noqa: S105 - of this server
    deliver(mailing(server, user="ann", password_env=PASSWORD), LETTER, {PASSWORD: "pw"})
    ((sender, receivers, content),) = server.got
    assert (sender, receivers) == ("parity@example.test", ["a@example.test", "b@example.test"])
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["subject"] == "Parity: FAIL, embed modèle <b>, 2026-05-03"
    assert message["message-id"] == "<id-1@parity-pipeline.invalid>"
    assert message["auto-submitted"] == "auto-generated"
    bodies = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    assert "modèle <b> fails on 2026-05-03" in bodies["text/plain"]
    assert "<code>embed modèle &lt;b&gt;</code>" in bodies["text/html"]


def test_apprise_takes_its_own_addresses(hook: Webhook) -> None:
    """A service of Apprise gets title and text."""
    deliver(channel(ChannelKind.APPRISE), LETTER, {"URL": f"json://127.0.0.1:{hook.port}/apprise"})
    assert hook.got[0].body["title"] == LETTER.text.title


@pytest.mark.parametrize(
    ("status", "words", "only_this"),
    [(404, "HTTP 404", False), (500, "HTTP 500", False), (302, "redirect", False), (400, "HTTP 400", True)],
)
def test_a_webhook_that_refuses_is_an_error_without_its_address(
    hook: Webhook, status: int, words: str, *, only_this: bool
) -> None:
    """Status and words of the server are said, what it repeats of the address is not; a redirect is not followed."""
    path = f"/services/{SECRET}"
    hook.status, hook.reply, hook.headers = {path: status}, f"no {path}", {"location": hook.url("/else")}
    with pytest.raises(DeliveryError, match=words) as caught:
        deliver(channel(ChannelKind.SLACK), LETTER, {"URL": hook.url(path)})
    assert caught.value.only_this is only_this
    assert hook.got == []
    assert_without(caught.value, SECRET, "s3cr3t")


@pytest.mark.parametrize("before", [150, 180, 195, 250])
def test_a_secret_that_is_cut_is_not_shown_in_part(hook: Webhook, before: int) -> None:
    """Of a long response only the beginning is read; a secret that stands across its end is hidden all the same."""
    path = "/hook/" + SECRET.rpartition("/")[2].replace("never", "never%2F")
    hook.status, hook.reply = {path: 404}, "x" * before + unquote(path)
    with pytest.raises(DeliveryError, match="HTTP 404") as caught:
        deliver(channel(ChannelKind.SLACK), LETTER, {"URL": hook.url(path)})
    assert_without(caught.value, "s3cr")


def test_a_password_that_is_cut_is_not_shown_in_part(server: MailServer) -> None:
    """A mail server that repeats a long password has it hidden before the text is cut."""
    password = "s3cr3t-" * 60
    with pytest.raises(DeliveryError, match="535") as caught:
        deliver(mailing(server, user="ann", password_env=PASSWORD), LETTER, {PASSWORD: password})
    assert_without(caught.value, "s3cr3t")


def test_words_of_a_server_are_not_hidden_where_they_are_not_secret() -> None:
    """What ends like a short word of an address stays readable."""
    error = DeliveryError("the channel is archived; see the").without(["https://hooks.test/the/a"])
    assert error.text == "the channel is archived; see the"


def test_two_channels_of_apprise_at_once_do_not_mix_their_errors(hook: Webhook) -> None:
    """Each error holds what the library said of its own channel, none the address of the other."""
    hook.status = {"/one-s3cr3t": 404, "/two-s3cr3t": 500}
    errors: dict[str, str] = {}

    def send(name: str) -> None:
        address = f"json://127.0.0.1:{hook.port}/{name}-s3cr3t"
        with pytest.raises(DeliveryError) as caught:
            deliver(channel(ChannelKind.APPRISE), LETTER, {"URL": address})
        errors[name] = caught.value.text

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(send, ("one", "two")))
        assert "404" in errors["one"]
        assert "500" not in errors["one"]
        assert "500" in errors["two"] or "nternal" in errors["two"]
        assert "404" not in errors["two"]


def assert_without(error: BaseException, *secrets: str) -> None:
    """Check that no secret is in an error, its attributes, or any exception attached to it."""
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert not [one for one in secrets if one in shown]
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_server_that_wants_to_be_left_alone_is(hook: Webhook) -> None:
    """The seconds of `Retry-After` are handed on."""
    hook.status, hook.headers = {"/hook": 429}, {"retry-after": "120"}
    with pytest.raises(DeliveryError) as caught:
        deliver(channel(ChannelKind.SLACK), LETTER, {"URL": hook.url("/hook")})
    assert caught.value.wait_seconds == 120


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (ChannelKind.SLACK, f"ftp://127.0.0.1/{SECRET}"),
        (ChannelKind.SLACK, f"http:///{SECRET}"),
        (ChannelKind.WEBHOOK, f"http://[::1/{SECRET}"),
        (ChannelKind.WEBHOOK, f"http://127.0.0.1:99999/{SECRET}"),
        (ChannelKind.WEBHOOK, f"http://127.0.0.1/\x00{SECRET}"),
        (ChannelKind.APPRISE, f"nothing-known://{SECRET}"),
        (ChannelKind.SLACK, SECRET),
    ],
)
def test_an_address_that_is_none_is_an_error_without_it(kind: ChannelKind, url: str) -> None:
    """Whatever was pasted into the variable is not repeated."""
    with pytest.raises(DeliveryError) as caught:
        deliver(channel(kind), LETTER, {"URL": url})
    assert_without(caught.value, SECRET, "s3cr3t")


def test_nobody_there_is_an_error_that_names_the_host() -> None:
    """A refused connection says so, for each kind that connects."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeliveryError, match="Connect"):
        deliver(channel(ChannelKind.WEBHOOK), LETTER, {"URL": f"http://127.0.0.1:{port}/{SECRET}"})
    down = MailServer(port=port)
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1: ConnectionRefusedError"):
        deliver(mailing(down), LETTER, {})
    with pytest.raises(DeliveryError, match="127") as caught:
        deliver(channel(ChannelKind.APPRISE), LETTER, {"URL": f"json://127.0.0.1:{port}/{SECRET}"})
    assert_without(caught.value, "s3cr3t")


def test_a_wrong_password_is_an_error_without_it(server: MailServer) -> None:
    """A server that repeats what it was sent does not make the error repeat it."""
    with pytest.raises(DeliveryError, match="535") as caught:
        deliver(mailing(server, user="ann", password_env=PASSWORD), LETTER, {PASSWORD: SECRET})
    assert_without(caught.value, SECRET)


@pytest.mark.parametrize("leave", ["421 too long", "250 ok", ""])
def test_a_mail_that_was_taken_is_sent_whatever_follows(server: MailServer, leave: str) -> None:
    """A server that takes a message and is rude afterwards does not get it once more with each try."""
    server.leave = leave
    deliver(mailing(server), LETTER, {})
    assert len(server.got) == 1


def test_receivers_that_are_all_unknown_are_an_error(server: MailServer) -> None:
    """One that is known is enough, and none is not."""
    server.unknown = {"a@example.test"}
    deliver(mailing(server), LETTER, {})
    assert server.got[0][1] == ["b@example.test"]
    server.unknown.add("b@example.test")
    with pytest.raises(DeliveryError, match="refuses all receivers"):
        deliver(mailing(server), LETTER, {})


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.WEBHOOK, ChannelKind.APPRISE])
def test_a_variable_that_is_not_set_is_named(kind: ChannelKind) -> None:
    """The error says which variable to set."""
    with pytest.raises(DeliveryError, match="environment variable URL is not set"):
        deliver(channel(kind), LETTER, {"URL": " "})


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.WEBHOOK, ChannelKind.APPRISE])
def test_no_log_holds_an_address(hook: Webhook, caplog: pytest.LogCaptureFixture, kind: ChannelKind) -> None:
    """However verbose logging is set to be, neither a sent nor a refused message leaves the address in it."""
    caplog.set_level(logging.DEBUG)
    scheme = "json" if kind is ChannelKind.APPRISE else "http"
    for status in (200, 500):
        hook.status = {f"/{SECRET}": status}
        url = f"{scheme}://127.0.0.1:{hook.port}/{SECRET}"
        if status == 200:
            deliver(channel(kind), LETTER, {"URL": url})
        else:
            with pytest.raises(DeliveryError):
                deliver(channel(kind), LETTER, {"URL": url})
    assert len(hook.got) == 1
    assert "s3cr3t" not in caplog.text
