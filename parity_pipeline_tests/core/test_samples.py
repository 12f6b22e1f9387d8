import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.samples import DrawCounts, DropCount, Sample, SetHash, draw, sample_id, unique

SEEDS = Path(__file__).parents[2] / "data" / "samples" / "seed.txt"
any_text = st.text(st.characters(exclude_categories=()), max_size=20)
sets = st.lists(st.tuples(any_text, any_text | st.sampled_from(["\x1e", "a\x1eb", "\x1f", "1:a"])), max_size=5)


def numbered(count: int) -> list[Sample]:
    """Return samples with different texts."""
    return [Sample(f"text {place}", "traffic", f"file:{place}") for place in range(count)]


def hash_of(pairs: list[tuple[str, str]]) -> str:
    """Return the hash of a set of (text, category)."""
    content = SetHash()
    for text, category in pairs:
        content.add(sample_id(text), category)
    assert content.count == len(pairs)
    return content.hexdigest()


@given(any_text, any_text)
def test_ids_are_stable_and_distinct(one: str, other: str) -> None:
    """Every text, lone surrogates included, has an id of 16 hex digits, and different texts have different ids."""
    assert len(sample_id(one)) == 16
    assert int(sample_id(one), 16) >= 0
    assert (sample_id(one) == sample_id(other)) == (one == other)
    assert Sample(one, "a", "b").id == Sample(one, "c", "d").id == sample_id(one)


def test_ids_are_those_of_sha256() -> None:
    """An id can be computed with any tool: the first 16 hex digits of the SHA-256 of the UTF-8 bytes."""
    assert sample_id("résumé") == hashlib.sha256("résumé".encode()).hexdigest()[:16]


def test_normal_forms_are_different_texts() -> None:
    """Nothing is normalised: NFC and NFD, blanks and case are distinguished."""
    assert len({sample_id(text) for text in ("é", "e\u0301", "É", "é ", " é")}) == 5


@given(sets, sets)
def test_set_hash_is_of_the_content(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    """Sets have one hash if and only if texts, order and categories are the same, whatever a category holds."""
    assert (hash_of(one) == hash_of(other)) == (one == other)


def test_a_category_cannot_forge_a_sample() -> None:
    """A category that spells a separator and another sample is not taken for two samples."""
    first, second = sample_id("a"), sample_id("b")
    for forged in (f"x{second}y", f"x\x1e{second}\x1fy", f"x16:{second}1:y"):
        one, two = SetHash(), SetHash()
        one.add(first, forged)
        two.add(first, "x")
        two.add(second, "y")
        assert one.hexdigest() != two.hexdigest()


@given(st.lists(any_text, max_size=30))
def test_unique_keeps_the_first(texts: list[str]) -> None:
    """Each text comes once, in the order of its first appearance, and kept plus dropped is what came in."""
    dropped = DropCount()
    kept = list(unique((Sample(text, "c", str(place)) for place, text in enumerate(texts)), dropped))
    assert [sample.text for sample in kept] == list(dict.fromkeys(texts))
    assert len(kept) + dropped.duplicates == len(texts)
    assert all(sample.source == str(texts.index(sample.text)) for sample in kept)


def test_unique_is_a_stream() -> None:
    """A sample is handed on before the next one is requested."""
    requested: list[str] = []

    def source() -> Iterator[Sample]:
        for sample in numbered(3):
            requested.append(sample.text)
            yield sample

    stream = unique(source(), DropCount())
    assert next(stream).text == "text 0"
    assert requested == ["text 0"]


@pytest.mark.parametrize(("count", "size"), [(0, 5), (3, 5), (5, 5), (100, 5), (100, 1), (100, 0)])
def test_draw_size_and_order(count: int, size: int) -> None:
    """A draw has the size requested or everything, without repeats, in the order of the input."""
    samples = numbered(count)
    drawn = draw(samples, size, "seed")
    places = [samples.index(sample) for sample in drawn]
    assert len(drawn) == min(count, size)
    assert places == sorted(set(places))


@given(st.integers(0, 60), st.integers(0, 20), any_text)
def test_draw_is_deterministic(count: int, size: int, seed: str) -> None:
    """The same input, size and seed draw the same samples; any text is a seed."""
    assert draw(numbered(count), size, seed) == draw(iter(numbered(count)), size, seed)


def test_draw_depends_on_the_seed() -> None:
    """Different dates draw different samples."""
    assert len({tuple(one.text for one in draw(numbered(100), 5, f"2026-04-{day:02}")) for day in range(1, 31)}) == 30


def test_a_draw_stays_the_same_for_ever() -> None:
    """The draw of a date can be repeated years later: these are the samples that this seed has always drawn."""
    assert [sample.text for sample in draw(numbered(1000), 3, "2026-04-30")] == ["text 22", "text 262", "text 559"]


def test_draw_is_uniform() -> None:
    """Each of 20 samples is drawn about equally often: 4,000 draws of 5 stay within five standard deviations."""
    samples, rounds, size = numbered(20), 4000, 5
    times = Counter(sample.text for seed in range(rounds) for sample in draw(samples, size, str(seed)))
    share = size / len(samples)
    deviation = (rounds * share * (1 - share)) ** 0.5
    assert all(abs(times[sample.text] - rounds * share) < 5 * deviation for sample in samples)


def test_seed_samples() -> None:
    """The seed file holds the five samples of the first cut-over, by the heads that its report showed."""
    lines = SEEDS.read_text(encoding="utf-8").splitlines()
    assert [line[:40] for line in lines] == [
        "hello",
        "forklift operator with OSHA cert",
        "Need 5 production workers in Aurora IL f",
        "résumé: 12 yrs warehouse — pick/pack",
        "Q: who's available next Friday? A: Bob, ",
    ]
    assert all(len(lines[place]) > 60 for place in (2, 4))


def test_a_draw_counts_each_text_as_often_as_it_gave_it() -> None:
    """A text that a draw gave three times speaks for three inputs, wherever it stands; a picked one for none."""
    draws = [Sample(text, "traffic", "f:1") for text in ("often", "rare", "often", "often")]
    counts = DrawCounts()
    counts.add(draws)
    marked = list(counts.mark(draws))
    assert [(sample.text, sample.drawn) for sample in marked] == [("often", 3), ("rare", 1), ("often", 3), ("often", 3)]
    assert not any(sample.drawn_as for sample in marked)
    assert list(counts.mark([Sample("picked", "seed", "f:1")])) == [Sample("picked", "seed", "f:1")]


def test_a_text_keeps_its_draws_wherever_it_stands() -> None:
    """A text that is picked, or drawn from another source too, counts under each category as often as it was drawn."""
    counts = DrawCounts()
    counts.add([Sample("both", "eu", "e:1"), Sample("both", "eu", "e:2"), Sample("one", "eu", "e:3")])
    counts.add([Sample("both", "us", "u:1")])
    (picked, eu, other) = counts.mark(
        [Sample("both", "seed", "s:1"), Sample("both", "eu", "e:1"), Sample("one", "eu", "e")]
    )
    assert (picked.category, picked.drawn, picked.drawn_as) == ("seed", 3, {"eu": 2, "us": 1})
    assert (eu.drawn, eu.drawn_as) == (3, {"eu": 2, "us": 1})
    assert (other.drawn, other.drawn_as) == (1, {})
