"""Run real engines against each other and print what the probe says: `python -m bench.peers [PART ...]`.

Here belong starting the peers, each a process of its own on a free port of the loopback interface, and printing. The
engines live in an environment of their own: `bench/peers/requirements.txt`, docs/retrieval-peers.md.
"""

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import textwrap
from collections import Counter
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.peers import dataset
from bench.peers.chain import RunningPeer, judge, lists
from bench.peers.pairs import PAIRS, PEERS
from bench.peers.recall import Truth
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict

ROOT: Final = Path(__file__).parents[2]
WIDTH: Final = 120


def main() -> None:
    """Judge the pairs, each in a project folder of its own, and print what is said of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="parts of a candidate's name; all pairs where none is given")
    parser.add_argument("--python", default=str(ROOT / ".venv-peers/bin/python"), help="interpreter with the engines")
    parser.add_argument("--data", type=Path, help="folder that keeps documents, responses and runs")
    parser.add_argument("--without-model", action="store_true", help="send no controls with query vectors")
    options = parser.parse_args()
    pairs = [pair for pair in PAIRS if not options.parts or any(part in pair[1] for part in options.parts)]
    with contextlib.ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "queries.npy").exists():
            dataset.write(folder)
        data = dataset.read(folder)
        truth = Truth(data)
        for legacy in dict.fromkeys(pair[0] for pair in pairs):
            with running(legacy, options.python, folder) as first:
                for candidate in (pair[1] for pair in pairs if pair[0] == legacy):
                    with (
                        running(candidate, options.python, folder) as second,
                        tempfile.TemporaryDirectory(dir=folder, prefix="run-") as project,
                    ):
                        model = None if options.without_model else dataset.MODEL
                        verdict = judge((first, second), data.queries, Path(project), model)
                        print(described(verdict, truth, lists(Path(project), Side.CANDIDATE)), flush=True)


@contextlib.contextmanager
def running(name: str, python: str, folder: Path) -> Generator[RunningPeer]:
    """Run a peer until the block ends; what it returned before in this folder comes from there, without an engine."""
    peer = PEERS[name]
    kept = folder / f"{hashlib.blake2b(f'{name} {peer}'.encode(), digest_size=8).hexdigest()}-responses.json"
    command = [python, "-W", "ignore", "-m", "bench.peers.server", peer.engine, json.dumps(peer.options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(  # noqa: S603 - own server
        [*command, str(folder), str(kept)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - the pipe is requested above
            said = next((line for line in server.stdout if line.startswith('{"port"')), None)
            if said is None:
                raise SystemExit(f"{name} did not start; its messages are above")
            ready: dict[str, Any] = json.loads(said)
            yield RunningPeer(name, peer, ready["port"])
        finally:
            server.terminate()


def described(verdict: RetrievalVerdict, truth: Truth, rankings: list[Ranking]) -> str:
    """Return what the probe says of a pair, and the recall of the candidate, as Markdown."""
    recall = [truth.recall(rankings, category) for category in ("plain", "top 100", "city filter")]
    measures = [f"{name} {value}" for name, value in _numbers(verdict).items()]
    facts = [
        f"recall {', '.join(f'{share:.3f}' for share in recall)}; {', '.join(measures)}",
        f"outcomes: {_counted(verdict.counts.outcomes)}",
        f"worst bands: {_bands(verdict)}",
        f"attribution: {_counted(verdict.attribution)}",
        *(f"reason: {one}" for one in verdict.reasons),
        *(
            f"cause: {one.name}, {one.confidence}, {one.queries} queries, {one.side}: {'; '.join(one.evidence)}"
            for one in verdict.causes
        ),
    ]
    title = f"{verdict.legacy.label} / {verdict.candidate.label}: {verdict.decision}"
    return "\n".join(
        [title, *(textwrap.fill(one, WIDTH, initial_indent="- ", subsequent_indent="  ") for one in facts)]
    )


def _numbers(verdict: RetrievalVerdict) -> dict[str, str]:
    wanted = {
        "overlap@10": SetMeasure.MEAN_OVERLAP_AT_10,
        "top-1": SetMeasure.TOP_1_SHARE,
        "RBO": SetMeasure.MEAN_RBO,
        "tau-b": SetMeasure.MEAN_TAU_B,
    }
    found = {name: verdict.value(measure) for name, measure in wanted.items()}
    delta = next(one.worst for one in verdict.query_measures if one.measure is QueryMeasure.SCORE_DELTA)
    numbers = {name: "-" if value is None else f"{value:.3f}" for name, value in found.items()}
    return numbers | {"score delta": "-" if delta is None else f"{delta:.2g}"}


def _bands(verdict: RetrievalVerdict) -> str:
    """Return the measures of the set that are not in the best band."""
    return (
        ", ".join(f"{one.measure} {one.band}" for one in verdict.set_measures if one.band not in {None, Band.PASS})
        or "-"
    )


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {one}" for one, count in Counter(counts).most_common() if count) or "-"


if __name__ == "__main__":
    main()
