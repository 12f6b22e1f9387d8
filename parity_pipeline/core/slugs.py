"""File names and partition keys for model names, which are hostile: slashes, colons, dots, emoji, 300 characters.

Here belongs the one spelling of a model name in a path and the one in a Dagster partition key.
"""

import hashlib
import re
from typing import Final
from urllib.parse import quote, unquote

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.limits import SLUG_BYTES

_LONG_MARK: Final = "~"
_HASH_DIGITS: Final = 32
_KEY_FORBIDDEN = re.compile(r"[%|\x00-\x1f\x7f]|\.(?=\.)")


def slug(name: str) -> str:
    """Return the file-name form of a model name: percent-encoding, as hive folders use it.

    Letters, digits, `-`, `_` and a `.` that is not the first character stay. Different names have different slugs. A
    slug longer than `limits.SLUG_BYTES` is cut and ends in `~` and 128 bits of the name's SHA-256.

    >>> slug("nomic-embed-text-v2-moe"), slug("org/model:tag"), slug("../x")
    ('nomic-embed-text-v2-moe', 'org%2Fmodel%3Atag', '%2E.%2Fx')
    """
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe="").replace(_LONG_MARK, "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) <= SLUG_BYTES:
        return encoded or "%"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return encoded[: SLUG_BYTES - _HASH_DIGITS - 1] + _LONG_MARK + digest


def unslug(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the model name that `slug` was given.

    Args:
        text: A slug.
        known: Model names to look a cut slug up in; a slug that was not cut needs none.

    Raises:
        ParityError: The slug was cut and no known name has it.
    """
    if text == "%":
        return ""
    if _LONG_MARK not in text:
        return unquote(text, errors="surrogatepass")
    for name in known:
        if slug(name) == text:
            return name
    problem = "this slug stands for a model name too long for a file name, and no known model has it"
    raise ParityError(problem, place=text, remedy="Name the model in `models` of parity.yaml.")


def partition_key(name: str) -> str:
    """Return the Dagster partition key of a model name: the name itself, but for what a key cannot hold.

    Dagster splits a two-dimensional key at `|` and refuses control characters and `...`; those, `%`, and a dot before
    another dot are percent-encoded, so that the key can be turned back.

    >>> partition_key("org/model:tag"), partition_key("a|b")
    ('org/model:tag', 'a%7Cb')
    """
    return _KEY_FORBIDDEN.sub(lambda match: f"%{ord(match.group()):02X}", name)


def model_of(key: str) -> str:
    """Return the model name that `partition_key` was given."""
    return unquote(key)
