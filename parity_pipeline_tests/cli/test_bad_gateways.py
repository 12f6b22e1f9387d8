"""`parity doctor` against gateways that are not what the settings say: what is wrong, and the key to change, for both probes."""

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from parity_pipeline.cli.main import execute
from parity_pipeline_tests.cli.bad_inputs import SECRET
from parity_pipeline_tests.settings.test_settings import minimal

LOGIN = b"<!doctype html><html><head><title>Sign in - Corporate SSO</title></head></html>"
SITE = b"<!doctype html><html><head><title>Welcome</title></head></html>"
PLAIN = b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"


def response(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Return a whole HTTP response."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        "connection: close",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def page(status: int, body: bytes) -> bytes:
    """Return a web page."""
    return response(status, body, kind="text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One legacy gateway that is not what the settings say.

    Attributes:
        responds: Each of its responses; b"" for one that listens to nobody.
        words: What the message has to have.
        never: What it must not have, since that would be the wrong remedy.
        scheme: Scheme of the base URL.
        path: Path of the base URL.
        tls: Whether it uses TLS.
        host: Host of the base URL; "" for the loopback.
    """

    responds: bytes
    words: tuple[str, ...]
    never: tuple[str, ...] = ()
    scheme: str = "http"
    path: str = ""
    tls: bool = False
    host: str = ""


TOKEN = "Set sides.legacy.bearer_env to the name of a variable that holds a valid token"  # noqa: S105 - no token
BASE = "sides.legacy.base_url"
GATEWAYS = {
    "a login page": Gateway(responds=page(200, LOGIN), words=("it wants a login", TOKEN), never=("dialect to",)),
    "a redirect to a login": Gateway(
        responds=response(302, b"", f"location: https://sso.example/login?ticket={SECRET}"),
        words=("it redirects to https://sso.example/login", "it wants a login", TOKEN),
        never=("redirect's target",),
    ),
    "a redirect to https": Gateway(
        responds=response(301, b"", "location: https://127.0.0.1/v1/embeddings"),
        words=("it redirects to https://127.0.0.1", f"Write {BASE} with https:// and not http://"),
    ),
    "a redirect elsewhere": Gateway(
        responds=response(308, b"", "location: http://new.example/v1/embeddings"),
        words=("it redirects to http://new.example", f"Set {BASE} to the redirect's target"),
    ),
    "a web site": Gateway(
        responds=page(200, SITE),
        words=("a web page titled 'Welcome'", f"Set {BASE} to the gateway itself"),
        never=("login", "dialect to"),
    ),
    "an error of the server": Gateway(
        responds=response(500, b'{"error": "out of memory"}'),
        words=("it fails on a plain text", "http_500: out of memory", "Look at the service's log"),
        never=("model's name", "dialect"),
    ),
    "an unknown model as an error of the server": Gateway(
        responds=response(500, b'{"error": "model \\"m\\" not found"}'), words=("Check the model's name there",)
    ),
    "/v1 twice": Gateway(
        responds=response(404, b'{"error": "no route"}'),
        path="/v1",
        words=("the address has /v1 twice", f"Remove /v1 from {BASE}"),
        never=("model's name",),
    ),
    "the whole path twice": Gateway(
        responds=page(404, SITE),
        path="/v1/embeddings",
        words=("the address has /v1/embeddings twice", f"Remove /v1/embeddings from {BASE}"),
    ),
    "an unknown model under /v1": Gateway(
        responds=response(404, b'{"error": "model m not found"}'), path="/v1", words=("Check the model's name there",)
    ),
    "no such path": Gateway(
        responds=response(404, b"not found"),
        words=("no path /v1/embeddings", "then sides.legacy.dialect, now 'openai'"),
        never=("twice",),
    ),
    "a token that is refused": Gateway(
        responds=response(401, b'{"error": "no token"}'), words=("it refuses the credentials", TOKEN)
    ),
    "https against http": Gateway(
        responds=response(200, b"{}"),
        scheme="https",
        words=("it does not use TLS there", f"Write {BASE} with http:// and not https://"),
        never=("ca_bundle",),
    ),
    "http against https": Gateway(
        responds=response(200, b"{}"), tls=True, words=(f"Write {BASE} with https:// if it uses TLS there",)
    ),
    "http against https, said by the server": Gateway(
        responds=page(400, PLAIN),
        words=("it uses TLS there", f"Write {BASE} with https:// and not http://"),
        never=("model's name",),
    ),
    "a certificate that nobody trusts": Gateway(
        responds=response(200, b"{}"), scheme="https", tls=True,
        words=("no trusted TLS connection", "Set sides.legacy.ca_bundle"), never=("with http://",),
    ),
    "an unknown host": Gateway(
        responds=b"", host="no-such-host.invalid",
        words=("the host name 'no-such-host.invalid' is not known", f"Correct it in {BASE}"),
        never=("Start the service",),
    ),
    "nobody": Gateway(
        responds=b"", words=("no connection", "Start the service (`parity up`", BASE), never=("host name", "https")
    ),
    "another dialect": Gateway(
        responds=response(200, b'{"vectors": [[1, 2]]}'), words=("does not fit the dialect 'openai'", "dialects")
    ),
    "no vector for a text": Gateway(
        responds=response(200, b'{"data": []}'),
        words=("does not return one result for a plain text", "Look at the service's log"),
    ),
    "too many requests": Gateway(
        responds=response(429, b'{"error": "slow down"}'), words=("takes no more requests for now", "Wait until")
    ),
    "a gateway before nothing": Gateway(
        responds=page(502, b"<html><title>502 Bad Gateway</title></html>"),
        words=("it returns only errors", "Look at the service's log; run again later"),
        never=("web site",),
    ),
}  # fmt: skip


@contextmanager
def address(gateway: Gateway) -> Generator[str]:
    """Serve a gateway and yield its base URL."""
    if not gateway.responds:
        with socket.socket() as bound:  # and not listening: nobody else can get the port meanwhile
            bound.bind(("127.0.0.1", 0))
            yield f"{gateway.scheme}://{gateway.host or '127.0.0.1'}:{bound.getsockname()[1]}"
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, gateway.responds)) as server:
        if gateway.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"{gateway.scheme}://127.0.0.1:{server.server_address[1]}{gateway.path}"
        server.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Send one response whatever is requested; what is not HTTP gets a 400, as from any server."""

    def __init__(self, responds: bytes, *arguments: Any) -> None:
        """Keep the response."""
        self._responds = responds
        super().__init__(*arguments)

    def do_POST(self) -> None:
        """Read the request, respond and close the connection."""
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(self._responds)

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - that of http.server
        """Write nothing."""


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_that_is_something_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong with the side and which key to change; the token is never shown."""
    gateway = GATEWAYS[name]
    monkeypatch.setenv("OLD_TOKEN", SECRET)
    with address(gateway) as url:
        content = minimal()
        content["hazards"] = False
        content["sides"]["legacy"] |= {"base_url": url, "dialect": "openai", "bearer_env": "OLD_TOKEN", "attempts": 1}
        content["sides"]["candidate"]["base_url"] = "http://127.0.0.1:9"
        (tmp_path / "seed.txt").write_text("hello\n", "utf-8")
        path = tmp_path / "parity.yaml"
        path.write_text(yaml.safe_dump(content), "utf-8")
        code = execute(["doctor", "--config", str(path)])
    printed = "".join(capfd.readouterr())
    (line,) = [one for one in printed.splitlines() if one.startswith("FAIL legacy")]
    assert code == 2
    for word in gateway.words:
        assert word in line
    for word in gateway.never:
        assert word not in line
    assert SECRET not in printed
    assert " → " in line
