"""The hazard corpus: its version, its sets, the hazards of each with the cases they exercise, the samples they become.

Here belong the choice of sets and the order in which they are sent. The texts stand in `texts` and `scripts_and_symbols`,
what happens in each of the 34 cases in `docs/failure-modes.md`.

Blanks are sent as whole requests of 32 with a blank in the first, the middle, the last and in all three slots. So they
have to begin where a request begins: when other samples go before, short hazards of other chosen sets fill up to the
next multiple of 32. With another `batch_texts` they stand in other slots (with 16 the first and the last), and samples
that the set drops as duplicates, or long ones that end a request early, move them. To be certain, name the hazards as
the first source. A sample set holds the empty text once, whatever sources name it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from unicodedata import normalize

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards import scripts_and_symbols as signs
from parity_pipeline.core.hazards import texts
from parity_pipeline.core.samples import Sample
from parity_pipeline.core.suggestions import meant

CORPUS_VERSION: Final = "1"
"""Version of the texts. A changed, added or removed hazard is a new version, so that a stored source stays true."""

ALL: Final = "all"
CATEGORY_PREFIX: Final = "hazard/"
"""Begins the category of every hazard sample. They are chosen by hand, so no share may be inferred from them."""

SETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "blanks": "empty and blank texts in the first, middle and last slot of a request",
        "case-pairs": "a text as written and in capitals",
        "diacritics": "a text with its accents and without",
        "unicode-forms": "NFC against NFD, and compatible signs against NFKC, Hangul included",
        "surrogates": "lone surrogates, sent as escapes",
        "punctuation": "signs with few words or none",
        "emoji": "joined emoji, flags, skin tones, variation selectors",
        "right-to-left": "Arabic, Hebrew, Persian, Urdu and marks of direction",
        "cjk": "Chinese, Japanese, Korean and other scripts without spaces or with long encodings",
        "code": "program text",
        "sql": "SQL with quotes and comments",
        "html": "markup and entities",
        "numbers": "numbers that differ in a digit, a sign or a separator",
        "whitespace": "twins that differ in white space within a line",
        "newlines": "twins that differ in line ends",
        "one-character": "a single character, control characters included",
        "special-tokens": "special tokens written in the text, with a twin without",
        "long-words": "words of 99 characters to 2,000",
        "prefixes": "a text plain and with the task prefixes of several model families",
        "near-duplicates": "texts that differ in one word, one digit or one negation",
        "salted": "texts never sent before this date",
        "canaries": "fixed texts to know a model by, date after date",
        "equal-length": "groups of texts of equally many common words",
        "tail-edits": "one head with two tails, at lengths up to 8,300 words",
        "length-ladder": "common words around 256, 512, 2,048 and 8,192 tokens, up to 10,000",
    }
)
"""Every set with what is in it, in the order in which they are sent. Long texts come last."""


SLOTS: Final = 32
"""Texts of one request that the set `blanks` is laid out for: the default of the setting `batch_texts`."""

_FIRST, _MIDDLE, _LAST = 0, SLOTS // 2, SLOTS - 1
_BLANK_SLOTS: Final = (
    {_FIRST: "empty"},
    {_MIDDLE: "space"},
    {_LAST: "tab"},
    {_FIRST: "no-break-space", _MIDDLE: "zero-width-space", _LAST: "newline"},
)
"""The requests of the set and where a blank stands in each. The empty text comes first in its request: a side that
drops it shifts all the rest."""


class Relation(StrEnum):
    """What holds between the vectors of the hazards of one group, within one side."""

    MUST_DIFFER = "must differ"
    """Two of them with the same vector are a fault of the side, whatever its model."""
    MAY_EQUAL = "may equal"
    """A sound model may give them the same vector, as one without letter case does; so only a difference between the
    sides counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One text that exercises failure modes.

    Attributes:
        key: Name of the hazard, stable and unique within its set: letters, digits, `-` and `~`.
        set_name: The set it belongs to.
        cases: Numbers of the documented cases it exercises, ascending, at least one.
        text: The text exactly as it is sent; may be empty or hold lone surrogates.
        group: Key of the first hazard of the group it belongs to; "" for a hazard that stands alone.
        relation: What holds between the vectors of its group; None exactly where `group` is "".
        note: What is odd about it, for a reader.
    """

    key: str
    set_name: str
    cases: tuple[int, ...]
    text: str
    group: str = ""
    relation: Relation | None = None
    note: str = ""


def chosen_sets(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named sets once each, in the order of `SETS`; `all` names every one.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    remedy = f"Name some of {', '.join((ALL, *SETS))}."
    if unknown := [name for name in names if name != ALL and name not in SETS]:
        listed = ", ".join(repr(name) for name in unknown)
        remedy = meant(unknown, (ALL, *SETS), remedy)
        raise SampleSourceError(f"there is no hazard set {listed}", place="hazards", remedy=remedy)
    if not names:
        raise SampleSourceError("no hazard set is named", place="hazards", remedy=remedy)
    return tuple(SETS) if ALL in names else tuple(name for name in SETS if name in names)


def _singles(set_name: str, cases: tuple[int, ...], texts: Mapping[str, str], note: str) -> Iterator[Hazard]:
    """Yield one hazard per text, each standing alone."""
    return (Hazard(key=key, set_name=set_name, cases=cases, text=text, note=note) for key, text in texts.items())


def _groups(
    set_name: str, cases: tuple[int, ...], texts: Mapping[str, Sequence[str]], relation: Relation, note: str
) -> Iterator[Hazard]:
    """Yield the hazards of several groups: its key for the first text, `key~2`, `key~3` … for the others."""
    return (
        Hazard(
            key=key if position == 1 else f"{key}~{position}",
            set_name=set_name,
            cases=cases,
            text=text,
            group=key,
            relation=relation,
            note=note,
        )
        for key, members in texts.items()
        for position, text in enumerate(members, start=1)
    )


def _blanks() -> Iterator[Hazard]:
    """Yield the set `blanks`: whole requests of `SLOTS` hazards, in order, from the start of a request on."""
    for block, blank in enumerate(_BLANK_SLOTS):
        for slot in range(SLOTS):
            if slot in blank:
                yield Hazard(
                    key=blank[slot],
                    set_name="blanks",
                    cases=(19, 20, 24),
                    text=texts.BLANK[blank[slot]],
                    group="empty",
                    relation=Relation.MAY_EQUAL,
                    note=f"a blank text in slot {slot} of {SLOTS}",
                )
            else:
                neighbours = {f"neighbour-{block + 1}-{slot:02}": texts.neighbour(block * SLOTS + slot)}
                yield from _singles("blanks", (24,), neighbours, "beside a blank text")


def _all_hazards(salt: str) -> Iterator[Hazard]:
    """Yield every hazard, set by set in the order of `SETS`."""
    differ, may_equal = Relation.MUST_DIFFER, Relation.MAY_EQUAL
    cased = {key: (text, text.upper()) for key, text in texts.CASED.items()}
    yield from _blanks()
    yield from _groups("case-pairs", (13,), cased, may_equal, "as written, then in capitals")
    yield from _groups("diacritics", (14,), texts.ACCENTED, may_equal, "with accents, then without")
    composed = {key: (normalize("NFC", text), normalize("NFD", text)) for key, text in texts.CANONICAL.items()}
    yield from _groups("unicode-forms", (14, 15), composed, may_equal, "composed, then decomposed (NFC, NFD)")
    compatible = {key: (text, normalize("NFKC", text)) for key, text in texts.COMPATIBLE.items()}
    yield from _groups("unicode-forms", (14, 15), compatible, may_equal, "as written, then its NFKC form")
    half = "half of a surrogate pair, which has no UTF-8"
    yield from _singles("surrogates", (19, 20, 21), texts.SURROGATES, half)
    yield from _singles("punctuation", (15, 19, 20), signs.PUNCTUATION, "signs, with few words or none")
    yield from _singles("emoji", (15,), signs.EMOJI, "emoji, alone and in a sentence")
    style = "emoji that differ in joiner, flag, skin or style"
    yield from _groups("emoji", (15,), signs.EMOJI_GROUPS, may_equal, style)
    yield from _singles("right-to-left", (15,), signs.RIGHT_TO_LEFT, "right-to-left script or marks of direction")
    yield from _singles("cjk", (15,), signs.EAST_ASIAN, "a script without spaces, or with signs of many bytes")
    yield from _singles("code", (15, 18), signs.CODE, "program text, with its indentation and escapes")
    yield from _singles("sql", (15, 18), signs.SQL, "SQL, with quotes and comments")
    yield from _singles("html", (15, 18), signs.HTML, "markup and entities")
    yield from _groups("numbers", (15,), signs.NUMBERS, differ, "numbers that differ in one sign")
    yield from _groups("whitespace", (18,), texts.SPACED, may_equal, "the same words, then with other white space")
    yield from _groups("newlines", (18,), texts.LINES, may_equal, "the same words, then with line ends")
    yield from _singles("one-character", (15, 19, 20), signs.ONE_CHARACTER, "a single character")
    written = "a special token in the text, then without it"
    yield from _groups("special-tokens", (15,), signs.SPECIAL, may_equal, written)
    yield from _singles("long-words", (15, 19, 20), signs.LONG_WORDS, "a word around or over 100 characters")
    yield from _groups("prefixes", (17,), texts.PREFIXES, differ, "a text plain, then with a task prefix")
    yield from _groups("near-duplicates", (15,), texts.NEAR, differ, "two texts that differ in one word or digit")
    yield from _groups("near-duplicates", (15,), texts.REORDERED, may_equal, "the same words in another order")
    fresh = enumerate(texts.salted_texts(salt, texts.SALTED_TEXTS))
    consignments = {f"consignment-{number:02}": text for number, text in fresh}
    yield from _singles("salted", (28,), consignments, "never sent before this salt")
    canary = "a fixed text to know a model by, date after date"
    yield from _singles("canaries", (5, 27, 30), texts.CANARIES, canary)
    same_length = "distinct texts of equally many common words"
    yield from _groups("equal-length", (2, 3, 4), texts.equal_lengths(), differ, same_length)
    yield from _groups("tail-edits", (10,), texts.tail_edits(), may_equal, "one head of so many words, two tails")
    rungs = "so many common words; each rung is the head of the next"
    yield from _singles("length-ladder", (10, 11), texts.ladder(), rungs)


def hazards_in(sets: Sequence[str], *, salt: str) -> tuple[Hazard, ...]:
    """Return the hazards of the named sets, in the order of `SETS`; no text comes twice.

    Args:
        sets: Names of `SETS`, or `all`.
        salt: Makes the texts of `salted` new; the partition date, so that a re-run of a date sends what it sent.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    wanted = chosen_sets(sets)
    return tuple(hazard for hazard in _all_hazards(salt) if hazard.set_name in wanted)


def hazard_samples(sets: Sequence[str], *, salt: str, before: int = 0) -> Iterator[Sample]:
    """Yield the hazards of the named sets as samples: category `hazard/<set>`, source `hazards:<version>:<set>:<key>`.

    Args:
        sets: Names of `SETS`, or `all`.
        salt: As in `hazards_in`.
        before: How many samples go before in the sample set, so that blanks come to their slots.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    hazards = hazards_in(sets, salt=salt)
    block = sum(hazard.set_name == "blanks" for hazard in hazards)
    lead = -before % SLOTS if block else 0
    for hazard in (*hazards[block : block + lead], *hazards[:block], *hazards[block + lead :]):
        yield Sample(
            text=hazard.text,
            category=f"{CATEGORY_PREFIX}{hazard.set_name}",
            source=f"hazards:{CORPUS_VERSION}:{hazard.set_name}:{hazard.key}",
        )
