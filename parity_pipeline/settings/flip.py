"""Settings of the flip: the section `flip` of `parity.yaml`, and the steps from it to the gate and to the routing.

Here belong the form of the section and what it takes from the sides and the adapter. What the gate refuses belongs to
`flip.gate`, the files of proxies to `flip.proxies`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import FORWARD, SHARES, FlipRecord, FlipStep
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.verdict import EMBED
from parity_pipeline.flip.gate import GateInputs
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.flip.routing import Route, checked_path, listening, target
from parity_pipeline.settings.adapter import AdapterSettings
from parity_pipeline.settings.fields import Positive, Validated, without_faults
from parity_pipeline.storage.ledger import LedgerEntry

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

_CHECKS: Final = frozenset({*(one.value for one in CheckName), *(one.value for one in RetrievalCheckName)})


def _known_checks(value: tuple[str, ...]) -> tuple[str, ...]:
    faults = (f"{one!r} is not a check; docs/checks.md lists them" for one in value if one not in _CHECKS)
    return without_faults(faults, value)


def _listening(value: str) -> str:
    try:
        listening(value)
    except SettingsError as error:
        raise ValueError(f"{error.problem}. {error.remedy}") from None
    return value


def _of_steps(value: Mapping[FlipStep, float]) -> Mapping[FlipStep, float]:
    faults = (f"{step} has no time; name one of {', '.join(FORWARD)}" for step in value if step not in FORWARD)
    return without_faults(faults, value)


Bound = Annotated[float, Field(gt=0, lt=1)]
FlipSettings = Annotated[
    FlipOptions,
    Validated(
        dates=Positive,
        bound=Bound | None,
        max_age_days=Annotated[int, Field(ge=0, le=366, json_schema_extra={"unit": "days"})],
        accepted=Annotated[tuple[str, ...], AfterValidator(_known_checks)],
        listen=Annotated[str, AfterValidator(_listening)],
        hours=Annotated[dict[FlipStep, Annotated[float, Field(ge=0, le=8784)]], AfterValidator(_of_steps)],
    ),
]

_BESIDE: Final = 1
"""How far the port of the adapter in mode `shadow` is above that in mode `candidate`; those that share follow."""


def needs_adapter(settings: "Settings") -> bool:
    """Return whether callers of the legacy's wire need the adapter in front of the candidate.

    Raises:
        SettingsError: Only the dialect of a side would say so, which is a recording that names none.
    """
    if (wanted := settings.flip.adapter) is not None:
        return wanted
    legacy, candidate = (settings.sides.gateway(side) for side in Side)
    return settings.adapter is not None or legacy.dialect != candidate.dialect


def adapter_url(settings: "Settings", above: int = 0) -> str:
    """Return the address of the adapter in mode `candidate`, or of one whose port is so much above."""
    section = settings.adapter or AdapterSettings()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(section.host, section.host)  # noqa: S104 - what is listened on
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{section.port + above}"


def gate_inputs(
    settings: "Settings",
    entries: Iterable[LedgerEntry],
    records: Sequence[FlipRecord],
    *,
    states: GatewayStates,
    mapping: str | None,
    now: datetime,
) -> GateInputs:
    """Return what the gate looks at.

    Args:
        settings: All settings.
        entries: Verdicts of the ledger.
        records: Steps of the ledger, oldest first.
        states: The recorded states of the gateways.
        mapping: Id of the adapter's mapping; None where none has to be proved.
        now: The time; aware.
    """
    names = {EMBED: list(settings.models)}
    urls = {EMBED: {side: settings.side(side).base_url for side in Side}}
    if (section := settings.retrieve) is not None:
        names["retrieve"] = list(section.corpora)
        urls["retrieve"] = {side: section.side(side).base_url or settings.side(side).base_url for side in Side}
    return GateInputs(
        options=settings.flip,
        names=names,
        urls=urls,
        mapping=mapping,
        waivers=settings.waivers,
        query_waivers=section.waivers if section else (),
        entries=entries,
        records=records,
        states=states,
        now=now,
        today=now.astimezone(ZoneInfo(settings.timezone)).date(),
    )


def flip_route(settings: "Settings") -> Route:
    """Return where the traffic passes.

    Raises:
        SettingsError: An address or path cannot stand in a proxy's configuration, or a side is a recording that names no
            gateway.
    """
    legacy, candidate = (settings.sides.gateway(side) for side in Side)
    path = checked_path(settings.dialect(legacy.dialect).path.partition("?")[0])
    own = adapter_url(settings) if needs_adapter(settings) else candidate.base_url
    host, port = listening(settings.flip.listen)
    shared = {
        step: target("share", adapter_url(settings, above), path)
        for above, step in enumerate(_shared(), start=_BESIDE + 1)
    }
    section = settings.adapter or AdapterSettings()
    return Route(
        listen_host=host,
        listen_port=port,
        path=path,
        legacy=target("legacy", legacy.base_url, path),
        candidate=target("candidate", own, path),
        shadow=target("shadow", adapter_url(settings, _BESIDE), path),
        share=shared,
        divide=settings.flip.divide,
        max_body_bytes=section.callers.legacy.max_body_bytes,
    )


def _shared() -> list[FlipStep]:
    return [step for step in FORWARD if 0 < SHARES[step] < 100]


def serve_commands(settings: "Settings") -> dict[FlipStep, list[str]]:
    """Return the commands that start the adapters of each step."""
    port = (settings.adapter or AdapterSettings()).port
    serve = "parity adapter serve"
    found = {FlipStep.SHADOW: [f"{serve} --mode shadow --port {port + _BESIDE}"]}
    for above, step in enumerate(_shared(), start=_BESIDE + 1):
        found[step] = [
            f"{serve} --mode share --share {SHARES[step]} --port {port + above}  # for proxies that do not hash bodies"
        ]
    if needs_adapter(settings):
        found[FlipStep.SHARE_1].insert(0, f"{serve} --mode candidate --port {port}")
    return found
