"""Gateways with a known share of failing traffic, and how often the stated bounds hold for them.

Here belongs the simulation; a test runs a small one, `bench.coverage` the whole one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.confidence import ShareBound, anytime_upper_bound, each_of, upper_bound
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.samples import DrawCounts, DropCount, Sample, draw, unique

DAYS: Final = 30
SEED: Final = 20_260_430
_CATEGORIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was simulated.
        runs: Simulated runs.
        held: Runs in which the bound was at or above the true share, at every look and in every category.
        promised: Whether the product states this bound; else it is there for comparison.
    """

    name: str
    runs: int
    held: int
    promised: bool = True

    @property
    def share(self) -> float:
        """Return the share of runs in which the bound held."""
        return self.held / self.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The lines of one day's traffic file.

    Attributes:
        lines: The samples, repeated texts included.
        failing: Texts that the candidate fails on.
        picked: Texts that a hand-picked list before the file holds too.
    """

    lines: Sequence[Sample]
    failing: frozenset[str]
    picked: tuple[str, ...]

    def share(self, category: str | None = None) -> float:
        """Return the true share of lines that fail, of all or of one category."""
        lines = [line for line in self.lines if category in {None, line.category}]
        return sum(line.text in self.failing for line in lines) / len(lines)


def traffic(generator: np.random.Generator, *, hot: float, failing: float, lines: int = 600) -> Traffic:
    """Return a day's traffic in which texts repeat as those of a search box do, by Zipf's law.

    Args:
        generator: The source of chance.
        hot: Share of lines, in [0, 1), that are one text, which fails.
        failing: Share of the other texts that fail.
        lines: Number of lines.
    """
    ranks = np.minimum(generator.zipf(1.3, lines), lines)
    texts = [
        "hot" if is_hot else f"query {rank}" for is_hot, rank in zip(generator.random(lines) < hot, ranks, strict=True)
    ]
    others = sorted(set(texts) - {"hot"})
    fails = frozenset(["hot", *(text for text in others if generator.random() < failing)])
    samples = [Sample(text, f"c{place % _CATEGORIES}", f"f:{place}") for place, text in enumerate(texts)]
    return Traffic(lines=samples, failing=fails, picked=("hello", *sorted(fails)))


def _counted(
    chosen: Sequence[Sample], picked: Sequence[str], failing: frozenset[str], *, merged: bool
) -> dict[str, Counter[Outcome]]:
    """Return the outcomes of a random draw per category, as a run counts them behind a hand-picked list."""
    counts = DrawCounts()
    counts.add(chosen)
    by_hand = [Sample(text, "seed", f"p:{place}") for place, text in enumerate(picked)]
    found: dict[str, Counter[Outcome]] = {}
    for sample in unique(counts.mark([*by_hand, *chosen]), DropCount()):
        if not sample.drawn or (sample.category == "seed" and not merged):
            continue
        outcome = Outcome.MISMATCH if sample.text in failing else Outcome.MATCH
        for category, times in (sample.drawn_as or {sample.category: sample.drawn}).items():
            found.setdefault(category, Counter())[outcome] += times
    return found


def _drawn(day: Traffic, size: int, seed: str, *, merged: bool) -> dict[str, Counter[Outcome]]:
    return _counted(draw(day.lines, size, seed), day.picked, day.failing, merged=merged)


def one_date(runs: int, seed: int, *, hot: float, failing: float, size: int) -> tuple[Row, Row]:
    """Return how often the bound of one date holds, with all draws and without those of hand-picked texts."""
    generator = np.random.default_rng(seed)
    held = [0, 0]
    for run in range(runs):
        day = traffic(generator, hot=hot, failing=failing)
        share = day.share()
        for place, merged in enumerate((True, False)):
            every: Counter[Outcome] = sum(_drawn(day, size, str(run), merged=merged).values(), Counter[Outcome]())
            held[place] += share <= ShareBound.of(None, every).bound
    name = f"one date, {size} draws, {hot:.0%} of the traffic one failing text, {failing:.1%} of the others"
    return Row(name=name, runs=runs, held=held[0]), Row(
        name=f"(the same, draws of picked texts lost) {name}", runs=runs, held=held[1], promised=False
    )


def categories(runs: int, seed: int, *, failing: float, size: int) -> tuple[Row, Row]:
    """Return how often the bounds of all categories hold at once, each at its higher confidence, and each at 95 %."""
    generator = np.random.default_rng(seed)
    held = [0, 0]
    for run in range(runs):
        day = traffic(generator, hot=0.0, failing=failing)
        found = _drawn(day, size, str(run), merged=True)
        shares = {category: day.share(category) for category in found}
        for place, each in enumerate((each_of(len(found)), CONFIDENCE_LEVEL)):
            bounds = {category: ShareBound.of(category, counts, 0, each).bound for category, counts in found.items()}
            held[place] += all(shares[category] <= bound for category, bound in bounds.items())
    name = f"{_CATEGORIES} categories at once, {size} draws, {failing:.0%} of the texts fail"
    return Row(name=name, runs=runs, held=held[0]), Row(
        name=f"(the same, each at 95 %) {name}", runs=runs, held=held[1], promised=False
    )


def daily_looks(runs: int, seed: int, *, share: float, size: int) -> tuple[Row, Row]:
    """Return how often a bound holds on each of 30 days, for the confidence sequence and for the bound of one look.

    Args:
        runs: Candidate deployments to simulate.
        seed: Seed of the simulation.
        share: True share of the traffic that fails.
        size: Random draws per night.
    """
    failures = np.random.default_rng(seed).binomial(size, share, (runs, DAYS))
    return _looked_at(failures, size, share, f"{size} draws a night, {share:.2%} of the traffic fails")


def daily_draws(runs: int, seed: int, *, share: float, size: int) -> tuple[Row, Row]:
    """Return the same where texts repeat and a hand-picked list holds the failing ones, every draw counted as in a run.

    Half of the failing traffic is one text that a night draws several times, the other half are rare ones.
    """
    generator = np.random.default_rng(seed)
    texts, failing = ("hot", "rare", *(f"query {rank}" for rank in range(8))), frozenset(["hot", "rare"])
    lines = [Sample(text, "traffic", "f") for text in texts]
    weights = [share / 2, share / 2, *([(1 - share) / 8] * 8)]
    failures = np.empty((runs, DAYS), np.int64)
    for run in range(runs):
        places = generator.choice(len(texts), (DAYS, size), p=weights).tolist()
        for day, chosen in enumerate(places):
            found = _counted([lines[place] for place in chosen], ("hello", "hot"), failing, merged=True)
            failures[run, day] = found["traffic"][Outcome.MISMATCH]
    name = f"{size} draws a night of repeated texts, failing ones picked by hand too, {share:.2%} of the traffic fails"
    return _looked_at(failures, size, share, name)


def _looked_at(failures: NDArray[np.int64], size: int, share: float, name: str) -> tuple[Row, Row]:
    """Return the rows of both bounds for the failures of each run, shape (runs, days)."""
    runs, together, trials = len(failures), np.cumsum(failures, axis=1), np.arange(1, DAYS + 1) * size
    label = f"{DAYS} daily looks, {name}"
    held, once = (_held_always(together, trials, share, bound) for bound in (anytime_upper_bound, upper_bound))
    return Row(name=label, runs=runs, held=held), Row(
        name=f"(the same, with the bound of one look) {label}", runs=runs, held=once, promised=False
    )


def _held_always(
    failures: NDArray[np.int64], trials: NDArray[np.int64], share: float, bound: Callable[[int, int], float]
) -> int:
    """Return in how many runs the bound is at or above the true share at every look."""
    known = cache(bound)
    below = np.zeros(len(failures), np.bool_)
    for day, count in enumerate(trials.tolist()):
        values, places = np.unique(failures[:, day], return_inverse=True)
        below |= np.array([known(value, count) < share for value in values.tolist()])[places]
    return int((~below).sum())


def table(runs: int, seed: int = SEED) -> Iterator[Row]:
    """Yield all rows."""
    for hot, failing, size in ((0.5, 0.0, 100), (0.02, 0.01, 100), (0.0, 0.05, 60), (0.005, 0.0, 300)):
        yield from one_date(runs, seed, hot=hot, failing=failing, size=size)
    for failing, size in ((0.05, 200), (0.3, 200)):
        yield from categories(runs, seed, failing=failing, size=size)
    for share, size in ((0.0005, 100), (0.002, 100), (0.01, 100), (0.05, 100), (0.01, 20), (0.5, 20)):
        yield from daily_looks(runs, seed, share=share, size=size)
    yield from daily_draws(runs, seed, share=0.02, size=20)
