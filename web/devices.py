"""What makes the desk an app on a telephone: its manifest, the service worker, the page for no connection, and push.

The service worker is served from the root, because it may look after no more than its own folder; it keeps nothing but
the page that says the desk cannot be reached, so no customer's data stays on a device.
"""

import json
from pathlib import Path
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpdesk import pushes, tokens
from helpdesk.errors import Invalid
from models import Agent
from web.addresses import get, post
from web.edge import act, desk_facts, desk_of, html, language_of, renderer_of, token_of

WORKER = Path(__file__).parent / "static" / "js" / "sw.js"
BODY_MAX = 4_000


async def manifest(request: Request) -> Response:
    """What a telephone installs (W3C Web Application Manifest)."""
    static, name, look = renderer_of(request).static, desk_of(request).settings.name, desk_of(request).look
    lang = language_of(request)
    icons = [
        *([{"src": f"/logo/{look.logo_id}", "sizes": "{}x{}".format(*look.logo_size), "type": look.logo_type,
            "purpose": "any"}] if look.logo_id else ()),
        {"src": static("img/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        *({"src": static(f"img/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
          for size in (192, 512)),
        {"src": static("img/icon-maskable-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ]  # fmt: skip
    told: dict[str, Any] = {
        "id": "/", "name": name, "short_name": name, "lang": lang, "start_url": "/inbox", "scope": "/",
        "display": "standalone", "background_color": "#fbf9f6", "theme_color": look.accent or "#f4f1eb", "icons": icons,
    }  # fmt: skip
    return Response(json.dumps(told, ensure_ascii=False), media_type="application/manifest+json",
                    headers={"cache-control": "public, max-age=3600"})  # fmt: skip


async def worker(request: Request) -> Response:
    """The service worker. Browsers ask for it anew each day and at each visit."""
    renderer = renderer_of(request)
    addresses = {"styles": renderer.static("css/offline.css"), "script": renderer.static("js/offline.js"),
                 "icon": renderer.static("img/icon-192.png")}  # fmt: skip
    text = f"const DESK = {json.dumps(addresses)};\n" + WORKER.read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"cache-control": "no-cache"})


async def offline(request: Request) -> Response:
    """What is shown when the desk cannot be reached; the service worker keeps it. Nobody's data is on it."""
    return html(request, "offline.html", language_of(request), desk=desk_facts(request))


async def key(request: Request) -> Response:
    """The desk's public key for Web Push."""
    desk = desk_of(request)
    made = await act(request, lambda db, agent: pushes.public_key(db, settings=desk.settings, now=desk.clock()))
    return JSONResponse({"key": made}, headers={"cache-control": "no-store"})


async def push(request: Request) -> Response:
    """A browser subscribes, says that it is still this agent's, or unsubscribes. Answers whether it is pushed to."""
    desk, token = desk_of(request), token_of(request)
    raw = await request.body()
    try:
        told = json.loads(raw) if len(raw) <= BODY_MAX else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Invalid("not_a_subscription")
    what, endpoint = told.get("what"), str(told.get("endpoint", ""))[:1000]

    def verb(db: Session, agent: Agent) -> bool:
        if what == "stop":
            pushes.unsubscribe(db, agent, endpoint)
            return False
        if what == "here":
            return pushes.is_here(db, agent, endpoint, token_hash=tokens.hash_of(token))
        pushes.subscribe(db, agent, told.get("subscription"), token_hash=tokens.hash_of(token),
                         settings=desk.settings, now=desk.clock())  # fmt: skip
        return True

    return JSONResponse({"on": await act(request, verb)}, headers={"cache-control": "no-store"})


ROUTES = (
    post("/account/push", push),
    post("/account/push/key", key),
    get("/manifest.webmanifest", manifest),
    get("/sw.js", worker),
    get("/offline", offline),
)
