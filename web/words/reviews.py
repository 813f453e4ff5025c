"""Reviews of answers by a colleague."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "drawn_by": {
        "random": N_("By chance"),
        "low_feedback": N_("Low customer feedback"),
        "long": N_("Took longer than a week"),
        "reopened": N_("Opened again"),
        "low_confidence": N_("Queue was doubtful"),
        "by_hand": N_("By hand"),
    },
    "review_column": {
        "made_at": N_("Time"),
        "ticket": N_("Ticket"),
        "agent": N_("Agent"),
        "reviewer": N_("Reviewer"),
        "drawn_by": N_("Drawn"),
        "week": N_("Week"),
        "seed": N_("Seed"),
        "score": N_("Points of 100"),
        "comment": N_("To the agent"),
        "reply": N_("The agent’s answer"),
    },
}
