"""Prove, date by date and model by model, that a candidate embedding gateway equals the legacy one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from parity_pipeline.reading.history import History


def open(config: "str | os.PathLike[str] | None" = None, *, through_adapter: bool = False) -> "History":  # noqa: A001 - `parity_pipeline.open`, as `tarfile.open`
    """Open what is stored by a settings file for reading, as tables of pandas.

    Args:
        config: The settings file; None for the one that `PARITY_CONFIG` names, else `parity.yaml` here or in a folder
            above.
        through_adapter: Whether embeddings are those that were fetched through the adapter.

    Raises:
        SettingsError: There is no settings file, or it is not usable.
    """
    # Importing the package stays free of pandas, pyarrow and the settings (docs/adr/0040).
    from parity_pipeline.reading.history import open_history  # noqa: PLC0415

    return open_history(config, through_adapter=through_adapter)
