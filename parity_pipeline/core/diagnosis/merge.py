"""Putting findings together: deduplicated, and a proven cause supersedes a likely one.

Here belongs what happens to findings after they were found. Finding them belongs to the modules of their families.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import FoundCause
from parity_pipeline.core.diagnosis.records import CauseName, Confidence

_SUREST: Final = (Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE)


def merged(findings: Sequence[FoundCause]) -> list[FoundCause]:
    """Return one finding per cause, the one that explains most first; words and evidence of the surest lead."""
    kinds: dict[CauseName, list[FoundCause]] = {}
    for finding in findings:
        kinds.setdefault(finding.name, []).append(finding)
    single = [_one(sorted(same, key=lambda one: _SUREST.index(one.confidence))) for same in kinds.values()]
    return sorted(single, key=lambda one: (-len(one.rows), _SUREST.index(one.confidence)))


def _one(same: Sequence[FoundCause]) -> FoundCause:
    first = same[0]
    if len(same) == 1:
        return first
    return replace(
        first,
        words="; ".join(dict.fromkeys(one.words for one in same)),
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
