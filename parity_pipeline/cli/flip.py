"""`parity flip`: print the plan, check whether the next step may be taken, and record the one that was taken.

Here belong the options, the exit codes and what is printed. The gate, the plan and the routing belong to `flip`.
"""

import getpass
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from parity_pipeline.cli.options import Config
from parity_pipeline.cli.terminal import new_console
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import FORWARD, FlipRecord, FlipStep, next_step
from parity_pipeline.core.suggestions import meant
from parity_pipeline.flip.proxies.table import PROXIES
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.settings.loading import load_from_here

if TYPE_CHECKING:
    from parity_pipeline.flip.gate import GateInputs, Refusal
    from parity_pipeline.flip.plan import Plan
    from parity_pipeline.settings.model import Settings
    from parity_pipeline.storage.ledger import LedgerEntry

flip = typer.Typer(name="flip", no_args_is_help=True, help="Move traffic to the candidate step by step, and back.")
output = new_console(soft_wrap=True)

Step = Annotated[
    FlipStep | None, typer.Option("--step", help="The step; else the one after the last that was recorded.")
]


@flip.command()
def plan(
    config: Config = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option("--proxy", metavar="NAME", help=f"{', '.join(PROXIES)}; repeat for several. Default: all."),
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write plan and routing of each step there.")
    ] = None,
) -> None:
    """Print the steps, what to watch at each, and where the routing of each proxy is.

    \b
    Example:
      parity flip plan --proxy nginx --write routing
    """
    from parity_pipeline.flip.plan import plan_text, routing_files
    from parity_pipeline.storage.atomic import publish_text

    settings = load_from_here(config)
    if unknown := [name for name in proxy or () if name not in PROXIES]:
        raise SettingsError(
            f"there is no routing for {', '.join(unknown)}",
            place="--proxy",
            remedy=meant(unknown, PROXIES, f"Use one of {', '.join(PROXIES)}."),
        )
    made = _plan(settings, proxy or list(PROXIES))
    text = plan_text(made)
    output.print(text, markup=False, end="")
    if write is None:
        return
    files = {"PLAN.txt": text, **routing_files(made)}
    for name, content in files.items():
        publish_text(write / name, content)
    output.print(f"\nwrote {things(len(files), 'file')} to {visible(str(write))}", markup=False)


def _plan(settings: "Settings", proxies: list[str]) -> "Plan":
    from parity_pipeline.flip.gate import newest_verdicts, refusals
    from parity_pipeline.flip.plan import Plan
    from parity_pipeline.settings.flip import flip_route, serve_commands
    from parity_pipeline.storage import ledger

    path = settings.layout().ledger
    records = ledger.steps(path)
    entries = list(ledger.entries(path))
    step = next_step(records)
    inputs = _inputs(settings, entries, records)
    return Plan(
        options=settings.flip,
        route=flip_route(settings),
        records=records,
        newest=newest_verdicts(entries),
        refusals=refusals(inputs, step) if step else [],
        serve=serve_commands(settings),
        proxies=[PROXIES[name] for name in proxies],
    )


@flip.command()
def check(config: Config = None, step: Step = None) -> None:
    """Say whether a step may be taken: exit 0 if so, 1 if not, 2 if that cannot be found out.

    \b
    Example:
      parity flip check --step shadow
    """
    settings = load_from_here(config)
    meant, found = _checked(settings, step)
    for one in found:
        output.print(visible(f"- {one.problem} {one.remedy}"), markup=False)
    output.print(f"{meant}: may {'not ' if found else ''}be taken", markup=False)
    if found:
        raise typer.Exit(1)


def _checked(settings: "Settings", step: FlipStep | None) -> tuple[FlipStep, "list[Refusal]"]:
    """Return the step that is meant, and every reason against it."""
    from parity_pipeline.flip.gate import has_no_gate, refusals
    from parity_pipeline.storage import ledger

    path = settings.layout().ledger
    records = ledger.steps(path)
    meant = step or next_step(records)
    if meant is None:
        raise SettingsError(
            "the flip is done, and no step follows it", place="--step", remedy="Name a step, such as roll-back."
        )
    if has_no_gate(records, meant):
        return meant, []
    return meant, refusals(_inputs(settings, ledger.entries(path), records), meant)


def _inputs(settings: "Settings", entries: "Iterable[LedgerEntry]", records: Sequence[FlipRecord]) -> "GateInputs":
    from parity_pipeline.settings.flip import gate_inputs
    from parity_pipeline.storage.gateways import read_states

    states, now = read_states(settings.layout().gateways), datetime.now(UTC)
    return gate_inputs(settings, entries, records, states=states, mapping=_mapping(settings), now=now)


def _mapping(settings: "Settings") -> str | None:
    """Return the id of the mapping that the adapter has to be proved with; None where it is not in the way."""
    from parity_pipeline.settings.flip import needs_adapter
    from parity_pipeline.settings.through_adapter import mapping_id

    return mapping_id(settings, os.environ) if needs_adapter(settings) else None


@flip.command()
def record(
    step: Annotated[FlipStep, typer.Option("--step", help="The step that was taken.")],
    config: Config = None,
    note: Annotated[str, typer.Option("--note", help="What to remember of it.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who took it; else the user's name.")] = None,
    *,
    override: Annotated[
        bool, typer.Option("--override", help="Record it although the gate refuses it; needs a note.")
    ] = False,
) -> None:
    """Append a step that was taken to the ledger. Exit 1, recording nothing, if the gate refuses the step.

    \b
    Example:
      parity flip record --step shadow --note "all callers of search"
    """
    from parity_pipeline.storage import ledger

    settings = load_from_here(config)
    path = settings.layout().ledger
    if override and not note.strip():
        raise SettingsError("an override needs a reason", place="--override", remedy="Give it with --note.")
    _, found = _checked(settings, step)
    for one in found:
        output.print(visible(f"- {one.problem} {one.remedy}"), markup=False)
    if found and not override:
        output.print(f"{step}: not recorded; --override with a note records it all the same", markup=False)
        raise typer.Exit(1)
    ledger.append_step(
        path,
        FlipRecord(
            recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            step=step,
            by=by or _user(),
            note=note,
            evidence=_evidence(settings, step, refused=bool(found)),
            package_version=version("parity_pipeline"),
        ),
    )
    output.print(f"recorded {step} in {visible(str(path))}", markup=False)


def _evidence(settings: "Settings", step: FlipStep, *, refused: bool) -> Literal["allowed", "no gate", "overridden"]:
    from parity_pipeline.flip.gate import has_no_gate
    from parity_pipeline.storage import ledger

    if refused:
        return "overridden"
    no_gate = step not in FORWARD or has_no_gate(ledger.steps(settings.layout().ledger), step)
    return "no gate" if no_gate else "allowed"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
