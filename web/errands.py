"""Who is sent to another page in the middle of setting something up finds the way back there.

The one idea: the way is kept by the browser, not by each form. A link out of the guide to a new queue says
`guide=7-hours`; from then on every page of the administration has a bar that leads back to that step, whatever is saved
meanwhile, until the guide is there again or the bar is closed.
"""

import re
from dataclasses import dataclass

from sqlmodel import Session
from starlette.requests import HTTPConnection
from starlette.responses import Response

from models import Agent, Queue, Role

NAME = "guide"
"""Of the cookie and of the part of an address."""
PLACE = "/admin"
SECONDS = 3600
STEPS = ("reach", "people", "hours", "mailbox", "words")


@dataclass(frozen=True, slots=True)
class Errand:
    """A queue that is being set up, and the step that sent somebody here."""

    queue_id: int
    name: str
    step: str


def of(db: Session, agent: Agent, request: HTTPConnection) -> Errand | None:
    """What whoever looks at this page was setting up; None for most pages, and on the guide itself."""
    path = request.url.path
    if not path.startswith(PLACE) or path.endswith("/guide") or agent.role != Role.SUPERVISOR:
        return None
    told = request.query_params.get(NAME, request.cookies.get(NAME, ""))
    found = re.fullmatch(rf"([0-9]{{1,9}})-({'|'.join(STEPS)})", told)
    queue = db.get(Queue, int(found[1])) if found else None
    return Errand(queue.id or 0, queue.called(agent.language), found[2]) if found and queue else None


def keep(response: Response, errand: Errand | None, *, is_secure: bool) -> None:
    """Let the browser know it where an address says so, or forget it."""
    if errand is None:
        response.delete_cookie(NAME, path=PLACE)
        return
    response.set_cookie(NAME, f"{errand.queue_id}-{errand.step}", max_age=SECONDS, path=PLACE, httponly=True,
                        samesite="lax", secure=is_secure)  # fmt: skip
