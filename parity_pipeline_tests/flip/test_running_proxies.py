"""The files of each proxy, checked and run by the real program in front of two sides; skipped where the program is missing."""

import hashlib
import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Path_

from parity_pipeline.core.flip_steps import FlipStep
from parity_pipeline.flip.proxies.table import PROXIES, WRITTEN_FOR
from parity_pipeline.flip.routing import Route, target
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.flip.test_routing import MAIN, ROUTES, made

CHECKS: Final = {
    "haproxy": ["-c", "-f"],
    "caddy": ["validate", "--adapter", "caddyfile", "--config"],
    "envoy": ["--mode", "validate", "-l", "error", "-c"],
    "node": ["--check"],
}
RUNS: Final = {
    "nginx": ["-g", "daemon off;", "-c"],
    "haproxy": ["-db", "-f"],
    "caddy": ["run", "--adapter", "caddyfile", "--config"],
    "envoy": ["--use-dynamic-base-id", "--concurrency", "1", "-l", "error", "-c"],
    "node": [],
    "bun": [],
}
LARGEST: Final = 4 * 1024 * 1024
JAVASCRIPT: Final = ("node", "bun")
ALL_ROUTES: Final = {
    **ROUTES,
    "every address": made(listen="0.0.0.0:8099"),
    "every IPv6 address": made(listen="[::]:8099"),
    "localhost": made(listen="localhost:8099"),
    "rare characters": made("http://127.0.0.1:1/a~b:c", "http://127.0.0.1:2/x!y,z", "/v1/e:m,@x=1!+~y"),
}


def needed(name: str) -> str:
    """Return where a program is; skip the test where it is not."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("route", ALL_ROUTES)
@pytest.mark.parametrize("name", CHECKS)
def test_the_program_accepts_every_step(tmp_path: Path, name: str, route: str) -> None:
    """Each program finds nothing wrong with its files: with TLS, prefixes, IPv6, localhost and rare characters."""
    program = needed(name)
    for step in WRITTEN_FOR:
        # Some programs look up the names of servers, and a test has no network.
        text = PROXIES[name].file(ALL_ROUTES[route], step).replace("old.example.com", "127.0.0.1")
        file = tmp_path / Path(PROXIES[name].file_name(step)).name
        file.write_text(text, "utf-8")
        done = subprocess.run(
            [program, *CHECKS[name], file], check=False, capture_output=True, text=True, env=env(tmp_path)
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "warn" not in said.lower().replace("caddyfile input is not formatted", ""), said


def env(folder: Path) -> dict[str, str]:
    """Return an environment in which programs keep their state in a folder."""
    return {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}


@pytest.mark.parametrize("name", JAVASCRIPT)
def test_a_server_that_is_stopped_ends_what_is_in_flight(tmp_path: Path, name: str) -> None:
    """SIGTERM lets the request that is under way have its response."""
    arrived, released = threading.Event(), threading.Event()

    def slow(_: Request) -> Response:
        arrived.set()
        assert released.wait(60)
        return JSONResponse({})

    with serve(Starlette(routes=[Path_("/ai/embed", slow, methods=["POST"])])) as legacy:
        route = made(legacy, listen=f"127.0.0.1:{free_port()}")
        with started(name, route, FlipStep.ROLL_BACK, tmp_path) as process:
            found: list[int] = []
            url = f"http://127.0.0.1:{route.listen_port}/ai/embed"
            thread = threading.Thread(
                target=lambda: found.append(httpx.post(url, content=b"{}", timeout=60).status_code)
            )
            thread.start()
            assert arrived.wait(60)
            process.terminate()
            while is_listening(route.listen_port):
                pass
            released.set()
            thread.join()
        assert found == [200]


@contextmanager
def running(name: str, route: Route, step: FlipStep, folder: Path) -> Generator[httpx.Client]:
    """Run the file of a step by its program, and yield a client that opens a connection per request."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with (
        started(name, route, step, folder) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{route.listen_port}", timeout=60, limits=limits) as client,
    ):
        yield client
        assert process.poll() is None, (folder / "log").read_text()


@contextmanager
def started(name: str, route: Route, step: FlipStep, folder: Path) -> Generator["subprocess.Popen[bytes]"]:
    """Run the file of a step by its program, and yield the process when it listens."""
    program, row = needed(name), PROXIES["node" if name == "bun" else name]
    file = folder / f"{name}-{step}{row.suffix}"
    # Caddy would take a fixed port for its own interface.
    file.write_text(("{\n\tadmin off\n}\n" if name == "caddy" else "") + row.file(route, step), "utf-8")
    if name == "nginx":
        file, included = folder / "nginx.conf", file
        file.write_text(MAIN.format(folder=folder, file=included), "utf-8")
    log = folder / "log"
    with (
        log.open("wb") as stream,
        subprocess.Popen([program, *RUNS[name], file], stdout=stream, stderr=stream, env=env(folder)) as process,
    ):
        try:
            while not is_listening(route.listen_port):
                assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    """Return whether something accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def side(name: str, seen: list[str]) -> Starlette:
    """Return a gateway that says who it is, and what it got."""

    async def respond(request: Request) -> Response:
        body, path = await request.body(), request.scope["raw_path"].decode()
        seen.append(path)
        found = {
            "side": name,
            "target": f"{path}?{request.url.query}",
            "sha256": hashlib.sha256(body).hexdigest(),
            "headers": dict(request.headers),
        }
        response = JSONResponse(found, status_code=int(request.query_params.get("status", "200")))
        response.raw_headers.extend([(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
        return response

    return Starlette(routes=[Path_("/{rest:path}", respond, methods=["GET", "POST"])])


@contextmanager
def sides() -> Generator[tuple[Route, dict[str, list[str]]]]:
    """Serve legacy, candidate and adapter; yield the route through them and the paths that each got."""
    seen: dict[str, list[str]] = {"legacy": [], "candidate": [], "adapter": []}
    with (
        serve(side("legacy", seen["legacy"])) as legacy,
        serve(side("candidate", seen["candidate"])) as candidate,
        serve(side("adapter", seen["adapter"])) as adapter,
    ):
        route = made(f"{legacy}/old", f"{candidate}/new", listen=f"127.0.0.1:{free_port()}", max_body_bytes=LARGEST)
        at = target("adapter", adapter, route.path)
        yield replace(route, shadow=at, share=dict.fromkeys(route.share, at)), seen


def embed(client: httpx.Client, content: bytes | Iterator[bytes], query: str = "", **headers: str) -> Any:
    """Return what the side said that got this body."""
    response = client.post(f"/ai/embed{query}", content=content, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("name", RUNS)
def test_a_share_goes_to_the_candidate_and_everything_arrives_as_it_was_sent(tmp_path: Path, name: str) -> None:
    """Share, path, query, headers, large bodies, any Host, odd model names, and other requests at the legacy."""
    with sides() as (route, seen), running(name, route, FlipStep.SHARE_50, tmp_path) as client:
        texts = [json.dumps({"texts": [f"text {number}"]}).encode() for number in range(200)]
        went = [embed(client, text)["side"] for text in texts]
        assert [embed(client, text)["side"] for text in texts[:20]] == went[:20]
        if PROXIES["node" if name == "bun" else name].hashes_bodies:
            assert set(went) == {"legacy", "candidate"}
            assert 60 < went.count("candidate") < 140
        else:
            assert set(went) == {"adapter"}
        for model in ('a"b', "a'b c", "org/a:b\\c", "a.*|(b)$^[x]", "modèle-日本", "x\n}; return 200;", "${a}%s{}"):
            body = json.dumps({"model": model, "texts": ["x"]}, ensure_ascii=False).encode()
            assert embed(client, body)["sha256"] == hashlib.sha256(body).hexdigest()
        large = b'"' + b"x" * (LARGEST - 1000) + b'"'
        headers = {"Host": "embed.example.com", "Authorization": "Bearer k", "api_key": "1", "Expect": "100-continue"}
        got = embed(client, large, "?a=b%20c", **headers)
        assert got["sha256"] == hashlib.sha256(large).hexdigest()
        assert (
            got["target"] == {"legacy": "/old", "candidate": "/new", "adapter": ""}[got["side"]] + "/ai/embed?a=b%20c"
        )
        assert (got["headers"]["authorization"], got["headers"]["api_key"]) == ("Bearer k", "1")
        assert {embed(client, part(large))["side"] for _ in range(3)} == {got["side"]}
        other = client.get("/models/org%2Fa%20b?x=%2F", headers={"Host": "embed.example.com"})
        assert (other.json()["side"], other.json()["target"]) == ("legacy", "/old/models/org%2Fa%20b?x=%2F")
        assert other.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert client.post("/ai/embed?status=422", content=b"{}").status_code == 422
        before = [len(paths) for paths in seen.values()]
        for body in (b"x" * (LARGEST + 1000), part(b"x" * (LARGEST + 200_000))):
            # Caddy 2.6 says 502 if the head names the length.
            assert client.post("/ai/embed", content=body).status_code in ({413, 502} if name == "caddy" else {413})
        if name != "caddy":  # which passes on what fits, and then breaks off
            assert [len(paths) for paths in seen.values()] == before


def part(body: bytes) -> Iterator[bytes]:
    """Yield a body in parts, so that its head names no length."""
    yield body[:1000]
    yield body[1000:]


@pytest.mark.parametrize("name", RUNS)
def test_each_other_step_sends_everything_one_way(tmp_path: Path, name: str) -> None:
    """The way back, the flip and the shadow: whose path is that of the adapter, whatever the prefix of the legacy is."""
    with sides() as (route, seen):
        with running(name, route, FlipStep.ROLL_BACK, tmp_path) as client:
            assert {embed(client, b"%d" % number)["target"] for number in range(30)} == {"/old/ai/embed?"}
        with running(name, route, FlipStep.FLIP, tmp_path) as client:
            assert {embed(client, b"%d" % number)["target"] for number in range(30)} == {"/new/ai/embed?"}
            assert client.get("/health").json()["target"] == "/old/health?"
        assert seen["adapter"] == []
        with running(name, route, FlipStep.SHADOW, tmp_path) as client:
            says = embed(client, b"{}")["side"]
            copied = name in {"nginx", *JAVASCRIPT}
            assert says == ("legacy" if copied else "adapter")
            while copied and not seen["adapter"]:  # a copy is sent beside the response
                embed(client, b"{}")
        assert set(seen["adapter"]) == {"/ai/embed"}


def test_envoy_sends_copies_where_legacy_and_adapter_have_one_path(tmp_path: Path) -> None:
    """Without a prefix of the legacy, the legacy responds and the adapter gets a copy."""
    with sides() as (route, seen):
        plain = replace(route, legacy=replace(route.legacy, path=route.path, base=""))
        with running("envoy", plain, FlipStep.SHADOW, tmp_path) as client:
            while not seen["adapter"]:
                assert embed(client, b"{}")["side"] == "legacy"
        assert set(seen["adapter"]) == {"/ai/embed"}


class Breaking(socketserver.StreamRequestHandler):
    """Responds once to a connection, and closes it when another request comes; `/ai/embed?cut` gets half a response."""

    def handle(self) -> None:
        """Serve one connection."""
        for served in (False, True):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (line := self.rfile.readline()):
                    return
                head += line
            if head.startswith(b"POST"):
                self.rfile.read(2)
            if b"cut" in head:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc")
                return
            if not served:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


@contextmanager
def breaking(route: Route) -> Generator[Route]:
    """Serve a candidate whose connections break."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Breaking) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield replace(
                route, candidate=target("candidate", f"http://127.0.0.1:{server.server_address[1]}", "/ai/embed")
            )
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", [name for name in RUNS if name != "caddy"])
def test_a_request_whose_connection_broke_is_sent_once_more(tmp_path: Path, name: str) -> None:
    """A candidate that closes an idle connection, as each does that restarts, fails no request; Caddy does not retry."""
    with sides() as (route, _), breaking(route) as to, running(name, to, FlipStep.FLIP, tmp_path) as client:
        assert {client.post("/ai/embed", content=b"{}").status_code for _ in range(6)} == {200}


@pytest.mark.parametrize("name", RUNS)
def test_a_side_that_is_down_fails_its_own_requests_only(tmp_path: Path, name: str) -> None:
    """Without a candidate, callers see 502 or 503 after the flip, and the legacy still gets the other requests."""
    with sides() as (route, _):
        down = replace(route, candidate=target("candidate", f"http://127.0.0.1:{free_port()}", "/ai/embed"))
        with running(name, down, FlipStep.FLIP, tmp_path) as client:
            assert client.post("/ai/embed", content=b"{}").status_code in {502, 503}
            assert client.get("/health").json()["side"] == "legacy"


@pytest.mark.parametrize("name", RUNS)
def test_no_request_and_no_response_ends_the_proxy(tmp_path: Path, name: str) -> None:
    """A method or target that no gateway takes, and a response that breaks off, fail alone."""
    with sides() as (route, _), breaking(route) as to, running(name, to, FlipStep.FLIP, tmp_path) as client:
        for head in (b"TRACE /ai/embed", b"OPTIONS *", b"GET //[", b"GET http://[/", b"PO\x01ST /"):
            with socket.create_connection(("127.0.0.1", route.listen_port), timeout=60) as raw:
                raw.sendall(head + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                raw.recv(65_536)
        try:
            response = client.post("/ai/embed?cut", content=b"{}")
        except httpx.TransportError:
            pass  # how most proxies pass on that it broke off
        else:
            assert response.status_code == 502
        assert client.get("/health").json()["side"] == "legacy"
