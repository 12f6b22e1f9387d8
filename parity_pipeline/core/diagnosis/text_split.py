"""Which property of the texts separates the failing samples from the passing ones.

Here belong the predicates that models, tokenizers and clients are known to stumble over, each with the cause it hints at,
and the search for the fewest of them that (nearly) all failing samples share and (nearly) no passing sample has. Proof by
requests belongs to `counterfactuals`.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices
from parity_pipeline.core.diagnosis.edits import ANGLED, BRACKETED, EDITS, EMOJI, ODD_SPACE, strip_accents
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows

_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS_AND_SIGNS = re.compile(r"[a-zA-Z]{1,5}|\d|[^\W\d_a-zA-Z]|[^\w\s]")
_RUN = re.compile(r"\w+")
_PUNCTUATION = re.compile(r"[^\w\s]")

LONG_WORD: Final = 100
"""Characters from which on a word is unknown to the word piece tokenizer of BERT as a whole."""

_SCRIPTS: Final[tuple[tuple[str, str], ...]] = (
    ("Hangul", "\uac00-\ud7a3"),
    ("Devanagari", "\u0900-\u097f"),
    ("Bengali", "\u0980-\u09ff"),
    ("Tamil", "\u0b80-\u0bff"),
    ("Thai", "\u0e00-\u0e7f"),
    ("Arabic", "\u0600-\u06ff\u0750-\u077f"),
    ("Hebrew", "\u0590-\u05ff"),
    ("Cyrillic", "\u0400-\u04ff"),
    ("Greek", "\u0370-\u03ff"),
    ("kana", "\u3040-\u30ff"),
    ("Han", "\u3400-\u4dbf\u4e00-\u9fff"),
    ("full-width forms", "\uff00-\uffef"),
)


@dataclass(frozen=True, slots=True)
class TextPredicate:
    """A property that a text has or has not.

    Attributes:
        cause: What it hints at.
        words: The property, as it reads behind "texts with".
        holds: The predicate.
    """

    cause: CauseName
    words: str
    holds: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Measure:
    """A length of a text that a limit may stand in."""

    unit: str
    of: Callable[[str], int]


def longest_word(text: str) -> int:
    """Return the characters of the longest run of letters and digits; 0 for none."""
    return max((len(run) for run in _RUN.findall(text)), default=0)


def _script(signs: str) -> Callable[[str], bool]:
    pattern = re.compile(f"[{signs}]")
    return lambda text: pattern.search(text) is not None


def _composed(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


PREDICATES: Final[tuple[TextPredicate, ...]] = (
    TextPredicate(CauseName.BLANK, "nothing but white space", lambda text: not text.strip()),
    TextPredicate(CauseName.TOKENIZER, "a lone surrogate", lambda text: bool(_SURROGATE.search(text))),
    TextPredicate(
        CauseName.SPECIAL_TOKENS, "a special token such as [SEP] written out", lambda t: bool(BRACKETED.search(t))
    ),
    TextPredicate(
        CauseName.SPECIAL_TOKENS, "a special token such as </s> written out", lambda t: bool(ANGLED.search(t))
    ),
    TextPredicate(
        CauseName.TOKENIZER, f"a word of more than {LONG_WORD} characters", lambda t: longest_word(t) > LONG_WORD
    ),
    TextPredicate(
        CauseName.TOKENIZER,
        "white space such as U+0085 or a form feed",
        lambda text: bool(ODD_SPACE.search(text.strip())),
    ),
    TextPredicate(
        CauseName.NEWLINE, "a line break", lambda text: bool(text.strip()) and bool(re.search(r"[\r\n]", text))
    ),
    TextPredicate(CauseName.TRIM, "white space at an end", lambda text: bool(text.strip()) and text != text.strip()),
    TextPredicate(CauseName.UNICODE_FORM, "characters that are not composed (NFC)", lambda text: not _composed(text)),
    *(TextPredicate(CauseName.TOKENIZER, f"{name} letters", _script(signs)) for name, signs in _SCRIPTS),
    TextPredicate(CauseName.EMOJI, "an emoji", lambda text: bool(EMOJI.search(text))),
    TextPredicate(CauseName.CASE, "capital letters alone", str.isupper),
    TextPredicate(CauseName.ACCENTS, "letters with accents", lambda text: strip_accents(text) != text),
    TextPredicate(CauseName.CASE, "capital letters", lambda text: text.lower() != text),
    TextPredicate(CauseName.PUNCTUATION, "punctuation", lambda text: bool(_PUNCTUATION.search(text))),
)
"""Properties from the rarest to the commonest: where several separate equally well, the rarest is reported."""

MEASURES: Final[tuple[Measure, ...]] = (
    Measure("characters", len),
    Measure("words", lambda text: len(text.split())),
    Measure("words and signs", lambda text: len(_WORDS_AND_SIGNS.findall(text))),
)
"""Lengths that a limit may stand in; the last one comes nearest to the tokens of a server."""

CHANCE: Final = 1e-3
"""Largest probability of so good a separation by chance (hypergeometric, one-sided) at which a property is reported."""

PASSING_SHARE: Final = 0.1
"""Largest share of passing samples among those with a property at which it still separates."""

_COMMON: Final = frozenset(edit.cause for edit in EDITS) - {
    CauseName.TOKENIZER,
    CauseName.SPECIAL_TOKENS,
    CauseName.EMOJI,
}
"""Causes whose properties are so common that chance is corrected for the number of properties tried."""

_TOUCHED: Final = 1e-6
"""1 - cosine up to which a sample counts as untouched whatever the others show."""

_ROUNDS: Final = 8
"""Properties that are reported for one comparison at most."""


@dataclass(frozen=True, slots=True)
class _Split:
    """A property and how it parts the samples.

    Attributes:
        cause: What it hints at.
        words: What the texts have.
        failing: Waiting rows that have it.
        passing: How many passing samples have it.
        chance: Probability of so many failing ones among those that have it.
        holds: Whether a text has it.
        moved: How many passing samples have it and differ as well, too little to fail. `passing` excludes them.
    """

    cause: CauseName
    words: str
    failing: Rows
    passing: int
    chance: float
    holds: Callable[[str], bool]
    moved: int = 0


def find_text_split(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return properties that separate waiting failing samples from the passing ones, the best first.

    A property on too few samples to exclude chance is reported, as possible, only beside a better one of the same
    cause: where a tokenizer is shown to differ, a lone text in another script that no passing sample has fits it.
    """
    left = waiting & context.low
    if not left.any():
        return []
    having = [(trait, _having(context, trait)) for trait in PREDICATES]
    found = _splits(context, having, left, context.typical, ())
    return found if context.typical.all() else [*found, *_splits(context, having, left, np.ones_like(left), found)]


def _splits(
    context: DiagnosisContext,
    having: Sequence[tuple[TextPredicate, Mask]],
    waiting: Mask,
    among: Mask,
    before: Sequence[FoundCause],
) -> list[FoundCause]:
    """Return the properties that separate waiting rows from passing ones among some samples.

    Failing rows beside those that have the property too are explained by it; none of the rows waits any longer.
    """
    passing = indices(context.passing & among)
    found: list[FoundCause] = []
    for _ in range(_ROUNDS if len(passing) else 0):
        left = indices(waiting & among)
        named = {finding.name for finding in (*before, *found)}
        splits = [*_traits(context, having, left, passing), *_lengths(context, left, passing, among)]
        split = _best(splits, named)
        if split is None:
            break
        rows = np.union1d(
            split.failing, [row for row in indices(waiting).tolist() if split.holds(context.text_of(row))]
        )
        found.append(_finding(context, split, rows.astype(np.intp), len(left), len(passing)))
        waiting[rows.astype(np.intp)] = False
    return found


def shared_property(context: DiagnosisContext, rows: Sequence[int]) -> str:
    """Return in words the rarest property that all of some rows have and hardly any passing row; "" for none."""
    passing = indices(context.passing & context.typical).tolist()
    for trait in PREDICATES:
        if all(trait.holds(context.text_of(row)) for row in rows):
            fine = sum(trait.holds(context.text_of(row)) for row in passing)
            if fine <= PASSING_SHARE * (len(rows) + fine):
                return trait.words
    return ""


def _having(context: DiagnosisContext, trait: TextPredicate) -> Mask:
    return np.array([trait.holds(text) for text in context.texts], np.bool_)


def _best(splits: Sequence[_Split], named: set[CauseName]) -> _Split | None:
    """Return the split least due to chance; of equal ones the first, for properties stand from rare to common."""
    clear = [split for split in splits if split.chance <= CHANCE]
    if clear:
        return min(clear, key=lambda split: split.chance)
    beside = [split for split in splits if split.cause in named and not split.passing]
    return min(beside, key=lambda split: split.chance, default=None)


def _traits(
    context: DiagnosisContext, having: Sequence[tuple[TextPredicate, Mask]], left: Rows, passing: Rows
) -> list[_Split]:
    splits: list[_Split] = []
    for trait, mask in having:
        failing = left[mask[left]]
        moved = _moved(context, passing, mask)
        fine = int(mask[passing].sum()) - moved
        if len(failing) and fine <= PASSING_SHARE * (len(failing) + fine):
            tries = len(having) if trait.cause in _COMMON else 1
            chance = min(1.0, tries * chance_of(len(failing), fine, len(left), len(passing)))
            splits.append(_Split(trait.cause, f"texts with {trait.words}", failing, fine, chance, trait.holds, moved))
    return splits


def _moved(context: DiagnosisContext, passing: Rows, mask: Mask) -> int:
    """Return how many passing samples with a property differ far more than those without it do."""
    lost = 1.0 - context.cosine[passing]
    without = lost[~mask[passing]]
    if not len(without):
        return 0
    return int((lost[mask[passing]] > max(_TOUCHED, 10.0 * float(np.median(without)))).sum())


def _lengths(context: DiagnosisContext, left: Rows, passing: Rows, among: Mask) -> list[_Split]:
    """Return for each measure the limit that separates best, corrected for the number of limits tried."""
    splits: list[_Split] = []
    if _as_long_pass(context, left, among):
        return splits
    for measure in MEASURES:
        lengths = np.array([measure.of(text) for text in context.texts], np.intp)
        best: _Split | None = None
        limits = np.unique(lengths[left])
        for limit in limits.tolist():
            failing, fine = left[lengths[left] >= limit], int((lengths[passing] >= limit).sum())
            if fine > PASSING_SHARE * (len(failing) + fine):
                continue
            chance = min(1.0, len(limits) * chance_of(len(failing), fine, len(left), len(passing)))
            if best is None or chance < best.chance:
                words = _limit_words(context, measure, limit, passing)
                best = _Split(CauseName.TRUNCATION, words, failing, fine, chance, _reaching(measure, limit))
        if best is not None and best.chance <= CHANCE:
            splits.append(best)
    return splits


def _as_long_pass(context: DiagnosisContext, left: Rows, among: Mask) -> bool:
    """Say whether most other texts, as long as half of the failing ones by every measure, come out as before.

    Texts of one source may be long and odd together, such as those with a quotation. Where longer hazards pass, it is not
    the length that makes them fail.
    """
    others = indices((context.passing | context.failing) & ~among)
    if not len(left) or not len(others):
        return False
    long = np.ones(len(others), np.bool_)
    for measure in MEASURES:
        usual = np.median([measure.of(context.text_of(row)) for row in left.tolist()])
        long &= np.array([measure.of(context.text_of(row)) for row in others.tolist()], np.intp) >= usual
    unchanged = context.passing[others] & (context.cosine[others] >= context.near)
    return int((long & unchanged).sum()) > int((long & ~unchanged).sum())


def _reaching(measure: Measure, limit: int) -> Callable[[str], bool]:
    return lambda text: measure.of(text) >= limit


def _limit_words(context: DiagnosisContext, measure: Measure, limit: int, passing: Rows) -> str:
    """Return the limit with its boundary: the longest passing text below it, and the other measure of the same text."""
    below = [row for row in passing.tolist() if measure.of(context.text_of(row)) < limit]
    longest = max((measure.of(context.text_of(row)) for row in below), default=0)
    boundary = f"the longest passing text below has {longest}, so the limit is between"
    return f"texts of {limit} {measure.unit} or more ({boundary})"


def chance_of(failing: int, fine: int, all_failing: int, all_fine: int) -> float:
    """Return the probability of `failing` or more failing ones among `failing + fine` drawn blindly."""
    from scipy.stats import hypergeom  # noqa: PLC0415 - takes a second to import, and most dates have nothing to explain

    return float(hypergeom.sf(failing - 1, all_failing + all_fine, all_failing, failing + fine))


def _finding(context: DiagnosisContext, split: _Split, rows: Rows, failing: int, passing: int) -> FoundCause:
    words = (
        f"{len(split.failing)} of {failing} failing and {split.passing} of {passing} passing samples are {split.words}"
    )
    if split.moved:
        words += f"; {split.moved} more that pass have it and differ too, too little to fail"
    if len(rows) > len(split.failing):
        words += f"; so are {len(rows) - len(split.failing)} failing hazards"
    clear = split.chance <= CHANCE
    evidence = context.evidence(rows.tolist(), lambda _: split.words)
    return FoundCause(split.cause, words, Confidence.LIKELY if clear else Confidence.POSSIBLE, rows, evidence)
