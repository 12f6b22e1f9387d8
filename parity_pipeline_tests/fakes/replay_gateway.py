"""A gateway that returns vectors recorded from real servers, found by their text.

Here belong the recording and the application that serves it. The recording itself is described in
`parity_pipeline_tests/data/README.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
import pyarrow.parquet as pq

from parity_pipeline.wire.dialects import Dialect
from parity_pipeline_tests.fakes.gateways import Gateway, RefusalError
from parity_pipeline_tests.fakes.shapes import Vector, dialect_named

RECORDING: Final = Path(__file__).parents[1] / "data" / "real_vectors.parquet"
RECORDED_MODEL: Final = "all-MiniLM-L6-v2"
RECORDED_DIMENSION: Final = 384
SERVERS: Final = ("torch-f32", "torch-bf16", "torch-int8", "ggml-f32", "ggml-q8_0", "ggml-f32-raw-norm")

Mode = Literal["alone", "batched"]
_STORED_MODE: Final[Mapping[Mode, str]] = {"alone": "alone", "batched": "batch32"}


@dataclass(frozen=True, slots=True)
class RecordedText:
    """One recorded text. Texts of the category `dup` come more than once."""

    text_id: int
    category: str
    text: str


@cache
def recorded_texts() -> tuple[RecordedText, ...]:
    """Return the 200 recorded texts in the order of their ids."""
    columns = ["text_id", "category", "text"]
    rows = _rows(columns, server="torch-f32", mode="alone")
    return tuple(
        sorted((RecordedText(*(row[name] for name in columns)) for row in rows), key=lambda text: text.text_id)
    )


@cache
def recorded_vectors(server: str, mode: Mode = "alone") -> Mapping[int, Vector | None]:
    """Return the vectors of a server by text id: float32, shape (384,); None where the server refused the text."""
    return {
        row["text_id"]: None if row["vector"] is None else np.array(row["vector"], np.float32)
        for row in _rows(["text_id", "vector"], server=server, mode=_STORED_MODE[mode])
    }


def _rows(columns: list[str], *, server: str, mode: str) -> list[dict[str, Any]]:
    table = pq.read_table(RECORDING, columns=columns, filters=[("server", "=", server), ("mode", "=", mode)])
    return cast("list[dict[str, Any]]", table.to_pylist())


def replay_gateway(
    server: str,
    mode: Mode = "alone",
    dialect: str | Dialect = "rust",
    *,
    refusal_status: int = 500,
    models: tuple[str, ...] = (RECORDED_MODEL,),
    float64_digits: bool = False,
) -> Gateway:
    """Return a gateway that serves one recorded server.

    A text that the server refused gives `refusal_status` for the whole request, as with that server; a text that was
    never recorded gives 400, and a model that is not in `models` 404.

    Args:
        server: One of `SERVERS`.
        mode: Which recording: each text sent alone, or in batches of 32. It does not depend on the request.
        dialect: A built-in dialect's name, or a row.
        refusal_status: HTTP status of a refusal.
        models: Names of its model, the first of them by default; all give the recorded vectors.
        float64_digits: Write numbers as a server in Rust does.
    """
    vectors = recorded_vectors(server, mode)
    by_text: dict[str, Vector | None] = {}
    for text in recorded_texts():
        by_text.setdefault(text.text, vectors[text.text_id])

    def embed(text: str, _model: str) -> Vector:
        if text not in by_text:
            raise RefusalError(400, "this text was never recorded")
        vector = by_text[text]
        if vector is None:
            raise RefusalError(refusal_status, "the input is too large to process")
        return vector

    return Gateway(
        dialect=dialect_named(dialect),
        models=models,
        default_model=models[0],
        embed=embed,
        float64_digits=float64_digits,
    )
