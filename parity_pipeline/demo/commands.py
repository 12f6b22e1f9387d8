"""The command line that starts one of the demo's processes.

Here belongs the argument vector alone, for settings, tests and the `parity` command; `__main__` reads it.
"""

import sys
from collections.abc import Sequence

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
