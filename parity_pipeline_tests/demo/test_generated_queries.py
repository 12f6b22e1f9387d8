"""Generated queries: the same for a seed, of every kind, and paraphrases that share no word with any document."""

import json
import re
from collections import Counter
from pathlib import Path

import yaml

from parity_pipeline.core.retrieval.hazards import PARAPHRASE
from parity_pipeline.demo.corpus import CORPORA, workers
from parity_pipeline.demo.demo_settings import SECTION
from parity_pipeline.demo.generated_queries import FILTERS, SHARES, generated_queries, write_queries

SHIPPED = Path(__file__).parents[2] / "parity.yaml"


def words(text: str) -> set[str]:
    """Return the words of a text as a lexical index takes them."""
    return set(re.findall(r"\w+", text.casefold()))


def test_a_seed_decides_all_and_ids_are_unique() -> None:
    """The same seed gives the same queries, another one others, and no id or request occurs twice."""
    queries = generated_queries(7)
    assert queries == generated_queries(7)
    assert {one.text for one in queries} != {one.text for one in generated_queries(8)}
    assert len({one.id for one in queries}) == len(queries) > 270
    assert len({(one.text, one.k, one.filter, one.corpora) for one in queries}) == len(queries)


def test_every_kind_is_there() -> None:
    """All kinds, filters, corpora and numbers of results occur, and filtered queries have a twin without the filter."""
    queries = generated_queries(7)
    assert set(Counter(one.category for one in queries)) == set(SHARES)
    assert {one.filter for one in queries} == {None, *FILTERS}
    assert {one.k for one in queries} == {1, 10, 100}
    assert {one.corpora for one in queries} == {(), *((name,) for name in CORPORA)}
    plain = {(one.text, one.k) for one in queries if one.filter is None}
    assert all((one.text, one.k) in plain for one in queries if one.filter is not None)


def test_paraphrases_share_no_word_with_any_document() -> None:
    """A search by words finds nothing for a paraphrase."""
    known = set[str]().union(*(words(one.text) for one in workers()))
    for seed in range(20):
        for query in generated_queries(seed):
            if query.category == PARAPHRASE:
                assert not words(query.text) & known, query.text


def test_written_queries_have_every_field(tmp_path: Path) -> None:
    """A file of queries holds one JSON object per line, with what a query names and nothing else."""
    queries = generated_queries(7, 40)
    write_queries(tmp_path / "new" / "queries.jsonl", queries)
    lines = [json.loads(line) for line in (tmp_path / "new" / "queries.jsonl").read_text("ascii").splitlines()]
    assert [one["text"] for one in lines] == [one.text for one in queries]
    assert [one.get("filter") for one in lines] == [one.filter for one in queries]
    assert [tuple(one.get("corpora", ())) for one in lines] == [one.corpora for one in queries]


def test_the_section_of_the_demo_is_the_shipped_one() -> None:
    """`parity.yaml` asks the demo's gateways as runs with a fault do, but for its own queries and labels."""
    shipped = yaml.safe_load(SHIPPED.read_text("utf-8"))["retrieve"]
    assert {name: value for name, value in shipped.items() if name not in {"queries", "qrels"}} == dict(SECTION)
