"""The one exception of reading an answer.

Here belongs how a 200 that holds no usable vectors is told; what to do about it belongs to `policy`.
"""


class MalformedAnswer(Exception):  # noqa: N818 - a name for the answer, mapped to a row and never shown as an exception
    """A 200 that does not hold one vector a text.

    Attributes:
        kind: A kind of `policy.RULES`.
        detail: What was found, short; may hold text of the server.
    """

    def __init__(self, kind: str, detail: str) -> None:
        """Keep kind and detail."""
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")
