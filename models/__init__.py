"""The nouns: rows and constraints, no decisions."""

from models.agents import Agent, AgentState, Login, Presence, Role
from models.calls import Call, CallFact, CallOffer, CallState, Outcome
from models.customers import ContactPoint, Customer, PointKind, PointSource, Purchase
from models.events import Event
from models.inbox import Inbound, InboundKind, InboundState
from models.learning import (
    CaseTerm,
    Impression,
    Preference,
    SolvedCase,
    TermCount,
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
    "Call",
    "CallFact",
    "CallOffer",
    "CallState",
    "CaseTerm",
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
    "TermCount",
    "Ticket",
    "TicketState",
    "Training",
    "TrainingState",
    "Turn",
]
