"""The faults of an adapter: what a probe through one says of each, by the steps of a real run, in this process.

Here belong the faults, the adapter in front of the demo's candidate that has them, and the section of the page about them.
Faults of a gateway belong to `demo.fault_table`, their trials to `matrix`.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import numpy as np

from parity_pipeline.adapter.app import build_app
from parity_pipeline.adapter.caller_request import rows_of_callers
from parity_pipeline.adapter.caller_wire import CALLER_WIRES, PLAIN
from parity_pipeline.adapter.config import AdapterConfig, CallerOptions
from parity_pipeline.core.checks import CheckSettings
from parity_pipeline.core.contract.records import ContractBudget
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Call, Rows, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.faults.texts import sample_set
from parity_pipeline.faults.trial_run import (
    ADDRESS,
    ALIKE,
    BATCH,
    DAY,
    MODEL,
    OTHER_MODEL,
    RUN_ID,
    SHAPES,
    context_for,
    dialect_of,
    gateway,
    in_process,
    side_of,
    take_over,
)
from parity_pipeline.report.escape import table
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.run_partition import ask_sides, judge_lanes
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.side_config import SideConfig

SIZE: Final = 100
"""Texts: more than the candidate takes at once, so that the adapter divides the requests of the probe."""

SEED: Final = 27_182
"""Seed of the texts."""

ADAPTER_ADDRESS: Final = "http://adapter.invalid"
"""Base URL of the adapter; the name never resolves."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def _swapped_parts(rows: Rows, _: Call) -> Rows:
    """Join the parts of a divided batch in the order of their arrival, the last one first."""
    parts = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    return [row for part in reversed(parts) for row in part]


def _as_one(rows: Rows, _: Call) -> Rows:
    """Divide each vector by the norm of the whole response, as a norm over the wrong axis does."""
    numbers = np.asarray(rows, np.float64)
    return (numbers / np.linalg.norm(numbers)).tolist()


def _again(rows: Rows, _: Call) -> Rows:
    numbers = np.asarray(rows, np.float64)
    return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).tolist()


def _again_as_float32(rows: Rows, _: Call) -> Rows:
    numbers = np.asarray(rows, np.float32)
    numbers /= np.linalg.norm(numbers, axis=1, keepdims=True)
    return (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).tolist()


def _flattened(app: App) -> App:
    """Return an application whose every response is a 200, its body unchanged."""

    async def flat(scope: Message, receive: Receive, send: Send) -> None:
        async def send_ok(message: Message) -> None:
            await send({**message, "status": 200} if message["type"] == "http.response.start" else message)

        await app(scope, receive, send_ok)

    return flat


def _zeros_for_errors(app: App) -> App:
    """Return an application that gives a zero vector for each text of a request that fails."""

    async def never_failing(scope: Message, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        if messages[0]["status"] == httpx.codes.BAD_REQUEST:
            zeros = ",".join(["0.0"] * 256)
            body = f'{{"embeddings":[[{zeros}]],"model":"{MODEL}","dimensions":256}}'.encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            messages = [
                {"type": "http.response.start", "status": 200, "headers": headers},
                {"type": "http.response.body", "body": body},
            ]
        for message in messages:
            await send(message)

    return never_failing


def _unchanged(app: App) -> App:
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFault:
    """One way in which an adapter goes wrong.

    Attributes:
        name: What the page calls it.
        what: What goes wrong.
        named_by: Checks and causes of which at least one has to name it; empty where it changes nothing that a caller sees.
        config: Fields of the adapter's configuration that are different.
        rows: What becomes of the vectors of a response.
        around: What becomes of the application.
        raw: Whether the legacy's vectors are raw, so that the adapter may not normalise.
    """

    name: str
    what: str
    named_by: frozenset[str]
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rows: Callable[[Rows, Call], Rows] | None = None
    around: Callable[[App], App] = _unchanged
    raw: bool = False


ADAPTER_FAULTS: Final = (
    AdapterFault(
        name="parts-swapped",
        what="parts are joined in order of arrival",
        named_by=frozenset({"contract-large-batch", "rows permuted"}),
        rows=_swapped_parts,
    ),
    AdapterFault(
        name="default-model-lost",
        what="a request without a model is refused",
        named_by=frozenset({"contract-no-model"}),
        config={"default_model": None},
    ),
    AdapterFault(
        name="default-model-replaced",
        what="no model gets the candidate's own default",
        named_by=frozenset({"contract-no-model"}),
        config={"default_model": MODEL},
    ),
    AdapterFault(
        name="normalised-as-one",
        what="the norm is that of the whole response",
        named_by=frozenset({"norm-ratio", "normalisation"}),
        rows=_as_one,
    ),
    AdapterFault(
        name="normalised-needlessly",
        what="vectors are normalised, the legacy's are raw",
        named_by=frozenset({"norm-ratio", "normalisation"}),
        config={"options": CallerOptions(normalise=True, max_texts=512)},
        raw=True,
    ),
    AdapterFault(
        name="not-normalised",
        what="vectors are raw, the legacy's have unit length",
        named_by=frozenset({"norm-ratio", "normalisation"}),
        config={"options": CallerOptions(max_texts=512)},
    ),
    AdapterFault(name="normalised-twice", what="vectors are normalised again", named_by=frozenset(), rows=_again),
    AdapterFault(
        name="normalised-twice-as-float32",
        what="vectors are rounded to float32 and normalised twice",
        named_by=frozenset(),
        rows=_again_as_float32,
    ),
    AdapterFault(
        name="errors-as-200",
        what="errors have the status 200",
        named_by=frozenset({"contract-unknown-model", "contract-blank-text"}),
        around=_flattened,
    ),
    AdapterFault(
        name="zeros-for-errors",
        what="a failed request gets zeros",
        named_by=frozenset({"refused-by-legacy", "zero-vector", "contract-blank-text"}),
        around=_zeros_for_errors,
    ),
)
"""Every fault of an adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterLine:
    """What the product says of one fault.

    Attributes:
        fault: The fault.
        verdict: The decision.
        named: Checks that do not pass, and causes, that the sound adapter's verdict does not have, sorted.
    """

    fault: AdapterFault
    verdict: str
    named: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Return whether it is named, or rightly not."""
        return bool(self.fault.named_by & set(self.named)) if self.fault.named_by else not self.named


def through(fault: AdapterFault | None = None, *, raw: bool = False) -> Gateway:
    """Return the demo's candidate behind an adapter for the legacy's callers, as a side of a probe.

    Args:
        fault: What is wrong with the adapter.
        raw: Whether the legacy's vectors are raw, so that a sound adapter does not normalise.
    """
    rust, go = (dialect_of(side) for side in Side)
    sides = {side: SideConfig(side=side, label=side, base_url=ADDRESS, dialect=dialect_of(side)) for side in Side}
    config = AdapterConfig(
        callers=Side.LEGACY,
        dialects=rows_of_callers(rust, BUILT_IN),
        wire=CALLER_WIRES.get(rust.name, PLAIN),
        sides={**sides, Side.CANDIDATE: replace(sides[Side.CANDIDATE], dialect=go, batch_texts=BATCH)},
        options=CallerOptions(normalise=not raw, max_texts=512),
        models={name: name for name in (MODEL, OTHER_MODEL)},
        default_model=OTHER_MODEL,
        log_requests=False,
    )
    app = _served(replace(config, **(fault.config if fault else {})), gateway(SHAPES[Side.CANDIDATE]))
    if fault and fault.rows:
        one, network = Fault(name=fault.name, case=0, rows=fault.rows), httpx.ASGITransport(app)
        app = build_proxy(ADDRESS, rust, (one,), Scope(seed=SEED), transport=network)
    label = "Go gateway of the demo, through the adapter"
    around = fault.around if fault else _unchanged
    return in_process(
        Side.CANDIDATE,
        around(app),
        label=label,
        seed=SEED,
        batch_texts=2 * BATCH + 1,
        dialect=rust,
        address=ADAPTER_ADDRESS,
    )


def _served(config: AdapterConfig, behind: Any) -> App:
    """Return an adapter that starts with each request: the event loops of the steps are not the same."""

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        app = build_app(config, lambda _: httpx.ASGITransport(behind))
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    return respond


@dataclass
class AdapterFaults:
    """The trials, on one set of texts; the legacy is fetched once for unit vectors and once for raw ones.

    Attributes:
        folder: Where the runs keep their files.
    """

    folder: Path
    _sound: dict[bool, tuple[RunContext, Verdict]] = field(default_factory=dict[bool, tuple[RunContext, Verdict]])

    def sound(self, *, raw: bool = False) -> tuple[RunContext, Verdict]:
        """Return the run through an adapter without a fault, and its verdict."""
        if raw not in self._sound:
            run = self._context(self.folder / f"sound-{raw}", raw, through(raw=raw))
            draw_samples(run, DAY, MODEL)
            ask_sides(run, DAY, MODEL)
            self._sound[raw] = run, judge_lanes(run, DAY, MODEL, run_id=RUN_ID)
        return self._sound[raw]

    def lines(self, show: Callable[[AdapterLine], None] = lambda _: None) -> list[AdapterLine]:
        """Return one line per fault; `show` is called with each when it is known."""
        found: list[AdapterLine] = []
        for fault in ADAPTER_FAULTS:
            found.append(self.line(fault))
            show(found[-1])
        return found

    def line(self, fault: AdapterFault) -> AdapterLine:
        """Return what the product says of an adapter with a fault."""
        sound, usual = self.sound(raw=fault.raw)
        with TemporaryDirectory(dir=self.folder) as folder:
            run = self._context(Path(folder), fault.raw, through(fault, raw=fault.raw))
            take_over(sound.layout.samples(DAY, MODEL), run.layout.samples(DAY, MODEL))
            ask_sides(run, DAY, MODEL, (Side.CANDIDATE,))
            for path in ("embeddings", "stability", "contract"):
                take_over(*(getattr(one.layout, path)(Side.LEGACY, DAY, MODEL) for one in (sound, run)))
            verdict = judge_lanes(run, DAY, MODEL, run_id=RUN_ID)
        return AdapterLine(
            fault=fault, verdict=verdict.decision.value, named=tuple(sorted(_named(verdict) - _named(usual)))
        )

    def _context(self, folder: Path, raw: bool, candidate: Gateway) -> RunContext:
        legacy = side_of(Side.LEGACY, ALIKE if raw else SHAPES, "", Scope(seed=SEED))
        run = context_for(folder, sample_set(SEED, SIZE), {Side.LEGACY: legacy, Side.CANDIDATE: candidate})
        layout = replace(run.layout, probe=EMBED_THROUGH_ADAPTER)
        return replace(
            run,
            layout=layout,
            probe=EMBED_THROUGH_ADAPTER,
            contract=ContractBudget(enabled=True),
            checks=CheckSettings(contract_expected=True),
        )


def _named(verdict: Verdict) -> set[str]:
    """Return the checks that do not pass, and the causes."""
    diagnosis = verdict.diagnosis
    causes = (*diagnosis.causes, *diagnosis.remarks) if diagnosis else ()
    return {str(one.name) for one in verdict.checks if one.passed is False} | {one.name.value for one in causes}


HEADING: Final = "## Faults of an adapter\n"

_HEAD: Final = ("Fault", "What goes wrong", "Verdict", "Named by", "Rightly")


def section(lines: Sequence[AdapterLine], sound: Verdict) -> str:
    """Return the section of the page.

    Args:
        lines: One per fault.
        sound: The verdict through an adapter without a fault.
    """
    state = "passes" if sound.decision in PASSING else f"is {sound.decision.value}"
    lead = (
        f"A probe through the adapter (`parity run --through-adapter`) on {SIZE} texts, the adapter in front of the demo's\n"
        f"candidate, which takes {BATCH} texts at once. A sound adapter {state}. Checks and causes that its verdict does not\n"
        "have name the fault; one of a warning leaves the verdict a pass, so read the findings too, or let that check fail by\n"
        "`checks` in the settings. Normalising again changes no number by more than its last digits: nothing is to be named.\n"
    )
    return "\n".join((HEADING, lead, "\n".join(table(_HEAD, map(_cells, lines))) + "\n"))


def adapter_row(line: AdapterLine) -> str:
    """Return one row for a terminal."""
    return " | ".join(_cells(line)).replace("`", "").replace("*", "")


def _cells(line: AdapterLine) -> tuple[str, ...]:
    # Those made for the fault; the others are counted, and the row stays readable.
    wanted = sorted(line.fault.named_by & set(line.named)) or list(line.named[:3])
    more = len(line.named) - len(wanted)
    named = ", ".join(wanted) + (f", {more} more" if more else "") or "nothing"
    return f"`{line.fault.name}`", line.fault.what, line.verdict, named, "right" if line.right else "**wrong**"
