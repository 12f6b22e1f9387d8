"""A look at a gateway: version, digest and canaries, by few requests, and nothing raised for what the side does."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from parity_pipeline.core.fingerprint import Fingerprint, Likeness, compare_fingerprints
from parity_pipeline.core.hazards.texts import CANARIES
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire import gateway_look
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.gateway_look import REPEATS, look, with_identity
from parity_pipeline.wire.side_config import SideConfig, Timeouts, VersionLookup
from parity_pipeline_tests.fakes.gateways import hash_gateway

DIALECTS = {row.name: row for row in BUILT_IN}
HIDDEN = "token-1234567"
TAGS = {"models": [{"name": "other:latest", "digest": "bb"}, {"name": "fake-32:latest", "digest": "aa"}]}

Respond = Callable[[httpx.Request], httpx.Response]


def config(dialect: str = "rust", **changes: object) -> SideConfig:
    """Return a side."""
    plain = SideConfig(side=Side.CANDIDATE, label="New", base_url="http://gateway.test/base", dialect=DIALECTS[dialect])
    return replace(plain, **changes)  # pyright: ignore[reportArgumentType] - fields of the record


def identified(found: SideConfig, respond: Respond) -> Fingerprint:
    """Return what the endpoints of a side say beside its responses."""
    return with_identity(found, "fake-32", Fingerprint(), transport=httpx.MockTransport(respond))


def never(request: httpx.Request) -> httpx.Response:
    """Respond to nothing."""
    raise AssertionError(request.url)


@pytest.mark.parametrize(
    ("lookup", "response", "version"),
    [
        (VersionLookup(path="/version"), httpx.Response(200, text="1.4.2\n"), "1.4.2"),
        (VersionLookup(path="/version", field="build.id"), httpx.Response(200, json={"build": {"id": 7}}), "7"),
        (VersionLookup(path="/version", field="build.id"), httpx.Response(200, json={"build": {}}), ""),
        (VersionLookup(path="/version", field="build.id"), httpx.Response(200, text="<html>"), ""),
        (VersionLookup(path="/version"), httpx.Response(503, text="starting"), ""),
        (VersionLookup(path="/version"), httpx.Response(200, text=f"{HIDDEN} \x1b[31m"), "*** [31m"),
    ],
)
def test_the_version_of_an_endpoint(lookup: VersionLookup, response: httpx.Response, version: str) -> None:
    """The body or a field of it is the version; an error is none, and a secret or a control character is not shown."""
    paths: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        paths.append(f"{request.method} {request.url.path}")
        return response

    assert identified(config(version=lookup, bearer_token=HIDDEN), respond).version == version
    assert paths == ["GET /base/version"]


@pytest.mark.parametrize("length", [80, 81, 5000])
def test_long_versions_that_differ_at_their_end_differ(length: int) -> None:
    """A version that is too long to be shown whole is not taken for another one with the same beginning."""
    side = config(version=VersionLookup(path="/version"))
    texts = ("x" * (length - 1) + "a", "x" * (length - 1) + "b")
    one, two = (identified(side, lambda _, text=text: httpx.Response(200, text=text)) for text in texts)
    assert compare_fingerprints(one, two).likeness is Likeness.CHANGED
    assert compare_fingerprints(one, one).likeness is Likeness.UNCHANGED
    assert len(one.version) == 80


def test_the_digest_of_the_model() -> None:
    """Ollama's list gives the digest of the model that is requested, whatever its tag; a model that is not listed has none."""
    found = config("ollama")
    assert identified(found, lambda _: httpx.Response(200, json=TAGS)).digest == "aa"
    assert identified(found, lambda _: httpx.Response(200, json={"models": []})).digest == ""
    assert identified(found, lambda _: httpx.Response(200, json={"models": {}})).digest == ""


def test_nothing_is_sent_where_nothing_can_be_read() -> None:
    """A side without an endpoint for its version, and a dialect without digests, gets no further request."""
    assert identified(config(), never) == Fingerprint()
    assert identified(config(version=VersionLookup(header="x-build")), never) == Fingerprint()


def test_a_look_sends_the_canaries() -> None:
    """Each repeat is one request with all canary texts, and says model and vectors."""
    gateway = hash_gateway("rust")
    address = {"base_url": "http://gateway.test"}
    found = look(config(**address), "fake-32", network=lambda: httpx.ASGITransport(gateway.app))
    assert gateway.batch_sizes == [len(CANARIES)] * REPEATS
    assert (len(found.seen), found.problem) == (REPEATS, "")
    assert found.seen[0].model == "fake-32"
    assert found.seen[0].canaries is not None
    assert found.seen[0].canaries.dimension == 32


def test_the_header_of_the_version_is_not_listed_again() -> None:
    """A version in a header is the version, and is not listed once more among the headers; nodes are left out."""
    gateway = hash_gateway("rust")

    async def with_header(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(b"x-build", b"1.5"), (b"server", b"axum"), (b"x-served-by", b"node-7")]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await gateway.app(scope, receive, sent)

    side = config(base_url="http://gateway.test", version=VersionLookup(header="X-Build"))
    found = look(side, "fake-32", network=lambda: httpx.ASGITransport(with_header))
    assert (found.seen[0].version, found.seen[0].headers) == ("1.5", {"server": "axum"})


@pytest.mark.parametrize("response", [httpx.Response(503), httpx.Response(200, text="<html>"), httpx.Response(404)])
def test_a_side_that_is_down_raises_nothing(response: httpx.Response) -> None:
    """Without vectors there is nothing seen, one sentence why, and no second request."""
    sent: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return response

    found = look(config(), "fake-32", network=lambda: httpx.MockTransport(respond))
    assert (found.seen, len(sent)) == ((), 1)
    assert found.problem


def test_a_side_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look does not wait for the whole time-out of the side, which may be minutes, and sends no second request."""
    monkeypatch.setattr(gateway_look, "MOST_SECONDS", 0.01)
    sent: list[str] = []

    async def hang(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        await asyncio.Event().wait()
        return never(request)

    side = config(timeouts=Timeouts(total=5.0))
    found = look(side, "fake-32", network=lambda: httpx.MockTransport(hang))
    assert (found.seen, len(sent)) == ((), 1)
    assert "5" not in found.problem


def test_the_hash_of_the_settings_does_not_change() -> None:
    """Where version and digest are read shapes no request for vectors: what was fetched before still fits."""
    plain = config("ollama")
    bare = replace(plain, dialect=replace(plain.dialect, digest=None), version=VersionLookup(path="/v"))
    assert plain.settings_hash("m") == bare.settings_hash("m")
