"""What a report says of a run beside the judgement: its sides, its samples, why the model is forced.

Here belong choice and derivation: the one spelling of a reference to a sample, the cells of the sample table, what is read
out of the provenance of both lanes. Text from samples, servers and settings stays raw in here: the layout escapes it.
Words of advice belong to `advice`, what judges the evidence to `sections`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from parity_pipeline.core.limits import HEAD_CHARACTERS, REPORT_ROWS
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.provenance import Provenance, SampleSetIdentity
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import REFUSED, DriftRow
from parity_pipeline.core.worst_rows import JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code
from parity_pipeline.report.sentences import Sentence, Verbatim

Names = Mapping[str, str]
"""Sample id to Markdown: its number and head. Ids that the sample table does not hold are missing."""


def names_of(verdict: Verdict) -> Names:
    """Return what the samples of the table are called, by id; a waived one is marked."""
    return {row.id: _name(row) for row in verdict.rows}


def _name(row: JudgedRow) -> str:
    waived = " (waived)" if row.waiver is not None else ""
    return f"#{_position(row)} {code(row.head, cut=len(row.head) >= HEAD_CHARACTERS)}{waived}"


def named(sample: str, names: Names) -> str:
    """Return one sample as Markdown; its id where the table does not hold it."""
    return names.get(sample) or code(sample)


def listed(samples: Sequence[str], names: Names, *, count: int, most: int) -> str:
    """Return samples as Markdown, at most `most` of them, and how many of `count` are not named."""
    shown = [named(sample, names) for sample in samples[:most]]
    rest = count - len(shown)
    more = [f"{numbers.count(rest)} more"] if rest > 0 else []
    return ", ".join([*shown, *more]) or numbers.NOTHING


_NEEDS_SIDE = frozenset({Outcome.MISSING, Outcome.NON_FINITE, Outcome.ZERO_NORM})
"""Outcomes whose word does not say which side they are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of the sample table; numbers formatted, `head` raw.

    Attributes:
        number: Position in the set, from 1 on.
        dimensions: Of the legacy and of the candidate vector; `—` where none came.
        outcome: The outcome in words, and what excuses it; raw, since a waiver's id is foreign.
    """

    number: str
    head: str
    dimensions: tuple[str, str]
    cosine: str
    legacy_norm: str
    candidate_norm: str
    delta: str
    delta_unit: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """What one side said in place of vectors, and for which samples it said so.

    Attributes:
        side: Which side.
        numbers: Positions in the set, from 1 on.
        message: Its words, raw.
    """

    side: Side
    numbers: tuple[str, ...]
    message: str


def words_of(outcome: str) -> str:
    """Return an outcome as a person writes it: `refused_by_candidate` is `refused by candidate`."""
    return "non-finite" if outcome == Outcome.NON_FINITE else outcome.replace("_", " ")


def rows_of(rows: Sequence[JudgedRow], threshold: float) -> tuple[RowView, ...]:
    """Return the table's rows in the order they are stored in."""
    return tuple(_row(row, threshold) for row in rows)


def _row(row: JudgedRow, threshold: float) -> RowView:
    return RowView(
        number=_position(row),
        head=row.head,
        dimensions=(_dimension(row.legacy_dimension), _dimension(row.candidate_dimension)),
        cosine=numbers.cosine(row.cosine, threshold),
        legacy_norm=numbers.measure(row.legacy_norm),
        candidate_norm=numbers.measure(row.candidate_norm),
        delta=numbers.measure(row.max_abs_delta),
        delta_unit=numbers.measure(row.max_abs_delta_unit),
        outcome=_outcome(row),
    )


def _position(row: JudgedRow) -> str:
    return numbers.count(row.ordinal + 1)


def _dimension(value: int) -> str:
    return str(value) if value else numbers.NOTHING


def _outcome(row: JudgedRow) -> str:
    words = words_of(row.outcome)
    if row.side and row.outcome in _NEEDS_SIDE:
        words = f"{words} ({row.side})"
    if row.waiver is not None:
        return f"{words}, waived: {row.waiver}"
    excuse = "within the noise" if row.within_noise else row.unconfirmed
    return f"{words}, {excuse}" if excuse else words


def errors_of(rows: Sequence[JudgedRow]) -> tuple[ErrorView, ...]:
    """Return each distinct message of each side once, in the order of its first sample, legacy first."""
    found: dict[tuple[Side, str], list[str]] = {}
    for side in Side:
        for row in rows:
            message = row.legacy_error if side is Side.LEGACY else row.candidate_error
            if message is not None:
                found.setdefault((side, message), []).append(_position(row))
    return tuple(ErrorView(side=side, numbers=tuple(at), message=message) for (side, message), at in found.items())


LATENCIES: Final = ("p50", "p95", "p99", "max")
"""Latency percentiles that a report sets side by side."""

_DEFAULT_INITIALS: Final = {Side.LEGACY: "L", Side.CANDIDATE: "C"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """One side; all text raw, `""` where it is not known.

    Attributes:
        role: `legacy` or `candidate`.
        label: What people call it; the role where it has no name.
        initial: One letter for column heads, another one than the other side's.
        requested_model: Name the model was requested under.
        echoed: Model named in the responses, and how many rows; "" stands for none named.
        headers: Response headers as `name: value`.
        fetched: When, and with how many requests.
        stopped_early: Why the lane gave up; "" where it did not.
        latency: Latency of the requests that brought vectors in milliseconds, in the order of `LATENCIES`; "" where it
            is not known.
        errors: Requests that brought none, by kind.
        tokens: Token usage as the side reported it.
    """

    role: Side
    label: str
    initial: str
    url: str
    dialect: str
    requested_model: str
    echoed: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]
    fetched: str
    stopped_early: str
    latency: tuple[str, ...] = ("",) * 4
    errors: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


def sides_of(verdict: Verdict) -> tuple[SideView, SideView]:
    """Return the legacy and the candidate side, in this order."""
    batches = [side.provenance for side in verdict.sides]
    initials = _initials({batch.side: batch.label for batch in batches})
    legacy, candidate = (_side(batch, initials[batch.side]) for batch in batches)
    return legacy, candidate


def _initials(labels: Mapping[Side, str]) -> Mapping[Side, str]:
    """Return the first letters of the labels where nobody can take one side for the other, else L and C."""
    first = {side: label[:1].upper() for side, label in labels.items()}
    plain = all(letter.isascii() and letter.isalpha() for letter in first.values())
    # A legacy side called "Core" or a candidate called "Live" would read as the other side.
    misread = first[Side.LEGACY] == "C" or first[Side.CANDIDATE] == "L"
    apart = len(set(first.values())) == len(Side)
    return first if plain and apart and not misread else _DEFAULT_INITIALS


def _side(batch: Provenance, initial: str) -> SideView:
    return SideView(
        role=batch.side,
        label=batch.label or batch.side.value,
        initial=initial,
        url=batch.url,
        dialect=batch.dialect,
        requested_model=batch.model_asked,
        echoed=tuple((name, numbers.things(rows, "row")) for name, rows in sorted(batch.models_echoed.items())),
        headers=tuple(f"{name}: {value}" for name, value in sorted(batch.server_headers.items())),
        fetched=_fetched(batch),
        stopped_early=batch.stopped_early,
        latency=tuple(_milliseconds(batch.latency_ms.get(name)) for name in LATENCIES),
        errors=_counted(batch.errors_by_kind),
        tokens=_counted(batch.usage),
    )


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _counted(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{numbers.count(count)} {name}" for name, count in sorted(counts.items()) if count)


def _fetched(batch: Provenance) -> str:
    since, until = _moment(batch.fetched_from), _moment(batch.fetched_to)
    if not (since and until):
        return ""
    requests = numbers.things(batch.requests, "request")
    again = f", {numbers.count(batch.retries)} of them retries" if batch.retries else ""
    return f"{_printed(since)} to {_printed(until)}, {requests}{again}"


def newest_response(verdict: Verdict) -> str:
    """Return the time of the newest response of either side in UTC, to the second; `""` where none is known."""
    known = [moment for side in verdict.sides if (moment := _moment(side.provenance.fetched_to))]
    return _printed(max(known)) if known else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _printed(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


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
    if row.legacy.startswith(REFUSED) or row.candidate.startswith(REFUSED):
        return (
            "Every request names the model. Without one, the legacy side showed ",
            legacy,
            " and the candidate ",
            candidate,
            ", so unnamed requests could not be compared.",
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
