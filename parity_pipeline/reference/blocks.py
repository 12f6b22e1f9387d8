"""Generated parts of a Markdown page: where they are, and how they are written again.

Here belong the markers and what fills them. A page keeps its hand-written prose around them, so that its headings and links
stay, and only what the code knows better is written by code. What stands in a block belongs to the module of its kind.

    <!-- generated: settings sides.* -->
    …
    <!-- end -->
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.errors import ParityError

WIDTH: Final = 120
"""Longest line of a page, in characters."""

_BLOCK: Final = re.compile(
    r"^<!-- generated: (?P<kind>[\w-]+) ?(?P<subject>\S*) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL
)
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)

Writer = Callable[[str], str]
"""Returns the content of a block by its subject."""


@dataclass(frozen=True, slots=True)
class Block:
    """One generated part of a page.

    Attributes:
        kind: Which writer fills it, such as `settings`.
        subject: What it is about, such as `sides.*`; "" for all.
        heading: The nearest heading above it, as it is written.
    """

    kind: str
    subject: str
    heading: str


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the generated parts of a page in their order."""
    for found in _BLOCK.finditer(page):
        above = _HEADING.findall(page[: found.start()])
        yield Block(found["kind"], found["subject"], above[-1] if above else "")


def filled(page: str, writers: Mapping[str, Writer]) -> str:
    """Return a page with all of its generated parts written again.

    Raises:
        ParityError: A block is of a kind that nothing writes.
    """

    def write(found: re.Match[str]) -> str:
        if found["kind"] not in writers:
            remedy = f"Use one of {', '.join(sorted(writers))}."
            raise ParityError(f"no code writes a block {found['kind']!r}", remedy=remedy)
        opening = found[0].partition("\n")[0]
        return f"{opening}\n\n{writers[found['kind']](found['subject']).strip()}\n\n<!-- end -->"

    return _BLOCK.sub(write, page)


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it.

    >>> anchor("What `parity` needs: two sides")
    'what-parity-needs-two-sides'
    """
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def item(text: str) -> str:
    """Return a list item wrapped to the width of a page."""
    return textwrap.fill(
        text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; cells are written as they are, with `|` escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    text = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    return text.replace("| --- ", "|---").replace("|--- |", "|---|").replace("|---|---|", "|---|---|")
