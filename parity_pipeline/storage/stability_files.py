"""The stored form of a side's stability: one JSON document, the same bytes for the same record.

Here belong writing and strict reading. What it says belongs to `core.stability`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.noise_floor import NoiseFloor
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import (
    Defect,
    DefectKind,
    ExperimentResult,
    Finding,
    Origin,
    Stability,
    StabilityRecord,
)
from parity_pipeline.storage.atomic import publish_text

SCHEMA_VERSION: Final = 1
"""Version of the document. Any change of its fields is a new one."""

_REMEDY: Final = "Materialize that side's stability again."
_NUMBER: Final = (float, int)
_COUNTS: Final = frozenset({"level", "identical", "rows", "affected_texts", "requests", "count"})
_LISTS: Final = frozenset(
    {"affected", "faults", "permutation", "left_out", "samples", "cases", "experiments", "findings", "notes"}
)
_OTHERS: Final[Mapping[str, tuple[type, ...]]] = {
    "worst": (*_NUMBER, type(None)),
    "worst_sample": (str, type(None)),
    "by_label": (dict,),
    "threshold": _NUMBER,
    "floor": (dict, type(None)),
    "texts": (dict,),
}

Record = TypeVar("Record", Defect, Finding, ExperimentResult, Origin, Stability)


def write_stability(path: Path, record: StabilityRecord) -> None:
    """Write the record atomically: keys sorted, ASCII only, so that no text of a server acts on a terminal.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    floor = record.stability.floor
    stability = asdict(record.stability) | {"floor": floor.to_json() if floor else None}
    plain = {"schema": SCHEMA_VERSION, "origin": asdict(record.origin), "stability": stability}
    publish_text(path, json.dumps(plain, sort_keys=True, allow_nan=False, indent=1) + "\n")


def read_stability(path: Path) -> StabilityRecord:
    """Return a stored record.

    Raises:
        ArtifactError: The file is missing, damaged or of another schema.
    """
    place = str(path)
    try:
        value: object = json.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(f"cannot read this stability: {error.strerror}", place) from error
    except (ValueError, RecursionError) as error:
        raise _unusable("this stability is damaged: no JSON", place) from error
    whole = _mapping(value, place)
    if whole.get("schema") != SCHEMA_VERSION or isinstance(whole["schema"], bool):
        raise _unusable(f"schema {whole.get('schema')!r}, this parity_pipeline reads {SCHEMA_VERSION}", place)
    if set(whole) != {"schema", "origin", "stability"}:
        raise _unusable("this stability has missing or unknown parts", place)
    try:
        return StabilityRecord(
            origin=_built(Origin, whole["origin"], place), stability=_stability(whole["stability"], place)
        )
    except (TypeError, ValueError) as error:
        raise _unusable(f"this stability holds what it never held ({error})", place) from error


def _stability(value: object, place: str) -> Stability:
    held = _mapping(value, place)
    floor = held.get("floor")
    return _built(
        Stability,
        held,
        place,
        side=Side(held.get("side")),
        experiments=tuple(_tried(one, place) for one in held.get("experiments", ())),
        floor=None if floor is None else NoiseFloor.from_json(_mapping(floor, place), place),
        findings=tuple(_built(Finding, one, place) for one in held.get("findings", ())),
        notes=tuple(held.get("notes", ())),
    )


def _tried(value: object, place: str) -> ExperimentResult:
    held = _mapping(value, place)
    return _built(
        ExperimentResult,
        held,
        place,
        affected=tuple(held.get("affected", ())),
        faults=tuple(_fault(one, place) for one in held.get("faults", ())),
        permutation=tuple(held.get("permutation", ())),
        left_out=tuple(held.get("left_out", ())),
    )


def _fault(value: object, place: str) -> Defect:
    held = _mapping(value, place)
    lists = {name: tuple(held.get(name, ())) for name in ("samples", "cases")}
    return _built(Defect, held, place, kind=DefectKind(held.get("kind")), **lists)


def _built(cls: type[Record], value: object, place: str, **made: Any) -> Record:
    """Return a record of exactly the fields of its kind, each of its type; `made` replaces what was converted.

    Raises:
        ArtifactError: A field is missing or unknown, or of another type.
    """
    held = _mapping(value, place)
    names = {one.name for one in fields(cls)}
    if odd := set(held) ^ names:
        raise _unusable(f"missing or unknown fields: {', '.join(sorted(map(repr, odd)))}", place)
    if wrong := sorted(name for name in names if not _fits(name, held[name])):
        raise _unusable(f"fields of the wrong type: {', '.join(wrong)}", place)
    return cls(**{**held, **made})


def _fits(name: str, value: object) -> bool:
    if name in _COUNTS:
        return type(value) is int
    if name in _LISTS:
        return type(value) is list
    return type(value) in _OTHERS.get(name, (str,))


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unusable("this stability holds something else where an object belongs", place)
    return cast("dict[str, Any]", value)


def _unusable(problem: str, place: str) -> ArtifactError:
    return ArtifactError(problem, place=place, remedy=_REMEDY)
