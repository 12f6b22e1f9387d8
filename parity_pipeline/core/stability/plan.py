"""The requests that try a side against itself, in their order: a plan as data.

Here belongs which experiment sends what. The texts come from `make_probe_texts`, `observations` compares the responses.

    1  canaries twice, a long text, canaries again          what came before changes nothing
    2  each text alone, twice                               the second responses are what others are compared with
    3  the texts together, three times over                 repeats
    4  the texts in requests of 2, 8, 32 and 64             batch sizes, at several positions
    5  the texts together in other orders                   shuffled
    6  distinct texts in 2, 4 and 8 requests at once        concurrency
    7  texts of equal length, each alone, all at once       equal lengths under load
    8  never-seen texts twice; canaries with new endings    stale caches
    9  canaries again

A first response is never what others are compared with: behind a stale cache it differs from all later ones, and every
experiment would seem to show it. Behind a cache that never lies the second response *is* the first one, so batches and
load show nothing there; that is what callers of that side get, and no more is claimed.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from parity_pipeline.core.stability.probe_texts import Limits, ProbeTexts, fits, make_probe_texts, pieces, spread
from parity_pipeline.core.stability.records import TESTED, Budget, Comparison, Reference, Step, Texts

BATCH_SIZES: Final = (2, 8, 32, 64)
LEVELS: Final = (2, 4, 8)
_REPEATS: Final = (2, 3)
_TWICE_FROM: Final = 16
"""Batch size from which on a request is sent in a second order too, so that a text stands at another position."""
_FIRST_TO_GO: Final = ("equal-length-load", "shuffled", "salted", "canaries", "concurrency", "batch-sizes")
"""What is left out first when even one text takes more requests than the budget has."""

_AGAIN: Final = Comparison("salted", "sent again", 0, Reference.SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send.

    Attributes:
        steps: In their order.
        material: Their texts.
        left_out: Experiment, to what of it the limits or the budget do not allow.
        texts_left: Texts that were wanted and that the budget of requests has no room for.
    """

    steps: tuple[Step, ...]
    probe_texts: ProbeTexts
    left_out: Mapping[str, tuple[str, ...]]
    texts_left: int = 0

    @property
    def requests(self) -> int:
        """Return the number of requests where none is refused or retried."""
        return sum(len(step.requests) for step in self.steps)


def make_plan(samples: Sequence[str], *, salt: str, limits: Limits, budget: Budget) -> Plan:
    """Return the plan with as many of the samples as the budget allows, in their order.

    Args:
        samples: Distinct texts of the sample set; without one, the canaries stand in.
        salt: As in `make_probe_texts`.
        limits: The side's own; sizes and levels beyond them are left out.
        budget: Largest number of texts and requests. One too small even for one text leaves experiments out.
    """
    texts = list(samples)[: budget.texts] or list(make_probe_texts((), salt, limits).canaries)

    def planned(count: int, without: Sequence[str] = ()) -> Plan:
        return _Draft(make_probe_texts(texts[:count], salt, limits), limits, frozenset(without)).plan()

    count = max(1, bisect_right(range(1, len(texts) + 1), budget.requests, key=lambda some: planned(some).requests))
    plan = planned(count)
    for gone in range(1, len(_FIRST_TO_GO) + 1):
        if plan.requests <= budget.requests:
            break
        plan = planned(count, _FIRST_TO_GO[:gone])
    return replace(plan, texts_left=len(texts) - count)


class _Draft:
    """One plan in the making."""

    def __init__(self, what: ProbeTexts, limits: Limits, without: frozenset[str]) -> None:
        """Take the texts, what a request may be, and the experiments that the budget has no room for."""
        self._what = what
        self._limits = limits
        self._without = without
        self._left_out: dict[str, list[str]] = {name: ["the budget of requests is used up"] for name in without}
        self._widest = min(len(what.samples), limits.batch_texts)

    def plan(self) -> Plan:
        parts = (
            self._canaries_first(),
            self._alone(),
            self._repeats(),
            self._batch_sizes(),
            self._shuffled(),
            self._concurrency(),
            self._equal_lengths(),
            self._salted(),
            self._canaries_last(),
        )
        steps = tuple(step for part in parts for step in part if step.experiment not in self._without and step.requests)
        left_out = {name: tuple(self._left_out[name]) for name in TESTED if name in self._left_out}
        return Plan(steps=steps, probe_texts=self._what, left_out=left_out)

    def _allowed(self, experiment: str, label: str, requests: Sequence[Texts]) -> tuple[Texts, ...]:
        kept = tuple(request for request in requests if fits(request, self._limits))
        if len(kept) < len(requests):
            self._leave(experiment, f"{label}: larger than batch_bytes ({self._limits.batch_bytes})")
        return kept

    def _leave(self, experiment: str, why: str) -> None:
        self._left_out.setdefault(experiment, []).append(why)

    def _canaries(self) -> tuple[Texts, ...]:
        return pieces(self._what.canaries, min(len(self._what.canaries), self._limits.batch_texts))

    def _canaries_first(self) -> Iterator[Step]:
        requests = self._canaries()
        yield Step(experiment="canaries", requests=requests, keep=True)
        yield Step(experiment="canaries", requests=requests, keep=True, compared=(_AGAIN,))
        yield Step(experiment="canaries", requests=self._allowed("canaries", "long text", [(self._what.long,)]))
        after = Comparison("canaries", "after a long text", 0, Reference.SAME)
        yield Step(experiment="canaries", requests=requests, compared=(after,))

    def _canaries_last(self) -> Iterator[Step]:
        end = Comparison("canaries", "at the end", 0, Reference.SAME)
        yield Step(experiment="canaries", requests=self._canaries(), compared=(end,))

    def _alone(self) -> Iterator[Step]:
        requests = tuple((text,) for text in self._what.samples)
        yield Step(experiment="", requests=requests, keep=True)
        yield Step(experiment="", requests=requests, keep=True, compared=(_AGAIN,))

    def _together(self, label: str = "") -> Comparison:
        return Comparison("batch-sizes", label or f"batch of {self._widest}", self._widest, Reference.ALONE)

    def _repeats(self) -> Iterator[Step]:
        requests = self._allowed("repeats", "all texts together", pieces(self._what.samples, self._widest))
        beside = () if self._widest == 1 else (self._together(),)
        if beside:
            yield Step(experiment="repeats", requests=requests, keep=True, compared=beside)
        for time in _REPEATS:
            again = Comparison("repeats", "repeat", time, Reference.SAME)
            yield Step(experiment="repeats", requests=requests, compared=(again, *beside))

    def _batch_sizes(self) -> Iterator[Step]:
        for size in BATCH_SIZES:
            label = f"batch of {size}"
            if size > self._limits.batch_texts:
                self._leave("batch-sizes", f"{label}: more than batch_texts ({self._limits.batch_texts})")
            elif size != self._widest:
                requests = self._allowed("batch-sizes", label, self._of_size(size))
                one = Comparison("batch-sizes", label, size, Reference.ALONE)
                yield Step(experiment="batch-sizes", requests=requests, compared=(one,))

    def _of_size(self, size: int) -> tuple[Texts, ...]:
        if len(self._what.samples) >= size:
            return pieces(self._what.samples, size)
        request = spread(self._what.samples, self._what.fillers, size)
        return (request, request[::-1]) if size >= _TWICE_FROM else (request,)

    def _shuffled(self) -> Iterator[Step]:
        if self._widest == 1:
            self._leave("shuffled", "one text per request has no other order")
            return
        mixed = list(self._what.samples)
        random.Random(len(mixed)).shuffle(mixed)  # noqa: S311 - the same order each time, nothing secret
        orders = [*pieces(mixed, self._widest), *pieces(self._what.samples[::-1], self._widest)]
        one = Comparison("shuffled", "shuffled", self._widest, Reference.ALONE)
        yield Step(experiment="shuffled", requests=self._allowed("shuffled", "shuffled", orders), compared=(one,))

    def _concurrency(self) -> Iterator[Step]:
        for level in LEVELS:
            label = f"concurrency {level}"
            if level > self._limits.concurrency:
                self._leave("concurrency", f"{label}: more than the side's concurrency ({self._limits.concurrency})")
                continue
            requests = self._allowed("concurrency", label, self._groups(level))
            one = Comparison("concurrency", label, level, Reference.ALONE)
            yield Step(experiment="concurrency", requests=requests, at_once=level, compared=(one,))

    def _groups(self, level: int) -> list[Texts]:
        """Return at least `level` requests of two texts or more, all texts in one of them."""
        texts = self._what.samples
        size = min(self._widest, max(2, len(texts) // (2 * level)))
        groups: list[Texts] = []
        turn = 0
        while len(groups) < level:
            groups += pieces((*texts[turn:], *texts[:turn]), size)
            turn = (turn + 1) % len(texts)
        return groups

    def _equal_lengths(self) -> Iterator[Step]:
        if self._limits.concurrency == 1:
            self._leave("equal-length-load", "the side's concurrency is 1")
            return
        texts = self._what.equal[: max(4, len(self._what.samples) // 2)]
        requests = tuple((text,) for text in texts)
        name, most = "equal-length-load", min(len(texts), self._limits.concurrency)
        one = Comparison(name, "equal lengths under load", most, Reference.ALONE)
        yield Step(experiment=name, requests=pieces(texts, min(len(texts), self._limits.batch_texts)))
        yield Step(experiment=name, requests=requests, keep=True)
        yield Step(experiment=name, requests=requests, at_once=most, compared=(one,))

    def _salted(self) -> Iterator[Step]:
        fresh = pieces(self._what.salted, min(len(self._what.salted), self._limits.batch_texts))
        never = Comparison("salted", "never seen before", 0, Reference.SAME)
        yield Step(experiment="salted", requests=fresh, keep=True)
        yield Step(experiment="salted", requests=fresh, compared=(never,))
        if "canaries" not in self._without:
            new = [one for ended in self._what.endings[1:] for one in self._whole(ended)]
            yield Step(experiment="salted", requests=tuple(new), keep=True)

    def _whole(self, texts: Texts) -> tuple[Texts, ...]:
        return pieces(texts, min(len(texts), self._limits.batch_texts)) if texts else ()
