"""Texts for faulty sides: varied, seeded, and with the edited pairs that the hazards contain.

Here belongs making texts. What goes wrong with their vectors stands in `faulty_sides`.
"""

import random
import unicodedata

WORDS = [
    "forklift",
    "operator",
    "night",
    "shift",
    "Aurora",
    "needs",
    "certified",
    "worker",
    "résumé",
    "available",
    "Friday",
    "invoice",
    "pallet",
    "harbour",
    "vaccine",
    "melody",
    "café",
    "engine",
    "Über",
    "naïve",
    "parcel",
    "copper",
    "audit",
    "window",
    "train",
    "compiler",
    "signal",
    "river",
    "ticket",
    "garden",
    "mirror",
    "señor",
    "quartz",
    "lantern",
    "budget",
    "Monday",
    "kernel",
    "glacier",
    "orchid",
    "battery",
    "permit",
    "tunnel",
    "warehouse",
    "driver",
    "safety",
    "badge",
]
ENDS = (".", "!", "?", "", "", ";")
SIGNS = ("😀", "—", "(OSHA)", "12%", "пример", "例文", "한국어", "naïve")


def sentence(generator: random.Random, words: int) -> str:
    """Return a sentence of a number of words, some of them capitalised."""
    picked = [generator.choice(WORDS) for _ in range(words)]
    if generator.random() < 0.6:
        picked[0] = picked[0].capitalize()
    if generator.random() < 0.15:
        picked.insert(generator.randrange(len(picked) + 1), generator.choice(SIGNS))
    return " ".join(picked) + generator.choice(ENDS)


def shaped(generator: random.Random, text: str) -> str:
    """Return the text, now and then with white space, a line feed, decomposed or in capitals."""
    chance = generator.random()
    if chance < 0.06:
        return f" {text}\n"
    if chance < 0.14:
        return text.replace(" ", "\n", 2)
    if chance < 0.20:
        return unicodedata.normalize("NFD", text)
    if chance < 0.24:
        return text.upper()
    return text


def corpus(size: int = 500, seed: int = 1, *, twins: bool = True, blanks: int = 2) -> list[str]:
    """Return distinct texts of 1 to 60 words in a seeded order.

    Args:
        size: How many.
        seed: Decides all of them.
        twins: Whether one in ten is an edited form of another.
        blanks: How many are only white space, all different.
    """
    generator = random.Random(seed)  # noqa: S311 - a reproducible corpus, nothing secret
    texts: dict[str, None] = {" " * (place + 1): None for place in range(blanks)}
    while len(texts) < size:
        text = shaped(generator, sentence(generator, min(60, 1 + int(generator.expovariate(1 / 9)))))
        texts[text] = None
        if twins and generator.random() < 0.1:
            edited = generator.choice(
                (text.lower(), text.strip(), text.replace("\n", " "), unicodedata.normalize("NFC", text))
            )
            texts[edited] = None
    mixed = list(texts)[:size]
    generator.shuffle(mixed)
    return mixed
