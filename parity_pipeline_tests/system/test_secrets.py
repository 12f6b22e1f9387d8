"""A planted token is in nothing that a run leaves behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parity_pipeline.cli.console import Detail, print_results, results_json
from parity_pipeline.cli.doctor import run_checks
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.definitions import build_definitions
from parity_pipeline.runs.instance import open_instance
from parity_pipeline.runs.runner import run_partitions
from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import Settings
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve

TOKEN = "planted-bearer-7c1e9a"  # noqa: S105 - what the tests look for
KEY = "planted-header-55d0f2"
PLANTED = tuple(secret.encode(code) for secret in (TOKEN, KEY) for code in ("utf-8", "utf-16-le"))
DAY, MODEL = "2026-05-01", "fake-32"


def telltale(app: ASGIApp, seen: list[str]) -> ASGIApp:
    """Return an application that repeats its caller's credentials in headers and in the body of every error."""

    async def leaking(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        credentials = f"{headers.get('authorization', '')} {headers.get('x-api-key', '')}"
        seen.append(credentials)
        failed = False

        async def leak(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                failed = message["status"] >= 400
                kept = [one for one in message["headers"] if not (failed and one[0] == b"content-length")]
                message["headers"] = [*kept, (b"server", credentials.encode()), (b"via", credentials.encode())]
            elif failed:
                message["body"] = b'{"error": "not for ' + credentials.encode() + b'"}'
            await send(message)

        await app(scope, receive, leak)

    return leaking


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Settings, list[str]]]:
    """Yield settings with planted credentials against gateways that repeat them, and what those received."""
    seen: list[str] = []
    refusing = hash_gateway("rust", refused=("refuse me",))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("PLANTED_TOKEN", TOKEN)
    (tmp_path / "seed.txt").write_text("hello\nrefuse me\nworld\n", "utf-8")
    with serve(telltale(refusing.app, seen)) as old, serve(telltale(hash_gateway("go").app, seen)) as new:
        side = {"bearer_env": "PLANTED_TOKEN", "headers": {"x-api-key": KEY}, "attempts": 1}
        content = {
            "first_date": "2026-04-30",
            "models": [MODEL, "unknown-model"],
            "samples": [{"path": "seed.txt"}],
            "hazards": False,
            "sides": {
                "legacy": {**side, "label": "Old", "base_url": old, "dialect": "rust"},
                "candidate": {**side, "label": "New", "base_url": new, "dialect": "go"},
            },
        }
        text = yaml.safe_dump(content).replace(KEY, "KEY_GOES_HERE")
        (tmp_path / "parity.yaml").write_text(text, "utf-8")
        loaded = load(tmp_path / "parity.yaml", {"PARITY__SIDES__LEGACY__HEADERS": f"{{x-api-key: {KEY}}}",
                                                 "PARITY__SIDES__CANDIDATE__HEADERS": f"{{x-api-key: {KEY}}}"})  # fmt: skip
        yield loaded, seen


def leaks(folder: Path) -> list[str]:
    """Return the files below a folder that hold a planted secret in any form looked for."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in PLANTED)]


def test_nothing_that_a_run_leaves_behind_holds_a_secret(
    settings: tuple[Settings, list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    """Parquet, verdicts, ledger, reports, Dagster's database and logs, console and captured logs: no token in any."""
    known, seen = settings
    with open_instance(known) as instance:
        pairs = [(DAY, MODEL), (DAY, "unknown-model")]
        results = list(run_partitions(known, build_definitions(known), instance, pairs))
    assert f"Bearer {TOKEN} {KEY}" in seen
    assert isinstance(results[0].verdict, Verdict)
    assert results[0].verdict.counts.outcomes[Outcome.REFUSED_BY_LEGACY] == 1
    assert results[1].failures
    console = Console(width=200)
    print_results(console, results, Detail.ALL)
    console.print(results_json(results, known.layout(), 1))
    console.print([str(one) for one in run_checks(known, {"PLANTED_TOKEN": TOKEN}, DAY)])
    console.print(repr(known), repr(known.side_config(Side.LEGACY, {"PLANTED_TOKEN": TOKEN})))
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "not for" in printed
    assert [line for line in printed.splitlines() if TOKEN in line or KEY in line] == []
    assert leaks(tmp_path) == []
