"""What of the traffic goes where at each step, in words that every proxy's template understands.

Here belong addresses, the traffic of a step, and the refusal of what a configuration file cannot hold. The file of each proxy
belongs to `proxies`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.flip_steps import SHARES, FlipStep
from parity_pipeline.flip.options import Divide

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~@:+,=!-]*)+")
"""Paths without what any of the five languages gives a meaning: quotes, blanks, braces, `$`, `;`, `#`, `*`, `?`, `%`.

`%` begins a format in HAProxy, nginx compares decoded paths, and Caddy encodes it again.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests can be sent.

    Attributes:
        name: `legacy`, `candidate`, `shadow` or `share`.
        tls: Whether it is https.
        host: Name or address; an IPv6 one in brackets.
        port: TCP port.
        path: Path that the request gets.
        base: Path prefix for every other request; "" for none.
    """

    name: str
    tls: bool
    host: str
    port: int
    path: str
    base: str = ""

    @property
    def scheme(self) -> str:
        """Return `http` or `https`."""
        return "https" if self.tls else "http"

    @property
    def authority(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"

    @property
    def bare_host(self) -> str:
        """Return the host without the brackets of an IPv6 address."""
        return self.host.strip("[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What goes where.

    Attributes:
        step: The step.
        main: Where requests go.
        moved: Where `per_cent` of them go instead; None for none.
        per_cent: Per cent of the request bodies, by their hash.
        mirror: Where a copy of each goes, whose response is thrown away; None for none.
    """

    step: FlipStep
    main: Target
    moved: Target | None = None
    per_cent: int = 0
    mirror: Target | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return every target once."""
        return tuple(one for one in (self.main, self.moved, self.mirror) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """All that the traffic of any step needs.

    Attributes:
        listen_host: Host that the proxy listens on.
        listen_port: Its TCP port.
        path: Path of the callers' requests.
        legacy: The legacy itself.
        candidate: What speaks the legacy's wire in front of the candidate.
        shadow: The adapter in mode `shadow`.
        share: The adapter in mode `share`, by step.
        divide: What decides which side gets a request.
        max_body_bytes: Largest request body, as the adapter has it.
    """

    listen_host: str
    listen_port: int
    path: str
    legacy: Target
    candidate: Target
    shadow: Target
    share: Mapping[FlipStep, Target]
    divide: Divide = Divide.BODY
    max_body_bytes: int = 2 * 1024 * 1024

    def traffic(self, step: FlipStep, *, mirrors: bool, hashes_bodies: bool) -> Traffic:
        """Return what goes where at a step.

        Args:
            step: The step.
            mirrors: Whether the proxy can send a copy of a request to another target.
            hashes_bodies: Whether it can decide by a hash of the body.
        """
        if step is FlipStep.SHADOW:
            return (
                Traffic(step=step, main=self.legacy, mirror=self.shadow)
                if mirrors
                else Traffic(step=step, main=self.shadow)
            )
        if step is FlipStep.FLIP:
            return Traffic(step=step, main=self.candidate)
        if step not in self.share:
            return Traffic(step=step, main=self.legacy)
        if hashes_bodies and self.divide is Divide.BODY:
            return Traffic(step=step, main=self.legacy, moved=self.candidate, per_cent=SHARES[step])
        return Traffic(step=step, main=self.share[step])


def target(name: str, url: str, path: str) -> Target:
    """Return a target of an address.

    Args:
        name: Its name.
        url: `http` or `https`, host, port where it is not the usual one, path prefix.
        path: Path below the prefix that requests get.

    Raises:
        SettingsError: The address cannot stand in a proxy's configuration.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    base = parts.path.rstrip("/")
    tls = parts.scheme == "https"
    whole = checked_path(base + path)
    return Target(
        name=name, tls=tls, host=checked_host(host), port=parts.port or (443 if tls else 80), path=whole, base=base
    )


def listening(text: str) -> tuple[str, int]:
    """Return host and port of `host:port`.

    Raises:
        SettingsError: It is not of that form.
    """
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise SettingsError(f"{text!r} is not a host and a port", place="flip.listen", remedy="Write 127.0.0.1:8080.")
    return checked_host(host), int(port)


def checked_host(host: str) -> str:
    """Return a host that can stand in any configuration.

    Raises:
        SettingsError: It cannot.
    """
    if not _HOST.fullmatch(host):
        raise SettingsError(
            f"{host!r} cannot stand in a proxy's configuration",
            place="the address of a side, the adapter or flip.listen",
            remedy="Name a host of letters, digits, dots and hyphens, or an address.",
        )
    return host


def checked_path(path: str) -> str:
    """Return a path that means itself in any configuration.

    Raises:
        SettingsError: It would not.
    """
    if not _PATH.fullmatch(path) or "//" in path or "/../" in f"{path}/":
        raise SettingsError(
            f"the path {path!r} has no safe form in a proxy's configuration",
            place="sides.*.base_url or the dialect's path",
            remedy="Write the routing of this path by hand; `parity adapter export` lists what it has to do.",
        )
    return path
