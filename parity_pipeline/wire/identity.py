"""The identity of a request: what, if changed, could change the answer.

Here belong the address as it may be shown and the hash that keys staged work. Secrets have no part in either.
"""

import hashlib
import json
from dataclasses import asdict

from parity_pipeline.wire.side import SideConfig


def address(config: SideConfig) -> str:
    """Return the address of the embed endpoint, without credentials."""
    return config.base_url + config.dialect.path


def request_hash(config: SideConfig, model: str) -> str:
    """Return a hash over address, dialect, model name and batch limits, 64 hex digits.

    Batch limits count: a back end may give other vectors for other batch sizes. Tokens, headers, timeouts and retries
    do not: they decide whether an answer comes and not which.
    """
    shaping = {
        "address": address(config),
        "dialect": asdict(config.dialect),
        "model": config.asked_name(model),
        "batch_texts": config.batch_texts,
        "batch_bytes": config.batch_bytes,
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()
