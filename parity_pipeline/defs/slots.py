"""Places in Dagster's pools that a killed process left taken.

Here belongs telling which process runs a run, and giving back what a dead one holds: a pool of one place would otherwise let
every later run wait for ever, without a word. How large the pools are stands in `dagster.yaml`.
"""

import socket
from typing import Final

import dagster as dg
import psutil

PROCESS_TAG: Final = "parity/process"
"""Tag of a run that `parity` itself executes: host, pid and the time its process began."""


def process_tag() -> dict[str, str]:
    """Return the tag that names this process."""
    return {PROCESS_TAG: _name_of(psutil.Process())}


def give_back(instance: dg.DagsterInstance) -> tuple[str, ...]:
    """Free the places of runs that have ended or whose process is gone, mark these as failed, and return their ids.

    A run without the tag, such as one that the UI launched, or one of another host is only looked at for having ended.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return ()
    infos = [storage.get_concurrency_info(key) for key in storage.get_concurrency_keys()]
    holders = {run_id for info in infos for run_id in (*info.active_run_ids, *info.pending_run_ids)}
    return tuple(run_id for run_id in sorted(holders) if _given_back(instance, run_id))


def _given_back(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        if not _is_gone(run.tags.get(PROCESS_TAG, "")):
            return False
        instance.report_run_failed(run, "The process that executed this run was killed.")
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return True


def _name_of(process: psutil.Process) -> str:
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}"


def _is_gone(name: str) -> bool:
    parts = name.split("/")
    if len(parts) != 3 or parts[0] != socket.gethostname() or not parts[1].isdecimal():
        return False
    try:
        return _name_of(psutil.Process(int(parts[1]))) != name
    except psutil.NoSuchProcess:
        return True
