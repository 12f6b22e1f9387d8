"""The texts that a side is tested with, beside those of the sample set, and how texts are put into requests.

Here belong choosing and arranging. In which order the requests are sent belongs to `plan`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.hazards.lengths import lengths
from parity_pipeline.core.hazards.prefixes_and_canaries import canary_texts, salted_texts
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.records import Texts

ROWS_LOOKED_AT: Final = 10_000
"""Samples of a set among which the tried ones are chosen: reading a million texts for eight of them takes seconds."""

_PLAIN_CHARACTERS: Final = 4_000
_EQUAL_GROUP: Final = "words-08"
_LONG_KEY: Final = "words-00256"
_ENDED_CHARACTERS: Final = 60
"""Characters from which on a new ending of a dozen characters leaves a text mostly what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request to a side may be; the side's own settings.

    Attributes:
        batch_texts: Texts of one request, 1 where its dialect takes one.
        batch_bytes: Bytes of one body.
        concurrency: Requests in flight.
    """

    batch_texts: int
    batch_bytes: int
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTexts:
    """The texts of one plan.

    Attributes:
        samples: Texts of the sample set, the longest first: what a long one does to those after it has then happened.
        canaries: Fixed texts.
        equal: Distinct texts of equally many common words.
        salted: Texts that were never sent before this salt.
        endings: The longer canaries, and the same with two new endings.
        long: A long text of common words.
        fillers: Distinct texts that stand beside others and are not compared.
    """

    samples: Texts
    canaries: Texts
    equal: Texts
    salted: Texts
    endings: tuple[Texts, Texts, Texts]
    long: str
    fillers: Texts

    def origins(self) -> dict[str, str]:
        """Return the id of each text that is compared, to where it came from."""
        kinds = {"salted": self.salted, "equal-length": self.equal, "canary": self.canaries, "sample": self.samples}
        return {sample_id(text): kind for kind, texts in kinds.items() for text in texts}


def make_probe_texts(samples: Sequence[str], salt: str, limits: Limits) -> ProbeTexts:
    """Return what a plan is made of.

    Args:
        samples: Distinct texts of the sample set.
        salt: Makes texts that were never sent before; a new one each time.
        limits: A side that takes one text per request gets fewer canaries and salted texts.
    """
    one_by_one = limits.batch_texts == 1
    canaries = canary_texts()[: 2 if one_by_one else None]
    known = {hazard.key: hazard for hazard in lengths()}
    equal = tuple(hazard.text for hazard in known.values() if hazard.group == _EQUAL_GROUP)
    fresh = salted_texts(salt, 4 if one_by_one else 8)
    ended = tuple(text for text in canaries if len(text) >= _ENDED_CHARACTERS)
    new = [tuple(f"{text} (ref {_tag(salt, turn)})" for text in ended) for turn in (1, 2)]
    chosen = tuple(sorted(dict.fromkeys(samples), key=len, reverse=True))
    beside = (*canaries, *equal, *salted_texts(f"{salt} beside", 64))
    return ProbeTexts(
        samples=chosen,
        canaries=canaries,
        equal=equal,
        salted=fresh,
        endings=(ended, new[0], new[1]),
        long=known[_LONG_KEY].text,
        fillers=tuple(text for text in beside if text not in chosen),
    )


def _tag(salt: str, turn: int) -> str:
    return hashlib.sha256(f"{salt}\0{turn}".encode("utf-8", "surrogatepass")).hexdigest()[:6]


def chosen_texts(texts: Iterable[str], count: int, seed: str) -> tuple[str, ...]:
    """Return so many of the texts, spread over them by a hash; plain ones first, others where these do not do.

    A blank, a very long or an ill-formed text may be refused, and shows nothing of how stable a side is.
    """
    ranked = sorted((not _plain(text), _rank(seed, text), text) for text in texts)
    return tuple(text for _, _, text in ranked[:count])


def _plain(text: str) -> bool:
    return (
        bool(text.strip()) and len(text) <= _PLAIN_CHARACTERS and not any("\ud800" <= sign <= "\udfff" for sign in text)
    )


def _rank(seed: str, text: str) -> bytes:
    return hashlib.blake2b(f"{seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def pieces(texts: Sequence[str], size: int) -> tuple[Texts, ...]:
    """Return requests of exactly `size` texts that together hold all of them; the last one overlaps where it must."""
    starts = [*range(0, len(texts) - size, size), len(texts) - size]
    return tuple(tuple(texts[start : start + size]) for start in starts)


def spread(texts: Sequence[str], fillers: Sequence[str], size: int) -> Texts:
    """Return one request of `size` texts with the given ones evenly over its positions, first position included."""
    places = {index * size // len(texts): text for index, text in enumerate(texts)}
    others = iter(fillers)
    return tuple(places[place] if place in places else next(others) for place in range(size))


def fits(request: Texts, limits: Limits) -> bool:
    """Return whether a request keeps within the side's limits, by the size of its texts as ASCII JSON."""
    size = sum(len(json.dumps(text)) + 1 for text in request)
    return len(request) <= limits.batch_texts and size + 500 <= limits.batch_bytes
