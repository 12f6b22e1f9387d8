"""The file names of reports.

Here belongs the one spelling of a report's name, which the summary links to and the reports folder holds.
"""

import shlex

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.slugs import slug


def report_name(date: str, model: str) -> str:
    """Return the file name of the report on one date and model.

    Args:
        date: ISO 8601, such as `2026-04-30`.
        model: Model name, however hostile.

    >>> report_name("2026-04-30", "org/model:tag")
    'embed_parity_20260430_org%2Fmodel%3Atag.md'
    """
    return f"embed_parity_{date.replace('-', '')}_{slug(model)}.md"


def _word(text: str) -> str:
    r"""Quote one word for a shell; what cannot be typed is spelt as `$'\u202e'`, which bash, zsh and ksh read."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_character(one) for one in text) + "'"


def _character(one: str) -> str:
    if one in "\\'":
        return "\\" + one
    if one.isprintable():
        return one
    return f"\\u{ord(one):04x}" if ord(one) <= 0xFFFF else f"\\U{ord(one):08x}"


def _model(model: str) -> str:
    # A name that starts with a dash would be read as an option.
    return f"--model={_word(model)}" if model.startswith("-") else f"--model {_word(model)}"


def run_command(date: str, model: str) -> str:
    """Return the command that probes both sides and judges one date and model.

    >>> run_command("2026-04-30", "org/a b")
    "parity run --date 2026-04-30 --model 'org/a b'"
    """
    return f"parity run --date {_word(date)} {_model(model)}"


def backfill_command(date: str, model: str, side: Side = Side.CANDIDATE) -> str:
    """Return the command that fetches one side again and judges it against the stored other one."""
    return f"parity backfill --from {_word(date)} --to {_word(date)} --side {side} {_model(model)}"
