"""One text to one side, for `parity doctor`: does it return a vector, in the configured dialect, with this model?

Here belongs this one request. The message for a response without vectors comes from `gateway_errors`, as in a fetch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import httpx

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.gateway_errors import Aspect, UnusableSideError
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.side_config import SideConfig

CONNECTIVITY_TEXT = "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityCheck:
    """One line of `parity doctor`.

    Attributes:
        name: What was checked, an `Aspect`.
        ok: Whether it holds; None if an earlier check failed, so that this one was not made.
        detail: What was found.
        remedy: What to do; "" if it holds.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityResult:
    """Result of sending one text to a side.

    Attributes:
        checks: One line per `Aspect`, in their order.
        dimension: Length of the vector; 0 without a vector.
        observation: What the response looked like; None without a vector.
    """

    checks: Sequence[ConnectivityCheck]
    dimension: int = 0
    observation: WireObservation | None = None

    @property
    def ok(self) -> bool:
        """Return whether every check holds."""
        return all(check.ok for check in self.checks)


def check_connectivity(
    config: SideConfig, model: str, *, transport: httpx.AsyncBaseTransport | None = None
) -> ConnectivityResult:
    """Request the vector of one text from a side, without retries.

    Args:
        config: The side.
        model: The model of the partition.
        transport: Replaces the network.

    Returns:
        A check each for connection, credentials, dialect and model. Never raises for what the side does.
    """
    rows: list[FetchedRows] = []
    config = config.for_model(model)
    few = replace(config.for_few_texts(), ask_default_model=config.ask_default_model)
    once = replace(few, attempts=1, concurrency=1, adaptive=False, lane_seconds=None)
    samples = SampleBlock(0, [sample_id(CONNECTIVITY_TEXT)], [CONNECTIVITY_TEXT], [""])
    try:
        result = fetch_lane(once, model, [samples], rows.append, total=1, transport=transport)
    except UnusableSideError as fault:
        return ConnectivityResult(checks=_until(fault))
    before_model = (
        _holds(Aspect.REACHABLE, f"{config.url} responds"),
        _holds(Aspect.CREDENTIALS, "accepted" if config.bearer_token else "none needed"),
        _holds(Aspect.DIALECT, f"uses {config.dialect.name}"),
    )
    row = rows[0]
    if row.status[0] is not RowStatus.OK:
        detail = f"the request for the text {CONNECTIVITY_TEXT!r} failed with {row.errors[0]}"
        failed = ConnectivityCheck(name=Aspect.MODEL, ok=False, detail=detail, remedy="Look at the service's log.")
        return ConnectivityResult(checks=(*before_model, failed))
    dimension = int(row.dimensions()[0])
    checks = (*before_model, _model_check(config, model, result, dimension))
    return ConnectivityResult(checks=checks, dimension=dimension, observation=result.observation)


def _holds(aspect: Aspect, detail: str) -> ConnectivityCheck:
    return ConnectivityCheck(name=aspect, ok=True, detail=detail)


_BEFORE: Final = {Aspect.REACHABLE: "responds", Aspect.CREDENTIALS: "not refused", Aspect.DIALECT: "understood"}
"""What is known of the aspects before the one that failed: no more than that they did not fail."""


def _until(fault: UnusableSideError) -> tuple[ConnectivityCheck, ...]:
    """Return the checks of a side that cannot be used: those before its fault hold, those behind it were not made."""
    aspects = list(Aspect)
    place = aspects.index(fault.aspect)
    failed = ConnectivityCheck(name=fault.aspect, ok=False, detail=fault.problem, remedy=fault.remedy)
    skipped = f"not checked: not {fault.aspect}"
    return (
        *(_holds(aspect, _BEFORE[aspect]) for aspect in aspects[:place]),
        failed,
        *(ConnectivityCheck(name=aspect, ok=None, detail=skipped) for aspect in aspects[place + 1 :]),
    )


def _model_check(config: SideConfig, model: str, result: LaneResult, dimension: int) -> ConnectivityCheck:
    requested = config.requested_name(model)
    echoed = next(iter(result.models_echoed), "")
    if echoed and echoed.removesuffix(":latest") != requested.removesuffix(":latest"):
        return ConnectivityCheck(
            name=Aspect.MODEL,
            ok=False,
            detail=f"requested {requested!r}, but it reports {echoed!r}",
            remedy=f"Give this side's name of the model under sides.{config.side}.model_names.",
        )
    named = f"{requested!r} works" if echoed else f"{requested!r} works; the response does not name its model"
    return _holds(Aspect.MODEL, f"{named}, {dimension} dimensions")
