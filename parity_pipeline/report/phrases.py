"""Sentences that hold foreign text, before any layout has escaped it.

Here belongs the form that lets one sentence be written once and laid out as Markdown or HTML. Escaping belongs to the
layouts, and every part is escaped there, so nothing in a sentence is markup.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A part of a sentence to be shown letter by letter: a model name, a command, a server's words."""

    text: str


Sentence = tuple[str | Verbatim, ...]
"""Parts in order: plain words, and `Verbatim` for what is quoted."""
