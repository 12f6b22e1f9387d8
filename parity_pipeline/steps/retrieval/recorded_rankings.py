"""A side of the retrieve probe that is a recording: rankings that were fetched before, for the queries of then.

Here belong what makes stored rankings usable as a recording, and putting them in the place of a date that has none. Which date
is taken, and putting its queries there, belong to `steps.recordings`. No request is sent.

The queries of a new date are those of the recording, with the k, filter and corpora of each. What settings ask for beside them
has to be as it was then: a list of 10 results says nothing of 20, nor one of a filter of another one.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import ArtifactError, SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.records import Reported
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.steps.recordings import Faults, Recordable, Recording, being_copied, find_recorded
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.rankings_files import RankingsFile, RankingsWriter


def find_recorded_rankings(run: RunContext, side: Side, day: str, corpus: str) -> Recording[RankingsFile]:
    """Return the recorded rankings that stand in for a side on a date; see `recordings.find_recorded`.

    Raises:
        ArtifactError: There are none, or the named date cannot be taken; says why.
    """
    return find_recorded(RANKINGS, run, side, day, corpus)


def recorded_rankings(run: RunContext, side: Side, day: str, corpus: str) -> RetrievalProvenance:
    """Put the rankings of the recording in the place of a date's lane, and return where they came from.

    Raises:
        ArtifactError: There is no recording, it is damaged, or the disk does not take the file.
    """
    found = find_recorded_rankings(run, side, day, corpus)
    header = found.lane.header
    if found.date == day:
        return header
    provenance, reported = replace(header, **found.marked(day)), Reported(header.observation.reported)
    with (
        being_copied(found),
        publishing(run.layout.rankings(side, day, corpus)) as draft,
        RankingsWriter(draft, side=side, reported=reported) as writer,
    ):
        for block in found.lane.blocks():
            writer.add(block)
        if writer.rows != header.queries:
            problem = f"it holds rankings of {writer.rows} queries and says {header.queries}"
            raise ArtifactError(problem, place=str(found.lane.path))
        writer.finish(provenance)
    return provenance


def _faults(_run: RunContext, lane: RankingsFile, corpus: str, inputs: Path) -> Faults:
    header, queries = lane.header, QuerySetFile(inputs).header
    rows = sum(header.status_counts.values())
    return {
        f"it holds corpus {header.corpus!r}": header.corpus != corpus,
        "its queries were drawn again after the fetch": header.query_set_hash != queries.hash,
        f"it holds rankings of {rows} queries, of {queries.queries}": rows != queries.queries,
    }


def _requested_differently(run: RunContext, lane: RankingsFile, corpus: str, inputs: Path) -> Iterator[str]:
    """Yield what the settings request differently now; of an earlier version's lane, as far as its queries show."""
    if run.retrieval is None:
        raise SettingsError("there is no retrieve probe", place="retrieve", remedy="Add the section.")
    context, header, queries = run.retrieval, lane.header, QuerySetFile(inputs).header
    side = Side(header.side)
    scale = context.rules.legacy_scale if side is Side.LEGACY else context.rules.candidate_scale
    if (beside := header.observation.reported) != scale.reported:
        key = f"retrieve.{side}.scores.reported"
        yield f"its lists have a {beside} beside each document, and {key} says {scale.reported}"
    if not header.requested:
        if context.k > queries.largest_k:
            yield f"its queries ask for at most {queries.largest_k} results, and retrieve.k is {context.k}"
        if more := sorted(set(context.corpora[corpus]) - set(queries.corpora)):
            yield f"its queries do not search {', '.join(more)}"
        return
    now = context.requested(side, corpus)
    for key in dict.fromkeys((*header.requested, *now)):
        then, today = header.requested.get(key, ""), now.get(key, "")
        if then != today:
            words = f"was {then or 'not set'} then and is {today or 'not set'} now"
            yield f"retrieve.{key} {'were spelled differently then' if key == 'filters' else words}"


RANKINGS: Final = Recordable[RankingsFile](
    probe=RETRIEVE,
    what="rankings",
    inputs="queries",
    place=Layout.rankings,
    open_lane=RankingsFile,
    faults=_faults,
    requested=_requested_differently,
)
"""What recordings of the retrieve probe are made of."""
