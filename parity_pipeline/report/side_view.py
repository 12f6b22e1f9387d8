"""The two sides of a report: what they are called, what was asked of them and when they answered.

Here belongs what is read out of the stored provenance, which may be missing or incomplete where pairing was refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from parity_pipeline.core.outcomes import Side
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
        asked: Name the model was asked under.
        echoed: Model named in the answers, and how many rows; "" stands for none named.
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
    asked: str
    echoed: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]
    fetched: str
    stopped_early: str
    latency: tuple[str, ...] = ("",) * 4
    errors: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


def sides_of(verdict: Verdict) -> tuple[SideView, SideView]:
    """Return the legacy and the candidate side, in this order."""
    records = {side: verdict.sides.get(side.value) or {} for side in Side}
    initials = _initials({side: _text(record, "label") for side, record in records.items()})
    legacy, candidate = (_side(side, records[side], initials[side]) for side in Side)
    return legacy, candidate


def _initials(labels: Mapping[Side, str]) -> Mapping[Side, str]:
    """Return the first letters of the labels where nobody can take one side for the other, else L and C."""
    first = {side: label[:1].upper() for side, label in labels.items()}
    plain = all(letter.isascii() and letter.isalpha() for letter in first.values())
    # A legacy side called "Core" or a candidate called "Live" would read as the other side.
    misread = first[Side.LEGACY] == "C" or first[Side.CANDIDATE] == "L"
    apart = len(set(first.values())) == len(Side)
    return first if plain and apart and not misread else _DEFAULT_INITIALS


def _side(side: Side, record: Mapping[str, Any], initial: str) -> SideView:
    echoed: Mapping[str, int] = record.get("models_echoed") or {}
    headers: Mapping[str, str] = record.get("server_headers") or {}
    return SideView(
        role=side,
        label=_text(record, "label") or side.value,
        initial=initial,
        url=_text(record, "url"),
        dialect=_text(record, "dialect"),
        asked=_text(record, "model_asked"),
        echoed=tuple((name, numbers.things(rows, "row")) for name, rows in sorted(echoed.items())),
        headers=tuple(f"{name}: {value}" for name, value in sorted(headers.items())),
        fetched=_fetched(record),
        stopped_early=_text(record, "stopped_early"),
        latency=tuple(_milliseconds((record.get("latency_ms") or {}).get(name)) for name in LATENCIES),
        errors=_counted(record, "errors_by_kind"),
        tokens=_counted(record, "usage"),
    )


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _counted(record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    counts: Mapping[str, int] = record.get(key) or {}
    return tuple(f"{numbers.count(int(count))} {name}" for name, count in sorted(counts.items()) if count)


def _text(record: Mapping[str, Any], key: str) -> str:
    return str(record.get(key) or "")


def _fetched(record: Mapping[str, Any]) -> str:
    since, until = _moment(_text(record, "fetched_from")), _moment(_text(record, "fetched_to"))
    if not (since and until):
        return ""
    requests = numbers.things(int(record.get("requests") or 0), "request")
    again = f", {numbers.count(int(record['retries']))} of them retries" if record.get("retries") else ""
    return f"{_printed(since)} to {_printed(until)}, {requests}{again}"


def newest_answer(sides: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the time of the newest answer of either side in UTC, to the second; `""` where none is known."""
    moments = [_moment(_text(record or {}, "fetched_to")) for record in sides.values()]
    known = [moment for moment in moments if moment]
    return _printed(max(known)) if known else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _printed(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
