"""The embed probe's codec: texts to request bodies, responses to rows with vectors.

Here belong the rows that a batch of texts ends with, and what joins the encoding, decoding and sentences of the embed probe
for the fetch engine. The formats belong to `encode` and `decode`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows, Piece, SettledRows
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.decode import Decoded, Decoder
from parity_pipeline.wire.encode import Batch, RequestEncoder, encode_text
from parity_pipeline.wire.gateway_errors import AttemptError, LaneWords, UnusableSideError, unusable
from parity_pipeline.wire.outage_or_hang import CANARY_TEXT
from parity_pipeline.wire.retry_policy import Rule, rule_of
from parity_pipeline.wire.side_config import SideConfig


class EmbedCodec:
    """Texts and vectors of one side and model; implements `codec.Codec`. The inputs are texts as JSON strings.

    Attributes:
        model: The model to request, by this side's name for it.
        encoder: Builds request bodies.
    """

    words = LaneWords()
    plain_input = encode_text(CANARY_TEXT)

    def __init__(self, config: SideConfig, model: str) -> None:
        """Prepare what all requests share.

        Args:
            config: The side, as `SideConfig.for_model` returns it.
            model: The model of the partition.
        """
        self._config = config
        self.model = config.requested_name(model)
        self.encoder = RequestEncoder(config.dialect, self.model)
        self._decoder = Decoder(config.dialect)
        self._has_secrets = bool(config.secrets)

    def path_of(self, inputs: Sequence[bytes]) -> str | None:  # noqa: ARG002 - all texts go to one address
        """Return None: all requests go to the address of the side."""
        return None

    def body(self, inputs: Sequence[bytes]) -> bytes:
        """Return the body of a request for encoded texts."""
        return self.encoder.body(inputs)

    def decode(self, body: bytes | bytearray, count: int) -> Decoded:
        """Return the vectors of a response, with secrets masked: a server may repeat what it was sent anywhere.

        Raises:
            MalformedResponse: It does not hold exactly one vector per text.
        """
        decoded = self._decoder.decode(body, count)
        if not self._has_secrets:
            return decoded
        hide = self._config.without_secrets
        usage = {hide(name): number for name, number in decoded.usage.items()}
        return replace(decoded, model=hide(decoded.model), usage=usage)

    def with_results(self, batch: Batch, response: HttpResponse, decoded: Decoded) -> Piece:
        """Return the rows of a batch whose response holds its vectors."""
        rows, dimension = decoded.vectors.shape
        return SettledRows(
            FetchedRows(
                start=batch.start,
                ids=batch.ids,
                values=np.ascontiguousarray(decoded.vectors).reshape(-1),
                offsets=np.arange(rows + 1, dtype=np.int32) * np.int32(dimension),
                status=[RowStatus.OK] * rows,
                http_status=[response.status] * rows,
                errors=[None] * rows,
                request_ids=[response.request_id] * rows,
                latency_ms=[response.latency_ms] * rows,
            ),
            decoded.model,
        )

    def without_results(
        self, batch: Batch, status: RowStatus, message: str, error: AttemptError | None = None
    ) -> Piece:
        """Return the rows of a batch that ends without vectors."""
        rows = FetchedRows.without_vectors(
            batch.as_block(),
            status,
            message[:ERROR_CHARACTERS],
            http_status=error.http_status if error else None,
            request_id=error.request_id if error else None,
            latency_ms=error.latency_ms if error else None,
        )
        return SettledRows(rows)

    def rule(self, kind: str) -> Rule:
        """Return what to do about a kind of error."""
        return rule_of(kind)

    def unsendable(self, batch: Batch) -> str:  # noqa: ARG002 - any text can be sent
        """Return "": any text can be sent."""
        return ""

    def unusable(self, error: AttemptError) -> UnusableSideError:
        """Return the error for a side that returns no vector for a plain text."""
        return unusable(self._config, self.model, error)
