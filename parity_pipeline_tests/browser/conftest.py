"""One browser for the tests of this folder, and pages opened in it as a person opens a report that was sent on.

It is closed after the last test of the folder: it runs an event loop in this thread, where other tests run their own.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from parity_pipeline_tests.browser.pages import write_pages

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

Open = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return a browser of this machine; without one these tests are skipped, and the reason says how to get one."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install the package `chromium` to run the tests of the pages")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=switches)
        yield started
        started.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every page that the tests look at."""
    made = tmp_path_factory.mktemp("reports") / "html"
    made.mkdir()
    write_pages(made)
    return made


@pytest.fixture
def open_page(browser: Browser, folder: Path) -> Iterator[Open]:
    """Return what opens a page of the folder by name; whatever it logs or raises fails the test."""
    contexts = []
    faults: list[str] = []

    def opened(name: str, *, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("request", lambda request: None if request.url.startswith("file:") else faults.append(request.url))
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
