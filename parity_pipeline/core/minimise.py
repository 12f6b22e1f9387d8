"""Search for the smallest text, batch and concurrency that still fails, by delta debugging, for every probe.

Here belongs the search alone. Whether a trial fails is what a given function says, which sends the requests and counts them.
The method is `ddmin` of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28 (2002).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Generic, TypeAlias, TypeVar

from parity_pipeline.core.reproduction import Trial
from parity_pipeline.core.retrieval.reproduction import QueryTrial

TrialT = TypeVar("TrialT", Trial, QueryTrial)

Fails: TypeAlias = Callable[[TrialT], bool | None]
"""Say whether a trial fails in the way that is looked for; None where that cannot be known, which ends the search."""

Part = TypeVar("Part")
Parts = tuple[Part, ...]

_WORDS: Final = re.compile(r"\s*\S+|\s+\Z")
"""A word with the white space before it; joined, they are the text again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest(Generic[TrialT]):
    """Result of a search.

    Attributes:
        trial: The smallest trial that fails; None where none does.
        complete: Whether every trial of the search could be judged.
    """

    trial: TrialT | None
    complete: bool


def smallest_failing(whole: Trial, fails: Fails[Trial]) -> Smallest[Trial]:
    """Return the smallest trial of a sample that still fails.

    The text alone is tried first, then its batch, then its batch with the requests beside it. The first of them that fails is
    made smaller: fewer requests beside it, fewer texts in its batch, fewer words, fewer characters. The result fails
    in any case, also where the search ends early.

    Args:
        whole: The sample in the company that it was first sent in.
        fails: Judges one trial. No trial is judged twice.
    """
    stages = (Trial(text=whole.text), replace(whole, beside=()), whole)
    return _smallest(stages, (_fewer_beside, _fewer_texts, _fewer_words, _fewer_characters), fails)


def smallest_failing_query(whole: QueryTrial, fails: Fails[QueryTrial]) -> Smallest[QueryTrial]:
    """Return the smallest trial of a query that still fails, as `smallest_failing` does; its request holds no other text.

    Args:
        whole: The query with the queries in flight that it was first sent with.
        fails: Judges one trial. No trial is judged twice.
    """
    stages = (QueryTrial(text=whole.text), whole)
    return _smallest(stages, (_fewer_beside, _fewer_words, _fewer_characters), fails)


def _smallest(
    stages: Sequence[TrialT], shrinks: "Sequence[Callable[[TrialT, _Search[TrialT]], TrialT]]", fails: Fails[TrialT]
) -> Smallest[TrialT]:
    """Return the first stage that fails, made smaller in each way in turn."""
    search = _Search(fails)
    found = next((one for one in stages if search.fails(one)), None)
    if found is not None:
        for shrink in shrinks:
            found = shrink(found, search)
    return Smallest(trial=found, complete=not search.ended)


class _Search(Generic[TrialT]):
    """The trials of one search, each with whether it fails."""

    def __init__(self, fails: Fails[TrialT]) -> None:
        self._fails = fails
        self._known: dict[TrialT, bool] = {}
        self.ended = False

    def fails(self, trial: TrialT) -> bool | None:
        """Say whether a trial is known to fail; once one cannot be judged, no further one is tried, and None returned."""
        if trial not in self._known and not self.ended:
            found = self._fails(trial)
            if found is None:
                self.ended = True
            else:
                self._known[trial] = found
        return self._known.get(trial)


def _fewer_beside(trial: TrialT, search: _Search[TrialT]) -> TrialT:
    kept = reduced(trial.beside, lambda parts: search.fails(replace(trial, beside=parts)))
    return replace(trial, beside=kept)


def _fewer_texts(trial: Trial, search: _Search[Trial]) -> Trial:
    company = (*((True, text) for text in trial.before), *((False, text) for text in trial.after))

    def among(parts: Parts[tuple[bool, str]]) -> Trial:
        before = tuple(text for first, text in parts if first)
        return replace(trial, before=before, after=tuple(text for first, text in parts if not first))

    return among(reduced(company, lambda parts: search.fails(among(parts))))


def _fewer_words(trial: TrialT, search: _Search[TrialT]) -> TrialT:
    return _shorter(trial, tuple(_WORDS.findall(trial.text)), search)


def _fewer_characters(trial: TrialT, search: _Search[TrialT]) -> TrialT:
    return _shorter(trial, tuple(trial.text), search)


def _shorter(trial: TrialT, parts: Parts[str], search: _Search[TrialT]) -> TrialT:
    def of(kept: Parts[str]) -> TrialT:
        return replace(trial, text="".join(kept))

    # The empty text is a sample of its own kind, and not a shorter form of this one.
    return of(reduced(parts, lambda kept: bool(kept) and search.fails(of(kept))))


def reduced(parts: Parts[Part], holds: Callable[[Parts[Part]], bool | None]) -> Parts[Part]:
    """Return some of the parts, in order, for which `holds` is true and from which no single one may be left out.

    Args:
        parts: Parts for which it holds.
        holds: Says whether it holds for some of them, or None where that cannot be known: what was found by then is returned,
            since a long text has too many choices to go through for nothing. It is called at most about as often as the
            square of their number, and about twice its binary logarithm where one part decides.

    >>> reduced(tuple("smallest"), lambda some: "a" in some)
    ('a',)
    """
    if parts and holds(()):
        return ()
    pieces = 2
    while len(parts) > 1:
        judged = ((choice, holds(choice[0])) for choice in _choices(parts, pieces))
        kept, held = next(((choice, held) for choice, held in judged if held is not False), (None, False))
        if held is None:
            break
        if kept is not None:
            parts, pieces = kept
        elif pieces >= len(parts):
            break
        else:
            pieces = min(len(parts), 2 * pieces)
    return parts


def _choices(parts: Parts[Part], pieces: int) -> Iterator[tuple[Parts[Part], int]]:
    """Yield each chunk, then the parts without each chunk; and in how many pieces what is left is divided next."""
    edges = [len(parts) * edge // pieces for edge in range(pieces + 1)]
    spans = list(pairwise(edges))
    yield from ((parts[low:high], 2) for low, high in spans)
    if pieces > 2:
        yield from (((*parts[:low], *parts[high:]), pieces - 1) for low, high in spans)
