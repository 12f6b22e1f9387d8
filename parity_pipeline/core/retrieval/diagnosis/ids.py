"""Causes that lie in the ids of documents: ids that do not map, and one document returned more than once.

Here belong rules that read ids. Which documents are in an index belongs to `index_content`.
"""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.bands import NEAR_TIE
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import UNNUMBERED, Case
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, Claim, Picture

IdPair = tuple[str, str]
Affixes = tuple[str, str, str, str]
"""Legacy prefix and suffix, candidate prefix and suffix of ids with one core."""

_PAIRS: Final = 500
"""Pairs of ids that a mapping is looked for in."""
_PAIRED: Final = 0.75
"""Smallest share of results without a partner of their own id that find one by score; an approximate index loses others."""
_FORMS: Final = 4
"""Most forms that ids may have, such as one per corpus."""
_IN_COMMON: Final = 0.2
"""Largest share of results, in [0, 1], whose id is on both lists by chance where ids are shifted; and of scores that agree."""
_FEWEST: Final = 5
"""Fewest different ids that show a mapping."""


def ids_do_not_map(picture: Picture) -> Claim | None:
    """Claim that ids differ only in spelling: one score stands under another id.

    A swap of documents with one score does not look like it: one id would then have several partners.
    """
    cases = [case for case in picture.left if case.compared and case.legacy.alone.any() and case.candidate.alone.any()]
    pairs = Counter(pair for case in cases for pair in _partners(case, picture))
    alone = sum(int(case.legacy.alone.sum()) for case in cases)
    if len(cases) < SUPPORT or pairs.total() < _PAIRED * alone or not _one_to_one(pairs):
        return None
    # In a set that differs in few places, ties that were swapped are one to one too.
    if alone < 0.2 * sum(len(case.legacy) for case in cases):
        return None
    forms = _forms(list(pairs)[:_PAIRS])
    disjoint = all(not len(case.common()[0]) for case in cases)
    if not forms and not disjoint and not _another_document(cases, pairs):
        return None
    # An id that both sides return is another document too, where its score and metadata say so.
    kept = {id(case) for case in cases}
    cases += [case for case in picture.left if id(case) not in kept and case.compared and not case.same_scores]
    example, partner = next(iter(pairs))
    scored = all(case.comparable for case in cases)
    lined_up = "the same scores stand under other ids" if scored else "the lists have no id in common"
    repeated = sum(number for number in pairs.values() if number > 1)
    return Claim(
        name=RetrievalCauseName.ID_MAPPING,
        proven=bool(forms),
        side=None,
        cases=cases,
        evidence=(
            f"{lined_up}, such as {example!r} on the legacy side and {partner!r} on the candidate",
            f"{len(pairs)} ids have one partner each, {repeated} of {pairs.total()} results in two or more queries",
            *(f"{_described(form)} for {share:.0%} of them" for form, share in forms),
        ),
        remedy="Map the ids in the settings: " + "; ".join(_mapping(form) for form, _ in forms)
        if forms
        else "Find out how the candidate's ids follow from the legacy ones and set `ids` of the sides.",
    )


def _partners(case: Case, picture: Picture) -> list[IdPair]:
    """Return ids that each stand on one side alone and with one score, or at one rank where scores cannot be compared."""
    names = picture.evidence.documents.names
    left, right = (
        np.flatnonzero(side.alone & (side.documents != UNNUMBERED)) for side in (case.legacy, case.candidate)
    )
    if case.comparable and len(left) and len(right):
        # A result that an approximate index loses moves ranks, and no scores.
        apart = np.abs(case.legacy.scores[left][:, None] - case.candidate.scores[right])
        nearest = apart.argmin(axis=1)
        close = apart[np.arange(len(left)), nearest] <= NEAR_TIE
        left, right = left[close], right[nearest[close]]
    else:
        left = right = np.intersect1d(left, right)
    pairs = zip(case.legacy.documents[left].tolist(), case.candidate.documents[right].tolist(), strict=True)
    return [(names[one], names[other]) for one, other in pairs]


def _one_to_one(pairs: Counter[IdPair]) -> bool:
    """Return whether each id has one partner, but for ties: the commonest partner of an id stands for it."""
    if len(pairs) < _FEWEST:
        return False
    for side in (0, 1):
        best: dict[str, int] = {}
        for pair, number in pairs.items():
            best[pair[side]] = max(best.get(pair[side], 0), number)
        if sum(best.values()) < NEARLY_ALL * pairs.total():
            return False
    return True


def _another_document(cases: Sequence[Case], pairs: Counter[IdPair]) -> bool:
    """Return whether ids are shifted within one space: partners are the same in query after query, common ids mean nothing.

    An id that both sides return stands for another document on each, so that few are common and their scores differ.
    """
    common = [case.common() for case in cases]
    number = sum(len(ids) for ids, _, _ in common)
    alike = sum(int((np.abs(left - right) <= NEAR_TIE).sum()) for _, left, right in common)
    few = number <= _IN_COMMON * sum(len(case.legacy) for case in cases) and alike <= _IN_COMMON * max(number, _FEWEST)
    repeated = sum(times > 1 for times in pairs.values())
    return few and all(case.comparable for case in cases) and repeated >= _FEWEST


def _forms(pairs: Sequence[IdPair]) -> list[tuple[Affixes, float]]:
    """Return the few forms that nearly all pairs have, with the share of each; empty where there are none."""
    found = Counter(form for form in map(_affixes, pairs) if form is not None)
    best = found.most_common(_FORMS)
    total = sum(number for _, number in best)
    if not best or total < NEARLY_ALL * len(pairs):
        return []
    return [(form, number / len(pairs)) for form, number in best if number >= max(2, 0.02 * len(pairs))]


def _affixes(pair: IdPair) -> Affixes | None:
    """Return what stands around the part that both ids share; None where they share too little."""
    legacy, candidate = pair
    if legacy.casefold() == candidate.casefold():
        return "", "", "", ""
    left, right = legacy.casefold(), candidate.casefold()
    core = SequenceMatcher(None, left, right, autojunk=False).find_longest_match()
    if not core.size or 2 * core.size < min(len(left.lstrip("0")), len(right.lstrip("0"))):
        return None
    one, other = core.a + core.size, core.b + core.size
    affixes = legacy[: core.a], legacy[one:], candidate[: core.b], candidate[other:]
    # A number with and without leading zeros is one form, however many zeros there are.
    return (affixes[0].rstrip("0"), affixes[1], affixes[2].rstrip("0"), affixes[3])


def _described(form: Affixes) -> str:
    if not any(form):
        return "the ids differ in upper and lower case or leading zeros"
    left, right = (f"{before}…{after}" for before, after in (form[:2], form[2:]))
    return f"the legacy id {left!r} is {right!r} on the candidate"


def _mapping(form: Affixes) -> str:
    before, after, theirs, behind = form
    if behind or not any(form):
        return f"let both sides spell ids alike ({_described(form)}); a prefix and a template cannot say it"
    return f"candidate.ids.prefix: {theirs!r}, candidate.ids.template: {before + '{id}' + after!r}"


def duplicates(picture: Picture) -> Claim | None:
    """Claim that the candidate returns one document more than once."""
    cases = [case for case in picture.left if case.repeats[1] > case.repeats[0]]
    twins = [case for case in picture.left if case.compared and not case.repeats[1] and _twins(case, picture)]
    found = cases + twins
    if len(found) < SUPPORT:
        return None
    one_corpus = [case for case in picture.agreeing if not case.several]
    several = all(case.several for case in found)
    facts = [f"in {picture.scaled(found):,} queries the candidate returns a document more than once"]
    if twins:
        facts.append("some appear with one score under ids of two corpora")
    if several and len(one_corpus) >= SUPPORT:
        facts.append(f"only queries over several corpora have repeats; {len(one_corpus)} over one corpus agree")
    where = "merges the corpora" if several else "merges its results"
    return Claim(
        name=RetrievalCauseName.DUPLICATES,
        proven=several and not twins and len(one_corpus) >= SUPPORT,
        side="candidate",
        cases=found,
        evidence=tuple(facts),
        remedy=f"Remove repeated documents where the candidate {where}, before it cuts the list at k.",
    )


def _twins(case: Case, picture: Picture) -> bool:
    """Return whether a document that only the candidate has stands beside one with its score and the end of its id."""
    names, scores = picture.evidence.documents.names, case.candidate.scores
    for place in np.flatnonzero(case.candidate.alone & (case.candidate.documents != UNNUMBERED)).tolist():
        end = _end(names[case.candidate.documents[place]])
        alike = np.flatnonzero(np.abs(scores - scores[place]) <= 0.0)
        if any(_end(names[case.candidate.documents[other]]) == end for other in alike.tolist() if other != place):
            return True
    return False


def _end(name: str) -> str:
    """Return an id without the corpus in front of it."""
    for mark in "/:#|":
        if mark in name:
            return name.rpartition(mark)[2]
    return name
