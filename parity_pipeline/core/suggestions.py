"""What a person may have meant by a name that there is not.

Here belongs the comparison of names. Where a name was found, and the sentence around it, belong to those who read it.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

LIKE: Final = 0.6
"""Least similarity of two names, as `difflib` measures it: one or two letters of a short word may differ."""

MANY: Final = 12
"""Most names that are listed; more would be read by nobody."""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the name that is most like the given one, whatever their capitals and dashes; None where none is.

    >>> nearest("Modles", ["models", "samples"]), nearest("x", ["models"])
    ('models', None)
    """
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(_folded(name), name)
    found = get_close_matches(_folded(given), folded, n=1, cutoff=LIKE)
    return folded[found[0]] if found else None


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").strip()


def did_you_mean(given: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a clause on what may have been meant: the nearest name, or those that there are; "" where there is none.

    `otherwise` is one more thing to do, as a sentence without a full stop.

    >>> did_you_mean("nosie", ["noise", "permute"]), did_you_mean("?", ["noise", "permute"])
    ('did you mean noise?', 'use one of noise, permute')
    """
    names = list(known)
    if near := nearest(given, names):
        return f"did you mean {near}? {otherwise}".strip()
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    listed = f"use one of {', '.join(names[:MANY])}{more}" if names else ""
    return f"{listed}. {otherwise}" if listed and otherwise else listed or otherwise


def meant(given: Iterable[str], known: Iterable[str], otherwise: str = "") -> str:
    """Return a remedy for unknown names: what was meant, where each is like a name that there is, then another sentence.

    >>> meant(["nosie", "permut"], ["noise", "permute"], "There are noise, permute.")
    'Did you mean noise, permute? There are noise, permute.'
    >>> meant(["x"], ["noise", "permute"], "There are noise, permute.")
    'There are noise, permute.'
    """
    names = list(known)
    near = list(dict.fromkeys(nearest(one, names) for one in given))
    question = "" if None in near else f"Did you mean {', '.join(one for one in near if one)}?"
    return f"{question} {otherwise}".strip()
