"""The desk's name, picture and colour: the page that chooses them, and what browsers fetch without a sign-in."""

import re
from typing import Any

from sqlmodel import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access, appearance, settings_history
from helpdesk.errors import Invalid, NotFound
from helpdesk.settings_history import Rehearsed
from models import Agent
from web import assets
from web.addresses import both, get, post
from web.edge import desk_of, html, look, see
from web.settings_history import change, saved

USUAL = "#3a56a5"
"""The colour the desk comes with, as a colour field shows it."""
FOREVER = "public, max-age=31536000, immutable"
ALONE = "default-src 'none'; sandbox"


async def page(request: Request) -> Response:
    """The form; what would look how; the chosen name and colour."""
    if request.method == "GET":
        return await _form(request, None, {})
    desk, form = desk_of(request), await request.form()
    accent = "" if form.get("usual") else str(form.get("accent", ""))[:20]
    values = {"name": str(form.get("name", ""))[:200], "accent": accent}

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        appearance.choose(db, name=values["name"], accent=accent, by=agent, now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Rehearsed as seen:
        return await _form(request, values, {}, will=seen.shown)
    except Invalid as error:
        return await _form(request, values, {str(error.facts.get("field", "")): error.code}, 422)
    await desk.look_again()
    return saved("/admin/appearance", change_id)


async def picture(request: Request) -> Response:
    """Show another picture, or the one that came with the desk."""
    desk = desk_of(request)
    # Asked before anything is unpacked.
    await see(request, lambda db, agent: access.supervisor(agent))
    async with request.form(max_files=1, max_part_size=appearance.LOGO_BYTES) as form:
        file, drops = form.get("logo"), bool(form.get("drop"))
        content = await file.read() if isinstance(file, UploadFile) else b""

    def verb(db: Session, agent: Agent) -> None:
        access.supervisor(agent)
        if drops:
            appearance.drop_logo(db, by=agent, now=desk.clock())
        else:
            appearance.put_logo(db, content, by=agent, now=desk.clock())

    try:
        _, change_id = await change(request, verb)
    except Invalid as error:
        return await _form(request, None, {str(error.facts.get("field", "")): error.code}, 422)
    await desk.look_again()
    return saved("/admin/appearance", change_id)


async def logo(request: Request) -> Response:
    """The picture. Whatever it holds, it is a picture and nothing else."""
    found = await desk_of(request).database.read(appearance.logo, request.path_params["logo_id"])
    headers = {"cache-control": FOREVER, "content-security-policy": ALONE, "content-disposition": "inline"}
    return Response(found.content, media_type=found.content_type, headers=headers)


async def style(request: Request) -> Response:
    """Shades of the colour, for every page; with `try`, those of another colour for the panel that shows them."""
    tried = request.query_params.get("try", "")
    accent = f"#{tried}" if tried else desk_of(request).look.accent
    if not re.fullmatch(r"#[0-9a-f]{6}", accent):
        raise NotFound("not_found")
    return Response(assets.accented(accent, ".look-panel" if tried else ":root"), media_type="text/css",
                    headers={"cache-control": FOREVER if "v" in request.query_params else "no-store"})  # fmt: skip


async def _form(request: Request, values: dict[str, str] | None, errors: dict[str, str], status: int = 200,
                will: Any = None) -> Response:  # fmt: skip
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        now = appearance.current(db, name="")
        return {"values": values or {"name": now.name, "accent": now.accent}, "has_logo": now.logo_id is not None,
                "earlier": settings_history.of(db, "preference", appearance.PREFERENCE, limit=5,
                                                    language=agent.language)}  # fmt: skip

    frame, told = await look(request, verb)
    accent = told["values"]["accent"] if not errors.get("accent") else ""
    frame |= told | {
        "view": "appearance", "errors": errors, "will": will, "configured": desk.configured_name, "usual": USUAL,
        "shades": appearance.shades(accent) if accent else None, "tried": accent[1:],
    }  # fmt: skip
    return html(request, "appearance/page.html", frame["me"]["language"], status, **frame)


ROUTES = (
    both("/admin/appearance", page),
    post("/admin/appearance/logo", picture),
    get("/logo/{logo_id:id}", logo),
    get("/appearance.css", style),
)
