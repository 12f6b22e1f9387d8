"""The stored form of a verdict: one JSON document, the same bytes for the same verdict.

Here belong writing and strict reading. What a verdict says belongs to `core.verdict`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.storage.atomic import publish_text

_REMEDY: Final = "Materialize verdict again."
_TUPLES: Final = ("reasons", "rows", "drift", "norm_ratios", "confidence", "findings")
_SINCE_2: Final = frozenset(
    {
        "severities",
        "measures",
        "norm_ratios",
        "apart",
        "drawn",
        "drawn_by_category",
        "confidence",
        "required_bound",
        "floors",
        "findings",
        "waived",
        "diagnosis",
        "stability",
        "coverage",
    }
)
"""Fields that verdicts of schema 1 do not have. They are read with the defaults of `Verdict`, which claim nothing."""
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "endpoint": (str,),
    "date": (str,),
    "model": (str,),
    "decision": (str,),
    "reasons": (list,),
    "thresholds": (dict,),
    "samples": (int,),
    "compared": (int,),
    "counts": (dict,),
    "by_category": (dict,),
    "worst_cosine": (float, int, type(None)),
    "mean_cosine": (float, int, type(None)),
    "worst_sample": (str, type(None)),
    "identical": (int,),
    "norms_differ": (int,),
    "norms": (dict,),
    "rows": (list,),
    "drift": (list,),
    "sides": (dict,),
    "sample_set": (dict,),
    "package_version": (str,),
    "severities": (dict,),
    "measures": (dict,),
    "norm_ratios": (list,),
    "apart": (dict,),
    "drawn": (dict,),
    "drawn_by_category": (dict,),
    "confidence": (list,),
    "required_bound": (float, int, type(None)),
    "floors": (dict,),
    "findings": (list,),
    "waived": (dict,),
    "diagnosis": (dict,),
    "stability": (dict,),
    "coverage": (dict,),
    "schema": (int,),
}


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON values: words for enums, arrays for sequences."""
    return {one.name: _plain(getattr(verdict, one.name)) for one in fields(verdict)}


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(inner) for key, inner in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in cast("Sequence[object]", value)]
    return value


def verdict_from_json(value: Mapping[str, Any], place: str) -> Verdict:
    """Return the verdict that `verdict_to_json` gave.

    `reasons`, `rows`, `drift`, `norm_ratios`, `confidence` and `findings` come back as tuples, every other array as a
    list. A verdict of schema 1 comes back as one of `SCHEMA_VERSION` in which what it did not know is empty.

    Args:
        value: JSON values.
        place: The file, and line where there are many, for the error.

    Raises:
        ArtifactError: Another schema version, a missing or unknown field, or a field of the wrong type.
    """
    schema = value.get("schema")
    if isinstance(schema, bool) or schema not in (1, SCHEMA_VERSION):
        problem = f"this verdict has schema {schema!r}, this parity_pipeline reads 1 and {SCHEMA_VERSION}"
        raise ArtifactError(problem, place=place, remedy=_REMEDY)
    types = {name: one for name, one in _TYPES.items() if schema != 1 or name not in _SINCE_2}
    if odd := set(value) ^ set(types):
        problem = f"this verdict has missing or unknown fields: {', '.join(sorted(map(repr, odd)))}"
        raise ArtifactError(problem, place=place, remedy=_REMEDY)
    wrong = [name for name, one in types.items() if isinstance(value[name], bool) or type(value[name]) not in one]
    if wrong or value["decision"] not in set(Decision):
        problem = f"this verdict has fields of the wrong type: {', '.join(wrong or ['decision'])}"
        raise ArtifactError(problem, place=place, remedy=_REMEDY)
    plain: dict[str, Any] = {name: tuple(held) if name in _TUPLES else held for name, held in value.items()}
    plain |= {"decision": Decision(value["decision"]), "schema": SCHEMA_VERSION}
    return Verdict(**plain)


def verdict_text(value: Mapping[str, Any], *, indent: int | None) -> str:
    """Return JSON text: keys sorted, ASCII only (so that no text of a sample or server acts on a terminal), no NaN.

    Raises:
        ArtifactError: A number is NaN or infinite.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, indent=indent) + "\n"
    except ValueError as error:
        problem = "this verdict holds NaN or infinity, which JSON cannot"
        raise ArtifactError(problem, remedy="Report this as a bug.") from error


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write the verdict atomically.

    Raises:
        ArtifactError: The disk or folder does not take it, or a number is NaN or infinite.
    """
    publish_text(path, verdict_text(verdict_to_json(verdict), indent=1))


def read_verdict(path: Path) -> Verdict:
    """Return a stored verdict.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    try:
        value: object = json.loads(path.read_bytes())
    except OSError as error:
        problem = f"cannot read this verdict: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy=_REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError("this verdict is damaged: no JSON", place=str(path), remedy=_REMEDY) from error
    if not isinstance(value, dict):
        raise ArtifactError("this verdict is no JSON object", place=str(path), remedy=_REMEDY)
    return verdict_from_json(cast("dict[str, Any]", value), str(path))
