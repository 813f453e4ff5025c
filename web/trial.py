"""The demonstration's Try it page: the visitor plays the customer, through the real doors."""

from email.utils import parseaddr
from typing import Any

from sqlmodel import Session, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from helpdesk import agents, calls, letters, queues, simulate
from helpdesk.errors import Invalid
from helpdesk.mail import sink
from helpdesk.sample import company
from models import Agent, Presence
from web.addresses import get, post
from web.edge import act, desk_of, html, look

SHOWN = 8


async def page(request: Request) -> Response:
    """The buttons."""
    desk = desk_of(request)
    frame, (own, staff) = await look(request, lambda db, agent: (_own_queues(db, agent), _addresses(db)))
    lang = frame["me"]["language"]
    frame |= {
        "view": "try",
        "callers": [{"key": key, "label": caller.label[lang]} for key, caller in company.CALLERS.items()],
        "letters": [
            {"key": key, "label": letter.label[lang], "subject": letter.subject}
            for key, letter in letters.shipped().items()
        ],
        "sent": [
            {"id": number, "to": to, "subject": subject, "sent_at": at}
            for number, to, subject, at in sink.sent(desk.settings.data / "sent")
            if parseaddr(to)[1] not in staff  # a mail to an agent is nobody's to answer as a customer
        ][:SHOWN],
        "serves": bool(own),
        "live": request.app.state.simulated,
        "log": [],
    }
    return html(request, "try.html", lang, **frame)


def _addresses(db: Session) -> set[str]:
    """Those of the desk's own people."""
    return set(db.exec(select(Agent.email)))


def _own_queues(db: Session, agent: Agent) -> list[str]:
    """The numbers whose calls the visitor's own screen shows."""
    return [queue.phone for queue in queues.everyone(db) if queue.phone and queue.id is not None
            and agents.serves_as_member(db, agent, queue.id)]  # fmt: skip


async def call(request: Request) -> Response:
    """Ring a call, as Twilio would."""
    caller = str((await request.form()).get("caller", ""))
    if caller not in company.CALLERS:
        raise Invalid("unknown_choice")
    desk = desk_of(request)

    def verb(db: Session, agent: Agent) -> str | None:
        """The visitor wants to see a card, so the visitor is ready, and a number is dialed whose calls are theirs."""
        assert agent.id is not None
        own = _own_queues(db, agent)
        if own and not calls.live_for(db, agent):
            agents.set_state(db, agent.id, Presence.READY, by_id=agent.id, now=desk.clock())
        usual = company.CALLERS[caller].called
        return None if not own or usual in own else own[0]

    called = await act(request, verb)
    call_sid = await run_in_threadpool(simulate.ring, desk.settings, caller, called=called)
    ringing: list[dict[str, Any]] = request.app.state.simulated
    ringing.append({"call_sid": call_sid, "caller": caller})
    return RedirectResponse("/try?notice=call_rings", 303)


async def hang_up(request: Request) -> Response:
    """The caller puts the receiver down."""
    call_sid = str((await request.form()).get("call_sid", ""))
    await _signed_in(request)
    ringing: list[dict[str, Any]] = request.app.state.simulated
    known = [one for one in ringing if one["call_sid"] == call_sid]
    if not known:
        raise Invalid("unknown_choice")
    await run_in_threadpool(simulate.hang_up, desk_of(request).settings, call_sid)
    ringing.remove(known[0])
    return RedirectResponse("/try?notice=call_hung_up", 303)


async def mail(request: Request) -> Response:
    """Drop a letter into the mailbox by SMTP."""
    letter = str((await request.form()).get("letter", ""))
    if letter not in letters.shipped():
        raise Invalid("unknown_choice")
    await _signed_in(request)
    await run_in_threadpool(simulate.drop, desk_of(request).settings, letter)
    return RedirectResponse("/try?notice=mail_dropped", 303)


async def answer(request: Request) -> Response:
    """Answer a mail of the desk as its recipient would."""
    number = str((await request.form()).get("message", ""))
    settings = desk_of(request).settings
    await _signed_in(request)
    if number not in {known for known, *_ in sink.sent(settings.data / "sent")}:
        raise Invalid("unknown_choice")
    text = "ご連絡ありがとうございます。\nもう少し詳しく教えていただけますか。"
    await run_in_threadpool(simulate.answer, settings, sink.read(settings.data / "sent", number), text)
    return RedirectResponse("/try?notice=mail_answered", 303)


async def _signed_in(request: Request) -> None:
    await look(request, lambda db, agent: None)


ROUTES = (
    get("/try", page),
    post("/try/call", call),
    post("/try/hang-up", hang_up),
    post("/try/mail", mail),
    post("/try/answer", answer),
)
