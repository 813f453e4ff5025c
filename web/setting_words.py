"""Changes of settings in words: which setting, what it said, what it says.

One table has the name of every column that can be set, in the words of its form. What has no name here is shown under
its column's own, so that a new setting is never missing from the history.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from helpdesk import agents, fields, filters, hours, queues
from helpdesk.settings_watched import WATCHED, RowChange
from models import Agent
from web import setting_parts
from web.render import phone
from web.rule_words import Speaker, speaker
from web.setting_parts import Naming
from web.words import N_, sentence

LABELS: dict[str, dict[str, str]] = {
    "queue": {
        "name": N_("Japanese name"), "name_en": N_("English name"), "phone": N_("Phone number"),
        "address": N_("E-mail address"), "language": N_("Spoken to callers"), "greeting": N_("Greeting"),
        "signature": N_("Signature"), "signature_en": N_("Signature in English"), "sender_name": N_("Sender name"),
        "sender_name_en": N_("Sender name in English"),
        "takes_reply_to": N_("The customer is whoever Reply-To names"), "acknowledges": N_("Automatic receipt"),
        "acknowledgment": N_("Words of the receipt"), "needs_approval": N_("A second person approves every mail"),
        "confirms_recipients": N_("Show recipients and files once more"),
        "warns_of_attachment": N_("Warn of a forgotten file"), "warns_of_name": N_("Warn of a wrong name"),
        "warns_of_recipients": N_("Warn of unusual recipients"), "locks_reply": N_("Let one agent reply at a time"),
        "banned_words": N_("Words that must not leave"), "keywords": N_("Key words"),
        "thresholds": N_("How sure the classifier has to be"), "ringing": N_("Agents are rung"),
        "ring_seconds": N_("Rings for, seconds"), "most_misses": N_("Missed in a row, until away"),
        "wrap_up_seconds": N_("Wrap-up, seconds"),
        "needs_disposition": N_("Wrap-up ends only when the outcome is given"),
        "most_waiting": N_("Callers waiting at most"), "longest_wait_seconds": N_("Longest wait, seconds"),
        "overflow_id": N_("The queue behind it"), "calendar_id": N_("Business hours"),
        "when_closed": N_("Callers outside them"), "when_full": N_("Callers beyond that"),
        "callback_key": N_("Key for being called back"), "closed_words": N_("Words to them"),
        "full_words": N_("Words to those beyond"), "service_seconds": N_("Answered within, seconds"),
        "service_percent": N_("Calls, per cent"), "short_abandon_seconds": N_("Not counted if hung up within, seconds"),
        "alarms": N_("Alarms"), "callback_minutes": N_("Call back within, minutes"),
        "assigning": N_("Tickets are given out"), "assigns_away": N_("Also to agents who are away"),
        "assigns_talking": N_("Also to agents on a call or in wrap-up"),
        "returns_minutes": N_("Overdue tickets of agents who are offline return after, minutes"),
    },
    "agent": {
        "name": N_("Name"), "reading": N_("Reading"), "email": N_("E-mail address"), "role": N_("Role"),
        "phone": N_("Phone number"), "extension": N_("Extension"), "languages": N_("Answers calls in"),
        "most_calls": N_("Calls at once"), "most_tickets": N_("Open tickets at most"), "is_active": N_("May sign in"),
        "password_hash": N_("Password"),
    },
    "member": {"level": N_("Turn")},
    "calendar": {
        "name": N_("Calendar name"), "timezone": N_("Time zone"), "week": N_("Every week"),
        "holidays": N_("Public holidays are closed"), "days": N_("Single days"),
    },
    "policy": {
        "name": N_("Policy name"), "queue_id": N_("Queue"), "priority": N_("Priority of the ticket"),
        "channel": N_("How it came"), "calendar_id": N_("Business hours that count"),
        "first_response_minutes": N_("First answer within"), "next_response_minutes": N_("Further answers within"),
        "resolution_minutes": N_("Resolved within"), "at_risk_percent": N_("Time used, per cent"),
        "at_risk_told": N_("When it is at risk"), "at_risk_agent_id": N_("When it is at risk"),
        "breached_told": N_("When it is overdue"), "breached_agent_id": N_("When it is overdue"),
        "position": N_("Place in the order"), "is_active": N_("In use"),
    },
    "preference": {"value": N_("Setting")},
    "tag": {"name": N_("Tag name"), "is_active": N_("In use")},
    "field": {
        "name": N_("Name in Japanese"), "name_en": N_("Name in English"), "choices": N_("Choices"),
        "pattern": N_("Form of the text"), "hint": N_("Hint for agents"), "hint_en": N_("Hint in English"),
        "conditions": N_("When it is asked for"), "is_required": N_("A ticket cannot be resolved without it"),
        "is_active": N_("In use"),
        "position": N_("Place in the order"),
    },
    "canned": {
        "title": N_("Title"), "title_en": N_("English title"), "trigger": N_("Short word"), "text": N_("Japanese text"),
        "text_en": N_("English text"), "queue_id": N_("Queue"), "is_active": N_("In use"),
    },
    "canned_file": {"name": N_("Files")},
    "mailbox": {
        "name": N_("Mailbox name"), "address": N_("E-mail address"), "host": N_("IMAP server"), "port": N_("Port"),
        "security": N_("Encryption"), "user": N_("User name"), "auth": N_("Sign-in"), "client_id": N_("Client ID"),
        "token_url": N_("Token address"), "scope": N_("Scope"), "folder": N_("Folder"),
        "after": N_("After collecting"), "move_to": N_("Move to folder"), "queue_id": N_("Queue"),
        "takes_reply_to": N_("The customer is whoever Reply-To names"), "smtp_host": N_("SMTP server"),
        "smtp_port": N_("Port"), "smtp_security": N_("Encryption"), "smtp_user": N_("User name"),
        "is_active": N_("In use"), "secret": N_("Password"), "client_secret": N_("Client secret"),
        "smtp_secret": N_("Password"),
    },
    "exchange": {
        "label": N_("Display name"), "name": N_("Short name"), "queue_id": N_("Queue"), "is_active": N_("In use"),
        "options": N_("Connection"), "mapping": N_("What its fields mean"), "secret": N_("Password or signing secret"),
        "token": N_("Key"), "token_hash": N_("Key"), "old_token_hash": N_("Key"),
    },
    "return_reason": {
        "name": N_("Japanese name"), "name_en": N_("English name"), "is_active": N_("In use"),
        "position": N_("Place in the order"),
    },
    "blocked": {"reason": N_("Reason")},
    "survey": {
        "name": N_("Title"), "scale": N_("Scale"), "after": N_("When"), "queue_id": N_("Queue"),
        "way": N_("How customers are asked"),
        "delay_minutes": N_("Minutes to wait before asking"), "rest_days": N_("Days for which nobody is asked again"),
        "questions": N_("Question"), "is_active": N_("In use"),
    },
    "segment": {"name": N_("Name of the segment"), "conditions": N_("Conditions"), "deleted_at": N_("Deleted")},
    "topic": {
        "name": N_("Japanese name"), "name_en": N_("English name"), "words": N_("Its words"),
        "is_active": N_("In use"), "position": N_("Place in the order"),
    },
    "rule": {
        "name": N_("Title"), "name_en": N_("English title"), "trigger": N_("When it acts"),
        "after_minutes": N_("How long, where it says “for a while”"),
        "in_hours": N_("Count the queue's business hours only"), "all_of": N_("If all of these hold"),
        "any_of": N_("and one of these"), "acts": N_("Then"), "stops": N_("Do not ask the rules below it then"),
        "is_active": N_("In use"), "position": N_("Place in the order"), "deleted_at": N_("Deleted"),
    },
    "macro": {
        "name": N_("Title"), "name_en": N_("English title"), "queue_id": N_("Queue"),
        "owner_id": N_("Only for me"), "acts": N_("Steps"), "is_active": N_("In use"), "deleted_at": N_("Deleted"),
    },
    "checklist": {
        "name": N_("Title"), "name_en": N_("English title"), "queue_id": N_("Queue"), "items": N_("Steps"),
        "items_en": N_("Steps for tickets in English"), "is_active": N_("In use"), "deleted_at": N_("Deleted"),
    },
    "review_form": {"most": N_("Points from 1 to"), "criteria": N_("What is judged")},
}  # fmt: skip
GROUPS = {
    "queue.language": "language", "queue.ringing": "ringing", "queue.when_closed": "otherwise",
    "queue.when_full": "otherwise", "queue.assigning": "assigning", "agent.role": "role",
    "agent.languages": "language", "member.level": "turn", "policy.priority": "policy_priority",
    "policy.channel": "channel", "policy.at_risk_told": "policy_told", "policy.breached_told": "policy_told",
    "mailbox.security": "mailbox_security", "mailbox.auth": "mailbox_auth", "mailbox.after": "mailbox_after",
    "mailbox.smtp_security": "smtp_security", "survey.after": "survey_after", "survey.scale": "survey_scale",
    "rule.trigger": "trigger",
}  # fmt: skip
"""Whose codes have words."""
POINTERS = {
    "queue_id": "queue", "overflow_id": "queue", "calendar_id": "calendar", "at_risk_agent_id": "agent",
    "breached_agent_id": "agent", "owner_id": "agent",
}  # fmt: skip
RULE_PARTS: dict[str, Callable[[Speaker, Any, str], str]] = {
    "all_of": lambda says, terms, _: says.conditions(terms, ()),
    "any_of": lambda says, terms, _: says.conditions((), terms),
    "acts": lambda says, acts, user: says.acts(acts, user),
    "after_minutes": lambda says, minutes, _: says.length(minutes) if minutes else "",
}
"""Of these the rule's own sentence tells."""
LONGEST = 160
PLACES = {
    "queue": "/admin/queues/{}", "agent": "/admin/agents/{}", "calendar": "/admin/calendars/{}",
    "policy": "/admin/promises/{}", "tag": "/admin/tags", "field": "/admin/fields/{}", "canned": "/admin/canned/{}",
    "mailbox": "/admin/mailboxes/{}", "exchange": "/admin/exchanges/{}", "blocked": "/admin/blocked",
    "survey": "/admin/surveys/{}", "segment": "/admin/segments", "topic": "/reports/topics", "rule": "/admin/rules/{}",
    "macro": "/admin/macros/{}",
    "checklist": "/admin/checklists/{}", "review_form": "/reviews/form",
    "return_reason": "/admin/products#reasons",
}  # fmt: skip

CALLED = ("queue", "agent")
"""What is called otherwise in either language."""

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Names:
    """What settings point to, by kind and id; and who says what a "rule" or a "macro" means, made when asked for."""

    kinds: dict[str, dict[int | None, str]]
    speaker: Callable[[str], Speaker]
    naming: Naming


def names_of(db: Session, agent: Agent, say: Say) -> Names:
    """All that is needed to put changes into the agent's language, in which `say` speaks."""
    kinds: dict[str, dict[int | None, str]] = {
        "queue": {each.id: each.called(agent.language) for each in queues.everyone(db)},
        "calendar": {each.id: each.name for each in hours.everyone(db)},
        "agent": dict(agents.names(db, language=agent.language).items()),
    }
    known = {field.key: field for field in fields.everyone(db)}
    return Names(kinds, functools.cache(lambda user: speaker(db, agent.language, say, user=user)),
                 Naming(say, agent.language, kinds["queue"], known, kinds["agent"],
                        {tag.id: tag.name for tag in filters.tags(db)}))  # fmt: skip


def called(kind: str, number: int | str, name: str, names: Names) -> str:
    """What a thing that was set is called now in the reader's language; `name` where it is called alike in both."""
    return names.kinds[kind].get(int(number), name) if kind in CALLED else name


def told(rows: Sequence[RowChange], names: Names, say: Say) -> list[dict[str, Any]]:
    """Each row as `{kind, name, what, facts, lines}`, `lines` being `{label, was, is}` of each setting that changed;
    `what` is "made", "changed" or "gone". `say` translates."""
    return [_row(row, names, say) for row in rows]


def _row(row: RowChange, names: Names, say: Say) -> dict[str, Any]:
    kind = row["of"]
    what = "made" if row["was"] is None else "gone" if row["is"] is None else "changed"
    facts = {"agent": "", "queue": ""}
    if kind == "member":
        facts = {"agent": names.kinds["agent"].get(row["key"]["agent_id"], ""),
                 "queue": names.kinds["queue"].get(row["key"]["queue_id"], "")}  # fmt: skip
    was, now = row["was"] or {}, row["is"] or {}
    columns = _worth_telling(kind, was or now) if what != "changed" else [*now]
    if kind == "preference":
        lines = _preference(row["key"]["name"], was.get("value"), now.get("value"), say)
    else:
        told = columns if kind != "member" or what == "changed" else ()
        lines = [line for name in told for line in _lines(kind, name, was, now, names, say)]
    for line in lines:  # what differs in spaces alone
        line["is_opaque"] = what == "changed" and line["was"] == line["is"]
    lines += [{"label": say(LABELS[kind].get(name, name)), "was": "", "is": "", "is_opaque": True}
              for name in row.get("hidden", ())]  # fmt: skip
    name = "" if kind == "preference" else row["name"]
    if kind in CALLED:
        name = called(kind, row["key"]["id"], name, names)
    return {"kind": kind, "name": name, "what": what, "facts": facts, "lines": lines}


def _lines(kind: str, name: str, was: Mapping[str, Any], now: Mapping[str, Any], names: Names, say: Say
           ) -> list[dict[str, Any]]:  # fmt: skip
    """What one column said and says: a line, or one for each of the things it holds that differs."""
    label, is_there = say(LABELS[kind].get(name, name)), name in was and name in now
    first, then = (setting_parts.of(kind, name, side.get(name), label, names.naming) for side in (was, now))
    if first is None or then is None:
        told = [_value(kind, name, side[name], names, say) if name in side else "" for side in (was, now)]
        return [_line(label, *told)]
    return [
        _line(part, (first.get(part) or "–") if was else "", (then.get(part) or "–") if now else "")
        for part in dict.fromkeys([*first, *then])
        if not is_there or first.get(part) != then.get(part)
    ]


def _line(label: str, was: str, now: str) -> dict[str, Any]:
    """Both cut to where they differ. "" is said of a row that was not there, or is not."""
    was, now = (" / ".join(each.split("\n")) for each in (was, now))
    if max(len(was), len(now)) > LONGEST:
        was, now = setting_parts.around(was, now, LONGEST)
    return {"label": label, "was": was, "is": now}


def _worth_telling(kind: str, values: Mapping[str, Any]) -> list[str]:
    """Of what was made or is gone: what is not as it always is."""
    fields = WATCHED[kind].table.__pydantic_fields__
    known = [name for name in values if name in LABELS[kind] and name not in ("position", WATCHED[kind].called)]
    return [name for name in known if values[name] and values[name] != fields[name].default]


def _value(kind: str, name: str, value: Any, names: Names, say: Say) -> str:
    if name in POINTERS:
        return names.kinds[POINTERS[name]].get(value, f"#{value}") if value is not None else "–"
    if kind in ("rule", "macro") and name in RULE_PARTS and value is not None:
        return RULE_PARTS[name](names.speaker(kind), value, kind) or "–"
    if name == "week":
        days = [f"{sentence(say, 'weekday', day)} {hours.written(value[day])}" for day in hours.WEEK if value.get(day)]
        return names.naming.joined(days) or "–"
    if name == "days":
        return names.naming.joined([f"{day} {hours.written(then) or '–'}" for day, then in value.items()]) or "–"
    if group := GROUPS.get(f"{kind}.{name}"):
        codes = value if isinstance(value, list) else [value]
        return names.naming.joined([sentence(say, group, str(code)) for code in codes if code is not None]) or "–"
    if name == "phone" and isinstance(value, str):
        return phone(value) or "–"
    if isinstance(value, bool):
        return sentence(say, "yes_no", "yes" if value else "no")
    if isinstance(value, list):
        value = names.naming.joined([str(each) for each in value])
    return "–" if value in (None, "") else str(value)


def _preference(name: str, was: Any, now: Any, say: Say) -> list[dict[str, Any]]:
    """A choice for the whole desk: a switch, which nobody touched and is on; or several things under names."""
    if isinstance(was or now, dict):
        keys = dict.fromkeys([*(was or {}), *(now or {})])
        parts = [(key, (was or {}).get(key, ""), (now or {}).get(key, "")) for key in keys]
        return [_line(sentence(say, "preference", f"{name}_{key}"), str(before or "–"), str(after or "–"))
                for key, before, after in parts if before != after]  # fmt: skip
    on = [sentence(say, "yes_no", "yes" if each or each is None else "no") for each in (was, now)]
    return [_line(sentence(say, "preference", name), *on)]
