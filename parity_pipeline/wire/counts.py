"""What a lane sent and met, as plain numbers.

Here belongs what is counted. What counts as what belongs to `asking`.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """What a lane sent and met.

    Attributes:
        requests: Requests sent, retries included.
        retries: Requests sent again.
        answered: Answers with vectors.
        http_answers: Answers of any kind.
        tokens: Tokens the side says it used, by its own field.
        troubles: Attempts without vectors, by kind.
        malformed_batches: Batches of several texts that stayed malformed and were asked again in halves.
    """

    requests: int = 0
    retries: int = 0
    answered: int = 0
    http_answers: int = 0
    tokens: Counter[str] = field(default_factory=Counter[str])
    troubles: Counter[str] = field(default_factory=Counter[str])
    malformed_batches: int = 0
