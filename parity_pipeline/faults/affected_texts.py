"""Which texts of a set a trial affects: all of them, or one that its fault can change.

Here belongs the choice of a fault's scope, made from what the fault does to texts and never from the verdict.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.metrics import measure_rows
from parity_pipeline.demo.fault_effects import CONTEXT_WORDS, LONG_TEXT
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS, Fault
from parity_pipeline.faults.expected_causes import EXPECTED, Trial
from parity_pipeline.faults.in_process_sides import BATCH, MODEL, OTHER_MODEL, embedder

CHARACTERS: Final = 200
"""Where `truncate` cuts and from which length on `refuse-long` refuses."""

SEEDS: Final = 20_000
"""Seeds among which one is looked for."""

IN_BETWEEN: Final = 8
"""Requests after a long one until its response has certainly arrived: twice as many as are in flight at once."""

_FAULT: Final = {fault.name: fault for fault in FAULTS}


def scope_for(trial: Trial, block: SampleBlock, seed: int) -> Scope:
    """Return the scope of a trial: the first seed at which the rate hits texts that the fault can change.

    Raises:
        ValueError: There is none among `SEEDS`: the set holds no such text.
    """
    scope = Scope(seed=seed, rate=trial.rate, every=True, other_models=(OTHER_MODEL,), characters=CHARACTERS)
    if not trial.lone:
        return scope
    fault = trial.faults[0]
    open_to = [touched(_FAULT[fault], place, block, scope) for place in range(len(block))]
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
        return _moves(text, fault.text(text, scope))
    return _in_question(fault, place, block, scope)


def _in_question(fault: Fault, place: int, block: SampleBlock, scope: Scope) -> bool:
    needs = _NEEDS.get(fault.name)
    return needs is None or needs(place, block, scope)


def _is_long(place: int, block: SampleBlock, scope: Scope) -> bool:
    return len(block.texts[place]) > scope.characters


def _strays_far(place: int, block: SampleBlock, _: Scope) -> bool:
    return len(block.texts[place].split()) >= CONTEXT_WORDS // 10  # shorter ones stay within the threshold


def _ends_request(place: int, _block: SampleBlock, _: Scope) -> bool:
    return (place + 1) % BATCH == 0


def _sent_whole(place: int, block: SampleBlock, _: Scope) -> bool:
    return not _refused_with(place, block)  # else the request is sent again in halves, which are small batches


def _follows_long(place: int, block: SampleBlock, _: Scope) -> bool:
    before = block.texts[: max(0, place // BATCH - IN_BETWEEN) * BATCH]
    return len(block.texts[place]) < LONG_TEXT and any(len(one) >= LONG_TEXT for one in before)


def _has_equal_beside(place: int, block: SampleBlock, _: Scope) -> bool:
    start = place // BATCH * BATCH
    lengths = [len(one.split()) for one in block.texts[start : start + BATCH]]
    return lengths.count(len(block.texts[place].split())) > 1


_NEEDS: Final[Mapping[str, Callable[[int, SampleBlock, Scope], bool]]] = MappingProxyType(
    {
        "refuse-long": _is_long,
        "context-size": _strays_far,
        "drop-row": _ends_request,
        "large-batch": _sent_whole,
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
