"""The documentation as a site: every page can be found in it, and nothing is loaded from elsewhere."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from parity_pipeline_tests.docs.pages import DOCS, ROOT

CONFIG: Final[dict[str, Any]] = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]


def entries(nav: Any) -> list[tuple[str, str]]:
    """Return title and page of each entry of a navigation."""
    found: list[tuple[str, str]] = []
    for one in nav:
        ((title, target),) = one.items()
        found += [(title, target)] if isinstance(target, str) else entries(target)
    return found


def test_every_page_is_in_the_navigation_once() -> None:
    """Whoever adds a page or a decision also says where readers find it."""
    listed = [target for _, target in entries(CONFIG["nav"])]
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert there - set(listed) == set(), "add these pages to `nav` in zensical.toml"
    assert set(listed) - there == set(), "remove these pages from `nav` in zensical.toml"


def test_decisions_are_listed_in_order_by_their_titles() -> None:
    """A decision has the title that it has itself, and the newest is last."""
    decisions = [(title, target) for title, target in entries(CONFIG["nav"]) if target.startswith("adr/")]
    assert [target for _, target in decisions] == sorted(target for _, target in decisions)
    for title, target in decisions:
        head = re.search(r"^# (.+)$", (DOCS / target).read_text("utf-8"), re.MULTILINE)
        assert head is not None
        assert title == head[1].strip().replace('"', "'"), target


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_links_stay_within_the_site(page: Path) -> None:
    """A link that leaves the folder of the documentation would be broken on the site."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text("utf-8"))
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert not [target for target in targets if not (page.parent / target).resolve().is_relative_to(DOCS)]


def test_the_site_loads_no_fonts_from_elsewhere() -> None:
    """Readers without the internet see what others see, and nobody else learns what they read."""
    assert CONFIG["theme"]["font"] is False
    assert "extra_javascript" not in CONFIG
    assert "extra_css" not in CONFIG


def test_the_built_site_is_not_tracked() -> None:
    """`make docs` builds with broken links as errors, into a folder that git ignores."""
    assert f"{CONFIG['site_dir']}/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert re.search(r"^docs:.*\n\t.*zensical build --strict", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
