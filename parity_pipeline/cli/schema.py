"""`parity schema`: print the JSON schema of the settings, for editors and for checks in CI.

Here belongs the printing. The schema belongs to `settings.schema`; the tracked copy is `docs/parity.schema.json`.
"""

import typer


def schema() -> None:
    """Print the JSON schema of parity.yaml, for an editor that completes and checks the file."""
    # pydantic builds the schema in half a second, which no other command has to wait for.
    from parity_pipeline.settings.schema import schema_text  # noqa: PLC0415

    typer.echo(schema_text(), nl=False)
