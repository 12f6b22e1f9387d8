import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import tenacity

from parity_pipeline.demo.__main__ import main
from parity_pipeline.demo.demo_settings import demo_command
from parity_pipeline_tests.fakes.ports import free_port


@contextmanager
def process(command: list[str], health_url: str) -> Generator[subprocess.Popen[bytes]]:
    """Run one process of the demo until it responds; end it afterwards."""
    with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
        try:
            for attempt in tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(httpx.TransportError),
                stop=tenacity.stop_after_delay(30),
                wait=tenacity.wait_fixed(0.05),
                reraise=True,
            ):
                with attempt:
                    assert child.poll() is None
                    httpx.get(health_url, trust_env=False).raise_for_status()
            yield child
        finally:
            child.terminate()


def test_a_fault_proxy_stands_in_front_of_a_real_gateway() -> None:
    """Both processes come up from their command lines, speak HTTP on loopback, and stop silently at SIGTERM."""
    behind, front = free_port(), free_port()
    options = ["--upstream", f"http://127.0.0.1:{behind}", "--fault", "drop-row", "--every"]
    with ExitStack() as stack:
        first = stack.enter_context(process(demo_command("candidate", behind), f"http://127.0.0.1:{behind}/health"))
        second = stack.enter_context(
            process(demo_command("fault", front, options=options), f"http://127.0.0.1:{front}/health")
        )
        body = {"texts": ["hello", "again"]}
        for port, rows in ((behind, 2), (front, 1)):
            response = httpx.post(f"http://127.0.0.1:{port}/v1/embed", json=body, trust_env=False)
            assert len(response.json()["vectors"]) == rows
        for child in (second, first):
            os.kill(child.pid, signal.SIGTERM)
            _, said = child.communicate(timeout=30)
            assert child.returncode in {0, -signal.SIGTERM}
            assert said == b""


def test_a_real_candidate_has_the_faults_of_its_command_line() -> None:
    """A candidate started with a fault of retrieval, and warm, responds with it."""
    port = free_port()
    options = ["--retrieval-fault", "dropped-corpus,off-by-one-k", "--seed", "3", "--warm-up"]
    with process(demo_command("candidate", port, options=options), f"http://127.0.0.1:{port}/health"):
        body = {"query_text": "welder", "corpora": ["contractors", "staff"], "k": 5}
        response = httpx.post(f"http://127.0.0.1:{port}/v1/matrix/retrieve", json=body, trust_env=False, timeout=30)
    assert [one["corpus"] for one in response.json()["results"]] == ["contractors"] * 4


def test_a_taken_port_ends_the_process_with_a_word() -> None:
    """A gateway that cannot listen exits with an error and says why."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = demo_command("legacy", taken.getsockname()[1])
        ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert b"address already in use" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "nonsense"], "unknown fault"),
        (["--fault", "wrong-model"], "--other-model"),
        (["--fault", "noise", "--dialect", "x"], "unknown dialect"),
    ],
)
def test_a_wrong_command_line_says_why(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault, option or dialect that does not exist ends with exit code 2 and a reason."""
    with pytest.raises(SystemExit) as ended:
        main(["fault", "--port", "1", "--upstream", "http://127.0.0.1:1", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_an_unknown_kind_is_refused() -> None:
    """Only the three processes of the demo have a command."""
    with pytest.raises(ValueError, match="not 'golang'"):
        demo_command("golang", 1)
