"""Judge what is stored again under the settings of now: nothing is fetched, and nothing is kept unless that is wanted.

Here belong judging one partition of any probe again, what of a verdict such a judgement can change, and keeping it. `parity
rejudge` and the check of a bundle share it. The judgement itself is the core's; waivers expire by the run's clock.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Any

import httpx

from parity_pipeline.core.checks import CheckName, decision_of
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.checks import GROUND, OF_QUERIES, RetrievalCheckName
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.judge_partition import judge_partition, judge_stored
from parity_pipeline.steps.probes import RETRIEVE, AnyVerdict, Probe
from parity_pipeline.steps.retrieval.judge_rankings import (
    judge_rankings,
    judge_stored_rankings,
    write_retrieval_report,
)
from parity_pipeline.steps.write_reports import write_report
from parity_pipeline.storage.ledger import REJUDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudgement:
    """Result of judging one partition again.

    Attributes:
        date: Partition date, ISO 8601.
        name: Model or corpus.
        probe: The probe.
        before: The stored verdict.
        after: The verdict under the settings of now; None where it cannot be given, and the stored one is kept.
        kept: Why it cannot be given, one clause; "" where it can.
    """

    date: str
    name: str
    probe: Probe
    before: AnyVerdict
    after: AnyVerdict | None
    kept: str = ""

    @property
    def changed(self) -> bool:
        """Return whether the decision, or any figure that it rests on, is another one."""
        if self.after is None:
            return False
        same = self.after.decision in {self.before.decision, without_change(self.before)}
        return not same or _figures(self.after) != _figures(self.before)


def judge_again(run: RunContext, probe: str, day: str, name: str) -> AnyVerdict:
    """Return the verdict on what is stored of a partition, and keep it nowhere.

    It needs the comparison and the evidence on it, not the vectors or rankings, and sends no request.

    Args:
        run: What the steps share; `run.now` is the day on which waivers are held to have expired or not.
        probe: Name of the probe, as verdicts have it.
        day: Partition date, ISO 8601.
        name: Model or corpus.

    Raises:
        ArtifactError: A file is missing or damaged.
        SettingsError: The waivers cannot be used.
    """
    judge = judge_stored_rankings if probe == RETRIEVE.name else judge_stored
    return judge(run, day, name)


def without_change(verdict: AnyVerdict) -> Decision | None:
    """Return the decision without the check that compares a verdict with the one before.

    Returns:
        The decision; None where that check has no part in it.
    """
    if isinstance(verdict, Verdict):
        kept = [one for one in verdict.checks if one.name is not CheckName.CHANGED_VERDICT or not one.stands]
        return decision_of(kept)[0] if len(kept) < len(verdict.checks) else None
    rest = [one for one in verdict.checks if one.name is not RetrievalCheckName.CHANGED_VERDICT or not one.stands]
    return decision_of(rest, ground=GROUND, counting=OF_QUERIES)[0] if len(rest) < len(verdict.checks) else None


def rejudge(run: RunContext, probe: Probe, day: str, name: str) -> Rejudgement | None:
    """Judge a partition again and return what would change; None where it has no verdict.

    A partition whose vectors or rankings are gone, pruned or not, keeps its verdict: part of what a verdict says is measured on them.

    Raises:
        ArtifactError: A file is damaged.
        SettingsError: The waivers cannot be used.
    """
    path = probe.verdict_path(run.layout, day, name)
    if not path.exists():
        return None
    before = probe.read_verdict(path)
    made = Rejudgement(date=day, name=name, probe=probe, before=before, after=None)
    if before.not_run:
        # What is stored then is of an earlier run, and judging it would hide that the last one failed.
        return replace(made, kept="it could not be run")
    place = run.layout.rankings if probe is RETRIEVE else run.layout.embeddings
    if not all(place(side, day, name).exists() for side in Side):
        return replace(made, kept=f"its {'rankings' if probe is RETRIEVE else 'vectors'} are not stored")
    compared = run.layout.retrieval_parity if probe is RETRIEVE else run.layout.parity
    if not compared(day, name).exists():
        return replace(made, kept="its comparison is not stored")
    return replace(made, after=judge_again(run, probe.name, day, name))


def keep(run: RunContext, made: Rejudgement) -> AnyVerdict:
    """Judge a partition again, keep the verdict in the ledger and its file, write its report, and return the verdict.

    The line of the ledger is marked as one that rests on stored vectors (`LedgerEntry.rejudged`).

    Raises:
        ArtifactError: A file is missing or damaged, the disk does not take one, or a run has given another verdict
            since `made` was.
        SettingsError: The waivers cannot be used.
    """
    offline, run_id = without_network(run), f"{REJUDGED}{uuid.uuid4()}"
    of_rankings = made.probe is RETRIEVE
    judge = judge_rankings if of_rankings else judge_partition
    write = write_retrieval_report if of_rankings else write_report
    verdict = judge(offline, made.date, made.name, run_id=run_id, before=made.before)
    write(offline, made.date, made.name)
    return verdict


def without_network(run: RunContext) -> RunContext:
    """Return a run whose sides cannot be reached: whatever sends a request meets an error at once."""
    return replace(run, gateways={side: _unreachable(gateway) for side, gateway in run.gateways.items()})


class _NoNetwork(httpx.AsyncBaseTransport):
    """The network of a run that sends no request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse the request."""
        raise httpx.ConnectError("stored results are judged without a request", request=request)


def _unreachable(gateway: Gateway) -> Gateway:
    return replace(gateway, transport=_NoNetwork, sleep=_at_once)


async def _at_once(_seconds: float) -> None:
    """Wait for nothing before the next attempt, which is refused as well."""


def _figures(verdict: AnyVerdict) -> AnyVerdict:
    """Return a verdict without its decision, and without what a judgement of stored comparisons alone does not give.

    That is what simulated faults and earlier dates add, the rows of the report, and the version that judged.
    """
    same: dict[str, Any] = {"decision": Decision.PASS, "reasons": (), "findings": (), "package_version": ""}
    if isinstance(verdict, Verdict):
        checks = tuple(one for one in verdict.checks if one.name is not CheckName.CHANGED_VERDICT)
        return replace(verdict, checks=checks, pooled=None, power=None, rows=(), **same)
    rest = tuple(one for one in verdict.checks if one.name is not RetrievalCheckName.CHANGED_VERDICT)
    return replace(verdict, checks=rest, power=None, queries=(), **same)
