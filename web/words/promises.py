"""Promises of an answer in time, and the hours they are counted in."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "promise": {
        "first_response": N_("First answer"),
        "next_response": N_("Next answer"),
        "resolution": N_("Resolution"),
    },
    "promise_state": {
        "running": N_("due"),
        "at_risk": N_("due soon,"),
        "broken": N_("overdue since"),
        "resting": N_("the clock rests"),
        "kept": N_("in time,"),
        "kept_late": N_("late,"),
    },
    "policy_priority": {
        "4": N_("Urgent priority"),
        "3": N_("High priority"),
        "2": N_("Normal priority"),
        "1": N_("Low priority"),
    },
    "policy_which": {
        "any": N_("For every ticket."),
        "queue": N_("For tickets in %(queue)s."),
        "priority": N_("For tickets with: %(priority)s."),
        "channel": N_("For tickets that came by: %(channel)s."),
        "queue_priority": N_("For tickets in %(queue)s with: %(priority)s."),
        "queue_channel": N_("For tickets in %(queue)s that came by: %(channel)s."),
        "priority_channel": N_("For tickets with: %(priority)s, that came by: %(channel)s."),
        "queue_priority_channel": N_("For tickets in %(queue)s with: %(priority)s, that came by: %(channel)s."),
    },
    "policy_says": {
        "first_response": N_("The first answer is due within %(length)s."),
        "next_response": N_("Whenever the customer writes again, an answer is due within %(length)s."),
        "resolution": N_("The ticket is to be resolved within %(length)s."),
    },
    "policy_told": {
        "assignee": N_("the assignee"),
        "supervisors": N_("supervisors"),
    },
    "length": {
        "minute": N_("1 minute"),
        "minutes": N_("%(count)s minutes"),
        "hour": N_("1 hour"),
        "hours": N_("%(count)s hours"),
        "day": N_("1 day"),
        "days": N_("%(count)s days"),
        "in_hours": N_("%(time)s of business hours"),
    },
    "opening": {
        "open": N_("Open now"),
        "closed": N_("Closed now"),
    },
}
