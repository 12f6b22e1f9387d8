"""Files of the retrieve probe stay readable: a stored sample of version 1, read by the readers of now.

`data/retrieval_version_1/README.md` says how it was made and when it may be made again.
"""

import json
from pathlib import Path

import pytest

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.ranked_lists import RankedLists
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline_tests.storage import retrieval_version_1 as old
from parity_pipeline_tests.storage.records import DATE
from parity_pipeline_tests.storage.retrieval_records import CORPUS, same_lists


def test_every_file_says_what_it_said() -> None:
    """Queries, rankings, comparison, evidence, verdict and ledger come back unchanged, bit for bit where it matters."""
    assert old.facts() == json.loads((old.FOLDER / "facts.json").read_text())


def test_the_facts_are_those_of_the_raw_files() -> None:
    """The facts were taken without any reader of the product."""
    assert old.raw_facts() == json.loads((old.FOLDER / "facts.json").read_text())


@pytest.mark.parametrize("side", list(Side))
def test_lists_and_rankings_are_the_same(side: Side) -> None:
    """The fast reader and the plain one agree on the stored files."""
    file = RankingsFile(old.layout().rankings(side, DATE, CORPUS))
    [block], [lists] = list(file.blocks()), list(file.lists())
    assert same_lists(lists, RankedLists.of(block.rankings))


def test_the_sample_is_made_by_its_program(tmp_path: Path) -> None:
    """The program writes files whose facts are the same by either way of reading them."""
    old.write(tmp_path)
    assert old.facts(tmp_path) == old.raw_facts(tmp_path)


def test_the_sample_stays_small() -> None:
    """All of it takes less than 200 kB."""
    assert sum(path.stat().st_size for path in old.FOLDER.rglob("*") if path.is_file()) < 200_000
