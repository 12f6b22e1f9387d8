"""Make the worst failing input of a FAIL small, whatever the probe: when it is tried, and what is concluded.

Here belongs what the reproductions of all probes share: when nothing may be sent, the budget of each side, what ends a search
and what is said then. What differs (how a trial is sent, judged and stored) is a probe's own `SmallForm`; the search is `core.minimise`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from parity_pipeline.core.errors import ArtifactError, GatewayError
from parity_pipeline.core.minimise import Fails, Smallest, TrialT
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproductionResult
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.diagnose_failures import Requests

ORDER = (Side.LEGACY, Side.CANDIDATE)
"""In which the sides are sent a trial."""

ResponseT = TypeVar("ResponseT")


class Reproduced(Protocol):
    """What a probe stores of its worst failing input."""

    @property
    def result(self) -> ReproductionResult:
        """Return whether it still fails."""
        ...


FoundT = TypeVar("FoundT", bound=Reproduced)
TrialT_contra = TypeVar("TrialT_contra", contravariant=True)
ResponseT_co = TypeVar("ResponseT_co", covariant=True)


class Lane(Protocol):
    """What is known of a fetch."""

    @property
    def stopped_early(self) -> str:
        """Return why it stopped before its end; "" if it did not."""
        ...


class SmallForm(Protocol[FoundT]):
    """What differs from probe to probe: finding, reading and storing the small form of one input of one verdict."""

    @property
    def lanes(self) -> Sequence[Lane]:
        """Return the lanes of the verdict."""
        ...

    @abstractmethod
    def stored(self) -> FoundT | None:
        """Return what is stored of this input; None where nothing is."""

    @abstractmethod
    def find(self) -> FoundT | None:
        """Search, sending requests; None where a side cannot be sent any."""

    @abstractmethod
    def store(self, found: FoundT | None) -> None:
        """Store what was found."""


def make_small(run: RunContext, form: SmallForm[FoundT], log: Callable[[str], None]) -> FoundT | None:
    """Make an input small, store the result, and return it; None where nothing was sent.

    One that was reproduced for the same lanes and limits before is not requested again. `log` is called within an exception
    handler with a line, where the search broke: the verdict stands without it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
    """
    if not run.reproduce.requests:
        return None
    # A file that cannot be read, or is of a later version, is one to replace: it must not cost the date its verdict.
    known = None
    with suppress(ArtifactError):
        known = form.stored()
    if known is not None and known.result is ReproductionResult.REPRODUCED:
        return known
    try:
        found = form.find() if _may_send(run, form.lanes) else None
    except Exception:  # noqa: BLE001 - whatever breaks the search must not cost the date its verdict
        log("the search for the smallest failing text broke; the verdict is given without it")
        found = None
    form.store(found)
    return found


def _may_send(run: RunContext, lanes: Sequence[Lane]) -> bool:
    """Return whether there is somebody to send to, and no request is likely to be a time-out."""
    return not any(lane.stopped_early for lane in lanes) and not any(one.recorded for one in run.gateways.values())


class TrialSide(Protocol[TrialT_contra, ResponseT_co]):
    """One side, as a search sends it trials."""

    @property
    def requests(self) -> Requests:
        """Return the requests that it was sent, and how many it may be."""
        ...

    @abstractmethod
    def cost(self, trial: TrialT_contra) -> int:
        """Return how many requests a trial takes where none is retried."""

    @abstractmethod
    def request(self, trial: TrialT_contra) -> ResponseT_co:
        """Return the response to a trial.

        Raises:
            GatewayError: The side cannot be used at all.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Generic[TrialT]):
    """Result of a search.

    Attributes:
        result: Whether the input still fails.
        smallest: The smallest trial that fails alike; None where none does.
        complete: Whether the search ended by itself, and not for want of requests or of a response.
        legacy_requests: Requests that were sent to the legacy side, retries included.
        candidate_requests: The same to the candidate.
    """

    result: ReproductionResult
    smallest: TrialT | None
    complete: bool
    legacy_requests: int
    candidate_requests: int


def search(
    whole: TrialT,
    minimise: Callable[[TrialT, Fails[TrialT]], Smallest[TrialT]],
    sides: Sequence[TrialSide[TrialT, ResponseT]],
    fails: Callable[[TrialT, Sequence[ResponseT]], bool | None],
    *,
    times: int = 1,
) -> Search[TrialT]:
    """Search for the smallest trial that still fails.

    Args:
        whole: The input in the company that it was first sent in.
        minimise: The search of the probe's trials.
        sides: The legacy side and the candidate.
        fails: Judges a trial by both responses; None where one of them is not definite.
        times: How often in a row a trial has to fail.
    """

    def judged(trial: TrialT) -> bool | None:
        for _ in range(times):
            if not all(side.requests.sent + side.cost(trial) <= side.requests.most for side in sides):
                return None
            try:
                found = fails(trial, [side.request(trial) for side in sides])
            except GatewayError:
                return None
            if not found:
                return found
        return True

    found = minimise(whole, judged)
    gone = ReproductionResult.NOT_ANY_MORE if found.complete else ReproductionResult.NO_RESPONSE
    legacy, candidate = (side.requests.sent for side in sides)
    return Search(
        result=ReproductionResult.REPRODUCED if found.trial else gone,
        smallest=found.trial,
        complete=found.complete,
        legacy_requests=legacy,
        candidate_requests=candidate,
    )
