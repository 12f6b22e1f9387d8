"""Name the causes of a failing comparison: the finders in their order, and their findings put together.

Here belong the one function that the rest of the product calls, and what happens to findings after they were found:
deduplicated, and a proven cause supersedes a likely one. What each cause looks like belongs to the modules beside this.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices
from parity_pipeline.core.diagnosis.counterfactuals import find_by_counterfactual, find_edited_pairs
from parity_pipeline.core.diagnosis.instability import (
    SentAgain,
    find_circumstances,
    find_history,
    find_instability,
    send_again,
)
from parity_pipeline.core.diagnosis.missing_vectors import find_missing_vectors
from parity_pipeline.core.diagnosis.permutation import find_collisions, find_permutation, undo_permutation
from parity_pipeline.core.diagnosis.precision import find_grids, find_partial_noise, find_precision
from parity_pipeline.core.diagnosis.records import (
    IDS_LISTED,
    CauseName,
    Confidence,
    Diagnosis,
    DiagnosisInput,
    Experiment,
    FollowUpQueries,
    Rows,
)
from parity_pipeline.core.diagnosis.request_budget import RequestBudget
from parity_pipeline.core.diagnosis.text_split import find_text_split
from parity_pipeline.core.diagnosis.text_variants import REQUESTS as FOR_TEXT_VARIANTS
from parity_pipeline.core.diagnosis.text_variants import find_text_variants, without_refuted
from parity_pipeline.core.diagnosis.transforms import (
    find_beginnings,
    find_dimensions,
    find_norms,
    find_shared_direction,
    find_transform,
)
from parity_pipeline.core.diagnosis.truncation import find_cut
from parity_pipeline.core.diagnosis.wrong_model import find_known_model, find_other_space, find_strange_space

_SUREST: Final = (Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE)


def merged(findings: Sequence[FoundCause]) -> list[FoundCause]:
    """Return one finding per cause, the one that explains most first; words and evidence of the surest lead."""
    kinds: dict[CauseName, list[FoundCause]] = {}
    prefixed = any(finding.name is CauseName.PREFIX for finding in findings)
    for finding in findings:
        # Where a prefix is proven, one thing added to other texts is that prefix.
        name = CauseName.PREFIX if prefixed and finding.name is CauseName.ADDED_DIRECTION else finding.name
        kinds.setdefault(name, []).append(replace(finding, name=name))
    single = [_one(sorted(same, key=lambda one: _SUREST.index(one.confidence))) for same in kinds.values()]
    return sorted(single, key=lambda one: (-len(one.rows), _SUREST.index(one.confidence)))


def _one(same: Sequence[FoundCause]) -> FoundCause:
    first = same[0]
    if len(same) == 1:
        return first
    # What proves a cause says it all: what else hinted at it would only repeat it, and so would a second proof of the kind.
    said = [one for one in same if one.confidence is Confidence.PROVEN] or same
    words = {one.words.partition(": for ")[0]: one.words for one in reversed(said)}
    return replace(
        first,
        words="; ".join(reversed(words.values())),
        rows=np.unique(np.concatenate([one.rows for one in same])),
        evidence=[row for one in same for row in one.evidence],
        cases=tuple(sorted({case for one in same for case in one.cases})),
    )


def fold_edited_pairs(likely: Sequence[FoundCause], pairs: Sequence[FoundCause]) -> list[FoundCause]:
    """Return findings of texts and of edited pairs without saying one thing twice.

    Pairs that all lie within a property of the texts support it: where a whole script is read differently, the one text
    of it that stands in the set in two Unicode forms is part of that and not a cause of its own.
    """
    kept = list(likely)
    alone: list[FoundCause] = []
    for pair in pairs:
        home = next((place for place, one in enumerate(kept) if _within(pair, one)), None)
        if home is None:
            alone.append(pair)
        else:
            one = kept[home]
            kept[home] = replace(one, words=f"{one.words}; {pair.words}", evidence=[*pair.evidence, *one.evidence])
    return [*alone, *without_rows(kept, alone)]


UNDER_LOAD: Final = frozenset({CauseName.CONCURRENCY, CauseName.EQUAL_LENGTH})
"""Behaviours that put right vectors on wrong rows (cases 3 and 4)."""


def with_moved_rows(behaviour: Sequence[FoundCause], found: Sequence[FoundCause]) -> list[FoundCause]:
    """Return the findings, those of a side under load with the permuted rows where they explain none of their own."""
    moved = next((one.rows for one in found if one.name is CauseName.PERMUTED_ROWS), None)
    if moved is None:
        return list(behaviour)
    return [replace(one, rows=moved) if one.name in UNDER_LOAD and not len(one.rows) else one for one in behaviour]


def _within(pair: FoundCause, one: FoundCause) -> bool:
    return pair.name is not one.name and len(pair.rows) < len(one.rows) and bool(np.isin(pair.rows, one.rows).all())


def without_rows(findings: Sequence[FoundCause], proven: Sequence[FoundCause]) -> list[FoundCause]:
    """Return the findings without the rows that a proven one of another cause explains; empty ones are left out."""
    kept: list[FoundCause] = []
    for finding in findings:
        others = [one.rows for one in proven if one.name is not finding.name]
        rows = np.setdiff1d(finding.rows, np.concatenate(others)) if others else finding.rows
        if len(rows):
            kept.append(replace(finding, rows=rows))
    return kept


def _find_dimensions(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return known models and vectors of other lengths.

    A narrow model may be the beginning of a wide one. Rows that are both are reported as both, since nothing
    distinguishes the two.
    """
    both = [*find_known_model(context, waiting & ~context.low, budget), *find_beginnings(context, waiting)]
    known = _mask(context, _rows_of([one for one in both if one.name is not CauseName.TRUNCATED_DIMENSIONS]))
    return [*both, *find_dimensions(context, waiting & ~known)]


def _find_moved_or_turned(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return moved rows, or the one change of coordinates that explains those and more.

    A change of coordinates may map the vector of one text onto that of another, as that of its opposite.
    """
    moved = find_permutation(context, waiting, budget)
    if not moved:
        return find_transform(context, waiting)
    turned = find_transform(context, waiting)
    rows, more = _rows_of(moved), _rows_of(turned)
    if len(more) > len(rows) and np.isin(rows, more).mean() >= _MOSTLY:
        return turned
    left = waiting & ~_mask(context, rows)
    return [*moved, *find_transform(context, left)]


_MOSTLY: Final = 0.9
"""Share of moved rows that a change of coordinates has to restore to be the simpler explanation of them."""


def diagnose(
    subject: DiagnosisInput, experiments: Sequence[Experiment] = (), inquiry: FollowUpQueries | None = None
) -> Diagnosis:
    """Return what explains the failing samples of a comparison.

    Args:
        subject: The samples and what both sides made of them.
        experiments: What the repeatability of each side showed.
        inquiry: Follow-up queries that may be sent; None for none.

    Returns:
        Causes with evidence; failing samples that no cause explains are listed as such. A sample that does not fail is
        never counted in a cause.

    Raises:
        MetricInputError: The rows of a side are not the samples of the subject.
    """
    context = DiagnosisContext(subject)
    budget = RequestBudget(inquiry or FollowUpQueries(requests=0))
    waiting: Mask = context.failing.copy()
    found: list[FoundCause] = []
    _take(waiting, found, find_missing_vectors(context, waiting))
    _take(waiting, found, _find_dimensions(context, waiting, budget))
    _take(waiting, found, _find_moved_or_turned(context, waiting, budget))
    _take(waiting, found, find_known_model(context, waiting & context.low, budget))
    again = send_again(context, waiting, budget)
    alike = _mask(context, _rows_of(find_precision(context, waiting)))
    behaviour = with_moved_rows(find_instability(context, waiting, alike, experiments, again), found)
    observations = [*find_norms(context), *find_grids(context), *(one for one in behaviour if not len(one.rows))]
    _take(waiting, found, [one for one in behaviour if len(one.rows)])
    if restored := undo_permutation(context, found):
        found.extend(_explained(*restored, budget))
    _take(waiting, found, find_circumstances(context, waiting, again))
    _take(waiting, found, find_history(context, waiting, budget))
    found.extend(_explained(context, waiting, budget, experiments, again))
    unexplained = indices(waiting)
    return Diagnosis(
        causes=tuple(context.to_cause(finding) for finding in merged(found)),
        remarks=tuple(context.to_cause(finding) for finding in observations),
        failing=int(context.failing.sum()),
        failing_looked_at=int(context.failing.sum()),
        looked_at=context.size,
        explained=int(context.failing.sum()) - len(unexplained),
        unexplained=tuple(context.id_of(row) for row in unexplained[:IDS_LISTED].tolist()),
        requests_used=budget.used,
    )


def _explained(
    context: DiagnosisContext,
    rows: Mask,
    budget: RequestBudget,
    experiments: Sequence[Experiment] = (),
    again: SentAgain | None = None,
) -> list[FoundCause]:
    """Return what explains rows apart from their places and their behaviour when sent again; those no longer wait."""
    found: list[FoundCause] = []
    _take(rows, found, find_strange_space(context, rows))
    _take(rows, found, [one for one in find_precision(context, rows) if one.confidence is Confidence.LIKELY])
    likely = fold_edited_pairs(find_text_split(context, rows), find_edited_pairs(context, rows, budget))
    budget.kept_back = FOR_TEXT_VARIANTS
    proven = _proven_by_queries(context, rows, likely, budget)
    budget.kept_back = 0
    _take(rows, found, proven)
    left = without_rows(likely, proven)
    _take(rows, found, without_refuted(context, left, budget))
    # A difference larger than that of a number format may be an edit of every text, which was tried by now.
    _take(rows, found, find_precision(context, rows))
    behaviour = find_instability(context, rows, rows, experiments, again or SentAgain())
    _take(rows, found, [one for one in behaviour if len(one.rows)])
    for find in (find_collisions, find_shared_direction, find_other_space):
        _take(rows, found, find(context, rows))
    variants = find_text_variants(context, rows, budget)
    _take(rows, found, variants or find_partial_noise(context, rows))
    return found


def _proven_by_queries(
    context: DiagnosisContext, waiting: Mask, likely: Sequence[FoundCause], budget: RequestBudget
) -> list[FoundCause]:
    """Query the rows without proof: where a text is cut, if lengths hint at it, and which edit restores it."""
    left = waiting.copy()
    for finding in likely:
        if finding.confidence is Confidence.PROVEN:
            left[finding.rows] = False
    cut = next((finding for finding in likely if finding.name is CauseName.TRUNCATION), None)
    proven = find_cut(context, left & _mask(context, cut.rows), budget) if cut else []
    for finding in proven:
        left[finding.rows] = False
    if cut and proven:
        left[cut.rows] = False
    proven += find_by_counterfactual(context, left, budget)
    for finding in proven:
        left[finding.rows] = False
    return proven if cut else [*proven, *find_cut(context, left, budget)]


def _rows_of(findings: Sequence[FoundCause]) -> Rows:
    return np.concatenate([np.empty(0, np.intp), *(finding.rows for finding in findings)])


def _mask(context: DiagnosisContext, rows: Rows) -> Mask:
    mask = np.zeros(context.size, np.bool_)
    mask[rows] = True
    return mask


def _take(waiting: Mask, found: list[FoundCause], findings: Sequence[FoundCause]) -> None:
    """Keep findings, and let the rows that they explain wait no longer."""
    for finding in findings:
        found.append(finding)
        waiting[finding.rows] = False
