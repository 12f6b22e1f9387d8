"""Records of the core as JSON: the one serialiser of everything that is stored as JSON.

Here belong writing and strict reading of any frozen dataclass, with pydantic. What a file of one kind holds belongs to
the module of its kind, how files of earlier versions are read to `older_versions`.

Written JSON has sorted keys, is ASCII (so that no text of a sample or server acts on a terminal) and holds no NaN. Read
JSON must have exactly the fields of the record, also those that have a default, each of its very type.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, SchemaValidator, from_json, to_json
from pydantic_core.core_schema import CoreConfig

from parity_pipeline.core.errors import ArtifactError

Json: TypeAlias = dict[str, Any]
"""A JSON object as `json.loads` gives it."""

Record = TypeVar("Record")

_STRICT: Final = CoreConfig(strict=True, extra_fields_behavior="forbid", allow_inf_nan=False)
_FAULTS_SHOWN: Final = 3
"""Faults of one document that a message lists."""


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a record, or JSON values, as JSON text that ends in a newline.

    Raises:
        ArtifactError: A number is NaN or infinite.
    """
    plain = value if isinstance(value, dict) else asdict(cast("Any", value))
    try:
        return json.dumps(plain, sort_keys=True, allow_nan=False, indent=indent) + "\n"
    except ValueError as error:
        problem = "this record holds NaN or infinity, which JSON cannot"
        raise ArtifactError(problem, remedy="Report this as a bug.") from error


@dataclass(frozen=True, kw_only=True)
class RecordKind(Generic[Record]):
    """How the JSON documents of one kind are read.

    Attributes:
        record: The record that a document becomes.
        name: What messages call it.
        remedy: What a person does when it cannot be read.
        upgrade: Return a document of an earlier version as one of this version, and any other as it is. It may raise
            LookupError, TypeError or ValueError for a document that no version wrote.
        schema: The `schema` of this version, which spares documents of another one the first attempt; None for none.
    """

    record: type[Record]
    name: str
    remedy: str
    upgrade: Callable[[Json], Json] = dict
    schema: int | None = None

    def read(self, content: bytes, place: str) -> Record:
        """Return the record of a JSON document.

        Raises:
            ArtifactError: It is not JSON, of another version, or its fields are not exactly those of the record.
        """
        # Only a hint, as no quote inside a string is bare: a document that is taken for another is read the long way.
        if self.schema is None or b'"schema": %d' % self.schema in content:
            with suppress(ValidationError):
                return _validator(self.record).validate_json(content)
        # Of an earlier version, with half a surrogate pair in a text, or wrong.
        return self.of(self.parsed(content, place), place)

    def parsed(self, content: bytes, place: str) -> Json:
        """Return the JSON object of a document.

        Raises:
            ArtifactError: It is not valid JSON, or not an object.
        """
        try:
            value: object = _loads(content)
        except (ValueError, RecursionError) as error:
            raise self._fault("is damaged: not valid JSON", place) from error
        if not isinstance(value, dict):
            raise self._fault("is not a JSON object", place)
        return cast("Json", value)

    def of(self, value: Json, place: str) -> Record:
        """Return the record of a JSON object, which may be of an earlier version.

        Raises:
            ArtifactError: It is of another version, or its fields are not exactly those of the record.
        """
        validator = _validator(self.record)
        try:
            value = self.upgrade(value)
            with suppress(PydanticSerializationError):
                return validator.validate_json(to_json(value))
            # pydantic's JSON takes no half surrogate pair. Without them the document is checked, with them it is read.
            validator.validate_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
            return validator.validate_python(value, strict=False)
        except ValidationError as error:
            faults = [_words(one) for one in error.errors(include_url=False, include_input=False)]
            more = [f"{len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
            problem = (
                f"was written by another version of parity_pipeline ({'; '.join([*faults[:_FAULTS_SHOWN], *more])})"
            )
            raise self._fault(problem, place) from error
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise self._fault(f"cannot be read ({type(error).__name__}: {error})", place) from error

    def _fault(self, problem: str, place: str) -> ArtifactError:
        return ArtifactError(f"this {self.name} {problem}", place=place, remedy=self.remedy)


def read_document(kind: RecordKind[Record], path: Path) -> Record:
    """Return the record of a JSON file.

    Raises:
        ArtifactError: The file is missing, damaged or of another version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"cannot read this {kind.name}: {error.strerror}"
        raise ArtifactError(problem, place=str(path), remedy=kind.remedy) from error
    return kind.read(content, str(path))


@cache
def _validator(record: type[Any]) -> SchemaValidator:
    """Return the validator of a record, made when it is first needed: making one takes milliseconds."""
    adapter: TypeAdapter[Any] = TypeAdapter(record)
    return SchemaValidator(_strict(adapter.core_schema))


def _strict(schema: Any) -> Any:
    """Return a schema in which no record takes another type, NaN, or fields that are unknown or missing.

    Every field has to be given, for a default would hide that a document lacks it.
    """
    if isinstance(schema, list):
        return [_strict(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    held = cast("dict[str, Any]", schema)
    if held.get("type") == "default":
        return _strict(held["schema"])
    strict = {key: value if key == "metadata" else _strict(value) for key, value in held.items()}
    return strict | {"config": _STRICT} if held.get("type") == "dataclass" else strict


_FAULTS: Final[Mapping[str, str]] = {"missing": "is missing", "unexpected_keyword_argument": "is unknown"}


def _words(fault: ErrorDetails) -> str:
    """Return what is wrong with one field; its name may be foreign, so it is shown as ASCII."""
    return f"{'.'.join(map(str, fault['loc']))!a} {_FAULTS.get(fault['type'], fault['msg'])}"


def _loads(content: bytes) -> object:
    try:
        return from_json(content)
    except ValueError:
        # It is three times faster, and takes no half surrogate pair.
        return json.loads(content)
