"""What was said and done, each thing as a line of a conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

from sqlmodel import Session, col, select

from helpdesk import mentions, outgoing
from helpdesk.mail.files import is_encrypted
from helpdesk.mail.html import has_remote_images
from models import Agent, Answer, Attachment, Call, Message, MessageKind, Note

FOLDED_MIN = 3
"""Lines of bookkeeping between the first and the last of a run, from which on they fold."""


@dataclass(frozen=True, slots=True)
class File:
    id: int
    name: str
    content_type: str
    size_bytes: int
    url: str

    @property
    def is_encrypted(self) -> bool:
        """Whether a key is needed to open it."""
        return is_encrypted(self.content_type, self.name)


@dataclass(frozen=True, slots=True)
class CallBubble:
    id: int
    direction: str
    state: str
    outcome: str
    number: str
    wait_seconds: int
    talk_seconds: int
    agent_name: str
    note: str
    disposition: str


@dataclass(frozen=True, slots=True)
class Feeling:
    """How the writer of a message seems to feel."""

    label: str  # "positive", "neutral", "negative"
    confidence: float
    because: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing in a conversation. `kind` says which fields speak."""

    kind: Literal["message", "note", "call", "fact", "answer"]
    id: int
    at: datetime
    direction: str = ""
    author_name: str = ""
    author_address: str = ""
    header_from: str = ""
    reply_to: str = ""
    problems: Sequence[str] = ()
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    text: str = ""
    quoted_text: str = ""
    signature: str = ""
    full_text_url: str = ""
    has_html: bool = False
    html_url: str = ""
    images_url: str = ""
    source_url: str = ""
    attachments: Sequence[File] = ()
    marks: Sequence[tuple[int, int]] = ()
    state: str = ""
    error: str = ""
    message_kind: str = ""
    bcc: Sequence[str] = ()
    leaves_at: datetime | None = None
    is_scheduled: bool = False
    author_id: int | None = None
    approved_by: str = ""
    is_overtaken: bool = False  # awaits approval, and the customer has written since
    is_automatic: bool = False
    is_from_stranger: bool = False
    feeling: Feeling | None = None
    call: CallBubble | None = None
    fact: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    ticket_id: int = 0  # where it was said, in a conversation of several tickets


@dataclass(frozen=True, slots=True)
class Fold:
    """What stands between the first and the last of a long run of facts. `id` stays while the run grows."""

    entries: Sequence[Entry]
    kind: Literal["fold"] = "fold"

    @property
    def id(self) -> int:
        """That of its first fact."""
        return self.entries[0].id


def folded(entries: Sequence[Entry]) -> list[Entry | Fold]:
    """The same entries in the same order, the middle of each long run of facts as one `Fold`."""
    made: list[Entry | Fold] = []
    for is_fact, group in groupby(entries, key=lambda entry: entry.kind == "fact"):
        run = list(group)
        if is_fact and len(run) >= FOLDED_MIN + 2:
            made += [run[0], Fold(run[1:-1]), run[-1]]
        else:
            made += run
    return made


def of_message(
    message: Message,
    staff: Mapping[int, Agent],
    files: Sequence[File],
    marks: Sequence[tuple[int, int]],
    feeling: Feeling | None = None,
    newest: Message | None = None,
) -> Entry:
    """A mail. `marks`: what of it spoke for its queue; `newest`: the customer's last, by which one that waits for
    approval may be overtaken."""
    author = staff.get(message.author_id or 0)
    url = f"/messages/{message.id}"
    return Entry(
        kind="message",
        id=message.id or 0,
        at=message.created_at,
        direction=message.direction.value,
        author_name=author.name if author else message.sender_name or message.sender_address,
        author_address=message.sender_address,
        header_from=message.header_from,
        reply_to=message.reply_to,
        problems=message.problems,
        to=message.to,
        cc=message.cc,
        text=message.reply_text if message.kind == MessageKind.FORWARD else message.reply_text or message.text,
        quoted_text=message.quoted_text,
        signature=message.signature,
        full_text_url=f"{url}/text",
        has_html=bool(message.html),
        html_url=f"{url}/html",
        images_url=f"{url}/html?images=1" if has_remote_images(message.html) else "",
        source_url=f"{url}/source" if message.inbound_id else "",
        attachments=files,
        marks=marks,
        state=message.state.value,
        error=message.error,
        ticket_id=message.ticket_id,
        message_kind=message.kind.value,
        bcc=message.bcc,
        leaves_at=message.leaves_at,
        is_scheduled=outgoing.is_scheduled(message),
        author_id=message.author_id,
        approved_by=approver.name if (approver := staff.get(message.approved_by_id or 0)) else "",
        is_overtaken=bool(newest and (newest.id or 0) > (message.id or 0)),
        is_automatic=message.is_automatic,
        is_from_stranger=message.is_from_stranger,
        feeling=feeling,
    )


def of_note(note: Note, staff: Mapping[int, Agent]) -> Entry:
    """A note, with where it names colleagues."""
    author = staff.get(note.author_id or 0)
    return Entry(
        kind="note", id=note.id or 0, at=note.created_at, author_name=author.name if author else "", text=note.text,
        ticket_id=note.ticket_id, marks=[(each.start, each.end) for each in mentions.find(note.text, staff.values())],
    )  # fmt: skip


def of_call(call: Call, staff: Mapping[int, Agent]) -> Entry:
    """A call as one bubble."""
    agent = staff.get(call.agent_id or 0)
    bubble = CallBubble(
        call.id or 0,
        call.direction,
        call.state.value,
        call.outcome.value,
        call.number,
        call.wait_seconds,
        call.talk_seconds,
        agent.name if agent else "",
        call.note,
        call.disposition,
    )
    return Entry(
        kind="call", id=call.id or 0, at=call.started_at, direction=call.direction, call=bubble, author_name=call.number
    )


def of_answer(answer: Answer, question: str) -> Entry:
    """What the customer said when asked, at the time of the first answer; `question` is a further one, "" the first."""
    feeling = Feeling(answer.sentiment, answer.sentiment_confidence, ()) if answer.sentiment else None
    said = {"score": answer.score, "scale": answer.scale.value, "question": question}
    return Entry(
        kind="answer", id=answer.id or 0, at=answer.at, text=answer.comment, facts=said, feeling=feeling,
        ticket_id=answer.ticket_id or 0,
    )  # fmt: skip


def file_of(row: Attachment) -> File:
    """An attachment as the page names and fetches it."""
    return File(row.id or 0, row.name, row.content_type, row.size_bytes, f"/attachments/{row.id}")


def pictures(db: Session, message: Message) -> dict[str, Attachment]:
    """The pictures that came along with a message and that its page may show, by the ids it shows them by."""
    if "cid:" not in message.html:
        return {}
    asked = select(Attachment).where(
        Attachment.message_id == message.id, Attachment.content_id != "", col(Attachment.content_type).like("image/%")
    )
    return {file.content_id: file for file in db.exec(asked)}
