"""Sample sets for simulated faults, with vectors that no model made.

Here belong texts, their vectors and the judge. The results of faults belong to the tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.power.records import Power
from parity_pipeline.core.power.rows import Rows, RowsSample, Vector
from parity_pipeline.core.power.simulation import Judge, Simulation
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs

WIDTH = 64

TEXTS = (
    "hello",
    "Forklift operator with OSHA cert",
    "a résumé of twelve years",
    "Need 5 production workers in Aurora IL for second shift starting Monday, steel-toe boots required, " * 3,
    "two  spaces and a line\nbreak",
    " ends with white space ",
    "Need 6 production workers in Aurora IL for second shift starting Monday, steel-toe boots required",
    "<s> a special token </s>",
)
"""One text for each trait that faults change; none is an edited form of another."""


def block_of(texts: Sequence[str], category: str = "seed", start: int = 0) -> SampleBlock:
    """Return texts as consecutive samples."""
    return SampleBlock(start, [sample_id(text) for text in texts], list(texts), [category] * len(texts))


def by_text(text: str) -> Vector:
    """Return a vector that the text alone decides, unlike that of any other text."""
    return np.random.default_rng(int(sample_id(text), 16)).standard_normal(WIDTH).astype(np.float32)


def ignoring(edit: Callable[[str], str]) -> Callable[[str], Vector]:
    """Return a model that cannot see what an edit takes away."""
    return lambda text: by_text(edit(text))


def side_of(block: SampleBlock, embed: Callable[[str], Vector | None] = by_text) -> FetchedRows:
    """Return what a side made of the samples; a text without a vector is refused."""
    vectors = [embed(text) for text in block.texts]
    kept = [vector if vector is not None else np.zeros(0, np.float32) for vector in vectors]
    rows = FetchedRows.without_vectors(block, RowStatus.REFUSED, "HTTP 400")
    return replace(
        rows,
        values=np.concatenate([np.zeros(0, np.float32), *kept]),
        offsets=np.cumsum([0, *map(len, kept)]).astype(np.int32),
        status=[RowStatus.REFUSED if vector is None else RowStatus.OK for vector in vectors],
    )


def rows_of(texts: Sequence[str], embed: Callable[[str], Vector | None] = by_text) -> Rows:
    """Return the rows of a set on which both sides agree."""
    block, sample = block_of(texts), RowsSample(len(texts))
    sample.add(block, side_of(block, embed), side_of(block, embed))
    return sample.rows()


def judge(limits: Mapping[str, Any] | None = None, **tally: Any) -> Judge:
    """Return the code of the verdict under some limits."""
    thresholds = Thresholds(**(limits or {}))
    return Judge(make_tally=lambda: Tally(thresholds, **tally), inputs=DecisionInputs(expected=0))


def power_of(
    texts: Sequence[str],
    embed: Callable[[str], Vector | None] = by_text,
    samples: int | None = None,
    limits: Mapping[str, Any] | None = None,
) -> Power:
    """Return what a set would have caught; `samples` says how many samples the whole set has, where it has more."""
    return Simulation(rows_of(texts, embed), judge(limits), samples or len(texts)).power()
