"""A sample of the texts that callers send, kept as Parquet files that a probe's sample sources read.

Here belong the draw, the redaction and the files `date=YYYY-MM-DD/<process>.parquet`. Off by default: texts of callers may be
personal data, and whoever switches this on decides how long they are kept. Each worker keeps a uniform draw of the texts
that it considered on a date (reservoir sampling, algorithm R), at most `cap` of them, repeated texts as often as they came.

Source: Vitter, "Random Sampling with a Reservoir", ACM TOMS 11 (1985).
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from parity_pipeline.adapter.config import TrafficOptions
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.source_formats import SURROGATE_COLUMN

WARNING: Final = (
    "texts of callers are being kept, which may be personal data: see that you may do this, restrict who can read {folder}, "
    "set adapter.traffic.redact, and delete what you no longer need"
)
"""What is logged when texts are kept."""

CATEGORY: Final = "traffic"


class TrafficSample:
    """Draws texts and keeps them."""

    def __init__(
        self, options: TrafficOptions, folder: Path, clock: Callable[[], datetime], random: Random, name: str = ""
    ) -> None:
        """Keep what decides about a text.

        Args:
            options: Rate, cap and redaction.
            folder: Where the dates' folders are.
            clock: The time of day, in the time zone in which a date begins.
            random: The draw.
            name: Name of this worker's files; "" for one of process and start.
        """
        self._options = options
        self._folder = folder
        self._clock = clock
        self._random = random
        self._name = name or f"{clock():%H%M%S}-{os.getpid()}"
        self._redact = [(re.compile(pattern), into) for pattern, into in options.redact.items()]
        self._date = ""
        self._seen = 0
        self._kept: list[str] = []
        self._changed = False
        self._due: list[Draw] = []

    def take(self, texts: Sequence[str]) -> int:
        """Consider some texts, and return how many of them were kept for now."""
        date = self._clock().date().isoformat()
        if date != self._date:
            self._due += self._pending()
            self._date, self._seen, self._kept = date, 0, []
        return sum(self._take(text) for text in texts if self._random.random() < self._options.rate)

    def _take(self, text: str) -> bool:
        self._seen += 1
        slot = len(self._kept) if self._seen <= self._options.cap else self._random.randrange(self._seen)
        if slot >= self._options.cap:
            return False
        for pattern, into in self._redact:
            text = pattern.sub(into, text)
        self._kept[slot : slot + 1] = [text]
        self._changed = True
        return True

    def _pending(self) -> list["Draw"]:
        """Return what is kept of the current date, if it changed since it was last returned."""
        if not self._changed:
            return []
        self._changed = False
        return [Draw(self._folder / f"date={self._date}" / f"{self._name}.parquet", tuple(self._kept))]

    def due(self) -> list["Draw"]:
        """Return what has changed since the last call, to be written; a date that is over comes before the current one."""
        found = self._due + self._pending()
        self._due = []
        return found


@dataclass(frozen=True, slots=True)
class Draw:
    """The texts kept of one date, and the file that they go to.

    Attributes:
        path: The file; it is written over what was there.
        texts: The texts, redacted.
    """

    path: Path
    texts: Sequence[str] = field(repr=False)

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        lone = [any("\ud800" <= letter <= "\udfff" for letter in text) for text in self.texts]
        exact = [
            text.encode("utf-8", "surrogatepass") if odd else None for text, odd in zip(self.texts, lone, strict=True)
        ]
        columns = {
            "text": pa.array([text.encode("utf-8", "replace").decode("utf-8") for text in self.texts], pa.string()),
            "category": pa.array([CATEGORY] * len(self.texts), pa.string()),
            SURROGATE_COLUMN: pa.array(exact, pa.binary()),
        }
        with publishing(self.path) as draft:
            pq.write_table(pa.table(columns), draft, compression="zstd")
