"""The corpus: what holds of every hazard, which texts are there, and the order they are sent in."""

import hashlib
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards.corpus import (
    CATEGORY_PREFIX,
    CORPUS_VERSION,
    SETS,
    SLOTS,
    Hazard,
    Relation,
    chosen_sets,
    hazard_samples,
    hazards_in,
)
from parity_pipeline.core.hazards.texts import CANARIES, WINDOWS, salted_texts
from parity_pipeline_tests.core.hazards.failure_modes import FAILURE_MODES

SALT = "2026-04-30"
FINGERPRINTS = {"1": "4834c26f4faa4410"}
"""Version -> hash of all hazards. A changed hazard needs a new version, and a line here."""
SEEDS = Path(__file__).parents[3] / "data" / "samples" / "seed.txt"


def hazards(*sets: str, salt: str = SALT) -> tuple[Hazard, ...]:
    """Return the hazards of some sets, of all where none is named."""
    return hazards_in(sets or ("all",), salt=salt)


def texts(*sets: str, salt: str = SALT) -> list[str]:
    """Return the texts of some sets."""
    return [hazard.text for hazard in hazards(*sets, salt=salt)]


def grouped(*sets: str) -> dict[tuple[str, str], list[Hazard]]:
    """Return the groups of some sets, by set and key."""
    found: dict[tuple[str, str], list[Hazard]] = {}
    for hazard in hazards(*sets):
        if hazard.group:
            found.setdefault((hazard.set_name, hazard.group), []).append(hazard)
    return found


def test_no_text_comes_twice_and_none_is_a_seed() -> None:
    """A sample set would drop a repeated text, and with it a hazard and the slots of the blanks."""
    counted = Counter(texts())
    assert [text for text, times in counted.items() if times > 1] == []
    assert not counted.keys() & set(SEEDS.read_text("utf-8").splitlines())
    assert 300 <= len(counted) <= 600


def test_every_probe_names_its_cases() -> None:
    """At least one case, ascending, and every number is one of the table's."""
    numbers = {case.number for case in FAILURE_MODES}
    for hazard in hazards():
        assert hazard.cases, hazard.key
        assert list(hazard.cases) == sorted(set(hazard.cases) & numbers), hazard.key


def test_keys_are_stable_names() -> None:
    """A key is unique in its set, plain, and the same whatever the salt."""
    keys = [(hazard.set_name, hazard.key) for hazard in hazards()]
    assert len(set(keys)) == len(keys)
    assert all(key.replace("-", "").replace("~", "").isalnum() and key.isascii() for _, key in keys)
    assert keys == [(hazard.set_name, hazard.key) for hazard in hazards(salt="another")]


def test_a_changed_probe_is_a_new_version() -> None:
    """The hash of every field of every hazard is pinned to the version of the corpus."""
    digest = hashlib.sha256()
    for hazard in hazards():
        # the pinned hashes were made when the record was called HazardProbe
        digest.update(f"HazardProbe{repr(hazard).removeprefix('Hazard')}".encode("utf-8", "surrogatepass"))
    assert digest.hexdigest()[:16] == FINGERPRINTS[CORPUS_VERSION]


def test_every_set_has_probes_in_one_run() -> None:
    """All sets that are named exist, and the hazards of one stand together in the order of the table."""
    order = list(dict.fromkeys(hazard.set_name for hazard in hazards()))
    assert order == list(SETS)
    assert [hazard.set_name for hazard in hazards()] == sorted((p.set_name for p in hazards()), key=order.index)


def test_groups_are_whole() -> None:
    """A group has two members or more, one relation, and the key of one of them; alone, there is no relation."""
    assert all((hazard.relation is None) == (not hazard.group) for hazard in hazards())
    for (_, key), members in grouped().items():
        assert len(members) > 1, key
        assert len({member.relation for member in members}) == 1, key
        assert key in {member.key for member in members}, key


def test_only_the_salted_texts_go_by_the_salt() -> None:
    """The same date sends the same texts; another date sends other salted texts and else the same."""
    assert texts() == texts()
    one, other = set(texts()), set(texts(salt="2026-05-01"))
    assert one - other == set(texts("salted"))
    assert other - one == set(texts("salted", salt="2026-05-01"))


@given(st.text(st.characters(exclude_categories=()), max_size=12), st.integers(0, 40))
def test_salted_texts_are_distinct(salt: str, count: int) -> None:
    """As many different texts as requested, whatever the salt, and the first ones do not depend on the count."""
    made = salted_texts(salt, count)
    assert len(set(made)) == count
    assert made == salted_texts(salt, count + 1)[:count]


def test_canaries_are_fixed_and_in_their_set_once() -> None:
    """What an experiment repeats is what a sample set holds once."""
    assert list(CANARIES.values()) == texts("canaries")


@pytest.mark.parametrize("names", [["blank"], ["all", "nope"], [""], []])
def test_an_unknown_set_is_refused_with_the_known_ones(names: list[str]) -> None:
    """A typing error must not silently exercise less; neither must naming nothing."""
    with pytest.raises(SampleSourceError, match=r"hazards: .*Name some of all, blanks, case-pairs.*length-ladder"):
        chosen_sets(names)


def test_sets_come_once_in_their_own_order() -> None:
    """The order that a person names them in, or naming one twice, changes nothing."""
    assert chosen_sets(["sql", "blanks", "sql"]) == ("blanks", "sql")
    assert chosen_sets(["sql", "all"]) == tuple(SETS)


def test_samples_say_where_they_come_from() -> None:
    """Category `hazard/<set>`, source `hazards:<version>:<set>:<key>`, never counted as drawn at random."""
    samples, made = list(hazard_samples(["sql", "emoji"], salt=SALT)), hazards("sql", "emoji")
    assert [sample.text for sample in samples] == [hazard.text for hazard in made]
    assert samples[0].category == f"{CATEGORY_PREFIX}emoji" == "hazard/emoji"
    assert samples[0].source == f"hazards:{CORPUS_VERSION}:emoji:one"
    assert {sample.drawn for sample in samples} == {0}


def blank_places(sets: list[str], before: int) -> list[tuple[int, int]]:
    """Return request and slot of each blank text, when so many samples go before."""
    places = enumerate(hazard_samples(sets, salt=SALT, before=before), start=before)
    blank = [place for place, sample in places if not sample.text.strip("\u200b \t\n\u00a0")]
    return [divmod(place, SLOTS) for place in blank]


@pytest.mark.parametrize("before", [0, 1, 5, 31, 32, 33, 1000])
def test_blanks_come_to_the_first_middle_and_last_slot(before: int) -> None:
    """Whatever goes before, one request has a blank first, one in the middle, one last, and one in all three slots."""
    places = blank_places(["all"], before)
    begin = -(-before // SLOTS)
    slots = [(0, 0), (1, 16), (2, 31), (3, 0), (3, 16), (3, 31)]
    assert places == [(begin + request, slot) for request, slot in slots]
    sent = [sample.text for sample in hazard_samples(["all"], salt=SALT, before=before)]
    assert sorted(sent) == sorted(texts())


def test_blanks_alone_fill_whole_requests() -> None:
    """The set fills its requests on its own, and the empty text leads one, so that a dropped row shifts all."""
    assert len(texts("blanks")) == 4 * SLOTS
    assert texts("blanks")[0] == ""
    assert [slot for _, slot in blank_places(["blanks"], 0)] == [0, 16, 31, 0, 16, 31]


def test_the_ladder_stands_around_every_window() -> None:
    """One word below, at and above each window, two and three below for special tokens, and well past the last."""
    counts = [len(text.split(" ")) for text in texts("length-ladder")]
    assert {window + step for window in WINDOWS for step in (-3, -2, -1, 0, 1)} < set(counts)
    assert counts == sorted(counts)
    assert counts[-1] > max(WINDOWS) + 1


def test_rungs_of_the_ladder_are_heads_of_one_text() -> None:
    """A side that cuts at some length gives every longer rung one vector, and the subject changes at each window."""
    rungs = texts("length-ladder")
    assert all(longer.startswith(f"{shorter} ") for shorter, longer in pairwise(rungs))
    words = rungs[-1].split(" ")
    bounds = [0, *WINDOWS, len(words)]
    subjects = [set(words[first:last]) for first, last in pairwise(bounds)]
    assert all(not one & other for place, one in enumerate(subjects) for other in subjects[:place])


def test_equal_lengths_are_equal() -> None:
    """The texts of such a group have equally many words."""
    for (_, key), members in grouped("equal-length").items():
        assert {len(member.text.split(" ")) for member in members} == {int(key.removeprefix("words-"))}


def test_tail_edits_share_their_head() -> None:
    """The two texts are alike for as many words as the key says, and differ after."""
    for (_, key), members in grouped("tail-edits").items():
        count = int(key.removeprefix("tail-"))
        one, other = (member.text.split(" ") for member in members)
        assert one[:count] == other[:count]
        assert one[count:] != other[count:]


def test_twins_differ_in_what_their_set_says() -> None:
    """Case pairs fold together, accents and forms normalise together, white-space twins have the same letters."""
    for _, (one, other) in pairs("case-pairs"):
        assert one.casefold() == other.casefold()
    for _, (one, other) in pairs("unicode-forms"):
        assert one != other
        assert unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)
    for members in grouped("newlines").values():
        assert len({"".join(member.text.split()) for member in members}) == 1


def pairs(set_name: str) -> list[tuple[str, list[str]]]:
    """Return the groups of a set as texts."""
    return [(key, [member.text for member in members]) for (_, key), members in grouped(set_name).items()]


def test_every_surrogate_is_alone() -> None:
    """No text of the set has UTF-8, and no other set has such a text."""
    broken = {hazard.set_name for hazard in hazards() if any("\ud800" <= sign <= "\udfff" for sign in hazard.text)}
    assert broken == {"surrogates"}
    for text in texts("surrogates"):
        with pytest.raises(UnicodeEncodeError):
            text.encode()


def test_kinds_that_must_be_there() -> None:
    """Hangul, both forms, joined emoji, flags, skin tones, styles, prefixes, special tokens, words over 100 letters."""
    everything = "\n".join(text for text in texts() if text.isprintable() or "\n" in text)
    hangul = unicodedata.normalize("NFD", "한국어")
    for part in ("한국어", hangul, "\U0001f1eb\U0001f1f7", "\U0001f44d\U0001f3ff", "search_query: ", "search_document: ",
                 "query: ", "passage: ", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "<s>", "<|endoftext|>"):  # fmt: skip
        assert part in everything, part
    joined = "".join(texts("emoji"))
    assert {"\u200d", "\ufe0f", "\ufe0e"} <= set(joined)
    assert sum(max(map(len, text.split())) > 100 for text in texts("long-words")) >= 5
    assert {len(text) for text in texts("one-character")} == {1}


def test_relations_are_strict_only_where_every_sound_model_agrees() -> None:
    """A model without letter case, accents or forms is sound, so its collisions there are not faults by themselves."""
    strict = {hazard.set_name for hazard in hazards() if hazard.relation is Relation.MUST_DIFFER}
    assert strict == {"numbers", "prefixes", "near-duplicates", "equal-length"}
