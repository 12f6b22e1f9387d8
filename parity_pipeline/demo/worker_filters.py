"""Which workers a filter lets through: SQL text on the legacy side, a JSON object on the candidate's.

Here belong both languages and what they refuse. Neither can do anything but select workers: SQL is parsed by DuckDB
and has to be one condition out of a list of permitted expressions, in a database without access to files.
"""

import operator
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.demo.corpus import Worker

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Mask = NDArray[np.bool_]
"""One element per worker: whether the filter lets it through."""

FILTER_LIMIT: Final = 2_000
"""Characters of the longest SQL condition."""

SHOWN: Final = 120
"""Characters of a parser's message that a refusal repeats."""

_SELECT: Final = "SELECT position FROM workers WHERE "

_EXPRESSIONS: Final = frozenset(
    {"BETWEEN", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "OPERATOR", "TYPE"}
)
"""DuckDB's classes of expressions that a condition may consist of; no subquery, window, lambda or parameter."""

_FUNCTIONS: Final = frozenset(
    {"~~", "!~~", "~~*", "!~~*", "contains", "list_contains", "list_has_any", "list_has_all", "lower", "upper", "len"}
)
"""Functions that a condition may call; the first four are LIKE and ILIKE."""

_CONFIG: Final[Mapping[str, str]] = MappingProxyType(
    {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",  # else a table name may find a variable of this process
        "threads": "1",
        "memory_limit": "128MB",
    }
)


class FilterError(ValueError):
    """A filter that is refused; the message is one sentence for the client."""


class SqlFilters:
    """SQL conditions over the workers; safe to use from several threads.

    DuckDB is imported and its table filled with the first filter, about 0.2 s, which a gateway that only embeds never pays.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        """Remember the workers; the columns are `id`, `corpus` and those of their metadata."""
        self._workers = workers
        self._lock = threading.Lock()

    def mask(self, condition: str) -> Mask:
        """Return which workers a condition is true for.

        Raises:
            FilterError: It is not one SQL condition out of permitted expressions, or fails on some worker.
        """
        if len(condition) > FILTER_LIMIT:
            raise FilterError(f"`filter` has {len(condition)} characters, the limit is {FILTER_LIMIT}")
        from duckdb import Error  # noqa: PLC0415 - see the docstring of the class

        with self._lock:  # a connection may serve one thread at a time
            self._check(condition)
            try:
                rows = self._connection.execute(_SELECT + condition).fetchall()
            except Error as error:
                raise FilterError(f"`filter` cannot be evaluated: {_first_line(str(error))}") from None
        mask = np.zeros(len(self._workers), dtype=np.bool_)
        mask[[int(row[0]) for row in rows]] = True
        return mask

    def _check(self, condition: str) -> None:
        """Raise a FilterError unless the statement is the usual one, with a condition of permitted expressions."""
        usual = self._parse(_SELECT + "true")
        _take_condition(usual)
        parsed = self._parse(_SELECT + condition)
        if parsed.get("error"):
            raise FilterError(f"`filter` is not valid SQL: {_first_line(str(parsed.get('error_message')))}")
        where = _take_condition(parsed)
        if where is None or parsed != usual:
            raise FilterError("`filter` is not a single SQL condition")
        for class_name, function in _expressions(where):
            if class_name not in _EXPRESSIONS and function not in _FUNCTIONS:
                raise FilterError(f"`filter` contains {function or class_name.lower()}, which is not permitted")

    def _parse(self, statement: str) -> dict[str, Any]:
        """Return DuckDB's own parse tree of a statement; what is not a SELECT has an error in its place."""
        from duckdb import Error  # noqa: PLC0415 - see the docstring of the class

        try:
            row = self._connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
            return orjson.loads(row[0] if row else "{}")
        except (Error, ValueError):  # nested too deeply for either
            raise FilterError("`filter` cannot be parsed") from None

    @cached_property
    def _connection(self) -> "DuckDBPyConnection":
        import duckdb  # noqa: PLC0415 - see the docstring of the class

        connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        connection.execute(
            "CREATE TABLE workers (position INTEGER, id VARCHAR, corpus VARCHAR, role VARCHAR, city VARCHAR,"
            " skills VARCHAR[], certificates VARCHAR[], available VARCHAR, years INTEGER)"
        )
        rows = [
            {"position": position, "id": one.id, "corpus": one.corpus, **one.metadata}
            for position, one in enumerate(self._workers)
        ]
        connection.execute(
            "INSERT INTO workers SELECT unnest(one, max_depth := 1) FROM (SELECT unnest(from_json(?::JSON, ?)) AS one)",
            [orjson.dumps(rows).decode(), _ROW_TYPE],
        )
        connection.execute("SET lock_configuration = true")
        return connection


_ROW_TYPE: Final = (
    '[{"position": "INTEGER", "id": "VARCHAR", "corpus": "VARCHAR", "role": "VARCHAR", "city": "VARCHAR",'
    ' "skills": ["VARCHAR"], "certificates": ["VARCHAR"], "available": "VARCHAR", "years": "INTEGER"}]'
)


def _take_condition(parsed: dict[str, Any]) -> object:
    """Take the condition out of a parse tree of one statement, and return it; None where there is none."""
    statements = parsed.get("statements") or [{}]
    return statements[0].get("node", {}).pop("where_clause", None)


def _expressions(node: object) -> Iterator[tuple[str, str]]:
    """Yield class and function name (else an empty text) of every expression in a part of a parse tree."""
    left: list[object] = [node]  # a condition may be nested more deeply than Python calls may be
    while left:
        one = left.pop()
        if isinstance(one, dict):
            fields = cast("dict[str, Any]", one)
            if "class" in fields:
                yield str(fields["class"]), str(fields.get("function_name") or "")
            left.extend(fields.values())
        elif isinstance(one, list):
            left.extend(cast("list[object]", one))


def _first_line(message: str) -> str:
    return message.partition("\n")[0][:SHOWN]


Test = Callable[[Any, Any], bool]

_LISTS: Final = frozenset({"skills", "certificates"})
_TEXTS: Final = frozenset({"id", "corpus", "role", "city", "available"})
_NUMBERS: Final = frozenset({"years"})
_FIELDS: Final = _LISTS | _TEXTS | _NUMBERS

_ORDER: Final[Mapping[str, Test]] = MappingProxyType(
    {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
)


def json_mask(condition: object, workers: Sequence[Worker]) -> Mask:
    """Return which workers meet every entry of a JSON object.

    An entry is `field: value` for equality, or `field: {operator: operand}` with `ne`, `in` (texts and numbers), `gt`,
    `gte`, `lt`, `lte` (years), `contains` (skills, certificates); several operators of one field must all hold.

    Raises:
        FilterError: It is not such an object.
    """
    if not isinstance(condition, dict):
        raise FilterError("`filter` is not a JSON object")
    tests = [test for field, wanted in cast("dict[str, object]", condition).items() for test in _tests(field, wanted)]
    met = (all(test(_value(worker, field), operand) for field, test, operand in tests) for worker in workers)
    return np.fromiter(met, dtype=np.bool_, count=len(workers))


def _value(worker: Worker, field: str) -> Any:
    return getattr(worker, field)


def _tests(field: str, wanted: object) -> Iterator[tuple[str, Test, Any]]:
    if field not in _FIELDS:
        raise FilterError(f"`filter` names an unknown field; there are {', '.join(sorted(_FIELDS))}")
    if not isinstance(wanted, dict):
        wanted = {"contains" if field in _LISTS else "eq": wanted}
    for name, operand in cast("dict[str, object]", wanted).items():
        yield field, _test(field, name, operand), operand


def _test(field: str, name: str, operand: object) -> Test:
    """Return the function of an operator that fits field and operand, or raise a FilterError."""
    if field in _LISTS and name == "contains" and isinstance(operand, str):
        return operator.contains
    if field in _NUMBERS and name in _ORDER and _is_number(operand):
        return _ORDER[name]
    if field not in _LISTS and name in {"eq", "ne"} and _fits(field, operand):
        return operator.eq if name == "eq" else operator.ne
    if field not in _LISTS and name == "in" and _all_fit(field, operand):
        return _is_one_of
    raise FilterError(f"`filter.{field}` has an operator or a value that does not fit the field")


def _is_one_of(value: object, operand: Sequence[object]) -> bool:
    return value in operand


def _all_fit(field: str, operand: object) -> bool:
    return isinstance(operand, list) and all(_fits(field, one) for one in cast("list[object]", operand))


def _fits(field: str, operand: object) -> bool:
    return _is_number(operand) if field in _NUMBERS else isinstance(operand, str)


def _is_number(operand: object) -> bool:
    return isinstance(operand, int | float) and not isinstance(operand, bool)
