"""What comes back and what is sold: steps, figures, how they come about, and the warnings."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "return_state": {
        "asked": N_("Return requested"),
        "received": N_("Arrived here"),
        "refunded": N_("Refunded"),
        "exchanged": N_("Exchanged"),
        "repaired": N_("Repaired"),
        "declined": N_("Return declined"),
    },
    "return_step": {
        "received": N_("Has arrived"),
        "refunded": N_("Refund"),
        "exchanged": N_("Exchange"),
        "repaired": N_("Repair"),
        "declined": N_("Decline"),
    },
    "return_because": {
        "order": N_("Order number in the message:"),
        "product": N_("Named in the message:"),
        "lot": N_("Lot in the message:"),
    },
    "return_figure": {
        "returns": N_("Returns"),
        "units": N_("Units returned"),
        "sold": N_("Units sold"),
        "lot_units": N_("Units of the lot"),
        "product_inquiries": N_("Inquiries about products"),
        "return_rate": N_("Return rate"),
        "share": N_("Share of returns"),
        "to_refund": N_("Days from request to refund, median"),
        "to_end": N_("Days from request to end, median"),
        "median": N_("Median"),
        "p90": N_("90th percentile"),
        "of": N_("Returns counted"),
        "over": N_("Of these over"),
        "span": N_("Step"),
        "product": N_("Product"),
        "lot": N_("Lot"),
        "reason": N_("Reason"),
        "week": N_("Week"),
        "others": N_("Other reasons"),
    },
    "return_span": {
        "to_request": N_("From inquiry to request"),
        "to_arrival": N_("From request to arrival"),
        "to_refund": N_("From request to refund"),
        "to_end": N_("From request to end"),
    },
    "return_formula": {
        "returns": N_("Returns requested in the period; withdrawn ones are not counted."),
        "units": N_("The quantities of these returns added up."),
        "sold": N_("Units in orders placed in the period, as far as the desk knows of orders."),
        "lot_units": N_("Units of the lot that were sold, as the list of products says."),
        "product_inquiries": N_(
            "Tickets opened in the period whose words name a product of the list. A ticket counts once for each "
            "product; merged tickets are one."
        ),
        "return_rate": N_(
            "Units returned in the period of units sold in it, with the 95% interval after Wilson. Sales of one "
            "month come back in the next, so a quarter says more than a week. No rate is shown of fewer than 20 "
            "units, nor where more came back than the desk knows to be sold."
        ),
        "share": N_("Returns for this reason of all returns."),
        "to_end": N_(
            "From request to refund, exchange, repair or refusal, in days. Kaplan-Meier: a return that is not "
            "over counts as longer than until now; where fewer than half are over there is no median yet."
        ),
        "to_refund": N_(
            "From request to refund, in days. Kaplan-Meier: what is not over counts as longer than until now, "
            "what ended otherwise as longer than until then."
        ),
        "median": N_("Half of the returns take no longer, by the Kaplan-Meier estimate."),
        "p90": N_("Nine in ten returns take no longer, by the Kaplan-Meier estimate."),
        "rising": N_(
            "The last seven days are held against the eight weeks before. If nothing had changed, each case "
            "would fall into the last week by its share of the days: the number there is then binomial, and the "
            "probability of so many or more is computed exactly. All products are tested together, so that at "
            "most 5% of what is told is expected to be chance (Benjamini and Hochberg). Told is what has at "
            "least 4 cases and one and a half times the pace. A product that would not rise without one lot is "
            "told of by that lot. A desk that is younger than three weeks is not looked at."
        ),
    },
    "return_finding": {
        "none": N_("Nothing came back in this period."),
        "reason": N_("The most frequent reason is “%(name)s”: %(count)s returns, %(share)s"),
        "time": N_("Half of %(of)s returns are over within %(days)s days of the request"),
        "busiest": N_("Most returns in one week: %(count)s, in the week of %(day)s"),
        "highest": N_("%(name)s has the highest return rate: %(share)s (95 %% interval %(low)s to %(high)s)"),
        "highest_unclear": N_(
            "%(name)s has the highest return rate, %(share)s (95 %% interval %(low)s to %(high)s), "
            "not clearly above the others"
        ),
        "most_of": N_("Most frequent: %(name)s, “%(reason)s”, %(count)s times"),
        "method": N_(
            "Returns count by the day they were requested. Times are estimated after Kaplan and Meier, rates "
            "have intervals after Wilson."
        ),
    },
    "product_warning": {
        "inquiries_product": N_("Inquiries about %(name)s have risen: %(count)s in seven days, %(expected)s expected"),
        "inquiries_lot": N_(
            "Inquiries about %(name)s, lot %(lot)s, have risen: %(count)s in seven days, %(expected)s expected"
        ),
        "returns_product": N_("Returns of %(name)s have risen: %(count)s in seven days, %(expected)s expected"),
        "returns_lot": N_(
            "Returns of %(name)s, lot %(lot)s, have risen: %(count)s in seven days, %(expected)s expected"
        ),
        "why": N_("%(before)s in the %(days)s days before · %(p)s · %(tested)s tested together"),
    },
    "warning_state": {
        "acknowledged": N_("Acknowledged"),
        "muted": N_("Muted"),
    },
    "return_behind": {
        "returns": N_("Returns behind the number"),
        "inquiries": N_("Inquiries behind the number"),
    },
    "return_row": {
        "ticket": N_("Ticket"),
        "subject": N_("Subject"),
        "queue": N_("Queue"),
        "product": N_("Product"),
        "lot": N_("Lot"),
        "reason": N_("Reason"),
        "quantity": N_("Quantity"),
        "state": N_("State"),
        "order_number": N_("Order"),
        "inquired_at": N_("Inquired"),
        "asked_at": N_("Requested"),
        "received_at": N_("Arrived"),
        "ended_at": N_("Return completed"),
    },
}
