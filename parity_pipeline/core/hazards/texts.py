"""The hazard texts of ordinary writing: case, accents, white space, lengths, task prefixes, canaries.

Here belongs what a tokenizer or a client may fold away, cut off or fail to read. Each table holds a text, or the texts of one
group, by key; which set and which cases they are of is in `corpus`. Signs, scripts and program text stand in
`scripts_and_symbols`.

No tokenizer is at hand, so a length is counted in common short words: each is one token of the demo's models, and of most
vocabularies. A model that adds two special tokens reaches its window two words earlier, so the ladder has rungs there too.
"""

import hashlib
import random
from typing import Final

CASED: Final = {
    "city": "The warehouse in Aurora opens at six",
    "safety": "Forklift drivers must wear a helmet",
    "acronym": "It is us who need the who report on aids",
    "name": "Will met Mark and Bill at the mint",
    "month": "We may march in august",
    "product": "Apple sells fewer windows than Amazon",
    "question": "Is the second shift full?",
    "german": "Die Fahrer warten auf den Stapler",
    "greek": "\u039f οδηγός περιμένει στην αποθήκη",
    "cyrillic": "Водитель ждёт на складе",
    "one-word": "warehouse",
    "shouted": "stop the line now",
}

ACCENTED: Final = {
    "cv": ("résumé", "resume"),
    "pay": ("The pâté is rosé, she exposé it", "The pate is rose, she expose it"),
    "year": ("tengo veinte años", "tengo veinte anos"),
    "coffee": ("Un café près de la gare", "Un cafe pres de la gare"),
    "umlaut": ("Schöne Grüße an die Bäcker", "Schone Grusse an die Backer"),
    "polish": ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
    "czech": ("Příliš žluťoučký kůň", "Prilis zlutoucky kun"),
    "turkish": ("I\u015f\u0131k \u0131l\u0131k, iğne ince", "Isik ilik, igne ince"),
    "vietnamese": ("Công nhân kho hàng ở Huế", "Cong nhan kho hang o Hue"),
    "nordic": ("Ærlig øl på ås", "Aerlig ol pa as"),
    "romanian": ("Șase știuci în țarc", "Sase stiuci in tarc"),
    "portuguese": ("A mãe põe pão à mesa", "A mae poe pao a mesa"),
}

CANONICAL: Final = {
    "accents": "Crème brûlée à la carte",
    "hangul": "창고 직원이 지게차를 운전합니다",
    "hangul-short": "한국어",
    "vietnamese": "Người lái xe nâng đã đến trễ",
    "kana": "ガレージでパレットをはこぶ",
    "bengali": "ভোরে গুদাম খোলে",
    "angstrom": "5 Ångström",
    "dots": "Ṩentence with stacked marks: ḗ ṻ ệ",
}

COMPATIBLE: Final = {
    "ligature": "The \ufb01rst o\ufb03ce \ufb02oor",
    "fullwidth": "\uff26\uff4f\uff52\uff4b\uff4c\uff49\uff46\uff54 \uff11\uff12",
    "circled": "Step \u2460, step \u2461, step \u2462",
    "superscript": "10 m\u00b2 and 3 m\u00b3",
    "fraction": "\u00bd pallet, \u00be load",
    "roman": "Chapter \u2163, part \u2168",
    "halfwidth-kana": "\uff8c\uff6b\uff70\uff78\uff98\uff8c\uff84",
    "units": "\u338f per \u33a1 at 20 \u2103",
    "styled": "\U0001d401\U0001d428\U0001d425\U0001d41d claim",
}

SURROGATES: Final = {
    "high-alone": "\ud83d",
    "low-alone": "\ude00",
    "high-at-end": "a truck \ud83d",
    "low-at-start": "\ude00 a truck",
    "between-words": "left \ud800 right",
    "swapped": "low before high \ude00\ud83d here",
    "two-highs": "two highs \ud83d\ud83d here",
    "beside-a-pair": "a sound one \U0001f600 and a broken one \ud83d",
}


SPACED: Final = {
    "leading": ("forklift keys are missing", " forklift keys are missing", "   forklift keys are missing"),
    "trailing": ("the dock is closed", "the dock is closed ", "the dock is closed   "),
    "double": ("load the truck first", "load  the  truck  first"),
    "tab": ("name and number", "name\tand\tnumber"),
    "no-break": ("gate number nine", "gate\u00a0number\u00a0nine"),
    "thin": ("weight in kilos", "weight\u2009in\u2009kilos"),
    "ideographic": ("north gate", "north\u3000gate"),
    "zero-width": ("overnight delivery", "over\u200bnight delivery"),
    "joiner": ("checkpoint", "check\u2060point"),
    "soft-hyphen": ("timetable", "time\u00adtable"),
    "mark": ("opening hours", "\ufeffopening hours"),
    "controls": ("bell rings twice", "bell\x07 rings twice", "bell\x1b[1m rings twice"),
}

LINES: Final = {
    "feed": ("pick then pack", "pick\nthen\npack"),
    "windows": ("scan the label", "scan\r\nthe label"),
    "return": ("print the list", "print\rthe list"),
    "trailing": ("close the gate", "close the gate\n", "close the gate\r\n"),
    "leading": ("open the gate", "\nopen the gate"),
    "paragraph": ("first line second line", "first line\n\nsecond line", "first line\n\n\n\nsecond line"),
    "separator": ("upper half lower half", "upper half\u2028lower half", "upper half\u2029lower half"),
    "next-line": ("old system new system", "old system\x85new system"),
    "page": ("page one page two", "page one\x0cpage two"),
}

BLANK: Final = {
    "empty": "",
    "space": " ",
    "tab": "\t",
    "no-break-space": "\u00a0",
    "zero-width-space": "\u200b",
    "newline": "\n",
}

_DOERS: Final = ("driver", "loader", "packer", "clerk", "welder", "guard", "planner", "buyer")
_DEEDS: Final = ("counts the crates", "signs the form", "checks the seal", "calls the office")
_PLACES: Final = ("at dawn", "by the gate", "in the yard", "after lunch")


def neighbour(number: int) -> str:
    """Return the plain text that stands beside the blanks; different for every number from 0 to 127."""
    place, rest = divmod(number, len(_DOERS) * len(_DEEDS))
    deed, doer = divmod(rest, len(_DOERS))
    return f"The {_DOERS[doer]} {_DEEDS[deed]} {_PLACES[place]}"


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


def ladder() -> dict[str, str]:
    """Return so many common words; each rung is the head of the next."""
    words = _words()
    around = {window + step for window in WINDOWS for step in (-3, -2, -1, 0, 1)}
    rungs = sorted({*_SHORT_RUNGS, *around, _PAST_ALL})
    return {f"words-{count:05}": " ".join(words[:count]) for count in rungs}


def tail_edits() -> dict[str, tuple[str, str]]:
    """Return one head of so many words with two tails."""
    words = _words()
    heads = {count: " ".join(words[:count]) for count in _HEADS}
    return {
        f"tail-{count:05}": (f"{head} . pay the driver in cash", f"{head} . never open that old red door")
        for count, head in heads.items()
    }


def equal_lengths() -> dict[str, list[str]]:
    """Return distinct texts of equally many common words."""
    pools = [subject.split() for subject in _SUBJECTS]
    made: dict[str, list[str]] = {}
    for count in _EQUAL:
        choose = random.Random(count)  # noqa: S311 - fixed texts, nothing secret
        made[f"words-{count:02}"] = [
            " ".join(choose.sample(pools[number % len(pools)], count)) for number in range(_EQUAL_TEXTS)
        ]
    return made


_QUESTION: Final = "who can drive a reach truck on the night shift"
_STATEMENT: Final = "Our night crew has two certified drivers"
PREFIXES: Final = {
    "query-task": (
        _QUESTION,
        f"search_query: {_QUESTION}",
        f"query: {_QUESTION}",
        f"Query: {_QUESTION}",
        f"classification: {_QUESTION}",
        f"clustering: {_QUESTION}",
        f"Represent this sentence for searching relevant passages: {_QUESTION}",
        f"Instruct: find matching profiles\nQuery: {_QUESTION}",
        f"task: search result | query: {_QUESTION}",
    ),
    "document-task": (
        _STATEMENT,
        f"search_document: {_STATEMENT}",
        f"passage: {_STATEMENT}",
        f"document: {_STATEMENT}",
        f"title: none | text: {_STATEMENT}",
    ),
    "prefix-twice": ("search_query: open docks", "search_query: search_query: open docks"),
    "prefix-alone": ("search_query:", "search_document:", "query:", "passage:"),
}

NEAR: Final = {
    "one-word": ("Ship the blue crate to Dayton today", "Ship the green crate to Dayton today"),
    "one-digit": ("Invoice 48213 is due in May", "Invoice 48218 is due in May"),
    "negation": ("The driver has a valid licence", "The driver has no valid licence"),
    "not": ("The gate is locked at night", "The gate is not locked at night"),
    "never": ("Always stack pallets three high", "Never stack pallets three high"),
    "opposite": ("Turn the valve left to open it", "Turn the valve right to open it"),
    "unit": ("Set the heater to 20 minutes", "Set the heater to 20 hours"),
    "name": ("Maria trained Peter last week", "Maria trained Paul last week"),
    "tense": ("They will unload the ship", "They have unloaded the ship"),
    "number": ("One truck waits outside", "Two trucks wait outside"),
    "quantity": ("At least nine people applied", "At most nine people applied"),
}

REORDERED: Final = {
    "order-of-names": ("Paul reports to Anna", "Anna reports to Paul"),
    "order-of-words": ("the truck hit the gate", "the gate hit the truck"),
}
"""A model that takes the mean of static word vectors gives these the same vector."""

CANARIES: Final = {
    "short": "the harbour crane is idle",
    "sentence": "Please move the two red containers to bay fourteen before the night shift begins.",
    "question": "Which of the suppliers delivered late in both March and April?",
    "numbers": "Lot 7731: 48 boxes, 12.5 kg each, total 600 kg.",
    "accents": "Die Kühlkette für Gemüse wurde überprüft.",
    "paragraph": (
        "The inspection found worn brakes on one lift and a missing light on another. Both were taken out of service, "
        "and the spare lift was brought over from the north hall until the parts arrive."
    ),
}
"""The fixed texts that an experiment sends at its start, middle and end. A sample set holds each once, since it drops
identical texts; only an experiment can repeat them."""

_GOODS: Final = ("copper wire", "paper rolls", "frozen peas", "garden chairs", "engine parts", "rice", "glass", "tyres")
SALTED_TEXTS: Final = 16
"""Texts of the set `salted`."""


def salted_texts(salt: str, count: int) -> tuple[str, ...]:
    """Return texts that no cache can hold unless they were sent with this very salt.

    Args:
        salt: Anything; the same salt gives the same texts.
        count: How many.
    """
    return tuple(_salted(salt, number) for number in range(count))


def _salted(salt: str, number: int) -> str:
    digest = hashlib.sha256(f"{salt}\0{number}".encode("utf-8", "surrogatepass")).hexdigest()
    dock, weight = int(digest[8:12], 16) % 90 + 10, int(digest[12:16], 16) % 900 + 100
    return f"Consignment {digest[:8]} of {_GOODS[number % len(_GOODS)]}, {weight} kg, waits at dock {dock}"
