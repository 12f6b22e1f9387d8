"""What a request over a real connection holds and where it goes: headers, redirects, proxies, and no secrets in errors."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.transport import transport_for
from parity_pipeline_tests.wire.fake_side import FakeSide, fetch, side, vectors_response
from parity_pipeline_tests.wire.raw_server import KEPT, TOKEN, Sender, run, serving

TEXTS = [f"text {number}" for number in range(30)]


@pytest.mark.parametrize("size", [2, 3_000_000])
def test_a_request_is_what_a_server_needs(size: int) -> None:
    """One head with the length, the id and the token, no chunks, and the body as it is, also a large one."""
    with serving(KEPT) as server:

        async def use(sender: Sender) -> None:
            assert bytes((await sender.response(b"x" * (size - 2) + b"{}")).body) == b"right"

        run(server.url, use, bearer_token=TOKEN)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.lower().split(b"\r\n")
        assert first == b"post /ai/embed http/1.1"
        assert sorted(lines) == sorted(
            [
                b"host: " + server.url[7:].encode(),
                b"accept: application/json",
                b"accept-encoding: identity",
                b"content-type: application/json",
                b"user-agent: parity-pipeline",
                b"authorization: bearer secret-token",
                b"x-request-id: id-1",
                b"content-length: %d" % size,
            ]
        )
        assert body == b"x" * (size - 2) + b"{}"


def ids_sent(fake: FakeSide, name: str = "x-request-id") -> list[str | None]:
    """Return the id of each request that a side got, None where it had none."""
    return [headers.get(name) for headers in fake.headers]


def only_uuids(request: httpx.Request) -> httpx.Response:
    """Respond like a gateway that refuses any request whose id is not a UUID."""
    try:
        UUID(request.headers["x-request-id"])
    except ValueError:
        return httpx.Response(400, json={"error": "x-request-id is not a UUID"})
    return vectors_response(json.loads(request.content)["texts"])


def test_each_request_is_named_by_a_uuid_of_its_own() -> None:
    """Ids are UUIDs of version 4, differ from request to request, and stand in the rows that a response gave."""
    fake = FakeSide()
    got = fetch(fake, TEXTS, side(concurrency=1))
    sent = ids_sent(fake)
    assert [UUID(one or "").version for one in sent] == [4, 4, 4]
    assert len(set(sent)) == 3
    assert got.column("request_ids") == [sent[row // 10] for row in range(len(TEXTS))]


def test_a_gateway_that_accepts_only_uuids_can_be_fetched_from() -> None:
    """No request of a lane, the one for the default model included, is refused for its id."""
    got = fetch(only_uuids, TEXTS, side(ask_default_model=True))
    assert got.result.status_counts["ok"] == len(TEXTS)
    assert got.result.observation.default_model == "m"


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"request_id_header": "X-Correlation-Id"}, "x-correlation-id", None),
        ({"request_id_header": None}, "x-request-id", [None] * 3),
        ({"headers": {"X-Request-Id": "mine"}}, "x-request-id", ["mine"] * 3),
    ],
)
def test_the_id_follows_the_settings(settings: dict[str, Any], name: str, expected: list[str | None] | None) -> None:
    """The id goes into another header, or is not sent at all; one that `headers` gives is sent as it is."""
    fake = FakeSide()
    got = fetch(fake, TEXTS, side(concurrency=1, **settings))
    sent = ids_sent(fake, name)
    assert len(set(sent)) == 3 if expected is None else sent == expected
    assert ids_sent(fake) == (expected or [None] * 3)
    assert set(got.column("request_ids")) == (set(sent) if expected is None else {None})


@pytest.mark.parametrize("value", ["1\r\nx-b: 2", "1\nx-b: 2", "1\0"])
def test_a_header_that_would_be_two_is_refused(value: str) -> None:
    """A header with a line break is an error, and nothing is sent."""
    with serving(KEPT) as server:

        async def use(sender: Sender) -> None:
            assert (await sender.error()).kind == "protocol_error"

        run(server.url, use, headers={"x-a": value})
        assert server.requests == []


def test_cookies_are_not_kept() -> None:
    """What a server sets is not sent back: each request stands for itself."""
    with serving(KEPT.replace(b"\r\n", b"\r\nset-cookie: a=b; path=/\r\n", 1), KEPT) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                await sender.body()

        run(server.url.replace("127.0.0.1", "localhost"), use)  # aiohttp's jar keeps no cookies of bare addresses
        assert len(server.requests) == 2
        assert b"cookie" not in server.requests[1].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is a response like any other, and its target gets no request."""
    with serving(KEPT) as target:
        moved = f"HTTP/1.1 {status} Moved\r\nlocation: {target.url}\r\ncontent-length: 0\r\n\r\n"
        with serving(moved.encode()) as server:

            async def use(sender: Sender) -> None:
                assert (await sender.response()).status == status

            run(server.url, use)
        assert target.connections == 0


def test_the_environment_names_no_proxy_and_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Proxies and passwords come from the settings alone."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(KEPT) as proxy, serving(KEPT) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"

        run(server.url, use)
        assert proxy.connections == 0
        assert b"authorization" not in server.requests[0].lower()


def test_a_proxy_of_the_settings_is_used() -> None:
    """A plain request goes to the proxy with the whole address and its credentials, which no message holds."""
    with serving(KEPT, b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 200 someone\r\n") as proxy:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"
            assert (await sender.response()).status == 407
            assert "something" not in (await sender.error()).detail

        run("http://side.invalid:81", use, proxy=proxy.url.replace("//", "//someone:something@"))
        head = proxy.requests[0].lower().split(b"\r\n\r\n")[0].split(b"\r\n")
        assert head[0] == b"post http://side.invalid:81/ai/embed http/1.1"
        assert {b"host: side.invalid:81", b"proxy-authorization: basic c29tzw9uztpzb21ldghpbmc="} <= set(head)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://", "nonsense"])
def test_an_unusable_proxy_is_reported(proxy: str) -> None:
    """A proxy that cannot be used is an error before a request is sent, without its address."""
    with pytest.raises(GatewayError, match="the proxy address cannot be used"):
        transport_for(side(proxy=proxy))


def test_a_token_that_the_server_repeats_is_masked() -> None:
    """The error for a bad response does not show the token, even if the response holds it."""
    with serving(b"secret-token secret-token\r\n\r\n") as server:

        async def use(sender: Sender) -> None:
            error = await sender.error()
            assert error.kind == "protocol_error"
            assert "secret" not in error.detail

        run(server.url, use, bearer_token=TOKEN)
