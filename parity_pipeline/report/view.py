"""What a report says of a run beside the judgement: why the model is forced, which rows it shows, which samples.

Here belong choice and derivation of these few sentences. Text from samples, servers and settings stays raw in here: the
layout escapes it. Words of advice belong to `advice`, what judges the evidence to `sections`.
"""

from collections.abc import Sequence

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.provenance import SampleSetIdentity
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.sentences import Sentence, Verbatim

_WORST_FIRST = (
    "differences first, then missing vectors, what a waiver or noise excuses, refusals by both and matches; within an "
    "outcome the smallest cosine first"
)
"""The order of `core.tally.Tally.shown_rows` for a set that is larger than the table."""


def shown_rows(verdict: Verdict) -> Sequence[JudgedRow]:
    """Return the rows of the sample table."""
    return verdict.rows[:REPORT_ROWS]


def set_size(verdict: Verdict) -> int:
    """Return how many samples the stored set holds, also where pairing was refused and none was counted."""
    return max(verdict.counts.samples, verdict.sample_set.samples)


def same_words(row: DriftRow) -> str:
    """Return in words whether both sides showed the same: yes, no, or `—` where a side was not observed."""
    return numbers.NOTHING if row.same is None else "yes" if row.same else "no"


def forced(verdict: Verdict) -> Sentence:
    """Return why every request names the model, as far as the wire showed it."""
    row = next((row for row in verdict.drift if row.field == "default model"), None)
    if row is None or row.same is None:
        return (
            (
                "Every request names the model, so that both sides use the same one. What they use when none is named was "
                "not observed on both sides."
            ),
        )
    legacy, candidate = Verbatim(row.legacy), Verbatim(row.candidate)
    if row.same:
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


def shown(verdict: Verdict) -> str:
    """Return how many rows of how many the sample table holds, and in what order."""
    rows = len(shown_rows(verdict))
    if not rows:
        return "No sample was compared, so there are no rows to show."
    if rows >= verdict.counts.samples:
        return f"All {numbers.things(verdict.counts.samples, 'sample')}, in the order of the set."
    return f"{numbers.count(rows)} of {numbers.things(verdict.counts.samples, 'sample')}: {_WORST_FIRST}."


def sample_facts(sample_set: SampleSetIdentity) -> str:
    """Return how many samples the set holds, and how many duplicates were dropped."""
    samples = numbers.things(sample_set.samples, "sample")
    return f"{samples}, {numbers.things(sample_set.duplicates_dropped, 'duplicate')} dropped"
