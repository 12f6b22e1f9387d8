"""The ways in which faults change the rows of a set: in space, in order, by text, by cache, by refusal.

Here belongs what becomes of the vectors of the samples that are hit. The faults themselves are in `faults`, what happens
to a text in `text_edits`.

A fault on vectors or on their order is exact: the stored vectors are what it works on. A fault on texts is exact where the
changed text is a sample too. Where two samples become the same text, both get one vector, and the one between theirs is the
best that it can be. Elsewhere, a change of words at the beginning of a text moves its vector by `text_edits.least_shift`, in
a direction of chance, and nothing is claimed of any other edit: there are models that do not see it.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.power.rows import FEW, MOST, Rows, Vector, spread

Matrix = NDArray[np.float64]
Changes = Mapping[int, Vector | None]
"""The changed rows: place -> what the candidate would have returned, None for a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a fault does to the rows of a set.

    Attributes:
        rows: The changed rows, or as many of them as show what becomes of all.
        assumed: Whether some of the vectors are assumed.
        ignored: Pairs of samples that show that the model ignores what the fault changes; 0 where none do.
        unknown: Whether there are samples of which it is not known how the fault changes their vectors.
    """

    rows: Changes
    assumed: bool = False
    ignored: int = 0
    unknown: bool = False


ChangeRows: TypeAlias = Callable[[Rows, float], Change]
"""Returns what a fault does to the rows, given the cosine threshold."""


def in_space(effect: Callable[[Matrix, float], Matrix], most: int = FEW) -> ChangeRows:
    """Return a fault on the vectors of any text, shown on so many rows at most.

    `effect` is given a matrix of float64, one row per vector, and the cosine threshold.
    """

    def change(rows: Rows, threshold: float) -> Change:
        places = spread(rows.usable, most)
        changed = effect(np.array([rows.vectors[place] for place in places], np.float64), threshold) if places else ()
        return Change(rows={place: np.asarray(row, np.float32) for place, row in zip(places, changed, strict=True)})

    return change


def in_order(order: Callable[[Sequence[int]], Iterable[int]]) -> ChangeRows:
    """Return a fault on the order of rows; `order` is given the places of a request and returns where each row comes from."""

    def change(rows: Rows, _: float) -> Change:
        moved = {
            place: rows.vectors[source]
            for request in rows.requests()
            for place, source in zip(request, order(request), strict=True)
            if place != source
        }
        return Change(rows=moved)

    return change


_LONGEST: Final = 10_000
"""Characters of the longest text that is edited, but for cuts: what an edit does to a longer one, it does to a short one too."""


def of_texts(edit: Callable[[str], str], *, seen: bool = False, longest: int | None = _LONGEST) -> ChangeRows:
    """Return a fault that has the candidate embed an edited text.

    Args:
        edit: What becomes of a text.
        seen: Whether every model sees the edit, as it changes words at the beginning of a text. Whether a model sees
            capitals, accents, white space or the end of a long text is only known from samples that differ in it alone.
        longest: Characters of the longest text to look at; None for any.
    """

    def change(rows: Rows, threshold: float) -> Change:
        edited = {place: text for place, text in rows.edited(edit, longest) if text.strip()}
        known = {place: rows.place_of[text] for place, text in edited.items() if rows.place_of.get(text) in rows.known}
        alike = _sources(edited)
        pairs = {place: pair[place] for pair in (known, alike) for place in _most_apart(rows, pair)}
        exact = {
            **{
                one: middle
                for place in pairs
                if place not in known
                for one, middle in _middle(rows, place, alike[place])
            },
            **{place: rows.vectors[known[place]] for place in pairs if place in known},
        }
        if any(rows.moved(place, vector) > 1.0 - threshold for place, vector in exact.items()):
            return Change(rows=exact)
        rest = [place for place in edited if place not in exact]
        if pairs and all(rows.apart(place, other) < _ONE_VECTOR for place, other in pairs.items()):
            return Change(rows=exact, ignored=len(pairs))
        if not seen:
            return Change(rows=exact, unknown=bool(rest or pairs.keys() - known.keys()))
        rest = heapq.nlargest(FEW, rest, key=lambda place: _share_changed(rows.texts[place], edited[place]))
        keeps = _sensitivity(rows, pairs, 1.0 - threshold)
        moved = {place: rows.strayed(place, keeps * rows.least_shift(place, edited[place])) for place in rest}
        return Change(rows={**moved, **exact}, assumed=bool(rest))

    return change


def _sources(keys: Mapping[int, str]) -> dict[int, int]:
    """Return for each place the first one with the same key, where that is another one."""
    first: dict[str, int] = {}
    sources = {place: first.setdefault(key, place) for place, key in keys.items()}
    return {place: source for place, source in sources.items() if place != source}


def _most_apart(rows: Rows, sources: Mapping[int, int]) -> list[int]:
    """Return the few places whose vectors lie farthest from those at their sources, among some spread over all."""
    among = spread(list(sources), MOST)
    return heapq.nlargest(FEW, among, key=lambda place: rows.apart(place, sources[place]))


def _middle(rows: Rows, place: int, other: int) -> Iterator[tuple[int, Vector]]:
    """Yield two places with the vector between theirs: the best that a candidate can do whose texts become one."""
    vector = rows.middle(place, other)
    yield place, vector
    yield other, vector


def _share_changed(text: str, edited: str) -> float:
    """Return a number that is the larger the more of a text an edit may change: cheap, to choose what is looked at closely."""
    return (1 + abs(len(text) - len(edited))) / max(len(text), len(edited))


_ONE_VECTOR: Final = 1e-6
"""1 - cosine below which two texts have one vector, as a model gives to texts that are one to it."""

_TINY: Final = 1e-12
"""Keeps a threshold of exactly 1 from dividing by 0."""


def _sensitivity(rows: Rows, pairs: Mapping[int, int], smallest: float) -> float:
    """Return the share of the assumed shift, or of the smallest one that matters, that pairs show; at most 1, 1 for no pair."""
    shown = [
        min(1.0, rows.apart(place, other) / max(smallest, rows.least_shift(place, rows.texts[other]), _TINY))
        for place, other in pairs.items()
    ]
    return float(np.median(shown)) if shown else 1.0


def cached_by(key: Callable[[str], str]) -> ChangeRows:
    """Return a cache whose key is too short: a text gets the vector of the first one with the same key. Exact."""

    def change(rows: Rows, _: float) -> Change:
        sources = _sources({place: key(rows.texts[place]) for place in rows.usable})
        return Change(rows={place: rows.vectors[sources[place]] for place in _most_apart(rows, sources)})

    return change


def where(chosen: Callable[[str], bool], effect: Callable[[Vector], Vector | None], most: int = FEW) -> ChangeRows:
    """Return a fault on the vectors of some texts alone. Exact."""

    def change(rows: Rows, _: float) -> Change:
        places = [place for place in rows.usable if chosen(rows.texts[place])]
        return Change(rows={place: effect(rows.vectors[place]) for place in spread(places, most)})

    return change


def accepts(chosen: Callable[[str], bool]) -> ChangeRows:
    """Return a fault that gives a vector to texts that the candidate refuses today."""

    def change(rows: Rows, _: float) -> Change:
        places = [place for place in rows.refused if chosen(rows.texts[place])]
        vector = rows.vectors[rows.usable[0]] if rows.usable else None
        return Change(rows=dict.fromkeys(spread(places, FEW), vector) if rows.usable else {})

    return change


def after_blank(rows: Rows, _: float) -> Change:
    """Leave the rows of blank texts out, so that the others of the request move up; the last one is repeated. Exact."""
    moved: dict[int, Vector | None] = {}
    for request in rows.requests(every=True):
        kept = [place for place in request if rows.texts[place].strip() and place in rows.known]
        if len(kept) == len(request) or not kept or all(rows.texts[place].strip() for place in request):
            continue
        sources = [*kept, *[kept[-1]] * (len(request) - len(kept))]
        moved |= {
            place: rows.vectors[source] for place, source in zip(request, sources, strict=True) if place != source
        }
    return Change(rows={place: moved[place] for place in spread(list(moved), MOST)})
