"""Surveys, what customers answer, and what the figures made of it mean."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "survey_after": {
        "resolved": N_("When a ticket is resolved"),
        "call": N_("When a call has ended"),
        "list": N_("When I send it to a list"),
    },
    "survey_scale": {
        "stars": N_("Satisfaction, 1 to 5"),
        "eleven": N_("Recommendation, 0 to 10"),
        "none": N_("No score, words alone"),
    },
    "survey_way": {
        "mail": N_("By e-mail"),
        "sms": N_("By SMS"),
        "either": N_("By e-mail, or by SMS where there is none"),
    },
    "survey_left_out": {
        "sms_off": N_("not asked, no SMS number is set:"),
        "no_mobile": N_("not asked, no mobile number:"),
        "sms_limit": N_("not asked, the day's SMS are used up:"),
        "sms_failed": N_("SMS could not be delivered:"),
        "switched_off": N_("not asked, switched off meanwhile:"),
        "reopened": N_("not asked, opened again:"),
        "nobody_answered": N_("not asked, nobody had answered:"),
        "no_address": N_("not asked, no address:"),
        "machine": N_("not asked, one of our own addresses:"),
        "opted_out": N_("not asked, opted out:"),
        "unreachable": N_("not asked, mail does not arrive:"),
        "asked_lately": N_("not asked, asked lately:"),
        "no_server": N_("not asked, no way to send:"),
        "asked_before": N_("not asked, had this survey before:"),
        "shared_address": N_("not asked, somebody with the same address is:"),
        "stopped": N_("not asked, stopped before:"),
    },
    "feedback_source": {
        "all": N_("All texts"),
        "comments": N_("Comments of surveys"),
        "mails": N_("E-mails"),
        "notes": N_("Notes of calls"),
    },
    "feedback_column": {
        "at": N_("Time"),
        "source": N_("Read from"),
        "score": N_("Score"),
        "sentiment": N_("Feeling (guessed)"),
        "language": N_("Language"),
        "topics": N_("Topics"),
        "text": N_("Text"),
        "ticket": N_("Ticket"),
    },
    "feedback_name": {
        "csat": N_("Satisfied (CSAT)"),
        "nps": N_("Recommendation (NPS)"),
        "response": N_("Answered when asked"),
        "certain": N_("Range beside a share"),
        "topic": N_("Topic"),
        "change": N_("Change"),
        "drives": N_("Pulls down"),
        "groups": N_("Matters that showed themselves"),
        "words": N_("Words that came or went"),
        "feeling": N_("Feeling"),
        "masked": N_("Quotes"),
        "trend": N_("Satisfied customers over time"),
        "interval": N_("95 % interval after Wilson"),
    },
    "feedback_formula": {
        "csat": N_("Answers of 4 or 5 stars ÷ all answers in stars. Who changes an answer counts once, with the last."),
        "nps": N_("Share of 9 and 10 less share of 0 to 6, in points; ± is half the 95 % interval."),
        "response": N_("Customers who have answered ÷ customers who were asked in the period."),
        "certain": N_("The true share lies in it 95 times in 100 (Wilson). Few answers make it wide."),
        "topic": N_(
            "Ten topics are recognised by a model that also weighs your words for them, others by their words alone; "
            "what you correct is learned. Of survey comments it has not seen, it finds about two topics in three and "
            "is right in three of four. A text can be about several. Topics in fewer than 5 texts are not shown."
        ),
        "change": N_(
            "The share of texts in this period against the period of equal length before it. “Rising” and "
            "“falling” are said only where it changed by at least a tenth of what it was and the likelihood ratio "
            "test finds less than 5 % chance of a false one, over all topics together."
        ),
        "drives": N_("Who writes of this is less satisfied than who writes of something else, by the same test."),
        "groups": N_(
            "Words that come together in at least 40 texts of a language, found without a list by factoring their"
            " weights; named by the words that weigh most."
        ),
        "words": N_(
            "Words in another share of the texts than before, by the same test with at most 10 % false ones; at "
            "least 100 texts in each period."
        ),
        "feeling": N_(
            "Guessed from the words; right in about two texts of three with three choices. For many texts, never "
            "for judging one."
        ),
        "masked": N_(
            "Names, addresses and numbers of four digits and more are hidden. The ticket opens the original for "
            "those who may see it."
        ),
    },
}
