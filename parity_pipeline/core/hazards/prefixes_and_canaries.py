"""Texts about words: task prefixes, near-duplicates, texts nobody has sent before, and fixed canaries.

Here belong also the texts that the stability experiments repeat or renew. Lengths belong to `lengths`.
"""

import hashlib
from typing import Final

from parity_pipeline.core.hazards.hazard import Hazard, Relation, groups, singles

_QUESTION: Final = "who can drive a reach truck on the night shift"
_STATEMENT: Final = "Our night crew has two certified drivers"
_PREFIXES: Final = {
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

_NEAR: Final = {
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

_REORDERED: Final = {
    "order-of-names": ("Paul reports to Anna", "Anna reports to Paul"),
    "order-of-words": ("the truck hit the gate", "the gate hit the truck"),
}
"""A model that takes the mean of static word vectors gives these the same vector."""

_CANARIES: Final = {
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


def canary_texts() -> tuple[str, ...]:
    """Return the fixed texts that an experiment sends at its start, middle and end.

    A sample set holds each once, since it drops identical texts; only an experiment can repeat them.
    """
    return tuple(_CANARIES.values())


def wording(salt: str) -> tuple[Hazard, ...]:
    """Return the hazards of this module.

    Args:
        salt: Salt of the set `salted`, as in `salted_texts`.
    """
    fresh = {f"consignment-{number:02}": text for number, text in enumerate(salted_texts(salt, SALTED_TEXTS))}
    return (
        *groups("prefixes", (17,), _PREFIXES, Relation.MUST_DIFFER, "a text plain, then with a task prefix"),
        *groups("near-duplicates", (15,), _NEAR, Relation.MUST_DIFFER, "two texts that differ in one word or digit"),
        *groups("near-duplicates", (15,), _REORDERED, Relation.MAY_EQUAL, "the same words in another order"),
        *singles("salted", (28,), fresh, "never sent before this salt"),
        *singles("canaries", (5, 27, 30), _CANARIES, "a fixed text to know a model by, date after date"),
    )
