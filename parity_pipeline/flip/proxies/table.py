"""The proxies that routing can be written for, one row each, and the file of a step with its way back.

Here belong the rows, and what stands on top of each file. The template of each proxy belongs to the module of its name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.flip_steps import FORWARD, SHARES, FlipStep
from parity_pipeline.flip.proxies import caddy, envoy, haproxy, nginx, node
from parity_pipeline.flip.routing import Route, Traffic

WRITTEN_FOR: Final = (FlipStep.ROLL_BACK, *FORWARD)
"""The steps that have a file, the way back first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy.

    Attributes:
        name: Its name on the command line.
        suffix: Ending of its files.
        comment: What begins a comment.
        mirrors: Whether it can send a copy of a request to another target.
        rewrites_copies: Whether a copy can have another path than the request.
        hashes_bodies: Whether it can decide by a hash of the body.
        apply: Commands that put a file into effect; `{file}` stands for it, `{step}` for its step.
        render: Returns the configuration of a step.
    """

    name: str
    suffix: str
    comment: str
    mirrors: bool
    hashes_bodies: bool
    apply: str
    render: Callable[[Route, Traffic], str]
    rewrites_copies: bool = True

    def file_name(self, step: FlipStep) -> str:
        """Return the name of a step's file, numbered in the order of the steps."""
        return f"{self.name}/{WRITTEN_FOR.index(step)}-{step}{self.suffix}"

    def applied(self, step: FlipStep) -> str:
        """Return how a step's file is put into effect."""
        return self.apply.format(file=self.file_name(step), step=step)

    def file(self, route: Route, step: FlipStep) -> str:
        """Return the file of a step: what it does, how to apply it, the way back, and the configuration."""
        mirrors = self.mirrors and (self.rewrites_copies or route.legacy.path == route.shadow.path)
        traffic = route.traffic(step, mirrors=mirrors, hashes_bodies=self.hashes_bodies)
        head = [
            f"Step {step}: {_words(traffic)}.",
            f"Apply:    {self.applied(step)}",
            f"Way back: {self.applied(FlipStep.ROLL_BACK)}",
        ]
        return "".join(f"{self.comment} {line}\n" for line in head) + "\n" + self.render(route, traffic)


def _words(traffic: Traffic) -> str:
    if traffic.moved is not None:
        return (
            f"{traffic.per_cent} % of the request bodies, by their hash, go to the candidate, the others to the legacy"
        )
    if traffic.mirror is not None:
        return "the legacy responds, and the adapter compares a copy of each request"
    if traffic.main.name == "shadow":
        return "the adapter passes requests to the legacy and compares"
    if traffic.main.name == "share":
        return f"the adapter sends {SHARES[traffic.step]} % of the texts to the candidate"
    return f"everything goes to the {traffic.main.name}"


_NGINX: Final = "cp {file} /etc/nginx/conf.d/parity.conf && nginx -t && nginx -s reload"
_HAPROXY: Final = (
    "cp {file} /etc/haproxy/parity.cfg && haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/parity.cfg"
    " && systemctl reload haproxy"
)
"""Beside the main file, which names the user, the chroot and the logs: without it the workers would run as root."""
_ENVOY: Final = "envoy --mode validate -c {file}, then a hot restart with that file and the next --restart-epoch"

PROXIES: Final = {
    row.name: row
    for row in (
        Proxy(
            name="nginx",
            suffix=".conf",
            comment="#",
            mirrors=True,
            hashes_bodies=True,
            apply=_NGINX,
            render=nginx.render,
        ),
        Proxy(
            name="envoy",
            suffix=".yaml",
            comment="#",
            mirrors=True,
            rewrites_copies=False,
            hashes_bodies=False,
            apply=_ENVOY,
            render=envoy.render,
        ),
        Proxy(
            name="caddy",
            suffix=".caddyfile",
            comment="#",
            mirrors=False,
            hashes_bodies=False,
            apply="caddy reload --adapter caddyfile --config {file}",
            render=caddy.render,
        ),
        Proxy(
            name="haproxy",
            suffix=".cfg",
            comment="#",
            mirrors=False,
            hashes_bodies=True,
            apply=_HAPROXY,
            render=haproxy.render,
        ),
        Proxy(
            name="node",
            suffix=".mjs",
            comment="//",
            mirrors=True,
            hashes_bodies=True,
            apply="echo {step} > node/parity-step, then kill -HUP the process that runs one of these files",
            render=node.render,
        ),
    )
}
"""Every proxy by its name."""
