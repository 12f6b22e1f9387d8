"""Causes that show in the length of lists and in filtered queries: cut-offs and filters.

Here belong rules that compare kinds of queries with each other. What documents are missing belongs to `index_content`.
"""

from collections.abc import Iterator, Sequence

from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import Case
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, WIDESPREAD, Claim, Picture, mostly
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome


def cut_off(picture: Picture) -> Claim | None:
    """Claim that a side returns fewer results than requested: all but the last ones, or a fixed number."""
    return _too_few(picture, 1) or _too_few(picture, 0) or _late_start(picture)


def _too_few(picture: Picture, side: int) -> Claim | None:
    """Claim a cut-off of one side: 0 for legacy, 1 for candidate."""
    full = [case for case in _lists(picture) if case.results[1 - side] >= case.k]
    if any(not case.filtered for case in full):
        # Short lists of filtered queries alone have another reason.
        full = [case for case in full if not case.filtered]
    short = [case for case in full if _is_head(case, side)]
    if len(short) < SUPPORT:
        return None
    name, other = ("legacy side", "candidate")[side], ("legacy side", "candidate")[1 - side]
    steps = {case.k - case.results[side] for case in short}
    caps = {case.results[side] for case in short}
    requested = sorted({case.k for case in short})
    if len(steps) == 1 and len(short) >= NEARLY_ALL * len(full):
        (step,) = steps
        fact = f"the {name} returns k - {step} results in {len(short):,} of {len(full):,} queries with enough documents"
        controls = len(requested) > 1
    elif len(caps) == 1 and mostly([case for case in full if case.k > max(caps)], lambda case: case in short):
        (cap,) = caps
        fact = f"the {name} never returns more than {cap:,} results"
        controls = len([case for case in full if case.k <= cap and case.agrees]) >= SUPPORT
    else:
        return None
    claimed = [case for case in picture.left if _is_head(case, side) and case.results[side] < case.k]
    return Claim(
        name=RetrievalCauseName.CUT_OFF,
        proven=controls,
        side=("legacy", "candidate")[side],
        cases=claimed,
        evidence=(
            fact,
            f"each of these lists is the beginning of the one that the {other} returns",
            f"k was {', '.join(map(str, requested))}",
        ),
        remedy=f"Look at how the {name} passes k on, and at its own limit of results.",
    )


def _lists(picture: Picture) -> list[Case]:
    return picture.left + picture.agreeing


def _is_head(case: Case, side: int) -> bool:
    """Return whether one side's list ends early: it is the beginning of the other's, or empty where one was requested."""
    if case.outcome is (RetrievalOutcome.EMPTY_LEGACY, RetrievalOutcome.EMPTY_CANDIDATE)[side]:
        return case.k - case.results[side] <= 1
    if not case.compared or case.rank_change or case.inversions:
        return False
    only = (case.missing, case.extra)
    return only[side] == 0 and only[1 - side] > 0


def _late_start(picture: Picture) -> Claim | None:
    """Claim that the candidate leaves out the first result and is complete after that."""
    full = [case for case in _lists(picture) if case.compared and len(case.legacy) >= SUPPORT]
    late = [case for case in picture.left if case in full and _begins_second(case)]
    if len(late) < max(SUPPORT, NEARLY_ALL * len(full)):
        return None
    return Claim(
        name=RetrievalCauseName.CUT_OFF,
        proven=False,
        side="candidate",
        cases=late,
        evidence=(
            f"in {len(late):,} of {len(full):,} queries the candidate's list begins with the second legacy result",
        ),
        remedy="Look for an offset of one where the candidate cuts its results.",
    )


def _begins_second(case: Case) -> bool:
    length = len(case.legacy) - 1
    theirs = case.candidate.documents[:length]
    return len(theirs) == length and bool((case.legacy.documents[1:] == theirs).all())


def filters(picture: Picture) -> Claim | None:
    """Claim that the candidate ignores filters, or applies them to its best k results only."""
    filtered = [case for case in picture.left if case.filtered]
    share = picture.share_differing(lambda kind: kind[1])
    plain = picture.asked_of(lambda kind: not kind[1])
    plain_share = picture.share_differing(lambda kind: not kind[1])
    contrast = plain >= SUPPORT and plain_share <= share / 4
    if len(filtered) < SUPPORT or share < WIDESPREAD or (plain >= SUPPORT and not contrast):
        return None
    agree = (
        f"{share:.0%} of filtered queries differ and {plain_share:.0%} of the {plain:,} without a filter"
        if contrast
        else "no query without a filter was asked"
    )
    return _ignored(picture, filtered, agree) or _after(picture, filtered, agree, contrast=contrast)


def _ignored(picture: Picture, filtered: Sequence[Case], agree: str) -> Claim | None:
    cases = [case for case in filtered if _holds_excluded(case)]
    if not mostly(filtered, _holds_excluded, 0.8):
        return None
    twins = list(_twins(picture, cases))
    same = [case for case, twin in twins if _same_list(case, twin)]
    facts = [
        f"in {picture.scaled(cases):,} filtered queries the candidate returns documents that the legacy side excludes, with better scores",
        agree,
    ]
    if same:
        facts.append(
            f"{len(same)} of {len(twins)} filtered queries give the candidate's list of the same query without a filter"
        )
    return Claim(
        name=RetrievalCauseName.FILTER_IGNORED,
        proven=len(same) >= max(SUPPORT, NEARLY_ALL * len(twins)),
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
    if not mostly(filtered, _left_over, 0.8) or len(lengths) < 2:  # noqa: PLR2004 - one length is a cut-off
        return None
    twins = list(_twins(picture, cases))
    inside = [case for case, twin in twins if set(case.candidate.documents.tolist()) <= _documents(twin)]
    facts = [
        f"in {picture.scaled(cases):,} filtered queries the candidate returns only the first of the legacy results, "
        f"{min(lengths)} to {max(lengths)} of them",
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
    return case.head and case.results[1] < case.results[0]


def _twins(picture: Picture, cases: Sequence[Case]) -> Iterator[tuple[Case, Case]]:
    """Yield filtered cases with the case of the same query without a filter, where one was asked."""
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
    return _documents(case) == _documents(twin) and set(case.legacy.documents.tolist()) != set(
        twin.legacy.documents.tolist()
    )


def _documents(case: Case) -> set[int]:
    return set(case.candidate.documents.tolist())
