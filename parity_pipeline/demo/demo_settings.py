"""Settings for runs of the demo, and the command line that starts one of its processes.

Here belong the argument vector, which `__main__` reads, the sides with or without a fault, and the `retrieve` section over the
made-up workers. They are used by the demo's `project`, the fault matrix, benchmarks and tests.
"""

import socket
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.suggestions import meant
from parity_pipeline.demo.corpus import CORPORA, EVERYONE
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline.demo.retrieval_faults import DEMO_SEED, RETRIEVAL_FAULTS
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline.settings.retrieve import RetrieveSettings

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


HOST: Final = "127.0.0.1"


def demo_sides(fault: str, models: Sequence[str]) -> dict[str, Any]:
    """Return the section `sides` of the demo, on ports that are free now, with a fault or several joined by commas.

    Faults of embeddings are in a proxy before the candidate, those of retrieval in the candidate itself.

    Args:
        fault: Names of faults; "" for none.
        models: Models that a fault may take in place of the one of a request.

    Raises:
        SettingsError: There is no such fault.
    """
    in_proxy, in_candidate = _faults_by_place(fault)
    legacy_port, candidate_port, fault_port = _free_ports(3)
    options = ["--warm-up"]
    if in_candidate:
        options += ["--retrieval-fault", ",".join(in_candidate), "--seed", str(DEMO_SEED)]
    candidate = [_service("candidate", candidate_port, options)]
    if in_proxy:
        others = [argument for model in models for argument in ("--other-model", model)]
        upstream = ["--upstream", f"http://{HOST}:{candidate_port}", "--dialect", "go", "--every"]
        candidate.append(_service("fault", fault_port, [*upstream, "--fault", ",".join(in_proxy), *others]))
    label = f"Go-shaped demo gateway with fault {fault}" if fault else "Go-shaped demo gateway"
    return {
        "legacy": {
            "label": "Rust-shaped demo gateway",
            "base_url": f"http://{HOST}:{legacy_port}",
            "dialect": "rust",
            "services": [_service("legacy", legacy_port, ["--warm-up"])],
        },
        "candidate": {
            "label": label,
            "base_url": f"http://{HOST}:{fault_port if in_proxy else candidate_port}",
            "dialect": "go",
            "services": candidate,
        },
    }


def _faults_by_place(fault: str) -> tuple[list[str], list[str]]:
    """Return the names of the faults of the proxy, and those of the candidate.

    Raises:
        SettingsError: There is no fault of a name.
    """
    names = fault.split(",") if fault else []
    in_proxy, in_candidate = ([one.name for one in table] for table in (FAULTS, RETRIEVAL_FAULTS))
    known = [*in_proxy, *in_candidate]
    if unknown := [name for name in names if name not in known]:
        raise SettingsError(
            f"there is no fault {', '.join(map(repr, unknown))}",
            place="--fault",
            remedy=meant(unknown, known, f"There are {', '.join(known)}."),
        )
    return [name for name in names if name in in_proxy], [name for name in names if name in in_candidate]


def _service(kind: str, port: int, options: Sequence[str]) -> dict[str, Any]:
    name = "fault-proxy" if kind == "fault" else f"demo-{kind}"
    return {
        "name": name,
        "command": demo_command(kind, port, options=options),
        "health_url": f"http://{HOST}:{port}/health",
    }


def _free_ports(count: int) -> list[int]:
    """Return different ports that were free a moment ago."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
