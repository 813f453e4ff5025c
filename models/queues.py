"""Waiting lines, and who serves them."""

from enum import StrEnum

from sqlmodel import Field

from models.base import Named, Row, choice, json_column, points_to


class Ringing(StrEnum):
    EVERYBODY = "everybody"  # all who are ready; the first to answer has the call
    LONGEST_IDLE = "longest_idle"  # one at a time, who has been ready longest of the best level


class Otherwise(StrEnum):
    """What happens to a caller whom a queue cannot take."""

    WAIT = "wait"  # takes them all the same
    TELL = "tell"  # says so, and hangs up
    CALLBACK = "callback"  # promises to call back
    VOICEMAIL = "voicemail"
    OVERFLOW = "overflow"  # the queue behind it takes them


class Assigning(StrEnum):
    """Who gives out a queue's tickets."""

    MANUAL = "manual"  # agents take them
    ROUND_ROBIN = "round_robin"  # the desk, to one after the other
    LEAST_BUSY = "least_busy"  # the desk, to who has the fewest open


class Queue(Row, Named, table=True):
    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True)  # the classifier's label: "tech_support", "returns", ...
    name: str  # Japanese
    name_en: str
    phone: str | None = Field(default=None, unique=True)  # E.164, the number customers dial
    address: str | None = Field(default=None, unique=True)  # the mail address customers write to
    language: str = "ja"  # in which its callers are greeted
    greeting: str = ""  # said to a caller; "" says the desk's own words
    signature: str = ""  # below every reply
    signature_en: str = ""  # below those to customers who do not write Japanese; "" says the one above
    takes_reply_to: bool = False  # of mail to it, an address in Reply-To is the customer's and not the one in From
    sender_name: str = ""  # whom its mails say they are from; "" says the desk's name
    sender_name_en: str = ""  # the same to who does not write Japanese; "" says the one above
    acknowledges: bool = False  # a first mail is answered by a receipt with the ticket's number
    acknowledgment: dict[str, str] = json_column(default_factory=dict)  # language -> its words, where not the desk's
    needs_approval: bool = False  # somebody else reads a mail before it leaves
    confirms_recipients: bool = False  # who writes is shown recipients and files once more
    warns_of_attachment: bool = True  # that the words speak of and that is not there
    warns_of_name: bool = True  # of somebody else, in the place of the customer's
    warns_of_recipients: bool = True  # that took no part in the ticket, that bounced, or that are many
    locks_reply: bool = True  # while somebody writes, nobody else sends
    banned_words: list[str] = json_column(default_factory=list)  # never leave
    keywords: list[str] = json_column(default_factory=list)  # of its inquiries, until the classifier has learned them
    thresholds: dict[str, float] = json_column(default_factory=dict)
    """Language -> the confidence a supervisor asks for; where none is given, the one the model was measured for."""
    ringing: Ringing = choice(Ringing, Ringing.EVERYBODY)
    ring_seconds: int = 20  # before the next agent is asked, where one rings at a time
    most_misses: int = 2  # in a row, after which an agent counts as not there
    wrap_up_seconds: int = 0  # 0: as long as the desk's setting says
    needs_disposition: bool = True  # wrap-up ends with a word on what came of the call
    most_waiting: int = 0  # callers; who comes on top of them is dealt with by `when_full`; 0: no limit
    longest_wait_seconds: int = 0  # after which `when_full` applies too; 0: no limit
    overflow_id: int | None = points_to("queue.id", default=None, ondelete="SET NULL", index=True)
    calendar_id: int | None = points_to("calendar.id", default=None, ondelete="SET NULL", index=True)  # None: always
    when_closed: Otherwise = choice(Otherwise, Otherwise.TELL)
    when_full: Otherwise = choice(Otherwise, Otherwise.WAIT)
    callback_key: str = ""  # pressed by a caller who waits and would rather be called back; "": none is offered
    closed_words: str = ""  # said to the caller; "" says the desk's own
    full_words: str = ""
    service_seconds: int = 20  # a call answered within them is answered in time
    service_percent: int = 80  # of calls that should be
    short_abandon_seconds: int = 5  # who hangs up sooner did not wait
    alarms: dict[str, float] = json_column(default_factory=dict)  # figure of the board -> from where it is alarming
    callback_minutes: int = 120  # within which who could not be answered is to be called back
    assigning: Assigning = choice(Assigning, Assigning.MANUAL)
    assigns_away: bool = False  # who is away is given tickets too
    assigns_talking: bool = False  # who talks or wraps up as well
    returns_minutes: int = 0  # offline for so long, an agent's overdue tickets return to the queue; 0: never
    is_triage: bool = False  # where inquiries wait that nobody was sure about
    position: int = 0


class Membership(Row, table=True):
    """An agent serves a queue."""

    queue_id: int = points_to("queue.id", ondelete="CASCADE", primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True, index=True)
    level: int = 1  # 1 is asked first, 2 when nobody of level 1 is free, and so on
    turn: int = 0  # of the tickets the desk gave out in this queue, the number of the agent's latest
