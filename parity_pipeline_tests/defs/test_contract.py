"""The contract of each side as assets: what the verdict makes of it, and what it costs when it is off, old or missing."""

from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage.evidence_files import read_contract, read_verdict
from parity_pipeline.storage.ledger import entries
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, checks_of
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.storage.records import of_embed

WITHOUT_STABILITY = {"stability": {"enabled": False}}
OTHER_DEFAULT = {"default_model": "fake-16"}


def a_project(folder: Path, **more: object) -> Project:
    """Return a project whose candidate has another default model."""
    settings = {**WITHOUT_STABILITY, **more}
    return Project(folder, hash_gateway("rust"), hash_gateway("go", default_model="fake-16"), more=settings)


def verdict_of(project: Project) -> Verdict:
    """Return the stored verdict."""
    return read_verdict(project.settings().layout().verdict(DAY, MODEL))


def check_of(project: Project, name: CheckName) -> Check:
    """Return one check of the stored verdict."""
    return next(one for one in verdict_of(project).checks if one.name is name)


def test_both_contracts_are_stored_and_judged(tmp_path: Path) -> None:
    """One run stores both sides' contracts, the verdict compares them and warns, and the report shows the matrix."""
    project = a_project(tmp_path)
    result = project.run()
    layout = project.settings().layout()
    assert result.success
    assert [
        read_contract(layout.contract(side, DAY, MODEL)).observation.unusable for side in ("legacy", "candidate")
    ] == ["", ""]
    assert verdict_of(project).decision is Decision.PASS
    found = check_of(project, CheckName.CONTRACT_NO_MODEL)
    assert (found.passed, found.severity) == (False, CheckSeverity.WARN)
    assert checks_of(result)["verdict:contract"] is False
    report = layout.report(DAY, MODEL).read_text("utf-8")
    assert "## Contract" in report
    assert "| no model | HTTP 200, the vector of the requested model, `fake-32` |" in report
    shown = {
        key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if (key := event.asset_key) and key.path[-1] == "contract"
    }
    assert set(shown) == {"legacy/contract", "candidate/contract"}
    assert "unknown model" in str(shown["legacy/contract"]["responses"].value)


def test_the_ledger_holds_the_checks_and_not_the_matrix(tmp_path: Path) -> None:
    """A line of the ledger stays short: what each side did lies beside the verdict."""
    project = a_project(tmp_path)
    assert project.run().success
    (entry,) = entries(project.settings().layout().ledger)
    verdict = of_embed(entry.verdict)
    assert verdict.contract is None
    assert CheckName.CONTRACT_NO_MODEL in {one.name for one in verdict.checks}


def test_contracts_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them there are no such assets, checks, requests or sections, stored evidence or not."""
    monkeypatch.chdir(tmp_path)  # else the report names the settings file, and so this test
    project = a_project(tmp_path)
    assert project.run().success
    project.more["contract"] = {"enabled": False}
    keys = project.definitions().resolve_asset_graph().get_all_asset_keys()
    assert not [key for key in keys if key.path[-1] == "contract"]
    result = project.run()
    assert result.success
    assert "verdict:contract" not in checks_of(result)
    assert not [one for one in verdict_of(project).checks if one.name in OF_CONTRACT]
    report = project.settings().layout().report(DAY, MODEL).read_text("utf-8")
    assert "ontract" not in report


def test_a_date_without_contracts_is_judged_and_says_so(tmp_path: Path) -> None:
    """A date from before contracts were observed keeps its verdict: nothing was measured for the contract."""
    project = a_project(tmp_path, contract={"enabled": False})
    assert project.run().success
    project.more["contract"] = {"enabled": True}
    result = project.run("verdict", "report")
    assert result.success
    assert verdict_of(project).decision is Decision.PASS
    assert checks_of(result)["verdict:contract"] is False
    report = project.settings().layout().report(DAY, MODEL).read_text("utf-8")
    assert "Nothing was measured for: repeatability of the legacy side, repeatability of the candidate side" in report
    assert "contract of both sides" in report
    assert "Not measured: what either side does with odd requests was not observed for these lanes." in report


def test_a_contract_from_before_the_fetch_says_nothing(tmp_path: Path) -> None:
    """A lane that was fetched again has no contract until that is observed again: the gateway may be another one."""
    project = a_project(tmp_path)
    assert project.run().success
    project.clock = project.clock.replace(hour=9)
    assert project.run("candidate/embeddings", "parity", "confirmation", "diagnosis", "verdict").success
    found = check_of(project, CheckName.CONTRACT_NO_MODEL)
    assert found.passed is None
    assert "the candidate side is not known: it was observed before the fetch" in found.seen
    assert project.run("candidate/contract", "verdict").success
    assert check_of(project, CheckName.CONTRACT_NO_MODEL).passed is False


def test_one_side_can_be_observed_alone(tmp_path: Path) -> None:
    """Materializing one contract sends the other side nothing."""
    project = a_project(tmp_path)
    assert project.run().success
    legacy = project.legacy
    assert legacy is not None
    before = legacy.requests
    result = project.run("candidate/contract")
    assert result.success
    assert legacy.requests == before
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        dg.AssetKey(["candidate", "contract"])
    ]


@pytest.mark.parametrize(
    ("more", "decision"),
    [
        ({"checks": {"contract-no-model": "fail"}}, Decision.FAIL),
        ({"checks": {"contract-no-model": "inconclusive"}}, Decision.INCONCLUSIVE),
        (
            {
                "checks": {"contract-no-model": "fail"},
                "waivers": [
                    {
                        "id": "W-1",
                        "owner": "ann",
                        "reason": "known",
                        "expires": "2027-01-01",
                        "checks": ["contract-no-model"],
                    }
                ],
            },
            Decision.PASS_WITH_WAIVERS,
        ),
    ],
)
def test_settings_and_waivers_decide_over_the_contract(
    tmp_path: Path, more: dict[str, object], decision: Decision
) -> None:
    """A check of the contract has a severity and can be waived, like every other one."""
    project = a_project(tmp_path, **more)
    assert project.run().success
    assert verdict_of(project).decision is decision
