"""The edits that a client, a gateway or a tokenizer makes to a text before the model reads it.

Here belong pure functions of one text, each with the cause it stands for, and the known task prefixes. Which of them
explains a failure belongs to `edits` and `counterfactuals`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, counted, indices, pair_cosine
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence
from parity_pipeline.core.outcomes import Side

_PUNCTUATION = re.compile(r"[^\w\s]")
_SPACES = re.compile(r"\s+")
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_LINE_ENDS = re.compile(r"[ \t]*[\r\n]\s*")
ODD_SPACE: Final = re.compile("[\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
"""White space that tokenizers disagree on: some split words there, some drop it as a control character."""

EMOJI: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u200d\ufe0f]")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f\u00ad\u200b-\u200f\u2060\ufeff]")
"""Control characters and signs of no width: cleaners drop them, and so do some tokenizers."""
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
"""What asks for a sign as an emoji or as text: it may follow a digit too."""

BRACKETED: Final = re.compile(r"\[(?:CLS|SEP|MASK|PAD|UNK)\]")
ANGLED: Final = re.compile(r"</?s>|<(?:unk|pad|mask|bos|eos)>|<\|[a-z_]+\|>")
"""Tokens of a model's own, written out in a text: those of BERT, and those of other families."""

_SPECIAL_TOKEN = re.compile(f"{BRACKETED.pattern}|{ANGLED.pattern}")


@dataclass(frozen=True, slots=True)
class Edit:
    """One way of changing a text.

    Attributes:
        cause: What it is called where it explains a failure.
        words: What it does, as a clause: "letters are lower-cased".
        apply: The change; a text it does not concern comes back equal.
    """

    cause: CauseName
    words: str
    apply: Callable[[str], str]


def strip_accents(text: str) -> str:
    """Return the text without non-spacing marks, composed again."""
    if text.isascii():
        return text
    split = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in split if unicodedata.category(sign) != "Mn"))


def skeleton(text: str) -> tuple[str, ...]:
    """Return what no edit changes: the words without case, accents, punctuation, order and number.

    >>> skeleton("Résumé, please!") == skeleton("please RESUME")
    True
    """
    plain = strip_accents(unicodedata.normalize("NFKC", text)).casefold()
    return tuple(sorted(set(_PUNCTUATION.sub(" ", plain).split())))


def letters(text: str) -> str:
    """Return what is left without white space and punctuation, in one case and without accents; may be empty.

    >>> letters("1.000 pallets") == letters("1000 Pallets")
    True
    """
    plain = strip_accents(unicodedata.normalize("NFKC", text)).casefold()
    return _SPACES.sub("", _PUNCTUATION.sub("", plain))


def _form(name: str) -> Callable[[str], str]:
    def apply(text: str) -> str:
        return unicodedata.normalize(name, text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a name of the table below

    return apply


def break_special_tokens(text: str) -> str:
    """Return the text with a blank inside each special token, so that no tokenizer reads it as one.

    >>> break_special_tokens("a [SEP] b")
    'a [ SEP ] b'
    """
    return _SPECIAL_TOKEN.sub(lambda token: " ".join((token[0][0], token[0][1:-1], token[0][-1])), text)


_PLAIN_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    }
)
"""Typographic quotation marks and their plain forms: those that text cleaners such as ftfy replace."""


_PLAIN_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015", "-"))


def _translated(signs: dict[int, str]) -> Callable[[str], str]:
    return lambda text: text.translate(signs)


def _inside(replace_with: str) -> Callable[[str], str]:
    """Return an edit of the odd white space between words: at the ends it is trimmed like any other."""

    def apply(text: str) -> str:
        core = text.strip()
        before, _, behind = text.partition(core) if core else (text, "", "")
        return before + ODD_SPACE.sub(replace_with, core) + behind

    return apply


EDITS: Final[tuple[Edit, ...]] = (
    Edit(CauseName.SPECIAL_TOKENS, "special tokens such as [SEP] are read as plain text", break_special_tokens),
    Edit(CauseName.TOKENIZER, "white space such as U+0085 or a form feed becomes a blank", _inside(" ")),
    Edit(CauseName.TOKENIZER, "white space such as U+0085 or a form feed is left away", _inside("")),
    Edit(CauseName.TOKENIZER, "control characters or signs of no width are left away", lambda t: _UNSEEN.sub("", t)),
    Edit(CauseName.TRIM, "white space at both ends is cut off", str.strip),
    Edit(CauseName.TRIM, "white space at the end is cut off", str.rstrip),
    Edit(CauseName.NEWLINE, "line feeds become blanks", lambda text: text.replace("\n", " ")),
    Edit(CauseName.NEWLINE, "line ends are left away", lambda text: text.replace("\r", "").replace("\n", "")),
    Edit(
        CauseName.NEWLINE,
        "line ends and the white space around them become one blank",
        lambda t: _LINE_ENDS.sub(" ", t),
    ),
    Edit(CauseName.TRIM, "runs of blanks become one", lambda text: _BLANKS.sub(" ", text)),
    Edit(CauseName.UNICODE_FORM, "typographic quotation marks become plain ones", _translated(_PLAIN_SIGNS)),
    Edit(CauseName.UNICODE_FORM, "typographic dashes become hyphens", _translated(_PLAIN_DASHES)),
    Edit(
        CauseName.UNICODE_FORM,
        "typographic quotation marks and dashes become plain ones",
        _translated(_PLAIN_SIGNS | _PLAIN_DASHES),
    ),
    Edit(CauseName.UNICODE_FORM, "variation selectors are left away", lambda text: _SELECTORS.sub("", text)),
    Edit(CauseName.UNICODE_FORM, "characters are composed (NFC)", _form("NFC")),
    Edit(CauseName.UNICODE_FORM, "characters are decomposed (NFD)", _form("NFD")),
    Edit(CauseName.UNICODE_FORM, "characters take their compatibility form (NFKC)", _form("NFKC")),
    Edit(CauseName.EMOJI, "emoji or dingbats are dropped", lambda text: EMOJI.sub("", text)),
    Edit(CauseName.EMOJI, "emoji or dingbats become blanks", lambda text: EMOJI.sub(" ", text)),
    Edit(CauseName.CASE, "letters are lower-cased", str.lower),
    Edit(CauseName.CASE, "letters are upper-cased", str.upper),
    Edit(CauseName.ACCENTS, "accents are stripped", strip_accents),
    Edit(CauseName.PUNCTUATION, "punctuation is dropped", lambda text: _PUNCTUATION.sub("", text)),
    Edit(CauseName.PUNCTUATION, "punctuation becomes blanks", lambda text: _PUNCTUATION.sub(" ", text)),
)
"""Edits from the slightest to the strongest: where several explain a row, the slightest is reported."""

PREFIXES: Final[tuple[str, ...]] = (
    "search_document: ",
    "search_query: ",
    "clustering: ",
    "classification: ",
    "passage: ",
    "query: ",
    "document: ",
    "Represent this sentence for searching relevant passages: ",
    "Represent the document for retrieval: ",
    "title: none | text: ",
    "task: search result | query: ",
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
    "text: ",
    " ",
)
"""Task prefixes that published retrieval models are trained with, and the blank that some tokenizers add."""


def are_edited_pair(one: str, other: str) -> bool:
    """Say whether two texts differ only in case, accents and signs, or whether one begins or ends the other.

    >>> are_edited_pair("Hello ", "hello "), are_edited_pair("1.5 t", "15 t"), are_edited_pair("Hello", "Goodbye")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if short and (long.startswith(short) or long.endswith(short)):
        return True
    return skeleton(one) == skeleton(other) or letters(one) == letters(other) != ""


@dataclass(frozen=True, slots=True)
class EditedPairs:
    """Failing rows with the other side's vector of another sample, which is their edited form.

    Attributes:
        side: The side that gives it.
        edit: The edit.
        rows: Evidence by row.
    """

    side: Side
    edit: Edit
    rows: dict[int, Evidence]

    def cause(self, confidence: Confidence) -> FoundCause:
        """Return the cause that the pairs show."""
        words = (
            f"the {self.side} side gives {counted(len(self.rows), 'failing sample')} the vector that the other side gives to "
            f"the same text once {self.edit.words}"
        )
        rows = sorted(self.rows)
        evidence = [self.rows[row] for row in rows]
        return FoundCause(self.edit.cause, words, confidence, np.array(rows, np.intp), evidence, side=self.side)


def edited_pairs(context: DiagnosisContext, waiting: Mask) -> list[EditedPairs]:
    """Return for each side and edit the failing samples that have the other side's vector of their edited form."""
    if not context.same_width or context.vague:
        return []
    places: dict[str, int] = {}
    for row in indices(context.passing | context.low).tolist():
        places.setdefault(context.text_of(row), row)
    found: dict[tuple[Side, Edit], dict[int, Evidence]] = {}
    for row in indices(waiting & context.low).tolist():
        # Of blank texts no edit leaves anything.
        for side in (Side.CANDIDATE, Side.LEGACY) if context.text_of(row).strip() else ():
            match = _edited_form(context, row, side, places)
            if match:
                edit, evidence = match
                found.setdefault((side, edit), {})[row] = evidence
                break
    return [EditedPairs(side, edit, rows) for (side, edit), rows in found.items()]


def _edited_form(
    context: DiagnosisContext, row: int, side: Side, places: dict[str, int]
) -> tuple[Edit, Evidence] | None:
    """Return the slightest edit that leads from a row to a sample whose vector on the other side is the row's."""
    mine, other = (context.candidate, context.legacy) if side is Side.CANDIDATE else (context.legacy, context.candidate)
    for edit in EDITS:
        form = places.get(edit.apply(context.text_of(row)), row)
        if form == row:
            continue
        after = pair_cosine(mine[row], other[form])
        if after >= context.near:
            tried = f"the other side's vector of sample {context.id_of(form)}: {edit.words}"
            return edit, Evidence(
                sample=context.id_of(row), tried=tried, before=float(context.cosine[row]), after=after
            )
    return None
