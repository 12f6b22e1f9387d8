"""What Dagster gets of the retrieve probe: asset keys, partitions, checks, jobs and schedules beside those of embed."""

from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.defs.automation import refetch_job
from parity_pipeline.defs.checks import FAMILIES
from parity_pipeline.defs.partitions import CORPUS, make_key, split_key
from parity_pipeline.defs.retrieval_checks import RETRIEVAL_FAMILIES
from parity_pipeline.steps.probes import EMBED, PROBES, RETRIEVE
from parity_pipeline_tests.defs.project import MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_gateway

OF_RETRIEVE = {
    "retrieve/queries": [],
    "legacy/retrieval": ["retrieve/queries"],
    "candidate/retrieval": ["retrieve/queries"],
    "retrieve/parity": ["candidate/retrieval", "legacy/retrieval", "retrieve/queries"],
    "retrieve/verdict": ["retrieve/parity"],
    "retrieve/report": ["retrieve/verdict"],
    "summary": ["retrieve/verdict", "verdict"],
}


@pytest.fixture(name="definitions")
def _definitions(tmp_path: Path) -> dg.Definitions:
    return searching_project(tmp_path).definitions()


def keys_of(definitions: dg.Definitions) -> set[str]:
    """Return all asset keys."""
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def keys_of_job(definitions: dg.Definitions, job: str) -> set[str]:
    """Return the asset keys of a job."""
    return {key.to_user_string() for key in definitions.resolve_job_def(job).asset_layer.selected_asset_keys}


def test_the_graph_holds_both_probes(definitions: dg.Definitions) -> None:
    """The retrieve probe has a chain of its own, and the one summary depends on the verdicts of both."""
    graph = definitions.resolve_asset_graph()
    edges = {
        name: sorted(key.to_user_string() for key in graph.get(dg.AssetKey(name.split("/"))).parent_keys)
        for name in OF_RETRIEVE
    }
    assert edges == OF_RETRIEVE
    assert keys_of(definitions) - set(OF_RETRIEVE) == {
        "samples",
        "legacy/embeddings",
        "candidate/embeddings",
        "parity",
        "confirmation",
        "diagnosis",
        "verdict",
        "report",
    }


def test_the_definitions_load_as_a_code_location_does(definitions: dg.Definitions) -> None:
    """Names of assets, jobs, schedules and checks of both probes do not clash."""
    dg.Definitions.validate_loadable(definitions)
    jobs = {job.name for job in definitions.get_repository_def().get_all_jobs()}
    assert jobs >= {one.job for one in PROBES.values()} | {
        refetch_job(side, one) for side in Side for one in PROBES.values()
    }


def test_groups_follow_one_another(definitions: dg.Definitions) -> None:
    """Collapsed groups are drawn from left to right: none leads, over others, back to itself."""
    graph = definitions.resolve_asset_graph()
    before: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        found = before.setdefault(node.group_name or "", set())
        found |= {graph.get(parent).group_name or "" for parent in node.parent_keys} - {node.group_name or ""}
    order = list(TopologicalSorter(before).static_order())
    assert order[0] == "inputs"
    assert order[-1] == "verdicts"


def test_a_job_says_what_to_do_with_dagsters_warning(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions
) -> None:
    """The summary is of both probes, so that Dagster warns of the other one; with one probe it does not."""
    for probe in PROBES.values():
        assert "confirm" in (definitions.resolve_job_def(probe.job).description or "")
    alone = Project(tmp_path_factory.mktemp("alone"), hash_gateway("rust"), hash_gateway("go")).definitions()
    assert "confirm" not in (alone.resolve_job_def(EMBED.job).description or "")


def test_partitions_are_date_and_corpus(definitions: dg.Definitions) -> None:
    """Every asset of the probe but the summary has the partitions date x corpus, and embed's keep date x model."""
    graph = definitions.resolve_asset_graph()
    dimensions = {
        key.to_user_string(): sorted(found.partition_dimension_names)
        for key in graph.get_all_asset_keys()
        if isinstance(found := graph.get(key).partitions_def, dg.MultiPartitionsDefinition)
    }
    assert {name for name, value in dimensions.items() if value == ["corpus", "date"]} == set(OF_RETRIEVE) - {"summary"}
    assert {tuple(value) for name, value in dimensions.items() if name not in OF_RETRIEVE} == {("date", "model")}
    partitions = definitions.resolve_job_def(RETRIEVE.job).partitions_def
    assert isinstance(partitions, dg.MultiPartitionsDefinition)
    keys = partitions.get_partitions_def_for_dimension("corpus").get_partition_keys()
    assert keys == ["everyone", "staff"]


def test_checks_have_the_partitions_of_their_asset(definitions: dg.Definitions) -> None:
    """A check without partitions would load every partition of its asset; none of them blocks what follows."""
    specs = [
        spec
        for one in (*(definitions.assets or ()), *(definitions.asset_checks or ()))
        if isinstance(one, dg.AssetsDefinition)
        for spec in one.check_specs
        if spec.asset_key.to_user_string() in OF_RETRIEVE
    ]
    found = {f"{spec.asset_key.to_user_string()}:{spec.name}" for spec in specs}
    assert found == {
        "legacy/retrieval:fetch_complete",
        "candidate/retrieval:fetch_complete",
        "retrieve/verdict:verdict_is_pass",
        *(f"retrieve/verdict:{family}" for family in RETRIEVAL_FAMILIES),
    }
    assert all(spec.partitions_def is not None for spec in specs)
    assert not any(spec.blocking for spec in specs)


def test_every_check_of_the_verdict_is_in_one_family() -> None:
    """Dagster shows each check of a retrieval verdict, and none twice."""
    shown = [name for names in RETRIEVAL_FAMILIES.values() for name in names]
    assert sorted(shown) == sorted(RetrievalCheckName)


@pytest.mark.parametrize("side", list(Side))
def test_a_job_for_each_lane_leaves_the_other_and_the_queries_alone(definitions: dg.Definitions, side: Side) -> None:
    """`candidate_retrieve_again` holds its own lane and what is downstream, and nothing of the embed probe."""
    assert refetch_job(side, RETRIEVE) == f"{side}_retrieve_again"
    assert keys_of_job(definitions, refetch_job(side, RETRIEVE)) == {
        f"{side}/retrieval",
        "retrieve/parity",
        "retrieve/verdict",
        "retrieve/report",
        "summary",
    }


def test_each_probe_has_a_job_of_its_own(definitions: dg.Definitions) -> None:
    """A run of one probe makes nothing of the other, and each renews the summary."""
    assert keys_of_job(definitions, RETRIEVE.job) == set(OF_RETRIEVE)
    assert keys_of_job(definitions, EMBED.job) & set(OF_RETRIEVE) == {"summary"}


def test_each_probe_has_a_schedule_at_the_same_time(definitions: dg.Definitions) -> None:
    """Two schedules tick together; that of retrieve requests one run per corpus for the day that has begun."""
    schedules = [definitions.resolve_schedule_def(one.schedule) for one in PROBES.values()]
    assert [one.cron_schedule for one in schedules] == ["0 6 * * *"] * 2
    assert [one.job_name for one in schedules] == ["parity_run", "retrieve_run"]
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 5, 3, 6, 0, tzinfo=UTC),
        repository_def=definitions.get_repository_def(),
    )
    requests = schedules[1].evaluate_tick(context).run_requests or []
    assert sorted(str(request.partition_key) for request in requests) == ["everyone|2026-05-03", "staff|2026-05-03"]


def test_a_key_of_a_corpus_splits_as_a_string_too() -> None:
    """Dagster orders dimensions by name, so that the string is spelled `corpus|date`; a corpus may hold a bar."""
    key = make_key("2026-05-01", "a|b", CORPUS)
    assert split_key(key, CORPUS) == split_key(str(key), CORPUS) == ("2026-05-01", "a|b")
    with pytest.raises(ParityError, match=r"one date and one corpus.*corpus\|date"):
        split_key("2026-05-01", CORPUS)


def test_without_its_section_there_is_no_trace_of_the_probe(tmp_path: Path) -> None:
    """Settings without `retrieve` give the jobs, schedules, assets and checks of the embed probe alone."""
    definitions = Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), models=(MODEL,)).definitions()
    repository = definitions.get_repository_def()
    # Dagster adds a job of its own for assets that are materialized by hand.
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {"parity_run", "legacy_again", "candidate_again"}
    assert [one.name for one in repository.schedule_defs] == ["parity_daily"]
    assert not {key for key in keys_of(definitions) if "retriev" in key}
    graph = definitions.resolve_asset_graph()
    assert [key.to_user_string() for key in graph.get(dg.AssetKey("summary")).parent_keys] == ["verdict"]
    assert {key.name for key in graph.asset_check_keys if key.asset_key == dg.AssetKey("verdict")} == {
        "verdict_is_pass",
        *FAMILIES,
    }
