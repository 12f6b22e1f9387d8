import itertools
import json
import unicodedata

import numpy as np
import pytest

from parity_pipeline.demo.fault_effects import BATCH_CAP, COALESCED_COSINE, CONTEXT_WORDS, LARGE_BATCH, LONG_TEXT
from parity_pipeline.demo.fault_scope import Call, Row, Rows, Scope
from parity_pipeline.demo.fault_table import FAULTS, NOT_FAKED, Fault, chosen
from parity_pipeline.demo.retrieval_faults import RETRIEVAL_FAULTS

TEXTS = ["alpha", "Bravo!", "  ", "déjà\nvu ", "echo"]
BY_NAME = {fault.name: fault for fault in FAULTS}


def rows_for(texts: list[str], width: int = 16) -> Rows:
    """Return distinct vectors, one per text."""
    return np.random.default_rng(5).standard_normal((len(texts), width)).tolist()


def call_of(texts: list[str], scope: Scope | None = None, **more: object) -> Call:
    """Return a call in which every text came once before and nothing else is going on."""
    scope = scope or Scope()
    return Call(texts=texts, hits=scope.hits(texts), scope=scope, seen=[0] * len(texts), **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def apply_fault(name: str, texts: list[str], scope: Scope | None = None, **more: object) -> tuple[Rows, Rows]:
    """Return the true rows and what the fault makes of them."""
    fault, rows = BY_NAME[name], rows_for(texts)
    kept = json.dumps(rows)
    assert fault.rows
    faulty = fault.rows(rows, call_of(texts, scope, **more))
    assert json.dumps(rows) == kept, "a fault may not change what it was given"
    return rows, faulty


def cosine(one: Row, two: Row) -> float:
    """Return the cosine similarity of two rows."""
    return float(np.dot(one, two) / (np.linalg.norm(one) * np.linalg.norm(two)))


def test_names_are_unique_and_cases_are_documented_ones() -> None:
    """The table names each fault once, and each case is one of the 34 or none."""
    assert len(BY_NAME) == len(FAULTS)
    assert all(0 <= fault.case <= 34 for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_does_something_and_says_its_case(fault: Fault) -> None:
    """Each row has a function, and the docstring of each function names the row's case."""
    functions = [one for one in (fault.model, fault.text, fault.rows, fault.reply) if one]
    assert functions
    for one in functions:
        assert fault.case == 0 or f"case {fault.case}" in (one.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "cosines"),
    [("noise", 0.99), ("unsteady", 0.99), ("int8", 0.9999), ("raw-norm", 1.0), ("unit-norm", 1.0)],
)
def test_direction_left_by_a_fault(name: str, cosines: float) -> None:
    """Noise leaves a cosine of 0.99, rounding to int8 nearly 1, and a norm does not change the direction."""
    rows, faulty = apply_fault(name, TEXTS)
    assert [cosine(one, two) for one, two in zip(rows, faulty, strict=True)] == pytest.approx([cosines] * 5, abs=2e-4)
    assert rows != faulty


def test_noise_depends_on_seed_and_text_alone() -> None:
    """The same text gets the same noise in another batch, and another one with another seed."""
    row = rows_for(["x"])[0]
    function = BY_NAME["noise"].rows
    assert function
    first = function([row, row], call_of(["a", "b"]))
    assert function([row], call_of(["b"])) == [first[1]]
    assert first[0] != first[1]
    assert function([row], call_of(["b"], Scope(seed=1))) != [first[1]]


def test_unsteady_noise_differs_by_request() -> None:
    """The same text gets other noise in the next request."""
    assert apply_fault("unsteady", TEXTS)[1] != apply_fault("unsteady", TEXTS, requests=1)[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("permute", [1, 2, 3, 4, 0]),
        ("drop-row", [0, 1, 2, 3]),
        ("shift-after-blank", [0, 1, 3, 4, 4]),
        ("swap-under-load", [0, 1, 2, 3, 4]),
    ],
)
def test_rows_moved_by_a_fault(name: str, expected: list[int]) -> None:
    """Each position holds the vector of the text that the fault says."""
    rows, faulty = apply_fault(name, TEXTS)
    assert [rows.index(row) for row in faulty] == expected


@pytest.mark.parametrize(
    ("name", "texts", "more"),
    [
        ("swap-under-load", TEXTS, {"in_flight": 2}),
        ("large-batch", [str(number) for number in range(LARGE_BATCH)], {}),
        ("history", TEXTS, {"longest": LONG_TEXT}),
        ("zeros-under-load", TEXTS, {"in_flight": 2}),
        ("equal-lengths", ["one two", "3 4", "five 6"], {"in_flight": 2}),
        ("equal-lengths", ["one", "two words"], {"in_flight": 2, "beside": ["1", "2 3"]}),
    ],
)
def test_faults_that_wait_for_their_moment(name: str, texts: list[str], more: dict[str, int]) -> None:
    """A fault of load, size or history does nothing until then, and changes every row then."""
    rows, faulty = apply_fault(name, texts, None, **more)
    assert all(one != two for one, two in zip(rows, faulty, strict=True))
    quiet, same = apply_fault(name, texts[:5])
    assert quiet == same


def test_texts_of_a_length_of_their_own_are_never_coalesced() -> None:
    """Under load, a text that no other one equals in words keeps its vector, and the others are left at 0.16."""
    rows, faulty = apply_fault("equal-lengths", ["a b", "c d", "e"], None, in_flight=2, beside=["f g h"])
    assert rows[2] == faulty[2]
    assert cosine(rows[0], faulty[0]) == pytest.approx(COALESCED_COSINE)


def test_another_context_size_takes_long_texts_farther() -> None:
    """The cosine falls with the number of words, to 0.98 and no further."""
    texts = ["a", "a " * (CONTEXT_WORDS // 2), "a " * (2 * CONTEXT_WORDS)]
    rows, faulty = apply_fault("context-size", texts)
    assert [cosine(one, two) for one, two in zip(rows, faulty, strict=True)] == pytest.approx([0.9998, 0.99, 0.98])


def test_too_many_requests_say_when_to_come_again() -> None:
    """A text that is hit gets a 429 with Retry-After, and others pass."""
    reply = BY_NAME["too-many"].reply
    assert reply
    refusal = reply(call_of(["a"]))
    assert refusal
    assert (refusal.status, refusal.headers["retry-after"]) == (429, "0")
    assert reply(call_of(["a"], Scope(rate=0))) is None


def test_every_case_is_faked_or_has_a_reason() -> None:
    """Each of the 34 cases has a fault, or says why it cannot have one here; none has both."""
    faked = {fault.case for fault in (*FAULTS, *RETRIEVAL_FAULTS)} - {0}
    assert faked | set(NOT_FAKED) == set(range(1, 35))
    assert not faked & set(NOT_FAKED)


def test_a_stale_cache_hits_repeated_texts_alone() -> None:
    """Only the text that came before has another vector."""
    rows = rows_for(["a", "b"])
    call = Call(texts=["a", "b"], hits=[True, True], scope=Scope(), seen=[0, 1])
    function = BY_NAME["stale-cache"].rows
    assert function
    faulty = function(rows, call)
    assert faulty[0] == rows[0]
    assert faulty[1] != rows[1]


def test_drop_row_spares_single_texts_by_default() -> None:
    """A response of one row stays whole by default and is empty with `every`."""
    assert len(apply_fault("drop-row", ["a"])[1]) == 1
    assert apply_fault("drop-row", ["a"], Scope(every=True))[1] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("quarter-width", 4), ("half-width", 8), ("empty-vector", 0), ("nan", 16), ("null", 16), ("zero-vector", 16)],
)
def test_shape_left_by_a_fault(name: str, expected: int) -> None:
    """Vectors are cut, emptied or corrupted as the name says."""
    _, faulty = apply_fault(name, TEXTS)
    assert {len(row) for row in faulty} == {expected}
    first = {str(row[0]) if row else "" for row in faulty}
    if name in {"nan", "null", "zero-vector"}:
        assert first == {{"nan": "nan", "null": "None", "zero-vector": "0.0"}[name]}


def test_a_capped_batch_keeps_its_first_rows() -> None:
    """Eight rows come back for nine texts."""
    rows, faulty = apply_fault("batch-cap", [str(number) for number in range(BATCH_CAP + 1)])
    assert faulty == rows[:BATCH_CAP]


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("lower-case", "OSHA Cert", "osha cert"),
        ("strip-accents", "résumé", "resume"),
        ("unicode-nfc", "e\u0301", "\u00e9"),
        ("drop-punctuation", "a-b, c!", "ab c"),
        ("drop-punctuation", "!?", "!?"),
        ("prefix", "a", "search_document: a"),
        ("prefix", " ", " "),
        ("capitals-collapse", "OSHA 10", "unknown"),
        ("capitals-collapse", "OSHA ten", "OSHA ten"),
        ("replace-surrogates", "a\ud83d", "a\ufffd"),
        ("drop-punctuation", "a\ud83d!", "a\ud83d"),
        ("newline-to-space", "a\nb", "a b"),
        ("trim", " a ", "a"),
        ("trim", "  ", "  "),
        ("truncate", "abcdef", "abc"),
        ("shift-after-blank", " ", "."),
        ("shift-after-blank", "a", "a"),
    ],
)
def test_text_forwarded_by_a_fault(name: str, text: str, changed: str) -> None:
    """The gateway behind gets the changed text, and never a blank one for one that was not."""
    function = BY_NAME[name].text
    assert function
    assert function(text, Scope(characters=3)) == changed


def test_wrong_model_uses_the_first_other_model() -> None:
    """The requested model is never its own replacement; without another one it stays."""
    function = BY_NAME["wrong-model"].model
    assert function
    scope = Scope(other_models=("m1", "m2"))
    assert [function("m1", scope), function("m2", scope), function("m3", scope)] == ["m2", "m1", "m1"]
    assert function("m1", Scope(other_models=("m1",))) == "m1"


def test_position_hits_one_row_of_each_request() -> None:
    """A position counts from either end, and one beyond the request hits nothing."""
    hit = {position: Scope(position=position).hits(TEXTS) for position in (0, -1, 5, -6)}
    assert hit[0] == [True, False, False, False, False]
    assert hit[-1] == [False, False, False, False, True]
    assert not any(hit[5] + hit[-6])


def test_rate_hits_that_share_of_texts_and_always_the_same() -> None:
    """A rate of 1 in 50 hits about as many of many texts, whatever their batch, and others with another seed."""
    texts = [f"text {number}" for number in range(5000)]
    hits = Scope(rate=0.02).hits(texts)
    assert 70 <= sum(hits) <= 130
    batched = itertools.chain.from_iterable(Scope(rate=0.02).hits(texts[at : at + 7]) for at in range(0, 5000, 7))
    assert list(batched) == hits
    assert Scope(rate=0.02, seed=1).hits(texts) != hits
    assert (sum(Scope(rate=0).hits(texts)), sum(Scope(rate=1).hits(texts))) == (0, 5000)


@pytest.mark.parametrize("first", [fault.name for fault in FAULTS if fault.rows])
def test_any_two_row_faults_can_be_joined(first: str) -> None:
    """A fault copes with whatever another one has left."""
    for second in FAULTS:
        if second.rows:
            call = call_of(TEXTS, Scope(every=True), in_flight=2, longest=LONG_TEXT)
            _, faulty = apply_fault(first, TEXTS, Scope(every=True), in_flight=2, longest=LONG_TEXT)
            with np.errstate(all="ignore"):
                assert len(second.rows(faulty, call)) <= len(TEXTS)


def test_unknown_and_incomplete_faults_are_named() -> None:
    """A wrong name lists the known ones, and a fault without its option says which."""
    with pytest.raises(ValueError, match="unknown fault 'nois'; there are permute"):
        chosen("noise,nois", Scope())
    with pytest.raises(ValueError, match="--other-model"):
        chosen("wrong-model", Scope())
    assert [fault.name for fault in chosen("noise, drop-row", Scope())] == ["noise", "drop-row"]


def test_other_spellings_of_a_text_are_hit_with_it() -> None:
    """Case, accents, signs and white space do not move a text out of scope; other letters may."""
    scope = Scope(rate=0.2)
    for number in range(50):
        text = f"Résumé no. {number}, please"
        spellings = [text, f" {text}\n", text.upper(), text.replace(",", "!"), unicodedata.normalize("NFD", text)]
        assert len(set(scope.hits([*spellings, f"resume NO {number} please"]))) == 1
    assert 0 < sum(scope.hits([sign * 3 for sign in "!?.;:,-+*/=<>()[]{}#%&$@^~"])) < 26
