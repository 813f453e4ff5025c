"""The mark of a sentence that is translated later."""


def N_(message: str) -> str:
    """Marks a sentence for translation; the translating happens when the reader's language is known."""
    return message
