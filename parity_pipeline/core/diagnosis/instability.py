"""Causes that lie in how a side behaves and not in the text: what its repeatability showed.

Here belongs reading the results of experiments. Running them belongs to whoever can send requests.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices
from parity_pipeline.core.diagnosis.follow_up import SentAgain
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence, Experiment, ExperimentName

_MEANING: Final[Mapping[ExperimentName, tuple[CauseName, str]]] = {
    ExperimentName.REPEATS: (CauseName.NOT_DETERMINISTIC, "returns different vectors for the same request"),
    ExperimentName.ALONE_VS_BATCH: (CauseName.BATCH_SIZE, "returns different vectors for a text alone and in a batch"),
    ExperimentName.SHUFFLED: (
        CauseName.BATCH_SIZE,
        "returns different vectors for a text beside other texts of the batch",
    ),
    ExperimentName.CONCURRENCY: (CauseName.CONCURRENCY, "returns different vectors while other requests are in flight"),
    ExperimentName.EQUAL_LENGTH_LOAD: (CauseName.EQUAL_LENGTH, "mixes up texts of equal length under load"),
    ExperimentName.CANARIES: (CauseName.HISTORY, "returns different vectors for the same texts after other texts came"),
    ExperimentName.SALTED_VS_REPEATED: (
        CauseName.STALE_CACHE,
        "returns different vectors for repeated texts and for new ones",
    ),
}

_SAME_SIZE: Final = 4.0
"""How many times the experiment's worst a failing row's own 1 - cosine may be and still be of its size."""

_GENERAL: Final = tuple(_MEANING)
"""Which experiment is believed first: one that needs least to go wrong contains those after it."""


_COMPANY: Final = frozenset({CauseName.BATCH_SIZE, CauseName.CONCURRENCY, CauseName.EQUAL_LENGTH})
"""Causes that lie in the texts or requests beside a text: alone it would be right."""


def find_instability(
    context: DiagnosisContext,
    waiting: Mask,
    alike: Mask,
    experiments: Sequence[Experiment],
    again: SentAgain,
) -> list[FoundCause]:
    """Return a cause for each experiment in which a side strayed from itself by more than the threshold allows.

    Args:
        context: The comparison.
        waiting: Rows that wait for a cause; those that changed in the experiment itself are explained.
        alike: Those of them that no property of theirs sets apart; they are explained where they fail by no more than
            the experiment's worst.
        experiments: What was tried.
        again: What failing texts showed when they were sent again. Company is blamed for none of a side whose texts
            fail alone as well, and for a proven cause they have to be right alone.

    A side that repeats of one request already change is called not deterministic, and the other experiments on it,
    which repeats affect as well, are left out unless they strayed ten times as far.
    """
    allowed = 1.0 - context.threshold
    strayed = sorted((one for one in experiments if one.worst > allowed), key=lambda one: _GENERAL.index(one.name))
    causes: dict[tuple[str, CauseName], FoundCause] = {}
    noisy: dict[str, float] = {}
    for one in strayed:
        name = _MEANING[one.name][0]
        if one.worst < 10 * noisy.get(one.side, 0.0) or (one.side, name) in causes:
            continue
        if one.name is ExperimentName.REPEATS:
            noisy[one.side] = one.worst
        causes[one.side, name] = _cause(context, waiting, alike, one, again)
    return list(causes.values())


def _cause(context: DiagnosisContext, waiting: Mask, alike: Mask, one: Experiment, again: SentAgain) -> FoundCause:
    name, meaning = _MEANING[one.name]
    listed = np.isin(np.array(context.ids, dtype=np.str_), np.array(list(one.affected), dtype=np.str_))
    with np.errstate(invalid="ignore"):
        of_its_size = 1.0 - context.cosine <= _SAME_SIZE * one.worst
    if name in _COMPANY and again.alone.get(one.side):
        waiting = alike = _only(waiting, again.right.get(one.side, {}))
    named = waiting & listed
    rows = indices(named | (alike & context.low & of_its_size))
    at = f" at {one.size_at_worst}" if one.size_at_worst else ""
    words = (
        f"the {one.side} side {meaning}: 1 - cosine of a text against itself up to {one.worst:.2g}{at}; "
        f"{int(named.sum())} failing samples changed in the experiment, {len(rows)} fail by no more than that explains"
    )
    tried = f"{one.side} against itself, {one.name}"
    evidence = [Evidence(sample=sample, tried=tried) for sample in one.affected]
    proven = len(rows) > 0 and int(named.sum()) == len(rows) and bool(of_its_size[rows].all())
    if name is not CauseName.NOT_DETERMINISTIC:
        right = again.right.get(one.side, {})
        proven = proven and all(row in right for row in rows.tolist())
    return FoundCause(name, words, Confidence.PROVEN if proven else Confidence.LIKELY, rows, evidence, side=one.side)


def _only(waiting: Mask, right: Mapping[int, float]) -> Mask:
    """Return the waiting rows that came right when they were sent again."""
    kept = np.zeros(len(waiting), np.bool_)
    kept[list(right)] = True
    return kept & waiting
