"""The texts that the matrix of faults is run on, and which of them a fault affects.

Here belong making and ordering them (smaller sets are the beginnings of larger ones, so that "the smallest set that shows
a fault" means one thing), and the choice of a fault's scope, made from what the fault does to texts and never from the
verdict.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX, SETS, hazards_in
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.measures import measure_rows
from parity_pipeline.core.samples import sample_id
from parity_pipeline.demo.fault_effects import CONTEXT_WORDS, LONG_TEXT
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS, Fault
from parity_pipeline.faults.expected_causes import EXPECTED, Trial
from parity_pipeline.faults.trial_run import BATCH, MODEL, OTHER_MODEL, embedder

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


CHARACTERS: Final = 200
"""Where `truncate` cuts and from which length on `refuse-long` refuses."""

SEEDS: Final = 20_000
"""Seeds among which one is looked for."""

IN_BETWEEN: Final = 8
"""Requests after a long one until its response has certainly arrived: twice as many as are in flight at once."""

FAULT: Final = {fault.name: fault for fault in FAULTS}
"""The faults of the demo by name."""


def scope_for(trial: Trial, block: SampleBlock, seed: int) -> Scope:
    """Return the scope of a trial: the first seed at which the rate hits texts that the fault can change.

    Raises:
        ValueError: There is none among `SEEDS`: the set holds no such text.
    """
    scope = Scope(seed=seed, rate=trial.rate, every=True, other_models=(OTHER_MODEL,), characters=CHARACTERS)
    if not trial.lone:
        return scope
    fault = trial.faults[0]
    open_to = [touched(FAULT[fault], place, block, scope) for place in range(len(block))]
    rows = EXPECTED[fault].rows
    for one in range(seed, seed + SEEDS):
        hits = replace(scope, seed=one).hits(block.texts)
        places = [place for place, hit in enumerate(hits) if hit and open_to[place]]
        if _most_together(places) == rows == len(places) and (rows == 1 or not _refused_with(places[0], block)):
            return replace(scope, seed=one)
    msg = f"no seed makes {fault!r} hit {rows} of {len(block)} texts"
    raise ValueError(msg)


def _most_together(places: Sequence[int]) -> int:
    """Return the largest number of places within one request."""
    return max((sum(other // BATCH == place // BATCH for other in places) for place in places), default=0)


def touched(fault: Fault, place: int, block: SampleBlock, scope: Scope) -> bool:
    """Return whether a fault that hits a text changes the vector of that text or of its neighbours."""
    text = block.texts[place]
    if fault.name == "shift-after-blank":
        return not text.strip() and (place + 1) % BATCH != 0 and _refused_with(place, block) == 1
    if fault.name == "replace-surrogates":
        return _has_surrogate(text)
    if not text.strip() or _has_surrogate(text) or (fault.in_company and not _in_company(place, block)):
        return False
    if fault.text:
        changed = fault.text(text, scope)
        # A text of which only white space is cut off was trimmed: nothing distinguishes the two.
        trimmed = fault.name == "truncate" and changed.rstrip() == text.rstrip()
        return not trimmed and _moves(text, changed)
    needs = _NEEDS.get(fault.name)
    return needs is None or needs(place, block, scope)


def _follows_long(place: int, block: SampleBlock, _: Scope) -> bool:
    before = block.texts[: max(0, place // BATCH - IN_BETWEEN) * BATCH]
    return len(block.texts[place]) < LONG_TEXT and any(len(one) >= LONG_TEXT for one in before)


def _has_equal_beside(place: int, block: SampleBlock, _: Scope) -> bool:
    start = place // BATCH * BATCH
    lengths = [len(one.split()) for one in block.texts[start : start + BATCH]]
    return lengths.count(len(block.texts[place].split())) > 1


_NEEDS: Final[Mapping[str, Callable[[int, SampleBlock, Scope], bool]]] = MappingProxyType(
    {
        "refuse-long": lambda place, block, scope: len(block.texts[place]) > scope.characters,
        # Shorter ones stay within the threshold.
        "context-size": lambda place, block, _: len(block.texts[place].split()) >= CONTEXT_WORDS // 10,
        "drop-row": lambda place, _block, _: (place + 1) % BATCH == 0,
        # Else the request is sent again in halves, which are small batches.
        "large-batch": lambda place, block, _: not _refused_with(place, block),
        "history": _follows_long,
        "equal-lengths": _has_equal_beside,
    }
)
"""What a fault that changes no text needs of the one that it hits, or of those around it."""


def _in_company(place: int, block: SampleBlock) -> bool:
    """Return whether a later request is beside that of a text: it is neither the last nor sent again in halves."""
    return place // BATCH < (len(block) - 1) // BATCH and not _refused_with(place, block)


def _refused_with(place: int, block: SampleBlock) -> int:
    """Return how many texts of a request are refused: a single one has the request sent again in halves."""
    start = place // BATCH * BATCH
    return sum(not text.strip() or _has_surrogate(text) for text in block.texts[start : start + BATCH])


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _moves(text: str, changed: str) -> bool:
    """Return whether the model gives a changed text another direction."""
    if changed == text:
        return False
    vectors = embedder().embed(MODEL, [text, changed])
    return not float(measure_rows(vectors[:1], vectors[1:]).cosine[0]) >= COSINE_THRESHOLD
