"""The plan of the flip, as a person reads it: where the traffic is, what is next, and for each step what to do and to watch.

Here belong the words. The gate's reasons and the routing are given; nothing is read here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.flip_steps import FORWARD, SHARES, FlipRecord, FlipStep, current_step, next_step
from parity_pipeline.core.verdict_changes import name_of_partition
from parity_pipeline.flip.gate import Refusal
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.flip.proxies.table import Proxy
from parity_pipeline.flip.routing import Route
from parity_pipeline.report.escape import visible
from parity_pipeline.storage.ledger import AnyVerdict

_OF_ALL: Final = (
    'parity_adapter_requests_total: the share of kind != "ok" is what it was at the legacy',
    "parity_adapter_request_seconds: p99 is within what callers accept",
    'parity_adapter_upstream_requests_total{side="candidate"}: only result "ok"',
    'parity_adapter_zero_vectors_total{side="candidate"}: 0',
    "parity run, parity run --through-adapter: each date is a PASS",
)
WATCHED: Final[Mapping[FlipStep, Sequence[str]]] = {
    FlipStep.SHADOW: (
        'parity_adapter_shadow_texts_total: only outcome "match"',
        "parity_adapter_shadow_cosine_distance: nothing above 1 - thresholds.cosine",
        'parity_adapter_shadow_requests_total{result="unmapped"}: 0, for the flip would refuse these',
        'parity_adapter_shadow_requests_total{result="dropped"}: small, or the comparison speaks of few requests',
        "parity run: each date is a PASS",
    ),
    FlipStep.SHARE_1: _OF_ALL,
    FlipStep.SHARE_10: _OF_ALL,
    FlipStep.SHARE_50: (*_OF_ALL, "parity_adapter_in_flight: far below adapter.max_in_flight"),
    FlipStep.FLIP: (*_OF_ALL, "the legacy's own log: no caller goes around the proxy", "the legacy stays up"),
}
"""What to watch at each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the plan says.

    Attributes:
        options: What has to hold.
        route: Where the traffic passes.
        records: Steps of the ledger, oldest first.
        newest: The newest verdicts, the newest date first.
        refusals: What the gate says against the next step.
        serve: Commands that start what a step needs, by step.
        proxies: The proxies that routing is named for.
    """

    options: FlipOptions
    route: Route
    records: Sequence[FlipRecord]
    newest: Sequence[AnyVerdict]
    refusals: Sequence[Refusal]
    serve: Mapping[FlipStep, Sequence[str]]
    proxies: Sequence[Proxy]


def plan_text(plan: Plan) -> str:
    """Return the plan as text that ends in a newline."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    at, following = current_step(plan.records), next_step(plan.records)
    since = f", since {at.recorded_at} by {visible(at.by)}" if at else ""
    yield f"Traffic: {at.step if at else 'the legacy alone'}{since}."
    if following is None:
        yield "Next:    nothing; the flip is done. Watch, and keep the way back."
    else:
        may = "may be taken" if not plan.refusals else "may not be taken yet"
        yield f"Next:    {following} {may} (`parity flip check`)."
    yield from (f"  - {visible(f'{one.problem} {one.remedy}')}" for one in plan.refusals)
    yield ""
    yield "Newest verdicts:"
    yield from (f"  {line}" for line in _verdicts(plan.newest))
    for step in FORWARD:
        yield from _step(plan, step)
    yield ""
    yield "Way back, from any step, at once:"
    yield from (f"  {proxy.name + ':':9}{proxy.applied(FlipStep.ROLL_BACK)}" for proxy in plan.proxies)
    yield "  then:    parity flip record --step roll-back --note 'why'"


def _verdicts(newest: Sequence[AnyVerdict]) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for held in newest:
        key = held.endpoint, name_of_partition(held), held.lanes[1].url
        if key not in seen:
            seen.add(key)
            strength = f", {held.strength}" if held.strength else ""
            yield visible(
                f"{held.endpoint} {name_of_partition(held)}, {held.date}: {held.decision}{strength} ({key[2]})"
            )
    if not seen:
        yield "none"


def _step(plan: Plan, step: FlipStep) -> Iterator[str]:
    hours = plan.options.hours_of(step)
    yield ""
    yield f"Step {step}: {SHARES[step]} % to the candidate, for at least {hours:g} hours."
    yield from (f"  start:   {command}" for command in plan.serve.get(step, ()))
    yield f"  check:   parity flip check --step {step}"
    yield from (f"  {proxy.name + ':':9}{proxy.applied(step)}" for proxy in plan.proxies)
    yield f"  record:  parity flip record --step {step}"
    yield from (f"  watch:   {what}" for what in WATCHED[step])


def routing_files(plan: Plan) -> dict[str, str]:
    """Return the routing of every step for each proxy, by the name of its file."""
    steps = (FlipStep.ROLL_BACK, *FORWARD)
    return {proxy.file_name(step): proxy.file(plan.route, step) for proxy in plan.proxies for step in steps}
