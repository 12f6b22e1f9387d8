from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_pipeline.demo.corpus import Worker, workers
from parity_pipeline.demo.worker_filters import FILTER_LIMIT, FilterError, SqlFilters, json_mask

Condition = Callable[[Worker], bool]

ALIKE: list[tuple[str, Any, Condition]] = [
    ("city = 'Oslo'", {"city": "Oslo"}, lambda one: one.city == "Oslo"),
    ("city <> 'Tromsø'", {"city": {"ne": "Tromsø"}}, lambda one: one.city != "Tromsø"),
    ("city IN ('Oslo', 'Bergen')", {"city": {"in": ["Oslo", "Bergen"]}}, lambda one: one.city in {"Oslo", "Bergen"}),
    ("years >= 10", {"years": {"gte": 10}}, lambda one: one.years >= 10),
    ("years BETWEEN 3 AND 5", {"years": {"gte": 3, "lte": 5}}, lambda one: 3 <= one.years <= 5),
    ("years > 3 AND years < 4.5", {"years": {"gt": 3, "lt": 4.5}}, lambda one: one.years == 4),
    ("years IN (1, 2)", {"years": {"in": [1, 2]}}, lambda one: one.years in {1, 2}),
    ("list_contains(skills, 'packing')", {"skills": {"contains": "packing"}}, lambda one: "packing" in one.skills),
    ("'first aid' IN certificates", {"certificates": "first aid"}, lambda one: "first aid" in one.certificates),
    (
        "role = 'welder' AND available = 'next month' AND corpus = 'staff'",
        {"role": "welder", "available": "next month", "corpus": "staff"},
        lambda one: (one.role, one.available, one.corpus) == ("welder", "next month", "staff"),
    ),
    ("city = 'Atlantis'", {"city": "Atlantis"}, lambda _: False),
    ("true", {}, lambda _: True),
]


@cache
def filters() -> SqlFilters:
    """Return the SQL filters over all workers; one DuckDB for all tests."""
    return SqlFilters(workers())


@pytest.mark.parametrize(("sql", "condition", "expected"), ALIKE, ids=[sql for sql, _, _ in ALIKE])
def test_both_languages_select_what_python_does(sql: str, condition: Any, expected: Condition) -> None:
    """A filter in SQL and its spelling in JSON let exactly the workers through that the same condition in Python does."""
    wanted = np.array([expected(worker) for worker in workers()])
    assert np.array_equal(filters().mask(sql), wanted)
    assert np.array_equal(json_mask(condition, workers()), wanted)


MORE: list[tuple[str, Condition]] = [
    ("city ILIKE '%os%' OR NOT years < 29", lambda one: "os" in one.city.lower() or one.years >= 29),
    ("upper(role) LIKE 'WELD%'", lambda one: one.role == "welder"),
    ("len(certificates) = 0", lambda one: not one.certificates),
    ("years::VARCHAR = '7' -- a comment", lambda one: one.years == 7),
    ("years", lambda one: one.years != 0),
]


@pytest.mark.parametrize(("sql", "expected"), MORE)
def test_sql_may_say_more(sql: str, expected: Condition) -> None:
    """Patterns, functions of texts and lists, casts and comments are permitted, as in the condition of any query."""
    assert np.array_equal(filters().mask(sql), np.array([expected(worker) for worker in workers()]))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "not valid SQL"),
        ("city =", "not valid SQL"),
        (")((' AND", "not valid SQL"),
        ("true) OR (true", "not valid SQL"),
        ("true; DROP TABLE workers", "not valid SQL"),
        ("true; SELECT 1", "not a single SQL condition"),
        ("false UNION SELECT 5", "not a single SQL condition"),
        ("true LIMIT 1", "not a single SQL condition"),
        ("true ORDER BY years", "not a single SQL condition"),
        ("true GROUP BY position HAVING true", "not a single SQL condition"),
        ("true QUALIFY true", "not a single SQL condition"),
        ("id IN (SELECT id FROM workers)", "subquery, which is not permitted"),
        ("EXISTS (SELECT 1 FROM read_text('/etc/hostname'))", "not permitted"),
        ("id = (SELECT content FROM '/etc/hostname')", "not permitted"),
        ("read_csv('/etc/hostname') = 'x'", "read_csv, which is not permitted"),
        ("getenv('HOME') = 'x'", "getenv, which is not permitted"),
        ("repeat('a', 1000000000) = 'a'", "repeat, which is not permitted"),
        ("current_setting('threads') = '1'", "current_setting, which is not permitted"),
        ("row_number() OVER () = 1", "not permitted"),
        ("years = ?", "not a single SQL condition"),
        ("current_date IN (SELECT 1 WHERE " + "NOT " * 400 + "true)", "`filter`"),
        ("COLUMNS(*) IS NULL", "not permitted"),
        ("city = 3", "cannot be evaluated"),
        ("salary > 3", "cannot be evaluated"),
        ("'x'", "cannot be evaluated"),
        ("city = '" + "x" * FILTER_LIMIT + "'", "the limit is"),
    ],
)
def test_what_is_not_a_condition_is_refused(sql: str, words: str) -> None:
    """Other statements, further clauses, subqueries, files, settings and what fails are refused with a reason of one line."""
    with pytest.raises(FilterError) as refused:
        filters().mask(sql)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(filters().mask("true")) == int(filters().mask("true").sum()) == 2_000


def test_the_database_itself_reaches_no_file(tmp_path: Path) -> None:
    """Even a statement that passed the check could not read or write a file, nor unlock the configuration."""
    import duckdb

    connection = filters()._connection
    target = tmp_path / "x.csv"
    for statement in (
        f"COPY workers TO '{target}'",
        f"FROM read_text('{__file__}')",
        f"ATTACH '{tmp_path / 'x.db'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
    assert list(tmp_path.iterdir()) == []


def test_sql_filters_may_be_used_from_several_threads() -> None:
    """Threads that filter at the same time get the workers of their own condition."""
    fresh = SqlFilters(workers())
    with ThreadPoolExecutor(4) as pool:
        masks = list(pool.map(fresh.mask, [f"years = {year}" for year in range(31)]))
    assert [int(mask.sum()) for mask in masks] == [sum(one.years == year for one in workers()) for year in range(31)]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("city = 'Oslo'", "not a JSON object"),
        ([], "not a JSON object"),
        ({"salary": 3}, "unknown field"),
        ({"text": "a"}, "unknown field"),
        ({"city": 3}, "filter.city"),
        ({"city": None}, "filter.city"),
        ({"city": {"gte": "A"}}, "filter.city"),
        ({"city": {"in": "Oslo"}}, "filter.city"),
        ({"city": {"in": ["Oslo", 3]}}, "filter.city"),
        ({"years": "3"}, "filter.years"),
        ({"years": True}, "filter.years"),
        ({"years": {"near": 3}}, "filter.years"),
        ({"skills": ["packing"]}, "filter.skills"),
        ({"skills": {"eq": "packing"}}, "filter.skills"),
    ],
)
def test_what_is_not_a_json_filter_is_refused(condition: Any, words: str) -> None:
    """Another type, an unknown field or operator, and a value that does not fit its field are refused."""
    with pytest.raises(FilterError, match=words):
        json_mask(condition, workers())
