"""The template engine of the pages: escaping, filters, the stylesheet and the content policy.

Here belongs what every page shares. Jinja2 is imported with the first page. Whatever a template prints is escaped for HTML and
shown with its invisible characters by code point, whether or not the template asks for it, unless it is `Markup`.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import Sentence, Verbatim, clipped, visible, with_code

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE: Final = "parity_pipeline.report.html"

DECISION_CLASS: Final = {
    Decision.PASS: "pass",
    Decision.FAIL: "fail",
    Decision.INCONCLUSIVE: "inconclusive",
    Decision.PASS_WITH_WAIVERS: "waived",
}
"""Class of each decision in the stylesheet, and the name of its sign in the templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure at the head of a page.

    Attributes:
        label: What it is.
        value: It, as text; `not measured` where there is none.
        note: What it is to be compared with; "" for nothing.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page that the list of contents names.

    Attributes:
        anchor: Its id in the page.
        title: Its heading.
        body: What stands in it.
        printed: Whether it is among the two pages that are printed.
    """

    anchor: str
    title: str
    body: Markup
    printed: bool = False


def shown(value: object) -> object:
    """Return what a template prints: text with what cannot be seen in it as code points, all else as it is.

    Spaces at the ends stay: they join words to what stands beside them.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    words = value.strip(" ")
    if not words:
        return value
    before = value[: len(value) - len(value.lstrip(" "))]
    after = value[len(value.rstrip(" ")) :]
    return f"{before}{visible(words)}{after}"


def code(text: str, most: int = ERROR_CHARACTERS) -> Markup:
    """Return a foreign text as inline code of at most `most` characters, in which everything can be seen."""
    return Markup("<code>{}</code>").format(visible(clipped(text, most)))


def sentence(parts: Sentence) -> Markup:
    """Return a sentence as HTML: what is verbatim as code, all else as words."""
    several = (parts,) if isinstance(parts, str) else parts
    return Markup("").join(code(part.text) if isinstance(part, Verbatim) else escape(shown(part)) for part in several)


def capitalised(words: str) -> str:
    """Return a clause as a sentence: its first letter a capital, a full stop at its end."""
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}." if words else ""


@cache
def environment() -> "Environment":
    """Return the template engine, made once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - most commands render no page

    made: Any = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"code": code, "sentence": sentence, "with_code": with_code, "capitalised": capitalised}
    made.filters |= {"count": numbers.count, "things": numbers.things}
    return made


@cache
def _stylesheet() -> tuple[Markup, str]:
    """Return the stylesheet and its hash, which is all that the content policy lets the page load."""
    text = files(_PACKAGE).joinpath("templates", "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"sha256-{digest}"  # noqa: S704 - a file of this package


def macros(name: str = "macros.html.j2") -> Any:
    """Return the macros of a template, each of which gives `Markup`."""
    return environment().get_template(name).module


def page(template: str, sections: Sequence[Section], **context: object) -> str:
    """Return a whole page that ends in a newline."""
    css, digest = _stylesheet()
    policy = f"default-src 'none'; style-src '{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    found = environment().get_template(template)
    return found.render(css=css, policy=policy, sections=[one for one in sections if one.body], **context) + "\n"
