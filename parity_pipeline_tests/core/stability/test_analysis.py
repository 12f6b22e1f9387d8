"""What each instability shows: the right experiment, level, texts and words, and nothing beside."""

import itertools

import numpy as np
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.analysis import for_diagnosis, stable_faults
from parity_pipeline.core.stability.plan import Limits
from parity_pipeline.core.stability.records import OF_THE_FLOOR, TESTED, DefectKind, Response, Step, Texts
from parity_pipeline_tests.core.stability.scripted_side import (
    SAMPLES,
    THRESHOLD,
    Distortion,
    Rows,
    experiment,
    found,
    plan_of,
    strayed,
    strayed_texts,
    tried,
    vector,
)


def test_a_steady_side_has_no_finding_and_a_floor_of_zero() -> None:
    """Equal vectors give a floor of 0, every experiment complete and every row the same bits."""
    stability = tried()
    assert stability.findings == ()
    assert stability.floor is not None
    assert (stability.floor.worst, stability.floor.worst_sample) == (0.0, None)
    assert stability.completed == TESTED
    assert all(one.bit_identical for one in stability.experiments)
    assert stable_faults(stability, THRESHOLD) == ()


def test_noise_far_below_the_threshold_is_a_floor_and_no_finding() -> None:
    """Rounding noise makes the floor, and the rows are no longer the same bits."""
    turn = itertools.count()
    stability = tried(lambda _step, _request, rows: strayed(rows, next(turn), 1e-4))
    assert stability.findings == ()
    assert stability.floor is not None
    assert 1e-9 < stability.floor.worst < 1e-6
    assert not experiment(stability, "repeats").bit_identical


def at_random() -> Distortion:
    """Return other vectors for every request."""
    turn = itertools.count()
    return lambda _step, _request, rows: strayed(rows, next(turn))


def when_repeated() -> Distortion:
    """Return another vector for every text from the second time on."""
    seen: set[str] = set()

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows:
        repeated = [text in seen for text in request]
        seen.update(request)
        return np.where(np.array(repeated)[:, None], strayed_texts(request), rows)

    return distort


def after_a_long_text() -> Distortion:
    """Return other vectors once a long text came."""
    longest = [0]

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows:
        vectors = strayed_texts(request) if longest[0] > 500 else rows
        longest[0] = max(longest[0], *map(len, request))
        return vectors

    return distort


def from_sixteen_on() -> Distortion:
    """Return other vectors for requests of 16 texts and more."""
    return lambda _step, request, rows: strayed_texts(request) if len(request) >= 16 else rows


def under_load() -> Distortion:
    """Return other vectors from four requests at once on."""
    return lambda step, request, rows: strayed_texts(request) if step.at_once >= 4 and len(request) > 1 else rows


def equal_under_load() -> Distortion:
    """Return another vector for single texts when several come at once."""
    return lambda step, request, rows: strayed_texts(request) if step.at_once > 1 and len(request) == 1 else rows


def by_position() -> Distortion:
    """Return another first row of a request unless the texts stand in the order of the plan."""

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows:
        full = sorted(request) == sorted(SAMPLES) and request != plan_of().probe_texts.samples
        return np.concatenate([strayed(rows[:1]), rows[1:]]) if full else rows

    return distort


@pytest.mark.parametrize(
    ("distort", "name", "label", "level"),
    [
        (at_random(), "repeats", "repeat", None),
        (from_sixteen_on(), "batch-sizes", "batch of 32", 32),
        (by_position(), "shuffled", "shuffled", 8),
        (under_load(), "concurrency", "concurrency 4", 4),
        (equal_under_load(), "equal-length-load", "equal lengths under load", 4),
        (after_a_long_text(), "canaries", "after a long text", 0),
        (when_repeated(), "salted", "sent again", 0),
    ],
    ids=TESTED,
)
def test_each_instability_is_found_by_its_own_experiment(
    distort: Distortion, name: str, label: str, level: int | None
) -> None:
    """One finding, of the experiment that needs least to go wrong, with the part of it where it was seen."""
    stability = tried(distort)
    one = experiment(stability, name)
    assert found(stability) == [name]
    assert one.worst is not None
    assert one.worst > 1 - THRESHOLD
    assert one.label == label or label in one.by_label
    assert level in (None, one.level)
    assert one.affected_texts
    assert stability.floor is not None
    assert (stability.floor.worst > 1 - THRESHOLD) == (name in OF_THE_FLOOR)
    assert stable_faults(stability, THRESHOLD)
    diagnosed = for_diagnosis(stability)
    assert [(each.worst, each.affected) for each in diagnosed] == [(one.worst, one.affected)]


def test_two_instabilities_are_reported_as_two() -> None:
    """Permuted rows in requests beside small noise of repeats do not count as that noise."""
    noise = at_random()

    def distort(step: Step, request: Texts, rows: Rows) -> Rows | Response:
        return noise(step, request, np.roll(rows, 1, axis=0) if len(request) >= 16 else rows)

    assert found(tried(distort)) == ["repeats", "batch-sizes"]


def test_one_row_of_one_text_is_not_lost_in_the_others() -> None:
    """The worst row counts: one text of eight in one batch size, and it is named."""
    victim = SAMPLES[3]

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows:
        hit = len(request) == 2 and victim in request
        return np.array(
            [strayed(row[None])[0] if hit and text == victim else row for text, row in zip(request, rows, strict=True)]
        )

    one = experiment(tried(distort), "batch-sizes")
    assert (one.affected, one.level, one.worst_sample) == ((sample_id(victim),), 2, sample_id(victim))


def test_a_text_that_strays_once_is_not_made_good_by_later_responses() -> None:
    """The worst vector of a text counts, though every later one of the same size is right."""
    once = iter([True])

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows:
        return strayed(rows) if len(request) == 32 and next(once, False) else rows

    one = experiment(tried(distort), "batch-sizes")
    assert one.affected_texts == len(SAMPLES)
    assert one.level == 32


def test_permuted_rows_are_named_with_their_order() -> None:
    """Rows that hold each other's vectors are reported as swapped, with the whole order and case 1."""
    stability = tried(lambda _step, _request, rows: np.roll(rows, -1, axis=0))
    one = experiment(stability, "batch-sizes")
    assert found(stability) == ["batch-sizes"]
    assert one.permutation == (1, 2, 3, 4, 5, 6, 7, 0)
    assert [(fault.kind, fault.cases) for fault in one.faults] == [(DefectKind.SWAPPED, (1,))]
    assert sample_id(plan_of().probe_texts.samples[1]) in one.faults[0].words


def test_rows_of_another_request_are_reported_as_mixed() -> None:
    """A vector of a text that another request holds is case 3."""

    def distort(step: Step, request: Texts, rows: Rows) -> Rows:
        place = step.requests.index(request)
        other = step.requests[(place + 1) % len(step.requests)]
        return np.array([vector(text) for text in other]) if step.at_once == 2 and len(request) == 2 else rows

    stability = tried(distort)
    faults = {fault.kind: fault.cases for fault in experiment(stability, "concurrency").faults}
    assert found(stability) == ["concurrency"]
    assert faults == {DefectKind.MIXED: (3,)}


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(status=RowStatus.REFUSED, words="http_400: too many"), DefectKind.REFUSED),
        (Response(status=RowStatus.MALFORMED, words="wrong_count: 7 vectors for 8 texts"), DefectKind.MALFORMED),
        (np.zeros((8, 24), np.float32), DefectKind.NO_DIRECTION),
        (np.full((8, 24), np.nan, np.float32), DefectKind.NO_DIRECTION),
        (np.ones((8, 6), np.float32), DefectKind.DIMENSION),
    ],
)
def test_what_a_text_alone_does_not_show_is_a_fault_in_company(response: Response | Rows, kind: DefectKind) -> None:
    """Texts that get vectors alone and not together are a finding with the server's words, and no distance."""
    stability = tried(lambda _step, request, rows: response if sorted(request) == sorted(SAMPLES) else rows)
    assert "batch-sizes" in found(stability)
    assert kind in [fault.kind for fault in experiment(stability, "batch-sizes").faults]


def test_a_server_that_is_down_for_a_moment_is_not_a_finding() -> None:
    """No definite response is not evidence: it is noted, and what it left out is not claimed."""
    failed = Response(status=RowStatus.FAILED, words="http_503: busy")
    stability = tried(lambda step, _request, rows: failed if step.at_once > 1 else rows)
    assert stability.findings == ()
    assert "concurrency" not in stability.completed
    assert any("http_503" in note for note in stability.notes)


def test_a_text_that_is_refused_alone_is_left_out_of_every_request() -> None:
    """One refused text costs nothing but itself."""
    refused = Response(status=RowStatus.REFUSED, words="http_400: blank")
    sent: list[Texts] = []

    def distort(_step: Step, request: Texts, rows: Rows) -> Rows | Response:
        sent.append(request)
        return refused if SAMPLES[0] in request else rows

    stability = tried(distort)
    assert [request for request in sent if SAMPLES[0] in request] == [(SAMPLES[0],)]
    assert stability.findings == ()
    assert stability.floor is not None


def test_a_side_without_a_single_vector_has_no_floor_and_is_not_stable() -> None:
    """Nothing measured never reads as stable."""
    stability = tried(lambda _step, _request, rows: np.full_like(rows, np.nan))
    assert stability.floor is None
    assert "no noise floor" in stability.notes[0]
    assert stable_faults(stability, THRESHOLD) == ("no noise floor of the legacy side was measured",)


def test_a_cache_of_another_models_vectors_is_seen_by_new_endings() -> None:
    """Canaries from an old model stay as they are when repeated, but lie far from themselves with a new ending."""
    old = set(plan_of().probe_texts.canaries)

    def distort(_step: Step, request: Texts, _rows: Rows) -> Rows:
        return np.array([vector(text, "old" if text in old else "m") for text in request])

    stability = tried(distort)
    fault = experiment(stability, "salted").faults[0]
    assert found(stability) == ["salted"]
    assert (fault.kind, fault.cases) == (DefectKind.OTHER_SPACE, (28,))


def test_a_model_that_endings_move_far_proves_no_stale_cache() -> None:
    """Where two new endings lie far apart themselves, nothing is concluded."""
    stability = tried(lambda _step, request, _rows: np.array([vector(text.replace("(ref", "[")) for text in request]))
    assert stability.findings == ()


def test_one_text_per_request_leaves_out_what_needs_several() -> None:
    """A dialect of one text is tried by repeats, load, history and caches."""
    stability = tried(limits=Limits(batch_texts=1, batch_bytes=10**6, concurrency=4))
    assert stability.completed == ("repeats", "concurrency", "equal-length-load", "canaries", "salted")
    assert any(note.startswith("batch-sizes: batch of 2:") for note in stability.notes)


def test_the_floor_holds_each_part_by_a_name_of_its_own() -> None:
    """Sizes and levels stand apart in the floor, so that it says where the worst pair was seen."""
    stability = tried(from_sixteen_on())
    assert stability.floor is not None
    assert stability.floor.worst_experiment in ("batch of 32", "batch of 64")
    assert set(stability.floor.by_experiment) >= {"repeat", "batch of 2", "batch of 8", "shuffled", "concurrency 8"}
