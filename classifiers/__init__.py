"""The guesses: which queue an inquiry belongs to, how sure that is, and which words say so.

What a classifier promises: it always names its most probable label; its confidence is a probability measured on texts
it had not seen; it abstains rather than guess below the threshold of the text's language, and on a text with nothing to
read; it shows the words that decided; and the same model gives the same answer everywhere. It needs numpy to answer and
scikit-learn only to learn. Nothing here touches a database.

    router = registry.shipped()
    prediction = router.predict(mail.text, subject=mail.subject)
"""

from typing import TYPE_CHECKING, Any

from classifiers.answers import Example, Prediction, Reason

if TYPE_CHECKING:
    from classifiers.router import Refused, Router

__all__ = ["Example", "Prediction", "Reason", "Refused", "Router"]


def __getattr__(name: str) -> Any:
    """`Refused` and `Router`, loaded when first asked for: numpy takes longer to load than a page may wait."""
    if name not in ("Refused", "Router"):
        raise AttributeError(name)
    from classifiers import router

    return getattr(router, name)
