"""Settings of a probe through the adapter: the legacy against the adapter in front of the candidate, as callers will see it.

Here belong what such a probe changes in the settings, the service that serves the adapter for it, and the fingerprint of the
mapping that it judges. What a run does belongs to `runs`, what is served to `adapter`.

The side called candidate is then requested as the legacy's callers request: in the legacy's dialect, by the legacy's names
of models, with the headers and the token that callers send.
"""

import hashlib
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from parity_pipeline.adapter.export import mapping_page
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.settings.adapter import AdapterSettings, adapter_config
from parity_pipeline.settings.loading import OVERRIDE_PREFIX
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.sides import ServiceSettings, SideSettings

ADDRESS_VARIABLE: Final = "PARITY_THROUGH_ADAPTER"
"""Environment variable by which the processes of a run find the adapter that its command has started: its address."""

SERVICE: Final = "through-adapter"
"""Name of the service, and of the folder of its own below Dagster's home."""

HOST: Final = "127.0.0.1"

NOWHERE: Final = "http://adapter.invalid"
"""Address in place of an adapter's: nothing is requested when stored results are judged again."""

START_SECONDS: Final = 60.0
"""How long the adapter may take to start: it imports numpy, on a machine that imports Dagster at the same time."""

FINGERPRINT_DIGITS: Final = 12


def through_adapter(settings: Settings, environ: Mapping[str, str], address: str | None = None) -> Settings:
    """Return settings whose candidate is the adapter in front of the candidate.

    Their embed probe is `EMBED_THROUGH_ADAPTER`, with files and a Dagster history of its own. Sample sets, the ledger and the
    summary are shared with the plain one. There is no retrieve probe: the adapter only speaks of embeddings.

    Args:
        settings: All settings.
        environ: Where tokens are looked up, and Dagster's home.
        address: Where the adapter is served; a free port of the loopback where None.

    Raises:
        SettingsError: There is no settings file that the adapter could read, or a token is not set.
    """
    if settings.file is None:
        remedy = "Write the settings to a file, and name it with --config."
        raise SettingsError("the adapter reads its settings from a file, and there is none", remedy=remedy)
    home = settings.path(Path(environ.get("DAGSTER_HOME") or settings.path(settings.dagster_home)).absolute())
    front = _front(settings, address or f"http://{HOST}:{_free_port()}", settings.file, mapping_id(settings, environ))
    return settings.model_copy(
        update={
            "through_adapter": True,
            "retrieve": None,
            "dagster_home": home / SERVICE,
            "sides": settings.sides.model_copy(update={"candidate": front}),
        }
    )


def started_through_adapter(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the command that started this process: through its adapter, or as they are.

    Raises:
        SettingsError: A token is not set.
    """
    address = environ.get(ADDRESS_VARIABLE)
    return through_adapter(settings, environ, address) if address else settings


def mapping_id(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the first digits of the SHA-256 of the mapping of the legacy's callers, as `parity adapter export` writes it.

    A verdict through the adapter names it in the candidate's label: with other settings, another mapping would be served
    than the one that was judged.

    Raises:
        SettingsError: A variable that is named for a token is not set.
    """
    page = mapping_page(adapter_config(settings, Side.LEGACY, environ))
    return hashlib.sha256(page.encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _front(settings: Settings, address: str, file: Path, mapping: str) -> SideSettings:
    """Return the candidate behind the adapter, as callers of the legacy's wire reach it."""
    legacy, candidate = (settings.sides.gateway(side) for side in Side)
    options = (settings.adapter or AdapterSettings()).callers.legacy
    # More than the candidate takes at once, so that batches are divided and joined, as those of callers may be.
    divided = 2 * (options.batch_texts or candidate.batch_texts) + 1
    return candidate.model_copy(
        update={
            "label": f"{candidate.label}, through the adapter (mapping {mapping})",
            "base_url": address,
            "dialect": legacy.dialect,
            "headers": legacy.headers,
            "bearer_env": options.token_env or legacy.bearer_env,
            "ca_bundle": None,
            "client_cert": None,
            "proxy": None,
            "model_names": legacy.model_names,
            "default_model": options.default_model or legacy.default_model,
            "accept_echo": [],
            "batch_texts": min(max(legacy.batch_texts, divided), options.max_texts),
            "batch_bytes": min(legacy.batch_bytes, options.max_body_bytes),
            "services": [*candidate.services, _service(address, file)],
        }
    )


def _service(address: str, file: Path) -> ServiceSettings:
    """Return the adapter as a process: `parity adapter serve` by the same settings, always in mode `candidate`."""
    arguments = ["--config", str(file), "--callers", Side.LEGACY.value, "--mode", Side.CANDIDATE.value]
    where = ["--host", HOST, "--port", address.rpartition(":")[2]]
    return ServiceSettings(
        name=SERVICE,
        command=[sys.executable, "-m", "parity_pipeline.cli.main", "adapter", "serve", *arguments, *where],
        cwd=file.parent,
        # The samples of a probe are not traffic: kept, they would be drawn for the next probe.
        env={f"{OVERRIDE_PREFIX}ADAPTER__TRAFFIC__ENABLED": SecretStr("false")},
        health_url=f"{address}/health",
        startup_timeout=START_SECONDS,
    )


def _free_port() -> int:
    with closing(socket.create_server((HOST, 0))) as listener:
        return int(listener.getsockname()[1])
