"""Sections of the Markdown report as HTML, so that the page shows the same facts in the same words.

Here belongs the only way from Markdown to HTML. The Markdown is this project's own, with all foreign text escaped; even so,
no HTML in it is taken over but `<code>` and `</code>`, and no link and no image is made.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_CODE: Final = ("<code>", "</code>")
"""What `report.escape.code` writes where backticks cannot hold a text."""

_CAPTION: Final = "caption"


def section_body(lines: Sequence[str], caption: str) -> Markup:
    """Return a section without its own heading as HTML.

    Args:
        lines: The section as `report.sections` gives it: a heading of the second level first, or none.
        caption: What its tables show, in plain words, for those who hear the page.
    """
    rest = lines[1:] if lines and lines[0].startswith("## ") else lines
    return Markup(_parser().render("\n".join(rest), {_CAPTION: caption}))  # noqa: S704 - escaped by the rules below


def inline(text: str) -> Markup:
    """Return one line of Markdown, such as the name of a sample, as HTML without a paragraph around it."""
    return Markup(_parser().renderInline(text, {}))  # noqa: S704 - escaped by the rules below


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415 - most commands render no page

    # With HTML off, the parser would show the allowed elements as text.
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.disable(["link", "image", "autolink", "reference", "html_block"])
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _html_inline(_self: Any, tokens: Sequence["Token"], place: int, _options: Any, _env: Any) -> str:
    content = tokens[place].content
    return content if content in _CODE else str(escape(content))


def _table_open(_self: Any, tokens: Sequence["Token"], place: int, _options: Any, env: Mapping[str, str]) -> str:
    caption = escape(env.get(_CAPTION, ""))
    cells = next((at for at in range(place, len(tokens)) if tokens[at].type == "thead_close"), place)
    several = sum(token.type == "th_open" for token in tokens[place:cells])
    # Screens that are too narrow scroll the table and not the page, by keyboard too.
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f'<table class="columns-{several}"><caption class="unseen">{caption}</caption>'
    )


def _table_close(_self: Any, _tokens: Sequence["Token"], _place: int, _options: Any, _env: Any) -> str:
    return "</table></div>"


def _cell_open(_self: Any, tokens: Sequence["Token"], place: int, _options: Any, _env: Any) -> str:
    token = tokens[place]
    side = ' class="number"' if "right" in str(token.attrGet("style") or "") else ""
    if token.type == "th_open":
        return f'<th scope="col"{side}>'
    return f"<td{side}>"


def _heading(_self: Any, tokens: Sequence["Token"], place: int, _options: Any, _env: Any) -> str:
    return f"<{'/' if tokens[place].nesting < 0 else ''}{tokens[place].tag}>"


_RULES: Final = {
    "html_inline": _html_inline,
    "table_open": _table_open,
    "table_close": _table_close,
    "th_open": _cell_open,
    "td_open": _cell_open,
    "heading_open": _heading,
    "heading_close": _heading,
}
