"""`parity adapter`: serve the adapter, or write its mapping down for those who change callers instead.

Here belong the options of these commands and the start of each worker. What is served belongs to `adapter`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from parity_pipeline.cli.options import Config
from parity_pipeline.cli.partition_args import number_in
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.suggestions import meant
from parity_pipeline.settings.loading import CONFIG_VARIABLE, OVERRIDE_PREFIX, load_from_here

if TYPE_CHECKING:
    from starlette.applications import Starlette

adapter = typer.Typer(name="adapter", no_args_is_help=True, help="Speak the wire of one side in front of the other.")

CALLERS_VARIABLE: Final = "PARITY_ADAPTER_CALLERS"
"""Environment variable with the side whose wire the callers of a worker speak."""

Callers = Annotated[
    Side, typer.Option("--callers", help="The side whose wire the callers speak; candidate is the way back.")
]


@adapter.command()
def serve(
    config: Config = None,
    callers: Callers = Side.LEGACY,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[str | None, typer.Option("--port", metavar="N", help="TCP port, 1 to 65535.")] = None,
    workers: Annotated[str | None, typer.Option("--workers", metavar="N", help="Processes, 1 to 64.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="legacy, candidate, shadow or share; else adapter.mode.")
    ] = None,
    share: Annotated[
        str | None, typer.Option("--share", metavar="N", help="Per cent for mode share, 0 to 100.")
    ] = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight still get their response.

    \b
    Example:
      parity adapter serve --mode shadow --port 8080
    """
    from parity_pipeline.adapter.server import serve as serve_app  # noqa: PLC0415 - see main
    from parity_pipeline.settings.adapter import AdapterSettings  # noqa: PLC0415

    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    for key, value in (
        ("MODE", None if mode is None else _known_mode(mode)),
        ("SHARE", number_in(share, "--share", 0, 100) if share is not None else None),
    ):
        if value is not None:
            os.environ[f"{OVERRIDE_PREFIX}ADAPTER__{key}"] = str(value)
    os.environ[CALLERS_VARIABLE] = callers.value
    section = load_from_here().adapter or AdapterSettings()
    processes = int(number_in(workers, "--workers", 1, 64)) if workers is not None else section.workers
    code = serve_app(
        create_app() if processes == 1 else f"{__name__}:create_app",
        host=host or section.host,
        port=int(number_in(port, "--port", 1, 65_535)) if port is not None else section.port,
        workers=processes,
        shutdown_seconds=section.shutdown_seconds,
    )
    raise typer.Exit(code)


def _known_mode(name: str) -> str:
    """Return the mode that a person wrote after the option.

    Raises:
        SettingsError: There is none of that name.
    """
    from parity_pipeline.adapter.config import Mode  # noqa: PLC0415

    if name not in set(Mode):
        remedy = meant([name], list(Mode), f"Use one of {', '.join(Mode)}.")
        raise SettingsError(f"there is no mode {name!r}", place="--mode", remedy=remedy)
    return name


def create_app() -> "Starlette":
    """Return the application of this process, by the settings and the variables that `serve` has set."""
    from parity_pipeline.adapter.app import build_app  # noqa: PLC0415
    from parity_pipeline.adapter.request_log import write_to_stderr  # noqa: PLC0415
    from parity_pipeline.settings.adapter import adapter_config  # noqa: PLC0415

    write_to_stderr()
    callers = Side(os.environ.get(CALLERS_VARIABLE, Side.LEGACY.value))
    return build_app(adapter_config(load_from_here(), callers, os.environ))


@adapter.command()
def export(
    config: Config = None,
    callers: Callers = Side.LEGACY,
    page: Annotated[Path | None, typer.Option("--page", help="File to write to; else standard output.")] = None,
) -> None:
    """Write the mapping of requests, responses and errors as Markdown, for those who change callers instead.

    \b
    Example:
      parity adapter export --page mapping.md
    """
    from parity_pipeline.adapter.export import mapping_page  # noqa: PLC0415
    from parity_pipeline.settings.adapter import adapter_config  # noqa: PLC0415
    from parity_pipeline.storage.atomic import publish_text  # noqa: PLC0415

    text = mapping_page(adapter_config(load_from_here(config), callers, os.environ))
    if page is None:
        typer.echo(text, nl=False)
    else:
        publish_text(page, text)
