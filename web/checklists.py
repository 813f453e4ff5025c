"""The checklist beside a ticket."""

from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import checklists
from helpdesk.errors import Invalid
from helpdesk.events import one_act
from models import Agent, Ticket
from web.addresses import post
from web.tickets import change, number


async def on_ticket(request: Request) -> Response:
    """Add items, one a line; tick, untick, remove one, or move it up or down: `do` is the verb, a colon, its number."""

    def verb(db: Session, found: Ticket, agent: Agent, form: dict[str, str], now: Any) -> None:
        do, _, item_id = form.get("do", "add").partition(":")
        if do == "add":
            if not form.get("item", "").strip():
                raise Invalid("value_missing", field="item")
            with one_act(db):
                checklists.add_items(db, found, form["item"].splitlines(), by=agent, now=now)
            return
        item = checklists.get(db, found, number(item_id))
        if do in ("tick", "untick"):
            checklists.tick(db, found, item, do == "tick", by=agent, now=now)
        elif do == "remove":
            checklists.remove(db, found, item, by=agent, now=now)
        elif do in ("up", "down"):
            places = [each.id for each in checklists.of(db, found.id or 0)]
            at = places.index(item.id) if item.id in places else 0
            checklists.move(db, found, item, max(0, at - 1) if do == "up" else at + 1, by=agent, now=now)
        else:
            raise Invalid("unknown_choice", field="do")

    return await change(request, verb)


ROUTES = (post("/tickets/{ticket_id:id}/checklist", on_ticket),)
