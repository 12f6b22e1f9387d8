"""Places in Dagster's pools, with an instance of its own a test."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from parity_pipeline.defs.slots import PROCESS_TAG, give_back, process_tag

POOL = "gateway_candidate"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Yield an instance with one place a pool."""
    (tmp_path / "dagster.yaml").write_text("concurrency: {pools: {granularity: op, default_limit: 1}}\n", "utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        made.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        yield made


def holder(instance: dg.DagsterInstance, tags: dict[str, str], status: dg.DagsterRunStatus) -> str:
    """Return the id of a run that holds the only place of the pool."""
    run = create_run_for_test(instance, tags=tags, status=status)
    assert instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "step").is_claimed
    return run.run_id


def taken(instance: dg.DagsterInstance) -> int:
    """Return how many places of the pool are taken."""
    return instance.event_log_storage.get_concurrency_info(POOL).active_slot_count


def test_a_killed_process_gives_its_place_back(instance: dg.DagsterInstance) -> None:
    """A run whose process is gone is marked as failed and no longer holds the place."""
    name = process_tag()[PROCESS_TAG]
    gone = {PROCESS_TAG: f"{name.rpartition('/')[0]}/1.00"}  # the pid lives, as that of a process begun at another time
    run = holder(instance, gone, dg.DagsterRunStatus.STARTED)
    assert give_back(instance) == (run,)
    assert taken(instance) == 0
    record = instance.get_run_by_id(run)
    assert record is not None
    assert record.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("tags", [process_tag(), {}, {PROCESS_TAG: "another-host/1/1.00"}], ids=["own", "none", "far"])
def test_who_may_live_keeps_the_place(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    """A run of this process, of another host, or of one that cannot be told is left alone."""
    holder(instance, tags, dg.DagsterRunStatus.STARTED)
    assert give_back(instance) == ()
    assert taken(instance) == 1


def test_an_ended_run_gives_its_place_back(instance: dg.DagsterInstance) -> None:
    """A place that a finished run still holds is free again, whoever ran it."""
    run = holder(instance, {}, dg.DagsterRunStatus.FAILURE)
    assert give_back(instance) == (run,)
    assert taken(instance) == 0
