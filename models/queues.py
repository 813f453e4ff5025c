"""Waiting lines, and who serves them."""

from sqlmodel import Field

from models.base import Row, json_column, points_to


class Queue(Row, table=True):
    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(unique=True)  # the classifier's label: "tech_support", "returns", ...
    name: str  # Japanese
    name_en: str
    phone: str | None = Field(default=None, unique=True)  # E.164, the number customers dial
    address: str | None = Field(default=None, unique=True)  # the mail address customers write to
    language: str = "ja"  # in which its callers are greeted
    greeting: str = ""  # said to a caller; "" says the desk's own words
    signature: str = ""  # below every reply
    takes_reply_to: bool = False  # of mail to it, an address in Reply-To is the customer's and not the one in From
    sender_name: str = ""  # whose replies say who they are from; "" says the desk's name
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
    is_triage: bool = False  # where inquiries wait that nobody was sure about
    position: int = 0

    def called(self, language: str) -> str:
        """The queue's name in one language."""
        return self.name_en if language == "en" else self.name


class Membership(Row, table=True):
    """An agent serves a queue."""

    queue_id: int = points_to("queue.id", ondelete="CASCADE", primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE", primary_key=True, index=True)
