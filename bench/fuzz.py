"""Throw hostile bodies at every decoder: no crash, no hang, no wrong count, no number that the body does not hold.

    python bench/fuzz.py [--bodies N] [--seed N]

Bodies are mutations of the golden responses of every dialect, and structures made up from values that decoders trip
over. Each is read by the decoder of one dialect in turn, with an alarm as its time limit. A body that is refused must be
refused under a kind of the retry table; one that is accepted must hold exactly one vector per text, and, wherever
Python's `json` reads the body too, exactly the numbers that stand in it.

Before that, decoders that are broken on purpose read some bodies: a checker that notices none of them proves nothing.
"""

import argparse
import base64
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from parity_pipeline.wire.decode import Decoded, Decoder
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.retry_policy import rule_of

GOLDEN: Final = Path(__file__).parent.parent / "parity_pipeline_tests" / "golden" / "dialects"
BODY_SECONDS: Final = 5
"""Time limit of one body; they take some tens of microseconds, and this machine may be busy."""

_TOKENS: Final = (
    b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"1e999", b"-0", b"1E400", b"[", b"]", b"{", b"}", b",", b":",
    b'"', b"\\u0000", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"[[", b"]]", b"[]", b"{}", b"[1]", b'"1"', b"0.1", b"00",
    b"9" * 25, b"1e-400", b"//", b"\x00", b'"embedding":', b'"index":0,', b'"data":[', b"<html>", b" " * 70, b"[" * 600,
)  # fmt: skip
_VALUES: Final = (
    None, True, False, 0, 1, -1, 0.5, 1e308, -1e-308, 2**53, 2**64, 10**40, "", "1", "AAAA", "AAAAPw==", "x" * 70,
    float("nan"), float("inf"), [], {}, [[]], [1], [1, 2], [[1, 2], [3, 4]], [None], [[1, "2"]], {"float": [[1, 2]]},
)  # fmt: skip
_NAMES: Final = ("embeddings", "vectors", "data", "embedding", "index", "model", "usage", "float", "meta", "dimension")


class HangError(Exception):
    """A body took longer than its limit."""


def goldens() -> dict[str, tuple[bytes, int]]:
    """Return the documented response of each dialect and its number of texts."""
    found: dict[str, tuple[bytes, int]] = {}
    for dialect in BUILT_IN:
        case = json.loads((GOLDEN / f"{dialect.name}.json").read_text())
        found[dialect.name] = (json.dumps(case["response"]).encode(), len(case["texts"]))
    return found


def mutated(body: bytes, dice: random.Random) -> bytes:
    """Return a body with one to four small harms."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(body) + 1)
        upto = min(len(body), at + dice.choice((0, 1, 1, 2, 8, 40)))
        harm = dice.randrange(5)
        if harm == 0:
            body = body[:at]
        elif harm == 1:
            body = body[:at] + bytes((dice.randrange(256),)) + body[upto:]
        elif harm == 2:
            body = body[:at] + dice.choice(_TOKENS) + body[upto:]
        elif harm == 3:
            body = body[:at] + body[at:upto] * dice.choice((0, 2, 3)) + body[upto:]
        else:
            first = dice.randrange(len(body) + 1)
            body = body[:at] + body[first : first + 30] + body[at:]
    return body


def made_up(dice: random.Random, depth: int = 4) -> Any:
    """Return a structure of names and values that decoders trip over."""
    roll = dice.random()
    if depth == 0 or roll < 0.35:
        return dice.choice(_VALUES)
    if roll < 0.6:
        return [made_up(dice, depth - 1) for _ in range(dice.randrange(4))]
    if roll < 0.75:
        width = dice.randrange(4)
        return [
            [round(dice.uniform(-9, 9), dice.randrange(18)) for _ in range(width)] for _ in range(dice.randrange(4))
        ]
    return {dice.choice(_NAMES): made_up(dice, depth - 1) for _ in range(dice.randrange(5))}


def bodies(count: int, seed: int) -> Iterator[tuple[Dialect, bytes, int]]:
    """Yield so many bodies, each with the dialect to read it as and the number of texts sent."""
    dice = random.Random(seed)  # noqa: S311 - the same bodies each time, nothing secret
    known = goldens()
    for number in range(count):
        dialect = BUILT_IN[number % len(BUILT_IN)]
        own, texts = known[dialect.name]
        roll = dice.random()
        if roll < 0.6:
            yield dialect, mutated(own, dice), texts
        elif roll < 0.7:
            yield dialect, mutated(known[dice.choice(BUILT_IN).name][0], dice), texts
        else:
            body = json.dumps(made_up(dice)).encode()
            yield dialect, mutated(body, dice) if roll > 0.9 else body, dice.randrange(1, 4)


def vectors_by_json(dialect: Dialect, body: bytes) -> Any:
    """Return the vectors that Python's own reader finds where the dialect has them, without any check.

    Raises:
        ValueError, LookupError, TypeError: It cannot read the body.
    """
    found = json.loads(body.decode("utf-8-sig"))
    outer, mark, inner = dialect.vectors_field.partition("[]")
    for name in filter(None, outer.split(".")):
        found = found[name]
    if mark:
        items = found
        if dialect.order_field:
            order = dialect.order_field.rpartition(".")[2]
            items = sorted(items, key=lambda item: item[order])
        found = [item[inner.strip(".")] for item in items]
    if dialect.base64:
        return [np.frombuffer(base64.b64decode(text), "<f4") for text in found]
    return [found] if dialect.one_text and not isinstance(found[0], list) else found


def is_wrong(dialect: Dialect, body: bytes, texts: int, decoded: Decoded) -> str:
    """Return what is wrong with an accepted response; "" where nothing is."""
    vectors = decoded.vectors
    if vectors.shape[0] != texts or vectors.ndim != 2 or not vectors.shape[1] or vectors.dtype != np.float32:
        return "wrong count or shape"
    try:
        rows = vectors_by_json(dialect, body)
    except (ValueError, LookupError, TypeError, RecursionError):
        return "json does not read it"
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN in base64
        expected = np.array([[np.nan if one is None else one for one in row] for row in rows], np.float64)
        return "" if np.array_equal(expected.astype(np.float32), vectors, equal_nan=True) else "other numbers"


Decode = Callable[[bytes, int], Decoded]


def crash(_body: bytes, _texts: int) -> Decoded:
    """Raise what no decoder may raise."""
    raise IndexError


def hang(_body: bytes, _texts: int) -> Decoded:
    """Go on for ever."""
    while True:
        pass


def refuse(_body: bytes, _texts: int) -> Decoded:
    """Refuse under a kind that is in no table."""
    raise MalformedResponse("no such kind", "")


def nudged(decoded: Decoded) -> Decoded:
    """Return a response with one number off by its last bit."""
    vectors = decoded.vectors.copy()
    vectors[0, 0] = np.nextafter(vectors[0, 0], np.float32(np.inf))
    return Decoded(vectors)


def broken(decode: Decode) -> dict[str, Decode]:
    """Return a decoder broken in each way that the checker is there to notice."""

    def harmed(harm: Callable[[Decoded], Decoded]) -> Decode:
        return lambda body, texts: harm(decode(body, texts))

    def lenient(body: bytes, texts: int) -> Decoded:
        try:
            return decode(body, texts)
        except MalformedResponse:
            return Decoded(np.ones((texts, 2), np.float32))

    return {
        "raises something else": crash,
        "never ends": hang,
        "refuses under a kind that nobody knows": refuse,
        "takes what it cannot read": lenient,
        "drops the last vector": harmed(lambda decoded: Decoded(decoded.vectors[:-1])),
        "reverses the vectors": harmed(lambda decoded: Decoded(decoded.vectors[::-1])),
        "is off by the last bit of one number": harmed(nudged),
        "gives float64": harmed(lambda decoded: Decoded(decoded.vectors.astype(np.float64))),  # pyright: ignore[reportArgumentType]
    }


def missed(seed: int) -> list[str]:
    """Return the broken decoders that the checker did not notice within 2,000 bodies."""
    decoders = {dialect.name: broken(Decoder(dialect).decode) for dialect in BUILT_IN}
    unseen = list(broken(Decoder(BUILT_IN[0]).decode))
    for dialect, body, texts in bodies(2_000, seed):
        for name in tuple(unseen):
            signal.setitimer(signal.ITIMER_REAL, 0.2 if name == "never ends" else BODY_SECONDS)
            if read(decoders[dialect.name][name], dialect, body, texts).startswith("FINDING"):
                unseen.remove(name)
    return unseen


def on_alarm(*_: object) -> None:
    """End a body that takes too long."""
    raise HangError


def run(count: int, seed: int) -> int:
    """Read all bodies, print the outcomes, and return the number of findings."""
    decoders = {dialect.name: Decoder(dialect) for dialect in BUILT_IN}
    outcomes: Counter[str] = Counter()
    findings: list[tuple[str, str, bytes]] = []
    slowest, began = 0.0, time.perf_counter()
    for dialect, body, texts in bodies(count, seed):
        signal.setitimer(signal.ITIMER_REAL, BODY_SECONDS)
        started = time.perf_counter()
        outcome = read(decoders[dialect.name].decode, dialect, body, texts)
        slowest = max(slowest, time.perf_counter() - started)
        outcomes[outcome] += 1
        if outcome.startswith("FINDING"):
            findings.append((outcome, dialect.name, body))
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.perf_counter() - began
    print(f"\n{count} hostile bodies through {len(decoders)} decoders, seed {seed}: {count / seconds:.0f}/s")
    print(f"  slowest body {slowest * 1e3:.0f} ms, limit {BODY_SECONDS} s")
    for outcome, times in outcomes.most_common():
        print(f"  {times:9} {outcome}")
    for outcome, name, body in findings[:10]:
        print(f"  {outcome} ({name}): {body[:300]!r}")
    print(f"  findings: {len(findings)}, {len(findings) / count:.2g} a body")
    return len(findings)


def read(decode: Decode, dialect: Dialect, body: bytes, texts: int) -> str:
    """Return the outcome of one body in a few words; "FINDING: ..." where a decoder is at fault."""
    try:
        decoded = decode(body, texts)
    except MalformedResponse as refused:
        try:
            return f"refused: {rule_of(refused.kind).kind}"
        except KeyError:
            return f"FINDING: no kind {refused.kind!r}"
    except HangError:
        return "FINDING: hang"
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        return f"FINDING: {type(error).__name__}"
    wrong = is_wrong(dialect, body, texts, decoded)
    return f"FINDING: {wrong}" if wrong else "accepted, as json reads it"


def main() -> None:
    """Run what the command line says; exit with 1 where there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, on_alarm)
    unseen = missed(options.seed)
    print(f"\ndecoders broken on purpose that were not noticed: {', '.join(unseen) or 'none'}")
    if unseen:
        raise SystemExit(1)
    raise SystemExit(1 if run(options.bodies, options.seed) else 0)


if __name__ == "__main__":
    main()
