"""Turn the product's own errors into Dagster failures.

Here belongs the one place where an exception of `core.errors` becomes what the Dagster UI shows: the message as it
is, its place and remedy as metadata, and no retry, since none of them heals by itself.
"""

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from parity_pipeline.core.errors import ParityError


@contextmanager
def explained() -> Generator[None]:
    """Raise a ParityError of the body as a Dagster failure that is not retried."""
    try:
        yield
    except ParityError as error:
        facts = {"place": error.place, "remedy": error.remedy}
        metadata = {name: dg.MetadataValue.text(value) for name, value in facts.items() if value}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=False) from error
