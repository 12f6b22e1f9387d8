"""The stored form of a side's contract, and of the comparison in a verdict."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.contract.comparison import compare_contracts
from parity_pipeline.core.contract.records import ContractOfSides, ContractOrigin, ContractRecord, ContractRequest
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.evidence_files import read_contract, read_verdict, write_contract, write_verdict
from parity_pipeline_tests.core.contract.observations import accepted, limit, refused, side_of
from parity_pipeline_tests.storage.records import make_verdict

ORIGIN = ContractOrigin(
    date="2026-04-30",
    model="m",
    url="http://127.0.0.1:3100/ai/embed",
    settings_hash="0" * 64,
    package_version="0.1.0",
    first="2026-04-30T06:00:00.000+00:00",
    last="2026-04-30T06:00:01.000+00:00",
)
RECORD = ContractRecord(
    origin=ORIGIN,
    observation=side_of(
        Side.LEGACY,
        accepted(ContractRequest.NULL_ELEMENT),
        refused(ContractRequest.BAD_JSON, words="lone \ud83d, <b> and | a pipe"),
        body_limit=limit(10, 11),
    ),
)


def test_a_contract_comes_back_as_it_was(tmp_path: Path) -> None:
    """Foreign words, limits and responses survive, and the same record gives the same bytes, all ASCII."""
    paths = tmp_path / "one.json", tmp_path / "two.json"
    for path in paths:
        write_contract(path, RECORD)
    assert read_contract(paths[0]) == RECORD
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_text("utf-8").isascii()


Change = Callable[[dict[str, Any]], object]

CHANGES: list[Change] = [
    lambda whole: whole.update(schema=2),
    lambda whole: whole.pop("origin"),
    lambda whole: whole.update(more=1),
    lambda whole: whole["observation"]["responses"][0].update(result="unheard of"),
    lambda whole: whole["observation"]["responses"][0].pop("status"),
    lambda whole: whole["observation"].update(requests=True),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_contract_is_refused(tmp_path: Path, change: Change) -> None:
    """Another schema, unknown words, missing and odd fields are errors that say what to do."""
    path = tmp_path / "contract.json"
    write_contract(path, RECORD)
    whole = json.loads(path.read_text("utf-8"))
    change(whole)
    path.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_contract(path)
    assert (
        caught.value.remedy == "Materialize that side's contract again, or run that date again with `parity backfill`."
    )


def test_a_verdict_holds_both_contracts(tmp_path: Path) -> None:
    """The comparison comes back with its differences."""
    two = side_of(Side.CANDIDATE, refused(ContractRequest.NULL_ELEMENT), batch_limit=limit(5))
    verdict = replace(
        make_verdict(), contract=compare_contracts(ContractOfSides(legacy=RECORD.observation, candidate=two))
    )
    write_verdict(tmp_path / "verdict.json", verdict)
    found = read_verdict(tmp_path / "verdict.json")
    assert found == verdict
    assert found.contract is not None
    assert found.contract.differences
