"""httpx's transport seam over plain connections: HTTP/1.1 by h11, a body of known length straight into its buffer.

Here belong what is said over a connection, and which connections are used again. Heads, framing and bodies in chunks
are h11's, which is strict about them; only the bytes of a body whose length its head states go round it (docs/adr/0009).
TLS and proxies keep httpx's own transport.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import h11
import httpx

from parity_pipeline.wire.sockets import Connection, connect

_READ_BYTES: Final = 64 * 1024
_MOST_HEAD: Final = 100 * 1024
"""Bytes of a head, or of the line before a chunk, beyond which an answer is refused."""

_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is trusted; what stands between may have forgotten it without a word. As in httpx."""

Times = Mapping[str, float | None]


class PlainTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 without TLS and without a proxy. An answer has to be closed before its connection is used again."""

    def __init__(self, connections: int) -> None:
        """Keep at most so many connections."""
        self._room = asyncio.Semaphore(connections)
        self._idle: dict[tuple[str, int], list[tuple[Connection, float]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer's head; its body comes as it is read.

        Raises:
            httpx.TransportError: No answer came.
        """
        times: Times = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(times.get("pool")):
                await self._room.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("no connection became free") from error
        exchange = _Exchange(self, (request.url.raw_host.decode("ascii"), request.url.port or 80), times)
        try:
            return await exchange.begin(request)
        except BaseException:
            await exchange.aclose()
            raise

    async def connection(self, origin: tuple[str, int], seconds: float | None) -> Connection:
        """Return a connection to an origin, one that is idle where there is one.

        Raises:
            httpx.TransportError: None can be opened.
        """
        idle = self._idle.get(origin, [])
        while idle:
            known, since = idle.pop()
            if asyncio.get_running_loop().time() - since < _IDLE_SECONDS and known.is_quiet():
                return known
            known.close()
        return await connect(*origin, seconds)

    def give_back(self, origin: tuple[str, int], connection: Connection | None, *, usable: bool) -> None:
        """Take back a connection, and the room that its exchange had."""
        if connection is not None and usable:
            now = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, []).append((connection, now))
        elif connection is not None:
            connection.close()
        self._room.release()

    async def aclose(self) -> None:
        """Close all idle connections."""
        for idle in self._idle.values():
            for connection, _ in idle:
                connection.close()
        self._idle.clear()


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer, which is also the stream of the answer's body."""

    def __init__(self, transport: PlainTransport, origin: tuple[str, int], times: Times) -> None:
        self._transport = transport
        self._origin = origin
        self._times = times
        self._connection: Connection | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD)
        self._body: AsyncGenerator[bytes | bytearray] | None = None
        self._usable = False
        self._closed = False

    async def begin(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read the answer's head."""
        self._connection = await self._transport.connection(self._origin, self._times.get("connect"))
        with _as_httpx():
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            parts = [self._http.send(head), self._http.send(h11.Data(data=request.content))]
            parts.append(self._http.send(h11.EndOfMessage()))
        await self._connection.write(b"".join(part for part in parts if part), self._times.get("write"))
        answer = await self._event()
        while isinstance(answer, h11.InformationalResponse):
            answer = await self._event()
        if not isinstance(answer, h11.Response):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        length = _length(answer)
        self._body = self._by_h11() if length is None else self._whole(length, keep=_keeps(answer))
        return httpx.Response(answer.status_code, headers=answer.headers.raw_items(), stream=self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the chunks of the body."""
        if self._body is None:
            raise RuntimeError("this answer has no head yet")
        return cast("AsyncIterator[bytes]", self._body)  # a bytearray is read like bytes

    async def aclose(self) -> None:
        """Give the connection back; once more does no harm."""
        if not self._closed:
            self._closed = True
            self._transport.give_back(self._origin, self._connection, usable=self._usable)

    async def _whole(self, length: int, *, keep: bool) -> AsyncGenerator[bytes | bytearray]:
        """Yield a body of a stated length in one piece. The buffer takes memory as it fills, not before."""
        connection = self._open()
        early, _ = self._http.trailing_data
        buffer = bytearray(length)
        filled = min(len(early), length)
        with memoryview(buffer) as view:
            view[:filled] = early[:filled]
            while filled < length:
                count = await connection.read_into(view[filled:], self._times.get("read"))
                if not count:
                    raise httpx.RemoteProtocolError(
                        f"peer closed connection without sending complete message body (received {filled} bytes, "
                        f"expected {length})"
                    )
                filled += count
        self._usable = keep and len(early) <= length
        if length:
            yield buffer

    async def _by_h11(self) -> AsyncGenerator[bytes | bytearray]:
        """Yield a body in the chunks in which it comes."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        self._usable = done and not self._http.trailing_data[0]

    async def _event(self) -> Any:
        connection = self._open()
        with _as_httpx():
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await connection.read(_READ_BYTES, self._times.get("read"))
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
                self._http.receive_data(data)
        return event

    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this exchange has no connection yet")
        return self._connection


def _length(answer: h11.Response) -> int | None:
    """Return the length of a body that h11 would read by its `content-length`; None where it frames it otherwise.

    h11 has refused lengths that are no number, and those that differ.
    """
    named = dict(answer.headers)
    if answer.status_code in (204, 304) or b"transfer-encoding" in named or b"content-length" not in named:
        return None
    return int(named[b"content-length"])


def _keeps(answer: h11.Response) -> bool:
    """Return whether the server will take another request on the connection."""
    said = (value.lower() for name, value in answer.headers if name == b"connection")
    return answer.http_version == b"1.1" and not any(b"close" in value for value in said)


@contextmanager
def _as_httpx() -> Generator[None]:
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
