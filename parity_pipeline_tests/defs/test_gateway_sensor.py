"""The sensor of gateway changes: one change, one backfill of the newest dates; noise, outages and replicas set off none.

Each test drives it as the daemon does: a tick with the cursor of the one before, and run requests that are run as jobs.
"""

import shutil
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import dagster as dg
import numpy as np
import pytest

from parity_pipeline.core.gateway_states import StateEvent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.staleness import Freshness, staleness
from parity_pipeline.defs.gateway_sensor import CHANGE_TAG, NAME
from parity_pipeline.runs.runner import QUIET
from parity_pipeline.storage import ledger
from parity_pipeline.storage.gateways import read_states
from parity_pipeline_tests.defs.project import MODEL, Project
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway, hash_vector
from parity_pipeline_tests.fakes.shapes import Vector

DAYS = ("2026-04-30", "2026-05-01", "2026-05-02")


@dataclass
class Daemon:
    """What the daemon does, on one project: ticks with the last cursor, each run key once.

    Attributes:
        project: The project.
        cursor: The cursor of the last tick.
        keys: Run keys that were started.
    """

    project: Project
    cursor: str | None = None
    keys: set[str] = field(default_factory=set[str])

    def tick(self) -> list[dg.RunRequest]:
        """Evaluate the sensor once, a minute later, and return the requests whose key is new."""
        self.project.clock += timedelta(minutes=1)
        definitions = self.project.definitions()
        sensor = definitions.resolve_sensor_def(NAME)
        with dg.build_sensor_context(
            instance=self.project.instance, cursor=self.cursor, definitions=definitions, sensor_name=NAME
        ) as context:
            data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        requests = [one for one in data.run_requests or () if one.run_key not in self.keys]
        self.keys |= {one.run_key or "" for one in requests}
        return requests

    def start(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Start one run, as the daemon does for a request."""
        job = self.project.definitions().resolve_job_def(request.job_name or "")
        return job.execute_in_process(
            partition_key=request.partition_key,
            instance=self.project.instance,
            run_config=QUIET,
            tags=dict(request.tags),
            raise_on_error=False,
        )

    def stale_dates(self) -> list[str]:
        """Return the dates whose newest verdict is stale."""
        layout = self.project.settings().layout()
        states = read_states(layout.gateways)
        return [one.date for one in ledger.newest(layout.ledger) if staleness(one, states).stale]


MORE: Final = {
    "stability": {"enabled": False},
    "contract": {"enabled": False},
    "gateway_changes": {"backfill_dates": 2},
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with three judged dates, made once for the module."""
    folder = tmp_path_factory.mktemp("judged")
    project = Project(folder, hash_gateway("rust"), hash_gateway("go"), more=MORE)
    for day in DAYS:
        assert project.run(day=day).success
    return folder


@pytest.fixture
def daemon(tmp_path: Path, judged: Path) -> Daemon:
    """A copy of that project, whose sensor asks for two dates."""
    copied = tmp_path / "project"
    shutil.copytree(judged, copied)
    return Daemon(Project(copied, hash_gateway("rust"), hash_gateway("go"), more=MORE))


def candidate_of(daemon: Daemon) -> Gateway:
    """Return the candidate gateway."""
    assert isinstance(daemon.project.candidate, Gateway)
    return daemon.project.candidate


def another_build(gateway: Gateway) -> None:
    """Let the gateway return the vectors of another build from now on."""
    gateway.embed = lambda text, _model: hash_vector(text, "another build", 32)


def days_of(requests: list[dg.RunRequest]) -> list[str]:
    """Return the dates of run requests, in their order."""
    return [str(one.partition_key).partition("|")[0] for one in requests]


def test_it_is_off_until_it_is_started(daemon: Daemon) -> None:
    """The sensor does not run by itself, and looks as often as the settings say."""
    sensor = daemon.project.definitions().resolve_sensor_def(NAME)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert sensor.minimum_interval_seconds == 600


def test_the_same_gateways_have_not_changed(daemon: Daemon) -> None:
    """However often it looks, gateways that stay as they were request nothing, add no line, and leave the summary alone."""
    layout = daemon.project.settings().layout()
    before = layout.gateways.stat().st_size, layout.summary.stat().st_mtime_ns
    assert [daemon.tick() for _ in range(4)] == [[]] * 4
    assert (layout.gateways.stat().st_size, layout.summary.stat().st_mtime_ns) == before
    assert not daemon.stale_dates()


def test_a_change_requests_the_newest_dates_once(daemon: Daemon) -> None:
    """Another build is noticed at the next look, sets off the candidate's lane of the newest dates, and nothing more."""
    assert not daemon.tick()
    another_build(candidate_of(daemon))
    requests = daemon.tick()
    assert days_of(requests) == ["2026-05-02", "2026-05-01"]
    assert {one.job_name for one in requests} == {"candidate_again"}
    assert requests[0].tags[CHANGE_TAG].startswith("candidate: the vectors of 6 of 6 canary texts changed")
    assert [daemon.tick() for _ in range(12)] == [[]] * 12


def test_stale_dates_are_judged_again(daemon: Daemon) -> None:
    """After the change all dates are stale; those that were fetched again are not, and the summary says so."""
    daemon.tick()
    another_build(candidate_of(daemon))
    requests = daemon.tick()
    assert daemon.stale_dates() == list(DAYS)
    for one in requests:
        assert daemon.start(one).success
    assert daemon.stale_dates() == ["2026-04-30"]
    layout = daemon.project.settings().layout()
    text = layout.summary.read_text("utf-8")
    assert text.count("**stale**") == 1
    assert "PASS, **stale**" in next(line for line in text.splitlines() if line.startswith("| 2026-04-30"))
    assert "the candidate changed after this fetch" in layout.html_index.read_text("utf-8")


def test_a_restarted_daemon_does_not_fire_again(daemon: Daemon) -> None:
    """A tick whose cursor was lost requests the same run keys, which Dagster does not start again."""
    daemon.tick()
    before = daemon.cursor
    another_build(candidate_of(daemon))
    assert len(daemon.tick()) == 2
    daemon.cursor = before
    assert daemon.tick() == []


def test_a_lost_cursor_compares_with_what_is_recorded(daemon: Daemon) -> None:
    """The first look ever is compared with the last fetch, so that a change while nobody looked is noticed."""
    another_build(candidate_of(daemon))
    assert days_of(daemon.tick()) == ["2026-05-02", "2026-05-01"]


def test_a_change_that_a_fetch_saw_first_is_a_change(daemon: Daemon) -> None:
    """The daily run may record the new build before the sensor looks; the older dates are requested all the same."""
    daemon.tick()
    another_build(candidate_of(daemon))
    daemon.project.clock += timedelta(minutes=1)
    assert daemon.project.run(day="2026-05-02").success
    assert days_of(daemon.tick()) == ["2026-05-02", "2026-05-01"]
    assert daemon.tick() == []


def test_a_gateway_that_is_down_has_not_changed(daemon: Daemon) -> None:
    """An outage requests nothing, and neither does the gateway that comes back as it was."""
    daemon.tick()
    kept, daemon.project.candidate = daemon.project.candidate, None
    assert [daemon.tick(), daemon.tick()] == [[], []]
    daemon.project.candidate = kept
    assert [daemon.tick(), daemon.tick()] == [[], []]
    assert not daemon.stale_dates()


def test_noise_changes_nothing(daemon: Daemon) -> None:
    """A side whose responses always differ a little requests nothing."""
    candidate = candidate_of(daemon)
    random = np.random.default_rng(7)

    def noisy(text: str, model: str) -> Vector:
        return (hash_vector(text, model, 32) + 0.05 * random.standard_normal(32) / np.sqrt(32)).astype(np.float32)

    candidate.embed = noisy
    daemon.project.clock += timedelta(minutes=1)
    assert daemon.project.run(day="2026-05-02").success
    first = daemon.tick()
    assert [daemon.tick() for _ in range(20)] == [[]] * 20
    assert len(first) <= 2


def test_replicas_in_turn_are_reported_and_not_backfilled(daemon: Daemon) -> None:
    """Two builds behind one address are recorded as alternating once, and request nothing, however long it goes on."""
    daemon.tick()
    candidate = candidate_of(daemon)
    own = candidate.embed

    def in_turn(text: str, model: str) -> Vector:
        return own(text, model) if candidate.requests % 2 else hash_vector(text, "another build", 32)

    candidate.embed = in_turn
    assert [daemon.tick() for _ in range(12)] == [[]] * 12
    layout = daemon.project.settings().layout()
    records = read_states(layout.gateways).of_lane("embed", Side.CANDIDATE, MODEL).records
    assert sum(one.event is StateEvent.ALTERNATING for one in records) == 1
    newest = ledger.newest(layout.ledger)[-1]
    assert staleness(newest, read_states(layout.gateways)).candidate.freshness is Freshness.UNKNOWN


def test_replicas_that_change_from_look_to_look_are_backfilled_once(daemon: Daemon) -> None:
    """Where every look meets the other replica, the first is a change, and the rest is reported without a request."""
    daemon.tick()
    candidate = candidate_of(daemon)
    one = candidate.embed
    requested = [len(daemon.tick())]
    for look in range(20):
        candidate.embed = one if look % 2 else (lambda text, _model: hash_vector(text, "another build", 32))
        requested.append(len(daemon.tick()))
    assert sum(requested) == 2
    records = read_states(daemon.project.settings().layout().gateways).of_lane("embed", Side.CANDIDATE, MODEL).records
    assert len(records) <= 4


def test_without_a_number_of_dates_nothing_is_requested(tmp_path: Path) -> None:
    """By default a change is reported and marks dates as stale, and no run is requested."""
    off = {"stability": {"enabled": False}, "contract": {"enabled": False}}
    daemon = Daemon(Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), more=off))
    assert daemon.project.run(day=DAYS[0]).success
    another_build(candidate_of(daemon))
    assert daemon.tick() == []
    assert daemon.stale_dates() == [DAYS[0]]
    layout = daemon.project.settings().layout()
    assert "PASS, **stale**" in layout.summary.read_text("utf-8")  # at once, not with the next run
    assert "the candidate changed after this fetch" in layout.html_index.read_text("utf-8")


def test_a_summary_that_cannot_be_written_holds_no_run_back(daemon: Daemon) -> None:
    """Where the ledger is damaged, the change is recorded and its runs are requested all the same."""
    layout = daemon.project.settings().layout()
    layout.ledger.write_bytes(layout.ledger.read_bytes() + b"<<<<<<< HEAD\n")
    another_build(candidate_of(daemon))
    assert days_of(daemon.tick()) == ["2026-05-02", "2026-05-01"]


def test_only_dates_with_the_other_lane_are_requested(daemon: Daemon) -> None:
    """A date whose vectors of the other side are gone cannot be judged again, and is passed over."""
    layout = daemon.project.settings().layout()
    layout.embeddings(Side.LEGACY, "2026-05-01", MODEL).unlink()
    another_build(candidate_of(daemon))
    assert days_of(daemon.tick()) == ["2026-05-02", "2026-04-30"]


def test_a_cursor_of_another_version_is_read_as_none(daemon: Daemon) -> None:
    """A cursor that cannot be read costs no tick."""
    daemon.cursor = '{"embed/candidate/fake-32": {"other": 1}}'
    assert daemon.tick() == []
    assert replace(daemon).cursor


@pytest.mark.parametrize(
    "cursor", ['{"embed/candidate/fake-32": {"down": true}}', '{"embed/candidate/fake-32": {}}', "x", "[]"]
)
def test_a_cursor_without_a_state_is_compared_with_what_is_recorded(daemon: Daemon, cursor: str) -> None:
    """A first look that met an outage, or a cursor of another version, hides no change since the last fetch."""
    daemon.cursor = cursor
    another_build(candidate_of(daemon))
    assert days_of(daemon.tick()) == ["2026-05-02", "2026-05-01"]


def test_the_drift_of_a_side_is_a_finding(daemon: Daemon) -> None:
    """The first verdict after the change says since when the candidate drifted; the legacy side, which did not, passes."""
    another_build(candidate_of(daemon))
    daemon.project.clock += timedelta(days=2)
    assert daemon.project.run(day="2026-05-03").success
    verdict = ledger.newest(daemon.project.settings().layout().ledger)[-1]
    checks = {one.name.value: one for one in verdict.checks}
    assert checks["candidate-drift"].passed is False
    assert checks["candidate-drift"].seen.startswith("the candidate drifted since 2026-05-03: worst cosine ")
    assert checks["legacy-drift"].passed is True
