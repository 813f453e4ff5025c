"""Searching: what is found, in which order, and what of the words could not be followed."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "search_kind": {
        "all": N_("All"),
        "mail": N_("E-mail"),
        "note": N_("Notes"),
        "call": N_("Calls"),
        "customer": N_("Customers"),
    },
    "search_sort": {
        "best": N_("Best first"),
        "newest": N_("Newest first"),
    },
    "search_problem": {
        "unknown_operator": N_("“%(typed)s” is taken as a word. Did you mean “%(meant)s”?"),
        "unknown_is": N_("“%(typed)s” is left out: “is:” knows open, pending, resolved, mine, unassigned and urgent."),
        "unknown_has": N_("“%(typed)s” is left out: “has:” knows attachment."),
        "not_a_day": N_("“%(typed)s” is left out: it names no day. Write 2026-11-21, 11/21, yesterday or 7d."),
        "unknown_queue": N_("No queue is called “%(typed)s”; the condition is left out."),
        "unknown_agent": N_("No agent is called “%(typed)s”; the condition is left out."),
        "unknown_tag": N_("There is no tag “%(typed)s”; the condition is left out."),
        "only_excluded": N_("Say also what to look for, not only what to leave out."),
        "no_letters": N_("There is no letter or digit in “%(typed)s” to look for."),
        "too_many_words": N_("Words from “%(typed)s” on are left out: twelve are looked for at once."),
        "too_long": N_("Only the first 300 characters are looked for."),
    },
}
