"""Routing as a module for Node.js 20 and Bun: a handler to mount, or to run as a server of its own.

Here belongs its template. It reads the body, decides by a hash of it, and copies requests without waiting for the copy. It
holds the routes of all steps, so that SIGHUP changes the step of a process that serves.
"""

import json
from typing import Any

from parity_pipeline.core.flip_steps import FORWARD, FlipStep
from parity_pipeline.flip.routing import Route, Target, Traffic

_MODULE = """\
import {{ createHash }} from "node:crypto";
import {{ readFileSync }} from "node:fs";
import {{ fileURLToPath }} from "node:url";

const ROUTES = {routes};
const STEP_FILE = new URL("parity-step", import.meta.url);
let route = ROUTES[{step}];

/** Take the step that the file `parity-step` names, if it is there: at the start, and on SIGHUP. */
function readStep() {{
  try {{
    const step = readFileSync(STEP_FILE, "utf8").trim();
    if (!Object.hasOwn(ROUTES, step)) return console.error(`parity-step names no step: ${{step}}`);
    route = ROUTES[step];
  }} catch (error) {{
    if (error.code !== "ENOENT") console.error(String(error));
  }}
}}
readStep();
process.on("SIGHUP", readStep);

/** Return whether a body goes to `moved`: the first 32 bits of its SHA-256, so that the same body always goes one way. */
function isMoved(body, perCent) {{
  return createHash("sha256").update(body).digest().readUInt32BE(0) < (perCent / 100) * 2 ** 32;
}}

async function send(base, path, request, body) {{
  const headers = new Headers(request.headers);
  for (const name of ["host", "connection", "content-length", "keep-alive", "transfer-encoding", "expect"]) {{
    headers.delete(name);
  }}
  const {{ search }} = new URL(request.url);
  const options = {{ method: request.method, headers, redirect: "manual", signal: AbortSignal.timeout(60_000) }};
  if (body.length) options.body = body;
  // Embedding a text again is harmless, so a connection that broke is tried once more.
  const again = (error) => (error.name === "TimeoutError" ? Promise.reject(error) : fetch(base + path + search, options));
  return fetch(base + path + search, options).catch(again);
}}

/** Respond to a request: mount this in a server of your own, or run this file. */
export async function handle(request) {{
  const at = route;
  const {{ pathname }} = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  if (body.length > at.maxBodyBytes) return new Response("the body is too large", {{ status: 413 }});
  try {{
    if (pathname !== at.path) {{
      return passed(await send(at.legacy.origin, at.legacy.base + pathname, request, body));
    }}
    const target = at.moved && isMoved(body, at.perCent) ? at.moved : at.main;
    const response = passed(await send(target.origin, target.path, request, body));
    if (at.mirror) {{
      send(at.mirror.origin, at.mirror.path, request, body).then((copy) => copy.arrayBuffer()).catch(() => undefined);
    }}
    return response;
  }} catch {{
    return new Response("the gateway behind this proxy did not respond", {{ status: 502 }});
  }}
}}

/** Return a response without what no longer holds once `fetch` has decoded its body. */
function passed(response) {{
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length", "connection", "keep-alive", "transfer-encoding"]) {{
    headers.delete(name);
  }}
  return new Response(response.body, {{ status: response.status, headers }});
}}

async function serve() {{
  if (typeof Bun !== "undefined") {{
    const server = Bun.serve({{ hostname: route.host, port: route.port, fetch: handle }});
    process.on("SIGTERM", () => server.stop());
    return;
  }}
  const {{ createServer }} = await import("node:http");
  const {{ Readable }} = await import("node:stream");
  async function received(incoming) {{
    const bare = incoming.method === "GET" || incoming.method === "HEAD";
    return handle(new Request(`http://${{route.host}}:${{route.port}}${{incoming.url}}`, {{
      method: incoming.method,
      headers: Object.entries(incoming.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one])),
      ...(bare ? {{}} : {{ body: Readable.toWeb(incoming), duplex: "half" }}),
    }}));
  }}
  async function respond(incoming, outgoing) {{
    const response = await received(incoming).catch(() => new Response("this request cannot be read", {{ status: 400 }}));
    const body = Buffer.from(await response.arrayBuffer());
    const cookies = response.headers.getSetCookie();
    outgoing.writeHead(response.status, {{ ...Object.fromEntries(response.headers), "set-cookie": cookies }});
    outgoing.end(body);
  }}
  // A response that breaks off fails one request, and must not end the process.
  const server = createServer((incoming, outgoing) => respond(incoming, outgoing).catch(() => outgoing.writeHead(502).end()));
  server.listen(route.port, route.host);
  // Stop accepting and let requests in flight end, so that another process can take over.
  process.on("SIGTERM", () => server.close());
}}

if (typeof Bun !== "undefined" ? import.meta.main : process.argv[1] === fileURLToPath(import.meta.url)) {{
  await serve();
}}
"""


def render(route: Route, traffic: Traffic) -> str:
    """Return the module, at a step."""
    every = (FlipStep.ROLL_BACK, *FORWARD)
    routes = {step.value: _route(route, route.traffic(step, mirrors=True, hashes_bodies=True)) for step in every}
    return _MODULE.format(routes=json.dumps(routes, indent=2), step=json.dumps(traffic.step.value))


def _route(route: Route, traffic: Traffic) -> dict[str, Any]:
    return {
        "host": route.listen_host.strip("[]"),
        "port": route.listen_port,
        "path": route.path,
        "maxBodyBytes": route.max_body_bytes,
        "perCent": traffic.per_cent,
        "main": _target(traffic.main),
        "moved": _target(traffic.moved) if traffic.moved else None,
        "mirror": _target(traffic.mirror) if traffic.mirror else None,
        "legacy": _target(route.legacy),
    }


def _target(target: Target) -> dict[str, str]:
    return {"origin": f"{target.scheme}://{target.authority}", "path": target.path, "base": target.base}
