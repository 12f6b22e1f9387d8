"""What several parts of a report derive from a verdict: names of samples, words of outcomes, times, sizes.

Here belong the one spelling of a reference to a sample, and facts that more than one section needs.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code

Lane = Provenance | RetrievalProvenance
"""Where the results of one side came from, whatever the probe."""

Names = Mapping[str, str]
"""Sample id to Markdown: its number and head. Ids that the sample table does not hold are missing."""


def names_of(verdict: Verdict) -> Names:
    """Return what the samples of the table are called, by id; a waived one is marked."""
    return {row.id: _name(row) for row in verdict.rows}


def _name(row: JudgedRow) -> str:
    waived = " (waived)" if row.waiver is not None else ""
    return f"#{position(row)} {head(row)}{waived}"


def position(row: JudgedRow) -> str:
    """Return a sample's position in the set, from 1 on."""
    return numbers.count(row.ordinal + 1)


def head(row: JudgedRow) -> str:
    """Return the beginning of a sample's text as Markdown."""
    return code(row.head, cut=len(row.head) >= HEAD_CHARACTERS)


def named(sample: str, names: Names) -> str:
    """Return one sample as Markdown; its id where the table does not hold it."""
    return names.get(sample) or code(sample)


def listed(samples: Sequence[str], names: Names, *, count: int, most: int) -> str:
    """Return samples as Markdown, at most `most` of them, and how many of `count` are not named."""
    shown = [named(sample, names) for sample in samples[:most]]
    rest = count - len(shown)
    more = [f"{numbers.count(rest)} more"] if rest > 0 else []
    return ", ".join([*shown, *more]) or numbers.NOTHING


def name_of(batch: Lane) -> str:
    """Return what people call a side; its role where it has no name."""
    return batch.label or batch.side.value


def words_of(outcome: str) -> str:
    """Return an outcome as a person writes it: `refused_by_candidate` is `refused by candidate`."""
    return "non-finite" if outcome == Outcome.NON_FINITE else outcome.replace("_", " ")


def same_words(row: DriftRow) -> str:
    """Return in words whether both sides showed the same: yes, no, or `—` where a side was not observed."""
    return numbers.NOTHING if row.same is None else "yes" if row.same else "no"


def set_size(verdict: Verdict) -> int:
    """Return how many samples the stored set holds, also where pairing was refused and none was counted."""
    return max(verdict.counts.samples, verdict.sample_set.samples)


def newest_response(verdict: Verdict) -> str:
    """Return the time of the newest response of either side in UTC, to the second; `""` where none is known."""
    return newest(side.provenance for side in verdict.sides)


def newest(lanes: Iterable[Lane]) -> str:
    """Return the time of the newest response of any lane in UTC, to the second; `""` where none is known."""
    known = [found for lane in lanes if (found := moment(lane.fetched_to))]
    return printed(max(known)) if known else ""


def moment(text: str) -> datetime | None:
    """Return an ISO 8601 time in UTC, which one without an offset is taken for; None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def printed(time: datetime) -> str:
    """Return a time in UTC as reports print it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
