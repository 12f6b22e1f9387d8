"""Name the causes of a set's differences: every rule in its turn, each on what the ones before leave unexplained.

Here belong the order of the rules and what is said where none holds. A rule belongs to the module of what it reads.
"""

from collections.abc import Callable, Sequence
from typing import Final

from parity_pipeline.core.retrieval.bands import NEAR_TIE
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCause, RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.approximate import approximate_index
from parity_pipeline.core.retrieval.diagnosis.cases import Case
from parity_pipeline.core.retrieval.diagnosis.evidence import CauseEvidence
from parity_pipeline.core.retrieval.diagnosis.ids import duplicates, ids_do_not_map
from parity_pipeline.core.retrieval.diagnosis.index_content import (
    added_documents,
    changed_documents,
    missing_documents,
)
from parity_pipeline.core.retrieval.diagnosis.list_shape import cut_off, filters, stops_short
from parity_pipeline.core.retrieval.diagnosis.picture import COARSE_TIE, SUPPORT, Claim, Picture
from parity_pipeline.core.retrieval.diagnosis.query_vectors import query_vectors, reported_mode
from parity_pipeline.core.retrieval.diagnosis.scores import rescaled

FEW: Final = 0.02
"""Share of queries, in [0, 1], up to which those that no cause explains are strays."""

LITTLE_LEFT: Final = 0.1
"""Share of differing queries, in [0, 1], that may stay unexplained beside a cause that explains the others."""


def tie_order(picture: Picture) -> Claim | None:
    """Claim that the same documents stand in another order, which small score gaps explain."""
    cases = [
        case
        for case in picture.left
        if case.compared
        and case.same_scores
        and not (case.missing or case.extra)
        and case.inversions
        and case.gap <= COARSE_TIE
    ]
    if len(cases) < max(SUPPORT, FEW * picture.sent):
        return None
    widest = max(case.gap for case in cases)
    # Ties at the end of a list also decide which documents are in it.
    beside = [
        case
        for case in picture.left
        if case.compared and case.same_scores and not case.gap > COARSE_TIE and 0 < case.missing <= _few_of(case)
    ]
    return Claim(
        name=RetrievalCauseName.TIE_ORDER,
        proven=False,
        side=None,
        cases=cases + beside,
        evidence=(
            f"{len(cases):,} lists hold the same documents in another order",
            f"no score gap of more than {widest:.2g} lies between documents that changed places",
        ),
        remedy="Break ties by document id on both sides, or accept the order by raising tie_tolerance.",
    )


def metadata(picture: Picture, claims: Sequence[Claim] = ()) -> Claim | None:
    """Claim that common documents have other metadata, where it is not another document that stands under an id."""
    mapped = {id(case) for claim in claims if claim.name is RetrievalCauseName.ID_MAPPING for case in claim.cases}
    cases = [case for case in picture.differing if case.metadata and id(case) not in mapped]
    if not cases:
        return None
    documents = sum(case.metadata for case in cases)
    agreeing = any(not case.metadata and case.compared for case in picture.differing + picture.agreeing)
    return Claim(
        name=RetrievalCauseName.METADATA,
        proven=agreeing,
        side=None,
        cases=cases,
        evidence=(f"{documents:,} common results in {len(cases):,} queries have other metadata",),
        remedy="Compare the metadata of these documents on both sides, their types and spelling included.",
    )


RULES: Final[tuple[Callable[[Picture], Claim | None], ...]] = (
    reported_mode,
    ids_do_not_map,
    duplicates,
    stops_short,
    filters,
    cut_off,
    rescaled,
    changed_documents,
    query_vectors,
    missing_documents,
    added_documents,
    tie_order,
    approximate_index,
)
"""What is said by a side itself comes first, then what hides other causes, then what needs lists that agree otherwise."""

_ORDER: Final = {name: place for place, name in enumerate(RetrievalCauseName)}


def name_causes(evidence: CauseEvidence) -> tuple[RetrievalCause, ...]:
    """Return the causes of a set's differences, the surest first; empty where nothing differs, or no more than usual.

    Differences that sending them again did not confirm are left out, as are the losses of a usual approximate index.
    """
    picture = Picture(evidence)
    claims: list[Claim] = []
    for rule in RULES:
        claim = rule(picture)
        if claim is not None and claim.cases:
            claims.append(claim)
            picture.explain(claim.cases)
    aside = metadata(picture, claims)
    if aside is not None:
        claims.append(aside)
        picture.explain(aside.cases)
    picture.explain([case for case in picture.left if _usual(case)])
    left = _unexplained(picture, claims)
    found = [picture.cause(claim) for claim in (*claims, *left)]
    return tuple(sorted(found, key=lambda cause: (cause.confidence is not CauseConfidence.PROVEN, _ORDER[cause.name])))


def _usual(case: Case) -> bool:
    """Return whether a case is one of the honest differences of an approximate index and of near ties."""
    few = (case.holes or case.apart) and case.missing <= _few_of(case)
    tied = case.compared and not case.missing and not case.extra and case.inversions > 0 and case.gap <= NEAR_TIE
    return (few and case.extra > 0 and not case.better_extras) or (tied and case.same_scores)


def _few_of(case: Case) -> float:
    return max(2.0, 0.3 * len(case.legacy))


_FINE: Final = frozenset(
    {RetrievalCauseName.APPROXIMATE_INDEX, RetrievalCauseName.TIE_ORDER, RetrievalCauseName.METADATA}
)
"""Causes that move few results of a list: beside them, a query with a list of its own is worth a word."""


def _unexplained(picture: Picture, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return what is said of cases that no rule explains."""
    left = picture.left
    number = picture.scaled(left)
    little = bool(claims) and number <= LITTLE_LEFT * picture.scaled(picture.differing)
    if little and all(claim.name in _FINE for claim in claims):
        little = not any(case.apart or case.rbo < 0.5 for case in left)
    if not left or little:
        return ()
    if number <= max(1.0, FEW * picture.sent):
        return (_strays(picture, number),)
    return (
        Claim(
            name=RetrievalCauseName.UNKNOWN,
            proven=False,
            side=None,
            cases=left,
            evidence=(f"{number:,} queries differ in no way that a rule knows", *_noisy(picture)),
            remedy="Compare the lists of these queries; set `model` or a dialect that takes vectors, so that controls can be sent.",
        ),
    )


def _strays(picture: Picture, number: int) -> Claim:
    sent = picture.evidence.confirmation
    again = [case for case in picture.left if sent is not None and case.id in sent.confirmed]
    facts = [f"{number:,} of {picture.sent:,} queries differ, and the others agree"]
    if again:
        facts.append(f"{len(again)} of them differed each time they were sent")
    alike = sum(case.same is not None and case.same.agrees for case in picture.left)
    if alike:
        facts.append(f"for {alike} of them the legacy query vector gives the legacy list")
    return Claim(
        name=RetrievalCauseName.STRAY_QUERIES,
        proven=False,
        side=None,
        cases=picture.left,
        evidence=(*facts, *_noisy(picture)),
        remedy="Read these queries one by one: what they have in common says more than their number.",
    )


def _noisy(picture: Picture) -> tuple[str, ...]:
    """Return which side returns other lists when it is sent again."""
    sides = zip(("legacy side", "candidate"), picture.evidence.noise, strict=True)
    return tuple(
        f"the {name} returned another list for {noise.differing} of {noise.queries} queries that it was sent again"
        for name, noise in sides
        if noise is not None and noise.differing
    )
