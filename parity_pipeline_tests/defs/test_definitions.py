"""What Dagster gets: asset keys, partitions, job, schedule, and traps of its API."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.automation import refetch_job
from parity_pipeline.defs.checks import FAMILIES
from parity_pipeline.defs.partitions import make_key, make_partitions, split_key
from parity_pipeline.steps.probes import EMBED
from parity_pipeline_tests.defs.project import MODEL, Project
from parity_pipeline_tests.fakes.gateways import hash_gateway

ROOT = Path(__file__).parents[2]


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    """Return the definitions of a project with two models."""
    models = (MODEL, "fake-16")
    return Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), models=models).definitions()


def test_the_graph_is_the_documented_one(definitions: dg.Definitions) -> None:
    """Asset keys, their inputs, groups and the schedule's cron string are what the documents say."""
    graph = definitions.resolve_asset_graph()
    edges = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert edges == {
        "samples": [],
        "legacy/embeddings": ["samples"],
        "candidate/embeddings": ["samples"],
        "legacy/stability": ["legacy/embeddings", "samples"],
        "candidate/stability": ["candidate/embeddings", "samples"],
        "legacy/contract": ["legacy/stability"],
        "candidate/contract": ["candidate/stability"],
        "parity": ["candidate/embeddings", "legacy/embeddings", "samples"],
        "confirmation": ["candidate/embeddings", "legacy/embeddings", "parity", "samples"],
        "diagnosis": [
            "candidate/embeddings",
            "candidate/stability",
            "confirmation",
            "legacy/embeddings",
            "legacy/stability",
            "parity",
            "samples",
        ],
        "verdict": ["candidate/contract", "confirmation", "diagnosis", "legacy/contract", "parity"],
        "report": ["verdict"],
        "summary": ["verdict"],
    }
    assert definitions.resolve_schedule_def(EMBED.schedule).cron_schedule == "0 6 * * *"


def test_every_asset_but_the_summary_has_the_partitions(definitions: dg.Definitions) -> None:
    """Date x model everywhere, and an unpartitioned summary in the same job."""
    graph = definitions.resolve_asset_graph()
    plain = [key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is None]
    assert plain == ["summary"]
    partitions = definitions.resolve_job_def(EMBED.job).partitions_def
    assert isinstance(partitions, dg.MultiPartitionsDefinition)
    assert sorted(partitions.partition_dimension_names) == ["date", "model"]


def test_checks_have_the_partitions_of_their_asset(definitions: dg.Definitions) -> None:
    """A check without partitions would load every partition of its asset."""
    specs = [
        spec
        for one in (*(definitions.assets or ()), *(definitions.asset_checks or ()))
        if isinstance(one, dg.AssetsDefinition)
        for spec in one.check_specs
    ]
    assert len(specs) == 8 + len(FAMILIES)
    assert all(spec.partitions_def is not None for spec in specs)
    assert not any(spec.blocking for spec in specs)


def test_every_check_of_the_verdict_is_in_one_family() -> None:
    """Dagster shows each check of the verdict, and none twice."""
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(CheckName)


def test_the_schedule_requests_one_run_per_model_for_the_day_that_has_begun(definitions: dg.Definitions) -> None:
    """At six in the morning each model gets a run of today's partition."""
    schedule = definitions.resolve_schedule_def(EMBED.schedule)
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 5, 3, 6, 0, tzinfo=UTC), repository_def=repository
    )
    requests = schedule.evaluate_tick(context).run_requests or []
    assert sorted(str(request.partition_key) for request in requests) == ["2026-05-03|fake-16", f"2026-05-03|{MODEL}"]


def test_the_last_partition_is_today_in_the_time_zone_of_the_settings() -> None:
    """The day begins at midnight of the settings' time zone, not of UTC."""
    partitions = make_partitions(date(2026, 4, 30), "Asia/Tokyo", ["m"])
    evening = datetime(2026, 5, 1, 16, 0, tzinfo=UTC)
    days = partitions.get_partitions_def_for_dimension("date").get_partition_keys(current_time=evening)
    assert days == ["2026-04-30", "2026-05-01", "2026-05-02"]


def test_a_plain_string_key_splits_like_a_multi_partition_key() -> None:
    """Dagster hands out both kinds; a key of another form is refused with the form it should have."""
    key = make_key("2026-05-01", "a|b")
    assert split_key(key) == split_key(str(key)) == ("2026-05-01", "a|b")
    with pytest.raises(ParityError, match=r"date\|model"):
        split_key("2026-05-01")


def test_the_tracked_dagster_yaml_is_the_packaged_one() -> None:
    """The home that the Makefile uses and a home that the command makes are configured alike."""
    packaged = ROOT / "parity_pipeline" / "defs" / "dagster.yaml"
    assert (ROOT / ".dagster" / "dagster.yaml").read_text("utf-8") == packaged.read_text("utf-8")


def test_make_dev_can_be_stopped_where_a_shell_ignores_ctrl_c() -> None:
    """What `make dev` puts before Dagster starts it with SIGINT as usual, also as a shell's job in the background."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (before,) = re.findall(r"^STOPPABLE := (.*)$", makefile, re.MULTILINE)
    assert "-c '$(STOPPABLE)'" in makefile
    shown = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    for start, handled in (([sys.executable, "-c", before], "True"), ([], "False")):
        command = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *start, sys.executable, "-c", shown]
        printed = subprocess.run(command, check=True, capture_output=True, text=True)
        assert printed.stdout.strip() == handled


def test_dagsters_own_yaml_is_accepted(tmp_path: Path) -> None:
    """Dagster reads our configuration: telemetry is off, pools are limited, and no run stays started for ever."""
    text = (ROOT / "parity_pipeline" / "defs" / "dagster.yaml").read_text("utf-8")
    (tmp_path / "dagster.yaml").write_text(text, "utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.telemetry_enabled is False
        # A run whose machine went down holds its place in the queue until then: the launcher does not know that it is dead.
        assert instance.run_monitoring_max_runtime_seconds == 86_400
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        # A place that an op holds outlives a process that was killed, and silently blocks every later run.
        assert str(pools.pool_granularity).endswith("RUN")


def test_the_definitions_load_as_a_code_location_does(definitions: dg.Definitions) -> None:
    """Names of assets, jobs and schedules do not clash, resources resolve: what Dagster checks when it loads them."""
    dg.Definitions.validate_loadable(definitions)
    assert {job.name for job in definitions.get_repository_def().get_all_jobs()} >= {EMBED.job}


@pytest.mark.parametrize("side", list(Side))
def test_a_job_for_each_lane_leaves_the_other_and_the_samples_alone(definitions: dg.Definitions, side: Side) -> None:
    """`candidate_again` holds its own lane and what is downstream, so that a backfill of it is one choice in the UI."""
    keys = definitions.resolve_job_def(refetch_job(side)).asset_layer.selected_asset_keys
    expected = {
        f"{side}/embeddings",
        f"{side}/stability",
        f"{side}/contract",
        "parity",
        "confirmation",
        "diagnosis",
        "verdict",
        "report",
        "summary",
    }
    assert {key.to_user_string() for key in keys} == expected
