"""A project with both probes after the flip: one date that passed, a newer one that failed, and the legacy switched off.

Here belong the project and how its settings change at the flip. What its recordings have to do belongs to the tests.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.steps.retrieval.judge_rankings import write_retrieval_report
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.storage.retrieval_evidence import read_retrieval_verdict
from parity_pipeline_tests.defs.project import Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import SearchingGateway

RECORDED_ON: Final = "2026-05-01"
FAILED_ON: Final = "2026-05-02"
TODAY: Final = "2026-05-03"
CORPUS: Final = "everyone"


@dataclass
class AfterFlip(Project):
    """A project of which one side is a recording: the legacy, naming no gateway.

    Attributes:
        recorded: What stands in for it.
        side: The side.
        named: Whether its gateway is still named.
        retrieve: Changes to the section `retrieve`, which says nothing of that side.
    """

    recorded: str = "last"
    side: Side = Side.LEGACY
    named: bool = False
    retrieve: dict[str, Any] = field(default_factory=dict[str, Any])

    def content(self) -> dict[str, Any]:
        """Return the settings file, the recording in the shortest spelling unless its gateway is named."""
        found = super().content()
        if self.named:
            found["sides"][self.side.value]["recorded"] = self.recorded
            return found
        found["sides"][self.side.value] = {"recorded": self.recorded}
        section = {key: value for key, value in found["retrieve"].items() if key != self.side.value}
        return {**found, "retrieve": {**section, **self.retrieve}}

    def judge(self, day: str = TODAY) -> RetrievalVerdict:
        """Run the steps of the retrieve probe on a date, its report too, and return the verdict."""
        verdict = run_retrieval(self.context(), day, CORPUS, run_id="run")
        write_retrieval_report(self.context(), day, CORPUS)
        return verdict


def judged_project(folder: Path) -> Project:
    """Return a project whose rankings passed on one date and failed on the next, by the candidate's fault."""
    project = searching_project(folder)
    assert run_retrieval(project.context(), RECORDED_ON, CORPUS, run_id="run").decision is Decision.PASS
    project.clock += timedelta(days=1)
    project.candidate = SearchingGateway("go", embed_query=lambda text: hash_vector(text, "bad build", 32))
    assert run_retrieval(project.context(), FAILED_ON, CORPUS, run_id="run").decision is Decision.FAIL
    return replace(project, candidate=SearchingGateway("go"))


def after_flip(folder: Path, judged: Project, **changes: Any) -> AfterFlip:
    """Return a copy of a judged project, two days after its first date, with the legacy switched off."""
    shutil.copytree(judged.folder, folder)
    found = AfterFlip(folder, None, SearchingGateway("go"), more=judged.more, **changes)
    found.clock += timedelta(days=2)
    return found


def verdict_on(project: Project, day: str) -> RetrievalVerdict:
    """Return the stored verdict on the rankings of a date."""
    return read_retrieval_verdict(project.settings().layout().retrieval_verdict(day, CORPUS))


def bytes_below(folder: Path, part: str) -> Mapping[Path, bytes]:
    """Return the files of a project whose path has a part, by path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and part in path.parts}
