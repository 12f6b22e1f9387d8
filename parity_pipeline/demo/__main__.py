"""Run one of the demo's processes: `python -m parity_pipeline.demo legacy|candidate|fault --port P …`.

Here belongs the command line. What it starts is imported only when it is started, so that each process pays for what
it uses alone.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from parity_pipeline.demo.demo_settings import KINDS

if TYPE_CHECKING:
    from starlette.applications import Starlette

SHUTDOWN_SECONDS: Final = 5
"""How long a stopping server waits for requests in flight."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments (those of the process where None), serve, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if options.kind == "fault":
        return _run_fault(parser, options)
    return _run_gateway(parser, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m parity_pipeline.demo", description="The demo's gateways.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in KINDS:
        one = kinds.add_parser(kind)
        one.add_argument("--port", type=int, required=True, help="TCP port to listen on")
        one.add_argument("--host", default="127.0.0.1", help="address to listen on")
        if kind == "fault":
            _add_fault_options(one)
        else:
            one.add_argument("--warm-up", action="store_true", help="build the indexes of retrieval after the start")
            one.add_argument("--build", default="1", help="version that /version states")
        if kind == "candidate":
            _add_retrieval_options(one)
    return parser


def _add_fault_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--upstream", required=True, help="base URL of the gateway behind")
    parser.add_argument("--dialect", default="go", help="built-in dialect of the gateway behind")
    parser.add_argument("--fault", required=True, help="names of `demo/fault_table.py`, joined by commas")
    parser.add_argument("--seed", type=int, default=0, help="decides which texts a rate hits, and the noise")
    parser.add_argument("--rate", type=float, default=1.0, help="share of texts that are hit, 0 to 1")
    parser.add_argument("--position", type=int, default=None, help="hit this row of each request alone; -1 is the last")
    parser.add_argument("--every", action="store_true", help="drop-row: also in responses to a single text")
    parser.add_argument("--other-model", action="append", default=[], help="wrong-model: used instead; repeatable")
    parser.add_argument("--characters", type=int, default=40, help="truncate: characters that are kept")


def _add_retrieval_options(parser: argparse.ArgumentParser) -> None:
    names = "names of `demo/retrieval_faults.py`, joined by commas"
    parser.add_argument("--retrieval-fault", default="", help=names)
    parser.add_argument("--seed", type=int, default=0, help="decides which queries a fault hits, and every shuffle")


def _run_gateway(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from parity_pipeline.demo.gateway import SHAPES, build_app  # noqa: PLC0415
    from parity_pipeline.demo.models import Embedder, VectorCache  # noqa: PLC0415
    from parity_pipeline.demo.retrieval_faults import chosen_retrieval_faults  # noqa: PLC0415

    try:
        faults = chosen_retrieval_faults(getattr(options, "retrieval_fault", ""))
    except ValueError as error:
        parser.error(str(error))
    shape = SHAPES[options.kind]
    embedder = Embedder()
    embed = VectorCache(embedder.embed).embed if shape.cached else embedder.embed
    seed, build = getattr(options, "seed", 0), options.build
    app = build_app(shape, embed, faults=faults, seed=seed, warm_up=options.warm_up, build=build)
    return _run_server(app, host=options.host, port=options.port)


def _run_fault(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    from parity_pipeline.demo.fault_proxy import build_proxy  # noqa: PLC0415 - see the first paragraph
    from parity_pipeline.demo.fault_scope import Scope  # noqa: PLC0415
    from parity_pipeline.demo.fault_table import chosen  # noqa: PLC0415
    from parity_pipeline.wire.dialects import BUILT_IN  # noqa: PLC0415

    dialects = {dialect.name: dialect for dialect in BUILT_IN}
    if options.dialect not in dialects:
        parser.error(f"unknown dialect {options.dialect!r}; there are {', '.join(dialects)}")
    scope = Scope(
        seed=options.seed,
        rate=options.rate,
        position=options.position,
        every=options.every,
        other_models=tuple(options.other_model),
        characters=options.characters,
    )
    try:
        faults = chosen(options.fault, scope)
    except ValueError as error:
        parser.error(str(error))
    app = build_proxy(options.upstream, dialects[options.dialect], faults, scope)
    return _run_server(app, host=options.host, port=options.port)


def _run_server(app: "Starlette", *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, requests in flight included, and return an exit code.

    Only warnings and errors are logged, to standard error.
    """
    import uvicorn  # noqa: PLC0415

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
