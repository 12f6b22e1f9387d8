"""The two sides of a report: what they are called, what was requested of them and when they responded.

Here belongs what is read out of the stored provenance of both lanes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers

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
