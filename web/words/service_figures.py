"""Figures of the service, each with its formula, what stands out in them, and what automation did."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "service": {
        "all": N_("All together"),
        "opened": N_("New tickets"),
        "resolved": N_("Resolved tickets"),
        "backlog": N_("Unresolved at the end of the day"),
        "days": N_("New and resolved tickets by day"),
        "week": N_("New tickets and calls by weekday and hour"),
        "left_out": N_("%(count)s days are still being counted and are missing."),
        "why": N_("n = %(cases)s, %(p)s"),
        "without_today": N_("What stands out is counted without %(day)s, which is not over."),
    },
    "service_against": {
        "before": N_("The days before"),
        "year": N_("A year before"),
        "nothing": N_("Nothing"),
    },
    "service_length": {
        "under": N_("under %(seconds)s s"),
        "seconds": N_("%(seconds)s s"),
        "minutes": N_("%(minutes)s min"),
        "hours": N_("%(hours)s h %(minutes)s min"),
        "full_hours": N_("%(hours)s h"),
        "days": N_("%(days)s d %(hours)s h"),
        "full_days": N_("%(days)s d"),
    },
    "service_figure": {
        "opened": N_("New tickets"),
        "answered": N_("First answers"),
        "answer_median": N_("First answer, median"),
        "answer_p90": N_("First answer, 9 of 10"),
        "answer_wall_median": N_("First answer by the clock, median"),
        "answer_kept": N_("First answer in time"),
        "resolved": N_("Resolved tickets"),
        "resolve_median": N_("Resolution, median"),
        "resolve_p90": N_("Resolution, 9 of 10"),
        "resolve_wall_median": N_("Resolution by the clock, median"),
        "resolve_kept": N_("Resolved in time"),
        "reopen_rate": N_("Reopen rate"),
        "transfers": N_("Transfers a ticket"),
        "first_contact": N_("Done with one answer (FCR)"),
        "growth": N_("Backlog grew by"),
        "offered": N_("Calls offered"),
        "service_level": N_("Service level"),
        "answer_seconds": N_("Average wait (ASA)"),
        "abandonment": N_("Abandonment"),
        "handle_seconds": N_("Handling time (AHT)"),
        "wrap_up_seconds": N_("Wrap-up (ACW)"),
        "first_contact_resolution": N_("Done with one call (FCR)"),
    },
    "service_formula": {
        "opened": N_("Tickets opened on these days, by customers or by the desk."),
        "answered": N_(
            "Tickets that customers began and in which an agent's first answer was given on these days: a mail "
            "of an agent's own, or a call that an agent took. Receipts do not count."
        ),
        "answer_median": N_(
            "From the opening of the ticket to its first answer, in the business hours by which its promises "
            "count, or else of its queue. Half of them took no longer. To 3 per cent; less than 15 seconds is 0."
        ),
        "answer_p90": N_("The same; nine of ten took no longer."),
        "answer_wall_median": N_("The same by the clock on the wall, nights and holidays included."),
        "answer_kept": N_("First answers in the time promised / first answers to which a time was promised."),
        "resolved": N_("How often tickets were resolved on these days."),
        "resolve_median": N_(
            "From the opening of the ticket to the resolving after which it was not opened again, in business "
            "hours. To 3 per cent; less than 15 seconds is 0."
        ),
        "resolve_p90": N_("The same; nine of ten took no longer."),
        "resolve_wall_median": N_("The same by the clock on the wall, nights and holidays included."),
        "resolve_kept": N_("Resolved in the time promised / resolved with a time promised, of those not opened again."),
        "reopen_rate": N_("Resolved on these days and opened again since / resolved on these days."),
        "transfers": N_(
            "Moves to another queue and hand-overs from one agent to another / resolved. Out of triage does not count."
        ),
        "first_contact": N_(
            "First answers after which the customer neither wrote nor called in the ticket within seven days / "
            "first answers of days whose seven days are over. A word of thanks counts as coming back."
        ),
        "growth": N_("Opened and opened again, less resolved."),
    },
    "service_agent": {
        "answered": N_("First answers"),
        "answer_mean": N_("First answer, mean"),
        "resolved": N_("Resolved tickets"),
        "resolve_mean": N_("Resolution, mean"),
        "reopened": N_("Reopen rate"),
    },
    "service_column": {
        "of": N_("Of what"),
        "figure": N_("Figure"),
        "value": N_("Value"),
        "cases": N_("Cases"),
        "low": N_("Lower bound"),
        "high": N_("Upper bound"),
        "before": N_("Value before"),
        "cases_before": N_("Cases before"),
    },
    "service_row": {
        "ticket": N_("Ticket"),
        "subject": N_("Subject"),
        "queue": N_("Queue"),
        "channel": N_("Channel"),
        "agent": N_("Agent"),
        "opened_at": N_("Opened at"),
        "answered_at": N_("First answer at"),
        "answer_open_seconds": N_("First answer after, in seconds of business time"),
        "answer_kept": N_("First answered within the time promised"),
        "ended_at": N_("Resolved at"),
        "resolve_open_seconds": N_("Resolved after, in seconds of business time"),
        "resolve_kept": N_("Resolved within the time promised"),
        "is_reopened": N_("Opened again"),
        "transfers": N_("Transfers"),
    },
    "service_behind": {
        "opened": N_("New tickets"),
        "answered": N_("Tickets by their first answer"),
        "answer_late": N_("First answers after the time promised"),
        "came_back": N_("Customers who came back after the first answer"),
        "resolved": N_("Resolved tickets"),
        "resolve_late": N_("Resolved after the time promised"),
        "reopened": N_("Resolved and opened again"),
        "transferred": N_("Resolved after a transfer"),
        "backlog": N_("Unresolved now"),
        "unanswered": N_("Waiting for a first answer now"),
    },
    "service_finding": {
        "wrap_up_longer": N_("Wrap-up of %(name)s is %(times)s times that of the others: %(now)s against %(before)s."),
        "wrap_up_shorter": N_("Wrap-up of %(name)s is %(times)s times that of the others: %(now)s against %(before)s."),
        "volume_rose": N_("“%(name)s” rose by %(change)s %% against the earlier period: %(now)s after %(before)s."),
        "volume_fell": N_("“%(name)s” fell by %(change)s %% against the earlier period: %(now)s after %(before)s."),
        "level_rose": N_(
            "“%(name)s” has come %(times)s times as often since %(day)s: %(now)s a week after %(before)s."
        ),
        "level_fell": N_(
            "“%(name)s” has come %(times)s times as often since %(day)s: %(now)s a week after %(before)s."
        ),
        "week_stands_out": N_(
            "“%(name)s” stood out in week %(week)s (from %(day)s): %(now)s tickets where %(before)s are usual."
        ),
        "answer_kept_better": N_("“%(name)s”: more first answers in time, %(now)s after %(before)s."),
        "answer_kept_worse": N_("“%(name)s”: fewer first answers in time, %(now)s after %(before)s."),
        "resolve_kept_better": N_("“%(name)s”: more resolved in time, %(now)s after %(before)s."),
        "resolve_kept_worse": N_("“%(name)s”: fewer resolved in time, %(now)s after %(before)s."),
        "reopen_rate_better": N_("“%(name)s”: fewer reopened, %(now)s after %(before)s."),
        "reopen_rate_worse": N_("“%(name)s”: more reopened, %(now)s after %(before)s."),
        "service_level_better": N_("“%(name)s”: the service level rose to %(now)s from %(before)s."),
        "service_level_worse": N_("“%(name)s”: the service level fell to %(now)s from %(before)s."),
    },
    "service_chart": {
        "days": N_("%(opened)s new tickets, %(resolved)s resolved"),
        "backlog": N_("%(now)s unresolved at the end, %(most)s at most"),
        "hours": N_("Most come on %(weekday)s at %(hour)s:00 (%(count)s)"),
    },
    "automation": {
        "routing": N_("Routing"),
        "rule": N_("Rule"),
        "rule_mail": N_("Mails of rules"),
        "macro": N_("Macro"),
        "receipt": N_("Receipts"),
        "survey": N_("Surveys"),
        "canned": N_("Prepared reply"),
    },
    "evaluation_column": {
        "part": N_("What"),
        "name": N_("Queue, rule or text"),
        "language": N_("Language"),
        "count": N_("Times done"),
        "stayed": N_("Settled where it was put"),
        "corrected": N_("Moved by an agent"),
        "triage": N_("Left in triage"),
        "settled": N_("Seven days ago or more, what came of it is known"),
        "wrote": N_("Customer wrote within 3 days"),
        "resolved": N_("Resolved within 7 days"),
        "reopened": N_("Reopened within 7 days"),
        "answered": N_("Answered by the customer"),
        "undone": N_("Taken back"),
    },
    "evaluation_name": {
        "placed": N_("Placed by the desk"),
        "right": N_("Left where it was put"),
        "triage": N_("Triage share"),
        "saved": N_("Time saved, about"),
        "came": N_("What came of it"),
    },
    "evaluation_finding": {
        "none": N_("Nothing happened on these days"),
        "placed": N_("The desk placed %(count)s tickets by itself and left %(triage)s to people."),
        "right": N_("Of %(of)s that are settled or were moved, %(share)s stayed where they were put."),
        "saved": N_("About %(length)s of placing by hand were saved: (%(stayed)s − %(moved)s) × %(seconds)s seconds."),
        "lost": N_(
            "About %(length)s were lost by placing wrongly: (%(stayed)s − %(moved)s) × %(seconds)s seconds is less "
            "than 0."
        ),
        "lowest": N_("Least often right: %(name)s, %(share)s"),
        "line": N_("%(name)s · %(language)s"),
        "moved": N_("Moved by an agent"),
        "in_triage": N_("In triage"),
        "reason": N_("Reason"),
        "tickets": N_("Tickets"),
    },
    "evaluation_formula": {
        "placed": N_(
            "Tickets opened in the period whose first queue the desk chose: by address, number, key words, a "
            "rule or the classifier."
        ),
        "right": N_(
            "Resolved and never moved by an agent / (that + moved to another queue by an agent). What is still "
            "open is in neither."
        ),
        "triage": N_("Left in triage because nothing was sure / (that + placed by the desk)."),
        "saved": N_(
            "(Settled where it was put − moved by an agent) × the seconds that placing one by hand takes, as "
            "chosen above. What was placed wrongly was read once in vain."
        ),
        "came": N_(
            "Of what was done at least seven days ago: whether the customer wrote in the ticket within three "
            "days, and whether it was resolved or opened again within seven."
        ),
    },
}
