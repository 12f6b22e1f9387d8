"""The exception of the room: a message that a channel did not take.

Here belongs what the rest of the room needs to know of it: whether the channel or this message is the reason, how long to
wait, and a text without secrets. Errors of settings and files are those of `core.errors`.
"""

from collections.abc import Iterable
from urllib.parse import unquote

from parity_pipeline.report.escape import clipped, visible

_SHOWN = 300
"""Characters of a text; a server may say anything."""

_SHORTEST = 4
"""Characters from which on a part of a secret is hidden; shorter ones are in every other word."""


class DeliveryError(Exception):
    """A message was not taken.

    Attributes:
        text: Why, on one line.
        only_this: Whether the reason is this message, so that others may be tried.
        wait_seconds: How long the server wants to be left alone; 0 where it does not say.
    """

    def __init__(self, text: str, *, only_this: bool = False, wait_seconds: float = 0.0) -> None:
        """Keep the facts; the text becomes one line in which everything can be seen."""
        self._whole = text
        self.text = visible(clipped(text.strip(), _SHOWN))
        self.only_this = only_this
        self.wait_seconds = wait_seconds
        super().__init__(self.text)

    def without(self, secrets: Iterable[str]) -> "DeliveryError":
        """Return the same error with secrets replaced by `***`, and with no other exception attached."""
        # On the whole text: a secret that is cut, or whose characters are shown by their code, would not be recognised.
        text, parts = self._whole, sorted(_parts(secrets), key=len, reverse=True)
        for secret in parts:
            text = text.replace(secret, "***")
        text = _without_begun(text, parts)
        return DeliveryError(text, only_this=self.only_this, wait_seconds=self.wait_seconds)


def _without_begun(text: str, parts: Iterable[str]) -> str:
    """Return a text without the beginning of a secret at its end, where reading a response stopped."""
    for secret in parts:
        for length in range(len(secret) - 1, _SHORTEST - 1, -1):
            if text.endswith(secret[:length]):
                return text[:-length] + "***"
    return text


def _parts(secrets: Iterable[str]) -> set[str]:
    """Return secrets, and the parts of addresses behind their host, which errors may show alone."""
    found = set[str]()
    for secret in secrets:
        behind = secret.partition("://")[2]
        pieces = behind.partition("/")[2].replace("?", "/").replace("&", "/").replace("=", "/").split("/")
        credentials = behind.partition("/")[0].rpartition("@")[0].split(":") if "@" in behind else []
        found |= {one for one in (secret, behind.partition("/")[2], *pieces, *credentials) if len(one) >= _SHORTEST}
        found |= {secret} if secret else set()
    return found | {unquote(one) for one in found}
