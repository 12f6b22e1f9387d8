"""The texts that the matrix of faults is run on: made-up traffic and hazards, the same for a seed.

Here belongs making and ordering them. Smaller sets are the beginnings of larger ones, so that "the smallest set that
shows a fault" means one thing.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX, SETS, hazards_in
from parity_pipeline.core.samples import sample_id

TRAFFIC: Final = "traffic"
"""Category of the made-up traffic."""

_LONGEST: Final = 12_000
"""Characters of the longest hazard that is taken: longer ones cost time."""

_REFUSED: Final = ("blanks", "surrogates")
"""Sets that both gateways refuse. One such text has its whole request sent again in halves, so they stand together."""

_PLACES_OF_REFUSED: Final = (40, 20, *range(464, 494, 3))
"""Where they stand: a blank and a surrogate in different requests of the first 50 texts, ten in the last of 500."""

_WHO: Final = ("Our Denver branch", "The night dispatcher", "Élodie from payroll", "A customer", "Søren", "the QA team")
_DOES: Final = ("asks for", "cancelled", "is waiting for", "needs", "reported a problem with", "has signed off")
_WHAT: Final = (
    "two reach-truck drivers",
    "the invoice of ACME GmbH",
    "a crêpe stand permit",
    "the API key rotation",
    "12 pallets of coffee",
    "a background check (level 2)",
    "the São Paulo contract",
    "a replacement scanner",
)
_WHEN: Final = ("by Tuesday", "before 6:45 am", "next quarter", "ASAP", "on 3/14", "until further notice", "")
_MORE: Final = (
    "Please call back, the gate code has changed.",
    "It was agreed on the phone; nobody wrote it down.",
    "Overtime is paid at 1.5x after 40 hours.",
    "Badge readers at dock 7 are down again!",
    "Must lift 50 lbs and work weekends.",
    "Naïve estimates put it at €4,200.",
    "See the attached form, page 3, second table.",
    "Shuttle leaves from the café on Elm Street.",
    "No experience needed, training on site.",
    "Does this still hold for temp-to-hire?",
)
_QUERIES: Final = ("welders near {}", "{} shift lead", "how to file a claim in {}", "{} forklift CERT", "payroll {}")
_PLACES: Final = ("Tulsa", "Zürich", "Fort Wayne", "Mälmö", "Gary IN", "El Paso", "Łódź", "Bangor")


def _message(generator: random.Random, sentences: int) -> str:
    parts = [generator.choice(group) for group in (_WHO, _DOES, _WHAT, _WHEN)]
    first = " ".join(part for part in parts if part) + generator.choice(".!?")
    return " ".join([first, *(generator.choice(_MORE) for _ in range(sentences - 1))])


def _line(generator: random.Random) -> str:
    """Return one text: a query, a message of one sentence or of many, now and then with odd white space."""
    chance = generator.random()
    number = generator.randrange(10_000)
    if chance < 0.3:
        return f"{generator.choice(_QUERIES).format(generator.choice(_PLACES))} #{number}"
    text = f"{_message(generator, 1 + int(generator.expovariate(0.25)))} Ref {number}"
    if chance > 0.94:
        return f"  {text}\n"
    return text.replace(". ", ".\n", 2) if chance > 0.84 else text


def traffic(size: int, seed: int) -> list[str]:
    """Return so many distinct made-up texts of 2 to about 200 words."""
    generator = random.Random(seed)  # noqa: S311 - a reproducible set, nothing secret
    texts: dict[str, None] = {}
    while len(texts) < size:
        texts[_line(generator)] = None
    return list(texts)


def hazards(seed: int) -> Iterator[tuple[str, str]]:
    """Yield category and text of the hazards, one of each set in turn, in a seeded order within each."""
    generator = random.Random(seed)  # noqa: S311 - as above
    piles: list[tuple[str, list[str]]] = []
    for name in (one for one in SETS if one not in _REFUSED):
        texts = [probe.text for probe in hazards_in((name,), salt=str(seed)) if len(probe.text) <= _LONGEST]
        generator.shuffle(texts)
        piles.append((f"{CATEGORY_PREFIX}{name}", texts))
    while any(texts for _, texts in piles):
        for category, texts in piles:
            if texts:
                yield category, texts.pop()


def sample_set(seed: int, size: int = 500) -> SampleBlock:
    """Return a set whose first five texts are traffic, and of whose others about every second one is a hazard.

    Args:
        seed: Decides all of them.
        size: Texts; the set of a smaller size is the beginning of this one.
    """
    found: dict[str, str] = {}
    probes = hazards(seed)
    for place, text in enumerate(traffic(size, seed)):
        found.setdefault(text, TRAFFIC)
        if place >= 4 and (probe := next(probes, None)):
            found.setdefault(probe[1], probe[0])
    mixed = list(found.items())
    for place, probe in sorted(zip(_PLACES_OF_REFUSED, _refused(seed), strict=False)):
        mixed.insert(place, probe)
    return block_of([text for text, _ in mixed[:size]], [category for _, category in mixed[:size]])


def _refused(seed: int) -> list[tuple[str, str]]:
    """Return a blank, then a lone surrogate, then the other blanks and as many surrogates as there is room for."""
    generator = random.Random(seed)  # noqa: S311 - as above
    found: list[list[tuple[str, str]]] = []
    for name in _REFUSED:
        texts = [probe.text for probe in hazards_in((name,), salt=str(seed))]
        kept = [text for text in texts if name != "blanks" or not text.strip()]
        generator.shuffle(kept)
        found.append([(text, f"{CATEGORY_PREFIX}{name}") for text in kept])
    blank, odd = found
    return [blank[0], odd[0], *blank[1:], *odd[1:]][: len(_PLACES_OF_REFUSED)]


def block_of(texts: Sequence[str], categories: Sequence[str]) -> SampleBlock:
    """Return texts as a sample block from ordinal 0 on."""
    return SampleBlock(0, [sample_id(text) for text in texts], list(texts), list(categories))


def beginning(block: SampleBlock, size: int) -> SampleBlock:
    """Return the first samples of a block."""
    return block_of(block.texts[:size], block.categories[:size])
