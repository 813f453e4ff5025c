"""Orders that come in by a file: what a line does, by what its customer was found, and its columns."""

from web.words.marks import N_

WORDS: dict[str, dict[str, str]] = {
    "order_what": {
        "new": N_("New"),
        "changed": N_("Changed"),
        "same": N_("As it is"),
        "refused": N_("Cannot be taken in"),
    },
    "order_because": {
        "order_number": N_("Known by the order"),
        "number": N_("Known by the customer number"),
        "email": N_("Known by the e-mail address"),
        "phone": N_("Known by the telephone number"),
    },
    "order_column": {
        "order_number": N_("Order number"),
        "line": N_("Line of the order"),
        "product": N_("Product"),
        "code": N_("Product code"),
        "quantity": N_("Quantity"),
        "amount": N_("Amount"),
        "price": N_("Unit price"),
        "ordered_at": N_("Ordered on"),
        "status": N_("Status"),
        "number": N_("Customer number"),
        "email": N_("E-mail address"),
        "phone": N_("Phone number"),
        "reason": N_("Why it was not taken in"),
    },
}
