"""`parity gate`: whether a date passed, as an exit code and one line, for scripts and CI.

Here belong the options and where each form goes. What the ledger says belongs to `reading.ledger_gate`, how it is written
to `report.gate_formats`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from parity_pipeline.cli.options import Config, Day, OnlyCorpora, OnlyModels
from parity_pipeline.cli.partition_args import EMBED, age, calendar_date, chosen_names, today
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.flip.gate import fetched_at
from parity_pipeline.reading.ledger_gate import GateQuestion, GateResult, exit_code, gate_results, overall
from parity_pipeline.report.gate_formats import gate_annotations, gate_json, gate_junit, gate_line
from parity_pipeline.settings.loading import load_from_here
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_bytes
from parity_pipeline.storage.gateways import read_states


def gate(
    config: Config = None,
    day: Day = None,
    models: OnlyModels = None,
    corpora: OnlyCorpora = None,
    max_age: Annotated[
        str | None,
        typer.Option("--max-age", metavar="TIME", help="Longest time since vectors were fetched: 90m, 24h or 7d."),
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there too.")] = None,
    *,
    through_adapter: Annotated[
        bool, typer.Option("--through-adapter", help="Read the verdicts that were given through the adapter.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a line.")] = False,
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub Actions too.")] = False,
) -> None:
    """Say whether a date passed, from the ledger alone: exit 0 PASS, 1 FAIL, 2 inconclusive, missing, too old or stale.

    \b
    Examples:
      parity gate --date 2026-05-04 --max-age 24h
      parity gate --model nomic-embed-text --junit gate.xml
    """
    if as_json and github:
        raise SettingsError("both are printed to the same place", place="--json/--github", remedy="Choose one.")
    settings = load_from_here(config)
    names = chosen_names(settings, models=models or (), corpora=corpora or ())
    if through_adapter:
        names = {EMBED_THROUGH_ADAPTER: names.get(EMBED, list(settings.models))}
    question = GateQuestion(
        date=(calendar_date(day, "--date") if day is not None else today(settings)).isoformat(),
        names=names,
        now=datetime.now(UTC),
        max_age=age(max_age, "--max-age") if max_age is not None else None,
    )
    path = settings.layout().ledger
    of_one = [name for of_probe in names.values() for name in of_probe]
    entries = ledger.entries(path, of_one[0] if len(of_one) == 1 else None)
    found = gate_results(question, entries, ledger.steps(path), read_states(settings.layout().gateways))
    code = exit_code(found)
    if junit is not None:
        publish_bytes(junit, gate_junit(found))
    for line in gate_annotations(found) if github else ():
        typer.echo(line)
    said = overall(found)
    line = gate_json(said, code, found, _facts(found)) if as_json else gate_line(said, question.date, found)
    typer.echo(line)
    raise typer.Exit(code)


def _facts(found: Sequence[GateResult]) -> list[dict[str, Any]]:
    return [
        {
            "cause": one.cause and one.cause.value,
            "verdict": one.entry.verdict.decision.value if one.entry else None,
            "strength": one.entry.verdict.strength if one.entry else None,
            "recorded_at": one.entry.recorded_at if one.entry else None,
            "fetched_at": fetched_at(one.entry.verdict).isoformat()
            if one.entry and not one.entry.verdict.not_run
            else None,
            "run_id": one.entry.run_id if one.entry else None,
            "rejudged": one.entry.rejudged if one.entry else None,
        }
        for one in found
    ]
