"""Run a notebook: `python -m parity_pipeline_tests.reading.execute_notebook NOTEBOOK FOLDER`; the result is written to FOLDER/ran.ipynb.

Here belongs the process that a test starts for a notebook: the sockets of its kernel's client are closed with the process, not by
the client. The kernel is reached by sockets in the folder, and by no port; a socket's path has at most 107 bytes.
"""

import sys
from pathlib import Path
from typing import Final

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

START_SECONDS: Final = 600
CELL_SECONDS: Final = 1200
"""Longest waits. They end a kernel that hangs, and are long enough for a machine that is busy with something else."""


def execute(notebook: Path, folder: Path) -> None:
    """Run every cell, with the folder as the working folder, and write the notebook with its outputs."""
    held = nbformat.read(notebook, as_version=4)
    kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(folder / "k"))
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(held, km=kernel, timeout=CELL_SECONDS, startup_timeout=START_SECONDS, resources=resources)
    client.execute()
    nbformat.write(held, folder / "ran.ipynb")


if __name__ == "__main__":
    try:
        execute(Path(sys.argv[1]), Path(sys.argv[2]))
    except CellExecutionError as error:
        sys.exit(str(error))
