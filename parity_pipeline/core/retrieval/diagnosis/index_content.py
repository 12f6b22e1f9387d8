"""Causes that lie in what an index holds: a corpus that is not searched, documents that it lacks, or what it misses at random.

Here belong rules over all documents of a set. They rest on lists in which all that is common stands as it should, with the
scores it should have, so that only the choice of documents is open: such a list has holes, filled from further down.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.bands import NEAR_TIE
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import UNNUMBERED, Case
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, Claim, Picture
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Flags, Ints

_FIXED: Final = 0.6
"""Smallest share of misses that documents which never appear must account for. Origin: an index of a recall of 0.5 that
loses documents at random reaches 0.5 among documents of two queries."""
_MOST_GROUPS: Final = 20
"""Most corpora that are distinguished by ids."""
_SMALL: Final = 0.1
"""Share of legacy results that documents which never appear may have where they could also be a corpus."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Documents that were returned by one side and missed by the other, over a whole set.

    Attributes:
        always: bool, shape (documents,): missed for every query for which the first side returned it.
        never: bool, of that shape: those of them that the other side returned for no query at all.
        again: bool, of that shape: returned for two or more queries by the first side.
        fixed: Whether so many are missed each time that chance does not explain it.
        share: Share of the first side's results that documents of `never` have.
    """

    always: Flags
    never: Flags
    again: Flags
    fixed: bool
    share: float

    @classmethod
    def of(cls, returned: Ints, missed: Ints, elsewhere: Ints) -> "Missed":
        """Look for documents that never appear.

        An index that loses documents at random, a share r of them, loses one in all c queries with probability r**c. That
        is far less often than an index that does not hold them.

        Args:
            returned: int64, shape (documents,): queries for which the first side returned each.
            missed: Those of them for which the other side did not.
            elsewhere: Queries for which the other side returned it.
        """
        again = returned >= 2  # a document of one query proves nothing
        always = (missed > 0) & (missed >= returned)
        total, lost = int(returned[again].sum()), int(missed[again].sum())
        chance = lost / total if total else 0.0
        expected = float(np.power(chance, returned[again]).sum())
        number = int((always & again).sum())
        fixed = number >= max(SUPPORT, expected + 4.0 * np.sqrt(expected) + SUPPORT) and bool(
            missed[always & again].sum() >= _FIXED * lost
        )
        never = always & (elsewhere == 0)
        share = float(returned[never].sum() / returned.sum()) if returned.sum() else 0.0
        return cls(always=always, never=never, again=again, fixed=fixed, share=share)

    @property
    def absent(self) -> bool:
        """Return whether the documents that are missed each time are in no list of the other side."""
        fixed = self.always & self.again
        return self.fixed and int((fixed & self.never).sum()) >= NEARLY_ALL * int(fixed.sum())


def missing_documents(picture: Picture) -> Claim | None:
    """Claim that a corpus is not searched, or that the candidate's index lacks documents."""
    counts = picture.evidence.counts
    found = Missed.of(counts.legacy, counts.missed, counts.candidate)
    empty = RetrievalOutcome.EMPTY_CANDIDATE
    cases = [case for case in picture.left if case.holes or case.apart or case.outcome is empty]
    if len(cases) < SUPPORT:
        return None
    corpora, all_found = _corpora(picture), _finds_all_corpora(picture)
    dropped = None if all_found else _dropped(picture, cases, corpora)
    if dropped is not None or not found.absent:
        return dropped
    affected = [case for case in cases if _any(case.legacy.documents[case.legacy.alone], found.never)]
    if len(affected) < SUPPORT:
        return None
    several = found.share > _SMALL and any(case.several for case in affected)
    searched = all_found or (corpora is not None and _corpora_are_searched(picture, corpora, found.never))
    undecided = several and not searched
    return _undecided(affected, found) if undecided else _stale(picture, affected, found)


def _corpora_are_searched(picture: Picture, corpora: Sequence[str], never: Flags) -> bool:
    """Return whether queries over several corpora get other documents of the corpora that the missing ones belong to."""
    missing = Counter(name for name, gone in zip(corpora, never.tolist(), strict=False) if gone and name)
    found = _ReturnedByCorpus.of(picture, corpora)
    return bool(missing) and all(found.candidate[name] for name in missing)


def _finds_all_corpora(picture: Picture) -> bool:
    """Return whether the candidate says of queries over several corpora that its results come from all of them."""
    most = max(1, len(picture.evidence.searched))
    named = [case for case in picture.differing + picture.agreeing if case.several]
    return sum(case.hit_corpora[1] >= (len(case.corpora) or most) for case in named) >= SUPPORT


def _any(numbers: Ints, wanted: Flags) -> bool:
    return bool(wanted[numbers[numbers != UNNUMBERED]].any())


def _stale(picture: Picture, affected: Sequence[Case], found: Missed) -> Claim:
    names = picture.evidence.documents.names
    some = [names[number] for number in np.flatnonzero(found.never)[:3].tolist()]
    facts = [
        f"{int((found.never & found.again).sum()):,} documents of two or more legacy lists never appear on the candidate",
        f"some of them are {', '.join(some)}",
        "an index that loses documents at random would return nearly all of them for some query",
        "common documents have the same order and scores",
    ]
    newer = _above_all_others(picture, found.never)
    if newer:
        facts.append(newer)
    return Claim(
        name=RetrievalCauseName.STALE_INDEX,
        proven=False,
        side="candidate",
        cases=affected,
        evidence=tuple(facts),
        remedy="Compare the documents of both indexes, and index again on the side that lacks them.",
    )


def _undecided(affected: Sequence[Case], found: Missed) -> Claim:
    return Claim(
        name=RetrievalCauseName.UNKNOWN,
        proven=False,
        side="candidate",
        cases=affected,
        evidence=(
            f"{int(found.never.sum()):,} documents never appear on the candidate, with {found.share:.0%} of the legacy results",
            "a corpus that is not searched and an index that lacks documents look alike where ids do not show the corpus",
        ),
        remedy="Add queries of one corpus alone: they distinguish a corpus that is not searched from documents that are not indexed.",
    )


def _above_all_others(picture: Picture, never: Flags) -> str:
    """Return that the missing documents are those with the highest numbers in their ids; "" where they are not."""
    seen = picture.evidence.counts.candidate > 0
    names = picture.evidence.documents.names
    missing = [_digits(names[number]) for number in np.flatnonzero(never).tolist()]
    others = [_digits(names[number]) for number in np.flatnonzero(seen[: len(names)]).tolist()]
    if None in missing or None in others or not others:
        return ""
    lowest = min(number for number in missing if number is not None)
    above = sum(number > lowest for number in others if number is not None)
    return "they are the ones with the highest numbers, as new documents are" if above <= 0.02 * len(others) else ""


def _digits(name: str) -> int | None:
    found = re.search(r"(\d{1,15})\D*$", name)
    return int(found[1]) if found else None


def _corpora(picture: Picture) -> list[str] | None:
    """Return the corpus of each document, "" for one that is not known; None where nothing shows it.

    A document that the legacy side returns for a query over one corpus belongs to that corpus. Else what stands in front of
    its number, or of the last mark in its id, shows it.
    """
    names = picture.evidence.documents.names
    groups = [_group(name) for name in names]
    sizes = Counter(groups)
    if 2 <= len(sizes) <= _MOST_GROUPS and min(sizes.values()) >= SUPPORT:
        return groups
    known = [""] * len(names)
    for case in picture.differing + picture.agreeing:
        if len(case.corpora) == 1:
            for number in case.legacy.documents[case.legacy.documents != UNNUMBERED].tolist():
                known[number] = case.corpora[0]
    return known if len(set(known) - {""}) > 1 else None


def _group(name: str) -> str:
    for mark in "/:#|":
        if mark in name:
            return name.rpartition(mark)[0]
    return re.split(r"\d", name, maxsplit=1)[0]


def _dropped(picture: Picture, cases: Sequence[Case], corpora: Sequence[str] | None) -> Claim | None:
    """Claim that queries over several corpora get nothing of one of them."""
    affected = [case for case in cases if case.several]
    if corpora is None or len(affected) < SUPPORT:
        return None
    found = _ReturnedByCorpus.of(picture, corpora)
    lost = [name for name in found.legacy if name and not found.candidate[name] and found.legacy[name] >= 2 * SUPPORT]
    held = [name for name in found.legacy if name and found.candidate[name] >= SUPPORT]
    if len(lost) != 1 or not held:
        return None
    (gone,) = lost
    # Documents of the corpora that are searched may be missing now and then, and no more.
    kept_out = found.missed[gone] / max(1, sum(number for name, number in found.missed.items() if name))
    if kept_out < NEARLY_ALL:
        return None
    foreign = sum(number for name, number in found.added.items() if name and not found.legacy[name])
    if foreign > 0.1 * found.added.total():
        # What replaces the missing ones has ids that the legacy side does not know: the ids may differ, and no corpus.
        return None
    alone = [case for case in picture.differing + picture.agreeing if case.corpora == (gone,)]
    returning = [case for case in alone if len(case.candidate) and not case.apart]
    mine = [case for case in affected if any(corpora[number] in {gone, ""} for number in _alone(case))]
    claimed = mine + [case for case in picture.left if case in alone and not len(case.candidate)]
    facts = [
        f"for queries over several corpora the legacy side returns {found.legacy[gone]:,} results of {gone!r}, the candidate none",
        f"it returns {sum(found.candidate[name] for name in held):,} of {', '.join(repr(name) for name in held)}",
    ]
    if len(returning) >= SUPPORT:
        facts.append(
            f"for queries over {gone!r} alone, it returns documents in {len(returning)} of {len(alone)} queries"
        )
    return Claim(
        name=RetrievalCauseName.DROPPED_CORPUS,
        proven=len(returning) >= SUPPORT,
        side="candidate",
        cases=claimed,
        evidence=tuple(facts),
        remedy=f"Check that the candidate searches {gone!r} too, and merges what it returns.",
    )


def _alone(case: Case, side: int = 0) -> list[int]:
    results = (case.legacy, case.candidate)[side]
    numbers = results.documents[results.alone]
    return numbers[numbers != UNNUMBERED].tolist()


@dataclass(frozen=True, slots=True)
class _ReturnedByCorpus:
    """Results of queries over several corpora, by corpus: of each side, and those that either side has alone."""

    legacy: Counter[str]
    candidate: Counter[str]
    missed: Counter[str]
    added: Counter[str]

    @classmethod
    def of(cls, picture: Picture, corpora: Sequence[str]) -> "_ReturnedByCorpus":
        found = cls(*(Counter[str]() for _ in range(4)))
        for case in picture.differing + picture.agreeing:
            if case.several:
                sides = (found.legacy, case.legacy.documents), (found.candidate, case.candidate.documents)
                for counter, numbers in sides:
                    counter.update(str(corpora[number]) for number in numbers[numbers != UNNUMBERED].tolist())
                found.missed.update(str(corpora[number]) for number in _alone(case))
                found.added.update(str(corpora[number]) for number in _alone(case, 1))
        return found


def added_documents(picture: Picture) -> Claim | None:
    """Claim that the legacy side never returns documents that the candidate returns: one of the indexes is not up to date."""
    counts = picture.evidence.counts
    found = Missed.of(counts.candidate, counts.added, counts.legacy)
    cases = [case for case in picture.left if case.holes and case.better_extras]
    affected = [case for case in cases if _any(case.candidate.documents[case.candidate.alone], found.never)]
    if not found.absent or len(affected) < max(SUPPORT, _FIXED * len(cases)):
        return None
    return Claim(
        name=RetrievalCauseName.STALE_INDEX,
        proven=False,
        side=None,
        cases=affected,
        evidence=(
            f"{int(found.never.sum()):,} documents of the candidate never appear on the legacy side, with scores that would do",
            "either they were deleted and the candidate still holds them, or the legacy side lacks them",
        ),
        remedy="Compare the documents of both indexes, and bring the one that is behind up to date.",
    )


def changed_documents(picture: Picture) -> Claim | None:
    """Claim that some documents have other vectors on the candidate: their scores differ for every query, all others agree."""
    others = _other_scores(picture)
    counts = picture.evidence.counts
    found = Missed.of(counts.legacy, counts.missed, counts.candidate)
    moved = found.fixed and not found.absent
    if not (others or moved):
        return None
    always = found.always.copy()
    always[[number for number in others if number < len(always)]] = True
    affected = [case for case in picture.left if case.compared and _moved(case, always)]
    if len(affected) < SUPPORT:
        return None
    facts = (
        [f"{len(others):,} documents have another score in every query that returns them, all others the same"]
        if others
        else []
    )
    if moved:
        number = int((found.always & found.again).sum())
        facts.append(
            f"{number:,} documents are missing each time that the legacy side returns them, and some appear elsewhere"
        )
    return Claim(
        name=RetrievalCauseName.STALE_INDEX,
        proven=False,
        side=None,
        cases=affected,
        evidence=(*facts, "so their vectors differ, and neither the query vectors nor the metric do"),
        remedy="Embed these documents again on the side whose texts or vectors are older.",
    )


def _moved(case: Case, always: Flags) -> bool:
    """Return whether documents that have other vectors explain a case."""
    if not case.same_scores or case.better_extras:
        return True
    return (case.holes or case.apart) and _any(case.legacy.documents[case.legacy.alone], always)


def _other_scores(picture: Picture) -> set[int]:
    """Return documents whose scores always differ, if all others always agree; else none."""
    cases = [case for case in picture.left if case.compared and not case.same_scores]
    other, equal, beside = Counter[int](), Counter[int](), 0
    for case in picture.left + picture.agreeing:
        numbers, left, right = case.common()
        # Far below the limit of a query: a changed vector gives nearly the same score now and then.
        differ = np.abs(left - right) > NEAR_TIE
        other.update(numbers[differ].tolist())
        equal.update(numbers[~differ].tolist())
        beside += bool(0 < 2 * differ.sum() <= len(differ))
    mixed = sum(equal[number] > 0 for number in other)
    fixed = mixed <= 0.1 * len(other) and equal.total() >= 4 * other.total()
    enough = min(len(cases), len(other)) >= SUPPORT and beside >= NEARLY_ALL * len(cases)
    return {number for number in other if not equal[number]} if enough and fixed else set()
