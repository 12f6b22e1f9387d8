"""The adapter stops and its workers restart while callers go on sending: whoever was being served gets a response."""

import json
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

import httpx
import orjson
import psutil
import pytest

from parity_pipeline_tests.fakes.gateways import hash_gateway, hash_vector
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import LIMIT_SECONDS
from parity_pipeline_tests.system.test_adapter import serving

CALLERS = 6
TEXTS = 8
MODEL = "fake-32"


@dataclass
class Load:
    """Callers that each send one request after another over a connection that they keep, until they have to stop.

    Attributes:
        url: The adapter.
        right: Responses with exactly the vectors of their texts.
        wrong: What else came back.
        lost: Requests whose connection ended without a byte of a response.
    """

    url: str
    right: int = 0
    wrong: list[str] = field(default_factory=list[str])
    lost: int = 0
    _lock: Lock = field(default_factory=Lock)
    _reached: dict[int, Event] = field(default_factory=dict[int, Event])

    def call(self, number: int, until: Callable[[], bool]) -> None:
        """Be one caller; a connection that ends is opened again."""
        while not until():
            with httpx.Client(timeout=LIMIT_SECONDS) as client:
                try:
                    while not until():
                        self._once(client, f"{number}-{self.right}")
                except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                    with self._lock:
                        self.lost += not isinstance(error, httpx.ConnectError)

    def _once(self, client: httpx.Client, name: str) -> None:
        texts = [f"{name} {place}" for place in range(TEXTS)]
        response = client.post(f"{self.url}/ai/embed", json={"texts": texts, "model": MODEL})
        got = response.json().get("embeddings", []) if response.status_code == 200 else []
        right = [[float(value) for value in hash_vector(text, MODEL, 32)] for text in texts] == [
            [float(orjson.loads(str(value))) for value in row] for row in got
        ]
        with self._lock:
            self.right += right
            if not right:
                self.wrong.append(f"{response.status_code}: {response.text[:200]}")
            for count, event in self._reached.items():
                if self.right >= count:
                    event.set()

    def wait_for(self, count: int) -> None:
        """Return when so many requests have their response."""
        with self._lock:
            event = self._reached.setdefault(count, Event())
            if self.right >= count:
                event.set()
        assert event.wait(LIMIT_SECONDS), (self.right, self.wrong[:3])


def logged(output: Future[tuple[str, str]]) -> tuple[int, str]:
    """Return how many requests the log of an adapter that ends has with status 200, and the log."""
    _, text = output.result(LIMIT_SECONDS)
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return sum(line["event"] == "request" and line["status"] == 200 for line in lines), text


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_loses_no_request_that_was_begun(tmp_path: Path, workers: int) -> None:
    """Every request that the adapter has read gets its whole response: as many are logged as arrived, and the exit is 0."""
    candidate = hash_gateway("go", float64_digits=True)
    with (
        serve(hash_gateway("rust").app) as legacy,
        serve(candidate.app) as there,
        serving(tmp_path, legacy, there, "--workers", str(workers)) as (url, process),
        ThreadPoolExecutor(CALLERS + 1) as threads,
    ):
        load, ended = Load(url), Event()
        output = threads.submit(process.communicate)  # read at once: the adapter waits when nobody reads its log
        running = [threads.submit(load.call, number, ended.is_set) for number in range(CALLERS)]
        try:
            load.wait_for(300)
            process.send_signal(signal.SIGTERM)
            served, text = logged(output)
        finally:
            ended.set()
        for one in running:
            one.result()
    assert process.returncode == 0
    assert load.wrong == []
    assert served == load.right >= 300
    # None of these was begun: per worker a kept connection that closed just then, and one that was never accepted.
    assert load.lost <= CALLERS * (workers + 1)
    assert "Traceback" not in text


def test_workers_are_restarted_one_after_another_under_load(tmp_path: Path) -> None:
    """SIGHUP replaces every worker while callers go on: no error response, no wrong vector, all workers are new."""
    with (
        serve(hash_gateway("rust").app) as legacy,
        serve(hash_gateway("go", float64_digits=True).app) as there,
        serving(tmp_path, legacy, there, "--workers", "2") as (url, process),
        ThreadPoolExecutor(CALLERS + 1) as threads,
    ):
        before = worker_pids(process)
        load, ended = Load(url), Event()
        output = threads.submit(process.communicate)  # read at once: the adapter waits when nobody reads its log
        running = [threads.submit(load.call, number, ended.is_set) for number in range(CALLERS)]
        try:
            load.wait_for(100)
            process.send_signal(signal.SIGHUP)
            count = load.right
            while before & worker_pids(process) or len(worker_pids(process)) < 2:
                count += 20
                load.wait_for(count)
            load.wait_for(count + 100)
        finally:
            ended.set()
        for one in running:
            one.result()
        process.terminate()
        served, text = logged(output)
    assert process.returncode == 0
    assert load.wrong == []
    assert served == load.right
    assert load.lost <= 3 * CALLERS
    assert "Traceback" not in text


def worker_pids(process: subprocess.Popen[str]) -> set[int]:
    """Return the processes that serve."""
    found: set[int] = set()
    for child in psutil.Process(process.pid).children():
        try:
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child.pid)
        except psutil.Error:
            continue
    return found
