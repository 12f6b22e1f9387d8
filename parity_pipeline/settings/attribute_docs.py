"""Descriptions of settings from the docstrings of the records that they fill.

Here belongs reading the `Attributes:` section of a dataclass, so that what a field means is written once, in its own room.
Where a setting says something else than the record, its `Field(description=…)` wins; `fields` and `sides` see to that.
"""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Final

_SECTION: Final = re.compile(r"^Attributes:\n((?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)
_ENTRY: Final = re.compile(r"^[ ]{4}(\w+): (.*(?:\n[ ]{8}.*)*)", re.MULTILINE)


def attribute_docs(record: type) -> dict[str, str]:
    """Return the description of each attribute that a class and its bases document, each as one line.

    `None` becomes `null`, which is how a settings file spells it. Under `python -OO`, which drops docstrings, there is none.

    >>> class Budget:
    ...     '''How much may be sent.
    ...
    ...     Attributes:
    ...         texts: Texts to try, at most;
    ...             None for all.
    ...     '''
    >>> attribute_docs(Budget)
    {'texts': 'Texts to try, at most; null for all.'}
    """
    found = dict[str, str]()
    for one in reversed(record.__mro__):
        found |= dict(_entries(cleandoc(one.__dict__.get("__doc__") or "")))
    return found


def in_yaml_words(text: str) -> str:
    """Return a text as one line in which None is spelled as in YAML."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))


def summary(record: type) -> str:
    """Return the first paragraph of a class's docstring as one line; "" if it has none."""
    paragraph = cleandoc(record.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    section = _SECTION.search(docstring)
    for name, text in _ENTRY.findall(section[1]) if section else ():
        yield name, in_yaml_words(text)
