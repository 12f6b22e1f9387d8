import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.demo.__main__ import main
from parity_pipeline.demo.corpus import CORPORA, workers
from parity_pipeline.demo.demo_settings import demo_sides
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline.demo.gateway import CANDIDATE
from parity_pipeline.demo.retrieval_faults import (
    OTHER_QUERY,
    RETRIEVAL_FAULTS,
    chosen_retrieval_faults,
    is_mixed_up,
)
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline_tests.demo.retrieval_support import ask_candidate, candidate, queries, vectors
from parity_pipeline_tests.demo.support import ask

Results = list[dict[str, Any]]

QUERY = "forklift operator in Oslo"
OSLO = {"city": "Oslo"}
NAMES = [fault.name for fault in RETRIEVAL_FAULTS]

ORDINARY = queries(12)
"""Queries that no mix-up hits."""


def results(text: str, faults: str = "", **more: Any) -> Results:
    """Return the results of a candidate with the faults named."""
    return ask_candidate(text, app=candidate(faults), **more).json()["results"]


def pairs(found: Results) -> list[tuple[str, float]]:
    """Return id and distance of each result."""
    return [(one["id"], one["distance"]) for one in found]


def overlap(one: Results, two: Results) -> float:
    """Return the share of the first list's ids that are in the second one."""
    return len({hit["id"] for hit in one} & {hit["id"] for hit in two}) / len(one)


def same(fault: str, **more: Any) -> bool:
    """Return whether a candidate with a fault responds to ordinary queries as the one without, byte by byte."""
    said = [[ask_candidate(text, app=candidate(faults), **more).content for faults in (fault, "")] for text in ORDINARY]
    return all(one == two for one, two in said)


def test_names_are_unique_in_both_tables() -> None:
    """No two faults share a name, be they of embeddings or of retrieval, and each says what it does and its case."""
    names = [*NAMES, *(fault.name for fault in FAULTS)]
    assert len(names) == len(set(names))
    assert all(fault.says and 0 <= fault.case <= 34 for fault in RETRIEVAL_FAULTS)
    for fault in RETRIEVAL_FAULTS:
        functions = [one for one in (fault.search, fault.query, fault.hits, fault.indexed) if one]
        cases = {case for one in functions for case in re.findall(r"case (\d+)", one.__doc__ or "")}
        assert functions or fault.metric or fault.lexical or fault.late_filter
        assert not functions or cases == ({str(fault.case)} if fault.case else set())


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_changes_no_refusal_and_no_embedding(name: str) -> None:
    """With any fault, bad requests are refused as before, in the same words, and `/v1/embed` responds as before."""
    for body in (
        {"query_text": " ", "corpora": ["staff"]},
        {"query_text": QUERY, "corpora": ["nobody"]},
        {"query_text": QUERY, "corpora": ["staff"], "k": 0},
        {"query_text": QUERY, "corpora": ["staff"], "filter": "city"},
    ):
        said = [ask(app, "POST", CANDIDATE.retrieve_path, json=body) for app in (candidate(name), candidate())]
        assert said[0].status_code == said[1].status_code >= 400
        assert said[0].content == said[1].content
    texts = {"texts": [QUERY, "a"]}
    one, two = (ask(app, "POST", CANDIDATE.path, json=texts).content for app in (candidate(name), candidate()))
    assert one == two


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_keeps_the_form_of_a_response(name: str) -> None:
    """Each result has an id, a distance, a corpus and metadata, the nearest first, and only one fault reports a mode."""
    body = ask_candidate(QUERY, app=candidate(name)).json()
    assert body.get("mode", "") == ("lexical" if name == "lexical-fallback-reported" else "")
    assert [list(one) for one in body["results"]] == [["id", "distance", "corpus", "metadata"]] * len(body["results"])
    distances = [one["distance"] for one in body["results"]]
    assert all(two - one > -1e-6 for one, two in itertools.pairwise(distances))


@pytest.mark.parametrize("name", ["lexical-fallback", "lexical-fallback-reported"])
def test_lexical_fallback_matches_words(name: str) -> None:
    """A worker that shares a word is found, one that does not is not; a vector has no words, so its search is as before."""
    assert results("programmer", name) == []
    assert len(results("programmer")) == 10
    assert "Tromsø" in {one["metadata"]["city"] for one in results("Tromsø", name)}
    assert overlap(results(QUERY), results(QUERY, name)) < 1
    vector = vectors().embed(MODEL, [QUERY])[0].tolist()
    body = {"query_vector": vector, "corpora": list(CORPORA)}
    found = ask(candidate(name), "POST", CANDIDATE.retrieve_path, json=body).json()["results"]
    assert [one["id"] for one in found] == [one["id"] for one in results(QUERY)]


def test_lexical_fallback_filters_as_before() -> None:
    """The filter still holds."""
    assert {one["metadata"]["city"] for one in results("forklift", "lexical-fallback", filter=OSLO)} == {"Oslo"}


def test_dropped_corpus_leaves_out_the_last_of_several() -> None:
    """Of two corpora only the first one is searched; a search of one corpus is as before."""
    assert pairs(results(QUERY, "dropped-corpus")) == pairs(results(QUERY, corpora=["staff"]))
    assert all(same("dropped-corpus", corpora=[name]) for name in CORPORA)


@pytest.mark.parametrize(("name", "metric"), [("wrong-metric", "ip"), ("wrong-metric-l2", "l2sq")])
def test_wrong_metric_ranks_raw_vectors(name: str, metric: str) -> None:
    """Distances are those of the other metric over raw vectors, and the lists differ from those by cosine."""
    raw = {worker.id: vectors().embed(MODEL, [worker.text])[0] for worker in workers()}
    query = vectors().embed(MODEL, [QUERY])[0]
    for one in results(QUERY, name):
        vector = raw[one["id"]]
        expected = 1 - float(vector @ query) if metric == "ip" else float(((vector - query) ** 2).sum())
        assert one["distance"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert np.mean([overlap(results(text), results(text, name)) for text in ORDINARY]) < 0.95


def test_stale_index_lacks_the_newest() -> None:
    """The tenth of each corpus that was registered last is never found; the others are, at the same distances."""
    missing = {worker.id for worker in (*workers()[1260:1400], *workers()[1940:])}
    found = {one["id"]: one["distance"] for one in results(QUERY, "stale-index", k=1000)}
    assert not missing & set(found)
    clean = {one["id"]: one["distance"] for one in results(QUERY, k=500)}
    shared = set(clean) & set(found)
    assert len(shared) > 400
    assert all(clean[one] == pytest.approx(found[one], abs=1e-6) for one in shared)
    assert missing & set(clean)


def test_stale_vectors_have_old_distances_of_some() -> None:
    """A quarter of each corpus is found at the distance of an older text, with metadata of today; the others as before."""
    outdated = {worker.id for worker in (*workers()[:350], *workers()[1400:1550])}
    clean = {one["id"]: one for one in results(QUERY, k=1000, corpora=["contractors"])}
    changed = {
        one["id"]
        for one in results(QUERY, "stale-vectors", k=1000, corpora=["contractors"])
        if abs(one["distance"] - clean[one["id"]]["distance"]) > 1e-6
    }
    assert changed <= outdated
    assert len(changed) > 140
    by_id = {worker.id: worker for worker in workers()}
    assert all(one["metadata"]["city"] == by_id[one["id"]].city for one in results(QUERY, "stale-vectors"))


def test_shuffled_ties_change_the_order_of_equal_distances_alone() -> None:
    """The distances of a list stay; ids change places, or are replaced at the cut, only where distances are equal."""
    text = next(text for text, times in Counter(one.text for one in workers()).items() if times > 1)
    clean = results(text, k=100)
    orders: set[tuple[str, ...]] = set()
    for _ in range(6):
        shuffled = results(text, "shuffled-ties", k=100)
        assert [one["distance"] for one in shuffled] == pytest.approx([one["distance"] for one in clean], abs=1e-5)
        orders.add(tuple(one["id"] for one in shuffled[:2]))
    assert len(orders) == 2
    assert len({frozenset(order) for order in orders}) == 1


@pytest.mark.parametrize("k", [1, 10, 100])
def test_off_by_one_k_returns_one_more_or_less(k: int) -> None:
    """The list is the usual one without its last result, or with another one behind it."""
    clean = pairs(results(QUERY, k=k))
    assert pairs(results(QUERY, "off-by-one-k", k=k)) == clean[: k - 1]
    longer = pairs(results(QUERY, "one-too-many", k=k))
    assert len(longer) == k + 1


def test_filter_ignored_returns_the_unfiltered_list() -> None:
    """A filtered query gets the list without its filter; others are as before."""
    assert pairs(results(QUERY, "filter-ignored", filter=OSLO)) == pairs(results(QUERY))
    assert same("filter-ignored")


def test_filter_after_top_k_returns_what_is_left() -> None:
    """A filtered query gets those of the unfiltered list that pass; others are as before."""
    left = [one for one in results(QUERY, k=50) if one["metadata"]["city"] == "Oslo"]
    assert 0 < len(left) < len(results(QUERY, k=50, filter=OSLO))
    assert pairs(results(QUERY, "filter-after-top-k", k=50, filter=OSLO)) == pairs(left)
    assert same("filter-after-top-k")


def test_duplicates_come_from_a_merge_alone() -> None:
    """Some workers come once for each corpus, at the same distance; a search of one corpus is as before."""
    found = results(QUERY, "duplicates-across-corpora")
    assert len(found) == 10 > len({one["id"] for one in found})
    assert len({(one["id"], one["corpus"]) for one in found}) == 10
    once = list(dict.fromkeys(pairs(found)))
    assert once == pairs(results(QUERY))[: len(once)]
    assert all(same("duplicates-across-corpora", corpora=[name]) for name in CORPORA)


@pytest.mark.parametrize("name", ["wrong-id-mapping", "qualified-ids"])
def test_wrong_ids_change_ids_alone(name: str) -> None:
    """Distances, corpora and metadata are as before; the ids are those of the next workers, or spelled with the corpus."""
    clean, found = results(QUERY), results(QUERY, name)
    ids = [worker.id for worker in workers()]
    for one, other in zip(clean, found, strict=True):
        nearby = ids[(ids.index(one["id"]) + 1) % len(ids)]
        assert other["id"] == (nearby if name == "wrong-id-mapping" else f"{one['corpus']}/{one['id']}")
        assert {**other, "id": ""} == {**one, "id": ""}


def test_scores_rescaled_halves_distances_alone() -> None:
    """Order and ids are as before, and each distance is half."""
    expected = [(one, distance / 2) for one, distance in pairs(results(QUERY))]
    assert pairs(results(QUERY, "scores-rescaled")) == expected


def test_other_embedding_is_of_texts_alone() -> None:
    """A text finds other workers, and its own model's vector finds the right ones."""
    assert np.mean([overlap(results(text), results(text, "other-embedding")) for text in ORDINARY]) < 0.8
    body = {"query_vector": vectors().embed(MODEL, [QUERY])[0].tolist(), "corpora": list(CORPORA)}
    found = ask(candidate("other-embedding"), "POST", CANDIDATE.retrieve_path, json=body).json()["results"]
    assert [one["id"] for one in found] == [one["id"] for one in results(QUERY)]


def test_one_query_in_200_is_mixed_up() -> None:
    """About one query in 200 gets the results of a certain other one, by text and by vector; the others are as before."""
    texts = queries(1000)
    embedded = vectors().embed(MODEL, texts)
    hit = [text for text, vector in zip(texts, embedded, strict=True) if is_mixed_up(vector, 20)]
    assert 1 <= len(hit) <= 15
    assert pairs(results(hit[0], "one-query-in-200")) == pairs(results(OTHER_QUERY))
    vector = vectors().embed(MODEL, hit[:1])[0] * np.float32(0.37)
    body = {"query_vector": vector.tolist(), "corpora": list(CORPORA)}
    found = ask(candidate("one-query-in-200"), "POST", CANDIDATE.retrieve_path, json=body).json()["results"]
    assert pairs(found) == pairs(results(OTHER_QUERY))
    assert not set(ORDINARY) & set(hit)
    assert same("one-query-in-200")


def test_faults_can_be_combined() -> None:
    """Several faults of different stages all show."""
    found = results(QUERY, "dropped-corpus,off-by-one-k,scores-rescaled")
    expected = [(one, distance / 2) for one, distance in pairs(results(QUERY, corpora=["staff"]))[:9]]
    assert pairs(found) == expected


def test_an_unknown_fault_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not in the table ends the process with exit code 2 and the list of names."""
    with pytest.raises(ValueError, match="unknown retrieval fault 'nonsense'; there are lexical-fallback,"):
        chosen_retrieval_faults("dropped-corpus,nonsense")
    assert chosen_retrieval_faults("") == ()
    with pytest.raises(SystemExit) as ended:
        main(["candidate", "--port", "1", "--retrieval-fault", "nonsense"])
    assert ended.value.code == 2
    assert "unknown retrieval fault" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "services"),
    [
        ("noise", ["demo-candidate", "fault-proxy"]),
        ("dropped-corpus", ["demo-candidate"]),
        ("noise,dropped-corpus,off-by-one-k,permute", ["demo-candidate", "fault-proxy"]),
    ],
)
def test_sides_put_each_fault_where_it_belongs(fault: str, services: list[str]) -> None:
    """Faults of embeddings run in a proxy, those of retrieval in the candidate, whose address the side has then."""
    side = demo_sides(fault, ["one", "two"])["candidate"]
    assert [one["name"] for one in side["services"]] == services
    commands = {one["name"]: one["command"] for one in side["services"]}
    retrieval = [name for name in fault.split(",") if name in NAMES]
    given = commands["demo-candidate"]
    assert ("--retrieval-fault" in given) == bool(retrieval)
    assert not retrieval or given[given.index("--retrieval-fault") + 1] == ",".join(retrieval)
    if "fault-proxy" in commands:
        proxy = commands["fault-proxy"]
        assert set(proxy[proxy.index("--fault") + 1].split(",")).isdisjoint(NAMES)
    front = commands[services[-1]]
    assert side["base_url"].endswith(f":{front[front.index('--port') + 1]}")


def test_a_fault_of_neither_table_is_refused() -> None:
    """A name in neither table is refused, and both tables are listed."""
    with pytest.raises(SettingsError, match="there is no fault 'nonsense'") as refused:
        demo_sides("dropped-corpus,nonsense", [])
    assert "noise" in str(refused.value)
    assert "wrong-id-mapping" in str(refused.value)
