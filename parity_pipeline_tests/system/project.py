"""A project folder as a user has it, and the installed `parity` command run in it as a process of its own.

Here belong the settings file, the clean environment and the call. What a test expects of the command belongs to the
tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from parity_pipeline.settings.loading import load
from parity_pipeline.settings.model import Settings
from parity_pipeline_tests.fakes.ports import free_port

PARITY: Final = str(Path(sys.executable).with_name("parity"))
ROOT: Final = Path(__file__).parents[2]
DAY: Final = "2026-05-01"
NEXT_DAY: Final = "2026-05-02"
SAMPLES: Final = ("hello", "forklift operator", "résumé: 12 yrs — pick/pack", "a | b [x](y)", "")
LIMIT_SECONDS: Final = 600
"""When a command counts as hung; most take 5 s, and 120 s were not enough at a load of 14 on 2 cores."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def printed(self) -> str:
        """Return both outputs with every run of white space as one space, for words that may be wrapped."""
        return " ".join((self.out + self.err).split())

    def document(self) -> dict[str, Any]:
        """Return standard output as the one JSON document that it has to be."""
        return json.loads(self.out)

    def decisions(self) -> list[str | None]:
        """Return the decision of each partition in the JSON document, None where there is none."""
        return [one["decision"] for one in self.document()["results"]]


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would lead a command to another project, and some more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DAGSTER_HOME", "PARITY_CONFIG"} and not name.startswith("PARITY__")
    }
    return {**kept, "COLUMNS": "200", "NO_PROXY": "127.0.0.1", **more}


@dataclass
class Project:
    """One project folder.

    Attributes:
        folder: The folder; contains the settings file.
        legacy: Settings of the legacy side, beside its label.
        candidate: Settings of the candidate side, likewise.
        models: Models of the settings.
        more: Further settings.
    """

    folder: Path
    legacy: Mapping[str, Any]
    candidate: Mapping[str, Any]
    models: Sequence[str] = ("fake-32",)
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        """Write the samples and the settings file."""
        self.write_samples(*SAMPLES)
        content = {
            "first_date": "2026-04-30",
            "models": list(self.models),
            "samples": [{"path": "samples.txt", "category": "seed"}],
            "hazards": False,
            "sides": {
                "legacy": {"label": "Old gateway", "attempts": 2, **self.legacy},
                "candidate": {"label": "New gateway", "attempts": 2, **self.candidate},
            },
            **self.more,
        }
        self.config.write_text(json.dumps(content), "utf-8")  # JSON is YAML

    @property
    def config(self) -> Path:
        """Return the settings file."""
        return self.folder / "parity.yaml"

    def write_samples(self, *texts: str) -> None:
        """Write the sample file again, one text per line."""
        (self.folder / "samples.txt").write_text("".join(f"{text}\n" for text in texts), "utf-8")

    def settings(self) -> Settings:
        """Return the settings as the command reads them."""
        return load(self.config, {})

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start `parity` in the folder."""
        return subprocess.Popen(
            [PARITY, *arguments],
            cwd=self.folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def parity(self, *arguments: str, **variables: str) -> CommandResult:
        """Run `parity` in the folder to its end; no command may ever show a traceback."""
        with self.start(*arguments, **variables) as child:
            try:
                out, err = child.communicate(timeout=LIMIT_SECONDS)
            except BaseException:
                child.kill()
                raise
        assert "Traceback" not in out + err
        return CommandResult(child.returncode, out, err)


def side(url: str, dialect: str, **more: Any) -> dict[str, Any]:
    """Return the settings of a side at an address."""
    return {"base_url": url, "dialect": dialect, **more}


def demo_side(kind: str, port: int) -> dict[str, Any]:
    """Return the settings of a side that is a demo gateway, brought up as a service."""
    url = f"http://127.0.0.1:{port}"
    service = {
        "name": f"demo-{kind}",
        "command": ["python", "-m", "parity_pipeline.demo", kind, "--port", str(port)],
        "health_url": f"{url}/health",
        "startup_timeout": LIMIT_SECONDS,
    }
    return side(url, "rust" if kind == "legacy" else "go", services=[service])


def free_ports(count: int) -> list[int]:
    """Return different free ports of the loopback."""
    return [free_port() for _ in range(count)]
