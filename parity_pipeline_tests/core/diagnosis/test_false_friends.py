"""Nothing is said of sides that only look like a cause, and what failed once is kept apart from what always fails."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline_tests.core.diagnosis.false_friends import (
    FALSE_FRIENDS,
    FalseFriend,
    wrongly_said,
)
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, hashed, real
from parity_pipeline_tests.core.diagnosis.odd_sides import NUMBERS, FaultyOnce

N = CauseName


@pytest.mark.parametrize("friend", FALSE_FRIENDS, ids=lambda one: one.name)
def test_what_only_looks_like_a_cause_is_not_named(friend: FalseFriend) -> None:
    """No cause is named that these sides do not have, none is called proven, and what they have is named."""
    assert wrongly_said(friend, friend.diagnosed()) == []


def test_there_are_at_least_sixty_false_friends() -> None:
    """The table is as long as it has to be, and each of its rows is another one."""
    assert len({one.name for one in FALSE_FRIENDS}) == len(FALSE_FRIENDS) >= 60


def test_rows_that_failed_once_are_kept_apart_from_rows_that_always_fail() -> None:
    """Of 38 rows that were wrong once and two that always are, the first are a matter of circumstances, the others not."""
    once, always = set(NUMBERS[10:48]), set(NUMBERS[60:62])
    side = FaultyOnce(once, always)
    friend = FalseFriend(name="", texts=NUMBERS, legacy=FaultySide(real), candidate=side)
    found = friend.diagnosed()
    assert found.failing == 40
    assert [(cause.name, cause.count) for cause in found.causes] == [(N.CIRCUMSTANCES, 38)]
    assert len(found.unexplained) == 2


def test_rows_at_the_threshold_do_not_come_right_by_rounding() -> None:
    """A row that differs by exactly what is allowed and passes the next time by a hair depends on no circumstance."""
    truth = {text: row.astype(np.float64) for text, row in zip(NUMBERS, hashed(NUMBERS, 96), strict=True)}
    aside = {text: row.astype(np.float64) for text, row in zip(NUMBERS, hashed(NUMBERS, 96, "aside"), strict=True)}
    sent: list[str] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows: list[NDArray[np.float64]] = []
        for text in texts:
            cosine = 0.999 + (2e-7 if text in sent else -2e-7)
            across = aside[text] - truth[text] * (aside[text] @ truth[text])
            across /= np.linalg.norm(across)
            rows.append(cosine * truth[text] + np.sqrt(1 - cosine**2) * across)
        sent.extend(texts)
        return np.array(rows, np.float32)

    friend = FalseFriend(
        name="", texts=NUMBERS, legacy=FaultySide(lambda texts: hashed(texts, 96)), candidate=FaultySide(embed)
    )
    found = friend.diagnosed()
    assert found.failing > 0
    assert N.CIRCUMSTANCES not in {cause.name for cause in found.causes}
