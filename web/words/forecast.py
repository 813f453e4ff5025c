"""The words of the forecast."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "forecast_weeks": {
        "2": N_("2 weeks"),
        "4": N_("4 weeks"),
        "6": N_("6 weeks"),
    },
    "forecast_column": {
        "queue": N_("Queue"),
        "way": N_("How it comes"),
        "day": N_("Day"),
        "half_hour": N_("Half hour"),
        "expected": N_("Expected"),
        "low": N_("At least"),
        "high": N_("At most"),
    },
    "forecast_way": {
        "calls": N_("Phone"),
        "written": N_("Written"),
    },
    "forecast": {
        "way": N_("How it comes"),
        "next_week": N_("Next 7 days"),
        "trend": N_("Trend a week"),
        "off": N_("A holiday, of a usual day"),
        "holiday_name": N_("Holiday"),
        "all_ways": N_("Together"),
        "came": N_("Came"),
        "expected": N_("Expected"),
        "half_hour": N_("Half hour"),
        "total": N_(
            "%(count)s inquiries are expected in the next %(days)s days, most of them on %(day)s: %(most)s "
            "(%(low)s to %(high)s)."
        ),
        "better": N_(
            "Tried on past weeks, a day's number was off by %(missed)s. “As on the same day last week” was off by"
            " %(naive)s."
        ),
        "worse": N_(
            "Tried on past weeks, a day's number was off by %(missed)s, more than the %(naive)s of “as on the "
            "same day last week”. Look at last week's numbers, too."
        ),
        "untested": N_("The past is too short to say how far off this may be: five weeks are needed for a first test."),
        "of_way": N_("%(name)s: %(way)s"),
        "holiday": N_("%(day)s is a holiday (%(name)s): %(count)s expected."),
        "busiest": N_("Most come on %(day)s: %(count)s"),
        "busiest_hour": N_("The busiest hour of the next seven days is %(weekday)s at %(hour)s:00 (%(count)s)"),
        "busiest_half": N_("%(day)s: most come in the half hour from %(time)s, %(count)s"),
        "errors": N_("The forecast is nearer than “as last week” in %(better)s of %(count)s queues"),
        "too_short": N_("At least %(days)s days of a past are needed; %(known)s are known."),
        "some_short": N_("Nothing is foreseen where fewer than %(days)s days are known: %(names)s."),
        "left_out": N_("%(count)s days of the past are still being counted and are not used yet."),
        "method": N_(
            "Level × weekday × half hour, a holiday being a weekday of its own, with a trend where there is one; "
            "learned from the desk's own past of up to 60 weeks, the recent ones counting more, odd days held to "
            "what is usual."
        ),
        "range": N_(
            "Four of five days, and half hours, should lie within the range. It is as wide as the errors were "
            "when the last eight weeks were foreseen from what was known before them; small counts are whole "
            "numbers, so more of them lie inside."
        ),
    },
    "forecast_formula": {
        "expected": N_(
            "Sum over the half hours of all days to come, today included. Calls are those offered to a queue; "
            "what is written are new tickets of every other channel."
        ),
        "missed": N_(
            "Sum of |came − expected| a day / sum of what came (WAPE), over the last weeks, each foreseen from "
            "what was known before it."
        ),
        "naive": N_("The same error of the simplest answer: as many as on the same weekday of the last week known."),
        "within": N_(
            "Share of these days whose number lay in the range that was given for them. About 80 % is right: much"
            " more, and the range is too wide."
        ),
        "trend": N_(
            "Median slope of all pairs of the last twelve weeks (Theil–Sen), if a test finds it more than chance "
            "(Mann–Kendall, 5 %). It fades by 15 % a week."
        ),
        "off": N_(
            "What a holiday or a day closed by the calendar brings, of the mean day; one imagined day as quiet as"
            " the quietest weekday is counted in."
        ),
    },
}
