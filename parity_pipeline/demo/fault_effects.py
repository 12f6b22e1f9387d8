"""What each fault does: to the text or model sent to the gateway behind, to its vectors, or to the whole response.

Here belong pure functions, each of which names its case. The table of faults is in `fault_table`.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.demo.fault_scope import Call, Reply, Row, Rows, Scope

PREFIX = "search_document: "
"""The task prefix that several retrieval models are trained with."""

UNKNOWN = "unknown"
"""What a tokenizer without capitals makes of them."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_PUNCTUATION = re.compile(r"[^\w\s\ud800-\udfff]")


def truncate(text: str, scope: Scope) -> str:
    """Keep the first characters only (case 10); what would leave nothing but blanks stays whole."""
    return _unless_blank(text[: scope.characters], text)


def lower(text: str, _: Scope) -> str:
    """Fold capitals (case 13)."""
    return text.lower()


def collapse_capitals(text: str, _: Scope) -> str:
    """Make one unknown word of a text that is all capitals (case 13)."""
    return UNKNOWN if text.isupper() else text


def strip_accents(text: str, _: Scope) -> str:
    """Drop combining marks, so that "résumé" becomes "resume" (case 14)."""
    split = unicodedata.normalize("NFD", text)
    kept = "".join(char for char in split if not unicodedata.combining(char))
    return _unless_blank(unicodedata.normalize("NFC", kept), text)


def compose(text: str, _: Scope) -> str:
    """Compose characters, so that both spellings of "é" are one (case 14)."""
    return unicodedata.normalize("NFC", text)


def drop_punctuation(text: str, _: Scope) -> str:
    """Leave punctuation away, as a wrong tokenizer may (case 15)."""
    return _unless_blank(_PUNCTUATION.sub("", text), text)


def prefix(text: str, _: Scope) -> str:
    """Put a task prefix in front (case 17); a blank text stays one, which the gateway behind refuses as before."""
    return PREFIX + text if text.strip() else text


def replace_surrogates(text: str, _: Scope) -> str:
    """Turn lone surrogates into U+FFFD, as Go's decoder does (case 21)."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def newline_to_space(text: str, _: Scope) -> str:
    """Turn line feeds into blanks, as some clients do (case 18)."""
    return text.replace("\n", " ")


def trim(text: str, _: Scope) -> str:
    """Cut white space off both ends (case 18)."""
    return _unless_blank(text.strip(), text)


def fill_blank(text: str, _: Scope) -> str:
    """Send a full stop for a blank text, so that the gateway behind accepts it (first half of case 24)."""
    return text if text.strip() else "."


def other_model(model: str, scope: Scope) -> str:
    """Use another model (case 27); the requested one where there is no other."""
    return next((other for other in scope.other_models if other != model), model)


def _unless_blank(changed: str, text: str) -> str:
    return changed if changed.strip() else text


STRAY_COSINE: Final = 0.99
"""Cosine that noise leaves."""

COALESCED_COSINE: Final = 0.16
"""Cosine that was seen where texts of equal length were merged without a mask (case 4)."""

CONTEXT_WORDS: Final = 100
"""Words from which on a text strays as far as another context size takes it; shorter ones in proportion (case 12)."""

LARGE_BATCH: Final = 16
"""Texts from which on a batch counts as large (case 2 was seen from 16 on)."""

LONG_TEXT: Final = 500
"""Characters from which on a text counts as long (case 5)."""

BATCH_CAP: Final = 8
"""Largest number of rows in a capped response (case 26)."""

RAW_SCALE: Final = 17.0
"""Factor of a raw norm, in the middle of the 13 to 23 of nomic's models (case 7)."""


def rotate(rows: Rows, call: Call) -> Rows:
    """Give each row that is hit the vector of the next one that is hit (case 1)."""
    places = [index for index in range(len(rows)) if call.hits[index]]
    changed = list(rows)
    for place, taken in zip(places, places[1:] + places[:1], strict=True):
        changed[place] = rows[taken]
    return changed


def rotate_under_load(rows: Rows, call: Call) -> Rows:
    """Swap rows while another request is in flight (case 3)."""
    return rotate(rows, call) if call.in_flight > 1 else rows


def _each(rows: Rows, call: Call, change: Callable[[Row], Row]) -> Rows:
    return [change(row) if hit else row for row, hit in zip(rows, call.hits, strict=False)]


def _where(call: Call, affected: Callable[[int], bool]) -> list[bool]:
    """Return for each text that is hit whether it is affected, by its place."""
    return [hit and affected(index) for index, hit in enumerate(call.hits)]


def _stray(
    rows: Rows, call: Call, hits: Sequence[bool], cosine: Callable[[int], float] = lambda _: STRAY_COSINE, salt: int = 0
) -> Rows:
    """Leave a cosine to the true vectors of the rows named, in a direction that seed, text and salt decide."""
    return [
        _strayed(row, call.generator(index, salt), cosine(index)) if hits[index] else row
        for index, row in enumerate(rows)
    ]


def stray(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.99 to the true vector, in a direction that the text decides (case 30)."""
    return _stray(rows, call, call.hits)


def stray_in_large_batches(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.99 in batches of 16 texts and more (case 2)."""
    return stray(rows, call) if len(call.texts) >= LARGE_BATCH else rows


def stray_after_long_text(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.99 for short texts once a long one has come (case 5)."""
    if call.longest < LONG_TEXT:
        return rows
    return _stray(rows, call, _where(call, lambda index: len(call.texts[index]) < LONG_TEXT))


def stray_each_time(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.99, in another direction with every request (case 6)."""
    return _stray(rows, call, call.hits, salt=call.requests + 1)


def coalesce_equal_lengths(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.16 under load for texts of as many words as another one in flight (case 4)."""
    lengths = Counter(len(text.split()) for text in (*call.texts, *call.beside))
    alike = _where(call, lambda index: call.in_flight > 1 and lengths[len(call.texts[index].split())] > 1)
    return _stray(rows, call, alike, lambda _: COALESCED_COSINE)


def stray_with_length(rows: Rows, call: Call) -> Rows:
    """Leave a cosine down to 0.98, the less the longer a text is, as another context size may (case 12)."""
    lost = [0.02 * min(1.0, len(text.split()) / CONTEXT_WORDS) for text in call.texts]
    return _stray(rows, call, call.hits, lambda index: 1 - lost[index])


def stray_when_repeated(rows: Rows, call: Call) -> Rows:
    """Leave a cosine of 0.99 for texts that came before, as a cache of another model's vectors would (case 28)."""
    return _stray(rows, call, _where(call, lambda index: call.seen[index] > 0))


def normalise(rows: Rows, call: Call) -> Rows:
    """Divide vectors by their L2 norm (case 7)."""
    return _each(rows, call, lambda row: (_floats(row) / (float(np.linalg.norm(_floats(row))) or 1.0)).tolist())


def scale(rows: Rows, call: Call) -> Rows:
    """Multiply vectors by 17 (case 7)."""
    return _each(rows, call, lambda row: (_floats(row) * RAW_SCALE).tolist())


def roll_dimensions(rows: Rows, call: Call) -> Rows:
    """Move every element one place on: the width is right and the direction is not (case 16)."""
    return _each(rows, call, lambda row: row[-1:] + row[:-1])


def nan_element(rows: Rows, call: Call) -> Rows:
    """Put NaN into the first element, where there is one (case 19)."""
    return _each(rows, call, lambda row: [math.nan for _ in row[:1]] + row[1:])


def null_element(rows: Rows, call: Call) -> Rows:
    """Put null into the first element, where there is one (case 20)."""
    return _each(rows, call, lambda row: [None for _ in row[:1]] + row[1:])


def quarter_width(rows: Rows, call: Call) -> Rows:
    """Keep the first quarter of each vector (case 23)."""
    return _each(rows, call, lambda row: row[: len(row) // 4])


def half_width(rows: Rows, call: Call) -> Rows:
    """Keep the first half of each vector, not normalised again (case 29)."""
    return _each(rows, call, lambda row: row[: len(row) // 2])


def shift_after_blank(rows: Rows, call: Call) -> Rows:
    """Leave out the rows of blank texts and move the others up; the last one is repeated (case 24)."""
    kept = [row for index, row in enumerate(rows) if call.texts[index].strip() or not call.hits[index]]
    return kept + [kept[-1] if kept else []] * (len(rows) - len(kept))


def empty_vector(rows: Rows, call: Call) -> Rows:
    """Return vectors without elements (case 25)."""
    return _each(rows, call, lambda _: [])


def zero_vector(rows: Rows, call: Call) -> Rows:
    """Return zeros (case 26)."""
    return _each(rows, call, lambda row: [0.0] * len(row))


def zeros_under_load(rows: Rows, call: Call) -> Rows:
    """Return zeros while another request is in flight, as a gateway that hides a 429 does (case 26)."""
    return zero_vector(rows, call) if call.in_flight > 1 else rows


def drop_last(rows: Rows, call: Call) -> Rows:
    """Leave the last row out when it is hit (case 26): of two or more, or, where the scope says every, of one too."""
    few = 1 if call.scope.every else 2
    return rows[:-1] if len(rows) >= few and call.hits[len(rows) - 1] else rows


def cap_batch(rows: Rows, _: Call) -> Rows:
    """Return vectors for the first 8 texts only (case 26)."""
    return rows[:BATCH_CAP]


def quantise(rows: Rows, call: Call) -> Rows:
    """Round to 255 steps of the largest element, as int8 storage does (case 30)."""
    return _each(rows, call, _quantised)


def _quantised(row: Row) -> Row:
    vector = _floats(row)
    step = float(np.abs(vector).max(initial=0.0)) / 127
    return (np.round(vector / step) * step).tolist() if step > 0 else row


def _floats(row: Row) -> NDArray[np.float64]:
    """Return a row as an array; what an earlier fault made null is NaN, and is null again when it is written."""
    return np.asarray(row, dtype=np.float64)


def _strayed(row: Row, generator: np.random.Generator, cosine: float) -> Row:
    """Return the row plus Gaussian noise at right angles, so that this cosine is left exactly and the norm kept."""
    vector = _floats(row)
    norm = float(np.linalg.norm(vector))
    if len(vector) < 2 or not norm > 0:
        return row
    noise = generator.standard_normal(len(vector))
    noise -= vector * (float(noise @ vector) / norm**2)
    changed = vector + noise * (math.sqrt(1 / cosine**2 - 1) * norm / float(np.linalg.norm(noise)))
    return (changed * (norm / float(np.linalg.norm(changed)))).tolist()


SMALL_BODY: Final = 12 * 1024
"""Bytes from which on a body is refused (case 22)."""


def refuse_long(call: Call) -> Reply | None:
    """Respond with 400 where a text is longer than the limit (case 11)."""
    long = [index for index, text in enumerate(call.texts) if call.hits[index] and len(text) > call.scope.characters]
    return _error(400, f"texts[{long[0]}] exceeds the context length") if long else None


def fail_for_some(call: Call) -> Reply | None:
    """Respond with 500 where a text that is hit is among them (case 19)."""
    return _error(500, "failed to encode response: json: unsupported value: NaN") if any(call.hits) else None


def too_many_requests(call: Call) -> Reply | None:
    """Respond with 429 to every request with a text that is hit, however often it is sent again (case 26)."""
    if not any(call.hits):
        return None
    headers = {"content-type": "application/json", "retry-after": "0"}
    return Reply(status=429, body=orjson.dumps({"error": "too many requests"}), headers=headers)


def refuse_large_body(call: Call) -> Reply | None:
    """Respond with 413 to a body of 12 KiB and more (case 22)."""
    return _error(413, "length limit exceeded") if call.body_bytes >= SMALL_BODY else None


def html_page(call: Call) -> Reply | None:
    """Respond with 200 and an HTML page, as a proxy on the way does."""
    if not any(call.hits):
        return None
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
    return Reply(status=200, body=page, headers={"content-type": "text/html; charset=utf-8"})


def _error(status: int, reason: str) -> Reply:
    return Reply(status=status, body=orjson.dumps({"error": reason}))
