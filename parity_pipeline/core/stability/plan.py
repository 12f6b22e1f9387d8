"""The texts that a side is tested with, beside those of the sample set, and how texts are put into requests.

Here belong choosing and arranging. In which order the requests are sent belongs to `plan`.
"""

import hashlib
import json
import random
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from parity_pipeline.core.hazards.texts import CANARIES, equal_lengths, ladder, salted_texts
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.records import TESTED, Budget, Comparison, Reference, Step, Texts

ROWS_LOOKED_AT: Final = 10_000
"""Samples of a set among which the tried ones are chosen: reading a million texts for eight of them takes seconds."""

_PLAIN_CHARACTERS: Final = 4_000
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_EQUAL_GROUP: Final = "words-08"
_LONG_KEY: Final = "words-00256"
_ENDED_CHARACTERS: Final = 60
"""Characters from which on a new ending of a dozen characters leaves a text mostly what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request to a side may be; the side's own settings.

    Attributes:
        batch_texts: Texts of one request, 1 where its dialect takes one.
        batch_bytes: Bytes of one body.
        concurrency: Requests in flight.
    """

    batch_texts: int
    batch_bytes: int
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTexts:
    """The texts of one plan.

    Attributes:
        samples: Texts of the sample set, the longest first: what a long one does to those after it has then happened.
        canaries: Fixed texts.
        equal: Distinct texts of equally many common words.
        salted: Texts that were never sent before this salt.
        endings: The longer canaries, and the same with two new endings.
        long: A long text of common words.
        fillers: Distinct texts that stand beside others and are not compared.
    """

    samples: Texts
    canaries: Texts
    equal: Texts
    salted: Texts
    endings: tuple[Texts, Texts, Texts]
    long: str
    fillers: Texts

    def origins(self) -> dict[str, str]:
        """Return the id of each text that is compared, to where it came from."""
        kinds = {"salted": self.salted, "equal-length": self.equal, "canary": self.canaries, "sample": self.samples}
        return {sample_id(text): kind for kind, texts in kinds.items() for text in texts}


def make_probe_texts(samples: Sequence[str], salt: str, limits: Limits) -> ProbeTexts:
    """Return what a plan is made of.

    Args:
        samples: Distinct texts of the sample set.
        salt: Makes texts that were never sent before; a new one each time.
        limits: A side that takes one text per request gets fewer canaries and salted texts.
    """
    one_by_one = limits.batch_texts == 1
    canaries = tuple(CANARIES.values())[: 2 if one_by_one else None]
    equal = tuple(equal_lengths()[_EQUAL_GROUP])
    fresh = salted_texts(salt, 4 if one_by_one else 8)
    ended = tuple(text for text in canaries if len(text) >= _ENDED_CHARACTERS)
    new = [tuple(f"{text} (ref {_tag(salt, turn)})" for text in ended) for turn in (1, 2)]
    chosen = tuple(sorted(dict.fromkeys(samples), key=len, reverse=True))
    beside = (*canaries, *equal, *salted_texts(f"{salt} beside", 64))
    return ProbeTexts(
        samples=chosen,
        canaries=canaries,
        equal=equal,
        salted=fresh,
        endings=(ended, new[0], new[1]),
        long=ladder()[_LONG_KEY],
        fillers=tuple(text for text in beside if text not in chosen),
    )


def _tag(salt: str, turn: int) -> str:
    return hashlib.sha256(f"{salt}\0{turn}".encode("utf-8", "surrogatepass")).hexdigest()[:6]


def chosen_texts(texts: Iterable[str], count: int, seed: str) -> tuple[str, ...]:
    """Return so many of the texts, spread over them by a hash; plain ones first, others where these do not do.

    A blank, a very long or an ill-formed text may be refused, and shows nothing of how stable a side is.
    """
    ranked = sorted((not _plain(text), _rank(seed, text), text) for text in texts)
    return tuple(text for _, _, text in ranked[:count])


def _plain(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _PLAIN_CHARACTERS and not _SURROGATE.search(text)


def _rank(seed: str, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def pieces(texts: Sequence[str], size: int) -> tuple[Texts, ...]:
    """Return requests of exactly `size` texts that together hold all of them; the last one overlaps where it must."""
    starts = [*range(0, len(texts) - size, size), len(texts) - size]
    return tuple(tuple(texts[start : start + size]) for start in starts)


def spread(texts: Sequence[str], fillers: Sequence[str], size: int) -> Texts:
    """Return one request of `size` texts with the given ones evenly over its positions, first position included."""
    places = {index * size // len(texts): text for index, text in enumerate(texts)}
    others = iter(fillers)
    return tuple(places[place] if place in places else next(others) for place in range(size))


def fits(request: Texts, limits: Limits) -> bool:
    """Return whether a request keeps within the side's limits, by the size of its texts as ASCII JSON."""
    size = sum(len(json.dumps(text)) + 1 for text in request)
    return len(request) <= limits.batch_texts and size + 500 <= limits.batch_bytes


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
