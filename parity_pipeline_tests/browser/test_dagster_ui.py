"""The real Dagster UI in a browser: from the list of runs to a failing date, its report, and its checks by partition."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.runs.instance import open_instance
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.system.project import free_ports

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 180
"""How long a page may take on a busy machine."""
PASSING_DAY: Final = "2026-04-30"
WORKSPACE: Final = """load_from:
  - python_module: {module_name: parity_pipeline.definitions, attribute: defs, location_name: parity_pipeline}
"""


class _Files(SimpleHTTPRequestHandler):
    """Serve a folder and say nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has there
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Generator[str]:
    """Serve a folder on loopback, as a web server or a repository would, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dagster_ui(folder: Path) -> Generator[str]:
    """Run Dagster's web server on a project, and yield its address once it responds."""
    (folder / "workspace.yaml").write_text(WORKSPACE, "utf-8")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    environ = {
        "DAGSTER_HOME": str(folder / ".dagster"),
        "PARITY_CONFIG": str(folder / "parity.yaml"),
        "PYTHONPATH": str(ROOT),
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(folder),
    }
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with (
        (folder / "ui.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _until_it_responds(process, address, folder / "ui.log")
            yield address
        finally:
            process.terminate()
            process.wait(SECONDS)


def _until_it_responds(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport, timeout=SECONDS) as client:
        while process.poll() is None:
            try:
                if client.get(f"{address}/server_info").is_success:
                    return
            except httpx.TransportError:
                # It is not listening yet: look again when a moment has passed, or at once when it has ended.
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
    pytest.fail(f"Dagster's web server ended:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def judge(project: Project) -> None:
    """Judge a passing date of both probes, and a failing one of embeddings, in the instance that the UI shows."""
    with open_instance(project.settings()) as project.instance:
        assert project.run(day=PASSING_DAY).success
        assert project.run(day=PASSING_DAY, model="staff", probe=RETRIEVE).success
        project.candidate = hash_gateway("go", noise=0.5)
        assert project.run(day=DAY).success
    verdicts = [read_verdict(project.settings().layout().verdict(day, MODEL)) for day in (PASSING_DAY, DAY)]
    assert [one.decision for one in verdicts] == [Decision.PASS, Decision.FAIL]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of a UI with a passing and a failing date of both probes, and the folder of the project."""
    folder = tmp_path_factory.mktemp("ui")
    project = searching_project(folder)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as variables:
        variables.delenv("DAGSTER_HOME", raising=False)  # make sets it; these runs belong to the project's own home
        reports = folder / "reports" / "cutover"
        reports.mkdir(parents=True)
        project.more = {**project.more, "links": {"reports": stack.enter_context(served(reports))}}
        (folder / "parity.yaml").write_text(json.dumps(project.content()), "utf-8")
        # A browser runs an event loop in this thread, in which a lane cannot run its own.
        with ThreadPoolExecutor(max_workers=1) as aside:
            aside.submit(judge, project).result()
        yield stack.enter_context(dagster_ui(folder)), folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page that waits long enough for a busy machine."""
    with browser.new_context(viewport={"width": 1600, "height": 1100}) as context:
        found = context.new_page()
        found.set_default_timeout(SECONDS * 1000)
        expect.set_options(timeout=SECONDS * 1000)
        yield found


def test_the_list_of_runs_says_date_model_and_verdict(ui: tuple[str, Path], page: Page) -> None:
    """A failing date is seen in the list, and found by its tag, although its run succeeded."""
    address, _ = ui
    page.goto(f"{address}/runs")
    expect(page.get_by_text(f"partition: {DAY}|{MODEL}")).to_be_visible()
    expect(page.get_by_text("parity/verdict: FAIL")).to_have_count(1)
    expect(page.get_by_text("parity/verdict: PASS")).to_have_count(2)
    page.goto(f"{address}/runs?q[0]=tag%3Aparity%2Fverdict%3DFAIL")
    expect(page.get_by_text("parity/verdict: FAIL")).to_have_count(1)
    expect(page.get_by_text("parity/verdict: PASS")).to_have_count(0)


def test_from_the_asset_to_the_report_and_the_checks(ui: tuple[str, Path], page: Page) -> None:
    """The page of a failing date opens with its verdict, links the report, and leads to the red date among the green."""
    address, folder = ui
    page.goto(f"{address}/assets/report?view=partitions&partition={DAY}%7C{MODEL}")
    expect(page.get_by_text("✘ FAIL", exact=True)).to_be_visible()
    expect(page.locator(".hljs-deletion", has_text=f"✘ FAIL · {DAY}, embed {MODEL}")).to_be_visible()
    expect(page.get_by_role("cell", name="forklift operator", exact=True)).to_be_visible()
    name = f"embed_parity_{DAY.replace('-', '')}_{MODEL}.md"
    with page.expect_popup() as opened:
        page.get_by_role("link", name=name).first.click()
    assert opened.value.url.endswith(f"/{name}")
    assert (folder / "reports" / "cutover" / name).exists()
    page.get_by_role("link", name="verdict_is_pass").click()
    page.locator("button#partitions").click()
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text("Passed (1)")).to_be_visible()


def test_plots_have_one_series_per_model(ui: tuple[str, Path], page: Page) -> None:
    """Each chart is of one model and quantity; no chart mixes models."""
    address, _ = ui
    page.goto(f"{address}/assets/verdict?view=overview")
    page.get_by_role("button", name="Plots").click()
    # By partition the UI shows the newest ones alone, and these dates are long past.
    page.get_by_role("button", name="Events").click()
    expect(page.get_by_text(f"{MODEL}: log10(1 - worst cosine)", exact=True)).to_be_visible()
    charts = page.locator("canvas").count()
    assert charts >= 4
    expect(page.get_by_text(re.compile(rf"^{MODEL}: "))).to_have_count(charts)


def test_a_page_of_retrieval_opens_in_the_same_way(ui: tuple[str, Path], page: Page) -> None:
    """A passing date is green, and its queries are shown by their texts."""
    address, _ = ui
    page.goto(f"{address}/assets/retrieve/verdict?view=partitions&partition=staff%7C{PASSING_DAY}")
    expect(page.get_by_text("✔ PASS", exact=True)).to_be_visible()
    expect(page.locator(".hljs-addition", has_text=f"{PASSING_DAY}, retrieve staff")).to_be_visible()
    expect(page.get_by_role("cell", name="query number 1", exact=True)).to_be_visible()
