"""A recorded time as a moment: how the ledger, the states of gateways and whatever orders them read one.

Here belongs reading a time that was stored as text. Printing times belongs to `report.view`.
"""

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """Return a recorded time; one without a zone is UTC, and one that cannot be read is the oldest.

    >>> moment("2026-05-01T06:00:00").isoformat()
    '2026-05-01T06:00:00+00:00'
    >>> moment("at noon") < moment("0001-01-02")
    True
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
