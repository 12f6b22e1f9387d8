"""The file names of reports.

Here belongs the one spelling of a report's name, which the summary links to and the reports folder holds.
"""

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
