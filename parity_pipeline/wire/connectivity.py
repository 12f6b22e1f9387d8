"""One text to one side, for `parity doctor`: does it answer, in the dialect that is set, with this model?

Here belongs the single question. What an answer without vectors means is told by `gateway_errors`, as in a fetch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.wire.fetch_lane import LaneResult, fetch_lane
from parity_pipeline.wire.gateway_errors import Aspect, UnusableSideError
from parity_pipeline.wire.side_config import SideConfig

CONNECTIVITY_TEXT = "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityCheck:
    """One line of the doctor's answer.

    Attributes:
        name: What was tried, an `Aspect`.
        ok: Whether it holds; None where an earlier fault kept it from being tried.
        detail: What was found.
        remedy: What to do; "" where it holds.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityResult:
    """What one text showed of a side.

    Attributes:
        checks: One line an `Aspect`, in their order.
        dimension: Length of the vector; 0 where none came.
        observation: What the wire looked like; None where no vector came.
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
    """Ask a side for one text's vector, without retries.

    Args:
        config: The side.
        model: The model of the partition.
        transport: Replaces the network.

    Returns:
        A check each for connection, credentials, dialect and model. Never raises for what the side does.
    """
    rows: list[FetchedRows] = []
    once = replace(config, attempts=1, concurrency=1, adaptive=False, lane_seconds=None)
    samples = SampleBlock(0, [sample_id(CONNECTIVITY_TEXT)], [CONNECTIVITY_TEXT], [""])
    try:
        result = fetch_lane(once, model, [samples], rows.append, total=1, transport=transport)
    except UnusableSideError as fault:
        return ConnectivityResult(checks=_until(fault))
    row = rows[0]
    if row.status[0] is not RowStatus.OK:
        detail = f"the text {CONNECTIVITY_TEXT!r} is answered with {row.errors[0]}"
        return ConnectivityResult(
            checks=_checks(
                config,
                ConnectivityCheck(name=Aspect.MODEL, ok=False, detail=detail, remedy="Look at the service's log."),
            )
        )
    dimension = int(row.dimensions()[0])
    return ConnectivityResult(
        checks=_checks(config, _model_check(config, model, result, dimension)),
        dimension=dimension,
        observation=result.observation,
    )


def _checks(config: SideConfig, model_check: ConnectivityCheck) -> tuple[ConnectivityCheck, ...]:
    return (
        ConnectivityCheck(name=Aspect.REACHABLE, ok=True, detail=f"{config.url} answers"),
        ConnectivityCheck(
            name=Aspect.CREDENTIALS, ok=True, detail="accepted" if config.bearer_token else "none needed"
        ),
        ConnectivityCheck(name=Aspect.DIALECT, ok=True, detail=f"speaks {config.dialect.name}"),
        model_check,
    )


def _until(fault: UnusableSideError) -> tuple[ConnectivityCheck, ...]:
    checks: list[ConnectivityCheck] = []
    found = False
    for aspect in Aspect:
        if aspect is fault.aspect:
            found = True
            checks.append(ConnectivityCheck(name=aspect, ok=False, detail=fault.problem, remedy=fault.remedy))
        elif found:
            checks.append(ConnectivityCheck(name=aspect, ok=None, detail=f"not tried: not {fault.aspect}"))
        else:
            checks.append(ConnectivityCheck(name=aspect, ok=True, detail="holds"))
    return tuple(checks)


def _model_check(config: SideConfig, model: str, result: LaneResult, dimension: int) -> ConnectivityCheck:
    asked = config.asked_name(model)
    echoed = next(iter(result.models_echoed), "")
    if echoed and echoed.removesuffix(":latest") != asked.removesuffix(":latest"):
        return ConnectivityCheck(
            name=Aspect.MODEL,
            ok=False,
            detail=f"asked for {asked!r}, it says it used {echoed!r}",
            remedy=f"Give this side's name of the model under sides.{config.side}.model_names.",
        )
    named = f"{asked!r} answers" if echoed else f"{asked!r} is answered, by a model it does not name"
    return ConnectivityCheck(name=Aspect.MODEL, ok=True, detail=f"{named}, {dimension} dimensions")
