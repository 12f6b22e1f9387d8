"""Carry out a plan: hand out its steps, take in the responses, compare them with each other.

Here belongs the dialogue, a generator that yields steps and receives their responses, so that it needs no network. What
the observations mean belongs to `analysis`.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.measures import Float64, Matrix32, measure_rows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.plan import Plan
from parity_pipeline.core.stability.records import (
    IDS_LISTED,
    Comparison,
    Defect,
    DefectKind,
    Reference,
    Response,
    Step,
    Texts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MisplacedRow:
    """A row that equals another text's vector.

    Attributes:
        row: Its position in the request, from 0.
        text: The text that stands there.
        holds: The text whose vector it equals.
        cosine: To that vector.
        own: To its own text's vector; 0 where that is not known.
    """

    row: int
    text: str
    holds: str
    cosine: float
    own: float


def _misplaced_rows(
    request: Texts, vectors: Matrix32, known: Mapping[str, Matrix32], threshold: float
) -> tuple[list[_MisplacedRow], tuple[int, ...]]:
    """Return the rows that another text's known vector fits better than their own, at least to the threshold, and the order.

    The order is for each row the position of the text whose vector it holds, where every row holds that of exactly one text
    of the request and not all of their own; empty otherwise.

    Args:
        request: The texts of the request.
        vectors: Its vectors, float32, shape (texts, dimensions).
        known: Text to its vector, float32, shape (dimensions,); those of other widths are passed over.
        threshold: Cosine from which on a vector is taken for that of a text.
    """
    names = [text for text, vector in known.items() if vector.shape == vectors.shape[1:]]
    if not names:
        return [], ()
    cosines = _unit(vectors) @ _unit(np.array([known[text] for text in names], np.float32)).T
    place = {text: index for index, text in enumerate(names)}
    own = np.array([cosines[row, place[text]] if text in place else 0.0 for row, text in enumerate(request)])
    best = cosines.argmax(axis=1)
    top = cosines[np.arange(len(request)), best]
    odd = (top >= threshold) & (top > own) & (own < threshold)
    found = [
        _MisplacedRow(row=row, text=text, holds=names[best[row]], cosine=float(top[row]), own=float(own[row]))
        for row, text in enumerate(request)
        if odd[row]
    ]
    return found, _order(request, [names[index] for index in best], top >= threshold)


def _order(request: Texts, holds: list[str], sure: NDArray[np.bool_]) -> tuple[int, ...]:
    position = {text: index for index, text in enumerate(request)}
    order = tuple(position.get(text, -1) for text in holds)
    every = bool(sure.all()) and sorted(order) == list(range(len(request)))
    return order if every and order != tuple(range(len(request))) else ()


def _unit(rows: Matrix32) -> Float64:
    """Return the rows divided by their norms; rows without a direction as zeros, which nothing is close to."""
    wide = rows.astype(np.float64)
    wide[~np.isfinite(wide).all(axis=1)] = 0.0
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return wide / np.where(norms > 0, norms, 1.0)[:, None]


_CASES: Final = {
    DefectKind.REFUSED: (26,),
    DefectKind.MALFORMED: (25, 26),
    DefectKind.NO_DIRECTION: (19, 26),
    DefectKind.DIMENSION: (23, 27),
}


@dataclass(slots=True)
class Part:
    """What one part of an experiment showed.

    Attributes:
        level: Of its comparison.
        cosines: Smallest cosine of each text, by id.
        rows: Compared rows.
        identical: Those that are the same float32 numbers.
    """

    level: int
    cosines: dict[str, float] = field(default_factory=dict[str, float])
    rows: int = 0
    identical: int = 0


@dataclass(slots=True)
class Observations:
    """All that the responses showed.

    Attributes:
        threshold: Cosine below which a row is looked at more closely.
        parts: Experiment, then label, to its rows.
        faults: Experiment and kind, to what went wrong; counts grow.
        permutations: Experiment, to the first whole request that was permuted.
        requests: Experiment, to the requests sent for it.
        no_response: Experiment, to what of it got no vectors.
        known: Request, to the vectors that later ones are compared with.
    """

    threshold: float
    parts: dict[str, dict[str, Part]] = field(default_factory=dict[str, dict[str, Part]])
    faults: dict[tuple[str, DefectKind], Defect] = field(default_factory=dict[tuple[str, DefectKind], Defect])
    permutations: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    requests: dict[str, int] = field(default_factory=dict[str, int])
    no_response: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    known: dict[Texts, Matrix32] = field(default_factory=dict[Texts, Matrix32])
    _embedded: set[str] = field(default_factory=set[str])
    _unusable: set[str] = field(default_factory=set[str])

    def usable_part(self, step: Step) -> Step:
        """Return a step without texts that get no vector even alone, and without requests that this makes pointless."""
        kept: list[Texts] = []
        for request in step.requests:
            left = tuple(text for text in request if text not in self._unusable)
            if not left or len(left) < min(2, len(request)) or self._pointless(step, left):
                continue
            kept.append(left)
        return replace(step, requests=tuple(dict.fromkeys(kept)) if step.keep else tuple(kept))

    def _pointless(self, step: Step, request: Texts) -> bool:
        """Return whether a request has nothing to be compared with and is not kept for later ones."""
        first = step.keep or not step.compared
        return not first and not any(self._reference(one, request) for one in step.compared)

    def _reference(self, one: Comparison, request: Texts) -> bool:
        if one.against is Reference.SAME:
            return request in self.known
        return any((text,) in self.known for text in request)

    def take(self, step: Step, responses: Sequence[Response]) -> None:
        """Take in the responses to the requests of a step, in their order."""
        self.requests[step.experiment] = self.requests.get(step.experiment, 0) + len(responses)
        for request, response in zip(step.requests, responses, strict=True):
            if response.vectors is None:
                self._take_failure(step, request, response)
                continue
            self._embedded.update(request)
            for one in step.compared:
                self._compare(step, one, request, response.vectors)
            if step.keep:
                self.known[request] = response.vectors

    def _take_failure(self, step: Step, request: Texts, response: Response) -> None:
        """Note a request without vectors: a fault where it contradicts other responses, no evidence elsewhere.

        A refusal contradicts them when each text got a vector before. A response with status 200 but not one vector per
        text does so wherever there are several texts, since each of them is a plain one.
        """
        experiment, label = self._blamed(step, request)
        before = self._embedded.issuperset(request)
        malformed = response.status is RowStatus.MALFORMED and (before or len(request) > 1)
        if malformed or (response.status is RowStatus.REFUSED and before):
            kind = DefectKind.MALFORMED if malformed else DefectKind.REFUSED
            earlier = ", each embedded before" if before else ""
            words = f"{_texts(len(request))} in one request{earlier}: {response.words}"
            self._fault(experiment, kind, label, words, request)
            return
        self.no_response.setdefault(experiment, []).append(f"{label}: {response.words}")
        if len(request) == 1 and not before:
            self._unusable.update(request)

    def _blamed(self, step: Step, request: Texts) -> tuple[str, str]:
        """Return experiment and label that a request without vectors counts for.

        Where its rows would have been compared with texts alone, or it never got vectors, being in company is what
        differs. A text alone that gets a vector once and not again is a repeat with another result.
        """
        company = next((one for one in step.compared if one.against is Reference.ALONE), None)
        if company is not None:
            return company.experiment, company.label
        if len(request) > 1 and request not in self.known:
            return "batch-sizes", f"batch of {len(request)}"
        return step.experiment or "repeats", step.compared[0].label if step.compared else "alone"

    def _fault(
        self, experiment: str, kind: DefectKind, label: str, words: str, texts: Texts, cases: tuple[int, ...] = ()
    ) -> None:
        ids = tuple(sample_id(text) for text in texts[:IDS_LISTED])
        defect = self.faults.get((experiment, kind))
        if defect is None:
            defect = Defect(kind=kind, label=label, words=words, count=0, samples=(), cases=cases or _CASES[kind])
        of_requests = kind in (DefectKind.REFUSED, DefectKind.MALFORMED)
        both = tuple(dict.fromkeys((*defect.samples, *ids)))[:IDS_LISTED]
        self.faults[experiment, kind] = replace(
            defect, count=defect.count + (1 if of_requests else len(texts)), samples=both
        )

    def _compare(self, step: Step, one: Comparison, request: Texts, vectors: Matrix32) -> None:
        rows, reference = self._references(one, request, vectors)
        if not rows:
            return
        if reference.shape[1] != vectors.shape[1]:
            words = f"{vectors.shape[1]} dimensions where {reference.shape[1]} came before"
            self._fault(one.experiment, DefectKind.DIMENSION, one.label, words, tuple(request[row] for row in rows))
            return
        measured = measure_rows(reference, np.ascontiguousarray(vectors[rows]))
        part = self.parts.setdefault(one.experiment, {}).setdefault(one.label, Part(one.level))
        lost = tuple(
            request[row]
            for row, cosine, norm in zip(rows, measured.cosine, measured.legacy_norm, strict=True)
            if np.isnan(cosine) and np.isfinite(norm) and norm > 0
        )
        if lost:
            self._fault(one.experiment, DefectKind.NO_DIRECTION, one.label, "zero vectors, NaN or infinity", lost)
        self._count(part, request, rows, measured.cosine, int(measured.identical.sum()))
        if (measured.cosine < self.threshold).any():
            self._misplaced(step, one, request, vectors)

    def _references(self, one: Comparison, request: Texts, vectors: Matrix32) -> tuple[list[int], Matrix32]:
        if one.against is Reference.SAME and request in self.known:
            return list(range(len(request))), self.known[request]
        if one.against is Reference.SAME:
            return [], vectors
        rows = [row for row, text in enumerate(request) if (text,) in self.known]
        found = [self.known[request[row],][0] for row in rows]
        width = len(found[0]) if found else 0
        kept = [(row, vector) for row, vector in zip(rows, found, strict=True) if len(vector) == width]
        return [row for row, _ in kept], np.array([vector for _, vector in kept], np.float32)

    def _count(self, part: Part, request: Texts, rows: list[int], cosines: Float64, identical: int) -> None:
        for row, cosine in zip(rows, cosines.tolist(), strict=True):
            if not np.isnan(cosine):
                name = sample_id(request[row])
                part.cosines[name] = min(cosine, part.cosines.get(name, 1.0))
                part.rows += 1
        part.identical += identical

    def _misplaced(self, step: Step, one: Comparison, request: Texts, vectors: Matrix32) -> None:
        """Note which rows hold the vector of another text, and the whole order where there is one."""
        alone = {texts[0]: kept[0] for texts, kept in self.known.items() if len(texts) == 1}
        if one.against is Reference.SAME and request in self.known:
            alone |= dict(zip(request, self.known[request], strict=True))
        misplaced, order = _misplaced_rows(request, vectors, alone, self.threshold)
        if order:
            self.permutations.setdefault(one.experiment, order)
        within = [row for row in misplaced if row.holds in request]
        beyond = [row for row in misplaced if row.holds not in request]
        for kind, some in ((DefectKind.SWAPPED, within), (DefectKind.MIXED, beyond)):
            if some:
                cases = (3,) if step.at_once > 1 or kind is DefectKind.MIXED else (1,)
                texts = tuple(row.text for row in some)
                self._fault(one.experiment, kind, one.label, _swap_words(some[0], len(request)), texts, cases)


def _swap_words(misplaced: _MisplacedRow, size: int) -> str:
    return (
        f"row {misplaced.row + 1} of {size}, text {sample_id(misplaced.text)}, holds the vector of text "
        f"{sample_id(misplaced.holds)}: 1 - cosine {1 - misplaced.cosine:.2g}, to its own {1 - misplaced.own:.2g}"
    )


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count} texts"


Dialogue = Generator[Step, Sequence[Response], Observations]


def conduct(plan: Plan, threshold: float) -> Dialogue:
    """Yield the steps of a plan one after the other, take their responses, and return what they showed.

    Args:
        plan: The plan. Texts that get no vector alone are left out of its later requests.
        threshold: Cosine below which a row is looked at more closely.
    """
    observed = Observations(threshold)
    for step in plan.steps:
        if (part := observed.usable_part(step)).requests:
            observed.take(part, (yield part))
    return observed
