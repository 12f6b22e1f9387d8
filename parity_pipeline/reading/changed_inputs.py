"""Which samples or queries newly fail, and which newly pass, between two verdicts of one probe and name.

Here belongs reading both stored comparisons under the limits of their own verdicts. What else changed between two verdicts is
`core.verdict_changes`. Limits alone are looked at: a waiver, noise, or a difference that did not persist excuses a sample in a
verdict, and the sample differs all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.measures import grade as grade_rows
from parity_pipeline.core.outcomes import Outcome, Severity
from parity_pipeline.core.retrieval.bands import NEAR_TIE, Bands
from parity_pipeline.core.retrieval.bands import grade as grade_queries
from parity_pipeline.core.retrieval.outcomes import AGREEING, RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import AnyVerdict
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile

_PASSING = frozenset({Outcome.MATCH, Outcome.REFUSED_BY_BOTH, *AGREEING, RetrievalOutcome.REFUSED_BY_BOTH})
"""Outcomes in which both sides agree."""


@dataclass(frozen=True, slots=True)
class InputResult:
    """What a comparison holds of one input: whether both sides agree, its outcome, and the cosine or overlap, NaN for none."""

    passes: bool
    outcome: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedInput:
    """One sample or query that agrees in one of two comparisons alone; its text is as it was sent."""

    id: str
    text: str
    before: InputResult
    after: InputResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedInputs:
    """The inputs that both comparisons hold, by what became of them.

    Attributes:
        newly_failing: Those that agreed and do not any more, in the order of the later set.
        newly_passing: Those that agree now and did not.
        shared: Inputs that both hold.
        only_before: Inputs of the earlier one alone.
        only_after: Inputs of the later one alone.
    """

    newly_failing: Sequence[ChangedInput]
    newly_passing: Sequence[ChangedInput]
    shared: int
    only_before: int
    only_after: int


def changed_inputs(
    layout: Layout, before: AnyVerdict, after: AnyVerdict, *, near_tie: float | None = None
) -> ChangedInputs:
    """Return which inputs newly fail and newly pass.

    Args:
        layout: Where the files of the probe lie.
        before: The earlier verdict.
        after: The later one, of the same probe and name.
        near_tie: Score gap up to which inversions fail no query, by which both were judged; None for the default of `Bands`.

    Raises:
        ArtifactError: A comparison is not stored any more, is of other vectors than its verdict, or is damaged.
    """
    was, now = (_outcomes(layout, verdict, near_tie) for verdict in (before, after))
    shared = [name for name in now if name in was]
    failing = [name for name in shared if was[name].passes and not now[name].passes]
    passing = [name for name in shared if now[name].passes and not was[name].passes]
    texts = _texts(layout, after, {*failing, *passing})

    def listed(names: Sequence[str]) -> tuple[ChangedInput, ...]:
        return tuple(
            ChangedInput(id=name, text=texts.get(name, ""), before=was[name], after=now[name]) for name in names
        )

    return ChangedInputs(
        newly_failing=listed(failing),
        newly_passing=listed(passing),
        shared=len(shared),
        only_before=len(was) - len(shared),
        only_after=len(now) - len(shared),
    )


def _outcomes(layout: Layout, verdict: AnyVerdict, near_tie: float | None) -> dict[str, InputResult]:
    """Return what a verdict's comparison holds of each input, under the verdict's own limits."""
    if verdict.not_run:
        problem = f"{verdict.date} could not be run, so it has no comparison"
        raise ArtifactError(problem, remedy="Compare verdicts of other dates to see samples.")
    if isinstance(verdict, Verdict):
        rows = ParityFile(layout.parity(verdict.date, verdict.model))
        _same_lanes(rows, verdict)
        return dict(_of_samples(rows, _thresholds(verdict)))
    queries = RetrievalParityFile(layout.retrieval_parity(verdict.date, verdict.corpus))
    _same_lanes(queries, verdict)
    limits = {one.measure: one.limits for one in verdict.query_measures if one.limits}
    return dict(_of_queries(queries, Bands(query=limits, near_tie=NEAR_TIE if near_tie is None else near_tie)))


def _same_lanes(file: ParityFile | RetrievalParityFile, verdict: AnyVerdict) -> None:
    """Refuse a comparison of other vectors or rankings than those that a verdict is about."""
    held, of_verdict = ([lane.fetched_to for lane in lanes] for lanes in (file.header.sides, verdict.lanes))
    if held != of_verdict:
        problem = f"a side was fetched again since this {verdict.decision} was given, so its comparison is gone"
        raise ArtifactError(problem, place=str(file.path), remedy="Compare verdicts of other dates to see samples.")


def _thresholds(verdict: Verdict) -> Thresholds:
    limits = {one.measure.value: one.limit for one in verdict.measures}
    warned = tuple(one.measure for one in verdict.measures if one.severity is Severity.WARN)
    return Thresholds(**limits, warn_only=warned)


def _of_samples(file: ParityFile, thresholds: Thresholds) -> Iterator[tuple[str, InputResult]]:
    for block in file.blocks():
        rows = grade_rows(block, thresholds)
        for name, outcome, cosine in zip(rows.ids, rows.outcomes, rows.cosine.tolist(), strict=True):
            yield name, InputResult(outcome in _PASSING, outcome.value, cosine)


def _of_queries(file: RetrievalParityFile, bands: Bands) -> Iterator[tuple[str, InputResult]]:
    for block in file.blocks():
        rows = grade_queries(block, bands).compared
        overlaps = rows.measures.overlap.tolist()
        for name, outcome, overlap in zip(rows.queries.ids, rows.outcomes, overlaps, strict=True):
            yield name, InputResult(outcome in _PASSING, outcome.value, overlap)


def _texts(layout: Layout, verdict: AnyVerdict, names: set[str]) -> Mapping[str, str]:
    """Return the texts of some inputs of a verdict."""
    found = dict[str, str]()
    if not names:
        return found
    if isinstance(verdict, RetrievalVerdict):
        for queries in QuerySetFile(layout.queries(verdict.date, verdict.corpus)).blocks():
            found |= {one.id: one.text for one in queries.queries if one.id in names}
        return found
    for block in SampleSetFile(layout.samples(verdict.date, verdict.model)).blocks():
        found |= {name: text for name, text in zip(block.ids, block.texts, strict=True) if name in names}
    return found
