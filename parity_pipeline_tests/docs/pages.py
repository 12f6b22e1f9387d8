"""The code blocks of the documentation, as the tests of this folder read them.

Here belong finding the blocks and what marks one that is only a part; no test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
FRAGMENT: Final = "<!-- fragment -->"
"""Stands above a block that is a part of something, and that no test can load by itself."""

_BLOCK: Final = re.compile(
    rf"(?P<mark>{re.escape(FRAGMENT)}\n\s*)?^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One fenced block with a language.

    Attributes:
        page: Path of the page.
        line: Its first line in the page.
        language: Such as `yaml`.
        code: What is between the fences.
        fragment: Whether it is marked as a part of something.
    """

    page: Path
    line: int
    language: str
    code: str
    fragment: bool

    def __str__(self) -> str:
        """Return page and line, for the name of a test."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def pages() -> list[Path]:
    """Return every page that a reader copies from; decisions are history and show none."""
    return [ROOT / "README.md", ROOT / "data" / "samples" / "README.md", *sorted(DOCS.glob("*.md"))]


def blocks(*languages: str) -> list[CodeBlock]:
    """Return the blocks of all pages in some languages."""
    return [block for page in pages() for block in _blocks_of(page, languages)]


def _blocks_of(page: Path, languages: tuple[str, ...]) -> Iterator[CodeBlock]:
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        if found["language"] in languages:
            line = text.count("\n", 0, found.start("code")) + 1
            yield CodeBlock(page, line, found["language"], found["code"], found["mark"] is not None)
