"""Routing for Caddy: a Caddyfile, or a file that one imports.

Here belongs its template. Caddy neither copies requests nor hashes bodies, so the adapter compares and divides the traffic,
and Caddy sends everything to it.
"""

from parity_pipeline.flip.routing import Route, Target, Traffic


def render(route: Route, traffic: Traffic) -> str:
    """Return the configuration of a step."""
    main, legacy = traffic.main, route.legacy
    lines = [
        f"http://{route.listen_host}:{route.listen_port} {{",
        f"\trequest_body {{\n\t\tmax_size {route.max_body_bytes}\n\t}}",
        f"\thandle {route.path} {{",
        *((f"\t\trewrite * {main.path}",) if main.path != route.path else ()),
        *_proxied(main),
        "\t}",
        "\thandle {",
        *((f"\t\trewrite * {legacy.base}{{uri}}",) if legacy.base else ()),
        *_proxied(legacy),
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _proxied(target: Target) -> list[str]:
    return [
        f"\t\treverse_proxy {target.scheme}://{target.authority} {{",
        f"\t\t\theader_up Host {target.authority}",
        "\t\t\ttransport http {",
        "\t\t\t\tkeepalive 4s",
        "\t\t\t}",
        "\t\t}",
    ]
