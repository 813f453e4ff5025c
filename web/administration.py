"""Every setting of the desk on one page, in groups, each with what it is for; and found by the words it goes by.

The idea: one table says where everything is set, and what can be set there in the very words of its form. The index,
the search over it and the command palette all read this table, so a setting that is found in one is found in all.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from helpdesk import access
from models import Agent
from web.addresses import get
from web.edge import html, look, renderer_of
from web.setting_synonyms import SYNONYMS
from web.words import N_

LONGEST = 100
_VERBS = re.compile(
    r"[をの]?(追加|新規|作成|変更|編集|削除|登録|設定)(する|したい|したり|方法|の仕方)?(?=\s|$)"
    r"|\b(how to|add|new|create|make|change|edit|delete|remove|set up|a|an|the)\b"
)
"""What is done to every setting, and so tells none from another."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page where something is set: its address, picture and name, what it is for, and the settings it holds."""

    path: str
    picture: str
    name: str
    purpose: str
    holds: tuple[str, ...] = ()


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (N_("People and queues"), (
        Place("/admin/queues", "list-tree", N_("Manage queues"),
              N_("What reaches a queue, who serves it, and what callers hear"),
              (N_("Japanese name"), N_("English name"), N_("Short name"), N_("Key words"), N_("Phone number"),
               N_("E-mail address"), N_("Who wrote it"), N_("The customer is whoever Reply-To names"), N_("Greeting"),
               N_("Sender name"), N_("Sender name in English"), N_("Signature"), N_("Signature in English"),
               N_("Automatic receipt"),
               N_("Answer the first mail of every ticket with its number"), N_("Words in Japanese"),
               N_("Words in English"), N_("Whom a call rings"), N_("Agents are rung"),
               N_("Spoken to callers"), N_("Rings for, seconds"),
               N_("Missed in a row, until away"), N_("After a call"), N_("Wrap-up, seconds"),
               N_("Wrap-up ends only when the outcome is given"),
               N_("Call back within, minutes"), N_("Outside business hours"), N_("Business hours"),
               N_("Callers outside them"), N_("Words to them"), N_("When too many wait"),
               N_("Callers waiting at most"), N_("Longest wait, seconds"), N_("Callers beyond that"),
               N_("The queue behind it"), N_("Key for being called back"), N_("Words to those beyond"),
               N_("Service level"), N_("Calls, per cent"), N_("Answered within, seconds"),
               N_("Not counted if hung up within, seconds"), N_("Who gets its tickets"), N_("Tickets are given out"),
               N_("Also to agents who are away"), N_("Also to agents on a call or in wrap-up"),
               N_("Overdue tickets of agents who are offline return after, minutes"), N_("Before a mail leaves"),
               N_("Warn of a forgotten file"), N_("Warn of a wrong name"), N_("Warn of unusual recipients"),
               N_("Show recipients and files once more"), N_("Let one agent reply at a time"),
               N_("A second person approves every mail"),
               N_("Words that must not leave"), N_("Who serves it"))),
        Place("/admin/agents", "headphones", N_("Manage agents"),
              N_("Languages, turns, limits and telephones of each agent"),
              (N_("Name"), N_("Reading"), N_("E-mail address"), N_("Role"), N_("May sign in"), N_("Password"),
               N_("Add agents"),
               N_("A file of agents"), N_("Answers calls in"), N_("Calls at once"), N_("Open tickets at most"),
               N_("Queues and turns"), N_("Phone number"), N_("Extension"))),
        Place("/admin/calendars", "calendar-clock", N_("Business hours"),
              N_("When the desk is open: weekdays, public holidays, single days"),
              (N_("Calendar name"), N_("Every week"), N_("Monday"), N_("Tuesday"), N_("Wednesday"),
               N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
               N_("Public holidays are closed"), N_("Time zone"),
               N_("Single days"))),
        Place("/admin/promises", "timer", N_("Promises"),
              N_("By when customers are answered, and who is told before it is too late"),
              (N_("Queue"), N_("Policy name"), N_("For which tickets"), N_("Priority of the ticket"), N_("How it came"),
               N_("What is promised"), N_("First answer within"), N_("Further answers within"), N_("Resolved within"),
               N_("Business hours that count"), N_("When it is at risk"), N_("Time used, per cent"),
               N_("And somebody in particular"), N_("When it is overdue"))),
    )),
    (N_("The desk"), (
        Place("/admin/appearance", "palette", N_("Name and looks"), N_("Name, logo and colour of the desk"),
              (N_("Name of the desk"), N_("Colour"), N_("The colour it came with"), N_("Logo"), N_("Another picture"))),
        Place("/admin/audit", "history", N_("Audit"), N_("Who did what, when, and what stood there before"),
              (N_("What was done"), N_("By whom"), N_("Ticket number"))),
    )),
    (N_("Mail"), (
        Place("/admin/mailboxes", "mail", N_("Mailboxes"), N_("Where mail is collected, and how replies are sent"),
              (N_("Mailbox name"), N_("E-mail address"), N_("Server"), N_("IMAP server"), N_("Port"),
               N_("Encryption"), N_("Account"), N_("User name"), N_("Sign-in"), N_("Password"), N_("Folder"),
               N_("Queue"), N_("After collecting"), N_("Who wrote it"), N_("The customer is whoever Reply-To names"),
               N_("Sending"), N_("SMTP server"),
               N_("Collect mail from"), N_("Token address"), N_("Client ID"), N_("Client secret"),
               N_("Refresh token"), N_("Scope"), N_("Move to folder"))),
        Place("/admin/mail/domains", "shield-check", N_("Sending domains"),
              N_("SPF, DKIM and DMARC, so that our mail is believed")),
        Place("/admin/mail", "notebook-text", N_("Mail ledger"), N_("What became of every mail that came in")),
        Place("/admin/parked", "package", N_("Set aside"), N_("What could not be read, to be tried again")),
    )),
    (N_("Calls"), (
        Place("/admin/exchanges", "phone-call", N_("Telephone systems"),
              N_("Which systems tell the desk who calls, and how each is entered there"),
              (N_("Display name"), N_("Short name"), N_("Queue"), N_("Server name"), N_("Port number"), N_("User name"),
               N_("Encryption"),
               N_("Contexts of calls from outside"), N_("Context for calling out"),
               N_("Channel of an agent's telephone"), N_("System name"), N_("Password"), N_("Signing secret"),
               N_("Number shown when calling out"), N_("Country (two letters)"), N_("Direction, where it tells none"),
               N_("Event, where it tells none"))),
        Place("/admin/blocked", "phone-off", N_("Blocked callers"), N_("Numbers whose calls are refused"),
              (N_("Number"), N_("Reason"))),
        Place("/queues/alarms", "bell-ring", N_("Alarms"),
              N_("From which figures on the live view calls for attention"),
              (N_("Sound on this device"), N_("Calls waiting, from"), N_("Longest wait in seconds, from"),
               N_("Service level of 30 minutes, below (percent)"), N_("Abandoned in 30 minutes, from"),
               N_("Agents ready, fewer than"))),
        Place("/queues/walls", "monitor", N_("Wallboards"), N_("Figures for a screen where nobody signs in"),
              (N_("Where it hangs"), N_("Language"))),
    )),
    (N_("Work on tickets"), (
        Place("/admin/canned", "text-quote", N_("Canned replies"), N_("Words for questions that are asked often"),
              (N_("Queue"), N_("Title"), N_("English title"), N_("Short word"), N_("Japanese text"),
               N_("English text"), N_("Files"))),
        Place("/admin/macros", "zap", N_("Macros"), N_("Several steps with one key"),
              (N_("Queue"), N_("Title"), N_("English title"), N_("Steps"), N_("Only for me"))),
        Place("/admin/rules", "workflow", N_("Rules"), N_("What the desk does by itself, and when"),
              (N_("Title"), N_("English title"), N_("When it acts"), N_("How long, where it says “for a while”"),
               N_("Count the queue's business hours only"), N_("If all of these hold"), N_("and one of these"),
               N_("Then"), N_("Do not ask the rules below it then"))),
        Place("/admin/checklists", "list-checks", N_("Checklists"), N_("Steps of a matter that comes again"),
              (N_("Queue"), N_("Title"), N_("English title"), N_("Steps"), N_("Steps for tickets in English"))),
        Place("/reviews/form", "clipboard-check", N_("Review form"), N_("What solved tickets are judged by"),
              (N_("Points from 1 to"), N_("Another criterion"), N_("Name in Japanese"), N_("Name in English"),
               N_("Weight"), N_("What is looked at, in Japanese"), N_("What is looked at, in English"))),
        Place("/admin/tags", "tags", N_("Tags"), N_("Rename, merge and retire the words that group tickets"),
              (N_("Agents make new tags"), N_("Tag name"), N_("Merge into"))),
        Place("/admin/fields", "text-cursor-input", N_("Ticket fields"),
              N_("What else is to be known of a ticket, such as a serial number"),
              (N_("Name in Japanese"), N_("Name in English"), N_("What is entered"), N_("Key"), N_("Choices"),
               N_("Form of the text"), N_("Hint for agents"), N_("Hint in English"),
               N_("A ticket cannot be resolved without it"),
               N_("When it is asked for"), N_("In one of these queues"), N_("When it came by"))),
        Place("/admin/products", "package", N_("Products and reasons"),
              N_("What is sold, in which lots, and why it comes back"),
              (N_("A file of products and lots"), N_("Japanese name"), N_("English name"), N_("Add a reason"))),
        Place("/admin/orders", "shopping-cart", N_("Orders from a file"),
              N_("What customers bought, as the shop exports it"), (N_("File"),)),
        Place("/queues/accuracy", "target", N_("Routing accuracy"),
              N_("How often inquiries reach the right queue, how sure the desk has to be, and what it has learned")),
        Place("/admin/guesses", "lightbulb", N_("Guesses shown"),
              N_("Which guesses are made from customers’ words: urgency, feeling, language, similar tickets")),
    )),
    (N_("Customer feedback"), (
        Place("/admin/surveys", "message-square-heart", N_("Surveys"), N_("What customers are asked, and when"),
              (N_("Queue"), N_("Name"), N_("When"), N_("Scale"), N_("How customers are asked"),
               N_("Minutes to wait before asking"), N_("Days for which nobody is asked again"),
               N_("Question in Japanese"), N_("Question in English"),
               N_("Further questions in Japanese, a line each"), N_("Further questions in English, a line each"),
               N_("Ask from now on"), N_("Customer segment"))),
        Place("/admin/segments", "users-round", N_("Customer segments"),
              N_("Customers by what they bought, their tickets or their language"),
              (N_("Name of the segment"), N_("Conditions"))),
        Place("/reports/schedules", "calendar-clock", N_("Reports by mail"), N_("Which report goes to whom, and when"),
              (N_("Name of the report"), N_("Report"), N_("Period"), N_("Queue"), N_("How often"),
               N_("Weekday, if weekly"), N_("Day of the month, if monthly (1 to 28)"), N_("Time of day"),
               N_("Time zone"), N_("Attached"), N_("Agents who get it, each in their language"),
               N_("Other addresses, a line each"), N_("Language of other addresses"))),
        Place("/admin/tokens", "key-round", N_("Keys for programs"), N_("Who else reads the reports"),
              (N_("Which program"),)),
        Place("/reports/topics", "tags", N_("Topics of the report"), N_("What comments and mails are read for"),
              (N_("Japanese name"), N_("English name"), N_("Its words"), N_("Hand everything it knows to"),
               N_("Words that move to the new topic"))),
    )),
)  # fmt: skip


def places() -> list[Place]:
    """All of them, in the order of the page."""
    return [place for _, group in GROUPS for place in group]


async def page(request: Request) -> Response:
    """The index; with `q`, those places in whose words each of the words typed occurs, in either language, or among
    their other names."""
    frame, told = await look(request, _seen)
    language = frame["me"]["language"]
    typed = request.query_params.get("q", "")[:LONGEST].strip()
    groups = found(typed, _reader(request, language), _reader(request, "en"))
    return html(request, "administration/page.html", language,
                **(frame | told | {"view": "administration", "typed": typed, "groups": groups}))  # fmt: skip


def found(typed: str, words: Callable[[str], str], other: Callable[[str], str]) -> list[dict[str, Any]]:
    """Groups as `{title, places}` and their places as `{place, holds}`, `holds` the settings that were meant."""
    asked = _meant(typed)
    groups = []
    for title, group in GROUPS:
        shown = []
        for place in group:
            said = [place.name, place.purpose, *place.holds]
            named = [words(each) for each in said] + [other(each) for each in said]
            whole = _plain(" ".join([*named, SYNONYMS.get(place.path, "")]))
            if all(word in whole for word in asked):
                meant = [words(each) for each in place.holds if asked and _is_meant(asked, words(each), other(each))]
                shown.append({"place": place, "holds": meant})
        if shown:
            groups.append({"title": title, "places": shown})
    return groups


def _seen(_db: Session, agent: Agent) -> dict[str, Any]:
    access.supervisor(agent)
    return {}


def _reader(request: Request, language: str) -> Callable[[str], str]:
    return renderer_of(request).gettext(language)


def _meant(typed: str) -> list[str]:
    """The words that tell settings apart: "キューを追加" and "add a queue" ask for the queue. Verbs alone are kept."""
    plain = _plain(typed)
    return _VERBS.sub(" ", plain).split() or plain.split()


def _is_meant(asked: list[str], *names: str) -> bool:
    return any(word in _plain(name) for name in names for word in asked)


def _plain(text: str) -> str:
    """Without regard to width, capitals and the two kana."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(chr(ord(sign) - 0x60) if "ァ" <= sign <= "ヶ" else sign for sign in folded)


ROUTES = (get("/admin", page),)
