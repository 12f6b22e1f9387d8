"""What pruning removes and what it never touches: files by their age, and the lanes that a recorded legacy side needs."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.keep_verdict import keep_verdict
from parity_pipeline.steps.probes import EMBED
from parity_pipeline.steps.prune_vectors import STAGING, find_old, prune_by_settings, remove
from parity_pipeline.steps.record_failure import not_run_verdict
from parity_pipeline.steps.recordings import LAST, find_recording
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import draft_path, publish
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.evidence_files import write_verdict
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.staging import SqliteStaging, staging_folder
from parity_pipeline_tests.defs.project import MODEL
from parity_pipeline_tests.reading.stored import CORPUS, make_project
from parity_pipeline_tests.storage.records import make_provenance, make_rows, make_samples, make_verdict, store_samples

DAYS: Final = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")
NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
TODAY: Final = "2026-05-01"
AGE: Final = timedelta(days=90)
OTHERS: Final = ("samples", "parity", "verdict", "diagnosis", "confirmation")


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    """A project whose lanes of four dates in January are all stored, and whose last two dates did not pass."""
    context = make_project(tmp_path).context()
    for day in DAYS:
        store_samples(context.layout.samples(day, MODEL), make_samples(3))
        for side in Side:
            store_lane(context.layout, side, day)
        judged(context, day, Decision.PASS if day in DAYS[:2] else Decision.FAIL)
    return replace(context, now=lambda: NOW)


def store_lane(
    layout: Layout, side: Side, day: str, *, failed: bool = False, copy_of: str = "", refetched: str = ""
) -> Path:
    """Store a small lane of a date, its file as old as the date; a copy of another date says when that one was fetched."""
    path = layout.embeddings(side, day, MODEL)
    draft = draft_path(path)
    with EmbeddingsWriter(draft) as writer:
        writer.add(make_rows(0, 3))
        counts = {"failed": 3} if failed else {"ok": 3}
        fetched, inputs = (
            f"{refetched or copy_of or day}T06:00:01Z",
            SampleSetFile(layout.samples(DAYS[0], MODEL)).header.hash,
        )
        facts = {"status_counts": counts, "fetched_to": fetched, "sample_set_hash": inputs, "recorded": copy_of}
        writer.finish(make_provenance(side, samples=3, model=MODEL, date=day, **facts))
    publish(draft, path)
    return aged(path, day)


def aged(path: Path, day: str) -> Path:
    """Set when a file was last changed to midnight of a date."""
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    return path


def judged(run: RunContext, day: str, decision: Decision, *, recorded: str = "06:00:00Z", probe: str = "embed") -> None:
    """Record a verdict of a date."""
    verdict = make_verdict(date=day, model=MODEL, decision=decision, endpoint=probe)
    layout = replace(run.layout, probe=probe)
    legacy, candidate = (
        replace(verdict.side(side), provenance=EmbeddingsFile(layout.embeddings(side, day, MODEL)).header)
        for side in Side
    )
    verdict = replace(verdict, legacy=legacy, candidate=candidate)
    ledger.append(run.layout.ledger, verdict, recorded_at=f"{day}T{recorded}", run_id="run")


def recording(run: RunContext, recorded: str) -> RunContext:
    """Return what the steps share in a project whose legacy side is a recording."""
    legacy = replace(run.gateways[Side.LEGACY], recorded=recorded)
    return replace(run, gateways={**run.gateways, Side.LEGACY: legacy})


def store_verdict(run: RunContext, day: str) -> None:
    """Store the newest verdict of a date as its own file, which recordings are chosen by."""
    [held] = [one for one in ledger.newest(run.layout.ledger) if one.date == day]
    assert isinstance(held, Verdict)
    write_verdict(run.layout.verdict(day, MODEL), held)


def lanes(layout: Layout, side: Side) -> list[str]:
    """Return the dates on which a side has a lane."""
    return [day for day in DAYS if layout.embeddings(side, day, MODEL).exists()]


def pruned(run: RunContext, age: timedelta = AGE) -> int:
    """Remove what is older than an age."""
    return remove(find_old(run, age, NOW).old)


def test_what_a_recording_rests_on_stays(run: RunContext) -> None:
    """Of each side the newest lane and the newest that passed stay, however old; the others go."""
    found = find_old(run, AGE, NOW)
    assert {(one.date, one.side) for one in found.kept} == {(day, side) for day in (DAYS[1], DAYS[3]) for side in Side}
    assert len(found.old) == 4
    assert found.bytes == sum(one.path.stat().st_size for one in found.old)
    assert pruned(run) == found.bytes
    for side in Side:
        assert lanes(run.layout, side) == [DAYS[1], DAYS[3]]


def test_what_a_copy_was_copied_from_stays(run: RunContext) -> None:
    """Where the newest lanes that passed are copies of a recording, its date stays with them, and the next one to record."""
    for day in DAYS[2:]:
        store_lane(run.layout, Side.LEGACY, day, copy_of=DAYS[0])
        judged(run, day, Decision.PASS, recorded="07:00:00Z")
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[0], DAYS[1], DAYS[3]]


def test_a_run_that_ended_before_its_verdict_costs_no_recording(run: RunContext) -> None:
    """What passed is still what `recorded: last` takes, and stays, where a later run of that date was killed."""
    run = recording(run, LAST)
    for day in DAYS[:2]:
        store_verdict(run, day)
    killed = RunFailure(step="candidate/embeddings", problem="its process was terminated")
    assert keep_verdict(run, not_run_verdict(run, EMBED, DAYS[1], MODEL, killed), run_id="killed")
    assert find_recording(run, Side.LEGACY, TODAY, MODEL).date == DAYS[1]
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[1], DAYS[3]]


def test_what_the_last_recording_is_taken_from_stays(run: RunContext) -> None:
    """Where the date that copies came from does not pass any more, `recorded: last` takes an older one, which stays too."""
    for day in DAYS[2:]:
        store_lane(run.layout, Side.LEGACY, day, copy_of=DAYS[1])
        judged(run, day, Decision.PASS, recorded="07:00:00Z")
    judged(run, DAYS[1], Decision.FAIL, recorded="08:00:00Z")
    run = recording(run, LAST)
    for day in DAYS[:2]:
        store_verdict(run, day)
    taken = find_recording(run, Side.LEGACY, TODAY, MODEL)
    assert taken.date == DAYS[0]
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[0], DAYS[1], DAYS[3]]
    assert find_recording(run, Side.LEGACY, TODAY, MODEL).date == taken.date


def test_a_date_that_the_settings_name_stays(run: RunContext) -> None:
    """A named date that failed stays for the side that is its recording, whatever else is newer; the other side's goes."""
    run = recording(run, DAYS[2])
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [*DAYS[1:]]
    assert lanes(run.layout, Side.CANDIDATE) == [DAYS[1], DAYS[3]]
    assert find_recording(run, Side.LEGACY, TODAY, MODEL).date == DAYS[2]


def test_a_pass_on_other_vectors_does_not_count(run: RunContext) -> None:
    """A date whose lane, or whose samples, came after its verdict is not the newest that passed."""
    store_lane(run.layout, Side.LEGACY, DAYS[1], refetched="2026-01-09")
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[0], DAYS[3]]


def test_a_pass_without_its_samples_does_not_count(run: RunContext) -> None:
    """A date whose samples were drawn again, or are gone, cannot stand in for a side."""
    store_samples(run.layout.samples(DAYS[1], MODEL), make_samples(4))
    pruned(run)
    assert lanes(run.layout, Side.CANDIDATE) == [DAYS[0], DAYS[3]]


def test_the_newest_whole_lane_stays_too(run: RunContext) -> None:
    """A newest lane on which the legacy gave no response does not displace the newest one with all responses."""
    store_lane(run.layout, Side.LEGACY, DAYS[3], failed=True)
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == list(DAYS[1:])
    run.layout.embeddings(Side.LEGACY, DAYS[2], MODEL).write_bytes(b"damaged")
    aged(run.layout.embeddings(Side.LEGACY, DAYS[2], MODEL), DAYS[2])
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[1], DAYS[3]]


def test_the_verdict_that_counts_decides_what_passed(run: RunContext) -> None:
    """A date that passed once and fails by its newest verdict is not the newest that passed."""
    judged(run, DAYS[1], Decision.FAIL, recorded="07:00:00Z")
    pruned(run)
    assert lanes(run.layout, Side.LEGACY) == [DAYS[0], DAYS[3]]


def test_nothing_young_goes(run: RunContext) -> None:
    """A lane stays while its date, or its file, is younger than the age: an old date that was fetched again is young."""
    assert find_old(run, timedelta(days=121), NOW).old == ()
    aged(run.layout.embeddings(Side.CANDIDATE, DAYS[0], MODEL), "2026-04-30")
    pruned(run)
    assert lanes(run.layout, Side.CANDIDATE) == [DAYS[0], DAYS[1], DAYS[3]]
    assert [one.date for one in find_old(run, timedelta(hours=12), NOW).old] == [DAYS[0]]


@pytest.mark.parametrize(("age", "dates"), [(117, DAYS[:3]), (118, DAYS[:2]), (119, DAYS[:1]), (120, ())])
def test_the_age_is_exact(run: RunContext, age: int, dates: Sequence[str]) -> None:
    """A date that is exactly as old as the age is not old, and one that is a day older is."""
    for day in DAYS:
        aged(run.layout.embeddings(Side.CANDIDATE, day, MODEL), "2025-12-01")
    found = find_old(run, timedelta(days=age), NOW)
    assert sorted(one.date for one in (*found.old, *found.kept) if one.side == "candidate") == list(dates)


def test_verdicts_and_all_else_stay(run: RunContext) -> None:
    """Anything but vectors, rankings and staging is never touched, the ledger least of all."""
    paths = [getattr(run.layout, name)(DAYS[0], MODEL) for name in OTHERS]
    paths += [run.layout.retrieval_parity(DAYS[0], CORPUS), run.layout.queries(DAYS[0], CORPUS)]
    paths += [run.layout.report(DAYS[0], MODEL), run.layout.summary]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept", "utf-8")
        aged(path, DAYS[0])
    entries = run.layout.ledger.read_bytes()
    pruned(run, timedelta(days=1))
    assert [path.read_text("utf-8") for path in paths] == ["kept"] * len(paths)
    assert run.layout.ledger.read_bytes() == entries


def test_rankings_and_the_adapter_s_lanes_go_likewise(run: RunContext) -> None:
    """Every probe has lanes and verdicts of its own, by which the newest that passed is found."""
    adapter = replace(run.layout, probe=EMBED_THROUGH_ADAPTER)
    for day in DAYS[:3]:
        for side in Side:
            store_lane(adapter, side, day)
            path = run.layout.rankings(side, day, CORPUS)
            path.parent.mkdir(parents=True)
            path.write_bytes(b"rankings")
            aged(path, day)
    judged(run, DAYS[0], Decision.PASS, probe=EMBED_THROUGH_ADAPTER)
    pruned(run)
    assert lanes(adapter, Side.LEGACY) == [DAYS[0], DAYS[2]]
    stored = [run.layout.rankings(side, day, CORPUS).exists() for side in Side for day in DAYS[:3]]
    assert stored == [False, False, True] * 2


def test_what_is_staged_goes_unless_a_fetch_holds_it(run: RunContext) -> None:
    """Staging of long ago is removed; that of a fetch under way is not, whatever its files' age."""
    folders = [
        staging_folder(
            run.layout.staging, side=side, model=MODEL, date=DAYS[0], sample_set_hash="ab", settings_hash="cd"
        )
        for side in Side
    ]
    held, idle = (SqliteStaging(folder) for folder in folders)
    with idle:
        pass
    with held:
        for path in (path for folder in folders for path in folder.iterdir()):
            aged(path, DAYS[0])
        assert len([one for one in find_old(run, AGE, NOW).old if one.side == STAGING]) == 2
        pruned(run)
        assert [folder.exists() for folder in folders] == [True, False]


def test_a_second_time_frees_nothing(run: RunContext) -> None:
    """What is gone stays gone, and a list made before another call removes nothing twice."""
    found = find_old(run, AGE, NOW).old
    assert remove(found) > 0
    assert remove(found) == 0
    assert pruned(run) == 0


def test_a_stop_midway_is_made_good(run: RunContext) -> None:
    """After some files went, the next call removes the others and keeps what the first would have kept."""
    remove(find_old(run, AGE, NOW).old[:3])
    pruned(run)
    for side in Side:
        assert lanes(run.layout, side) == [DAYS[1], DAYS[3]]


def test_empty_folders_go_with_the_last_file(run: RunContext) -> None:
    """The folders of a date are removed where nothing else is in them."""
    pruned(run)
    assert not run.layout.embeddings(Side.CANDIDATE, DAYS[0], MODEL).parents[1].exists()
    assert run.layout.embeddings(Side.CANDIDATE, DAYS[0], MODEL).parents[2].exists()


def test_a_damaged_ledger_removes_nothing(run: RunContext) -> None:
    """Without the ledger it is not known what has to stay, so that nothing goes."""
    run.layout.ledger.write_bytes(b"damaged\n" + run.layout.ledger.read_bytes())
    with pytest.raises(ArtifactError, match=r"ledger\.jsonl:1"):
        pruned(run)
    assert lanes(run.layout, Side.CANDIDATE) == list(DAYS)


def test_the_settings_keep_everything_unless_they_say_otherwise(run: RunContext) -> None:
    """A run removes old vectors where `retention.vectors_days` is set, and nothing where it is not."""
    assert prune_by_settings(run) == 0
    assert lanes(run.layout, Side.CANDIDATE) == list(DAYS)
    assert prune_by_settings(replace(run, keep_vectors=AGE)) > 0
    assert lanes(run.layout, Side.CANDIDATE) == [DAYS[1], DAYS[3]]
