"""A pass opens one file or one formatted mail for a few minutes, to whoever holds it, without a sign-in.

The one idea: who may see a thing is asked where there is a sign-in, and what comes from outside is handed out where
there is none. So a browser that were tricked into running what it got would run it where nobody is signed in.
"""

import json
from datetime import datetime, timedelta

from helpdesk import seals
from helpdesk.errors import NotFound, Rejected
from helpdesk.settings import Settings

VALID = timedelta(minutes=10)
"""From the click to the first byte; a download that has begun goes on."""


def issue(what: str, number: int, *, settings: Settings, now: datetime) -> str:
    """The pass for one row: letters, digits, "-", "_" and "=". Nobody can make or change one without the desk's key."""
    return seals.seal(json.dumps([what, number, int((now + VALID).timestamp())]), settings=settings)


def opened(token: str, *, settings: Settings, now: datetime) -> tuple[str, int]:
    """What the pass is for. Raises `NotFound("link_expired")` for one that is too old or none."""
    try:
        what, number, until = json.loads(seals.unseal(token, settings=settings))
    except (Rejected, ValueError) as error:
        raise NotFound("link_expired") from error
    if now.timestamp() > until:
        raise NotFound("link_expired")
    return what, number
