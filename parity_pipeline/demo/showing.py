"""Settings for showing a fault: the demo's gateways on free ports, a faulty one before the candidate.

Here belongs the derivation of those settings. Data, reports and history go to a folder of their own, so that a show
never touches a real verdict.
"""

import socket
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.demo.commands import demo_command
from parity_pipeline.demo.faults import FAULTS
from parity_pipeline.settings import Settings
from parity_pipeline.settings_side import ServiceSettings, SideSettings

HOST: Final = "127.0.0.1"


def fault_settings(settings: Settings, fault: str) -> Settings:
    """Return settings like the given ones for a run of the demo with a fault, or several joined by commas.

    Raises:
        SettingsError: There is no such fault.
    """
    known = [one.name for one in FAULTS]
    if unknown := [name for name in fault.split(",") if name not in known]:
        raise SettingsError(
            f"there is no fault {', '.join(map(repr, unknown))}",
            place="--fault",
            remedy=f"Use one of {', '.join(known)}.",
        )
    legacy_port, candidate_port, fault_port = _free_ports(3)
    others = [argument for model in settings.models for argument in ("--other-model", model)]
    upstream = ["--upstream", f"http://{HOST}:{candidate_port}", "--dialect", "go", "--every"]
    folder = Path(".parity") / "faults" / fault.replace(",", "+")
    faulty = _side(f"Go-shaped demo gateway with fault {fault}", "go", fault_port, {
        "fault-candidate": (candidate_port, demo_command("candidate", candidate_port)),
        "fault-proxy": (fault_port, demo_command("fault", fault_port, options=[*upstream, "--fault", fault, *others])),
    })  # fmt: skip
    legacy = _side("Rust-shaped demo gateway", "rust", legacy_port, {
        "fault-legacy": (legacy_port, demo_command("legacy", legacy_port)),
    })  # fmt: skip
    return settings.model_copy(
        update={
            "data_dir": folder / "data",
            "reports_dir": folder / "reports",
            "state_dir": folder / "state",
            "dagster_home": folder / "dagster",
            "sides": settings.sides.model_copy(update={"legacy": legacy, "candidate": faulty}),
        }
    )


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
