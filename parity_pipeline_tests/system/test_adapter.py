"""`parity adapter serve` as a process of its own, between fake gateways on loopback."""

import json
import signal
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parity_pipeline_tests.adapter.support import metric
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import LIMIT_SECONDS, Project, side

BODY = b'{"texts": ["one", "two"], "model": "fake-32"}'


@contextmanager
def serving(
    folder: Path, legacy: str, candidate: str, *arguments: str, section: dict[str, Any] | None = None, **variables: str
) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Run the adapter between two addresses until the block ends, and yield its own."""
    port = free_port()
    more = {"adapter": {"port": port, **(section or {})}, "allow_same_origin": True}
    project = Project(folder, side(legacy, "rust"), side(candidate, "go"), more=more)
    with project.start("adapter", "serve", *arguments, **variables) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_healthy(url, process)
            yield url, process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(LIMIT_SECONDS)


def wait_until_healthy(url: str, process: subprocess.Popen[str]) -> None:
    """Return when the adapter serves: its log says that it has started, and shortly after that it listens."""
    assert process.stderr is not None
    line = next((line for line in process.stderr if '"started"' in line), "")
    with httpx.Client(timeout=60) as client:
        while line and process.poll() is None:
            with suppress(httpx.TransportError):
                if client.get(f"{url}/health").status_code == 200:
                    return
    raise AssertionError("the adapter did not start")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_command_serves_by_the_settings(tmp_path: Path, workers: int) -> None:
    """One process or several respond alike, their metrics are summed, and SIGTERM ends them with exit code 0."""
    candidate = hash_gateway("go")
    with (
        serve(hash_gateway("rust").app) as legacy,
        serve(candidate.app) as there,
        serving(tmp_path, legacy, there, "--workers", str(workers)) as (url, process),
    ):
        for _ in range(12):  # a connection each, so that several workers get some
            response = httpx.post(f"{url}/ai/embed", content=BODY, timeout=60)
            assert response.status_code == 200
            assert set(response.json()) == {"embeddings", "model", "dimensions"}
        text = httpx.get(f"{url}/metrics", timeout=60).text
        assert metric(text, "parity_adapter_requests_total", status="200", kind="ok") == 12
        process.terminate()
        _, logged = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == 0
    lines = [json.loads(line) for line in logged.splitlines()]
    assert sum(line["event"] == "request" for line in lines) == 12
    assert "Traceback" not in logged
    assert "one" not in logged.replace("none", "")


def test_a_request_in_flight_gets_its_response_after_sigterm(tmp_path: Path) -> None:
    """Stopping the adapter loses no request."""
    sent, go = Event(), Event()

    def respond(_: Request) -> Response:
        sent.set()
        go.wait(LIMIT_SECONDS)
        return JSONResponse({"vectors": [[1.0], [2.0]], "model": "fake-32"})

    app = Starlette(routes=[Route("/v1/embed", respond, methods=["POST"])])
    with serve(app) as there, serving(tmp_path, there, there) as (url, process), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(httpx.post, f"{url}/ai/embed", content=BODY, timeout=LIMIT_SECONDS)
        assert sent.wait(LIMIT_SECONDS)
        process.send_signal(signal.SIGTERM)
        go.set()
        assert waiting.result().json()["embeddings"] == [[1.0], [2.0]]
        assert process.wait(LIMIT_SECONDS) == 0


def test_a_gateway_that_is_gone_is_an_error_in_the_callers_shape(tmp_path: Path) -> None:
    """A candidate that does not listen any more is a 502 at once, and the adapter goes on."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    with serve(hash_gateway("rust").app) as legacy, serving(tmp_path, legacy, nowhere) as (url, _):
        for _ in range(2):
            response = httpx.post(f"{url}/ai/embed", content=BODY, timeout=60)
            assert (response.status_code, set(response.json())) == (502, {"error"})


def test_options_go_before_settings_and_the_way_back_is_one_of_them(tmp_path: Path) -> None:
    """`--mode` and `--callers` turn the adapter round without a change of the settings."""
    with (
        serve(hash_gateway("rust").app) as legacy,
        serve(hash_gateway("go").app) as candidate,
        serving(tmp_path, legacy, candidate, "--callers", "candidate", "--mode", "legacy") as (url, _),
    ):
        assert httpx.get(f"{url}/health", timeout=60).json()["mode"] == "legacy"
        response = httpx.post(f"{url}/v1/embed", content=BODY, timeout=60)
        assert set(response.json()) == {"vectors", "model", "dimension"}


def test_the_mapping_is_written_as_a_page(tmp_path: Path) -> None:
    """`parity adapter export` writes what is mapped to what, with no address's credentials in it."""
    project = Project(tmp_path, side("http://127.0.0.1:1", "openai"), side("http://127.0.0.1:2", "tei"))
    page = tmp_path / "mapping.md"
    assert project.parity("adapter", "export", "--page", str(page)).code == 0
    text = page.read_text("utf-8")
    assert "# From `openai` to `tei`" in text
    assert (
        "| texts | `input`, an array of strings, or one string | `inputs`, an array of strings, or one string |" in text
    )
    assert '`encoding_format`: `"base64"`' in text
    assert text == project.parity("adapter", "export").out


def test_an_unknown_mode_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """A mode that does not exist ends the command before it listens."""
    project = Project(tmp_path, side("http://127.0.0.1:1", "rust"), side("http://127.0.0.1:2", "go"))
    done = project.parity("adapter", "serve", "--mode", "both")
    assert done.code == 2
    assert "--mode: there is no mode 'both'. Use one of legacy, candidate, shadow, share." in done.printed
