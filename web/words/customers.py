"""Customers: how they were recognized and what they bought."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "match": {
        "verified": N_("Verified number"),
        "profile": N_("Registered number"),
        "learned": N_("Learned from an earlier call"),
        "ticket": N_("Known from a ticket"),
        "guessed": N_("Guessed from a signature"),
        "company": N_("Main line of a company"),
        "chosen": N_("Chosen by an agent"),
        "several": N_("Several customers share this number"),
        "nobody": N_("Unknown number"),
        "withheld": N_("Number withheld"),
    },
    "source": {
        "verified": N_("verified"),
        "profile": N_("registered"),
        "learned": N_("learned from a call"),
        "ticket": N_("from a ticket"),
        "guessed": N_("guessed from a signature"),
        "import": N_("imported"),
        "agent": N_("entered by an agent"),
    },
    "purchase_status": {
        "ordered": N_("Ordered"),
        "shipped": N_("Shipped"),
        "delivered": N_("Delivered"),
        "returned": N_("Returned"),
        "canceled": N_("Canceled"),
        "cancelled": N_("Canceled"),
        "refunded": N_("Refunded"),
    },
    "customer_part": {
        "name": N_("Name"),
        "reading": N_("Reading"),
        "company": N_("Company"),
        "number": N_("Customer number"),
        "language": N_("Language"),
        "caution": N_("Caution"),
        "note": N_("Note"),
        "contact_points": N_("Numbers and addresses"),
    },
}
