"""Texts of signs: punctuation alone, numbers, one character, special tokens written out, words without end.

Here belongs what a tokenizer drops, splits in an odd way or takes for a command. Program text belongs to `markup`.
"""

from typing import Final

from parity_pipeline.core.hazards.probe import HazardProbe, Relation, groups, singles

_PUNCTUATION: Final = {
    "full-stop": "...",
    "ellipsis": "\u2026",
    "question": "???",
    "mixed": "?!?!;:--",
    "dashes": "- \u2010 \u2013 \u2014 \u2212",
    "quotes": "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb",
    "brackets": "([{<>}])",
    "slashes": "/\\|//\\\\",
    "rule": "-" * 40,
    "dots-in-words": "e.g. U.S.A. etc. a.m.",
    "apostrophes": "don't can't o'clock rock 'n' roll",
    "hyphens": "state-of-the-art top-of-the-line",
    "bullets": "\u2022 first \u2022 second \u25aa third",
    "spanish": "\u00bfDónde? \u00a1Aquí!",
    "backticks": "`run` ``twice`` ```thrice```",
    "money": "$5 \u20ac6 \u00a37 \u00a58 \u20b99",
    "address": "a.b+c@example.com, https://example.com/a?b=c&d=e#f",
    "stars": "*** ~~~ ___ ^^^ ###",
}

_NUMBERS: Final = {
    "plain": ("1000 pallets", "1001 pallets"),
    "grouped": ("1,000 pallets", "1.000 pallets", "1 000 pallets"),
    "sign": ("-5 degrees", "+5 degrees", "5 degrees"),
    "decimal": ("3.14 metres", "3.17 metres"),
    "zero": ("007 left", "7 left"),
    "exponent": ("1e10 volts", "1e-10 volts"),
    "date": ("2026-04-30", "2026-05-31"),
    "time": ("06:30", "18:30"),
    "phone": ("+1 630 555 0142", "+1 630 555 0149"),
    "long": ("31415926535897932384626433832795", "31415926535897932384626433832796"),
    "version": ("version 1.10", "version 1.1"),
}

_ONE_CHARACTER: Final = {
    "a": "a", "z": "z", "capital": "X", "digit": "5", "full-stop": ".", "comma": ",", "question": "?", "at": "@",
    "hash": "#", "quote": '"', "backslash": "\\", "accent": "é", "sharp-s": "ß", "euro": "\u20ac", "degree": "\u00b0",
    "cyrillic": "ж", "arabic": "ع", "han": "人", "emoji": "\U0001f69a", "combining": "\u0301", "replacement": "\ufffd",
    "control": "\x01", "nul": "\x00",
}  # fmt: skip

_SPECIAL: Final = {
    "cls": ("Send [CLS] the invoice", "Send the invoice"),
    "sep": ("first part [SEP] second part", "first part second part"),
    "mask": ("The [MASK] drives the forklift", "The drives the forklift"),
    "pad": ("[PAD] [PAD] loading dock", "loading dock"),
    "unk": ("an [UNK] item", "an item"),
    "sentence": ("<s>shift plan</s>", "shift plan"),
    "end-of-text": ("before<|endoftext|>after", "before after"),
    "turn": ("<|im_start|>user asks<|im_end|>", "user asks"),
    "instruction": ("[INST] list the drivers [/INST]", "list the drivers"),
}

_LONG_WORDS: Final = {
    "letters-99": "a" * 99,
    "letters-100": "b" * 100,
    "letters-101": "c" * 101,
    "letters-2000": "d" * 2000,
    "compound": "Lager" + "halleneingangstor" * 7,
    "in-a-sentence": f"the part {'abcdefghij' * 12} is on the shelf",
    "digits": "0123456789" * 20,
    "hex": "9f86d081884c7d65" * 16,
    "path": "/srv" + "/warehouse" * 15,
    "base64": "QUJDREVGR0g" * 14 + "==",
    "underscores": "stock_level_" * 12 + "end",
}


def symbols() -> tuple[HazardProbe, ...]:
    """Return the probes of this module."""
    return (
        *singles("punctuation", (15, 19, 20), _PUNCTUATION, "signs, with few words or none"),
        *groups("numbers", (15,), _NUMBERS, Relation.MUST_DIFFER, "numbers that differ in one sign"),
        *singles("one-character", (15, 19, 20), _ONE_CHARACTER, "a single character"),
        *groups("special-tokens", (15,), _SPECIAL, Relation.MAY_EQUAL, "a special token in the text, then without it"),
        *singles("long-words", (15, 19, 20), _LONG_WORDS, "a word around or over 100 characters"),
    )
