"""Responses to rankings: document ids, scores, mode and hashes of metadata, or a named reason why not.

Here belongs the strict reading of a 200 by a retrieval dialect, and what a response looks like for the catalogue of wire
drift. Nothing is guessed: a result without an id, or a score other than a number or null, makes the whole response malformed.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from parity_pipeline.wire.decode import SLOW_BYTES, load_slowly
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.json_path import MISSING, FieldPath, Repeated, describe_fields, is_array, is_object
from parity_pipeline.wire.retrieval_dialects import RetrievalDialect
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.wire_observation import type_name

MODE_CHARACTERS: Final = 80
_WHOLE_BODY: Final = "(whole response)"
_SECRET_IN_ID: Final = 12
"""Characters of a header value from which on it is masked in a document id. Ids are compared: a short value, such as the
name of a tenant, may well be a part of them."""


@dataclass(frozen=True, slots=True)
class DecodedRanking:
    """The content of a response.

    Attributes:
        ids: Document ids, the best first.
        scores: One score or distance per id, NaN where it is null; empty where no result has one.
        metadata: One 64-bit hash per id, 0 for a result with none of the fields; empty where none is compared.
        mode: The mode that the response reports; None if it reports none.
        hit_corpora: Distinct corpora that the results come from; None where one of them does not name its own.
        usage: Always empty: no token usage is read.
    """

    ids: tuple[str, ...]
    scores: tuple[float, ...] = ()
    metadata: tuple[int, ...] = ()
    mode: str | None = None
    hit_corpora: int | None = None
    usage: Mapping[str, int] = field(default_factory=dict[str, int])


class RankingDecoder:
    """Reads the responses of one side."""

    def __init__(self, side: RetrievalSide) -> None:
        """Prepare the paths of the dialect."""
        self._dialect = dialect = side.dialect
        self._results = _path(dialect.results_field) or ()
        self._id = _path(dialect.id_field) or ()
        self._score = _path(dialect.score_field)
        self._corpus = _path(dialect.corpus_field)
        self._joined = "{corpus}" in dialect.id_template
        self._metadata = _path(dialect.metadata_field) if side.metadata else None
        self._mode = _path(dialect.mode_field)
        self._names = tuple((name, _path(name) or ()) for name in side.metadata)
        self._ours = {spelled: name for name, spelled in side.corpora.items()}
        self._hide = side.config.without_secrets
        self._credentials = _credentials(side)

    def decode(self, body: bytes | bytearray) -> DecodedRanking:
        """Return the ranking of a response to one query.

        Raises:
            MalformedResponse: It holds no list of results, or one that cannot be read; names a kind of `retry_policy`.
        """
        if len(body) > SLOW_BYTES:
            raise MalformedResponse("too_large", f"{len(body)} bytes for one ranking")
        document = load_slowly(body)
        results = _at(document, self._results)
        if not is_array(results):
            where = f"no array at {self._dialect.results_field!r}: {describe_fields(document)}"
            raise MalformedResponse("no_results_field", where)
        for result in results:
            if not is_object(result):
                raise MalformedResponse("bad_result", f"{type_name(result)} where a result was expected")
        return DecodedRanking(
            ids=self._identities(results),
            scores=self._scores(results),
            metadata=self._hashes(results),
            mode=self._mode_of(document),
            hit_corpora=self._hit_corpora(results),
        )

    def _identities(self, results: Sequence[Any]) -> tuple[str, ...]:
        found = [self._identity(result) for result in results]
        joined = "\n".join(found)
        if any(secret in joined for secret in self._credentials):
            found = [self._masked(identity) for identity in found]
        if not joined.isascii():
            # A lone surrogate, which JSON can spell and UTF-8 cannot, becomes its escape.
            found = [identity.encode("utf-8", "backslashreplace").decode() for identity in found]
        return tuple(found)

    def _hit_corpora(self, results: Sequence[Any]) -> int | None:
        """Return how many corpora the results name; None where one of them names none, which leaves the lists usable."""
        path = self._corpus
        if path is None:
            return None
        names = [_at(result, path) for result in results]
        return len(set(names)) if all(isinstance(name, str) for name in names) else None

    def _identity(self, result: Any) -> str:
        value = _at(result, self._id)
        if type(value) is not str and type(value) is not int:
            raise MalformedResponse("bad_id", f"{_described(value)} at {self._dialect.id_field!r}")
        if self._corpus is None or not self._joined:
            return self._dialect.id_template.format(id=value) if self._dialect.id_template != "{id}" else str(value)
        corpus = _at(result, self._corpus)
        if not isinstance(corpus, str):
            raise MalformedResponse("bad_id", f"{_described(corpus)} at {self._dialect.corpus_field!r}")
        return self._dialect.id_template.format(id=value, corpus=self._ours.get(corpus, corpus))

    def _masked(self, identity: str) -> str:
        for secret in self._credentials:
            identity = identity.replace(secret, "***")
        return identity

    def _scores(self, results: Sequence[Any]) -> tuple[float, ...]:
        path = self._score
        if path is None:
            return ()
        found = tuple(self._number(_at(result, path)) for result in results)
        return () if all(math.isnan(value) for value in found) else found

    def _number(self, value: Any) -> float:
        if value is None or value is MISSING:
            return math.nan
        if (type(value) is not float and type(value) is not int) or math.isinf(value):
            raise MalformedResponse("bad_score", f"{_described(value)} at {self._dialect.score_field!r}")
        return float(value)

    def _hashes(self, results: Sequence[Any]) -> tuple[int, ...]:
        path = self._metadata
        if path is None:
            return ()
        try:
            return tuple(_hash_of(_at(result, path), self._names) for result in results)
        except RecursionError:
            pass
        raise MalformedResponse("too_deep", "metadata nested deeper than any response has reason to be")

    def _mode_of(self, document: Any) -> str | None:
        found = _at(document, self._mode) if self._mode else None
        return one_line(self._hide(found))[:MODE_CHARACTERS] if isinstance(found, str) else None


Path = tuple[str, ...]


def _path(text: str | None) -> Path | None:
    return None if text is None else FieldPath.parse(text).outer


def _at(value: Any, path: Path) -> Any:
    """Return the value at a path of what `load_slowly` returned, or MISSING.

    Raises:
        MalformedResponse: An object on the way has duplicate keys.
    """
    for name in path:
        if not isinstance(value, dict):
            return MISSING
        if isinstance(value, Repeated):
            raise MalformedResponse("duplicate_keys", f"a field occurs twice beside {name!r}")
        value = cast("dict[str, Any]", value).get(name, MISSING)
    if isinstance(value, Repeated):
        raise MalformedResponse("duplicate_keys", "a field occurs twice")
    return value


def _credentials(side: RetrievalSide) -> tuple[str, ...]:
    """Return what no document id may hold, longest first: credentials, and every header value that is long enough."""
    config = side.config
    always = [value for value in (config.bearer_token, config.proxy) if value]
    return tuple(
        secret for secret in config.secrets if len(secret) >= _SECRET_IN_ID or any(secret in value for value in always)
    )


def _described(value: Any) -> str:
    return "nothing" if value is MISSING else f"{type_name(value)} {str(value)[:40]!r}"


def metadata_hash(found: Any, names: Sequence[str]) -> int:
    """Return 64 bits of the metadata that must be equal: of the canonical JSON of the named fields.

    Numbers are compared by value, so that 1 and 1.0 are the same; a field that is null and one that is missing are the
    same too, since many writers leave out what is empty.

    Args:
        found: The metadata of one result, or something else where it has none.
        names: The fields; dots lead into nested objects.

    Returns:
        An unsigned number; 0 where none of the fields is there.

    Raises:
        MalformedResponse: A field occurs twice.

    >>> metadata_hash({"city": "Oslo", "years": 3}, ["years"]) == metadata_hash({"years": 3.0}, ["years"])
    True
    """
    return _hash_of(found, [(name, _path(name) or ()) for name in names])


def _hash_of(found: Any, names: Sequence[tuple[str, Path]]) -> int:
    """Return the hash of the named fields, each a name as it is, or else a path."""
    if not isinstance(found, dict):
        return 0
    values: dict[str, Any] = {}
    for name, path in names:
        value = cast("dict[str, Any]", found).get(name, MISSING)
        value = _at(found, path) if value is MISSING and len(path) > 1 else value
        values[name] = None if value is MISSING else _canonical(value)
    if all(value is None for value in values.values()):
        return 0
    try:
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # what orjson cannot spell, such as a lone surrogate, is spelled the same way each time here
        text = json.dumps(values, sort_keys=True).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def _canonical(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, Repeated):
        raise MalformedResponse("duplicate_keys", "a field of the metadata occurs twice")
    if isinstance(value, dict):
        return {str(name): _canonical(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_canonical(one) for one in cast("list[Any]", value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        return int(value) if value.is_integer() else value
    return value


@dataclass(frozen=True, slots=True)
class ResponseShape:
    """What a response looks like.

    Attributes:
        response_fields: Top-level fields as `name: type`, sorted.
        result_fields: Fields of the first result, likewise; empty without results.
        unknown_fields: Fields of either that the dialect does not read.
    """

    response_fields: tuple[str, ...] = ()
    result_fields: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()


def response_shape(
    dialect: RetrievalDialect, metadata: Sequence[str], body: bytes | bytearray, hide: Callable[[str], str]
) -> ResponseShape:
    """Return what a response that was decoded looks like.

    Args:
        dialect: The dialect that read it.
        metadata: Metadata fields that are compared, read where the metadata are the result itself.
        body: The body of the response.
        hide: Masks the secrets of a side; called before anything is cut.
    """
    document = load_slowly(body)
    response = _typed(document if is_object(document) else {_WHOLE_BODY: document}, hide)
    results = FieldPath.parse(dialect.results_field).find(document)
    result = _typed(results[0], hide) if results else {}
    read = _roots(dialect.results_field, dialect.mode_field) or {_WHOLE_BODY}
    within = _roots(dialect.id_field, dialect.score_field, dialect.corpus_field, dialect.metadata_field, *metadata)
    prefix = f"{dialect.results_field}[]."
    unknown = [text for name, text in response.items() if name not in read]
    unknown += [prefix + text for name, text in result.items() if name not in within]
    return ResponseShape(
        response_fields=tuple(sorted(response.values())),
        result_fields=tuple(sorted(result.values())),
        unknown_fields=tuple(sorted(unknown)),
    )


def _typed(members: Mapping[str, Any], hide: Callable[[str], str]) -> dict[str, str]:
    names = {name: one_line(hide(str(name)))[:80] for name in members}
    return {name: f"{names[name]}: {type_name(value)}" for name, value in members.items()}


def _roots(*paths: str | None) -> set[str]:
    return {root for path in paths if path is not None for root in FieldPath.parse(path).outer[:1]}
