"""Whole spaces that differ, and controls in which nothing is wrong: a table of two embeddings and the cause between.

Here belong changes that concern every vector alike. Faults that hit single texts or rows stand in the demo's table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline_tests.core.diagnosis.faulty_sides import Embed, hashed, real

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """A true embedding, a faulty one, and the causes that have to be named, no more and no fewer."""

    name: str
    true: Embed
    faulty: Embed
    causes: tuple[CauseName, ...]


@cache
def rotation(width: int) -> NDArray[np.float64]:
    """Return one orthogonal matrix per width."""
    return np.linalg.qr(np.random.default_rng(width).standard_normal((width, width)))[0]


def rotated(texts: Sequence[str]) -> Matrix:
    """Turn the space of hashed vectors."""
    return (hashed(texts) @ rotation(96)).astype(np.float32)


def reordered(texts: Sequence[str]) -> Matrix:
    """Put the axes in another order and negate every third."""
    order = np.random.default_rng(3).permutation(256)
    return real(texts)[:, order] * np.where(np.arange(256) % 3, 1, -1).astype(np.float32)


def moved(texts: Sequence[str]) -> Matrix:
    """Add one vector to every unit vector."""
    return hashed(texts) + hashed(["an offset"], 96)[0] / 3


def roughened(loss: float) -> Embed:
    """Return hashed vectors with noise per text that leaves a cosine of about 1 - loss, within a factor of 2."""

    def embed(texts: Sequence[str]) -> Matrix:
        sizes = np.random.default_rng(9).uniform(0.7, 1.4, len(texts))[:, None] * np.sqrt(2 * loss)
        return hashed(texts) + (hashed(texts, salt="noise") * sizes).astype(np.float32)

    return embed


def brain_float(texts: Sequence[str]) -> Matrix:
    """Cut the numbers to bfloat16."""
    return (real(texts).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def four_bits(texts: Sequence[str]) -> Matrix:
    """Round the numbers to 15 steps."""
    vectors = hashed(texts)
    step = np.abs(vectors).max(axis=1, keepdims=True) / 7
    return (np.round(vectors / step) * step).astype(np.float32)


def strange(texts: Sequence[str]) -> Matrix:
    """Return vectors of no relation."""
    return hashed(texts, salt="another model")


def bent(texts: Sequence[str]) -> Matrix:
    """Return another pooling's like: each element bent, far off and still related."""
    vectors = real(texts)
    return (np.abs(vectors) ** 1.5 + vectors).astype(np.float32)


def negated(texts: Sequence[str]) -> Matrix:
    """Turn every vector round."""
    return -real(texts)


N = CauseName
SPACES: Final[tuple[Space, ...]] = (
    Space("clean", real, real, ()),
    Space("clean hashed", hashed, hashed, ()),
    Space("noise 1e-7", hashed, roughened(1e-7), ()),
    Space("noise 1e-4", hashed, roughened(1e-4), ()),
    Space("noise 4e-4", hashed, roughened(4e-4), ()),
    Space("bfloat16", real, brain_float, ()),
    Space("noise 8e-4, some fail", hashed, roughened(8e-4), (N.PRECISION,)),
    Space("noise 1.5e-3", hashed, roughened(1.5e-3), (N.PRECISION,)),
    Space("four bits", hashed, four_bits, (N.PRECISION,)),
    Space("rotation", hashed, rotated, (N.ROTATED_SPACE,)),
    Space("axes and signs", real, reordered, (N.REORDERED_AXES,)),
    Space("negated", real, negated, (N.REORDERED_AXES,)),
    Space("offset", hashed, moved, (N.OFFSET,)),
    Space("another model", hashed, strange, (N.OTHER_SPACE,)),
    Space("another pooling", real, bent, (N.OTHER_SPACE,)),
)
