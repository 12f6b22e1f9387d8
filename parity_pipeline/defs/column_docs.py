"""Columns: what each column of a stored file holds, for a person who reads the asset's page in the UI.

Here belong the words and Dagster's schema made of them. The columns themselves belong to the module of
each file in `storage`.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from parity_pipeline.storage.parquet_tables import TableKind

_IDENTITY: Final = "Hash of the text, the same for each date, model and side."
_ORDINAL: Final = "Place in the sample set, from 0."
_DRAWN: Final = "How often a random draw took this text; 0 for one that was only picked by hand."

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sample set": {
        "ordinal": _ORDINAL,
        "id": _IDENTITY,
        "text": "The text; half a surrogate pair, which has no UTF-8, is spelled out.",
        "category": "Category of the sample, from its source.",
        "source": "File, or set of hazards, that it came from.",
        "drawn": _DRAWN,
        "text_surrogatepass": "The exact text where it holds half a surrogate pair; else null.",
    },
    "embeddings": {
        "ordinal": _ORDINAL,
        "sample_id": _IDENTITY,
        "vector": "The vector as the side gave it, as float32; null where it gave none.",
        "dimension": "Numbers in the vector; 0 where there is none.",
        "status": "ok, refused (a definite no), failed (no definite response), malformed (response without a vector).",
        "http_status": "Status of the last response; null where there was none.",
        "error": "Why there is no vector, in the side's or the client's words.",
        "request_id": "Value of x-request-id that the request was sent with.",
        "latency_ms": "Milliseconds from sending the request to having the whole response.",
    },
    "parity": {
        "ordinal": _ORDINAL,
        "sample_id": _IDENTITY,
        "category": "Category of the sample, from its source.",
        "head": "Beginning of the text.",
        "outcome": "Result of comparing the sample; a compared one has a cosine, which the verdict grades.",
        "side": "Which side the outcome is about: legacy, candidate, both; null for compared.",
        "legacy_dimension": "Numbers in the legacy vector.",
        "candidate_dimension": "Numbers in the candidate vector.",
        "cosine": "Cosine similarity, accumulated in float64.",
        "legacy_norm": "L2 norm of the legacy vector.",
        "candidate_norm": "L2 norm of the candidate vector.",
        "norm_ratio": "Candidate norm divided by legacy norm.",
        "max_abs_delta": "Largest difference of one element.",
        "max_abs_delta_unit": "The same after both vectors got length 1.",
        "identical": "Whether both vectors are equal as float32.",
        "legacy_error": "Why the legacy side gave no vector.",
        "candidate_error": "Why the candidate gave no vector.",
        "drawn": _DRAWN,
    },
}
"""What a column holds, by the kind of the file and its name."""


def table_schema(kind: TableKind[Any]) -> dg.TableSchema:
    """Return a file's columns with type and words, as Dagster shows them."""
    words = WORDS[kind.name]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=one.name, type=str(one.type), description=words.get(one.name)) for one in kind.schema
        ]
    )
