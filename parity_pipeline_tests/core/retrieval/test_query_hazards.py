import json
import re
from pathlib import Path

import pytest

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.retrieval.hazards import (
    BAD_FILTER,
    CATEGORIES,
    NOTHING_FILTER,
    PARAPHRASE,
    UNKNOWN_CORPUS,
    hazard_queries,
)
from parity_pipeline.core.retrieval.query_set import QueryCount, unique_queries
from parity_pipeline.core.retrieval.records import Query


def _hazards(*names: str, filters: tuple[str, ...] = (NOTHING_FILTER,)) -> list[Query]:
    return [one.query for one in hazard_queries(names or ("all",), k=10, filters=filters)]


def test_every_category_has_queries_and_a_line_of_documentation() -> None:
    """No category is empty, and each says what it exercises."""
    assert list(dict.fromkeys(one.category for one in _hazards())) == list(CATEGORIES)
    assert all(len(text) > 20 for text in CATEGORIES.values())


def test_the_documentation_lists_every_category() -> None:
    """The table of docs/query-sets.md has the categories of the code, in their order and their words."""
    text = (Path(__file__).parents[3] / "docs" / "query-sets.md").read_text("utf-8")
    assert "\n".join(f"| `{name}` | {what} |" for name, what in CATEGORIES.items()) in text


def test_the_shipped_queries_spell_the_categories_of_hazards_alike() -> None:
    """No category of the shipped queries differs from one of the hazards in spaces alone: a report would list both."""
    lines = (Path(__file__).parents[3] / "data" / "samples" / "queries.jsonl").read_text("utf-8").splitlines()
    shipped = {json.loads(line)["category"] for line in lines}
    assert {"k-1", "k-100"} <= shipped
    assert {one for one in shipped if one.replace(" ", "-") in CATEGORIES} <= set(CATEGORIES)


def test_ids_are_stable_words_and_none_comes_twice() -> None:
    """A waiver names a hazard by an id that says what it is."""
    found = _hazards()
    assert all(re.fullmatch(r"hazard/[a-z0-9-]+/[a-z0-9-]+", one.id) for one in found)
    count = QueryCount()
    assert len(list(unique_queries(hazard_queries(k=10, filters=("nothing",)), count))) == len(found)
    assert count.duplicates == 0


def test_paraphrases_share_no_word() -> None:
    """A search by words finds other documents for the two of a pair; nothing but meaning connects them."""
    texts = {one.id.removeprefix(f"hazard/{PARAPHRASE}/"): one.text for one in _hazards(PARAPHRASE)}
    pairs = {name[:-2] for name in texts}
    assert len(texts) == 2 * len(pairs) >= 10
    for pair in pairs:
        first, second = (set(re.findall(r"\w+", texts[f"{pair}-{n}"].lower())) for n in (1, 2))
        assert not first & second, pair
        assert not {word[:5] for word in first if len(word) > 4} & {word[:5] for word in second if len(word) > 4}, pair


@pytest.mark.parametrize(("category", "k"), [("k-1", 1), ("k-10", 10), ("k-100", 100), ("beyond-corpus", 10_000)])
def test_categories_of_k_request_so_many(category: str, k: int) -> None:
    """They do whatever the settings say; all others go by the settings."""
    assert {one.k for one in _hazards(category)} == {k}
    assert {one.k for one in _hazards() if one.category not in {"k-1", "k-100", "beyond-corpus"}} == {10}


def test_an_empty_result_needs_a_filter_of_the_settings() -> None:
    """A filter that matches nothing is spelled per side: without one, a side would refuse it and fail the set."""
    assert [one.filter for one in _hazards("empty-result")] == [NOTHING_FILTER]
    assert _hazards("empty-result", filters=("oslo",)) == []


def test_the_rest_is_as_its_category_says() -> None:
    """Bad filters, unknown corpora, blanks and over-long queries are what they are called."""
    assert {one.filter for one in _hazards("bad-filter")} == {BAD_FILTER}
    assert {one.corpora for one in _hazards("unknown-corpus")} == {(UNKNOWN_CORPUS,)}
    assert not any(one.text.strip(" \n\u00a0\u200b") for one in _hazards("blank"))
    assert min(len(one.text) for one in _hazards("over-long")) > 4_000
    assert {len(one.text) for one in _hazards("one-letter")} == {1}
    assert {one.filter for one in _hazards("plain", "scripts", "quotes", "stop-words")} == {None}


@pytest.mark.parametrize(("names", "says"), [((), "no category"), (("plain", "plane"), "'plane'")])
def test_a_category_that_is_unknown_is_refused(names: tuple[str, ...], says: str) -> None:
    """A misspelt category is never an empty one."""
    with pytest.raises(SampleSourceError, match=says) as caught:
        list(hazard_queries(names, k=10))
    assert "paraphrase" in caught.value.remedy
