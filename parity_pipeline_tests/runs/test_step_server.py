"""The process that steps are forked from: what it has imported, and where its standard error goes."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from multiprocessing import get_context
from pathlib import Path

from parity_pipeline.definitions import PRELOADED
from parity_pipeline.runs.runner import start_step_server

def step():
    os.write(2, f"from a step, still to import: {[one for one in PRELOADED if one not in sys.modules]}\\n".encode())

if __name__ == "__main__":
    for turn in range(2):
        start_step_server(Path(sys.argv[1]))
        process = get_context("forkserver").Process(target=step)
        process.start()
        process.join()
        if turn == 0 and "emptied" in sys.argv:
            os.truncate(sys.argv[1], 0)
    os.write(2, b"from the command\\n")
"""
STEP = "from a step, still to import: []\n"


@pytest.mark.parametrize("writable", [True, False])
def test_what_step_processes_print_goes_to_the_log_where_there_can_be_one(tmp_path: Path, *, writable: bool) -> None:
    """The command keeps its own standard error; without a log it has both. Every module of the list is there already."""
    script, folder = tmp_path / "script.py", tmp_path / "state"
    script.write_text(SCRIPT, "utf-8")
    log = folder / "forkserver.log"
    if writable:
        folder.mkdir()
        log.write_text("of the command before", "utf-8")
    else:
        folder.write_text("a file, and no folder", "utf-8")
    done = subprocess.run([sys.executable, script, log], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "from the command\n" if writable else 2 * STEP + "from the command\n")
    if writable:
        assert log.read_text("utf-8") == 2 * STEP


def test_another_command_of_the_folder_leaves_no_hole_in_the_log(tmp_path: Path) -> None:
    """Emptied by another one in between, the log holds what came afterwards, and nothing else."""
    script, log = tmp_path / "script.py", tmp_path / "forkserver.log"
    script.write_text(SCRIPT, "utf-8")
    subprocess.run([sys.executable, script, log, "emptied"], check=True, capture_output=True)
    assert log.read_text("utf-8") == STEP
