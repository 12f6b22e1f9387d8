"""What is stored of one date and corpus: the query set and the rankings of both sides, read side by side.

Here belong opening the three files, comparing and grading them block by block, and picking single queries from them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import GradedQueries, grade
from parity_pipeline.core.retrieval.compare import compare
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.provenance import QueriesBlock
from parity_pipeline.core.retrieval.ranked_lists import QueryBlock
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.retrieval.simulation import ListsSample
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.rankings_files import RankingsFile, paired_lists


@dataclass(frozen=True, slots=True)
class KeptQuery:
    """A query with what the legacy and the candidate lane hold for it."""

    query: Query
    lane: tuple[Ranking, Ranking]


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """What is stored of one date and corpus, opened."""

    corpus: str
    queries: QuerySetFile
    legacy: RankingsFile
    candidate: RankingsFile

    @classmethod
    def of(cls, run: RunContext, day: str, corpus: str) -> "Lanes":
        """Open the query set and both lanes.

        Raises:
            ArtifactError: One is missing or damaged.
        """
        legacy, candidate = (stored(run.layout.rankings(side, day, corpus), RankingsFile) for side in Side)
        queries = stored(run.layout.queries(day, corpus), QuerySetFile)
        return cls(corpus=corpus, queries=queries, legacy=legacy, candidate=candidate)

    def graded(self, context: RetrievalContext) -> Iterator[tuple[QueriesBlock, GradedQueries]]:
        """Yield all queries, compared and graded, block by block."""
        codebook = context.codebook(self.corpus)
        for block, left, right in paired_lists(self.queries, self.legacy, self.candidate):
            rows = compare(QueryBlock.of(block.queries, block.start), left, right, codebook, context.rules)
            yield block, grade(rows, context.bands)

    def kept(self, names: Collection[str]) -> dict[str, KeptQuery]:
        """Return the queries of these ids with what both lanes hold for them, in the order of the set."""
        found: dict[str, KeptQuery] = {}
        if not names:
            return found
        for block, left, right in paired_lists(self.queries, self.legacy, self.candidate):
            for row, query in enumerate(block.queries):
                if query.id in names:
                    found[query.id] = KeptQuery(query, (left.ranking(row), right.ranking(row)))
        return found

    def sample(self, confirmation: RetrievalConfirmation | None) -> ListsSample:
        """Return queries, evenly over the set, with what both sides returned for them, for simulated faults."""
        without = confirmation.unconfirmed if confirmation else ()
        sample = ListsSample(queries=self.queries.header.queries, without=without)
        for block, left, right in paired_lists(self.queries, self.legacy, self.candidate):
            sample.add(block.start, block.queries, left, right)
        return sample
