"""Settings for runs of the demo, and the command line that starts one of its processes.

Here belong the argument vector, which `__main__` reads, the `retrieve` section over the made-up workers, and settings for a
run with a fault. They are used by the `parity` command, the fault matrix, benchmarks and tests.
"""

import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.corpus import CORPORA, EVERYONE
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline.demo.generated_queries import generated_queries, write_queries
from parity_pipeline.demo.retrieval_faults import DEMO_SEED, RETRIEVAL_FAULTS
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.retrieve import RetrieveSettings
from parity_pipeline.settings.sides import ServiceSettings, SideSettings

SECTION: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "corpora": {EVERYONE: list(CORPORA)},
        "filters": {
            "oslo": {"legacy": "city = 'Oslo'", "candidate": {"city": "Oslo"}},
            "oslo_or_bergen": {
                "legacy": "city IN ('Oslo', 'Bergen')",
                "candidate": {"city": {"in": ["Oslo", "Bergen"]}},
            },
            "experienced": {"legacy": "years >= 10", "candidate": {"years": {"gte": 10}}},
            "packing": {
                "legacy": "list_contains(skills, 'packing')",
                "candidate": {"skills": {"contains": "packing"}},
            },
            "nothing": {"legacy": "city = 'Atlantis'", "candidate": {"city": "Atlantis"}},
        },
        "model": MODEL,
        "metadata": ["role", "city"],
        "legacy": {"dialect": "rust-hybrid", "mode": "vector"},
        "candidate": {"dialect": "go-matrix", "scores": {"reported": "cosine_distance"}},
    }
)
"""The `retrieve` section of the demo, all of it but where queries and relevance labels are. `parity.yaml` has the same one."""

KINDS = ("legacy", "candidate", "fault")


def demo_command(kind: str, port: int, *, host: str = "127.0.0.1", options: Sequence[str] = ()) -> list[str]:
    """Return the argument vector of one demo process, run by this interpreter.

    Args:
        kind: `legacy`, `candidate` or `fault`.
        port: TCP port to listen on.
        host: Address to listen on.
        options: Further arguments, such as `["--upstream", url, "--fault", "noise"]`.

    >>> demo_command("legacy", 3100)[1:]
    ['-m', 'parity_pipeline.demo', 'legacy', '--port', '3100', '--host', '127.0.0.1']
    """
    if kind not in KINDS:
        msg = f"the demo has {', '.join(KINDS)}, not {kind!r}"
        raise ValueError(msg)
    return [sys.executable, "-m", "parity_pipeline.demo", kind, "--port", str(port), "--host", host, *options]


def demo_retrieve(**more: Any) -> RetrieveSettings:
    """Return the section, validated, with further keys such as `queries`."""
    return RetrieveSettings.model_validate({**SECTION, **more})


def is_of_demo(section: RetrieveSettings | None) -> bool:
    """Return whether the demo's gateways serve a section: their dialects and corpora, at the addresses of the sides."""
    if section is None:
        return False
    known = {EVERYONE, *CORPORA}
    searched = {name for names in section.corpora.values() for name in names}
    spoken = all(section.side(side).dialect == SECTION[side.value]["dialect"] for side in Side)
    elsewhere = any(section.side(side).base_url for side in Side)
    return spoken and not elsewhere and searched <= set(CORPORA) and set(section.corpora) <= known


HOST: Final = "127.0.0.1"

OWN_QUERIES: Final = 120
"""Queries of a run with a fault of retrieval where the settings have none for the demo."""


def fault_settings(settings: Settings, fault: str) -> Settings:
    """Return settings like the given ones for a run of the demo with a fault, or several joined by commas.

    Faults of embeddings are in a proxy before the candidate, those of retrieval in the candidate itself. With one of these the
    run has a retrieve probe, whatever the settings say.

    Raises:
        SettingsError: There is no such fault.
    """
    names = fault.split(",")
    in_proxy, in_candidate = ([one.name for one in table] for table in (FAULTS, RETRIEVAL_FAULTS))
    known = [*in_proxy, *in_candidate]
    if unknown := [name for name in names if name not in known]:
        raise SettingsError(
            f"there is no fault {', '.join(map(repr, unknown))}",
            place="--fault",
            remedy=f"Use one of {', '.join(known)}.",
        )
    legacy_port, candidate_port, fault_port = _free_ports(3)
    others = [argument for model in settings.models for argument in ("--other-model", model)]
    upstream = ["--upstream", f"http://{HOST}:{candidate_port}", "--dialect", "go", "--every"]
    folder = Path(".parity") / "faults" / fault.replace(",", "+")
    retrieval = ",".join(name for name in names if name in in_candidate)
    embedding = ",".join(name for name in names if name in in_proxy)
    options = ["--retrieval-fault", retrieval, "--seed", str(DEMO_SEED)] if retrieval else []
    services = {"fault-candidate": (candidate_port, demo_command("candidate", candidate_port, options=options))}
    if embedding:
        options = [*upstream, "--fault", embedding, *others]
        services["fault-proxy"] = (fault_port, demo_command("fault", fault_port, options=options))
    front = fault_port if embedding else candidate_port
    faulty = _side(f"Go-shaped demo gateway with fault {fault}", "go", front, services)
    legacy = _side("Rust-shaped demo gateway", "rust", legacy_port, {
        "fault-legacy": (legacy_port, demo_command("legacy", legacy_port)),
    })  # fmt: skip
    return settings.model_copy(
        update={
            "retrieve": _retrieve(settings, folder, needed=bool(retrieval)),
            "data_dir": folder / "data",
            "reports_dir": folder / "reports",
            "state_dir": folder / "state",
            "dagster_home": folder / "dagster",
            "sides": settings.sides.model_copy(update={"legacy": legacy, "candidate": faulty}),
        }
    )


def _retrieve(settings: Settings, folder: Path, *, needed: bool) -> RetrieveSettings | None:
    """Return the retrieve section of a run: that of the settings where the demo's gateways serve it, else the demo's own.

    The demo's own queries are written into the folder of the run, since those of the settings are about other documents. It is
    left out where no fault of retrieval is named.
    """
    if is_of_demo(settings.retrieve):
        return settings.retrieve
    if not needed:
        return None
    place = settings.path(folder / "queries.jsonl")
    write_queries(place, generated_queries(DEMO_SEED, OWN_QUERIES))
    return demo_retrieve(queries=[{"path": str(place)}])


def _side(label: str, dialect: str, port: int, services: dict[str, tuple[int, list[str]]]) -> SideSettings:
    return SideSettings(
        label=label,
        base_url=f"http://{HOST}:{port}",
        dialect=dialect,
        services=[
            ServiceSettings(name=name, command=command, health_url=f"http://{HOST}:{its_port}/health")
            for name, (its_port, command) in services.items()
        ],
    )


def _free_ports(count: int) -> list[int]:
    """Return different ports that were free a moment ago."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
