"""What supervisors keep is switched, taken away and brought back by buttons of one kind, see helpdesk/kept.py."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import kept
from models import Agent
from web.edge import desk_of, one_of
from web.settings_history import change, saved


async def turn(request: Request, find: Callable[[Session, Agent], Any], home: str, *, deleted: str, restored: str,
               verbs: Any = kept) -> Response:  # fmt: skip
    """Do what the end of the address says, "switch", "delete" or "restore", to what `find` finds for who may; then go
    `home` with the notice of that name. `verbs` has the three where they do more than to the row."""
    now, step = desk_of(request).clock(), request.url.path.rpartition("/")[2]
    value = str((await request.form()).get("value", ""))

    def verb(db: Session, agent: Agent) -> None:
        row = find(db, agent)
        if step == "switch":
            verbs.switch(db, row, one_of(value, ("on", "off"), field="value") == "on", by=agent, now=now)
        else:
            {"delete": verbs.delete, "restore": verbs.restore}[step](db, row, by=agent, now=now)

    _, change_id = await change(request, verb)
    notice = {"delete": deleted, "restore": restored}.get(step, "saved")
    return saved(home, change_id, notice=notice)
