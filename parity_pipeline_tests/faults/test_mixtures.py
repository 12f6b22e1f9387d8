"""Two faults at a time: both are named, and what cannot be separated is set aside and counted."""

from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.outcomes import Side
from parity_pipeline.faults.mixtures import (
    LEFT_OUT,
    SAME,
    UNREADABLE,
    Mixture,
    MixtureLine,
    Mixtures,
    mixtures,
    summary,
)
from parity_pipeline.faults.trial_run import COULD_NOT_RUN

SEED: Final = 1

TRIED: Final = (
    ("history", "permute"),
    ("rotate-space", "noise"),
    ("lower-case", "half-width"),
    ("context-size", "html"),
    ("int8", "nan"),
)
"""Pairs of which one fault once hid the other, or was taken for a third."""


@pytest.fixture(name="judge", scope="module")
def _judge(tmp_path_factory: pytest.TempPathFactory) -> Mixtures:
    """Return the runs on the texts of one seed."""
    return Mixtures(tmp_path_factory.mktemp("mixtures"), SEED)


def mixture_of(one: str, other: str) -> Mixture:
    """Return a pair before the candidate."""
    return Mixture(faults=(one, other), seed=SEED, side=Side.CANDIDATE)


def line_of(verdict: str, *missed: str, false: frozenset[CauseName] = frozenset()) -> MixtureLine:
    """Return what came out of one pair."""
    return MixtureLine(
        mixture=mixture_of("html", "noise"), verdict=verdict, named=frozenset(), missed=missed, false=false
    )


@pytest.mark.parametrize("pair", TRIED, ids="+".join)
def test_nothing_is_proven_wrongly_or_certified(pair: tuple[str, str], judge: Mixtures) -> None:
    """Neither fault of a pair makes the other one into a third cause that is called proven, and no pair passes."""
    line = judge.line(mixture_of(*pair))
    assert not line.false
    assert not line.certified
    assert line.both or pair == ("history", "permute")


def test_pairs_are_drawn_without_those_that_are_one_fault() -> None:
    """Each pair comes once before any comes twice, none has a fault of whole requests, and an unreadable body is outermost."""
    drawn = [mixture.faults for mixture in islice(mixtures(SEED), 300)]
    assert len({frozenset(pair) for pair in drawn}) == len(drawn)
    assert not SAME & {frozenset(pair) for pair in drawn}
    assert not LEFT_OUT & {name for pair in drawn for name in pair}
    assert not UNREADABLE & {inner for inner, _ in drawn}


def test_a_fault_that_changes_no_text_of_the_set_is_none_of_a_pair(tmp_path: Path) -> None:
    """Of seed 4 no text is written with separate accents, so nothing is composed; of seed 1 some are."""
    pair = mixture_of("unicode-nfc", "history")
    assert Mixtures(tmp_path, 4).without_effect(pair) == ("unicode-nfc",)
    assert Mixtures(tmp_path, SEED).without_effect(pair) == ()


def test_a_side_that_cannot_be_used_is_set_aside_only_where_the_error_names_a_fault() -> None:
    """The figures say how many were set aside; an error that names neither of the faults counts as missed."""
    unusable, unnamed = line_of(COULD_NOT_RUN, "noise"), line_of(COULD_NOT_RUN, "html", "noise")
    lines = [unusable, unnamed, line_of("FAIL")]
    assert [line.inseparable for line in lines] == [True, False, False]
    assert summary(lines) == (
        "both named: 1 of 2 (50%); certified: 0; called proven wrongly: 0; "
        "set aside, since the side cannot be used from the start: 1"
    )
