"""Foreign text cannot leave its cell, its line or its meaning. Judged by a CommonMark parser with tables."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity_pipeline.report.escape import clipped, code, fenced, prose, visible
from parity_pipeline_tests.report.verdicts import HOSTILE

_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_MARKUP = st.text(
    alphabet=st.sampled_from(list("`|\\<>[]()*_~&#;!:/.-+= \n\tab1w\u202e\u200b\ud800\u0301")), max_size=30
)
_ANY = st.one_of(_MARKUP, st.text(alphabet=st.characters(exclude_categories=()), max_size=30))
_HTML_CODE = ["</code>", "<code>"]


def _cells(cell: str) -> list[Any]:
    tokens = _PARSER.parse(f"| x | y |\n| --- | --- |\n| {cell} | end |\n")
    return [token for token in tokens if token.type == "inline"][2:]


def _plain(tokens: list[Any]) -> str:
    return "".join(token.content for token in tokens)


@settings(deadline=None)
@given(_ANY)
@example("| &lt; &#124;")
@example("a\\|b")
def test_code_is_one_cell_that_says_what_is_visible(text: str) -> None:
    """Inline code stays one table cell, is nothing but code, and reads back as the visible text."""
    cells = _cells(code(text))
    kinds = [token.type for token in cells[0].children]
    markup = sorted({token.content for token in cells[0].children if token.type == "html_inline"})
    assert len(cells) == 2
    assert cells[1].content == "end"
    assert kinds == ["code_inline"] or (set(kinds) <= {"html_inline", "text", "text_special"} and markup == _HTML_CODE)
    words = [token for token in cells[0].children if token.type != "html_inline"]
    assert _plain(words) == visible(text)


@settings(deadline=None)
@given(_ANY)
@example("x #")
@example("&lt;b&gt; &#124;")
@example("1. x")
@example("- x")
@example("a\\|b")
def test_prose_is_text_in_a_cell_a_heading_and_a_list(text: str) -> None:
    """Prose is text and nothing else wherever a report puts it, and reads back as the visible text."""
    cell, shown = _cells(prose(text))[0], visible(text)
    heading, item = *_inline(f"# x {prose(text)}"), *_inline(f"- {prose(text)}")
    for inline, expected in ((cell, shown), (heading, f"x {shown}"), (item, shown)):
        assert {token.type for token in inline.children} <= {"text", "text_special"}
        assert _plain(inline.children) == expected


def _inline(markdown: str) -> list[Any]:
    tokens = _PARSER.parse(markdown)
    kinds = [token.type for token in tokens if token.type.endswith("_open")]
    assert kinds in (["heading_open"], ["bullet_list_open", "list_item_open", "paragraph_open"])
    return [token for token in tokens if token.type == "inline"]


@settings(deadline=None)
@given(_ANY)
def test_everything_is_one_visible_line(text: str) -> None:
    """No control, format, surrogate or line-breaking character is left, so the line is what it looks like."""
    for escaped in (visible(text), code(text), prose(text)):
        assert len(escaped.splitlines()) == 1
        assert not {unicodedata.category(one) for one in escaped} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        escaped.encode()


@settings(deadline=None)
@given(st.lists(_ANY, min_size=1, max_size=4))
def test_a_fence_holds_its_lines(lines: list[str]) -> None:
    """Lines in a fenced block cannot end it: it is one block with as many lines."""
    tokens = _PARSER.parse(fenced(tuple(lines), "sh"))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == "".join(f"{visible(line)}\n" for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_address_in_foreign_text_becomes_a_link(text: str) -> None:
    """An address in prose is broken up, so that renderers which link bare addresses do not."""
    assert not re.search(r"https?://|www\.", prose(f"{text} http://a.example www.b.example"))


@pytest.mark.parametrize(
    "point", [0x00AD, 0x034F, 0x115F, 0x200B, 0x202E, 0x2066, 0x2800, 0x3164, 0xFE0F, 0xE0041, 0xFFFE]
)
def test_characters_without_a_glyph_are_named(point: int) -> None:
    """Invisible characters that a reader could not see are shown by their code point."""
    assert visible(f"a{chr(point)}b") == f"a⟨U+{point:04X}⟩b"


def test_spaces_that_html_drops_are_shown() -> None:
    """Spaces at the ends and doubled ones are seen; a single one between words is a space, also where a text was cut."""
    assert visible(" a  b c ") == "␠a ␠b c␠"
    assert code("A: Bob, ", cut=True) == "`A: Bob, `"
    assert code("A: Bob,  ", cut=True) == "`A: Bob,␠ `"


def test_a_cut_text_says_so() -> None:
    """A text over the limit keeps its beginning and ends in an ellipsis within the limit."""
    assert clipped("abcdef", 4) == "abc…"
    assert clipped("abcd", 4) == "abcd"
