"""Send an alert to a webhook: one POST of JSON, without redirects and without a trace of the address in any log.

Here belong the request, and what a response or an error means. The body of each kind of channel belongs to `delivery`.

The transport of httpx is used without its client: the client logs every address, and the path of a webhook is a secret.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpx

from parity_pipeline.alerts.errors import DeliveryError

SECONDS: Final = 10.0
"""Longest wait for a connection, and for each part of the response; a tick of a sensor has 60 seconds."""

REFUSED: Final = (400, 413, 422)
"""Statuses that are about this message and not about the channel, so that the next message is tried all the same."""

_SHOWN: Final = 200
"""Bytes of a response that an error shows."""


def post(url: str, payload: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Send one message.

    Args:
        url: Address of the webhook.
        payload: The body.
        headers: Further headers.

    Raises:
        DeliveryError: It was not taken. Its text may hold parts of the address; the caller hides them.
    """
    try:
        request = httpx.Request(
            "POST", url, json=payload, headers=dict(headers), extensions={"timeout": httpx.Timeout(SECONDS).as_dict()}
        )
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise DeliveryError("the address is not an http or https URL")
        if request.url.userinfo:
            request = next(httpx.BasicAuth(request.url.username, request.url.password).sync_auth_flow(request))
        with httpx.HTTPTransport(proxy=_proxy(request.url)) as transport:
            response = transport.handle_request(request)
            try:
                _judge(response, request.url.host)
            finally:
                response.close()
    except httpx.InvalidURL as error:
        raise DeliveryError("the address is not a valid URL") from error
    except httpx.HTTPError as error:
        raise DeliveryError(f"{type(error).__name__}: {error}") from None
    except (UnicodeError, ValueError) as error:
        raise DeliveryError(f"the request cannot be sent ({type(error).__name__})") from None


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    """Return the proxy that the environment names for an address, as a client of httpx would take it."""
    found = getproxies()
    address = found.get(url.scheme) or found.get("all")
    return httpx.Proxy(address) if address and not proxy_bypass(url.host) else None


def _judge(response: httpx.Response, host: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(f"{host} returns a redirect (HTTP {status}); set the address that it leads to")
    words = _beginning(response)
    said = f": {words}" if words else ""
    raise DeliveryError(
        f"{host} returns HTTP {status}{said}",
        only_this=status in REFUSED,
        wait_seconds=_wait(response.headers.get("retry-after", "")),
    )


def _beginning(response: httpx.Response) -> str:
    """Return the first bytes of a body: Slack says in them what is wrong."""
    for chunk in response.iter_raw():
        return chunk[:_SHOWN].decode("utf-8", "replace").strip()
    return ""


def _wait(retry_after: str) -> float:
    """Return the seconds that a server wants to be left alone, 0 where it does not say; a date is not read."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6 else 0.0
