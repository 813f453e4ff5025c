"""The way every setting is saved, shown before it is saved, and taken back.

A form that is posted with `rehearse` changes nothing: its page comes back with what would change. One that is saved
says so with a way back beside it, which refuses where somebody changed the same since.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import access, setting_effects, settings_history, settings_watched
from helpdesk.errors import Invalid
from helpdesk.settings_history import Rehearsed
from models import Agent
from web import setting_words
from web.addresses import get, post
from web.edge import act, address_of, back, desk_of, html, look, renderer_of

T = TypeVar("T")


async def change(request: Request, verb: Callable[[Session, Agent], T]) -> tuple[T, int | None]:
    """Run the verb as `act` does, and keep what it changed: its answer, and the number of the change.

    Raises `Rehearsed` with what would change (`shown`, for `settings_history/_will.html`) where the form only asks.
    """
    desk, form = desk_of(request), await request.form()
    rehearses, seen = bool(form.get("rehearse")), _seen(form)

    def both(db: Session, agent: Agent) -> tuple[T, int | None]:
        answer = verb(db, agent)
        if rehearses:
            rows = settings_watched.pending(db)
            say = renderer_of(request).gettext(agent.language)
            raise Rehearsed(rows, {
                "rows": setting_words.told(rows, setting_words.names_of(db, agent, say), say),
                "effects": setting_effects.of(db, rows, language=agent.language),
            })  # fmt: skip
        if seen is not None:
            settings_history.check_unmoved(db, since=seen)
        kept = settings_history.keep(db, by_id=agent.id, now=desk.clock())
        return answer, kept.id if kept and settings_history.has_way_back(kept) else None

    try:
        return await act(request, both)
    except Invalid as error:
        if error.code != "setting_changed_meanwhile":  # then the form is drawn as it was seen, and else as of now
            request.state.seen = seen
        raise


def still_seen(request: Request, form: FormData) -> None:
    """A form of several steps is drawn again, and nothing of what stands in the desk was looked at anew."""
    request.state.seen = _seen(form)


def _seen(form: FormData) -> int | None:
    typed = str(form.get("seen", ""))
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 18 else None


def saved(path: str, change_id: int | None, *, notice: str = "saved", part: str = "") -> RedirectResponse:
    """To a page that says so, with the way back where there is one."""
    way = f"&change={change_id}" if change_id else ""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}notice={notice}{way}{part and f'#{part}'}", 303)


def still(request: Request, default: str, change_id: int | None) -> RedirectResponse:
    """The same for a button on a list, which stays where it was pressed."""
    answer = back(request, default, notice="saved")
    if change_id:
        answer.headers["location"] += f"&change={change_id}"
    return answer


async def show(request: Request) -> Response:
    """One change: what it was before, what it is now, and what became of it."""
    change_id = request.path_params["change_id"]

    def verb(db: Session, agent: Agent) -> dict[str, Any]:
        access.supervisor(agent)
        settings_history.get(db, change_id)
        found = settings_history.told(db, [change_id], language=agent.language)[change_id]
        say = renderer_of(request).gettext(agent.language)
        names, change = setting_words.names_of(db, agent, say), found.change
        return {
            "found": found, "rows": setting_words.told(change.rows, names, say),
            "called": setting_words.called(change.kind, change.subject, change.name, names),
            "obstacle": settings_history.obstacle(db, found.change),
            "place": setting_words.PLACES.get(found.change.kind, "/admin").format(found.change.subject),
        }  # fmt: skip

    frame, told = await look(request, verb)
    return html(request, "settings_history/change.html", frame["me"]["language"],
                **(frame | told | {"view": "audit"}))  # fmt: skip


async def undo(request: Request) -> Response:
    """Let it be as it was before. What stands in the way is said on the change's own page."""
    change_id, now = request.path_params["change_id"], desk_of(request).clock()

    def verb(db: Session, agent: Agent) -> int | None:
        access.supervisor(agent)
        made = settings_history.take_back(db, settings_history.get(db, change_id), by=agent, now=now)
        return made.id if made else None

    taken = await act(request, verb)
    await desk_of(request).look_again()
    if address_of(request.headers.get("referer", "")).path.endswith("/guide"):  # whoever sets up a queue stays there
        return back(request, "/admin", notice="setting_taken_back")
    return saved(f"/admin/changes/{taken or change_id}", None, notice="setting_taken_back")


ROUTES = (
    get("/admin/changes/{change_id:id}", show),
    post("/admin/changes/{change_id:id}/undo", undo),
)
