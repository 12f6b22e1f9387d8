"""What every document keeps to: lines that fit a screen, and links that lead somewhere."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline_tests.architecture.test_vocabulary import name_of, rooms, superseded

ROOT: Final = Path(__file__).parents[2]
LONGEST: Final = 120
LONG_LINES: Final = {
    "parity_pipeline_tests/golden/*": "reports: a paragraph is one line there, and tables hold samples",
}
DOCUMENTS: Final = [path for paths in rooms().values() for path in paths if path.suffix == ".md"]


def excepted(path: Path) -> bool:
    """Say whether a document may have long lines."""
    return superseded(path) or any(fnmatch(name_of(path), pattern) for pattern in LONG_LINES)


def without_fences(path: Path) -> str:
    """Return the text of a document without its fenced code."""
    return re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))


def links(path: Path) -> Iterator[tuple[str, str]]:
    """Yield file and heading of each relative link of a document; the file is "" for a link within the document."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(path)):
        if "://" not in target:
            file, _, heading = target.partition("#")
            yield file, heading


def headings(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    lines = without_fences(path).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if not excepted(path)], ids=name_of)
def test_no_line_is_longer_than_120_characters(path: Path) -> None:
    """A document can be read and compared side by side on one screen."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    assert not [f"{name_of(path)}:{number}" for number, line in lines if len(line) > LONGEST]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if "/golden/" not in name_of(path)], ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file that is there and, behind #, a heading of that file."""
    for file, heading in links(path):
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{name_of(path)} links to {file}"
        assert not heading or heading in headings(target), f"{name_of(path)} links to {file}#{heading}"
