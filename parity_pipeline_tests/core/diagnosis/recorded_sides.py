"""Recorded servers with hazards beside the recorded texts: what each of them would make of a hazard, from what it is known for.

Here belong the habits of the six servers as `data/README.md` names them, applied to texts that were never recorded. The
recorded rows stay as they are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.edits import break_special_tokens
from parity_pipeline.core.diagnosis.records import Ask, DiagnosisInput, FollowUpQueries, Vector
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.hazards.corpus import ALL, CATEGORY_PREFIX, hazards_in
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline_tests.core.builders import Row, fetched, samples_of
from parity_pipeline_tests.core.diagnosis.faulty_sides import hashed
from parity_pipeline_tests.fakes.replay_gateway import RECORDED_DIMENSION, recorded_texts, recorded_vectors

SAID: Final = (
    "http_500: input (604 tokens) is too large to process. increase the physical batch size (current batch size: 512)"
)
BROKEN: Final = "http_400: a text must hold a character other than white space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a server does to a text.

    Attributes:
        cuts: Words that are read of a text; 0 where longer ones are refused.
        long_words: Whether a word over 100 characters is one unknown token.
        hangul: Whether Hangul and Devanagari are read in their own way.
        special: Whether special tokens in a text are parsed.
        loss: Median 1 - cosine of its arithmetic.
    """

    cuts: int = 0
    long_words: bool = False
    hangul: bool = False
    special: bool = True
    loss: float = 0.0

    def view(self, text: str) -> str | None:
        """Return what is read of a text; None where it is refused."""
        if not self.cuts and len(text.split()) + len(text) // 6 > LIMIT:
            return None
        read = text if not self.cuts or len(text.split()) <= self.cuts else " ".join(text.split()[: self.cuts])
        read = re.sub(r"\w{101,}", "[UNK]", read) if self.long_words else read
        read = re.sub("[\u0900-\u097f\uac00-\ud7a3]", "?", read) if self.hangul else read
        return read if self.special else break_special_tokens(read)


LIMIT: Final = 400
HABITS: Final[Mapping[str, Habits]] = {
    "torch-f32": Habits(cuts=200, long_words=True, hangul=True),
    "torch-bf16": Habits(cuts=200, long_words=True, hangul=True, loss=2e-5),
    "torch-int8": Habits(cuts=200, long_words=True, hangul=True, loss=6e-2),
    "ggml-f32": Habits(),
    "ggml-q8_0": Habits(loss=4.5e-4),
    "ggml-f32-raw-norm": Habits(cuts=400, special=False),
}


@cache
def hazards() -> tuple[tuple[str, str], ...]:
    """Return category and text of every hazard that is not among the recorded texts."""
    known = {text.text for text in recorded_texts()}
    found = {hazard.text: f"{CATEGORY_PREFIX}{hazard.set_name}" for hazard in hazards_in((ALL,), salt="x")}
    return tuple((category, text) for text, category in found.items() if text not in known)


def hazard_row(server: str, text: str) -> tuple[Row, str | None]:
    """Return what a server would make of a hazard, and its words where it refuses."""
    if not text.strip() or any("\ud800" <= sign <= "\udfff" for sign in text):
        return RowStatus.REFUSED, BROKEN
    habits = HABITS[server]
    read = habits.view(text)
    if read is None:
        return RowStatus.REFUSED, SAID
    vector = hashed([read.lower()], RECORDED_DIMENSION)[0].astype(np.float64)
    if habits.loss:
        noise = hashed([text], RECORDED_DIMENSION, salt=server)[0]
        size = np.random.default_rng(list(text.encode("utf-8", "surrogatepass"))).uniform(0.7, 1.4)
        vector = vector + noise * size * np.sqrt(2 * habits.loss)
    return vector.astype(np.float32).tolist(), None


def block(*, beside: bool) -> SampleBlock:
    """Return the recorded texts, with every hazard beside them or without."""
    more = hazards() if beside else ()
    texts = [*(text.text for text in recorded_texts()), *(text for _, text in more)]
    categories = [*(text.category for text in recorded_texts()), *(category for category, _ in more)]
    return samples_of(texts, categories=categories)


def lane(server: str, *, beside: bool) -> FetchedRows:
    """Return a server's rows as a fetch would leave them, with its words where it refused."""
    vectors = recorded_vectors(server)
    rows: list[tuple[Row, str | None]] = [
        (RowStatus.REFUSED, SAID) if (vector := vectors[text.text_id]) is None else (vector.tolist(), None)
        for text in recorded_texts()
    ]
    rows += [hazard_row(server, text) for _, text in hazards()] if beside else []
    return replace(fetched(block(beside=beside), [row for row, _ in rows]), errors=[said for _, said in rows])


def ask(server: str) -> Ask:
    """Return a server as a diagnosis queries it; what is neither recorded nor a hazard is refused."""
    recorded = {text.text: recorded_vectors(server)[text.text_id] for text in recorded_texts()}
    known = {text for _, text in hazards()}

    def embed(texts: Sequence[str]) -> list[Vector | None]:
        return [recorded[text] if text in recorded else _of_hazard(server, text, known) for text in texts]

    return embed


def _of_hazard(server: str, text: str, known: set[str]) -> Vector | None:
    row = hazard_row(server, text)[0] if text in known else RowStatus.REFUSED
    return None if isinstance(row, RowStatus) else np.array(row, np.float32)


def comparison(legacy: str, candidate: str, *, beside: bool) -> tuple[DiagnosisInput, FollowUpQueries]:
    """Return two servers as a diagnosis gets them, and how it may ask them."""
    given = DiagnosisInput(
        samples=block(beside=beside), legacy=lane(legacy, beside=beside), candidate=lane(candidate, beside=beside)
    )
    return given, FollowUpQueries(legacy=ask(legacy), candidate=ask(candidate), texts=32)
