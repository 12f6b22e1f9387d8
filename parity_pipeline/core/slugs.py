"""File names and partition keys for model names, which are hostile: slashes, colons, dots, emoji, 300 characters.

Here belongs the one spelling of a model name in a path and the one in a Dagster partition key.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from parity_pipeline.core.limits import SLUG_BYTES

_LONG_MARK: Final = "~"
_HASH_DIGITS: Final = 32
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?$")
_KEY_FORBIDDEN = re.compile(r"[%|\x00-\x1f\x7f\ud800-\udfff]|\.(?=\.)")


@lru_cache(maxsize=256)
def slug(name: str) -> str:
    """Return the file-name form of a model name: percent-encoding, as hive folders use it.

    Letters, digits, `-`, `_` and a `.` that is not the first character stay. Different names have different slugs. A
    slug longer than `limits.SLUG_BYTES` is cut between two characters and ends in `~` and 128 bits of the name's
    SHA-256. Every slug can be decoded as hive readers do, unless the name holds lone surrogates.

    >>> slug("nomic-embed-text-v2-moe"), slug("org/model:tag"), slug("../x")
    ('nomic-embed-text-v2-moe', 'org%2Fmodel%3Atag', '%2E.%2Fx')
    """
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe="").replace(_LONG_MARK, "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if not encoded:
        return _LONG_MARK
    if len(encoded) <= SLUG_BYTES:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    # A reader of hive folders decodes the escapes: half of one, or of a character's bytes, would stop it.
    start = _CUT_ESCAPE.sub("", encoded[: SLUG_BYTES - _HASH_DIGITS - 1])
    while start and not _decodes(start):
        start = start[: start.rindex("%")]
    return start + _LONG_MARK + digest


def _decodes(encoded: str) -> bool:
    try:
        unquote(encoded, errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def report_name(date: str, model: str, probe: str = "embed") -> str:
    """Return the file name of the report on one date and model or corpus; the summary links to it.

    Args:
        date: ISO 8601, such as `2026-04-30`.
        model: Name of the model, or of the corpus of a retrieve partition, however hostile.
        probe: `embed`, `embed-through-adapter` or `retrieve`.

    >>> report_name("2026-04-30", "org/model:tag"), report_name("2026-04-30", "staff", "retrieve")
    ('embed_parity_20260430_org%2Fmodel%3Atag.md', 'retrieve_parity_20260430_staff.md')
    """
    return f"{probe}_parity_{date.replace('-', '')}_{slug(model)}.md"


def partition_key(name: str) -> str:
    """Return the Dagster partition key of the name of a model or corpus: the name itself, but for what a key cannot hold.

    Dagster splits a two-dimensional key at `|` and refuses control characters and `...`, and its database takes no lone
    surrogate; those, `%`, and a dot before another dot are percent-encoded, so that the key can be turned back.

    >>> partition_key("org/model:tag"), partition_key("a|b")
    ('org/model:tag', 'a%7Cb')
    """
    return _KEY_FORBIDDEN.sub(_escape, name)


def _escape(match: "re.Match[str]") -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogatepass"))


def name_of(key: str) -> str:
    """Return the name that `partition_key` was given."""
    return unquote(key, errors="surrogatepass")


def check_name(date: str, model: str, probe: str = "embed") -> str:
    """Return the file name of the Python check of a report's worst failing sample; the report links to it.

    >>> check_name("2026-04-30", "org/model:tag")
    'embed_parity_20260430_org%2Fmodel%3Atag.py'
    """
    return f"{report_name(date, model, probe).removesuffix('.md')}.py"
