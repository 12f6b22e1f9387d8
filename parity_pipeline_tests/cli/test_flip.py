"""`parity flip`: exit codes, what is printed, what is written and what is recorded."""

import getpass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import FlipStep
from parity_pipeline.settings.loading import load
from parity_pipeline.storage import ledger
from parity_pipeline_tests.settings.test_settings import minimal, written


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a settings file of a project without any verdict."""
    return written(tmp_path, minimal())


def run(config: Path, *arguments: str) -> Any:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["flip", arguments[0], "--config", str(config), *arguments[1:]])


def steps(config: Path) -> list[Any]:
    """Return the recorded steps."""
    return ledger.steps(load(config, {}).layout().ledger)


def test_check_exits_with_1_and_prints_what_to_do(config: Path) -> None:
    """Without a verdict no step may be taken."""
    done = run(config, "check")
    assert done.exit_code == 1
    assert "There is no verdict on embed, model m. Run `parity run`." in done.output
    assert "shadow: may not be taken" in done.output


def test_the_way_back_may_always_be_taken(config: Path) -> None:
    """It exits with 0 and is recorded with who and why."""
    assert run(config, "check", "--step", "roll-back").exit_code == 0
    assert run(config, "record", "--step", "roll-back", "--note", "p99\x1b[31m").exit_code == 0
    [record] = steps(config)
    assert (record.step, record.by, record.note) == (FlipStep.ROLL_BACK, getpass.getuser(), "p99\x1b[31m")
    assert record.evidence == "no gate"


def test_a_refused_step_is_recorded_only_with_a_reason(config: Path) -> None:
    """An override needs a note, and the record says that it was one."""
    assert run(config, "record", "--step", "shadow", "--by", "ann").exit_code == 1
    assert steps(config) == []
    done = run(config, "record", "--step", "shadow", "--override")
    assert isinstance(done.exception, SettingsError)
    assert run(config, "record", "--step", "shadow", "--by", "ann", "--override", "--note", "trial").exit_code == 0
    assert [(one.by, one.evidence, one.note) for one in steps(config)] == [("ann", "overridden", "trial")]
    assert "Traffic: shadow, since" in run(config, "plan", "--proxy", "caddy").output


def test_after_the_flip_changes_are_recorded_without_the_legacy(tmp_path: Path) -> None:
    """With a recording that names no gateway, steps without a gate are recorded; forward ones say what they need."""
    content = minimal()
    content["sides"]["legacy"] = {"recorded": "last"}
    config = written(tmp_path, content)
    assert run(config, "record", "--step", "gateway-changed", "--note", "build 7").exit_code == 0
    assert [one.step for one in steps(config)] == [FlipStep.GATEWAY_CHANGED]
    for command in ("check", "plan"):
        refused = run(config, command)
        assert isinstance(refused.exception, SettingsError)
        assert "sides.legacy: this side is a recording (last) that names no gateway" in str(refused.exception)
    content["flip"] = {"adapter": False}
    written(tmp_path, content)
    assert "There is no verdict on embed" in run(config, "check").output


def test_plan_writes_the_routing_of_the_chosen_proxies(config: Path, tmp_path: Path) -> None:
    """One file per step with the way back first, and the plan itself; an unknown proxy is refused."""
    done = run(config, "plan", "--proxy", "haproxy", "--write", str(tmp_path / "routing"))
    assert done.exit_code == 0, done.output
    names = sorted(path.relative_to(tmp_path / "routing").as_posix() for path in (tmp_path / "routing").rglob("*.*"))
    assert names[:3] == ["PLAN.txt", "haproxy/0-roll-back.cfg", "haproxy/1-shadow.cfg"]
    assert len(names) == 7
    assert (tmp_path / "routing" / "PLAN.txt").read_text("utf-8") in done.output
    refused = run(config, "plan", "--proxy", "apache")
    assert isinstance(refused.exception, SettingsError)
    assert "nginx, envoy, caddy, haproxy, node" in str(refused.exception)


def test_a_damaged_ledger_is_an_error_and_not_a_no(config: Path) -> None:
    """Whether a step may be taken cannot be found out, which is neither exit code 0 nor 1."""
    path = load(config, {}).layout().ledger
    path.parent.mkdir(parents=True)
    path.write_text("damaged\n", "utf-8")
    done = run(config, "check")
    assert done.exception is not None
    assert "ledger.jsonl:1" in str(done.exception)
