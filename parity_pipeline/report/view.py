"""The facts of one report, derived from a verdict once, for every layout.

Here belong choice, derivation and number formats. Text from samples, servers and settings stays raw in here: each
layout escapes it for its own medium. Words of advice belong to `advice`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_pipeline.core.drift import NormRange
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import flip_advice, how_sure
from parity_pipeline.report.commands import backfill_command, run_command
from parity_pipeline.report.phrases import Sentence, Verbatim
from parity_pipeline.report.rows import ErrorView, RowView, errors_of, rows_of, words_of
from parity_pipeline.report.sides import SideView, newest_answer, sides_of

_WORST_FIRST = (
    "differences first, then missing answers, refusals by both and matches; within an outcome the smallest cosine first"
)
"""The order of `core.tally.Tally.shown_rows` for a set that is larger than the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """One row of the drift notes; raw text."""

    field: str
    legacy: str
    candidate: str
    same: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """What a report shows. Numbers are formatted, foreign text is raw.

    Attributes:
        timestamp: Time of the newest answer, such as `2026-04-30 06:00:12 UTC`; the date where no answer is known.
        headline: What follows the decision in the verdict line.
        reasons: Why, worst first; empty where the headline says it all.
        not_compared: How many samples of a PASS were left out of it; empty where none was.
        forced: Why the model is forced.
        shown: How many rows of how many are shown, and in what order.
        outcomes: Outcome and count, those that are not 0, then one entry that names the others.
        categories: Category, samples, and its outcomes in words.
        norms: What the two sides' norms are, and how many ratios leave the tolerance.
        passing_limit: At which threshold this date would have passed.
        identical: How many pairs are equal as float32.
    """

    date: str
    endpoint: str
    model: str
    timestamp: str
    decision: str
    headline: str
    reasons: tuple[str, ...]
    not_compared: str
    legacy: SideView
    candidate: SideView
    forced: Sentence
    rows: tuple[RowView, ...]
    shown: str
    errors: tuple[ErrorView, ...]
    outcomes: tuple[tuple[str, str], ...]
    categories: tuple[tuple[str, str, str], ...]
    cosines: str
    passing_limit: str
    identical: str
    norms: tuple[str, ...]
    flip: tuple[Sentence, ...]
    how_sure: tuple[Sentence, ...]
    drift: tuple[DriftView, ...]
    sample_hash: str
    sample_facts: str
    sources: tuple[str, ...]
    reproduce: tuple[str, ...]
    package_version: str


def view_of(verdict: Verdict, reproduce: Sequence[str] = ()) -> ReportView:
    """Derive the facts of a report from a verdict, and from nothing else.

    Args:
        verdict: The verdict, as core concluded it or as storage read it.
        reproduce: Command lines that reproduce the run; by default those of the verdict's date and model.
    """
    threshold = verdict.thresholds.get("cosine")
    legacy, candidate = sides_of(verdict)
    rows = rows_of(verdict.rows[:REPORT_ROWS], threshold)
    return ReportView(
        date=verdict.date,
        endpoint=verdict.endpoint,
        model=verdict.model,
        timestamp=newest_answer(verdict.sides) or verdict.date,
        decision=str(verdict.decision),
        headline=_headline(verdict),
        reasons=() if verdict.decision == Decision.PASS else tuple(verdict.reasons),
        not_compared=_not_compared(verdict),
        legacy=legacy,
        candidate=candidate,
        forced=_forced(verdict.drift),
        rows=rows,
        shown=_shown(verdict, len(rows)),
        errors=errors_of(verdict.rows[:REPORT_ROWS]),
        outcomes=_outcomes(verdict.counts),
        categories=tuple(_category(name, counts) for name, counts in sorted(verdict.by_category.items())),
        cosines=_cosines(verdict),
        passing_limit=_passing_limit(verdict),
        identical=f"{numbers.count(verdict.identical)} of {numbers.things(verdict.compared, 'compared pair')}",
        norms=_norms(verdict),
        flip=flip_advice(verdict),
        how_sure=how_sure(verdict),
        drift=drift_of(verdict.drift),
        sample_hash=str(verdict.sample_set.get("hash") or ""),
        sample_facts=_sample_facts(verdict.sample_set),
        sources=_sources(verdict.sample_set.get("sources")),
        reproduce=tuple(reproduce)
        or (run_command(verdict.date, verdict.model), backfill_command(verdict.date, verdict.model)),
        package_version=verdict.package_version,
    )


def set_size(verdict: Verdict) -> int:
    """Return how many samples the stored set holds, also where pairing was refused and none was counted."""
    return max(verdict.samples, int(verdict.sample_set.get("samples") or 0))


def matched(verdict: Verdict) -> int:
    """Return how many samples matched."""
    return verdict.counts.get(Outcome.MATCH, 0)


def drift_of(rows: Sequence[Mapping[str, Any]]) -> tuple[DriftView, ...]:
    """Return drift rows with `same` in words: yes, no, or `—` where a side was not observed."""
    words = {True: "yes", False: "no"}
    return tuple(
        DriftView(
            field=str(row["field"]),
            legacy=str(row["legacy"]),
            candidate=str(row["candidate"]),
            same=words.get(row["same"], numbers.NOTHING),
        )
        for row in rows
    )


def _headline(verdict: Verdict) -> str:
    if verdict.decision == Decision.PASS:
        return "; ".join(verdict.reasons)
    if verdict.decision != Decision.FAIL:
        return "neither a pass nor a fail"
    threshold = numbers.limit(verdict.thresholds.get("cosine"))
    return f"{numbers.count(matched(verdict))}/{numbers.count(verdict.samples)} samples ≥ {threshold}"


def _not_compared(verdict: Verdict) -> str:
    left_out = verdict.samples - verdict.compared
    if verdict.decision != Decision.PASS or not left_out:
        return ""
    alike = verdict.counts.get(Outcome.REFUSED_BY_BOTH, 0)
    refused = f", {numbers.count(alike)} of them refused by both sides alike" if alike else ""
    return f"{numbers.things(left_out, 'sample')} of {numbers.count(verdict.samples)} could not be compared{refused}."


def _forced(drift: Sequence[Mapping[str, Any]]) -> Sentence:
    row = next((row for row in drift if row["field"] == "default model"), None)
    if row is None or row["same"] is None:
        return (
            (
                "Every request names the model, so that both sides use the same one. What they use when none is named was "
                "not observed on both sides."
            ),
        )
    legacy, candidate = Verbatim(str(row["legacy"])), Verbatim(str(row["candidate"]))
    if row["same"]:
        return (
            "Every request names the model. Without one both sides showed the same, ",
            legacy,
            "; it is named all the same, so that a changed default cannot change what is compared.",
        )
    return (
        "Every request names the model, because the default models differ: without one, the legacy side showed ",
        legacy,
        " and the candidate ",
        candidate,
        ", so unnamed requests would compare two models.",
    )


def _shown(verdict: Verdict, shown: int) -> str:
    if not shown:
        return "No sample was compared, so there are no rows to show."
    if shown >= verdict.samples:
        return f"All {numbers.things(verdict.samples, 'sample')}, in the order of the set."
    return f"{numbers.count(shown)} of {numbers.things(verdict.samples, 'sample')}: {_WORST_FIRST}."


def _outcomes(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    known = [outcome.value for outcome in Outcome]
    names = [*known, *sorted(set(counts) - set(known))]
    present = [(words_of(name), numbers.count(counts[name])) for name in names if counts.get(name)]
    absent = ", ".join(words_of(name) for name in names if not counts.get(name))
    return (*present, (absent, numbers.count(0))) if absent else tuple(present)


def _category(name: str, counts: Mapping[str, int]) -> tuple[str, str, str]:
    words = ", ".join(f"{numbers.count(number)} {words_of(outcome)}" for outcome, number in sorted(counts.items()))
    return name, numbers.count(sum(counts.values())), words


def _cosines(verdict: Verdict) -> str:
    if verdict.worst_cosine is None:
        return "No cosine was measured."
    threshold = verdict.thresholds.get("cosine")
    worst, mean = numbers.cosine(verdict.worst_cosine, threshold), numbers.cosine(verdict.mean_cosine)
    return f"Worst {worst}, mean {mean}, threshold {numbers.limit(threshold)}."


def _passing_limit(verdict: Verdict) -> str:
    if verdict.worst_cosine is None:
        return "No threshold can be named at which this date would have passed: no cosine was measured."
    if verdict.worst_cosine <= 0:
        return "No threshold above 0 would have let this date pass."
    limit = numbers.passing_limit(verdict.worst_cosine)
    if verdict.decision == Decision.PASS:
        return f"This date would have passed at any threshold up to {limit}."
    if verdict.decision == Decision.FAIL and _differs_by_cosine_alone(verdict):
        return f"This date would have passed at a threshold of {limit} or lower."
    rest = "other reasons against a pass would remain"
    return f"At a threshold of {limit} or lower no compared sample would be a mismatch, but {rest}."


def _differs_by_cosine_alone(verdict: Verdict) -> bool:
    """Tell whether another threshold would change the verdict: no other outcome, and no doubt, stands against it."""
    harmless = (Outcome.MATCH, Outcome.MISMATCH, Outcome.REFUSED_BY_BOTH)
    others = sum(count for name, count in verdict.counts.items() if name not in harmless)
    return not others and len(verdict.reasons) == 1


def _norms(verdict: Verdict) -> tuple[str, ...]:
    described = [f"{side}: {_norm_range(verdict.norms.get(side.value))}" for side in Side]
    sentences = [f"L2 norms, {'; '.join(described)}."]
    if verdict.compared:
        tolerance = verdict.thresholds.get("norm_ratio")
        limit = f" of {tolerance:g}" if tolerance is not None else ""
        sentences.append(
            f"{numbers.count(verdict.norms_differ)} of {numbers.things(verdict.compared, 'norm ratio')} "
            f"(candidate / legacy) {'leaves' if verdict.norms_differ == 1 else 'leave'} the tolerance{limit}."
        )
    low, high = verdict.norm_ratios
    if low is not None and high is not None:
        sentences.append(f"The ratio runs from {numbers.measure(low)} to {numbers.measure(high)}.")
    return tuple(sentences)


def _norm_range(span: Sequence[float | None] | None) -> str:
    low, high = (None, None) if span is None else span
    return NormRange(low=low, high=high).describe()


def _sample_facts(sample_set: Mapping[str, Any]) -> str:
    samples, dropped = sample_set.get("samples"), sample_set.get("duplicates_dropped")
    told = "an unknown number of samples" if samples is None else numbers.things(int(samples), "sample")
    if dropped is None:
        return told
    return f"{told}, {numbers.things(int(dropped), 'duplicate')} dropped"


def _sources(sources: Any) -> tuple[str, ...]:
    """Return the sources in words; a mapping is of a source to its number of samples."""
    if isinstance(sources, Mapping):
        return tuple(f"{name}: {count}" for name, count in sources.items())
    return (sources,) if isinstance(sources, str) else tuple(str(source) for source in sources or ())
