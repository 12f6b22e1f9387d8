"""Fingerprints and lanes for tests: sides that return made-up vectors for the canaries.

Here belong builders of values only.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from parity_pipeline.core.fingerprint import CanaryVectors, Fingerprint, pack
from parity_pipeline.core.gateway_states import GatewayStates, Lane, LaneStates, Placement, place
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.outcomes import Side

LANE: Lane = ("embed", Side.CANDIDATE, "m")
TEXTS = ("a", "b", "c", "d")


def vectors(seed: int = 1, *, noise: float = 0.0, noise_seed: int = 0, dimension: int = 32) -> Matrix32:
    """Return the canary vectors of a made-up model, each turned by about `noise` (an angle)."""
    made = np.random.default_rng(seed).normal(size=(len(TEXTS), dimension))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    other = np.random.default_rng([noise_seed, 7]).normal(size=made.shape) / np.sqrt(dimension)
    return (made + noise * other).astype(np.float32)


def packed(seed: int = 1, **changes: Any) -> CanaryVectors:
    """Return them as they are recorded."""
    return pack(TEXTS, vectors(seed, **changes))


def fingerprint(seed: int = 1, **changes: Any) -> Fingerprint:
    """Return a fingerprint with canary vectors of a made-up model."""
    return replace(Fingerprint(canaries=packed(seed)), **changes)


def seen(
    states: LaneStates, found: Fingerprint, at: int, lane: Lane = LANE, **more: Any
) -> tuple[LaneStates, Placement]:
    """Return the states after a fetch saw a fingerprint at a minute, and where it was placed."""
    placed = place(states, found, lane=lane, seen_at=f"2026-11-20T10:{at:02}:00.000+00:00", seen_by="fetch", **more)
    if placed.record is None:
        return states, placed
    return GatewayStates.of([*states.records, placed.record]).of_lane(*lane), placed
