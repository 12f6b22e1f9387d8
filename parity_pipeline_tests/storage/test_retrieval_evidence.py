import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity
from parity_pipeline.storage.retrieval_evidence import (
    RetrievalEvidence,
    read_retrieval_evidence,
    read_retrieval_verdict,
    write_retrieval_evidence,
    write_retrieval_verdict,
)
from parity_pipeline_tests.storage.retrieval_records import (
    make_cause,
    make_confirmation,
    make_parity_header,
    make_relevance,
    make_retrieval_provenance,
    make_retrieval_verdict,
)

EVIDENCE = RetrievalEvidence(
    confirmation=make_confirmation(),
    attribution={Explanation.FILTER: 2, Explanation.UNKNOWN: 1},
    causes=(make_cause(),),
    relevance=(make_relevance(),),
)


def test_a_verdict_comes_back(tmp_path: Path) -> None:
    """Every field is what it was, lone surrogates and a limit that no value is beyond included."""
    path = tmp_path / "new" / "verdict.json"
    verdict = make_retrieval_verdict()
    write_retrieval_verdict(path, verdict)
    assert read_retrieval_verdict(path) == verdict
    limits = {one.measure: one.limits for one in read_retrieval_verdict(path).query_measures}
    assert limits[QueryMeasure.LENGTH] == Limits(0.0, float("inf"))


def test_a_verdict_is_json_for_everyone(tmp_path: Path) -> None:
    """The same verdict is the same bytes, and a strict JSON reader takes it."""
    for name in ("a.json", "b.json"):
        write_retrieval_verdict(tmp_path / name, make_retrieval_verdict())
    content = (tmp_path / "a.json").read_bytes()
    assert content == (tmp_path / "b.json").read_bytes()
    assert content.isascii()

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    assert json.loads(content, parse_constant=refuse)["endpoint"] == "retrieve"


def test_infinite_limits_of_the_set_come_back(tmp_path: Path) -> None:
    """Limits of either sign are infinite again."""
    verdict = make_retrieval_verdict()
    limits = Limits(float("inf"), float("-inf"))
    changed = tuple(replace(one, limits=limits) for one in verdict.set_measures)
    write_retrieval_verdict(tmp_path / "v.json", replace(verdict, set_measures=changed))
    found = read_retrieval_verdict(tmp_path / "v.json")
    assert {one.limits for one in found.set_measures} == {limits}
    assert found.value(SetMeasure.MEAN_RBO) == verdict.value(SetMeasure.MEAN_RBO)


def test_a_number_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    """A measure that is NaN or infinite is a bug, and never becomes part of a verdict."""
    verdict = make_retrieval_verdict()
    for bad in (float("nan"), float("inf")):
        measures = tuple(replace(one, value=bad) for one in verdict.set_measures)
        with pytest.raises(ArtifactError, match="NaN or infinity"):
            write_retrieval_verdict(tmp_path / "v.json", replace(verdict, set_measures=measures))
    assert not (tmp_path / "v.json").exists()


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"endpoint": "embed"}, {"corpus": None}, {"new": 1}, {"decision": "MAYBE"}]
)
def test_a_verdict_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """What this version does not know is never read as if it did; the message says what to do."""
    path = tmp_path / "v.json"
    write_retrieval_verdict(path, make_retrieval_verdict())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtifactError, match="retrieval verdict was written by another version") as caught:
        read_retrieval_verdict(path)
    assert (caught.value.place, caught.value.remedy) == (
        str(path),
        "Materialize retrieve/verdict again, or run that date again with `parity backfill`.",
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_document_is_refused(tmp_path: Path, share: float) -> None:
    """Half a document is damage."""
    path = tmp_path / "v.json"
    write_retrieval_verdict(path, make_retrieval_verdict())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ArtifactError, match="is damaged"):
        read_retrieval_verdict(path)


def test_a_missing_verdict_is_named(tmp_path: Path) -> None:
    """Missing differs from damaged."""
    with pytest.raises(ArtifactError, match="cannot read this retrieval verdict"):
        read_retrieval_verdict(tmp_path / "v.json")


@pytest.mark.parametrize("evidence", [EVIDENCE, RetrievalEvidence()])
def test_evidence_comes_back_for_its_comparison(tmp_path: Path, evidence: RetrievalEvidence) -> None:
    """What was found is what is read, nothing found included."""
    header = make_parity_header()
    write_retrieval_evidence(tmp_path / "e.json", evidence, header)
    assert read_retrieval_evidence(tmp_path / "e.json", header) == evidence


@pytest.mark.parametrize(
    "change",
    [
        {"query_set": QuerySetIdentity(hash="6" * 64, queries=3)},
        {"rules_hash": "f" * 64},
        {
            "sides": (
                make_retrieval_provenance(Side.LEGACY),
                make_retrieval_provenance(Side.CANDIDATE, fetched_to="2026-05-01T00:00:00Z"),
            )
        },
    ],
)
def test_evidence_on_another_comparison_does_not_count(tmp_path: Path, change: dict[str, Any]) -> None:
    """Evidence of other queries, lanes or rules says nothing about these."""
    write_retrieval_evidence(tmp_path / "e.json", EVIDENCE, make_parity_header())
    assert read_retrieval_evidence(tmp_path / "e.json", make_parity_header(**change)) is None


def test_missing_evidence_is_none_and_damaged_evidence_an_error(tmp_path: Path) -> None:
    """Nothing was looked for, or something was lost: two different things."""
    path = tmp_path / "e.json"
    assert read_retrieval_evidence(path, make_parity_header()) is None
    path.write_text("{}")
    with pytest.raises(ArtifactError, match="retrieval evidence was written by another version"):
        read_retrieval_evidence(path, make_parity_header())
