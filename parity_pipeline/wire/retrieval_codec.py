"""The retrieve probe's codec: queries to requests, responses to rows with rankings.

Here belong the rows that a query ends with, and what joins encoding, decoding and sentences of the retrieve probe for the
fetch engine. One request holds one query.
"""

import json
from collections.abc import Sequence
from typing import Final, TypeAlias

from parity_pipeline.core.fetched_rows import SettledRows
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import AttemptError, LaneWords, UnusableSideError, unusable_for_retrieval
from parity_pipeline.wire.retrieval_requests import QueryEncoder, body_of, path_of
from parity_pipeline.wire.retrieval_responses import DecodedRanking, RankingDecoder
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.retry_policy import Rule, retrieval_rule_of

RankingPiece: TypeAlias = SettledRows[FetchedRankings]

WORDS: Final = LaneWords(input="query", inputs="queries", result="ranking", results="rankings", rows="queries")


class RetrievalCodec:
    """Queries and rankings of one side and corpus; implements `codec.Codec`.

    Attributes:
        request_fields: Fields of the requests that returned a ranking so far.
    """

    words = WORDS

    def __init__(self, side: RetrievalSide, encoder: QueryEncoder) -> None:
        """Prepare what all requests share."""
        self._side = side
        self._decoder = RankingDecoder(side)
        self.plain_input = encoder.plain()
        self.request_fields: set[str] = set()

    def path_of(self, inputs: Sequence[bytes]) -> str | None:
        """Return the path of a request, which may name the corpus of its query."""
        return path_of(inputs[0])

    def body(self, inputs: Sequence[bytes]) -> bytes:
        """Return the body of a request for one encoded query."""
        return body_of(inputs[0])

    def decode(self, body: bytes | bytearray, count: int) -> DecodedRanking:  # noqa: ARG002 - one query per request
        """Return the ranking of a response, with secrets masked.

        Raises:
            MalformedResponse: It holds no list of results, or one that cannot be read.
        """
        return self._decoder.decode(body)

    def with_results(self, batch: Batch, response: HttpResponse, decoded: DecodedRanking) -> RankingPiece:
        """Return the row of a query whose response holds a ranking, which may be empty."""
        self.request_fields.update(json.loads(body_of(batch.texts[0])))
        ranking = Ranking(
            query_id=batch.ids[0],
            status=RowStatus.OK,
            ids=decoded.ids,
            scores=decoded.scores,
            mode=decoded.mode,
            metadata=decoded.metadata,
            hit_corpora=decoded.hit_corpora,
        )
        return SettledRows(
            FetchedRankings(
                start=batch.start,
                rankings=[ranking],
                http_status=[response.status],
                errors=[None],
                request_ids=[response.request_id],
                latency_ms=[response.latency_ms],
            )
        )

    def without_results(
        self, batch: Batch, status: RowStatus, message: str, error: AttemptError | None = None
    ) -> RankingPiece:
        """Return the rows of queries that end without a ranking."""
        refusal = (error.shape or None) if error and status is RowStatus.REFUSED else None
        rows = len(batch)
        return SettledRows(
            FetchedRankings(
                start=batch.start,
                rankings=[Ranking(query_id=identity, status=status, refusal=refusal) for identity in batch.ids],
                http_status=[error.http_status if error else None] * rows,
                errors=[message[:ERROR_CHARACTERS]] * rows,
                request_ids=[error.request_id if error else None] * rows,
                latency_ms=[error.latency_ms if error else None] * rows,
            )
        )

    def rule(self, kind: str) -> Rule:
        """Return what to do about a kind of error."""
        return retrieval_rule_of(kind)

    def unsendable(self, batch: Batch) -> str:
        """Return why a query cannot be sent: it has no vector where one is needed."""
        return "" if self.body(batch.texts) else f"the {self._side.config.side} side needs a query vector, and has none"

    def unusable(self, error: AttemptError) -> UnusableSideError:
        """Return the error for a side that returns no ranking for a plain query."""
        side = self._side
        return unusable_for_retrieval(
            side.config,
            error,
            url=side.url,
            dialect=side.dialect.name,
            corpus=side.corpus,
            searches=side.searches,
            path=side.dialect.path,
            address_key=side.address_key,
        )
