"""Kill one fetch with -9 again and again, and compare what it ends with to a fetch that nobody disturbed.

    python bench/kills.py [--kills N] [--samples N] [--seed N]

Real processes fetch from a gateway on loopback that counts the requests for each text. A kill comes after a random
number of further requests and a random part of a millisecond, so it falls anywhere: in a request, in the staging, in
the Parquet file. Afterwards the two Parquet files must hold the same rows, the vectors bit for bit, and no text may
have been requested more often than explained: one fetch, one more for each kill that found it in hand, and at most
twice as many batches in hand at a kill as there are requests in flight.
"""

import argparse
import contextlib
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.samples import sample_id
from parity_pipeline.storage.embeddings_files import EmbeddingsWriter
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.side_config import SideConfig

BATCH, CONCURRENCY, WIDTH, POISON = 8, 4, 64, 997
IN_HAND = 2 * CONCURRENCY


@dataclass
class Books:
    """What the gateway saw: how often each text was requested, and a bell that rings at each request."""

    requested: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    bell: threading.Condition = field(default_factory=threading.Condition)

    def note(self, texts: list[str]) -> None:
        """Count a request."""
        with self.bell:
            self.requested.update(texts)
            self.requests += 1
            self.bell.notify_all()

    def wait(self, requests: int, child: "subprocess.Popen[bytes]") -> None:
        """Wait until there were so many requests, or a process has ended."""
        while child.poll() is None:
            with self.bell:
                if self.requests >= requests or self.bell.wait_for(lambda: self.requests >= requests, timeout=0.5):
                    return


def vector(text: str) -> list[float]:
    """Return the one vector that stands for a text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return np.random.default_rng(seed).standard_normal(WIDTH).tolist()


@contextlib.contextmanager
def gateway() -> Generator[tuple[str, Books]]:
    """Serve the rust dialect on loopback; a batch with a poison text is refused."""
    books = Books()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one write for head and body

        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["content-length"])))["texts"]
            books.note(texts)
            refused = any(text.endswith("poison") for text in texts)
            content = {"error": "poison"} if refused else {"embeddings": [vector(text) for text in texts], "model": "m"}
            body = json.dumps(content).encode()
            self.send_response(400 if refused else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign, assignment]  # a killed client is expected
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", books
    finally:
        server.shutdown()
        server.server_close()


def texts_of(samples: int) -> list[str]:
    """Return the texts of a set: every `POISON`th one is refused by the gateway."""
    return [f"text {number}{' poison' if number % POISON == POISON - 1 else ''}" for number in range(samples)]


def blocks(samples: int) -> Iterator[SampleBlock]:
    """Yield so many samples."""
    texts = texts_of(samples)
    for start in range(0, samples, 500):
        part = texts[start : start + 500]
        yield SampleBlock(start, [sample_id(text) for text in part], part, ["bench"] * len(part))


def fetch(url: str, samples: int, folder: Path) -> None:
    """Fetch through to Parquet, as a run does; what is staged stays."""
    config = SideConfig(
        side=Side.LEGACY, label="kills", base_url=url, dialect=BUILT_IN[0], batch_texts=BATCH, concurrency=CONCURRENCY
    )
    draft = folder / "rows.draft"
    with SqliteStaging(folder / "staging") as staging, EmbeddingsWriter(draft, rows_per_group=512) as writer:
        result = fetch_lane(config, "m", blocks(samples), writer.add, staging=staging)
        writer.finish(provenance(config, samples, result))
        draft.replace(folder / "rows.parquet")


def provenance(config: SideConfig, samples: int, result: LaneResult) -> Provenance:
    """Return where the rows came from, which finishes a file."""
    return Provenance(
        side=config.side,
        label=config.label,
        url=config.url,
        dialect=config.dialect.name,
        date="2026-04-30",
        model="m",
        model_asked="m",
        models_echoed=result.models_echoed,
        server_headers=result.server_headers,
        sample_set_hash="0" * 64,
        samples=samples,
        settings_hash=config.settings_hash("m"),
        package_version="bench",
        fetched_from=result.fetched_from,
        fetched_to=result.fetched_to,
        requests=result.requests,
        retries=result.retries,
        status_counts=result.status_counts,
        observation=result.observation,
        stopped_early=result.stopped_early,
    )


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        requests: Requests of the process that was killed.
        again: Texts that the next process requested though one before it had: the cost of the kill.
    """

    requests: int
    again: int


def kill_one_fetch(url: str, books: Books, folder: Path, options: argparse.Namespace) -> list[Kill]:
    """Fetch in processes of their own, killing all but the last, and return the cost of each kill."""
    dice = random.Random(options.seed)  # noqa: S311 - moments to kill at, nothing secret
    step = max(2, 2 * options.samples // BATCH // (options.kills + 1))
    before, again = list[int](), list[int]()
    while True:
        start, known = books.requests, Counter(books.requested)
        command = [sys.executable, __file__, "fetch", url, str(options.samples), str(folder)]
        with subprocess.Popen(command) as child:  # noqa: S603 - itself
            if len(before) < options.kills:
                books.wait(start + dice.randrange(1, step), child)
                time.sleep(dice.random() * 0.01)
                child.send_signal(signal.SIGKILL)
        again.append(sum(count for text, count in (books.requested - known).items() if known[text]))
        if child.returncode != -signal.SIGKILL:
            if child.returncode:
                raise SystemExit(f"the fetch ended with code {child.returncode}")
            return [Kill(*each) for each in zip(before, again[1:], strict=True)]
        before.append(books.requests - start)


def same_rows(one: Path, other: Path) -> bool:
    """Return whether two files hold the same rows; request ids and latencies are a run's own."""
    columns = ["ordinal", "sample_id", "vector", "dimension", "status", "http_status"]
    first, second = (pq.read_table(str(path), columns=columns) for path in (one, other))
    vectors = [
        table.column("vector").combine_chunks().flatten().to_numpy().view(np.uint32) for table in (first, second)
    ]
    return first.drop(["vector"]).equals(second.drop(["vector"])) and np.array_equal(vectors[0], vectors[1])


def main() -> None:
    """Run the fetch undisturbed and killed, and say whether the results are the same."""
    if sys.argv[1:2] == ["fetch"]:
        fetch(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, gateway() as (url, books):
        calm, killed = Path(name) / "calm", Path(name) / "killed"
        for folder in (calm, killed):
            folder.mkdir()
        fetch(url, options.samples, calm)
        once = Counter(books.requested)
        books.requested.clear()
        kills = kill_one_fetch(url, books, killed, options)
        again = Counter({text: count - once[text] for text, count in books.requested.items() if count > once[text]})
        # A poison text is requested with each half of its batch, so it may be in hand that many times over.
        worst = max((kill.again for kill in kills), default=0)
        checks = {
            "the Parquet files hold the same rows, vectors bit for bit": same_rows(
                calm / "rows.parquet", killed / "rows.parquet"
            ),
            "each text was requested": books.requested.keys() == once.keys(),
            f"texts requested again after a kill: {worst}, at most {IN_HAND} x {BATCH}": worst <= IN_HAND * BATCH,
            f"no text more often again than there were kills: {max(again.values(), default=0)}": max(
                again.values(), default=0
            )
            <= len(kills),
        }
    print(f"\n{len(kills)} kills with -9 of one fetch of {options.samples} samples, seed {options.seed}:")
    requests, costs = [kill.requests for kill in kills], sorted(kill.again for kill in kills)
    print(f"  requests before a kill: {min(requests, default=0)} to {max(requests, default=0)}")
    print(
        f"  texts requested again: {sum(again.values())} in all; after one kill {costs[len(costs) // 2]} in the middle"
    )
    within = sum(cost <= CONCURRENCY * BATCH for cost in costs)
    print(f"  {within} of the kills cost no more than the {CONCURRENCY} x {BATCH} texts of the requests in flight")
    for what, held in checks.items():
        print(f"  {'ok  ' if held else 'FAIL'}  {what}")
    if len(kills) < options.kills or not all(checks.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
