"""Two fingerprints of a side: every difference is named, noise is none, and what is unknown is not unchanged."""

from dataclasses import replace

import numpy as np
import pytest

from parity_pipeline.core.fingerprint import (
    Fingerprint,
    Likeness,
    compare_fingerprints,
    distance,
    group_responses,
    pack,
)
from parity_pipeline_tests.core.fingerprints import TEXTS, fingerprint, packed, vectors


def test_all_differences_are_named() -> None:
    """Version, digest, model, header and vectors are listed together, each with the old and the new value."""
    before = fingerprint(version="1.4", digest="sha256:aa", model="m", headers={"server": "axum"})
    after = fingerprint(2, version="1.5", digest="sha256:bb", model="n", headers={"server": "net/http"})
    found = compare_fingerprints(before, after)
    assert found.likeness is Likeness.CHANGED
    assert found.differences[:4] == (
        "the version changed from 1.4 to 1.5",
        "the digest of the model changed from sha256:aa to sha256:bb",
        "the model named changed from m to n",
        "the header server changed from axum to net/http",
    )
    assert found.differences[4].startswith("the vectors of 4 of 4 canary texts changed (worst cosine ")
    assert found.describe().count(";") == 4


def test_the_same_side_is_unchanged() -> None:
    """Equal fingerprints are unchanged, and the sentence says by what."""
    one = fingerprint(version="1.4")
    found = compare_fingerprints(one, replace(one, state="x"))
    assert found.likeness is Likeness.UNCHANGED
    assert found.describe() == "unchanged: the version and the canary vectors"


def test_rounding_changes_nothing() -> None:
    """Vectors rounded to float16 and bfloat16 precision are the same vectors."""
    rounded = pack(TEXTS, vectors().astype(np.float16).astype(np.float32))
    assert compare_fingerprints(fingerprint(), Fingerprint(canaries=rounded)).likeness is Likeness.UNCHANGED


@pytest.mark.parametrize("angle", [0.03, 0.1])
def test_noise_changes_nothing_where_it_was_seen(angle: float) -> None:
    """A side that moves by an angle is unchanged if it showed that noise, and changed if it did not."""
    one, two = packed(noise=angle), packed(noise=angle, noise_seed=1)
    moved = distance(one, two)
    assert moved is not None
    assert compare_fingerprints(Fingerprint(canaries=one), Fingerprint(canaries=two)).likeness is Likeness.CHANGED
    for known in ({"floor": moved}, {"floor": moved / 2}):
        found = compare_fingerprints(Fingerprint(canaries=one), Fingerprint(canaries=two), **known)
        assert found.likeness is Likeness.UNCHANGED
    noisy = Fingerprint(canaries=replace(one, noise=moved))
    assert compare_fingerprints(noisy, Fingerprint(canaries=two)).likeness is Likeness.UNCHANGED


def test_noise_does_not_hide_another_model() -> None:
    """Vectors of another model are a change for a side with noise of a few per cent too."""
    found = compare_fingerprints(fingerprint(), fingerprint(2), floor=0.02)
    assert found.likeness is Likeness.CHANGED


@pytest.mark.parametrize("known", [{"floor": 0.5}, {}])
def test_a_side_that_is_all_noise_hides_no_change(known: dict[str, float]) -> None:
    """Noise beyond `MOST_NOISE`, measured by repeatability or by the look itself, explains no more than that."""
    noise = None if known else 0.5
    before, after = (Fingerprint(canaries=replace(packed(seed), noise=noise)) for seed in (1, 2))
    assert compare_fingerprints(before, after, **known).likeness is Likeness.CHANGED


def test_one_text_is_enough() -> None:
    """A change of one text of four is a change."""
    moved = vectors()
    moved[2] = -moved[2]
    found = compare_fingerprints(fingerprint(), Fingerprint(canaries=pack(TEXTS, moved)))
    assert "the vectors of 1 of 4 canary texts changed (worst cosine -1.000" in found.describe()


def test_the_norm_is_compared() -> None:
    """A side that begins to return raw vectors in place of unit ones has changed although every cosine is 1."""
    found = compare_fingerprints(fingerprint(), Fingerprint(canaries=pack(TEXTS, vectors() * 13)))
    assert found.differences == ("the norms of 4 of 4 canary vectors changed",)


def test_another_dimension_is_a_change() -> None:
    """Vectors of another length have no cosine, and have changed."""
    found = compare_fingerprints(fingerprint(), Fingerprint(canaries=packed(dimension=16)))
    assert found.differences == ("the dimension changed from 32 to 16",)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_vector_without_direction(value: float) -> None:
    """NaN or zeros in place of a vector are a change, and the same once more is none."""
    bad = vectors()
    bad[0] = value
    changed = Fingerprint(canaries=pack(TEXTS, bad))
    assert compare_fingerprints(fingerprint(), changed).likeness is Likeness.CHANGED
    assert compare_fingerprints(changed, changed).likeness is Likeness.UNCHANGED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Fingerprint(), Fingerprint()),
        (Fingerprint(version="1.4"), Fingerprint()),
        (Fingerprint(), Fingerprint(version="1.4")),
        (fingerprint(), Fingerprint(model="m")),
        (Fingerprint(model="m", headers={"server": "x"}), Fingerprint(model="m", headers={"server": "x"})),
        (fingerprint(), Fingerprint(canaries=pack(("other",), vectors()[:1]))),
    ],
)
def test_unknown_is_not_unchanged(before: Fingerprint, after: Fingerprint) -> None:
    """Where nothing that identifies a gateway is known both times, neither changed nor unchanged is said."""
    found = compare_fingerprints(before, after)
    assert found.likeness is Likeness.UNKNOWN
    assert found.describe().startswith("not known whether it changed: ")


def test_what_is_known_once_is_listed() -> None:
    """A version that is not stated any more does not differ, and is listed."""
    found = compare_fingerprints(fingerprint(version="1.4"), fingerprint())
    assert found.likeness is Likeness.UNCHANGED
    assert found.unknown == ("the version was 1.4 and is not stated now",)


def test_fewer_canary_texts_are_compared_by_text() -> None:
    """A side that takes one text per request is compared by the texts that both fingerprints hold, by their ids."""
    part = Fingerprint(canaries=pack(TEXTS[2:3], vectors()[2:3]))
    assert compare_fingerprints(fingerprint(), part).likeness is Likeness.UNCHANGED


def test_the_tag_latest_changes_nothing() -> None:
    """Ollama's tag on a name makes no difference."""
    assert not compare_fingerprints(fingerprint(model="m"), fingerprint(model="m:latest")).differences


def test_two_gateways_behind_one_address_are_two_groups() -> None:
    """Responses that return to the same two values are of two gateways."""
    found = group_responses([fingerprint(), fingerprint(2), fingerprint(), fingerprint(2)])
    assert len(found) == 2


def test_a_noisy_side_is_one_group() -> None:
    """A side that returns something else each time is one noisy side, and its noise is recorded."""
    found = group_responses([Fingerprint(canaries=packed(noise=0.1, noise_seed=one)) for one in range(4)])
    assert len(found) == 1
    assert found[0].canaries is not None
    assert found[0].canaries.noise is not None
    assert 1e-3 < found[0].canaries.noise < 0.1


def test_a_steady_side_is_one_group() -> None:
    """Four equal responses are one group without noise."""
    (found,) = group_responses([fingerprint()] * 4)
    assert found.canaries is not None
    assert found.canaries.noise == pytest.approx(0.0, abs=1e-6)
