"""Ask a service whether it is ready.

Here belongs the one GET. How long and how often it is asked belongs to `bringing`.
"""

from typing import Final

import httpx

PATIENCE: Final = 1.0
"""Seconds one question may take: several services are asked in turn, and a hanging one must not hide the others."""


def answers(health_url: str) -> bool:
    """Return whether the URL answers 2xx; a redirect, an error, silence or nobody there is no.

    Proxies of the environment are not used: a health URL is a local affair.
    """
    encrypted = not health_url.startswith("http://")
    try:
        # Reading the system's certificates takes 20 ms, most of a question that needs none. The body is not read: it
        # may never end.
        with (
            httpx.Client(timeout=PATIENCE, trust_env=False, verify=encrypted) as client,
            client.stream("GET", health_url) as response,
        ):
            return response.is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
