"""A project with both probes and a few stored dates, for what reads stored results: the read API, and commands of history.

Here belong making the project and judging its dates through the real steps, with two gateways in this process.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.retrieval.judge_rankings import write_retrieval_report
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_reports import write_report, write_summary
from parity_pipeline_tests.defs.project import MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import DIMENSION, SearchingGateway
from parity_pipeline_tests.fakes.shapes import Vector

DAYS: Final = ("2026-05-01", "2026-05-02")
CORPUS: Final = "everyone"


def noon_of(day: str) -> datetime:
    """Return noon of a date."""
    return datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)


def make_project(folder: Path, **more: Any) -> Project:
    """Return a project without results whose settings file is written; keywords are further settings."""
    project = searching_project(folder)
    project.more = {**project.more, **more}
    project.write_settings()
    return project


def judge(project: Project, days: Sequence[str] = DAYS, *, at: datetime | None = None) -> RunContext:
    """Fetch and judge both probes for each date at its noon, or at one time, write the reports, and return the last run."""
    run = project.context()
    for day in days:
        project.clock = at or noon_of(day)
        run = project.context()
        run_partition(run, day, MODEL, run_id=f"run-{day}")
        write_report(run, day, MODEL)
        run = replace(run, now=lambda moment=project.clock: moment + timedelta(seconds=1))
        run_retrieval(run, day, CORPUS, run_id=f"run-{day}")
        write_retrieval_report(run, day, CORPUS)
        write_summary(run)
    return run


def another_candidate(project: Project, *texts: str) -> None:
    """Give the project a candidate that embeds these texts with another model, all texts where none is given."""

    def embed(text: str, model: str = MODEL) -> Vector:
        return hash_vector(text, "another" if not texts or text in texts else model, DIMENSION)

    assert isinstance(project.candidate, SearchingGateway)
    project.candidate.embedding.embed = embed
