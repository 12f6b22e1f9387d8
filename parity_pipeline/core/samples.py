"""Samples: the texts that are embedded for a date and model, and the identity of a set of them.

Here belong ids, hashes, dropping of duplicates and seeded drawing, all as streams. Reading files belongs to `storage`.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self, TypeAlias, TypeVar

ID_HEX_DIGITS: Final = 16
"""Hex digits of a sample id: 64 bits of SHA-256, so that a million texts collide with probability below 3e-8."""

_Times: TypeAlias = tuple[tuple[str, int], ...]
"""Categories that a text was drawn under, and how often under each."""


class Drawable(Protocol):
    """An input that a random draw may give: a sample, or a query."""

    @property
    def key(self) -> bytes:
        """Return 16 bytes that stand for what is sent: equal inputs have equal keys."""
        ...

    @property
    def category(self) -> str:
        """Return what kind of input it is."""
        ...

    def counted(self, times: Mapping[str, int]) -> Self:
        """Return the input with how often it was drawn under each category."""
        ...


Item = TypeVar("Item", bound=Drawable)
Element = TypeVar("Element")


@dataclass(frozen=True, slots=True)
class Sample:
    """One text to embed.

    Attributes:
        text: The text exactly as it is sent; may be empty.
        category: What kind of text it is, such as `seed` or `traffic`.
        source: Where it came from, as `file:line`.
        drawn: How often the random draws of all sources gave this text; 0 where it was only picked by hand. A text that
            is half of the traffic is drawn often, and a statement about the traffic has to count it as often.
        drawn_as: How often it was drawn under each category; empty where that is its own category alone.
    """

    text: str
    category: str
    source: str
    drawn: int = 0
    drawn_as: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def id(self) -> str:
        """Return the stable id, `sample_id` of the text."""
        return sample_id(self.text)

    @property
    def key(self) -> bytes:
        """Return 16 bytes that stand for the text."""
        return content_key(self.text)

    def counted(self, times: Mapping[str, int]) -> Self:
        """Return the sample with how often its text was drawn under each category."""
        elsewhere = times if set(times) != {self.category} else {}
        return replace(self, drawn=sum(times.values()), drawn_as=elsewhere)


def sample_id(text: str) -> str:
    """Return the stable id of a text: the first 16 hex digits of the SHA-256 of its UTF-8 bytes.

    Lone surrogates, which have no UTF-8, are hashed in the `surrogatepass` form, so that every `str` has an id.

    >>> sample_id("hello")
    '2cf24dba5fb0a30e'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:ID_HEX_DIGITS]


@dataclass(slots=True)
class SetHash:
    """The content hash of a sample set, fed one sample at a time in order.

    Two sets have the same hash when they hold the same texts in the same order with the same categories. Sources are
    left out, and so is how a text was chosen: a moved file or a renamed draw changes nothing that is sent.
    """

    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    count: int = 0

    def add(self, *parts: str) -> None:
        """Take in the next sample by its id and category, or the next query by its id, content and category."""
        for part in parts:
            content = part.encode("utf-8", "surrogatepass")
            # The length in front keeps apart what a separator inside a category would run together.
            self._digest.update(b"%d:%b" % (len(content), content))
        self.count += 1

    def hexdigest(self) -> str:
        """Return the hash of what was taken in so far, 64 hex digits."""
        return self._digest.hexdigest()


@dataclass(slots=True)
class DropCount:
    """Count what `unique` dropped."""

    duplicates: int = 0


def unique(samples: Iterable[Item], dropped: DropCount) -> Iterator[Item]:
    """Yield each text once, the first time it comes; count the others in `dropped`.

    Keeps a digest of 16 bytes per distinct text, which takes 83 to 91 bytes in a `set`, not the text.
    """
    seen: set[bytes] = set()
    for sample in samples:
        key = sample.key
        if key in seen:
            dropped.duplicates += 1
            continue
        seen.add(key)
        yield sample


def draw(samples: Iterable[Element], size: int, seed: str) -> list[Element]:
    """Draw `size` samples uniformly without replacement, in the order of the input (reservoir sampling, algorithm R).

    The same input, size and seed draw the same samples. Fewer than `size` samples are all returned.

    Source: Vitter, "Random Sampling with a Reservoir", ACM TOMS 11 (1985).
    """
    generator = random.Random(seed.encode("utf-8", "surrogatepass"))  # noqa: S311 - a reproducible draw, nothing secret
    reservoir: list[tuple[int, Element]] = []
    for position, sample in enumerate(samples):
        if position < size:
            reservoir.append((position, sample))
            continue
        slot = generator.randrange(position + 1)
        if slot < size:
            reservoir[slot] = (position, sample)
    return [sample for _, sample in sorted(reservoir, key=lambda entry: entry[0])]


@dataclass(slots=True)
class DrawCounts:
    """How often the random draws of all sources gave each text, and under which categories.

    All draws have to be counted before the first sample is marked: `unique` keeps the first sample of a text, which
    may come from a hand-picked list. Were its draws lost, picking a text would remove it from every statement about
    the traffic. Keeps a digest of 16 bytes per distinct drawn text, which takes some 100 bytes in a `dict`, not the text.
    """

    _times: dict[bytes, _Times] = field(default_factory=dict[bytes, _Times])
    _shared: dict[_Times, _Times] = field(default_factory=dict[_Times, _Times])

    def add(self, samples: Iterable[Drawable]) -> None:
        """Count the samples of one draw, each as drawn once."""
        for sample in samples:
            key = sample.key
            times = dict(self._times.get(key, ()))
            times[sample.category] = times.get(sample.category, 0) + 1
            counted = tuple(times.items())
            # Most texts are drawn once, so their counts are one and the same object.
            self._times[key] = self._shared.setdefault(counted, counted)

    def mark(self, samples: Iterable[Item]) -> Iterator[Item]:
        """Yield the samples of any source, each with how often its text was drawn; those never drawn as they are."""
        for sample in samples:
            times = self._times.get(sample.key, ()) if self._times else ()
            yield sample.counted(dict(times)) if times else sample


def content_key(text: str) -> bytes:
    """Return 16 bytes that stand for a text, lone surrogates included."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def corpus_faults(*, stated: int, stated_hash: str, found: SetHash, blank: int) -> tuple[str, ...]:
    """Return why a stored sample set is not fit for a run; empty when it is.

    Args:
        stated: Samples that the set's header names.
        stated_hash: Content hash that the header names.
        found: The hash of what the set really holds, every sample taken in.
        blank: Samples that are empty or only white space.
    """
    faults: list[str] = []
    if not found.count:
        faults.append("the set is empty")
    elif blank == found.count:
        faults.append("every sample is blank")
    if found.count != stated or found.hexdigest() != stated_hash:
        faults.append(f"the file holds {found.count} samples that are not the {stated} its header names")
    return tuple(faults)
