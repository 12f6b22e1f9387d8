"""Causes that lie in the query vector: another embedding, or a search that uses none.

Here belong the reading of the controls (the candidate's list for the legacy query vector, the cosine of both embeddings)
and the signs of a lexical search.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import SAME_SCORE, Case
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, WIDESPREAD, Claim, Picture, mostly
from parity_pipeline.core.retrieval.diagnosis.scores import lower_precision, wrong_metric
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import Float64

_LEXICAL: Final = re.compile(r"lexical|keyword|bm25|full.?text|fts|sparse|like", re.IGNORECASE)
_PARAPHRASE: Final = re.compile(r"paraphras|synonym|no[ _-]shared|no[ _-]common", re.IGNORECASE)
_CONTRAST: Final = 0.1
"""Difference of mean rank-biased overlap by which paraphrases differ more than other queries."""
_CHANCE: Final = 0.01
"""Largest probability at which such a difference is not attributed to chance, by the test of Mann and Whitney."""
_TIED: Final = 0.1
"""Share of results, in [0, 1], by which a search that counts words has more equal scores than one by vectors."""


def reported_mode(picture: Picture) -> Claim | None:
    """Claim a lexical fallback that a side itself reports."""
    cases = [case for case in picture.left if case.outcome is RetrievalOutcome.WRONG_MODE]
    for side, modes in zip(Side, picture.evidence.modes, strict=True):
        lexical = sorted(mode for mode in modes if _LEXICAL.search(mode))
        if cases and lexical:
            return Claim(
                name=RetrievalCauseName.LEXICAL_FALLBACK,
                proven=True,
                side=side.value,
                cases=cases,
                evidence=(f"the {side} side reports the mode {lexical[0]!r} for {modes[lexical[0]]:,} queries",),
                remedy=f"Find out why the {side} side could not embed the queries, and let it fail instead.",
            )
    return None


@dataclass(frozen=True, slots=True)
class Controls:
    """What the controls say of the differing cases.

    Attributes:
        tried: Cases for which the candidate returned a list for the legacy query vector.
        alike: Those of them whose list for that vector is the legacy list, a small loss aside.
        same_as_own: Whether the candidate's lists for the legacy query vector are those that it returns by itself.
        apart: Cases whose embeddings are known to differ.
        together: Cases whose embeddings are known to agree.
    """

    tried: Sequence[Case]
    alike: Sequence[Case]
    same_as_own: bool
    apart: Sequence[Case]
    together: Sequence[Case]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> "Controls":
        """Read the controls of some cases."""
        tried = [case for case in cases if case.same is not None]
        return cls(
            tried=tried,
            alike=[case for case in tried if _explained(case)],
            same_as_own=mostly(tried, _as_own),
            apart=[case for case in cases if case.embedded_alike is False],
            together=[case for case in cases if case.embedded_alike],
        )

    @property
    def vector_explains(self) -> bool:
        """Return whether the legacy query vector gives nearly all legacy lists."""
        return len(self.alike) >= max(SUPPORT, NEARLY_ALL * len(self.tried))

    @property
    def embedded_apart(self) -> bool:
        """Return whether nearly all embeddings that are known differ."""
        return len(self.apart) >= max(SUPPORT, NEARLY_ALL * (len(self.apart) + len(self.together)))

    @property
    def embedded_alike(self) -> bool:
        """Return whether nearly all embeddings that are known agree."""
        return len(self.together) >= max(SUPPORT, NEARLY_ALL * (len(self.apart) + len(self.together)))


def _explained(case: Case) -> bool:
    """Return whether the legacy query vector removes the difference, up to what an approximate index loses."""
    return case.same is not None and (case.same.agrees or (case.same.holes and 1 - case.same.rbo <= (1 - case.rbo) / 3))


def _as_own(case: Case) -> bool:
    """Return whether the candidate returns the same documents for the text and for the legacy query vector."""
    if case.same is None:
        return False
    mine, theirs = set(case.candidate.documents.tolist()), set(case.same.candidate.documents.tolist())
    return len(mine & theirs) >= NEARLY_ALL * max(len(mine), len(theirs), 1)


def query_vectors(picture: Picture) -> Claim | None:
    """Claim another metric, another embedding or a lexical fallback for queries whose scores or order differ."""
    # What missing documents explain alone needs no other query vector.
    cases = [case for case in picture.left if not case.holes and not case.head]
    if len(cases) < SUPPORT or picture.share_differing() < WIDESPREAD:
        return None
    claim = _of_vectors(picture, cases)
    words = claim is not None and claim.name is RetrievalCauseName.LEXICAL_FALLBACK
    if claim is None or (2 * len(cases) < len(picture.left) and not words):
        return claim
    # A list that keeps its order by chance is explained with the others.
    return _about(claim, picture.left)


def _of_vectors(picture: Picture, cases: Sequence[Case]) -> Claim | None:
    found = Controls.of(cases)
    if found.vector_explains:
        return _lexical(picture, cases, found) or _embedding(picture, cases, found)
    if found.tried:
        controlled = found.same_as_own and len(found.tried) >= SUPPORT
        lists = cases if controlled else [case.same for case in found.tried if case.same is not None]
        metric = wrong_metric(picture, lists, controlled=len(found.tried) >= SUPPORT)
        if metric is None and found.embedded_alike:
            # Both embed alike but for the norm, which a metric over raw vectors depends on: the lists for text decide.
            metric = wrong_metric(picture, cases, controlled=True, related=True)
        if metric is not None:
            return _about(metric, cases)
    elif not found.embedded_apart:
        metric = wrong_metric(picture, cases, controlled=found.embedded_alike)
        if metric is not None:
            # Scores beyond those of a cosine are those of words too.
            return metric if metric.proven else _lexical(picture, cases, found) or metric
    if found.same_as_own:
        # Embeddings that agree are not enough: the search may embed otherwise.
        return lower_precision(picture, cases)
    return _lexical(picture, cases, found) or (_embedding(picture, cases, found) if found.embedded_apart else None)


def _about(claim: Claim, cases: Sequence[Case]) -> Claim:
    """Return a claim that was made of control lists as one of the cases themselves."""
    return Claim(
        name=claim.name,
        proven=claim.proven,
        side=claim.side,
        cases=cases,
        evidence=claim.evidence,
        remedy=claim.remedy,
    )


@dataclass(frozen=True, slots=True)
class LexicalSigns:
    """Signs of a search by words in the candidate's lists.

    Attributes:
        paraphrases: Mean rank-biased overlap of paraphrases and of all other queries; None where either is too few.
        lower: Whether that of paraphrases is lower, and not by chance.
        ties: Share of results whose score equals the one before, of both sides.
        empty: Share of paraphrases for which the candidate alone returns nothing, or less than the legacy side.
        off_scale: Whether the candidate's scores cannot be cosines while the legacy ones may be.
    """

    paraphrases: tuple[float, float] | None
    lower: bool
    ties: tuple[float, float]
    empty: float
    off_scale: bool

    @classmethod
    def of(cls, picture: Picture) -> "LexicalSigns":
        """Look for the signs in all kept cases."""
        cases = picture.differing + picture.agreeing
        split = [
            [case for case in cases if bool(_PARAPHRASE.search(case.category)) is wanted] for wanted in (True, False)
        ]
        enough = all(len(some) >= SUPPORT for some in split)
        overlaps = [np.nan_to_num(np.array([case.rbo for case in some])) for some in split]
        chance = _chance_of_less(overlaps[0], overlaps[1]) if enough else 1.0
        short = [case for case in split[0] if case.results[1] < case.results[0]]
        scores = [
            np.concatenate(
                [case.legacy.scores if side == 0 else case.candidate.scores for case in cases] or [np.zeros(0)]
            )
            for side in (0, 1)
        ]
        legacy, candidate = (np.abs(one[np.isfinite(one)]).max(initial=0.0) for one in scores)
        return cls(
            paraphrases=(float(np.mean(overlaps[0])), float(np.mean(overlaps[1]))) if enough else None,
            lower=chance <= _CHANCE,
            ties=(_tied(cases, 0), _tied(cases, 1)),
            empty=len(short) / len(split[0]) if split[0] else 0.0,
            off_scale=bool(legacy <= 1.0 + SAME_SCORE < candidate),
        )

    @property
    def contrast(self) -> bool:
        """Return whether paraphrases differ more than queries that share words with documents."""
        return self.paraphrases is not None and self.lower and self.paraphrases[0] <= self.paraphrases[1] - _CONTRAST

    @property
    def nothing_shared(self) -> bool:
        """Return whether paraphrases agree no more than by chance, which another embedding seldom comes to."""
        return self.paraphrases is not None and self.paraphrases[0] <= _CONTRAST

    @property
    def by_words(self) -> bool:
        """Return whether scores or lengths are those of a search by words."""
        return self.ties[1] >= self.ties[0] + _TIED or self.off_scale or self.empty >= 0.5

    @property
    def excluded(self) -> bool:
        """Return whether paraphrases were sent and show none of the signs."""
        return self.paraphrases is not None and not self.contrast and not self.by_words

    def facts(self) -> Iterator[str]:
        """Yield the signs as sentences."""
        if self.paraphrases is not None:
            yield (
                f"queries that share no word with a document agree to {self.paraphrases[0]:.2f} (rank-biased overlap), "
                f"all others to {self.paraphrases[1]:.2f}"
            )
        if self.ties[1] >= self.ties[0] + _TIED:
            yield f"{self.ties[1]:.0%} of the candidate's results have the score of the one before, {self.ties[0]:.0%} of the legacy ones"
        if self.off_scale:
            yield "the candidate's scores are beyond 1, which no cosine is"


def _chance_of_less(first: Float64, second: Float64) -> float:
    """Return the probability by which chance makes the first values as much smaller, by the test of Mann and Whitney."""
    from scipy import stats  # noqa: PLC0415 - importing it takes longer than naming the causes of most sets

    return float(stats.mannwhitneyu(first, second, alternative="less").pvalue)


def _tied(cases: Sequence[Case], side: int) -> float:
    """Return the share of results of one side whose score equals the one before."""
    lists = [(case.legacy, case.candidate)[side].scores for case in cases]
    pairs = sum(max(0, len(scores) - 1) for scores in lists)
    return sum(int((np.diff(scores) == 0.0).sum()) for scores in lists) / pairs if pairs else 0.0


def _lexical(picture: Picture, cases: Sequence[Case], found: Controls) -> Claim | None:
    signs = LexicalSigns.of(picture)
    controlled = found.vector_explains
    if found.embedded_apart and controlled:
        return None
    if signs.contrast:
        words = signs.by_words and (controlled or signs.nothing_shared)
        enough = words or (controlled and found.embedded_alike and signs.nothing_shared)
    else:
        enough = signs.by_words and controlled and not found.apart
    if not enough:
        return None
    facts = list(signs.facts())
    if controlled:
        facts.append(_explained_by_vector(found))
    if found.embedded_alike:
        facts.append("both sides embed the queries alike")
    return Claim(
        name=RetrievalCauseName.LEXICAL_FALLBACK,
        proven=False,
        side="candidate",
        cases=cases,
        evidence=tuple(facts),
        remedy="Find out whether the candidate embeds the query at all, and let it report the mode of each response.",
    )


def _explained_by_vector(found: Controls) -> str:
    return f"the legacy query vector gives the legacy list in {len(found.alike)} of {len(found.tried)} queries"


def _embedding(picture: Picture, cases: Sequence[Case], found: Controls) -> Claim:
    signs = LexicalSigns.of(picture)
    facts: list[str] = []
    if found.tried:
        facts.append(_explained_by_vector(found))
    if found.apart:
        lowest, highest = (float(pick([case.cosine for case in found.apart])) for pick in (min, max))
        facts.append(f"the query embeddings of both sides have cosines of {lowest:.3f} to {highest:.3f}")
    if signs.excluded:
        facts.append("paraphrases differ no more than other queries, which a search by words would show")
    return Claim(
        name=RetrievalCauseName.OTHER_EMBEDDING,
        proven=found.vector_explains and (found.embedded_apart or (signs.excluded and not found.together)),
        side=None,
        cases=cases,
        evidence=tuple(facts),
        remedy="Compare the model, its version and the prefix that each side embeds queries with; run the embed probe.",
    )
