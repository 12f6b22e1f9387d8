"""The fingerprint of a side: what it says of itself and returns for the canaries, and whether two fingerprints are of one gateway.

Here belong the record and the comparison, which collects every difference. What a sequence of fingerprints means belongs to
`gateway_states`, taking one to `wire.gateway_look` and the lane.

Vectors are compared by their cosine and norm, within what the side's own noise explains, and never bit by bit. What only one of
two fingerprints knows is not a difference: it is listed as unknown.
"""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from parity_pipeline.core.canaries import SAME
from parity_pipeline.core.measures import Float64, Matrix32
from parity_pipeline.core.number_format import cosine_text

NOISE_FACTOR: Final = 4.0
"""How far beyond its own noise the vectors of a side must move to count as others, as a factor of 1 - cosine.

Two vectors within the angle `a` of their middle are up to `2 a` apart, and 1 - cosine grows with the square of the angle.
"""

MOST_NOISE: Final = 0.05
"""Largest 1 - cosine of a side's own responses that counts as noise: one that is worse is broken, and would hide any change."""

SAME_NORM: Final = 0.01
"""Largest |norm ratio - 1| at which two canaries have one norm: far above rounding, far below normalised against raw."""

WORD_CHARACTERS: Final = 80
"""Characters of a version, header, digest or name that a sentence shows."""

NODE_HEADERS: Final = frozenset({"via", "x-served-by"})
"""Headers that may name the node that responded, which says nothing about its software; a fingerprint leaves them out."""

DIGEST_CHARACTERS: Final = 19
"""Characters of a digest that a sentence shows: `sha256:` and twelve digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryVectors:
    """The vectors that a side returned for the canary texts, in a form that JSON takes.

    Attributes:
        texts: Sample id of each text.
        dimension: Length of a vector.
        vectors: Unit vectors as base64 of little-endian float16, row after row: 1 - cosine is exact to 1e-7. A row without a
            direction is zero.
        norms: L2 norm of each vector as it was returned; None for one that holds NaN or infinity.
        noise: Largest 1 - cosine between repeats of the same request; None where it was not repeated.
    """

    texts: tuple[str, ...]
    dimension: int
    vectors: str
    norms: tuple[float | None, ...]
    noise: float | None = None

    def units(self) -> Float64:
        """Return the unit vectors, float64, shape (texts, dimension)."""
        stored = np.frombuffer(base64.b64decode(self.vectors), "<f2")
        return stored.reshape(len(self.texts), self.dimension).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What one side showed of itself at one time; a field that is empty was not offered, or not looked at.

    Attributes:
        state: Id of the recorded state that it belongs to; "" where that is not known (`gateway_states`).
        version: What the header or endpoint of the settings says.
        model: The model that responses name.
        digest: The digest of the model.
        headers: Response headers that name the server's software.
        canaries: The vectors of the canary texts; None where none were returned, and in the ledger.
    """

    state: str = ""
    version: str = ""
    model: str = ""
    digest: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    canaries: CanaryVectors | None = None


class Likeness(StrEnum):
    """Whether two fingerprints are of one gateway."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintComparison:
    """Two fingerprints of one side, the earlier one first.

    Attributes:
        differences: What differs, each a clause such as `the version changed from 1.4 to 1.5`.
        unknown: What only one of the two knows, or neither, each a clause.
        compared: What was compared and is the same, each a noun, such as `the version`.
    """

    differences: tuple[str, ...]
    unknown: tuple[str, ...]
    compared: tuple[str, ...]

    @property
    def likeness(self) -> Likeness:
        """Return what the two say: a name of a model or a header alone does not show that nothing changed."""
        if self.differences:
            return Likeness.CHANGED
        return Likeness.UNCHANGED if IDENTIFYING & {*self.compared} else Likeness.UNKNOWN

    def describe(self) -> str:
        """Return everything in one sentence without a full stop."""
        if self.differences:
            return "; ".join(self.differences)
        if self.likeness is Likeness.UNCHANGED:
            return f"unchanged: {_listed(self.compared)}"
        return f"not known whether it changed: {'; '.join(self.unknown) or 'nothing was compared'}"


VERSION: Final = "the version"
DIGEST: Final = "the digest of the model"
VECTORS: Final = "the canary vectors"
MODEL: Final = "the model named"
IDENTIFYING: Final = frozenset({VERSION, DIGEST, VECTORS})
"""What has to be compared before a gateway may be called unchanged."""


def pack(
    texts: Sequence[str], vectors: Matrix32, *, noise: float | None = None, repeats: Iterable[Matrix32] = ()
) -> CanaryVectors:
    """Return the vectors of the canary texts as they are recorded.

    Args:
        texts: Sample ids.
        vectors: float32, shape (texts, dimension); NaN and zeros are kept as rows without a direction.
        noise: Largest 1 - cosine of repeats that is known already.
        repeats: Further responses to the same request, whose distance counts as noise.
    """
    rows = np.asarray(vectors, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt((rows * rows).sum(axis=1))
    usable = np.isfinite(norms) & (norms > 0)
    units = np.zeros_like(rows)
    units[usable] = rows[usable] / norms[usable, None]
    packed = CanaryVectors(
        texts=tuple(texts),
        dimension=rows.shape[1],
        vectors=base64.b64encode(units.astype("<f2").tobytes()).decode(),
        norms=tuple(float(norm) if np.isfinite(norm) else None for norm in norms),
        noise=noise,
    )
    seen = [distance(packed, pack(texts, one)) for one in repeats]
    known = [one for one in (noise, *seen) if one is not None]
    return CanaryVectors(
        texts=packed.texts,
        dimension=packed.dimension,
        vectors=packed.vectors,
        norms=packed.norms,
        noise=max(known) if known else None,
    )


def distance(one: CanaryVectors, two: CanaryVectors) -> float | None:
    """Return the largest 1 - cosine of a text that both hold; None where no text has a cosine."""
    found = [1.0 - cosine for cosine in _cosines(one, two).values() if cosine is not None]
    return max(found) if found else None


def compare_fingerprints(
    before: Fingerprint, after: Fingerprint, *, floor: float | None = None
) -> FingerprintComparison:
    """Return every difference of two fingerprints of one side, and what is unknown.

    Args:
        before: The earlier one.
        after: The later one.
        floor: 1 - cosine of the worst pair that the side's repeatability showed; None where it was not measured.
    """
    differences: list[str] = []
    unknown: list[str] = []
    compared: list[str] = []
    for name, old, new in _words(before, after):
        if not (old or new):
            continue
        if not (old and new):
            unknown.append(
                f"{name} was {_shown(name, old)} and is not stated now"
                if old
                else f"{name} is {_shown(name, new)} and was not stated before"
            )
        elif old == new:
            compared.append(name)
        else:
            differences.append(f"{name} changed from {_shown(name, old)} to {_shown(name, new)}")
    if before.canaries is None or after.canaries is None:
        unknown.append("the canary vectors were not returned both times")
    else:
        found = list(_vector_differences(before.canaries, after.canaries, floor))
        differences += found
        texts = {*before.canaries.texts} & {*after.canaries.texts}
        compared += [VECTORS] if texts and not found else []
        unknown += [] if texts else ["the canary texts are others"]
    return FingerprintComparison(differences=tuple(differences), unknown=tuple(unknown), compared=tuple(compared))


def _words(before: Fingerprint, after: Fingerprint) -> Iterator[tuple[str, str, str]]:
    yield VERSION, before.version, after.version
    yield DIGEST, before.digest, after.digest
    yield MODEL, before.model.removesuffix(":latest"), after.model.removesuffix(":latest")
    for name in sorted({*before.headers, *after.headers}):
        yield f"the header {name}", before.headers.get(name, ""), after.headers.get(name, "")


def _shown(name: str, word: str) -> str:
    most = DIGEST_CHARACTERS if name == DIGEST else WORD_CHARACTERS
    return word if len(word) <= most else f"{word[:most]}…"


def tolerance(one: CanaryVectors, two: CanaryVectors, floor: float | None = None) -> float:
    """Return the 1 - cosine that rounding and the side's own noise explain between two of its responses to one text."""
    noise = max(one.noise or 0.0, two.noise or 0.0, floor or 0.0)
    return max(SAME, NOISE_FACTOR * min(noise, MOST_NOISE))


def _vector_differences(before: CanaryVectors, after: CanaryVectors, floor: float | None) -> Iterator[str]:
    if before.dimension != after.dimension:
        yield f"the dimension changed from {before.dimension} to {after.dimension}"
        return
    cosines, most = _cosines(before, after), tolerance(before, after, floor)
    moved = [cosine for cosine in cosines.values() if cosine is None or not 1.0 - cosine <= most]
    if moved:
        measured = [cosine for cosine in moved if cosine is not None]
        size = f"worst cosine {cosine_text(min(measured))}" if measured else "no cosine"
        allowed = f"rounding and noise explain {cosine_text(1.0 - min(most, 2.0))}"
        yield f"the vectors of {len(moved)} of {len(cosines)} canary texts changed ({size}, {allowed})"
    ratios = [abs(new / old - 1.0) for old, new in _norms(before, after)]
    # Noise that turns a vector by an angle changes its length by as much of it.
    longer = max(SAME_NORM, math.sqrt(2.0 * most) if most > SAME else 0.0)
    if ratios and not max(ratios) <= longer:
        yield f"the norms of {sum(ratio > longer for ratio in ratios)} of {len(ratios)} canary vectors changed"


def _cosines(before: CanaryVectors, after: CanaryVectors) -> dict[str, float | None]:
    """Return the cosine of each text that both hold: 1 where neither has a direction, None where one has none."""
    if before.dimension != after.dimension:
        return dict.fromkeys(text for text in before.texts if text in after.texts)
    old = dict(zip(before.texts, before.units(), strict=True))
    new = dict(zip(after.texts, after.units(), strict=True))
    return {text: _cosine(old[text], new[text]) for text in old if text in new}


def _cosine(one: Float64, two: Float64) -> float | None:
    norms = float(np.linalg.norm(one)), float(np.linalg.norm(two))
    if not any(norms):
        return 1.0
    return float(one @ two) / (norms[0] * norms[1]) if all(norms) else None


def _norms(before: CanaryVectors, after: CanaryVectors) -> Iterator[tuple[float, float]]:
    new = dict(zip(after.texts, after.norms, strict=True))
    for text, norm in zip(before.texts, before.norms, strict=True):
        later = new.get(text)
        if norm and later:
            yield norm, later


def group_responses(seen: Sequence[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Return one fingerprint per gateway that responded: of repeats of one request, sent shortly after each other.

    Responses that differ by noise are of one gateway, whose noise the result holds. Two or more that return to the same
    values are of several behind one address: at most half as many groups as responses, so that a side that returns
    something else each time is one noisy side.

    Args:
        seen: The responses, in the order in which they came.
    """
    groups: list[list[Fingerprint]] = []
    for one in seen:
        own = next((group for group in groups if _alike(group[0], one)), None)
        if own is None:
            groups.append([one])
        else:
            own.append(one)
    if len(groups) > max(1, len(seen) // 2):
        groups = [[*seen]]
    return tuple(_merged(group) for group in groups)


def _alike(one: Fingerprint, two: Fingerprint) -> bool:
    # Noise that is known is left out: it may be the distance of two gateways that take turns.
    return not compare_fingerprints(one, two).differences


def _merged(group: Sequence[Fingerprint]) -> Fingerprint:
    """Return the first of a group with the noise between all of it."""
    first = group[0]
    if first.canaries is None:
        return first
    known = [one.canaries for one in group[1:] if one.canaries is not None]
    seen = [first.canaries.noise, *(distance(first.canaries, one) for one in known)]
    noise = [one for one in seen if one is not None]
    canaries = CanaryVectors(
        texts=first.canaries.texts,
        dimension=first.canaries.dimension,
        vectors=first.canaries.vectors,
        norms=first.canaries.norms,
        noise=max(noise) if noise else None,
    )
    return Fingerprint(
        state=first.state,
        version=first.version,
        model=first.model,
        digest=first.digest,
        headers=first.headers,
        canaries=canaries,
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
