"""Solved tickets like this one, with the answer that solved them: offered to an agent, never sent.

The idea: a ticket's first words become keys (`classifiers/cases.py`), each key names its newest cases, and what several
rare keys name is compared in full. A key is asked for so many cases and no more, however many it has, so an answer
takes as long among a million cases as among a thousand; what is compared is the newest. An agent is shown only cases of
tickets that are open to them anyway.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import access, romaji
from helpdesk import cases as kept
from helpdesk.errors import NotFound
from models import Agent, Customer, KeyCount, Message, Queue, SolvedCase, Ticket, TicketState

if TYPE_CHECKING:
    from classifiers.cases import Cases, Gist

MOST = 5
SURE_ENOUGH = 0.3
"""Less sure ones are not shown. Of what is, a little more than half tell of the same problem; see docs/routing.md."""
NEWEST = 200
"""Cases a key is asked for."""
NEAR = 200
"""Cases compared in full."""
AT_ONCE = 20
"""Cases looked at together, the surest first, for whether the agent may see them."""
WORDS_MAX = 240
"""Characters of a customer's words that are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How it was solved. `kind` is "message" (a reply, which may be used again), "call" or "note" (internal words)."""

    kind: str
    text: str
    author_name: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Similar:
    """A solved ticket. `words` are the customer's first, `marks` where the telling ones stand in them; `same` are words
    that stand in both inquiries, `near` pairs of words that mean nearly the same."""

    ticket_id: int
    subject: str
    queue_name: str
    customer_name: str
    solved_at: datetime | None
    words: str
    marks: Sequence[tuple[int, int]]
    same: Sequence[str]
    near: Sequence[tuple[str, str]]
    confidence: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Draft:
    """An old answer made ready for another customer, and how many places were left blank in it."""

    text: str
    blanks: int


def find(db: Session, agent: Agent, ticket: Ticket, *, language: str, most: int = MOST) -> list[Similar]:
    """The solved tickets most like this one that the agent may see, the surest first; often none."""
    assert ticket.id is not None
    inquiry = kept.inquiry_of(db, ticket.id)
    if inquiry is None:
        return []
    from classifiers import cases  # numpy takes longer to load than a page may wait

    made = cases.shipped()
    gist = made.gist(inquiry.text, subject=inquiry.subject)
    near = nearest(db, made, gist, but=ticket.id, seen=access.seen_tickets(db, agent), most=most)
    return _shown(db, made, gist, near, language)


def nearest(
    db: Session, made: "Cases", gist: "Gist", *, but: int, seen: sa.ColumnElement[bool], most: int = MOST
) -> list[tuple[float, SolvedCase]]:
    """The cases most like a text among tickets in `seen`, the surest first: pairs of confidence and case."""
    if not (candidates := _candidates(db, made, gist)):
        return []
    rows = db.execute(
        sa.select(col(SolvedCase.ticket_id), col(SolvedCase.keys), col(SolvedCase.meaning)).where(
            col(SolvedCase.ticket_id).in_(candidates),
            col(SolvedCase.language) == gist.language,
            col(SolvedCase.version) == made.version,
        )
    ).all()
    sure = made.confidence(gist, [row[1] for row in rows], [row[2] for row in rows]).tolist()
    ranked = sorted(((share, row[0]) for share, row in zip(sure, rows, strict=True) if row[0] != but), reverse=True)
    shares = {ticket_id: share for share, ticket_id in ranked if share >= SURE_ENOUGH}
    return [(shares[case.ticket_id], case) for case in _open_to(db, list(shares), seen, most)]


def draft(db: Session, agent: Agent, ticket: Ticket, case_ticket_id: int) -> Draft:
    """The reply that solved another ticket, for this one's customer: names exchanged, what belonged to the other
    customer left blank. Raises `NotFound` when there is none the agent may see."""
    old = access.ticket(db, agent, case_ticket_id)
    case = db.get(SolvedCase, case_ticket_id)
    message = db.get(Message, case.answer_id) if case and case.answer_id else None
    if message is None:
        raise NotFound("not_found", ticket_id=case_ticket_id)
    author = db.get(Agent, message.author_id) if message.author_id else None
    text = message.reply_text or message.text
    there, here = _customer_names(db, old), _customer_names(db, ticket)
    return redraft(text, [(there, here), (_names(author), _names(agent))])


@dataclass(frozen=True, slots=True)
class Names:
    """How somebody may be called in a letter: in full, by family and first name, by their readings (both in this
    order, whatever order the full name has), by the company."""

    full: str = ""
    parts: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()
    company: str = ""


def redraft(text: str, people: Sequence[tuple[Names, Names]]) -> Draft:
    """A letter's text for somebody else. Each pair is somebody named in it and who takes that place.

    Names become the new one's, in the same form, or a blank where it is not known; mail addresses, telephone and order
    numbers and dates become blanks, for they were the other one's. What else a letter tells, only a reader knows.
    """
    told: dict[str, str] = {}
    for old, new in people:
        told |= _exchanged(old, new)
        if old.company and not new.company:  # a line of its own above the name, which a private person has not
            text = re.sub(rf"(?m)^\s*{re.escape(old.company)}\s*?\n", "", text)
    blank = "＿＿＿" if re.search(r"[ぁ-んァ-ヶ一-龠]", text) else "____"
    count = 0

    def put(found: re.Match[str]) -> str:
        nonlocal count
        if instead := told.get(found[0], ""):
            return instead
        count += 1
        return blank

    named = "|".join(_bounded(name) for name in sorted(told, key=len, reverse=True))
    pattern = f"{named}|{_PARTICULAR}" if named else _PARTICULAR
    return Draft(re.sub(pattern, put, text), count)


# --- Finding ---------------------------------------------------------------------------------------------------------

_NO_KEY = -1


@cache
def _statement(keys: int) -> sa.TextClause:
    """Which tickets so many keys name, and how loudly, the loudest first."""
    branches = (
        f"SELECT ticket_id, :w{n} AS weight FROM (SELECT ticket_id FROM casekey WHERE key = :k{n}"
        f" ORDER BY ticket_id DESC LIMIT {NEWEST}) AS key{n}"
        for n in range(keys)
    )
    text = (
        f"SELECT ticket_id, SUM(weight) AS loud FROM ({' UNION ALL '.join(branches)}) AS named"
        f" GROUP BY ticket_id ORDER BY loud DESC, ticket_id DESC LIMIT {NEAR}"
    )
    weights = (sa.bindparam(f"w{n}", type_=sa.Float) for n in range(keys))
    return sa.text(text).bindparams(*weights, *(sa.bindparam(f"k{n}", type_=sa.BigInteger) for n in range(keys)))


def _candidates(db: Session, made: "Cases", gist: "Gist") -> list[int]:
    """Tickets that the loudest keys name, those that several name first."""
    from classifiers import cases

    total = cases.everyone(gist.language)
    wanted = [term.key for term in gist.terms[: 4 * cases.WORDS_ASKED]] + list(gist.places) + [total]
    counted = db.execute(sa.select(col(KeyCount.key), col(KeyCount.cases)).where(col(KeyCount.key).in_(wanted)))
    seen: dict[int, int] = {key: number for key, number in counted}
    asked = made.asked(gist, seen=seen, among=seen.get(total, 0))
    if not asked:
        return []
    asked += [(_NO_KEY, 0.0)] * (cases.MOST_ASKED - len(asked))
    given: dict[str, float] = {}
    for number, (key, weight) in enumerate(asked):
        given |= {f"k{number}": key, f"w{number}": weight}
    return [row[0] for row in db.execute(_statement(cases.MOST_ASKED), given)]


def _open_to(db: Session, ticket_ids: Sequence[int], seen: sa.ColumnElement[bool], most: int) -> list[SolvedCase]:
    """The first cases, in the order given, whose tickets are resolved still and in `seen`."""
    found: list[SolvedCase] = []
    for start in range(0, len(ticket_ids), AT_ONCE):
        some = ticket_ids[start : start + AT_ONCE]
        # Asked of each row, not of the search, or SQLite would begin with all resolved tickets of a queue.
        fits = sa.and_(col(Ticket.state) == TicketState.RESOLVED, seen)
        rows = db.execute(
            sa.select(SolvedCase, fits)
            .join(Ticket, col(Ticket.id) == col(SolvedCase.ticket_id))
            .where(col(SolvedCase.ticket_id).in_(some))
        )
        cases = {case.ticket_id: case for case, is_open in rows if is_open}
        found += [cases[ticket_id] for ticket_id in some if ticket_id in cases]
        if len(found) >= most:
            break
    return found[:most]


# --- Showing ---------------------------------------------------------------------------------------------------------


def _shown(
    db: Session, made: "Cases", gist: "Gist", near: Sequence[tuple[float, SolvedCase]], language: str
) -> list[Similar]:
    ids = [case.ticket_id for _, case in near]
    if not ids:
        return []
    queue_name = Queue.name_en if language == "en" else Queue.name
    rows = db.execute(
        sa.select(Ticket, col(queue_name), col(Customer.name), col(Customer.reading))
        .join(Queue, col(Queue.id) == col(Ticket.queue_id))
        .outerjoin(Customer, col(Customer.id) == col(Ticket.customer_id))
        .where(col(Ticket.id).in_(ids))
    )
    tickets = {
        ticket.id: (ticket, queue, romaji.spoken(name, reading, language) if name else "")
        for ticket, queue, name, reading in rows
    }
    answers = _answers(db, [case for _, case in near])
    found = []
    for share, case in near:
        ticket, queue, customer = tickets[case.ticket_id]
        if (answer := answers.get(case.ticket_id)) is None:
            continue
        inquiry = kept.inquiry_of(db, case.ticket_id)
        words = " ".join(inquiry.text.split())[:WORDS_MAX] if inquiry else ""
        shared = made.because(gist, made.gist(words, subject=ticket.subject, language=case.language))
        found.append(
            Similar(
                ticket_id=case.ticket_id,
                subject=ticket.subject,
                queue_name=queue,
                customer_name=customer,
                solved_at=ticket.resolved_at,
                words=words,
                marks=[(each.other_start, each.other_end) for each in shared if each.other_start >= 0],
                same=[each.words for each in shared if each.same],
                near=[(each.words, each.others) for each in shared if not each.same],
                confidence=share,
                answer=answer,
            )
        )
    return found


def _answers(db: Session, found: Sequence[SolvedCase]) -> dict[int, Answer]:
    """How each was solved: by its reply, else as the note of the call tells, else as the last remark does."""
    answers: dict[int, Answer] = {}
    if replied := [case.answer_id for case in found if case.answer_id]:
        replies = db.execute(
            sa.select(Message, col(Agent.name))
            .outerjoin(Agent, col(Agent.id) == col(Message.author_id))
            .where(col(Message.id).in_(replied))
        )
        for message, name in replies:
            text = message.reply_text or message.text
            answers[message.ticket_id] = Answer("message", text, name or "", message.created_at)
    if silent := [case.ticket_id for case in found if case.ticket_id not in answers]:
        told = {ticket_id: Answer("note", text, "", None) for ticket_id, text in kept.remarks(db, silent).items()}
        told |= {ticket_id: Answer("call", text, "", None) for ticket_id, text in kept.call_notes(db, silent).items()}
        answers |= told
    return answers


# --- Letters for somebody else ---------------------------------------------------------------------------------------

_PARTICULAR = "|".join(
    (
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # an address
        r"\+?\d[\d]{1,4}(?:[-‐−ー ]\d{2,5}){1,3}(?!\d)",  # a telephone number, a parcel's number in groups
        r"(?<![A-Za-z0-9])[A-Za-z]{0,4}-?\d{5,}(?:-\d+)*",  # an order
        r"(?:\d{4}年)?\d{1,2}月\d{1,2}日(?:[（(][月火水木金土日][）)])?",
        r"(?<!\d)\d{4}[-/]\d{1,2}[-/]\d{1,2}(?!\d)",
        r"\b\d{1,2}(?:st|nd|rd|th)? (?:January|February|March|April|May|June|July|August|September|October|November"
        r"|December)\b",
        r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}\b",
    )
)
_TITLES = r"(?=\s*(?:様|さま|さん|殿|でございます|です|と申します|が(?:承|担当)|より))"


def _exchanged(old: Names, new: Names) -> dict[str, str]:
    """What is written of one person, and what is written of the other in its place; "" for a blank."""
    told = {old.company: new.company}
    for spelling in (old.full, old.full.replace(" ", ""), old.full.replace(" ", "\u3000")):
        told[spelling] = new.full
    for place, part in [*enumerate(old.parts), *enumerate(old.reading)]:
        own = (new.parts, new.reading) if part.isascii() or not new.full.isascii() else (new.reading, new.parts)
        told.setdefault(part, next((names[place] for names in own if place < len(names)), ""))
    return {name: instead for name, instead in told.items() if name.strip()}


def _bounded(name: str) -> str:
    """A name where it is one: Latin letters as whole words; one or two others only before 様 and the like."""
    if name.isascii():
        return rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
    return re.escape(name) + (_TITLES if len(name) < 3 else "")


def _names(person: Agent | Customer | None) -> Names:
    if person is None:
        return Names()
    company = person.company if isinstance(person, Customer) else ""
    order = -1 if person.name.isascii() else 1  # Ben Carter, but 佐藤 健
    return Names(person.name, tuple(person.name.split()[::order]), tuple(person.reading.split()[::order]), company)


def _customer_names(db: Session, ticket: Ticket) -> Names:
    """The customer's, or what the first mail was signed with where nobody knows the customer."""
    if ticket.customer_id and (customer := db.get(Customer, ticket.customer_id)):
        return _names(customer)
    sender = db.exec(
        select(Message.sender_name)
        .where(Message.ticket_id == ticket.id, col(Message.author_id).is_(None), Message.sender_name != "")
        .order_by(col(Message.id))
        .limit(1)
    ).first()
    return Names(sender, tuple(sender.split()[:: -1 if sender.isascii() else 1])) if sender else Names()
