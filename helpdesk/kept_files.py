"""Files that lie with the desk already while the mail they belong to is still being decided about.

The one idea: what a form carries back is sealed. It names bytes that this agent sent for this ticket and nothing else,
so no form can fetch another's file by guessing its hash.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from helpdesk import seals
from helpdesk.errors import Invalid, Rejected
from helpdesk.mail import attachments
from helpdesk.settings import Settings
from models import Attachment


def keep(file: Attachment, *, agent_id: int, ticket_id: int, settings: Settings) -> str:
    """What a form holds instead of the file."""
    told = [agent_id, ticket_id, file.name, file.content_type, file.size_bytes, file.sha256]
    return seals.seal(json.dumps(told), settings=settings)


def read(kept: Iterable[str], *, folder: Path, agent_id: int, ticket_id: int, settings: Settings) -> list[Attachment]:
    """The files again, each without a message yet. Raises `Invalid("file_gone")` for what was not kept for this agent
    and ticket, or is no longer there."""
    found = []
    for token in kept:
        try:
            by, ticket, name, content_type, size_bytes, sha256 = json.loads(seals.unseal(token, settings=settings))
        except (Rejected, ValueError) as error:
            raise Invalid("file_gone", field="attachments") from error
        if (by, ticket) != (agent_id, ticket_id) or not attachments.path_of(folder, sha256).exists():
            raise Invalid("file_gone", field="attachments")
        found.append(Attachment(message_id=0, name=name, content_type=content_type, size_bytes=size_bytes,
                                sha256=sha256))  # fmt: skip
    return found
