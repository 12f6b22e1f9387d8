"""Name the causes of a failing comparison: the finders in their order, and what they come to together.

Here belongs the one function that the rest of the product calls. What each cause looks like belongs to the modules
beside this one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, Finder, FoundCause, Mask, indices
from parity_pipeline.core.diagnosis.counterfactuals import RequestBudget, find_by_counterfactual
from parity_pipeline.core.diagnosis.dimensions import find_beginnings, find_dimensions
from parity_pipeline.core.diagnosis.edits import find_edited_pairs
from parity_pipeline.core.diagnosis.follow_up import find_circumstances, find_history
from parity_pipeline.core.diagnosis.instability import find_instability
from parity_pipeline.core.diagnosis.merge import fold_edited_pairs, merged, with_moved_rows, without_rows
from parity_pipeline.core.diagnosis.missing_vectors import find_missing_vectors
from parity_pipeline.core.diagnosis.permutation import find_permutation, undo_permutation
from parity_pipeline.core.diagnosis.precision import find_grids, find_precision
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
from parity_pipeline.core.diagnosis.text_split import find_text_split
from parity_pipeline.core.diagnosis.text_variants import REQUESTS as RESPELT
from parity_pipeline.core.diagnosis.text_variants import find_text_variants
from parity_pipeline.core.diagnosis.transforms import find_norms, find_shared_direction, find_transform
from parity_pipeline.core.diagnosis.truncation import find_cut
from parity_pipeline.core.diagnosis.wrong_model import find_known_model, find_other_space


def _find_dimensions(scene: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return known models and vectors of other lengths.

    A narrow model may be the beginning of a wide one. Rows that are both are told as both, for nothing tells them apart.
    """
    both = [*find_known_model(scene, waiting), *find_beginnings(scene, waiting)]
    return [*both, *find_dimensions(scene, waiting & ~_mask(scene, _rows_of(both)))]


_STORED: Final[tuple[Finder, ...]] = (find_missing_vectors, _find_dimensions, find_permutation, find_transform)
"""Finders whose causes one change of the stored vectors proves, from the surest to the least sure."""


def diagnose(
    subject: DiagnosisInput, experiments: Sequence[Experiment] = (), inquiry: FollowUpQueries | None = None
) -> Diagnosis:
    """Return what explains the failing samples of a comparison.

    Args:
        subject: The samples and what both sides made of them.
        experiments: What trying each side against itself showed.
        inquiry: How the sides may be asked for more; None for never.

    Returns:
        Causes with evidence; failing samples that no cause explains are listed as such. A sample that does not fail is
        never counted in a cause.

    Raises:
        MetricInputError: The rows of a side are not the samples of the subject.
    """
    scene = DiagnosisContext(subject)
    waiting: Mask = scene.failing.copy()
    found: list[FoundCause] = []
    for find in _STORED:
        _take(waiting, found, find(scene, waiting))
    alike = _mask(scene, _rows_of(find_precision(scene, waiting)))
    behaviour = with_moved_rows(find_instability(scene, waiting, alike, experiments), found)
    remarks = [*find_norms(scene), *find_grids(scene), *(one for one in behaviour if not len(one.rows))]
    _take(waiting, found, [one for one in behaviour if len(one.rows)])
    purse = RequestBudget(inquiry or FollowUpQueries(requests=0))
    if beneath := undo_permutation(scene, found):
        found.extend(_explained(*beneath, purse))
    _take(waiting, found, find_circumstances(scene, waiting, purse))
    _take(waiting, found, find_history(scene, waiting, purse))
    found.extend(_explained(scene, waiting, purse, experiments))
    unexplained = indices(waiting)
    return Diagnosis(
        causes=tuple(scene.tell(finding) for finding in merged(found)),
        remarks=tuple(scene.tell(finding) for finding in remarks),
        failing=int(scene.failing.sum()),
        failing_looked_at=int(scene.failing.sum()),
        looked_at=scene.size,
        explained=int(scene.failing.sum()) - len(unexplained),
        unexplained=tuple(scene.id_of(row) for row in unexplained[:IDS_LISTED].tolist()),
        requests_used=purse.used,
    )


def _explained(
    scene: DiagnosisContext, rows: Mask, purse: RequestBudget, experiments: Sequence[Experiment] = ()
) -> list[FoundCause]:
    """Return what explains rows beside their places and what a side did when asked again; those explained wait no longer."""
    found: list[FoundCause] = []
    _take(rows, found, find_precision(scene, rows))
    likely = fold_edited_pairs(find_text_split(scene, rows), find_edited_pairs(scene, rows))
    purse.kept_back = RESPELT
    proven = _asked(scene, rows, likely, purse)
    purse.kept_back = 0
    _take(rows, found, [*proven, *without_rows(likely, proven)])
    _take(rows, found, [one for one in find_instability(scene, rows, rows, experiments) if len(one.rows)])
    for find in (find_shared_direction, find_other_space):
        _take(rows, found, find(scene, rows))
    _take(rows, found, find_text_variants(scene, rows, purse))
    return found


def _asked(
    scene: DiagnosisContext, waiting: Mask, likely: Sequence[FoundCause], purse: RequestBudget
) -> list[FoundCause]:
    """Ask about the rows that nothing proves yet: where a text is cut, if lengths hint at it, and which edit restores."""
    left = waiting.copy()
    for finding in likely:
        if finding.confidence is Confidence.PROVEN:
            left[finding.rows] = False
    cut = next((finding for finding in likely if finding.name is CauseName.TRUNCATION), None)
    proven = find_cut(scene, left & _mask(scene, cut.rows), purse) if cut else []
    for finding in proven:
        left[finding.rows] = False
    if cut and proven:
        left[cut.rows] = False
    proven += find_by_counterfactual(scene, left, purse)
    for finding in proven:
        left[finding.rows] = False
    return proven if cut else [*proven, *find_cut(scene, left, purse)]


def _rows_of(findings: Sequence[FoundCause]) -> Rows:
    return np.concatenate([np.empty(0, np.intp), *(finding.rows for finding in findings)])


def _mask(scene: DiagnosisContext, rows: Rows) -> Mask:
    mask = np.zeros(scene.size, np.bool_)
    mask[rows] = True
    return mask


def _take(waiting: Mask, found: list[FoundCause], findings: Sequence[FoundCause]) -> None:
    """Keep findings, and let the rows that they explain wait no longer."""
    for finding in findings:
        found.append(finding)
        waiting[finding.rows] = False
