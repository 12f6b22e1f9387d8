"""Run real engines against each other and print what the probe says: `python -m bench.peers [PAIR ...]`.

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
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from bench.peers import dataset
from bench.peers.comparison import Judged, Truth, ask, judge
from bench.peers.dataset import Dataset
from bench.peers.pairs import PAIRS, PEERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.records import Ranking

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Returned:
    """What one peer returned: for texts, for the vectors of the legacy side, and what it took.

    Attributes:
        texts: A list per query text.
        vectors: A list per query vector.
        version: The engine with its version.
        building: Seconds of starting the engine, storing and indexing.
        query: Mean milliseconds of a query by text, over HTTP, one after the other.
    """

    texts: list[Ranking]
    vectors: list[Ranking]
    version: str
    building: float
    query: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what an earlier run kept."""
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        texts, vectors = ([_ranking(one) for one in kept.pop(side)] for side in ("texts", "vectors"))
        return cls(texts, vectors, **kept)


def _ranking(kept: dict[str, Any]) -> Ranking:
    lists: dict[str, Any] = {name: tuple(kept.pop(name)) for name in ("ids", "scores", "metadata")}
    return Ranking(status=RowStatus(kept.pop("status")), **lists, **kept)


def main() -> None:
    """Ask the peers that the pairs need, each once, and print a table row per peer and per pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", help="parts of a candidate's name; all pairs where none is given")
    parser.add_argument("--python", default=str(ROOT / ".venv-peers/bin/python"), help="interpreter with the engines")
    parser.add_argument("--details", action="store_true", help="outcomes and explanations per category")
    parser.add_argument("--data", type=Path, help="folder that keeps documents and lists between runs")
    options = parser.parse_args()
    pairs = [pair for pair in PAIRS if not options.pairs or any(part in pair[1] for part in options.pairs)]
    with contextlib.ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        dataset.write(folder)
        data = dataset.read(folder)
        truth = Truth(data)
        print(
            "| peer | engine | build (s) | query (ms) | recall@10 | recall@100 | recall@10 filtered |\n|---|---|---|---|---|---|---|"
        )
        found: dict[str, Returned] = {}
        for name in dict.fromkeys(name for pair in pairs for name in pair):
            found[name] = returned_by(name, options.python, folder, data)
            print(peer_row(name, found[name], truth), flush=True)
        print(
            "\n| legacy | candidate | overlap@10 | top-1 | RBO | tau-b | score delta | band | judged (ms) | outcomes | explained by |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for pair in pairs:
            legacy, candidate = (found[name] for name in pair)
            peers = PEERS[pair[0]], PEERS[pair[1]]
            began = time.perf_counter()
            judged = judge(data.queries, peers, legacy.texts, candidate.texts, candidate.vectors)
            print(pair_row(pair, judged, 1000 * (time.perf_counter() - began)), flush=True)
            if options.details:
                print_details(judged)


def returned_by(name: str, python: str, folder: Path, data: Dataset) -> Returned:
    """Start a peer, ask it everything, and stop it; or return what an earlier run in this folder got."""
    kept = folder / f"{hashlib.blake2b(f'{name} {PEERS[name]}'.encode(), digest_size=8).hexdigest()}.json"
    if kept.exists():
        return Returned.read(kept)
    with running(name, python, folder) as (client, ready):
        began = time.perf_counter()
        texts = ask(client, data.queries)
        took = time.perf_counter() - began
        vectors = ask(client, data.queries, data.query_vectors)
    found = Returned(texts, vectors, ready["version"], ready["seconds"], 1000 * took / len(data.queries))
    kept.write_text(json.dumps(asdict(found)), "utf-8")
    return found


@contextlib.contextmanager
def running(name: str, python: str, folder: Path) -> Generator[tuple[httpx.Client, dict[str, Any]]]:
    """Run a peer, and yield a client and what it said of itself."""
    peer = PEERS[name]
    command = [python, "-W", "ignore", "-m", "bench.peers.server", peer.engine, json.dumps(peer.options), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - own server
        try:
            assert server.stdout is not None  # noqa: S101 - the pipe is requested above
            said = next((line for line in server.stdout if line.startswith('{"port"')), None)
            if said is None:
                raise SystemExit(f"{name} did not start; its messages are above")
            ready = json.loads(said)
            with httpx.Client(base_url=f"http://127.0.0.1:{ready['port']}", timeout=60, trust_env=False) as client:
                yield client, ready
        finally:
            server.terminate()


def peer_row(name: str, found: Returned, truth: Truth) -> str:
    """Return the row of a peer."""
    shares = [truth.recall(found.texts, category) for category in ("plain", "top 100", "city filter")]
    cells = [name, found.version, f"{found.building:.1f}", f"{found.query:.1f}", *(f"{share:.3f}" for share in shares)]
    return f"| {' | '.join(cells)} |"


def pair_row(pair: tuple[str, str], judged: Judged, took: float) -> str:
    """Return the row of a pair, which took that many milliseconds to judge."""
    numbers = [
        "-" if one is None else f"{one:.2g}" if name == "score delta" else f"{one:.3f}"
        for name, one in judged.numbers().items()
    ]
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in judged.outcomes().most_common())
    said = explained(judged.by_vectors)
    if (by_scores := explained(judged.by_scores)) != said:
        said += f" (without vectors: {by_scores})"
    return f"| {' | '.join([*pair, *numbers, judged.band, f'{took:.0f}', outcomes, said])} |"


def explained(said: list[Explanation | None]) -> str:
    """Return how often each explanation was given."""
    counts = Counter(one for one in said if one is not None)
    return ", ".join(f"{count} {one}" for one, count in counts.most_common()) or "-"


def print_details(judged: Judged) -> None:
    """Print outcomes and explanations per category."""
    for category, counts in judged.categories().items():
        said = ", ".join(f"{count} {outcome} {why or ''}".strip() for (outcome, why), count in counts.most_common())
        print(f"    {category}: {said}")


if __name__ == "__main__":
    main()
