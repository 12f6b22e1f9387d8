"""`parity bundle`: write the evidence of some dates as one file, and verify such a file.

Here belong the options and what is printed. What is in a bundle and how it is checked belongs to `bundle`.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from parity_pipeline.cli.options import DATE_FORM, Config
from parity_pipeline.cli.partition_args import calendar_date, chosen_names, dates_between, today
from parity_pipeline.cli.terminal import new_console
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.settings.loading import find_file, load_from_here, read_content, validate

if TYPE_CHECKING:
    from parity_pipeline.steps.context import RunContext

HELP: Final = """Write the evidence of some dates as one file, and verify such a file.

\b
Examples:
  parity bundle --from 2026-05-01 --to 2026-05-07 --out evidence.zip
  parity bundle verify evidence.zip
"""

bundle = typer.Typer(name="bundle", help=HELP)
output = new_console(soft_wrap=True)


@bundle.callback(invoke_without_command=True)
def write(
    context: typer.Context,
    first: Annotated[str | None, typer.Option("--from", metavar=DATE_FORM, help="First date.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar=DATE_FORM, help="Last date, included.")] = None,
    config: Config = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: by the dates, here.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="SSH key to sign with.")] = None,
) -> None:
    """Write verdicts, reports, ledger, settings without secrets and all that is needed to judge again."""
    if context.invoked_subcommand is not None:
        return
    if first is None or last is None:
        raise SettingsError("name the dates", place="--from/--to", remedy="Write --from 2026-05-01 --to 2026-05-07.")
    from parity_pipeline.bundle.verify import verify_bundle  # noqa: PLC0415 - see main
    from parity_pipeline.bundle.write import BundleRequest, write_bundle  # noqa: PLC0415
    from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER  # noqa: PLC0415
    from parity_pipeline.storage.atomic import publishing  # noqa: PLC0415

    settings = load_from_here(config)
    days = dates_between(settings, calendar_date(first, "--from"), calendar_date(last, "--to"), today(settings))
    path = out or Path(f"parity-{days[0]}-{days[-1]}.zip")
    request = BundleRequest(
        layout=settings.layout(),
        settings=_shown(config),
        names={EMBED_THROUGH_ADAPTER: settings.models, **chosen_names(settings)},
        first=days[0],
        last=days[-1],
        key=key,
    )
    # Nobody should get a bundle that cannot be verified, such as one of verdicts given under other settings.
    with publishing(path) as draft:
        write_bundle(request, draft)
        verified = verify_bundle(draft, judging_context)
    verdicts = things(len(verified.manifest.verdicts), "verdict")
    output.print(f"wrote {visible(str(path))}: {verdicts}, SHA-256 {verified.sha256}", markup=False)


def _shown(config: Path | None) -> dict[str, Any]:
    """Return the settings in effect without secrets."""
    from parity_pipeline.settings.without_secrets import without_secrets  # noqa: PLC0415

    return without_secrets(read_content(find_file(config, os.environ, Path.cwd()), os.environ))


@bundle.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The bundle.")],
    signers: Annotated[
        Path | None, typer.Option("--signers", metavar="FILE", help="File of allowed signers, see ssh-keygen(1).")
    ] = None,
    signer: Annotated[str | None, typer.Option("--signer", help="Who has to have signed it.")] = None,
) -> None:
    """Check every byte, and judge what is stored again. Exit 0 if all of it holds, else 2.

    \b
    Example:
      parity bundle verify evidence.zip
    """
    from parity_pipeline.bundle.verify import Signer, verify_bundle  # noqa: PLC0415 - see main

    if (signers is None) != (signer is None):
        raise SettingsError(
            "one of the two says nothing alone", place="--signers/--signer", remedy="Give both, or neither."
        )
    who = Signer(identity=signer, signers=signers) if signers is not None and signer is not None else None
    found = verify_bundle(file, judging_context, who)
    for one in found.manifest.verdicts:
        words = f"{one.probe} {one.name}, {one.date}: {one.decision}" + (f", {one.strength}" if one.strength else "")
        output.print(visible(words), markup=False)
    signed = (
        f"signed by {found.signed_by}" if found.signed_by else "signed, not checked" if found.signed else "not signed"
    )
    files = things(len(found.manifest.files), "file")
    output.print(visible(f"verified: {files}, {signed}, SHA-256 {found.sha256}"), markup=False)


def judging_context(settings: bytes, folder: Path, probe: str) -> "RunContext":
    """Return what the steps share for a probe, by the settings of a bundle that is unpacked in a folder."""
    from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER  # noqa: PLC0415 - see main
    from parity_pipeline.definitions import build_context  # noqa: PLC0415
    from parity_pipeline.settings.through_adapter import NOWHERE, through_adapter  # noqa: PLC0415

    place = folder / "settings.json"
    try:
        content: object = json.loads(settings)
    except (ValueError, RecursionError) as error:
        raise SettingsError("the settings of this bundle are not valid JSON", remedy="Ask for it again.") from error
    if not isinstance(content, dict):
        raise SettingsError("the settings of this bundle are not a JSON object", remedy="Ask for it again.")
    found = validate(cast("dict[str, Any]", content), place)
    if probe == EMBED_THROUGH_ADAPTER:
        found = through_adapter(found, {}, NOWHERE)
    return build_context(found, environ={})
