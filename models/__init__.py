"""The nouns: rows and constraints, no decisions."""

from models.agents import Agent, AgentState, Login, Presence, Role
from models.calls import Call, CallFact, CallOffer, CallState, Outcome
from models.customers import ContactPoint, Customer, PointKind, PointSource, Purchase
from models.events import Bookmark, Event
from models.inbox import Inbound, InboundKind, InboundState
from models.learning import (
    CaseKey,
    Impression,
    KeyCount,
    Preference,
    SolvedCase,
    Training,
    TrainingState,
    Turn,
)
from models.leases import Lease
from models.mailboxes import (
    Fetched,
    FetchedState,
    Mailbox,
    MailboxAfter,
    MailboxAuth,
    MailboxSecurity,
    MailboxState,
)
from models.parked import Parked, ParkedKind
from models.queues import Membership, Queue
from models.tickets import (
    Attachment,
    Channel,
    Direction,
    Message,
    MessageState,
    Note,
    Routing,
    Ticket,
    TicketState,
)

__all__ = [
    "Agent",
    "AgentState",
    "Attachment",
    "Bookmark",
    "Call",
    "CallFact",
    "CallOffer",
    "CallState",
    "CaseKey",
    "Channel",
    "ContactPoint",
    "Customer",
    "Direction",
    "Event",
    "Fetched",
    "FetchedState",
    "Impression",
    "Inbound",
    "InboundKind",
    "InboundState",
    "KeyCount",
    "Lease",
    "Login",
    "Mailbox",
    "MailboxAfter",
    "MailboxAuth",
    "MailboxSecurity",
    "MailboxState",
    "Membership",
    "Message",
    "MessageState",
    "Note",
    "Outcome",
    "Parked",
    "ParkedKind",
    "PointKind",
    "PointSource",
    "Preference",
    "Presence",
    "Purchase",
    "Queue",
    "Role",
    "Routing",
    "SolvedCase",
    "Ticket",
    "TicketState",
    "Training",
    "TrainingState",
    "Turn",
]
