"""A failing query made small: the records of the smallest text and concurrency for which both sides still differ.

Here belong frozen records, and which query is made small. What a probe's reproduction shares with that of embeddings belongs
to `core.reproduction`, the search for the smallest to `core.minimise`, sending requests to `steps.retrieval.reproduce_query`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.reproduction import ReproductionResult
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.outcomes import DIFFERENT, RetrievalOutcome
from parity_pipeline.core.retrieval.records import IdMapping, Query, ScoreScale
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTrial:
    """The text of a query, and the queries in flight beside it, each in a request of its own.

    Attributes:
        text: The text whose ranked lists are compared.
        beside: Each further query in flight at the same time.
    """

    text: str
    beside: tuple[Query, ...] = ()

    @property
    def concurrency(self) -> int:
        """Return how many requests are in flight at the same time, 1 or more."""
        return 1 + len(self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One request for a ranked list: its address, path included, without credentials, and its JSON body."""

    url: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFields:
    """How a ranked list is read from a response; paths as in a retrieval dialect.

    Attributes:
        results: Path of the list of results; "" if the whole response is the list.
        id: Path of the document id in a result.
        score: Path of the score or distance in a result; None if there is none.
        corpus: Path of the corpus in a result; None if it is never named.
        metadata: Path of the object with the metadata in a result; None where none are compared.
        mode: Response path of the mode; None if it is never named.
        id_template: What a document id becomes, with `{id}` and `{corpus}`.
        corpora: Our name of each corpus that the side spells in another way.
        compared: Names of the metadata fields that must be equal.
    """

    results: str
    id: str
    score: str | None
    corpus: str | None
    metadata: str | None
    mode: str | None
    id_template: str
    corpora: dict[str, str]
    compared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallSearch:
    """The smallest query that still fails, as one side is sent it, and how its response is read.

    Attributes:
        side: The side.
        request: The request that holds the text.
        beside: The requests in flight at the same time.
        token_variable: Name of the environment variable that holds the bearer token; "" where none is sent.
        header_names: Names of the further headers of the settings, whose values are never stored.
        fields: How the response is read.
        ids: How document ids are spelled in the space of comparison.
        scale: How what is reported becomes a score.
        mode: The mode that the side is held to; None for none.
    """

    side: Side
    request: SearchRequest
    beside: tuple[SearchRequest, ...]
    token_variable: str
    header_names: tuple[str, ...]
    fields: ResponseFields
    ids: IdMapping
    scale: ScoreScale
    mode: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryReproduction:
    """What trying to reproduce the worst failing query came to.

    Attributes:
        query: Id of the query.
        ordinal: Its place in the set, from 0 on.
        k: Results that it requests.
        outcome: How it failed.
        result: Whether it still does.
        smallest: The smallest trial that fails alike; None where none does.
        characters: Characters of the query's whole text.
        times: How often in a row a trial had to fail: more than once where a side's own lists differ from time to time.
        complete: Whether the search ended by itself, and not for want of requests or of a response.
        legacy_requests: Requests that were sent to the legacy side, retries included.
        candidate_requests: The same to the candidate.
        requests: How each side is sent the smallest trial, the legacy first; empty where there is none.
    """

    query: str
    ordinal: int
    k: int
    outcome: RetrievalOutcome
    result: ReproductionResult
    smallest: QueryTrial | None
    characters: int
    times: int
    complete: bool
    legacy_requests: int
    candidate_requests: int
    requests: tuple[SmallSearch, ...]


_BY_NOISE: Final = (RetrievalOutcome.MISMATCH, RetrievalOutcome.WRONG_MODE, RetrievalOutcome.INVESTIGATE)
"""Outcomes that the legacy side's own noise may explain: none refuses a query or empties a list."""


def standing_queries(verdict: RetrievalVerdict) -> Iterator[JudgedQuery]:
    """Yield the queries that differ and that nothing excuses, neither waiver nor repeat, the worst first."""
    for one in verdict.queries:
        if one.outcome in DIFFERENT and not (one.waiver or one.unconfirmed):
            yield one


def worst_failing_query(verdict: RetrievalVerdict) -> JudgedQuery | None:
    """Return the worst query of a FAIL, without what the noise of the legacy side explains; None where there is none.

    Where the set fails and no single query does, it is the worst of those that are worth a look.
    """
    if verdict.decision is not Decision.FAIL:
        return None
    noisy = any(one.name is RetrievalCheckName.LEGACY_NOISE_FLOOR and one.passed is False for one in verdict.checks)
    explained = _BY_NOISE if noisy else ()
    look = (one for one in verdict.queries if one.outcome is RetrievalOutcome.INVESTIGATE and not one.waiver)
    return next((one for one in (*standing_queries(verdict), *look) if one.outcome not in explained), None)


def times_to_fail(verdict: RetrievalVerdict) -> int:
    """Return how often in a row a trial has to fail: twice where a side returned other lists for the same query."""
    strays = verdict.confirmation.strays if verdict.confirmation else ()
    return 2 if any(strays) or any(lane.noise and lane.noise.differing for lane in verdict.sides) else 1
