"""The matrix of retrieval faults: every fault of the candidate's retrieval by the steps of a real run, in this process.

Here belong what counts as right for each fault, one trial, and its part of the tracked page. Sides and runs belong to
`retrieval_trial`, the matrix of the embed probe and the page around both to `matrix`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

from parity_pipeline.core.outcomes import PASSING
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.demo.generated_queries import generated_queries
from parity_pipeline.demo.retrieval_faults import RETRIEVAL_FAULTS, is_mixed_up
from parity_pipeline.demo.retrieval_request import MODEL
from parity_pipeline.faults.retrieval_trial import CleanLegacy, JudgedRankings
from parity_pipeline.faults.trial_run import embedder
from parity_pipeline.report.escape import table

N = RetrievalCauseName

SEED: Final = 27_182
"""Seed of the queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCause:
    """What counts as right for one fault.

    Attributes:
        names: One of these has to be named; none where the lists agree by the rules and a finding says the rest.
        beside: These may be named too; all else is wrong.
        finding: Part of a finding that has to be there.
        agrees: Whether the lists agree by the rules, so that a PASS is right.
    """

    names: frozenset[RetrievalCauseName] = frozenset()
    beside: frozenset[RetrievalCauseName] = frozenset()
    finding: str = ""
    agrees: bool = False


def _named(*names: RetrievalCauseName, beside: Sequence[RetrievalCauseName] = ()) -> ExpectedCause:
    return ExpectedCause(names=frozenset(names), beside=frozenset(beside))


EXPECTED: Final[Mapping[str, ExpectedCause]] = MappingProxyType(
    {
        "lexical-fallback": _named(N.LEXICAL_FALLBACK),
        "lexical-fallback-reported": _named(N.LEXICAL_FALLBACK),
        "dropped-corpus": _named(N.DROPPED_CORPUS),
        "wrong-metric": _named(N.WRONG_METRIC),
        "wrong-metric-l2": _named(N.WRONG_METRIC),
        "stale-index": _named(N.STALE_INDEX, beside=[N.APPROXIMATE_INDEX]),
        "stale-vectors": _named(N.STALE_INDEX, beside=[N.APPROXIMATE_INDEX]),
        # neither order of equal scores is wrong: ADR 28
        "shuffled-ties": ExpectedCause(finding="ties in another order", agrees=True),
        "shuffled-near-ties": _named(N.TIE_ORDER),
        "off-by-one-k": _named(N.CUT_OFF),
        "one-too-many": _named(N.CUT_OFF),
        "filter-ignored": _named(N.FILTER_IGNORED),
        "filter-after-top-k": _named(N.FILTER_AFTER_TOP_K),
        "duplicates-across-corpora": _named(N.DUPLICATES),
        "wrong-id-mapping": _named(N.ID_MAPPING),
        "qualified-ids": _named(N.ID_MAPPING),
        "scores-rescaled": _named(N.SCORES_RESCALED),
        "other-embedding": _named(N.OTHER_EMBEDDING),
        "one-query-in-200": _named(N.STRAY_QUERIES),
    }
)
"""What counts as right, by the fault's name, written from what each fault does and not from what is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalLine:
    """One row of the table.

    Attributes:
        fault: The fault's name.
        judged: What the product said.
        right: Whether the cause was named rightly.
        false: Causes that were called proven, wrongly.
    """

    fault: str
    judged: JudgedRankings
    right: bool
    false: frozenset[RetrievalCauseName] = frozenset()

    @property
    def detected(self) -> bool:
        """Return whether the verdict is not a pass, or says what is to be said where the lists agree by the rules."""
        wanted = EXPECTED[self.fault]
        return self.right if wanted.agrees else self.judged.verdict not in PASSING


@dataclass
class RetrievalMatrix:
    """All trials on the queries of one seed, in a folder of its own; the legacy side runs once.

    Attributes:
        folder: Where the runs keep their files.
        seed: Seed of the queries.
        queries: The queries; hazards are sent beside.
    """

    folder: Path
    seed: int = SEED
    queries: tuple[Query, ...] = field(init=False)
    _legacy: CleanLegacy = field(init=False)

    def __post_init__(self) -> None:
        """Make the queries, and choose the seed that decides which of them a fault hits."""
        self.queries = generated_queries(self.seed)
        self._legacy = CleanLegacy(self.folder, self.queries, fault_seed(self.queries, self.seed))

    def lines(
        self, chosen: Sequence[str] = (), show: Callable[[RetrievalLine], None] = lambda _: None
    ) -> list[RetrievalLine]:
        """Return one line per fault, all of them where none is chosen; `show` is called with each when it is known."""
        found: list[RetrievalLine] = []
        for name in chosen or EXPECTED:
            found.append(self.line(name))
            show(found[-1])
        return found

    def line(self, fault: str) -> RetrievalLine:
        """Run one trial."""
        judged = self._legacy.judged(fault)
        return RetrievalLine(
            fault=fault, judged=judged, right=is_right(fault, judged), false=proven_wrongly(fault, judged)
        )

    def clean(self) -> JudgedRankings:
        """Return what the product says of a candidate without a fault."""
        return self._legacy.judged("")


def fault_seed(queries: Sequence[Query], first: int) -> int:
    """Return the first seed, from `first` on, with which `one-query-in-200` hits a plain query for ten results.

    A fault that hits none of the queries cannot be seen, and with one result another document is a near miss.
    """
    plain = [one.text for one in queries if one.category == "plain" and one.k > 1]
    vectors = embedder().embed(MODEL, plain)
    return next(seed for seed in count(first) if any(is_mixed_up(vector, seed) for vector in vectors))


def is_right(fault: str, found: JudgedRankings) -> bool:
    """Say whether a fault is named and nothing else is."""
    wanted = EXPECTED[fault]
    named = set(found.causes)
    if wanted.finding and not any(wanted.finding in one for one in found.findings):
        return False
    return (bool(named & wanted.names) or not wanted.names) and named <= wanted.names | wanted.beside


def proven_wrongly(fault: str, found: JudgedRankings) -> frozenset[RetrievalCauseName]:
    """Return the causes that are called proven and are none of the fault's."""
    wanted = EXPECTED[fault]
    return found.proven - wanted.names - wanted.beside


HEAD: Final = (
    "Fault",
    "Case",
    "Verdict",
    "Cause named",
    "Named rightly",
    "Differing queries",
    "Overlap",
)

_TABLE: Final = {fault.name: fault for fault in RETRIEVAL_FAULTS}


def section(lines: Sequence[RetrievalLine], clean: JudgedRankings) -> str:
    """Return the part of the page about retrieval."""
    return "\n".join([_INTRODUCTION, f"{retrieval_summary(lines)}\n", *_tables(lines, clean)])


def _tables(lines: Sequence[RetrievalLine], clean: JudgedRankings) -> list[str]:
    weak = [f"- {' | '.join(retrieval_cells(line))}" for line in lines if not (line.right and line.detected)]
    return [
        f"The candidate without a fault: {clean.verdict}, mean overlap {_share(clean.overlap, 4)}.\n",
        "### The table of retrieval\n",
        "\n".join(table(HEAD, map(retrieval_cells, lines), right=(1, 5, 6))) + "\n",
        "### What is wrong or missed in retrieval\n",
        "\n".join(weak or ["Nothing in this run."]) + "\n",
    ]


_INTRODUCTION: Final = f"""\
## Faults of retrieval

What the retrieve probe says of every fault of the demo candidate's retrieval. They lie inside of its search, and
not in a proxy before it. Case numbers are those of the documented failure modes.

- **Method.** Both gateways of the demo in one process, and all steps of a partition with their defaults: fetch,
  noise of both sides, comparison, confirmation, controls by query vector, causes, and verdict.
- **Queries.** About 285 made from seed {SEED} (`parity_pipeline/demo/generated_queries.py`): plain, one and a
  hundred results, filtered beside the same query without its filter, one corpus and both, paraphrases; and the
  built-in hazards. For `one-query-in-200` they are chosen so that it hits at least one plain query.
- **Verdict.** Every fault has to keep a PASS away, but for `shuffled-ties`: ties within 1e-6 in another order
  agree, and a PASS with a finding that says so is right. `shuffled-near-ties` goes beyond that tolerance.
- **Named rightly.** What counts as right is a table in `parity_pipeline/faults/retrieval_matrix.py`. The fault has
  to be named, and nothing else. *Proven* causes are marked by an asterisk.
- **Differing queries.** The share that proves a difference; queries that are only worth a look are not among them.
"""


def retrieval_summary(lines: Sequence[RetrievalLine]) -> str:
    """Return the shares in words, and how many causes were called proven wrongly."""
    detected, right = sum(line.detected for line in lines), sum(line.right for line in lines)
    false = sum(len(line.false) for line in lines)
    return (
        f"**Retrieval: detected {detected} of {len(lines)} ({detected / len(lines):.0%}). "
        f"Cause named rightly: {right} of {len(lines)} ({right / len(lines):.0%}). Called proven wrongly: {false}.**"
    )


def retrieval_row(line: RetrievalLine) -> str:
    """Return one row for a terminal."""
    return " | ".join(retrieval_cells(line)).replace("`", "").replace("\\*", "*").replace("**", "")


def retrieval_cells(line: RetrievalLine) -> tuple[str, ...]:
    """Return one row of the table; every word in it is the project's own."""
    fault, judged = _TABLE[line.fault], line.judged
    named = ", ".join(f"{cause.value}\\*" if cause in judged.proven else cause.value for cause in judged.causes)
    wanted = EXPECTED[line.fault]
    if not named:
        named = f"finding: {wanted.finding}" if wanted.finding and line.right else "none"
    return (
        f"`{fault.name}`",
        str(fault.case) if fault.case else "—",
        judged.verdict,
        named,
        "right" if line.right else "**wrong**",
        _share(judged.different, 3),
        _share(judged.overlap, 3),
    )


def _share(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"
