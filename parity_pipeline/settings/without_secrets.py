"""The settings as they may be shown to others: what was judged by, without what opens a door.

Here belongs which keys are left out. They are keys that hold a secret, that name where one is, or that run programs; none
of them changes how stored results are judged.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

_LEFT_OUT: Final = (
    ("sides", "*", "headers"),
    ("sides", "*", "bearer_env"),
    ("sides", "*", "proxy"),
    ("sides", "*", "ca_bundle"),
    ("sides", "*", "client_cert"),
    ("sides", "*", "services"),
    ("adapter", "tokens"),
    ("adapter", "callers", "*", "token_env"),
    ("adapter", "traffic", "redact"),
    ("alerts",),
)
"""Places of the keys; `*` stands for any key. Services may have tokens in their commands and variables."""

_FOLDERS: Final = {"data_dir": "data", "reports_dir": "reports", "state_dir": ".parity", "dagster_home": ".dagster"}
"""Folders of a machine, and where they are in a bundle."""


def without_secrets(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a settings file without secrets, with folders relative to where it is unpacked.

    Args:
        content: As `loading.read_content` returns it; it is not changed.
    """
    kept = _without(content, _LEFT_OUT)
    return kept | _FOLDERS


def _without(level: Any, places: tuple[tuple[str, ...], ...]) -> Any:
    if not isinstance(level, Mapping):
        return level
    kept: dict[str, Any] = {}
    for key, value in cast("Mapping[str, Any]", level).items():
        below = tuple(place[1:] for place in places if place[0] in ("*", key))
        if () not in below:
            kept[key] = _without(value, below) if below else value
    return kept
