"""Documents that earlier versions stored, as this version stores them: old JSON object in, new JSON object out.

Here belongs everything that is known of earlier forms. What an earlier version did not know stays empty and claims
nothing. Checking the result is left to the strict reader of `json_records`.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from parity_pipeline.core.measures import Measure, passing_text
from parity_pipeline.core.outcomes import Outcome, Severity, Side
from parity_pipeline.core.verdict import SCHEMA_VERSION
from parity_pipeline.storage.json_records import Json

_SINCE_2: Final[Mapping[str, Any]] = {
    "severities": {},
    "measures": {},
    "norm_ratios": (None, None),
    "apart": {},
    "drawn": {"texts": 0, "draws": 0},
    "drawn_by_category": {},
    "confidence": (),
    "required_bound": None,
    "floors": {},
    "findings": (),
    "waived": {},
    "diagnosis": {},
    "stability": {},
    "coverage": {},
}
"""Fields that verdicts of schema 1 do not have."""

_SINCE_0_2: Final[Json] = {"pooled": None, "power": None, "contract": None}
"""Fields that early verdicts of schema 3 and 4 do not have; a reader that does not know them loses what they show."""

_SINCE_RULES: Final[Json] = {"not_run": None, "min_compared_share": None}
"""Fields that verdicts of either probe do not have from before it was stored under which rules they were given."""

_CHECK_SINCE_RULES: Final[Json] = {"by_default": None}
"""The same of each of their checks."""

_UNTIL_0_2: Final = ("coverage",)
"""Fields of early verdicts of schema 3 and 4 that `power` has taken the place of: cases by the categories of the samples."""

_RANDOM_SINCE_0_2: Final[Json] = {"draws_hash": ""}
"""The same of what the random samples prove."""

_ROW_SINCE_2: Final[Mapping[str, Any]] = {"drawn": 0, "waiver": None, "within_noise": False}

_SINCE_3: Final[Mapping[str, Any]] = {"background": None, "confirmation": None}
"""Fields that verdicts of schema 1 and 2 do not have."""

_ROW_SINCE_3: Final[Mapping[str, Any]] = {"unconfirmed": ""}

_PROVENANCE_SINCE_1: Final[Mapping[str, Any]] = {
    "stopped_early": "",
    "survey": {},
    "errors_by_kind": {},
    "latency_ms": {},
    "usage": {},
    "doubts": [],
}
"""Fields that the provenance in early verdicts of schema 1 does not have."""

_NO_CANARIES: Final[Json] = {
    "sent": 0,
    "compared": 0,
    "from_start": True,
    "lowest": None,
    "changed": 0,
    "changes": [],
    "lost": 0,
    "last_good": None,
    "first_bad": None,
}
"""The canaries of a lane of 0.1, which sent none; a reader that does not know them loses one check."""

_NO_FINGERPRINT: Final[Json] = {
    "state": "",
    "version": "",
    "model": "",
    "digest": "",
    "headers": {},
    "canaries": None,
}
"""The fingerprint of a lane of 0.1 and early 0.2, which took none."""

_NOT_RECORDED: Final[Json] = {"recorded": "", "recorded_unproved": ""}
"""What a lane says of a recording that early 0.2, and rankings before there were recordings of them, do not say."""

_LANE_SINCE_0_2: Final[Json] = {"canaries": _NO_CANARIES, "fingerprint": _NO_FINGERPRINT, **_NOT_RECORDED}
"""Fields of a lane that 0.1 and early 0.2 do not have."""

_NO_SURVEY: Final[Mapping[str, Any]] = {
    "dimensions": {},
    "non_finite_rows": 0,
    "zero_rows": 0,
    "norm_low": None,
    "norm_high": None,
}
_KNOWN: Final = {
    "endpoint", "date", "model", "decision", "reasons", "thresholds", "samples", "compared", "counts", "by_category",
    "worst_cosine", "mean_cosine", "worst_sample", "identical", "norms_differ", "norms", "rows", "drift", "sides",
    "sample_set", "package_version", "schema",
}  # fmt: skip
"""Fields of schema 1."""


def verdict(value: Json) -> Json:
    """Return a verdict of schema 1 to 3 as one of schema 4; one of schema 4 as it is.

    Raises:
        ValueError: Another schema, or fields that verdicts of that schema do not have.
    """
    schema = value.get("schema")
    if isinstance(schema, bool) or schema not in (1, 2, 3, SCHEMA_VERSION):
        msg = f"schema {schema!r}, this parity_pipeline reads 1 to {SCHEMA_VERSION}"
        raise ValueError(msg)
    if schema == SCHEMA_VERSION:
        random = {"random": {**_RANDOM_SINCE_0_2, **value["random"]}} if isinstance(value.get("random"), dict) else {}
        return with_rules({**_SINCE_0_2, **_kept(value), **random, **_canaries(value)})
    return _since_3(value if schema == 3 else _since_2(value))


def _since_3(value: Json) -> Json:
    """Return a verdict of schema 3, which knew no checks and no declared dimension, as one of schema 4."""
    if "checks" in value:
        msg = "unknown fields: 'checks'"
        raise ValueError(msg)
    random = {"random": {**_RANDOM_SINCE_0_2, **value["random"]}}
    sides = {
        side.value: {**value[side.value], "provenance": provenance(value[side.value]["provenance"])} for side in Side
    }
    return with_rules({**_SINCE_0_2, **_kept(value), **random, **sides, "checks": [], "schema": SCHEMA_VERSION})


def with_rules(value: Json) -> Json:
    """Return a verdict of either probe with the fields that say under which rules it was given; left empty in old ones."""
    checks = value.get("checks")
    if not (isinstance(checks, list) and all(isinstance(one, dict) for one in cast("list[Any]", checks))):
        return value
    known = [{**_CHECK_SINCE_RULES, **one} for one in cast("list[Json]", checks)]
    return {**_SINCE_RULES, **value, "checks": known}


def _kept(value: Json) -> Json:
    return {name: found for name, found in value.items() if name not in _UNTIL_0_2}


def _canaries(value: Json) -> Json:
    """Return the sides of an early verdict of schema 4 with canaries that were not sent; another field is left missing."""
    sides = {side.value: value[side.value] for side in Side if isinstance(value.get(side.value), dict)}
    return {
        name: {**side, "provenance": {**_LANE_SINCE_0_2, **side["provenance"]}}
        for name, side in sides.items()
        if isinstance(side.get("provenance"), dict)
    }


def _since_2(value: Json) -> Json:
    """Return a verdict of schema 1 or 2 as one of schema 3.

    Raises:
        ValueError: Fields that verdicts of that schema do not have.
    """
    schema = value["schema"]
    if odd := set(value) ^ (_KNOWN if schema == 1 else _KNOWN | set(_SINCE_2)):
        msg = f"missing or unknown fields: {', '.join(sorted(map(repr, odd)))}"
        raise ValueError(msg)
    old = {**_SINCE_2, **value}
    if schema == 1:
        old |= _thresholds(value["thresholds"])
    kept = ("endpoint", "date", "model", "decision", "reasons", "findings", "package_version", "mean_cosine", "drift")
    return {name: old[name] for name in kept} | {
        "schema": 3,
        "sample_set": old["sample_set"],
        "counts": {
            "outcomes": old["counts"],
            "by_category": old["by_category"],
            "apart": {"unconfirmed": 0, **old["apart"]} if old["apart"] else None,
            "waived": old["waived"],
            "identical": old["identical"],
        },
        "measures": [_measure(old, name, limit) for name, limit in old["thresholds"].items()],
        "norm_ratios": None if None in old["norm_ratios"] else old["norm_ratios"],
        "random": {
            **old["drawn"],
            "by_category": old["drawn_by_category"],
            # The sentence is made again from the numbers.
            "bounds": [{name: one[name] for name in one if name != "sentence"} for one in old["confidence"]],
            "required_bound": old["required_bound"],
            **_RANDOM_SINCE_0_2,
        },
        **_SINCE_0_2,
        **{side.value: _side(old, side.value) for side in Side},
        "diagnosis": _diagnosis(old["diagnosis"], looked_at=old["samples"]),
        "rows": [{**_ROW_SINCE_2, **_ROW_SINCE_3, **row} for row in old["rows"]],
        **_SINCE_3,
    }


def _thresholds(stored: Json) -> Json:
    """Return limits and severities of schema 1, which stored every limit, those that were not set as null."""
    warn_only = stored.get("warn_only", [Measure.NORM_RATIO])
    limits = {name: limit for name in Measure if (limit := stored.get(name)) is not None}
    severities = {name: Severity.WARN if name in warn_only else Severity.FAIL for name in limits}
    return {"thresholds": limits, "severities": severities}


def _measure(old: Json, name: str, limit: float) -> Json:
    severity = old["severities"][name]
    if found := old["measures"].get(name):
        kept = ("failing", "worst", "worst_sample", "passing_limit")
        return {key: found[key] for key in kept} | {
            "measure": name, "limit": limit, "severity": severity, "beyond": found["off"],
        }  # fmt: skip
    cosine = name == Measure.COSINE
    worst = old["worst_cosine"] if cosine else None
    beyond = old["counts"].get(Outcome.MISMATCH, 0) if cosine else old["norms_differ"]
    return {
        "measure": name,
        "limit": limit,
        "severity": severity,
        "beyond": beyond,
        "failing": beyond if severity == Severity.FAIL else 0,
        "worst": worst,
        "worst_sample": old["worst_sample"] if cosine else None,
        "passing_limit": passing_text(Measure.COSINE, worst) if beyond and cosine and worst and worst > 0 else None,
    }


def _side(old: Json, side: str) -> Json:
    low, high = old["norms"].get(side) or (None, None)
    return {
        "provenance": old["sides"][side],
        "norms": {"low": low, "high": high},
        "floor": old["floors"].get(side),
        "stability": old["stability"].get(side),
    }


def provenance(value: Json) -> Json:
    """Return the provenance of an earlier embeddings file or verdict with the fields it did not know left empty."""
    whole = {**_PROVENANCE_SINCE_1, **value}
    observation = {"declared_dimension": 0, **whole["observation"]}
    survey = whole["survey"] or _NO_SURVEY
    return {**_LANE_SINCE_0_2, **whole, "survey": survey, "observation": observation}


def rankings_header(value: Json) -> Json:
    """Return where rankings came from, of a file of early 0.2 with no fingerprint, or from before recordings of them."""
    return {"fingerprint": _NO_FINGERPRINT, **_NOT_RECORDED, "requested": {}, **value}


def retrieval_verdict(value: Json) -> Json:
    """Return a verdict of the retrieve probe that may not say its rules, and whose sides may have no fingerprint."""
    value = with_rules(value)
    sides = {side.value: value[side.value] for side in Side if isinstance(value.get(side.value), dict)}
    return {**value, **{name: rankings_header(side) for name, side in sides.items()}}


def retrieval_parity_header(value: Json) -> Json:
    """Return the header of compared queries whose sides may have no fingerprint."""
    sides = value.get("sides")
    if not isinstance(sides, list) or not all(isinstance(side, dict) for side in sides):
        return value
    return {**value, "sides": [rankings_header(side) for side in sides]}


def retrieval_line(value: Json) -> Json:
    """Return a line of the ledger with its retrieval verdict in the form of this version."""
    verdict = value.get("verdict")
    return {**value, "verdict": retrieval_verdict(verdict)} if isinstance(verdict, dict) else value


def _diagnosis(value: Json, looked_at: int) -> Json | None:
    if not value:
        return None
    failing = value.get("failing", 0)
    listed = (name for name in ("causes", "remarks") if name in value)
    causes = {name: [{"side": None, **one} for one in value[name]] for name in listed}
    return {"looked_at": looked_at, "failing_looked_at": failing, "collisions": [], **value, **causes}


def ledger_line(value: Json) -> Json:
    """Return a line of the ledger with its verdict in the form of this version; earlier lines left its rows out."""
    return {**value, "verdict": verdict({"rows": [], **value["verdict"]})}


def diagnosis_file(value: Json) -> Json:
    """Return a diagnosis file of schema 1 or 2 as one of schema 3, which names its thresholds.

    In schema 1 no diagnosis was an empty object.
    """
    if value.get("schema") not in (1, 2) or isinstance(value["schema"], bool) or "thresholds" in value:
        return value
    found = value["diagnosis"]
    if value["schema"] != 1 and found == {}:
        return value
    return {**value, "schema": 3, "thresholds": None, "diagnosis": _diagnosis(found, looked_at=0)}


def paired_sides(value: Json) -> Json:
    """Return the header of a parity file of version 3, whose sides knew no declared dimension, as one of version 4."""
    return {
        "background": None,
        "drawn_as": {},
        "drift": [],
        **value,
        "sides": [provenance(side) for side in value["sides"]],
    }


def sample_set_header(value: Json) -> Json:
    """Return the header of a sample set of version 2, in which a text that was also picked by hand was not drawn."""
    return {"drawn_as": {}, **value}


def parity_header(value: Json) -> Json:
    """Return the header of a parity file of version 2 without its grades: they depend on thresholds, and are made again."""
    grades = (Outcome.MATCH, Outcome.MISMATCH)
    counts = {name: count for name, count in value["counts"].items() if name not in grades and count}
    if compared := sum(value["counts"].get(name, 0) for name in grades):
        counts[Outcome.COMPARED] = compared
    kept = ("sample_set", "pairing_faults", "worst_cosine", "worst_sample")
    sides = [provenance(side) for side in value["sides"]]
    empty: Json = {"background": None, "drawn_as": {}, "drift": []}
    return {name: value[name] for name in kept} | {"counts": counts, "sides": sides} | empty
