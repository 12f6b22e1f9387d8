"""The simulated faults put before the demo's gateway for real, to see whether the product catches what it says it would.

Here belong one fault of the proxy for each simulated one, and a run on a side that has it. What is said of a fault belongs to
`core.power`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.power import text_edits
from parity_pipeline.core.power.records import FaultResult, Power, SimulatedFault
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo import fault_effects
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Call, Row, Rows, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.faults.trial_run import (
    ADDRESS,
    DAY,
    MODEL,
    OTHER_MODEL,
    RUN_ID,
    SHAPES,
    context_for,
    dialect_of,
    fetch_clean_sides,
    gateway,
    in_process,
    side_of,
    take_over,
)
from parity_pipeline.steps.confirm_rows import confirm_rows
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.judge_partition import judge_partition, judge_stored
from parity_pipeline.steps.pair_lanes import pair_lanes
from parity_pipeline.steps.run_partition import ask_sides

Array = NDArray[np.float64]

SEEDS: Final = (1, 2, 3)
"""Seeds with which a fault that hits rows by chance is put before the gateway."""


def _each(
    effect: Callable[[Array], Array], chosen: Callable[[str], bool] = lambda _: True
) -> Callable[[Rows, Call], Rows]:
    """Return a fault on each vector of the texts that are hit and chosen."""

    def changed(rows: Rows, call: Call) -> Rows:
        hit = [one and chosen(text) for one, text in zip(call.hits, call.texts, strict=True)]
        return [effect(_floats(row)).tolist() if one else row for one, row in zip(hit, rows, strict=True)]

    return changed


def _floats(row: Row) -> Array:
    return np.asarray(row, np.float64)


def _cache(key: Callable[[str], str]) -> Callable[[Rows, Call], Rows]:
    """Return a cache whose key is too short; it lives as long as the fault."""
    kept: dict[str, Row] = {}
    return lambda rows, call: [kept.setdefault(key(text), row) for text, row in zip(call.texts, rows, strict=True)]


def _reversed(rows: Rows, _: Call) -> Rows:
    return rows[::-1]


def _unrelated(rows: Rows, call: Call) -> Rows:
    """Return vectors that only the text decides, as a model of the same width may."""
    return [call.generator(index).standard_normal(len(row)).tolist() for index, row in enumerate(rows)]


def _wrong_rows(rows: Rows, call: Call) -> Rows:
    """Give each row that is hit the vector of the row before, in the request or, for a lone text, of another text."""
    return [
        (rows[index - 1] if len(rows) > 1 else rows[index][::-1]) if hit else row
        for index, (hit, row) in enumerate(zip(call.hits, rows, strict=True))
    ]


def _swap(first: str, second: str) -> Callable[[str, Scope], str]:
    """Return a swap of two rows, whatever request each of them is in: the gateway behind gets one text for the other."""
    return lambda text, _: {first: second, second: first}.get(text, text)


def _below(distance: float) -> Callable[[Rows, Call], Rows]:
    """Return noise that leaves a cosine of 1 - distance."""
    cosine = 1.0 - distance

    def changed(rows: Rows, call: Call) -> Rows:
        return [
            _strayed(_floats(row), cosine, call.generator(index)) if call.hits[index] else row
            for index, row in enumerate(rows)
        ]

    return changed


def _strayed(vector: Array, cosine: float, generator: np.random.Generator) -> Row:
    norm = float(np.linalg.norm(vector))
    noise = generator.standard_normal(len(vector))
    noise -= vector * (noise @ vector) / norm**2
    return (cosine * vector + np.sqrt(1 - cosine**2) * norm * noise / np.linalg.norm(noise)).tolist()


def _turned(vector: Array) -> Array:
    """Turn each pair of axes by ten degrees: a multiplication of complex numbers."""
    return (vector.view(np.complex128) * np.exp(1j * np.radians(10))).view(np.float64)


def _offset(vector: Array) -> Array:
    """Add the same direction to every vector, as long as leaves a cosine of at most 0.998."""
    return vector + np.linalg.norm(vector) * np.tan(np.arccos(0.998)) / np.sqrt(len(vector))


def _cut(characters: int) -> Callable[[str, Scope], str]:
    return lambda text, _: text[:characters] if text[:characters].strip() else text


def _edit(edit: Callable[[str], str]) -> Callable[[str, Scope], str]:
    def changed(text: str, _: Scope) -> str:
        edited = edit(text)
        return edited if edited.strip() else text

    return changed


def proxied(texts: Sequence[str]) -> Mapping[str, Fault]:
    """Return a fault of the proxy for each simulated one that can be put before a gateway, by its name.

    Args:
        texts: The texts of the set; two of them are swapped, and one gets NaN.
    """
    middle = len(texts) // 2
    pair = texts[middle - middle % 2 : middle - middle % 2 + 2]
    effects: dict[str, dict[str, Any]] = {
        "swap": {"text": _swap(*pair)} if len(pair) == 2 else {},
        "shift": {"rows": fault_effects.rotate},
        "reverse": {"rows": _reversed},
        "one-in-100": {"rows": _wrong_rows},
        "one-in-500": {"rows": _wrong_rows},
        "shift-after-blank": {"text": fault_effects.fill_blank, "rows": fault_effects.shift_after_blank},
        "wrong-model": {"rows": _unrelated},
        "turned": {"rows": _each(_turned)},
        "axes-rolled": {"rows": fault_effects.roll_dimensions},
        "sign-flip": {"rows": _each(lambda vector: vector * np.where(np.arange(len(vector)) == 0, -1.0, 1.0))},
        "offset": {"rows": _each(_offset)},
        "noise": {"rows": fault_effects.stray},
        "half-just-below": {"rows": _below(0.002)},
        "int8": {"rows": fault_effects.quantise},
        "binary": {"rows": _each(lambda vector: np.where(vector < 0, -1.0, 1.0))},
        "float16": {"rows": _each(lambda vector: vector.astype(np.float16).astype(np.float64))},
        "half-width": {"rows": fault_effects.half_width},
        "raw-norm": {"rows": fault_effects.scale},
        "nan": {
            "rows": _each(lambda vector: np.concatenate([[np.nan], vector[1:]]), texts[middle].__eq__),
            "literal_nan": True,
        },
        "zeros-for-long": {"rows": _each(np.zeros_like, lambda text: len(text) > 1000)},
        "refuse-long": {"reply": fault_effects.refuse_long},
        "accept-blank": {"text": fault_effects.fill_blank},
        "accept-surrogates": {"text": fault_effects.replace_surrogates},
        "cut-100": {"text": _cut(100)},
        "cut-1000": {"text": _cut(1000)},
        "cut-8000": {"text": _cut(8000)},
        "prefix": {"text": fault_effects.prefix},
        "lower-case": {"text": fault_effects.lower},
        "strip-accents": {"text": fault_effects.strip_accents},
        "unicode-nfc": {"text": fault_effects.compose},
        "trim": {"text": fault_effects.trim},
        "white-space": {"text": _edit(text_edits.collapse_white_space)},
        "newline-to-space": {"text": fault_effects.newline_to_space},
        "drop-punctuation": {"text": fault_effects.drop_punctuation},
        "special-tokens": {"text": _edit(text_edits.drop_special_tokens)},
        "cache-by-case": {"rows": _cache(str.casefold)},
        "cache-by-digits": {"rows": _cache(text_edits.mask_digits)},
        "cache-by-beginning": {"rows": _cache(lambda text: text[:64])},
    }
    return {name: Fault(name=name, case=0, **functions) for name, functions in effects.items() if functions}


RATES: Final[Mapping[str, float]] = {"one-in-100": 0.01, "one-in-500": 0.002, "half-just-below": 0.5}
"""Share of the texts that a fault hits by chance; it hits all where no rate is named."""


WORDS: Final[Mapping[FaultResult, str]] = {
    FaultResult.CAUGHT: "caught",
    FaultResult.UNSURE: "may be caught",
    FaultResult.MISSED: "not caught",
}


def words(one: SimulatedFault) -> str:
    """Return the result of a simulated fault, as `docs/power.md` has it."""
    return WORDS[one.result] + (" (assumed)" if one.assumed and one.result is FaultResult.CAUGHT else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealFault:
    """A simulated fault, and what the product said when it was put before the gateway.

    Attributes:
        simulated: What was said before.
        caught: With each seed, whether the verdict was not a pass.
    """

    simulated: SimulatedFault
    caught: tuple[bool, ...]

    @property
    def agrees(self) -> bool:
        """Return whether what was said holds; nothing is said of a fault that may have been caught."""
        said = self.simulated.result
        return said is FaultResult.UNSURE or all(one is (said is FaultResult.CAUGHT) for one in self.caught)


@dataclass
class RealFaults:
    """The faults before the demo's candidate, on one set of texts.

    Attributes:
        folder: Where the runs keep their files.
        block: The texts.
        clean: The run without a fault.
        verdict: Its verdict.
        power: What the texts are said to catch.
    """

    folder: Path
    block: SampleBlock
    clean: RunContext = field(init=False)
    verdict: Verdict = field(init=False)
    power: Power = field(init=False)

    def __post_init__(self) -> None:
        """Fetch both sides without a fault, and judge them.

        Raises:
            ValueError: They do not pass, so that nothing can be said of faults.
        """
        self.clean = context_for(self.folder / "clean", self.block, self._sides())
        fetch_clean_sides(self.clean)
        pair_lanes(self.clean, DAY, MODEL)
        self.verdict = judge_partition(self.clean, DAY, MODEL, run_id=RUN_ID)
        if self.verdict.power is None:
            raise ValueError(f"the sides without a fault are {self.verdict.decision}")
        self.power = self.verdict.power

    def tried(self, simulated: SimulatedFault) -> RealFault | None:
        """Return what the product says of a candidate with a fault; None where the fault needs more texts than there are."""
        if simulated.name not in proxied(self.block.texts):
            return None
        seeds = SEEDS if simulated.name in RATES else SEEDS[:1]
        return RealFault(simulated=simulated, caught=tuple(self._is_caught(simulated.name, seed) for seed in seeds))

    def _is_caught(self, name: str, seed: int) -> bool:
        """Fetch the candidate with a fault, judge it against the clean legacy lane, and return whether that does not pass."""
        scope = Scope(seed=seed, rate=RATES.get(name, 1.0), characters=4000, other_models=(OTHER_MODEL,))
        fault = proxied(self.block.texts)[name]
        with TemporaryDirectory(dir=self.folder) as folder:
            sides = {**self._sides(), Side.CANDIDATE: _with(fault, scope)}
            run = context_for(Path(folder), self.block, sides)
            take_over(self.clean.layout.samples(DAY, MODEL), run.layout.samples(DAY, MODEL))
            try:
                ask_sides(run, DAY, MODEL, (Side.CANDIDATE,))
            except GatewayError:
                return True
            for path in ("embeddings", "stability"):
                take_over(*(getattr(one.layout, path)(Side.LEGACY, DAY, MODEL) for one in (self.clean, run)))
            pair_lanes(run, DAY, MODEL)
            confirm_rows(run, DAY, MODEL)
            return judge_stored(run, DAY, MODEL).decision not in PASSING

    def _sides(self) -> dict[Side, Gateway]:
        return {side: side_of(side, SHAPES, "", Scope(seed=SEEDS[0])) for side in Side}


def _with(fault: Fault, scope: Scope) -> Gateway:
    """Return the demo's candidate with a fault before it."""
    side, shape = Side.CANDIDATE, SHAPES[Side.CANDIDATE]
    app = build_proxy(ADDRESS, dialect_of(side), (fault,), scope, transport=httpx.ASGITransport(gateway(shape)))
    return in_process(side, app, label=f"{shape.name} gateway of the demo", seed=scope.seed)
