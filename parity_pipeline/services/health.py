"""Ask a service whether it is ready.

Here belongs the one GET. How long and how often it is asked belongs to `bringing`.
"""

import httpx

PATIENCE: float = 1.0
"""Seconds one question may take: several services are asked in turn, and a hanging one must not hide the others."""


def answers(health_url: str) -> bool:
    """Return whether the URL answers 2xx; a redirect, an error, silence or nobody there is no.

    Proxies of the environment are not used: a health URL is a local affair.
    """
    try:
        with httpx.Client(timeout=PATIENCE, trust_env=False) as client, client.stream("GET", health_url) as response:
            return response.is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
