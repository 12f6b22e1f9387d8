"""Routing for HAProxy: the frontend and backends of a configuration.

Here belongs its template. HAProxy hashes the body, as far as its buffer holds it, so that the same body always goes the same
way. It does not copy requests, so the adapter compares while it is in the callers' way.
"""

from parity_pipeline.flip.routing import Route, Target, Traffic


def render(route: Route, traffic: Traffic) -> str:
    """Return the configuration of a step."""
    targets = [*traffic.targets, *([] if route.legacy in traffic.targets else [route.legacy])]
    moved = traffic.moved
    lines = [
        "global",
        f"    tune.bufsize {route.max_body_bytes + 65_536}  # the whole body and the head of a request",
        "",
        "defaults",
        "    mode http",
        "    timeout connect 2s",
        "    timeout client 60s",
        "    timeout server 60s",
        "    timeout http-request 30s",
        "    # Embedding a text again is harmless, so a connection that broke is tried once more.",
        "    retries 1",
        "    retry-on conn-failure empty-response",
        "",
        "frontend parity",
        f"    bind {route.listen_host}:{route.listen_port}",
        # Of a larger body only a part would be hashed, and how much of it depends on how it is sent.
        f"    http-request deny deny_status 413 if {{ req.body_size gt {route.max_body_bytes} }}",
        f"    acl parity_embed path {route.path}",
        *(
            (
                "    option http-buffer-request",
                f"    acl parity_moved req.body,xxh32,mod(100) lt {traffic.per_cent}",
                f"    use_backend parity_{moved.name} if parity_embed parity_moved",
            )
            if moved
            else ()
        ),
        f"    use_backend parity_{traffic.main.name} if parity_embed",
        "    default_backend parity_rest",
        *(line for one in targets for line in _backend(one, f"parity_{one.name}", path=one.path)),
        *_backend(route.legacy, "parity_rest", path=""),
    ]
    return "\n".join(lines) + "\n"


def _backend(target: Target, name: str, *, path: str) -> list[str]:
    tls = " ssl verify required ca-file @system-ca" if target.tls else ""
    sni = f" sni str({target.bare_host})" if target.tls else ""
    rest = f"    http-request set-path {target.base}%[path]"
    return [
        "",
        f"backend {name}",
        f"    http-request set-header Host {target.authority}",
        *((f"    http-request set-path {path}",) if path else (rest,) if target.base else ()),
        f"    server {target.name} {target.authority}{tls}{sni}",
    ]
