"""The hazard corpus: its version, its sets, and the samples they become.

Here belong the choice of sets and the order in which they are sent. The texts stand in modules by kind, what the
documented cases are in `failure_modes`.

Blanks are sent as whole requests of 32 with a blank in the first, the middle, the last and in all three slots. So they
have to begin where a request begins: when other samples go before, short hazards of other chosen sets fill up to the
next multiple of 32. With another `batch_texts` they stand in other slots (with 16 the first and the last), and samples
that the set drops as duplicates, or long ones that end a request early, move them. To be certain, name the hazards as
the first source. A sample set holds the empty text once, whatever sources name it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards.hazard import Hazard
from parity_pipeline.core.hazards.scripts_and_symbols import markup, scripts, symbols
from parity_pipeline.core.hazards.texts import SLOTS, blanks, lengths, letters, spacing, wording
from parity_pipeline.core.samples import Sample

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


def chosen_sets(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named sets once each, in the order of `SETS`; `all` names every one.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    remedy = f"Name some of {', '.join((ALL, *SETS))}."
    if unknown := [name for name in names if name != ALL and name not in SETS]:
        listed = ", ".join(repr(name) for name in unknown)
        raise SampleSourceError(f"there is no hazard set {listed}", place="hazards", remedy=remedy)
    if not names:
        raise SampleSourceError("no hazard set is named", place="hazards", remedy=remedy)
    return tuple(SETS) if ALL in names else tuple(name for name in SETS if name in names)


def hazards_in(sets: Sequence[str], *, salt: str) -> tuple[Hazard, ...]:
    """Return the hazards of the named sets, in the order of `SETS`; no text comes twice.

    Args:
        sets: Names of `SETS`, or `all`.
        salt: Makes the texts of `salted` new; the partition date, so that a re-run of a date sends what it sent.

    Raises:
        SampleSourceError: A name is unknown, or none is given.
    """
    wanted = chosen_sets(sets)
    by_set: dict[str, list[Hazard]] = {name: [] for name in SETS}
    for made in (blanks(), letters(), scripts(), symbols(), markup(), spacing(), wording(salt), lengths()):
        for hazard in made:
            by_set[hazard.set_name].append(hazard)
    return tuple(hazard for name in wanted for hazard in by_set[name])


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
