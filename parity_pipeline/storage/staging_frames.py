"""The frames of a staging segment: how one piece becomes bytes that can be trusted or recognised as torn.

Here belong the layout of a frame and the reading of a segment's frames one after another. Which frame counts, and the
files themselves, belong to `staging`.

A frame is a header of 24 bytes (magic, kind, length of the meta part, length of the values, CRC-32 of both, CRC-32 of
the header itself), the meta part as JSON, then the vectors as raw little-endian float32.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import FetchedRows, Piece
from parity_pipeline.core.outcomes import RowStatus

PIECE: Final = 1
FACTS: Final = 2

_MAGIC: Final = b"PPs1"
_HEADER: Final = struct.Struct("<4sIIIII")
_READ_BYTES: Final = 1 << 20
_MOST_META: Final = 1 << 28


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame of a segment.

    Attributes:
        kind: PIECE or FACTS.
        at: Offset of its header in bytes.
        size: Length in bytes, header included.
        meta: Its meta part.
    """

    kind: int
    at: int
    size: int
    meta: Mapping[str, Any]


def encode_facts(facts: Mapping[str, Any]) -> bytes:
    """Return the frame of facts about a lane."""
    return _frame(FACTS, json.dumps(facts).encode(), b"")


def encode_piece(piece: Piece) -> bytes:
    """Return the frame of a piece. Columns that hold one value throughout are kept as that value."""
    rows = piece.rows
    meta = {
        "start": rows.start,
        "echo": piece.model_echo,
        "ids": list(rows.ids),
        "offsets": _even(rows.offsets),
        "status": _short([str(status) for status in rows.status]),
        "http": _short(rows.http_status),
        "errors": _short(rows.errors),
        "requests": _short(rows.request_ids),
        "latency": _short(rows.latency_ms),
    }
    return _frame(PIECE, json.dumps(meta).encode(), np.ascontiguousarray(rows.values, "<f4").tobytes())


def _frame(kind: int, meta: bytes, values: bytes) -> bytes:
    check = zlib.crc32(values, zlib.crc32(meta))
    lead = struct.pack("<4sIIII", _MAGIC, kind, len(meta), len(values), check)
    return b"".join((lead, struct.pack("<I", zlib.crc32(lead)), meta, values))


def _short(column: Any) -> Any:
    """Return a column as `[value]` where all rows have that value, else whole."""
    values = list(column)
    return values[:1] if values.count(values[0]) == len(values) else values


def _even(offsets: Any) -> list[int]:
    """Return `[dimension]` where all vectors have one length, else all offsets."""
    lengths = np.diff(offsets)
    return [int(lengths[0])] if (lengths == lengths[0]).all() else [int(offset) for offset in offsets]


def _long(column: list[Any], rows: int) -> list[Any]:
    return column * rows if len(column) == 1 else column


def decode_piece(data: bytes, place: str) -> Piece:
    """Return the piece of a frame's bytes.

    Raises:
        ArtifactError: The bytes are not the frame that was written.
    """
    problem = "a staged piece is no longer what was written"
    damaged = ArtifactError(problem, place=place, remedy="Delete this folder; its samples are fetched again.")
    header = _header(data[: _HEADER.size])
    if header is None or len(data) != _HEADER.size + header[1] + header[2] or not _intact(data, header[3]):
        raise damaged
    middle = _HEADER.size + header[1]
    try:
        return _piece(json.loads(data[_HEADER.size : middle]), np.frombuffer(data, "<f4", offset=middle))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged from error


def _intact(data: bytes, check: int) -> bool:
    return zlib.crc32(memoryview(data)[_HEADER.size :]) == check


def _piece(meta: Mapping[str, Any], values: Any) -> Piece:
    ids = meta["ids"]
    rows, stored = len(ids), meta["offsets"]
    offsets = np.arange(rows + 1, dtype=np.int32) * stored[0] if len(stored) == 1 else np.array(stored)
    return Piece(
        FetchedRows(
            start=meta["start"],
            ids=ids,
            values=values.astype(np.float32, copy=False),
            offsets=offsets.astype(np.int32, copy=False),
            status=[RowStatus(status) for status in _long(meta["status"], rows)],
            http_status=_long(meta["http"], rows),
            errors=_long(meta["errors"], rows),
            request_ids=_long(meta["requests"], rows),
            latency_ms=_long(meta["latency"], rows),
        ),
        meta["echo"],
    )


def _header(data: bytes) -> tuple[int, int, int, int] | None:
    """Return kind, length of meta, length of values and checksum; None where this is no header."""
    if len(data) < _HEADER.size:
        return None
    magic, kind, meta, values, check, own = _HEADER.unpack(data)
    sound = magic == _MAGIC and own == zlib.crc32(data[:-4]) and kind in (PIECE, FACTS) and meta <= _MOST_META
    return (kind, meta, values, check) if sound else None


def scan(file: BinaryIO) -> Iterator[Frame]:
    """Yield the whole, undamaged frames of a segment from its beginning.

    A frame whose content is damaged is left out. At the first place that is no frame, such as a torn tail, it ends.
    """
    at = 0
    while True:
        file.seek(at)
        header = _header(file.read(_HEADER.size))
        if header is None:
            return
        kind, meta_length, values_length, check = header
        meta = file.read(meta_length)
        found, left = zlib.crc32(meta), values_length
        while left:
            chunk = file.read(min(left, _READ_BYTES))
            if not chunk:
                return
            found = zlib.crc32(chunk, found)
            left -= len(chunk)
        size = _HEADER.size + meta_length + values_length
        if len(meta) == meta_length and found == check:
            yield Frame(kind, at, size, json.loads(meta))
        at += size
