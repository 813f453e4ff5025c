"""What stands outside a mail: who handed it over, and for whom. Every door writes it down the same way."""


def storable(address: str) -> str:
    """An address of the envelope as every database takes it: no NUL, and "?" for bytes that were no UTF-8."""
    return address.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def tag_of(recipients: list[str]) -> str:
    """What stands after the plus in the first tagged address."""
    return next((tag for address in recipients if (tag := address.rpartition("@")[0].partition("+")[2])), "")
