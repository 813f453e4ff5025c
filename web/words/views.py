"""Lists of tickets, and how they are narrowed down, sorted and shared."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "sort": {
        "newest": N_("Newest first"),
        "oldest": N_("Oldest first"),
        "created_newest": N_("Opened last first"),
        "created_oldest": N_("Opened first first"),
        "priority_high": N_("Highest priority first"),
        "priority_low": N_("Lowest priority first"),
        "due_soon": N_("Due soonest first"),
        "due_late": N_("Due latest first"),
    },
    "view": {
        "mine": N_("My tickets"),
        "unassigned": N_("Unassigned"),
        "urgent": N_("Urgent"),
        "all": N_("All open"),
        "pending": N_("Pending"),
        "resolved": N_("Resolved"),
    },
    "row_part": {
        "snippet": N_("First words"),
        "company": N_("Company"),
        "queue": N_("Queue"),
        "confidence": N_("Confidence"),
        "tags": N_("Tags"),
        "created": N_("When it was opened"),
        "assignee": N_("Assignee"),
    },
    "view_audience": {
        "owner": N_("Only me"),
        "queue": N_("Everybody in one queue"),
        "everybody": N_("Everybody"),
    },
    "waiting_for": {
        "us": N_("Our reply"),
        "them": N_("The customer"),
    },
    "assignee_kind": {
        "me": N_("Me"),
        "nobody": N_("No assignee"),
        "somebody": N_("Somebody"),
    },
    "view_language": {
        "ja": N_("Japanese"),
        "en": N_("English"),
    },
    "due_when": {
        "overdue": N_("Overdue"),
        "within:1": N_("Within 24 hours"),
        "within:3": N_("Within 3 days"),
        "within:7": N_("Within 7 days"),
        "any": N_("Something is promised"),
        "none": N_("Nothing is promised"),
    },
    "due_left": {
        "minutes": N_("%(count)s min left"),
        "hours": N_("%(count)s h left"),
        "days": N_("%(count)s days left"),
        "late_minutes": N_("%(count)s min late"),
        "late_hours": N_("%(count)s h late"),
        "late_days": N_("%(count)s days late"),
    },
}
