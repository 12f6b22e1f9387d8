"""Receivers on loopback for the tests of alerts: a webhook and a mail server that keep what they get.

Here belong servers on free ports, and nothing that knows what an alert is.
"""

import base64
import json
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request.

    Attributes:
        path: Its path.
        headers: Its headers, names in lower case.
        body: Its body.
    """

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Webhook:
    """A webhook.

    Attributes:
        port: Its port.
        status: Status of its responses, by path; 200 for others.
        reply: Body of its responses.
        headers: Headers of its responses.
        got: What it got.
        release: Set to let requests to `/hang` end.
    """

    port: int = 0
    status: dict[str, int] = field(default_factory=dict[str, int])
    reply: str = "ok"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    got: list[Received] = field(default_factory=list[Received])
    release: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def texts(self, path: str) -> list[str]:
        """Return the field `text` of what was sent to a path."""
        return [one.body["text"] for one in self.got if one.path == path]


@contextmanager
def webhook() -> Generator[Webhook]:
    """Serve a webhook while the body runs."""
    held = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/hang":
                held.release.wait(60)
            status = held.status.get(self.path, 200)
            if status == 200:
                headers = {name.lower(): value for name, value in self.headers.items()}
                held.got.append(Received(self.path, headers, body))
            self.send_response(status)
            for name, value in held.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(held.reply.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        held.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    """A mail server that takes everything, but for receivers it knows as unknown.

    Attributes:
        port: Its port.
        password: What AUTH PLAIN has to end in; "" to take nobody's.
        unknown: Receivers that it refuses.
        leave: What it says to QUIT; "" to close the connection.
        got: Sender, receivers and content of each message.
    """

    port: int = 0
    password: str = ""
    unknown: set[str] = field(default_factory=set[str])
    leave: str = "221 bye"
    got: list[tuple[str, list[str], bytes]] = field(default_factory=list[tuple[str, list[str], bytes]])


class _Server(socketserver.ThreadingTCPServer):
    """The listening side of a mail server."""

    daemon_threads = True

    def __init__(self, held: MailServer) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.held = held


class _Session(socketserver.StreamRequestHandler):
    """One conversation: EHLO, AUTH PLAIN, MAIL, RCPT, DATA, QUIT."""

    def handle(self) -> None:
        self.sender, self.receivers = "", list[str]()
        verbs = {"EHLO": self._greet, "AUTH": self._authenticate, "MAIL": self._mail, "RCPT": self._receiver}
        verbs |= {"DATA": self._content}
        self._say("220 loopback")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                if self._held.leave:
                    self._say(self._held.leave)
                return
            verbs.get(verb.upper(), lambda _rest: self._say("250 ok"))(rest)

    @property
    def _held(self) -> MailServer:
        assert isinstance(self.server, _Server)
        return self.server.held

    def _greet(self, _rest: str) -> None:
        self._say("250-loopback")
        self._say("250 AUTH PLAIN")

    def _authenticate(self, rest: str) -> None:
        given = base64.b64decode(rest.partition(" ")[2]).decode()
        right = bool(self._held.password) and given.endswith(f"\0{self._held.password}")
        self._say("235 welcome" if right else f"535 not {given[1:]}")

    def _mail(self, rest: str) -> None:
        self.sender, self.receivers = _address(rest), []
        self._say("250 ok")

    def _receiver(self, rest: str) -> None:
        one = _address(rest)
        known = one not in self._held.unknown
        self.receivers += [one] if known else []
        self._say("250 ok" if known else "550 unknown")

    def _content(self, _rest: str) -> None:
        self._say("354 go on")
        lines = list[bytes]()
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        self._held.got.append((self.sender, self.receivers, b"".join(lines)))
        self._say("250 taken")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


@contextmanager
def mail_server() -> Generator[MailServer]:
    """Serve SMTP while the body runs."""
    held = MailServer()
    with _Server(held) as server:
        held.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield held
        finally:
            server.shutdown()
            thread.join()
