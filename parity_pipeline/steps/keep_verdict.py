"""Keep a verdict: its line in the ledger, then its file, by one writer at a time.

Here belongs the order of the two, for every way to a verdict: a run, a run that failed, and `parity rejudge`, of both probes. The
ledger comes first, since what is not in it did not happen: where it takes no line, the file stays as it was, and where the
disk takes the line and not the file, the next judgement finds the file outdated and writes it. Reports come after both.
"""

from datetime import datetime

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import name_of_partition
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import AnyVerdict, probe_named
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import write_verdict
from parity_pipeline.storage.line_log import one_writer
from parity_pipeline.storage.retrieval_evidence import write_retrieval_verdict


def keep_verdict(
    run: RunContext,
    verdict: AnyVerdict,
    *,
    run_id: str,
    once: bool = False,
    unless_since: datetime | None = None,
    before: AnyVerdict | None = None,
) -> bool:
    """Append a verdict to the ledger, store it in its file, and return whether that was done.

    Two processes that judge one partition at the same time leave the file that the ledger's newest line is of.

    Args:
        run: What the steps share.
        verdict: The verdict.
        run_id: The run that gave it.
        once: Keep nothing where the ledger has a line of this run, date and name already.
        unless_since: Keep nothing where the ledger has a verdict on this date and name that was given after this time.
        before: The stored verdict that this one takes the place of; None for whatever is stored.

    Raises:
        ArtifactError: The disk does not take it, or another verdict than `before` is stored by now.
    """
    name = name_of_partition(verdict)
    probe = probe_named(verdict.endpoint)
    path = probe.verdict_path(run.layout, verdict.date, name)
    with one_writer(run.layout.ledger):
        if before is not None and probe.read_verdict(path) != before:
            problem = f"another command judged {verdict.endpoint} {name}, {verdict.date} meanwhile"
            raise ArtifactError(problem, place=str(path), remedy="Run this command again.")
        if unless_since and ledger.judged_after(run.layout.ledger, ledger.key_of(verdict), unless_since):
            return False
        now = run.now().isoformat(timespec="seconds")
        if not ledger.append(run.layout.ledger, verdict, recorded_at=now, run_id=run_id, once=once):
            return False
        if isinstance(verdict, Verdict):
            write_verdict(path, verdict)
        else:
            write_retrieval_verdict(path, verdict)
        return True
