import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from parity_pipeline.demo.corpus import CORPORA, INDEXES, REGISTERED_TWICE, workers
from parity_pipeline.demo.retrieval_faults import DEMO_SEED, is_mixed_up
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline_tests.demo.support import embedder

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
DIGEST = "a025d6d20b5e0d50"
"""Of all workers, as they were when the labels were written."""


def demo_queries() -> list[dict[str, Any]]:
    """Return the queries of the demo."""
    return [json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text("utf-8").splitlines()]


def test_the_corpus_is_the_same_on_every_machine() -> None:
    """Ids, texts and metadata of all workers are those that were generated first."""
    written = json.dumps([[one.id, one.corpus, one.text, one.metadata] for one in workers()])
    assert hashlib.sha256(written.encode()).hexdigest()[:16] == DIGEST


def test_corpora_have_their_sizes_and_no_id_twice() -> None:
    """There are 1,400 members of staff and 600 contractors, and the legacy's index of everyone covers both."""
    assert Counter(one.corpus for one in workers()) == CORPORA == {"staff": 1_400, "contractors": 600}
    assert len({one.id for one in workers()}) == 2_000
    assert INDEXES["everyone"] == ("staff", "contractors")


def test_some_workers_are_registered_twice() -> None:
    """Sixty workers have the text of another one, within a corpus and across both, so that rankings have ties."""
    corpora: dict[str, list[str]] = {}
    for one in workers():
        corpora.setdefault(one.text, []).append(one.corpus)
    repeated = [found for found in corpora.values() if len(found) > 1]
    assert sum(len(found) - 1 for found in repeated) == REGISTERED_TWICE
    assert {len(set(found)) for found in repeated} == {1, 2}


def relevant_ids(role: str, city: str, corpus: str) -> tuple[str, ...]:
    """Return the ids of a corpus that a query for a role in a city asks for, in the order of their rows.

    The labels in `data/samples/qrels.txt` are these, written down: they follow from what the generator made, not from any
    ranking.
    """
    return tuple(one.id for one in workers() if (one.role, one.city, one.corpus) == (role, city, corpus))


def test_labels_follow_from_the_generator() -> None:
    """The label file holds the staff of role and city of each labelled query, and nothing else."""
    labelled = [query for query in demo_queries() if query["category"] == "role and city"]
    expected = [
        f"{query['id']} 0 {document} 1"
        for query in labelled
        for document in relevant_ids(*query["text"].split(" in "), *query["corpora"])
    ]
    assert len(labelled) == 10
    assert (SAMPLES / "qrels.txt").read_text("utf-8").splitlines() == expected


def test_paraphrases_share_no_word_with_any_worker() -> None:
    """A search by words finds nothing for a paraphrase."""
    known = {word for one in workers() for word in re.findall(r"\w+", one.text.casefold())}
    texts = [query["text"] for query in demo_queries() if query["category"] == "paraphrase"]
    assert len(texts) == 6
    assert not [text for text in texts if known & set(re.findall(r"\w+", text.casefold()))]


def test_queries_exercise_what_the_probe_compares() -> None:
    """The demo's queries are unique, ask for 1, 10 and 100 results, filter, and name one corpus, both or none."""
    queries = demo_queries()
    assert len({query["id"] for query in queries}) == len(queries) >= 40
    assert {query.get("k", 10) for query in queries} == {1, 10, 100}
    assert {len(query.get("corpora", ())) for query in queries} == {0, 1, 2}
    assert {query["filter"] for query in queries if "filter" in query} == {
        *("oslo", "experienced", "packing", "oslo_or_bergen"),
    }


def test_the_demo_shows_the_query_that_is_mixed_up() -> None:
    """With the seed of `parity demo --fault`, one of the demo's queries is the one in 200."""
    texts = [query["text"] for query in demo_queries()]
    hit = [is_mixed_up(vector, DEMO_SEED) for vector in embedder().embed(MODEL, texts)]
    assert sum(hit) == 1
