"""What is said all over the desk: languages, weekdays, times, who somebody is, how a page ends."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "language": {
        "ja": N_("Japanese"),
        "en": N_("English"),
        "": N_("Not known"),
    },
    "weekday": {
        "mon": N_("Monday"),
        "tue": N_("Tuesday"),
        "wed": N_("Wednesday"),
        "thu": N_("Thursday"),
        "fri": N_("Friday"),
        "sat": N_("Saturday"),
        "sun": N_("Sunday"),
    },
    "weekday_short": {
        "mon": N_("Mon"),
        "tue": N_("Tue"),
        "wed": N_("Wed"),
        "thu": N_("Thu"),
        "fri": N_("Fri"),
        "sat": N_("Sat"),
        "sun": N_("Sun"),
    },
    "yes_no": {
        "yes": N_("Yes"),
        "no": N_("No"),
    },
    "role": {
        "agent": N_("Agent"),
        "supervisor": N_("Supervisor"),
    },
    "theme": {
        "": N_("Same as the system"),
        "light": N_("Light"),
        "dark": N_("Dark"),
    },
    "channel": {
        "mail": N_("E-mail"),
        "phone": N_("Phone"),
        "form": N_("Web form"),
    },
    "status": {
        "400": N_("That did not work"),
        "403": N_("Not allowed"),
        "404": N_("Nothing here"),
        "409": N_("Somebody was faster"),
        "413": N_("Too large"),
        "422": N_("Please check what you entered"),
        "429": N_("Please wait a moment"),
        "500": N_("Something went wrong"),
        "503": N_("Busy right now"),
    },
    "period": {
        "today": N_("Today"),
        "yesterday": N_("Yesterday"),
        "week": N_("Last 7 days"),
        "month": N_("Last 30 days"),
        "last_week": N_("The week before this one"),
        "last_month": N_("The month before this one"),
        "days": N_("Chosen days"),
    },
    "way": {
        "page": N_("In the desk"),
        "desktop": N_("Desktop"),
        "push": N_("Push"),
        "mail": N_("Mail"),
    },
    "told_kind": {
        "call": N_("A call rings for me"),
        "mentioned": N_("I am mentioned in a note"),
        "assigned": N_("A ticket is given to me"),
        "answered": N_("A customer answers in my ticket"),
        "watched": N_("News in a ticket I watch"),
        "at_risk": N_("A promise of mine is at risk"),
        "breached": N_("A promise of mine is overdue"),
        "reviewed": N_("My answer was rated"),
        "product": N_("Inquiries about a product or its returns rise"),
    },
}
