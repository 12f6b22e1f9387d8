"""Texts about length: a ladder over the windows of models, edits far behind the head, groups of equal length.

Here belongs what truncation, length limits and padding change. No tokenizer is at hand, so a length is counted in
common short words: each is one token of the demo's models, and of most vocabularies. A model that adds two special
tokens reaches its window two words earlier, so the ladder has rungs there too.
"""

import random
from typing import Final

from parity_pipeline.core.hazards.hazard import Hazard, Relation, groups, singles

WINDOWS: Final = (256, 512, 2048, 8192)
"""Tokens that models take at most: MiniLM's servers 256, BERT and many servers 512, nomic 2048 or 8192."""

_SHORT_RUNGS: Final = (8, 16, 32, 64, 128, 1024, 4096)
_PAST_ALL: Final = 10_000

_SUBJECTS: Final = (
    (
        "kitchen bread pan sugar salt soup rice milk egg pot apple glass wine lamp oil chair plate box bag cup "
        "table dinner house taste sweet fresh hot cook eat drink water tea coffee room fruit meat fish bean corn door"
    ),
    (
        "law court judge trial case claim right duty rule state vote bill tax bank loan army price cost share trade market "
        "contract sign king witness guilty prison police officer crime fine appeal justice legal party owner sale rent fee"
    ),
    (
        "sea ship wind wave storm rain cloud snow ice cold sky star moon sun island coast port boat sail captain north "
        "south east west deep fleet sand shore ocean bird map flag bay anchor deck crew voyage river lake bridge light"
    ),
    (
        "music song piano drum band dance stage voice dress note sound loud soft guitar hat concert hall crowd play "
        "actor film scene story book poem page letter word art paint color red blue green line frame museum show ticket"
    ),
    (
        "horse dog cat cow sheep bear mountain farm field grass tree leaf root seed flower garden forest hill valley stone road "
        "path earth gate wheel cart hay wood fire smoke winter summer spring rock morning evening night day week month"
    ),
)
"""Words by subject. The ladder changes its subject at each window, so that a cut shows in the vector."""

_EQUAL: Final = (4, 8, 16, 32)
_EQUAL_TEXTS: Final = 8
_HEADS: Final = (20, 100, 240, 300, 500, 600, 2000, 2100, 8300)


def _words() -> list[str]:
    """Return the words of the longest rung; every rung is a head of it."""
    made: list[str] = []
    for subject, end in zip(_SUBJECTS, (*WINDOWS, _PAST_ALL), strict=True):
        pool = subject.split()
        made += random.Random(end).choices(pool, k=end - len(made))  # noqa: S311 - a fixed text, nothing secret
    return made


def _ladder(words: list[str]) -> tuple[Hazard, ...]:
    around = {window + step for window in WINDOWS for step in (-3, -2, -1, 0, 1)}
    rungs = sorted({*_SHORT_RUNGS, *around, _PAST_ALL})
    texts = {f"words-{count:05}": " ".join(words[:count]) for count in rungs}
    return singles("length-ladder", (10, 11), texts, "so many common words; each rung is the head of the next")


def _tail_edits(words: list[str]) -> tuple[Hazard, ...]:
    edited: dict[str, tuple[str, str]] = {}
    for count in _HEADS:
        head = " ".join(words[:count])
        edited[f"tail-{count:05}"] = (f"{head} . pay the driver in cash", f"{head} . never open that old red door")
    return groups("tail-edits", (10,), edited, Relation.MAY_EQUAL, "one head of so many words, two tails")


def _equal_lengths() -> tuple[Hazard, ...]:
    pools = [subject.split() for subject in _SUBJECTS]
    made: dict[str, list[str]] = {}
    for count in _EQUAL:
        choose = random.Random(count)  # noqa: S311 - fixed texts, nothing secret
        made[f"words-{count:02}"] = [
            " ".join(choose.sample(pools[number % len(pools)], count)) for number in range(_EQUAL_TEXTS)
        ]
    return groups("equal-length", (2, 3, 4), made, Relation.MUST_DIFFER, "distinct texts of equally many common words")


def lengths() -> tuple[Hazard, ...]:
    """Return the hazards of this module."""
    words = _words()
    return (*_equal_lengths(), *_tail_edits(words), *_ladder(words))
