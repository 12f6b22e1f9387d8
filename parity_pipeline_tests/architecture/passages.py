"""What a reader of a file sees as words: docstrings, comments, messages, names, and the text of documents.

Here belongs finding that text, with its line. Which words are wrong in it belongs to `vocabulary`.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Passage:
    """Text that belongs together, such as a docstring or a block of comments, and the line on which it begins."""

    line: int
    text: str

    def matches(self, patterns: Iterable[re.Pattern[str]]) -> Iterator[tuple[re.Pattern[str], int, str]]:
        """Yield each match with its pattern and its line; a line break counts as one blank."""
        starts: list[int] = []
        joined = ""
        for line in self.text.split("\n"):
            starts.append(len(joined))
            joined += " ".join(line.split()) + " "
        for pattern in patterns:
            for match in pattern.finditer(joined):
                place = sum(start <= match.start() for start in starts) - 1
                yield pattern, self.line + place, match.group()


def passages(path: Path) -> Iterator[Passage]:
    """Yield what a reader of a file sees as words."""
    yield Passage(1, words_of(path.stem))
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from python_passages(text, strings="parity_pipeline_tests" not in path.parts)
    elif path.suffix == ".md":
        yield Passage(1, without_code(text))
    else:
        yield from (Passage(line, comment) for line, comment in comment_blocks(hash_comments(text)))


def python_passages(text: str, *, strings: bool) -> Iterator[Passage]:
    """Yield the docstrings, comments and names of Python source, and its other strings where wanted."""
    nodes = list(ast.walk(ast.parse(text)))
    yield from (Passage(line, comment) for line, comment in comment_blocks(python_comments(text)))
    yield from (Passage(line, words_of(name)) for line, name in names_in(nodes))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    docstrings = {id(node) for node in docstrings_in(nodes)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            if strings or id(node) in docstrings:
                yield Passage(node.lineno, node.value)
        elif isinstance(node, ast.JoinedStr) and strings:
            yield Passage(node.lineno, "".join(text_of(part) for part in node.values))


def text_of(part: ast.expr) -> str:
    """Return a part of a formatted string, a value as a placeholder."""
    return str(part.value) if isinstance(part, ast.Constant) else "{}"


def docstrings_in(nodes: Sequence[ast.AST]) -> Iterator[ast.Constant]:
    """Yield the strings that stand alone as a statement: docstrings, also those below a constant."""
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def names_in(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield every name that is defined: modules aside, functions, classes, arguments, variables and attributes."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words_of(name: str) -> str:
    """Return the words of a name: `worst_row` and `WorstRow` are both "worst row"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", name).strip().lower()


def python_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment of Python source."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip()


def hash_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment of a YAML or TOML file or a Makefile."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.search(r"(?:^|\s)#+ (.*)", line):
            yield number, match[1].strip()


def comment_blocks(comments: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join comments on consecutive lines."""
    first, lines = 0, list[str]()
    for number, text in comments:
        if lines and number != first + len(lines):
            yield first, "\n".join(lines)
            lines = []
        first = first if lines else number
        lines.append(text)
    if lines:
        yield first, "\n".join(lines)


def without_code(text: str) -> str:
    """Return Markdown with fenced and inline code and link targets blanked, line by line as it was."""
    for pattern in (r"(?ms)^```.*?^```$", r"`(?:[^`\n]|\n(?!\n))+`", r"\]\([^)\s]*\)"):
        text = re.sub(pattern, lambda match: "\n" * match.group().count("\n") or "…", text)
    return text
