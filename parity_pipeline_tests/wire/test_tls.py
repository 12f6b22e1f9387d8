"""TLS over real connections: which servers are trusted, client certificates, and reports of a wrong certificate."""

import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline_tests.wire.fake_side import blocks, side
from parity_pipeline_tests.wire.raw_server import KEPT, Sender, hang_up, run, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make an authority that nobody else trusts."""
    return trustme.CA()


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    """Write the authority's certificate."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def server_side(authority: trustme.CA, name: str = "127.0.0.1", *, client_cert: bool = False) -> ssl.SSLContext:
    """Return the server's side of TLS, if required with a client certificate of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if client_cert:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_server_of_the_ca_bundle_is_trusted(authority: trustme.CA, ca_bundle: Path) -> None:
    """Small and large responses arrive over one connection; one that the server closed is not used again."""
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000
    with serving(large, KEPT, KEPT, tls=server_side(authority)) as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"x" * 1_000_000
            assert await sender.body() == b"right"
            hang_up(server.open[0])
            assert await sender.body() == b"x" * 1_000_000

        run(server.url, use, ca_bundle=ca_bundle)
        assert (server.connections, len(server.requests)) == (2, 3)


def test_a_client_certificate_is_shown(authority: trustme.CA, ca_bundle: Path, tmp_path: Path) -> None:
    """A server that requires a client certificate gets the one of the settings, and refuses without one."""
    own = tmp_path / "client.pem"
    authority.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(own)
    with serving(KEPT, tls=server_side(authority, client_cert=True)) as server:

        async def known(sender: Sender) -> None:
            assert await sender.body() == b"right"

        async def unknown(sender: Sender) -> None:
            error = await sender.error()
            assert error.kind == "tls_error"
            assert "certificate" in error.detail.lower()

        run(server.url, known, ca_bundle=ca_bundle, client_cert=own)
        run(server.url, unknown, ca_bundle=ca_bundle)


@pytest.mark.parametrize(
    ("name", "trusted", "words"),
    [
        ("127.0.0.1", False, "unable to get local issuer certificate"),
        ("other.test", True, "not valid for '127.0.0.1'"),
    ],
    ids=["authority", "name"],
)
def test_a_wrong_certificate_ends_the_lane_with_what_to_do(
    authority: trustme.CA, ca_bundle: Path, name: str, words: str, *, trusted: bool
) -> None:
    """A certificate of another authority or name is reported as that, with the address and the remedy; nothing is sent."""
    with serving(KEPT, tls=server_side(authority, name)) as server:
        config = side(base_url=server.url, attempts=1, ca_bundle=ca_bundle if trusted else None, bearer_token="token")  # noqa: S106
        with pytest.raises(GatewayError, match="no trusted TLS connection") as found:
            fetch_lane(config, "m", blocks(["first"]), lambda _rows: None)
    for part in (words, server.url, "Set sides.legacy.ca_bundle"):
        assert part in str(found.value)
    assert server.requests == []


def test_a_server_without_tls_is_reported() -> None:
    """An https address of a server without TLS is a TLS error."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve_plain() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with closing(connection):
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

        threading.Thread(target=serve_plain, daemon=True).start()

        async def use(sender: Sender) -> None:
            error = await sender.error()
            assert error.kind == "tls_error"
            assert "wrong version number" in error.detail.lower().replace("_", " ")

        run(f"https://127.0.0.1:{listener.getsockname()[1]}", use)
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def tunnelling(heads: list[bytes]) -> Generator[str]:
    """Run a proxy that records the head of each request and connects to any address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, ExitStack() as stack:

        def pump(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        def serve() -> None:
            with suppress(OSError):
                connection = stack.enter_context(closing(listener.accept()[0]))
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(65536)
                heads.append(head)
                host, port = head.split(b" ")[1].decode().rsplit(":", 1)
                target = stack.enter_context(closing(socket.create_connection((host, int(port)))))
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                threading.Thread(target=pump, args=(target, connection), daemon=True).start()
                pump(connection, target)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://someone:something@127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_tls_goes_through_a_proxy_unread(authority: trustme.CA, ca_bundle: Path) -> None:
    """A proxy gets its own credentials and the host's name, and neither the token nor a byte of the texts."""
    heads: list[bytes] = []
    with serving(KEPT, KEPT, tls=server_side(authority)) as server, tunnelling(heads) as proxy:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                assert await sender.body() == b"right"

        run(server.url, use, ca_bundle=ca_bundle, proxy=proxy, bearer_token="token")  # noqa: S106
    (head,) = heads
    assert head.startswith(b"CONNECT " + server.url[8:].encode())
    assert b"proxy-authorization: basic c29tzw9uztpzb21ldghpbmc=" in head.lower()
    assert b"token" not in head
    assert b"proxy-authorization" not in server.requests[0].lower()


def test_the_environment_names_no_authority(
    authority: trustme.CA, ca_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Httpx's variable for a key log or a certificate file changes nothing where the settings name a bundle."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(ca_bundle.with_name("keys")))
    other = trustme.CA()
    other.cert_pem.write_to_path(ca_bundle.with_name("other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_bundle))
    with serving(KEPT, tls=server_side(authority)) as server:

        async def use(sender: Sender) -> None:
            assert (await sender.error()).kind == "tls_error"

        run(server.url, use, ca_bundle=ca_bundle.with_name("other.pem"))
