"""A text taken apart character by character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.report.html.characters import Kind, kind_of, look


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("a", Kind.PLAIN),
        (" ", Kind.PLAIN),
        ("\u00e9", Kind.FOREIGN),
        ("\U0001f600", Kind.FOREIGN),
        ("\u0301", Kind.COMBINING),
        ("\u200b", Kind.UNSEEN),
        ("\u202e", Kind.UNSEEN),
        ("\ufe0f", Kind.UNSEEN),
        ("\n", Kind.UNSEEN),
        ("\x7f", Kind.UNSEEN),
        ("\u00a0", Kind.UNSEEN),
        ("\ud800", Kind.UNSEEN),
    ],
)
def test_what_a_character_is_to_a_reader(character: str, kind: Kind) -> None:
    """Letters of other scripts, marks, and what cannot be seen are three different things."""
    assert kind_of(character) is kind


def test_spaces_that_a_tokenizer_may_drop_are_seen() -> None:
    """Spaces at an edge and doubled ones are pieces of their own; a single one within is not."""
    pieces = look(" a b  c ").head
    assert [(piece.kind, piece.text) for piece in pieces] == [
        (Kind.SPACE, "\u00b7"),
        (Kind.PLAIN, "a b"),
        (Kind.SPACE, "\u00b7\u00b7"),
        (Kind.PLAIN, "c"),
        (Kind.SPACE, "\u00b7"),
    ]
    assert [piece.text for piece in look("   ").head] == ["\u00b7\u00b7\u00b7"]
    assert look("").head == ()


def test_the_table_names_code_points_with_count_and_place() -> None:
    """Each distinct character has one row, in the order of first places; sixteen at most, and how many more."""
    found = look("xe\u0301 e\u0301\u200b").notable
    assert [(one.point, one.name, one.count, one.first) for one in found] == [
        ("U+0301", "COMBINING ACUTE ACCENT", 2, 3),
        ("U+200B", "ZERO WIDTH SPACE", 1, 7),
    ]
    assert found[0].shown == "\u25cc\u0301"
    many = look("".join(map(chr, range(0x4E00, 0x4E00 + 30))))
    assert (len(many.notable), many.more) == (16, 14)
    assert look("\t").notable[0].name == "CHARACTER TABULATION"


def test_facts_of_a_text() -> None:
    """Length in characters and bytes, white space at the ends, and forms of Unicode that a side may change."""
    assert look("abc").facts == ("3 characters, 3 bytes in UTF-8",)
    assert "begins with white space" in look("\nab").facts
    assert "begins and ends with white space" in look(" ab ").facts
    assert "nothing but white space" in look(" \t").facts
    assert any("not in Unicode form NFC" in fact for fact in look("e\u0301").facts)
    assert any("NFKC" in fact for fact in look("\ufb01").facts)
    assert look("\u00e9\ud800").facts[0] == "2 characters, 5 bytes in UTF-8"


def test_a_long_text_shows_beginning_and_end() -> None:
    """Of a long text the beginning and the end are shown, and how much lies between."""
    found = look("a" * 1000 + "end")
    assert sum(len(piece.text) for piece in (*found.head, *found.tail)) + found.left_out == 1003
    assert found.tail[-1].text.endswith("end")
    assert look("a" * 480).left_out == 0


@given(st.text(st.characters(), max_size=200))
def test_no_piece_holds_what_cannot_be_seen(text: str) -> None:
    """Whatever the text, each character of each piece can be seen, and no plain character is lost."""
    found = look(text)
    shown = "".join(piece.text for piece in found.head)
    assert all(kind_of(one) in {Kind.PLAIN, Kind.FOREIGN, Kind.COMBINING} for one in shown)
    plain = "".join(piece.text for piece in found.head if piece.kind is Kind.PLAIN)
    assert plain.replace(" ", "") == "".join(one for one in text if "!" <= one <= "~")
