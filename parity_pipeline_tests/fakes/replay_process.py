"""Serve a recorded server as a process of its own: `python -m parity_pipeline_tests.fakes.replay_process ...`.

Here belongs the command line alone. What is served belongs to `replay_gateway`; a thread is enough for most tests and
belongs to `serving`.
"""

import argparse

import uvicorn

from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline_tests.fakes.replay_gateway import RECORDED_MODEL, SERVERS, replay_gateway


def main() -> None:
    """Serve one recorded server on the loopback until the process gets a signal to end."""
    parser = argparse.ArgumentParser(description="Return vectors recorded from a real server.")
    parser.add_argument("--server", choices=SERVERS, required=True)
    parser.add_argument("--mode", choices=("alone", "batched"), default="alone")
    parser.add_argument("--dialect", choices=[row.name for row in BUILT_IN], default="rust")
    parser.add_argument("--model", action="append", help=f"a name of the model; {RECORDED_MODEL} where none is given")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    names = tuple(options.model or (RECORDED_MODEL,))
    gateway = replay_gateway(options.server, options.mode, options.dialect, models=names)
    uvicorn.run(gateway.app, host="127.0.0.1", port=options.port, log_level="warning", ws="none")


if __name__ == "__main__":
    main()
