"""Verdicts and waivers as typed tables of pandas: one row per entry of the ledger, one per waiver.

Here belong the columns of both tables and what a verdict of each probe puts into them. Which entry counts is what
`storage.ledger` says of it: the newest of its probe, date and name.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import pandas as pd

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.waivers import QueryWaiver
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.storage.ledger import AnyVerdict, LedgerEntry, key_of, moment_of, newest_entries

_DAY: Final = "datetime64[ns]"
_TIME: Final = "datetime64[ns, UTC]"
DECISIONS: Final = pd.CategoricalDtype([one.value for one in Decision])

VERDICT_COLUMNS: Final[Mapping[str, Any]] = {
    "probe": "string",
    "date": _DAY,
    "model": "string",
    "corpus": "string",
    "decision": DECISIONS,
    "counts": "bool",
    "recorded_at": _TIME,
    "run_id": "string",
    "rejudged": "bool",
    "not_run": "string",
    "strength": "string",
    "inputs": "int64",
    "matched": "int64",
    "waived": "int64",
    "threshold": "float64",
    "worst_cosine": "float64",
    "mean_cosine": "float64",
    "legacy_noise_floor": "float64",
    "candidate_noise_floor": "float64",
    "mean_overlap": "float64",
    "top_1_share": "float64",
    "cause": "string",
    "causes": "object",
    "reasons": "object",
    "findings": "object",
    "inputs_hash": "string",
    "legacy_url": "string",
    "candidate_url": "string",
    "legacy_settings_hash": "string",
    "candidate_settings_hash": "string",
    "legacy_server_headers": "object",
    "candidate_server_headers": "object",
    "legacy_p95_ms": "float64",
    "candidate_p95_ms": "float64",
    "fetched_from": _TIME,
    "package_version": "string",
}
"""Columns of the verdicts with their types.

`inputs` counts samples or queries, `matched` those that agree, `fetched_from` is when the first request of either lane was
sent, `not_run` why a date could not be run. What one probe alone has is missing in rows of another.
"""

WAIVER_COLUMNS: Final[Mapping[str, Any]] = {
    "probe": "string",
    "id": "string",
    "owner": "string",
    "reason": "string",
    "expires": _DAY,
    "holds": "bool",
    "most": "int64",
    "outcomes": "object",
    "measures": "object",
    "checks": "object",
    "side": "string",
    "categories": "object",
    "inputs": "object",
    "head": "string",
    "names": "object",
    "first_date": _DAY,
    "last_date": _DAY,
    "last_used": _DAY,
}
"""Columns of the waivers with their types.

`most` is how many samples or queries of one partition a waiver covers, `names` its models or corpora, `holds` whether it has
not expired today, `last_used` the last date whose newest verdict it took an input of.
"""


def verdict_frame(entries: Iterable[LedgerEntry]) -> pd.DataFrame:
    """Return one row per entry of the ledger, by date, name and time recorded; `counts` flags the newest of each."""
    held = list(entries)
    newest = {id(entry) for entry in newest_entries(held).values()}
    ordered = sorted(held, key=lambda entry: (*_place(entry.verdict), moment_of(entry)))
    return _typed([_row(entry, counts=id(entry) in newest) for entry in ordered], VERDICT_COLUMNS)


def _place(verdict: AnyVerdict) -> tuple[str, str, str]:
    probe, day, name = key_of(verdict)
    return day, probe, name


def _row(entry: LedgerEntry, *, counts: bool) -> dict[str, Any]:
    verdict = entry.verdict
    common = {
        "probe": verdict.endpoint,
        "date": verdict.date,
        "decision": verdict.decision.value,
        "counts": counts,
        "recorded_at": _moment(entry.recorded_at),
        "run_id": entry.run_id,
        "rejudged": entry.rejudged,
        "not_run": verdict.not_run and verdict.not_run.words,
        "strength": verdict.strength,
        "reasons": verdict.reasons,
        "findings": verdict.findings,
        "package_version": verdict.package_version,
    }
    return common | (_of_embed(verdict) if isinstance(verdict, Verdict) else _of_retrieve(verdict))


def _of_embed(verdict: Verdict) -> dict[str, Any]:
    causes = tuple(one.name.value for one in verdict.diagnosis.causes) if verdict.diagnosis else ()
    floors = verdict.floors
    return {
        "model": verdict.model,
        "inputs": verdict.counts.samples,
        "matched": verdict.counts.matched,
        "waived": verdict.counts.samples_waived,
        "threshold": verdict.threshold,
        "worst_cosine": verdict.worst_cosine,
        "mean_cosine": verdict.mean_cosine,
        "legacy_noise_floor": floors.legacy and floors.legacy.worst,
        "candidate_noise_floor": floors.candidate and floors.candidate.worst,
        "inputs_hash": verdict.sample_set.hash,
        **_causes(causes),
        **_lanes(verdict.legacy.provenance, verdict.candidate.provenance),
    }


def _of_retrieve(verdict: RetrievalVerdict) -> dict[str, Any]:
    return {
        "corpus": verdict.corpus,
        "inputs": verdict.counts.queries,
        "matched": verdict.counts.agreeing,
        "waived": verdict.counts.waived_queries,
        "mean_overlap": verdict.value(SetMeasure.MEAN_OVERLAP),
        "top_1_share": verdict.value(SetMeasure.TOP_1_SHARE),
        "inputs_hash": verdict.query_set.hash,
        **_causes(tuple(one.name.value for one in verdict.causes)),
        **_lanes(*verdict.sides),
    }


def _causes(names: tuple[str, ...]) -> dict[str, Any]:
    return {"causes": names, "cause": names[0] if names else None}


def _lanes(legacy: Any, candidate: Any) -> dict[str, Any]:
    """Return what is known of both lanes, whose records of both probes share these names."""
    found: dict[str, Any] = {"fetched_from": min(_moment(legacy.fetched_from), _moment(candidate.fetched_from))}
    for side, lane in (("legacy", legacy), ("candidate", candidate)):
        found |= {
            f"{side}_url": lane.url,
            f"{side}_settings_hash": lane.settings_hash,
            f"{side}_server_headers": dict(lane.server_headers),
            f"{side}_p95_ms": lane.latency_ms.get("p95"),
        }
    return found


def _moment(text: str) -> Any:
    """Return a stored time; one without a zone is UTC, and one that cannot be read is missing."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return pd.NaT
    return pd.Timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).tz_convert("UTC")


def waiver_frame(
    waivers: Sequence[Waiver], queries: Sequence[QueryWaiver], entries: Iterable[LedgerEntry], today: date
) -> pd.DataFrame:
    """Return one row per waiver, those of the embed probe first, in the order of the settings.

    Args:
        waivers: Those of the embed probe.
        queries: Those of the retrieve probe.
        entries: The ledger.
        today: The day by which `holds` is said.
    """
    used = dict[tuple[bool, str], str]()
    for entry in newest_entries(entries).values():
        embed = isinstance(entry.verdict, Verdict)
        for name, taken in entry.verdict.counts.waived.items():
            if taken:
                used[embed, name] = max(entry.verdict.date, used.get((embed, name), ""))
    rows = [
        {
            **_signed(one, today, used.get((True, one.id))),
            "probe": "embed",
            "measures": {name.value: limit for name, limit in one.measures.items()},
            "side": one.side,
            "head": one.head,
            "inputs": one.samples,
            "names": one.models,
        }
        for one in waivers
    ]
    rows += [
        {
            **_signed(one, today, used.get((False, one.id))),
            "probe": "retrieve",
            "measures": {},
            "head": "",
            "inputs": one.queries,
            "names": one.corpora,
        }
        for one in queries
    ]
    return _typed(rows, WAIVER_COLUMNS)


def _signed(waiver: Waiver | QueryWaiver, today: date, last_used: str | None) -> dict[str, Any]:
    return {
        "id": waiver.id,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "expires": waiver.expires,
        "holds": today <= waiver.expires,
        "most": waiver.most,
        "outcomes": tuple(one.value for one in waiver.outcomes),
        "checks": tuple(one.value for one in waiver.checks),
        "categories": tuple(waiver.categories),
        "first_date": waiver.first_date,
        "last_date": waiver.last_date,
        "last_used": last_used,
    }


def _typed(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows as a table whose types do not depend on the values, or on there being any."""
    return pd.DataFrame({name: _column([row.get(name) for row in rows], kind) for name, kind in columns.items()})


def _column(values: list[Any], kind: Any) -> Any:
    if kind == _TIME:
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype(_TIME)
    if kind == _DAY:
        return pd.to_datetime(pd.Series(values, dtype=object)).astype(_DAY)
    if kind == "string":
        # What a side sent may hold half a surrogate pair, which Arrow's strings cannot.
        values = [one if one is None else one.encode("utf-8", "backslashreplace").decode() for one in values]
    return pd.Series(values, dtype=kind)
