"""Tickets: their states, where they came from and went, what they are to each other, what was guessed of them."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "ticket_state": {
        "open": N_("Open"),
        "pending": N_("Pending"),
        "resolved": N_("Resolved"),
    },
    "routing": {
        "by_rule": N_("Moved by a rule"),
        "by_address": N_("Sent to an address of this queue"),
        "by_dialed_number": N_("Dialed this queue's number"),
        "by_overflow": N_("Passed on from a queue that could not take the call"),
        "by_open_ticket": N_("Continues an open ticket"),
        "by_thread": N_("Reply to an earlier message"),
        "by_classifier": N_("Decided by the classifier"),
        "by_split": N_("Split off from another ticket"),
        "nobody_sure": N_("Nothing was sure enough; please choose the queue"),
        "no_words_yet": N_("No words to read yet; please choose the queue"),
        "by_agent": N_("Chosen by an agent"),
        "by_keywords": N_("Holds key words of this queue"),
    },
    "left_in_triage": {
        "nobody_sure": N_("Nothing was sure enough"),
        "no_words_yet": N_("No words to read yet"),
    },
    "assigning": {
        "manual": N_("By hand: agents take them"),
        "round_robin": N_("In turn: one after the other"),
        "least_busy": N_("To who has the fewest open tickets"),
    },
    "given": {
        "round_robin": N_("Given by the desk: in turn"),
        "least_busy": N_("Given by the desk: fewest open tickets"),
    },
    "priority": {
        "4": N_("Top"),
        "3": N_("High"),
        "2": N_("Normal"),
        "1": N_("Low"),
    },
    "pause": {
        "evening": N_("This evening"),
        "tomorrow": N_("Tomorrow morning"),
        "monday": N_("Monday morning"),
        "three_days": N_("In three days"),
        "customer": N_("Until the customer writes"),
    },
    # What a ticket is to the other, as it is chosen and as it is shown.
    "link": {
        "related": N_("is related to"),
        "duplicates": N_("is a duplicate of"),
        "duplicated": N_("has the duplicate"),
        "child_of": N_("is a part of"),
        "parent_of": N_("has the part"),
    },
    "linked": {
        "related": N_("Related"),
        "duplicates": N_("Duplicate of"),
        "duplicated": N_("Duplicate"),
        "child_of": N_("Part of"),
        "parent_of": N_("Part"),
        "split_from": N_("Split off from"),
        "split_off": N_("Split off"),
    },
    "field_kind": {
        "text": N_("Free text"),
        "number": N_("A number"),
        "date": N_("Date"),
        "choice": N_("One of several"),
        "choices": N_("Any of several"),
        "yes_no": N_("Yes or no"),
    },
    "urgency": {
        "deadline": N_("Deadline"),
        "safety": N_("Safety"),
        "legal": N_("Legal"),
        "business_stopped": N_("Work at a stop"),
        "demand": N_("Asks for action now"),
    },
    "sentiment": {
        "positive": N_("Pleased"),
        "neutral": N_("Neutral"),
        "negative": N_("Displeased"),
    },
    "guess": {
        "urgency": N_("Urgency"),
        "sentiment": N_("Feeling"),
        "language": N_("Language"),
        "similar": N_("Similar solved tickets"),
    },
    "bulk_act": {
        "assign": N_("Assign"),
        "move": N_("Move to queue"),
        "priority": N_("Set priority"),
        "tag": N_("Add tag"),
        "untag": N_("Remove tag"),
        "pend": N_("Put off"),
        "resolve": N_("Resolve"),
        "reopen": N_("Reopen"),
    },
    "bulk_pend": {
        "1": N_("until tomorrow"),
        "3": N_("for 3 days"),
        "7": N_("for a week"),
        "30": N_("for 30 days"),
    },
    "bulk_state": {
        "running": N_("Running"),
        "done": N_("Finished"),
        "cancelled": N_("Stopped"),
        "undoing": N_("Taking back"),
        "undone": N_("Taken back"),
    },
}
