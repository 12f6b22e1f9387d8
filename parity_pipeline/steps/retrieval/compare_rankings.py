"""Compare the two stored lanes of a date and corpus into one parity file, and keep the evidence on what differs.

Here belongs the step between the readers and the writers. Comparing itself belongs to `core.retrieval.compare`, further
requests to `explain_differences`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.confirmation import DifferingQueries
from parity_pipeline.core.retrieval.outcomes import GRADED, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalParityHeader, retrieval_pairing_faults
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.waivers import query_account_for
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.measure_relevance import measure_relevance, read_labels
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.steps.retrieval.explain_differences import ChosenDifferences, explain_differences
from parity_pipeline.steps.retrieval.fetch_side import retrieval_of
from parity_pipeline.steps.retrieval.lanes import Lanes
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.retrieval_evidence import RetrievalEvidence, write_retrieval_evidence
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityWriter


def compare_rankings(run: RunContext, day: str, corpus: str) -> RetrievalParityHeader:
    """Compare the lanes of a date and corpus, look into what differs, store both, and return the comparison's header.

    Lanes that may not be paired give a file without rows, with the reasons in its header: the verdict on it is
    INCONCLUSIVE.

    Raises:
        ArtifactError: A lane or the query set is missing or damaged, or the disk does not take a file.
        SettingsError: The waivers or relevance labels cannot be used.
    """
    context, lanes = retrieval_of(run), Lanes.of(run, day, corpus)
    sides = lanes.legacy.header, lanes.candidate.header
    faults = retrieval_pairing_faults(*sides, lanes.queries.header.hash)
    account = query_account_for(context.waivers, corpus=corpus, day=date.fromisoformat(day), today=run.now().date())
    counts = Counter[RetrievalOutcome]()
    chosen = ChosenDifferences(DifferingQueries(context.confirm.queries))
    with publishing(run.layout.retrieval_parity(day, corpus)) as draft, RetrievalParityWriter(draft) as writer:
        for _, graded in () if faults else lanes.graded(context):
            writer.add(graded.compared)
            counts.update(graded.compared.outcomes)
            chosen.add(graded, [account.take(graded.compared, row) for row in range(len(graded.compared))])
        header = RetrievalParityHeader(
            query_set=lanes.queries.header.identity(),
            sides=sides,
            pairing_faults=faults,
            counts=_ungraded(counts),
            rules_hash=context.rules_hash(),
            depths=context.rules.depths,
            comparable=context.rules.comparable,
        )
        writer.finish(header)
    found = explain_differences(run, lanes, chosen, corpus) if chosen.any else RetrievalEvidence()
    evidence = replace(found, relevance=() if faults else _relevance(lanes, context))
    write_retrieval_evidence(run.layout.retrieval_evidence(day, corpus), evidence, header)
    return header


def _ungraded(counts: Mapping[RetrievalOutcome, int]) -> dict[RetrievalOutcome, int]:
    """Return the queries of each outcome that occurs, without what bands make of them."""
    found = Counter[RetrievalOutcome]()
    for outcome, queries in counts.items():
        found[RetrievalOutcome.COMPARED if outcome in GRADED else outcome] += queries
    return dict(sorted(found.items()))


def _relevance(lanes: Lanes, context: RetrievalContext) -> tuple[RelevanceDifference, ...]:
    """Return how relevant both sides' lists are, where there are labels."""
    if context.qrels is None:
        return ()
    labels = read_labels(context.qrels)
    kept = lanes.kept(labels.keys()).values()
    legacy, candidate = (
        [context.mapped(side, lanes.corpus, one.lane[place]) for one in kept] for place, side in enumerate(Side)
    )
    return measure_relevance(legacy, candidate, labels)
