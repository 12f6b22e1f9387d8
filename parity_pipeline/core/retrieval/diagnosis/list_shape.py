"""Causes that show in the length of lists and in filtered queries: cut-offs and filters.

Here belong rules that compare kinds of queries with each other. What documents are missing belongs to `index_content`.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import Case
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, WIDESPREAD, Claim, Picture, mostly
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome


def cut_off(picture: Picture) -> Claim | None:
    """Claim that a side returns another number of results than requested, or begins too late."""
    return _other_length(picture, 1) or _other_length(picture, 0) or _late_start(picture)


def _other_length(picture: Picture, side: int) -> Claim | None:
    """Claim a cut-off of one side, 0 for legacy and 1 for candidate: k - 1 or k + 1 results, or never more than a cap."""
    full = [case for case in picture.left + picture.agreeing if case.results[1 - side] >= case.k]
    if any(not case.filtered for case in full):
        # Short lists of filtered queries alone have another reason.
        full = [case for case in full if not case.filtered]
    wrong = [case for case in full if case.results[side] != case.k and not case.agrees]
    heads = [case for case in wrong if _is_head(case, side)]
    if len(wrong) < SUPPORT or 2 * len(heads) < len(wrong):
        return None
    name, other = ("legacy side", "candidate")[side], ("legacy side", "candidate")[1 - side]
    steps = {case.results[side] - case.k for case in wrong}
    cap = max(case.results[side] for case in wrong)
    requested = sorted({case.k for case in wrong})
    if len(steps) == 1 and len(wrong) >= NEARLY_ALL * len(full):
        (step,) = steps
        fact = f"the {name} returns k {step:+} results in {len(wrong):,} of {len(full):,} queries with enough documents"
        proven = len(requested) > 1
    elif max(steps) < 0 and mostly([case for case in full if case.k > cap], lambda case: case.results[side] == cap):
        fact = f"the {name} never returns more than {cap:,} results"
        proven = sum(case.k <= cap and case.agrees for case in full) >= SUPPORT
    else:
        return None
    return Claim(
        name=RetrievalCauseName.CUT_OFF,
        proven=proven,
        side=("legacy", "candidate")[side],
        cases=[case for case in picture.left if case.results[side] in {case.k + step for step in steps} | {cap}],
        evidence=(
            fact,
            f"in {len(heads):,} of them one list is the beginning of the other",
            f"the {other} returns k, which was {', '.join(map(str, requested))}",
        ),
        remedy=f"Look at how the {name} passes k on, and at its own limit of results.",
    )


def _is_head(case: Case, side: int) -> bool:
    """Return whether one list is the beginning of the other, or is empty where one result was requested."""
    if case.outcome is (RetrievalOutcome.EMPTY_LEGACY, RetrievalOutcome.EMPTY_CANDIDATE)[side]:
        return case.k <= 1
    return case.compared and not case.rank_change and not case.inversions and 0 in {case.missing, case.extra}


_DEEPEST_START: Final = 5
"""Most first results that are looked for where a list begins too late."""


def _late_start(picture: Picture) -> Claim | None:
    """Claim that the candidate leaves out the first results and is complete after them."""
    lists = [case for case in picture.left + picture.agreeing if case.compared and len(case.legacy) > _DEEPEST_START]
    if len(lists) < SUPPORT or picture.share_differing() < WIDESPREAD:
        return None
    missing = np.mean([case.legacy.alone[: _DEEPEST_START + 1] for case in lists], axis=0)
    late = int(np.argmax(missing < NEARLY_ALL))
    if not late or missing[late:].max() > 1.0 - NEARLY_ALL:
        return None
    return Claim(
        name=RetrievalCauseName.CUT_OFF,
        proven=False,
        side="candidate",
        cases=[case for case in picture.left if case.compared and case.legacy.alone[:late].any()],
        evidence=(
            f"the candidate lacks the first {late} of the legacy results in nearly all of {len(lists):,} lists, and few others",
        ),
        remedy="Look for an offset where the candidate cuts its results.",
    )


def filters(picture: Picture) -> Claim | None:
    """Claim that the candidate ignores filters, or applies them to its best k results only."""
    filtered = [case for case in picture.left if case.filtered]
    plain = picture.sent_of(lambda kind: not kind[1])
    share = picture.scaled(filtered) / max(1, picture.sent_of(lambda kind: kind[1]))
    plain_share = picture.scaled(case for case in picture.left if not case.filtered) / max(1, plain)
    contrast = plain >= SUPPORT and plain_share <= share / 4
    if len(filtered) < SUPPORT or share < WIDESPREAD or (plain >= SUPPORT and not contrast):
        return None
    agree = (
        f"{share:.0%} of filtered queries differ and {plain_share:.0%} of the {plain:,} without a filter"
        if contrast
        else "no query without a filter was sent"
    )
    return _ignored(picture, filtered, agree) or _after(picture, filtered, agree, contrast=contrast)


def _ignored(picture: Picture, filtered: Sequence[Case], agree: str) -> Claim | None:
    twins = list(_twins(picture, filtered))
    same = [case for case, twin in twins if _same_list(case, twin)]
    proven = len(same) >= max(SUPPORT, NEARLY_ALL * len(twins))
    # Where scores cannot be compared, only the same query without its filter shows what is excluded.
    cases = [case for case in filtered if _holds_excluded(case) or (proven and not case.comparable)]
    if len(cases) < max(SUPPORT, 0.8 * len(filtered)):
        return None
    facts = [
        f"in {picture.scaled(cases):,} filtered queries the candidate returns documents that the legacy side excludes",
        agree,
    ]
    if same:
        facts.append(
            f"{len(same)} of {len(twins)} filtered queries give the candidate's list of the same query without a filter"
        )
    return Claim(
        name=RetrievalCauseName.FILTER_IGNORED,
        proven=proven,
        side="candidate",
        cases=cases,
        evidence=tuple(facts),
        remedy="Check that the candidate receives the filter and knows its fields; compare how each side spells it.",
    )


def _holds_excluded(case: Case) -> bool:
    if case.outcome is RetrievalOutcome.EMPTY_LEGACY:
        return True
    return case.better_extras or (case.compared and case.extra > case.missing)


def _after(picture: Picture, filtered: Sequence[Case], agree: str, *, contrast: bool) -> Claim | None:
    cases = [case for case in filtered if _left_over(case)]
    lengths = {case.results[1] for case in cases}
    if not mostly(filtered, _left_over, 0.8) or len(lengths) == 1:
        return None
    twins = list(_twins(picture, cases))
    inside = [case for case, twin in twins if set(case.candidate.documents.tolist()) <= _documents(twin)]
    facts = [
        f"in {picture.scaled(cases):,} filtered queries the candidate returns only {min(lengths)} to {max(lengths)} results",
        agree,
    ]
    if inside:
        facts.append(f"{len(inside)} of {len(twins)} are what remains of the same query's list without a filter")
    return Claim(
        name=RetrievalCauseName.FILTER_AFTER_TOP_K,
        proven=contrast and len(inside) >= max(SUPPORT, NEARLY_ALL * len(twins)),
        side="candidate",
        cases=cases,
        evidence=tuple(facts),
        remedy="Filter inside the search of the candidate, or let it search for more than k before it filters.",
    )


def _left_over(case: Case) -> bool:
    if case.outcome is RetrievalOutcome.EMPTY_CANDIDATE:
        return True
    return (case.head and case.results[1] < case.results[0]) or _not_filled(case)


def _not_filled(case: Case) -> bool:
    """Return whether the candidate returns fewer than k where the legacy list is full; each corpus may stop elsewhere.

    An index that lacks documents would fill their places from further down, up to k.
    """
    whole = case.compared and case.in_order and case.same_scores and not case.repeats[1]
    return whole and not case.better_extras and case.results[0] >= case.k > case.results[1]


def _mostly_short(full: Sequence[Case], least: int) -> bool:
    """Return whether nearly all lists for so many results or more are not filled up."""
    return mostly([case for case in full if case.k >= least], lambda case: not case.agrees and _not_filled(case))


def stops_short(picture: Picture) -> Claim | None:
    """Claim a cut-off of the candidate where each corpus returns fewer than k: from some k on, hardly a list is filled."""
    full = [case for case in picture.left + picture.agreeing if not case.filtered and case.results[0] >= case.k]
    short = [case for case in full if not case.agrees and _not_filled(case)]
    least = next((k for k in sorted({case.k for case in short}) if _mostly_short(full, k)), None)
    if least is None:
        return None
    beyond, below = ([case for case in full if (case.k >= least) is deep] for deep in (True, False))
    short = [case for case in short if case.k >= least]
    lengths = [case.results[1] for case in short]
    one_cap = len(set(lengths)) == 1 and mostly(short, lambda case: case.head)
    if one_cap or len({case.k - case.results[1] for case in short}) == 1:
        # One cap of the whole list, or one step, is another cut-off.
        return None
    fact = (
        f"for k from {least} on the candidate returns {min(lengths)} to {max(lengths)} results in {len(short):,} of "
        f"{len(beyond):,} queries with enough documents"
    )
    return Claim(
        name=RetrievalCauseName.CUT_OFF,
        proven=mostly(below, lambda case: case.agrees),
        side="candidate",
        cases=short,
        evidence=(
            fact,
            "the legacy lists are full, and what is common stands in the same order, with the same scores",
        ),
        remedy="Raise what the candidate's index looks at per corpus, such as `ef_search`, to k or more.",
    )


def _twins(picture: Picture, cases: Sequence[Case]) -> Iterator[tuple[Case, Case]]:
    """Yield filtered cases with the case of the same query without a filter, where one was sent."""
    plain = {
        (case.text, case.k, case.corpora): case
        for case in picture.differing + picture.agreeing
        if not case.filtered and case.text
    }
    for case in cases:
        twin = plain.get((case.text, case.k, case.corpora))
        if twin is not None:
            yield case, twin


def _same_list(case: Case, twin: Case) -> bool:
    """Return whether the candidate returns one list for both, and the legacy side does not."""
    mine, theirs = _documents(case), _documents(twin)
    other = set(case.legacy.documents.tolist()) != set(twin.legacy.documents.tolist())
    return other and len(mine & theirs) >= NEARLY_ALL * max(len(mine), len(theirs))


def _documents(case: Case) -> set[int]:
    return set(case.candidate.documents.tolist())
