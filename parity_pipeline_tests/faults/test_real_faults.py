"""Simulated faults against real ones: what is said to be caught is, and what is said to be missed is not.

`bench.power` does the same for every fault on the seed, on all hazards and on 2,000 texts of traffic.
"""

import unicodedata
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.power.faults import FAULTS
from parity_pipeline.core.power.records import FaultResult
from parity_pipeline.faults.real_faults import RealFaults, proxied, words
from parity_pipeline.faults.texts import block_of

ROOT: Final = Path(__file__).parents[2]
SEED: Final = tuple((ROOT / "data" / "samples" / "seed.txt").read_text("utf-8").splitlines())
TWINS: Final = (
    *SEED,
    "Hello",
    "resume: 12 yrs warehouse — pick/pack",
    unicodedata.normalize("NFD", "résumé"),
    "résumé",
    " the dock ",
    "the dock",
    "the\ndock",
    "dock 7 is down!",
    "dock 8 is down!",
    "<s> the yard </s>",
    " ",
    *(
        f"{'the same long beginning of a text ' * 40} that ends on {day}"
        for day in ("Monday " * 40, "the last of May" * 20)
    ),
)


@pytest.fixture(name="seed", scope="module")
def _seed(tmp_path_factory: pytest.TempPathFactory) -> RealFaults:
    """Return the faults before the demo's candidate, on the texts without twins."""
    return RealFaults(tmp_path_factory.mktemp("seed"), block_of(SEED, ["seed"] * len(SEED)))


@pytest.fixture(name="twins", scope="module")
def _twins(tmp_path_factory: pytest.TempPathFactory) -> RealFaults:
    """Return the same on texts with twins."""
    return RealFaults(tmp_path_factory.mktemp("twins"), block_of(TWINS, ["seed"] * len(TWINS)))


def test_every_fault_can_be_put_before_the_gateway() -> None:
    """None of the simulated faults is beyond what a brute-force check can reach."""
    assert set(proxied(TWINS)) == {fault.name for fault in FAULTS}


def test_twins_leave_little_to_be_missed(twins: RealFaults) -> None:
    """The two sets claim different things, or the checks below would check half of it only."""
    assert twins.verdict.decision is Decision.PASS
    assert {one.name for one in twins.power.of(FaultResult.MISSED)} == {
        "int8", "float16", "raw-norm", "one-in-500", "refuse-long", "accept-surrogates", "cut-8000",
    }  # fmt: skip
    assert not [one.name for one in twins.power.faults if one.assumed and one.name not in {"prefix", "special-tokens"}]


def tables() -> list[list[list[str]]]:
    """Return the rows of the tables of `docs/power.md` that list faults, cell by cell."""
    parts = (ROOT / "docs" / "power.md").read_text("utf-8").split("| fault |")[1:]
    rows = [[line for line in part.splitlines()[2:] if line.startswith("| ")] for part in parts]
    return [[line.strip("| ").split(" | ") for line in lines] for lines in rows]


def test_the_document_lists_every_fault_of_the_code() -> None:
    """Each of the three tables has the faults in their order, and none that was said wrongly."""
    words = [fault.words for fault in FAULTS]
    assert [[row[0] for row in table] for table in tables()] == [words] * 3
    for _, simulated, real, _ in (row for table in tables() for row in table):
        caught, tried = real.split("/")
        assert simulated == "may be caught" or caught == ("0" if simulated == "not caught" else tried)


def test_the_document_says_of_the_seed_what_the_code_says(seed: RealFaults) -> None:
    """The first table is the one that a run of today makes."""
    assert [(row[1], row[3]) for row in tables()[0]] == [(words(one), one.why) for one in seed.power.faults]


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_what_is_said_of_texts_with_twins_holds(twins: RealFaults, name: str) -> None:
    """The product fails, or passes, a candidate with the fault as it said that it would."""
    simulated = next(one for one in twins.power.faults if one.name == name)
    found = twins.tried(simulated)
    assert found
    assert found.agrees, f"{simulated.result} ({simulated.why}), and for real {found.caught}"


@pytest.mark.parametrize("name", ["swap", "one-in-100", "int8", "raw-norm", "cut-100", "cut-1000", "prefix", "trim"])
def test_what_is_said_of_the_seed_holds(seed: RealFaults, name: str) -> None:
    """The same where most traits are missing."""
    simulated = next(one for one in seed.power.faults if one.name == name)
    found = seed.tried(simulated)
    assert found
    assert found.agrees, f"{simulated.result} ({simulated.why}), and for real {found.caught}"
