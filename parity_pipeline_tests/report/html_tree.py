"""Pages as a parser sees them: elements, attributes, and the text of each section.

Here belongs reading a page in tests without a browser.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "br", "path", "circle", "rect"})


@dataclass
class Tree:
    """A page.

    Attributes:
        elements: Name and attributes of each element, in order.
        sections: Text of each section of the page, by its id.
        text: All text, that of the stylesheet aside.
        unbalanced: Elements that were closed in another order than they were opened.
    """

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    sections: dict[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    unbalanced: list[str] = field(default_factory=list[str])

    def names(self) -> set[str]:
        """Return the names of all elements."""
        return {name for name, _ in self.elements}

    def values(self, attribute: str) -> list[str]:
        """Return the values of an attribute."""
        return [found[attribute] for _, found in self.elements if attribute in found]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree()
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tree.elements.append((tag, found))
        if tag not in _VOID:
            self._open.append((tag, found.get("id", "") if tag == "section" else ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tree.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        elif tag not in _VOID:
            self.tree.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            return
        self.tree.text += data
        for _, section in self._open:
            if section:
                self.tree.sections[section] = self.tree.sections.get(section, "") + data


def tree_of(page: str) -> Tree:
    """Return a page as a parser sees it."""
    parser = _Parser()
    # Markup would escape what the parser hands on.
    parser.feed(str(page))
    parser.close()
    return parser.tree
