"""What stands below a reply, in the language of whoever reads it.

The one idea: a queue's signature is one text, wherever it is typed. A line of it that says only `{en}` begins what
those are sent who write in another language than Japanese. A queue with a signature on one side of that line only, or
with no such line, signs every mail with it.
"""

import re

from models import Queue

_ENGLISH = re.compile(r"^[ \t]*\{en\}[ \t]*$", re.MULTILINE)


def below(queue: Queue, language: str, *, agent: str) -> str:
    """The signature for a reader of this language (ISO 639-1), with the agent's name in it; "" where there is none."""
    japanese, english = parts(queue.signature)
    meant, other = (japanese, english) if language == "ja" else (english, japanese)
    return (meant or other).replace("{agent}", agent)


def parts(signature: str) -> tuple[str, str]:
    """The Japanese signature and the English one, "" for what is not there."""
    japanese, *english = _ENGLISH.split(signature, maxsplit=1)
    return japanese.strip(), "".join(english).strip()


def joined(japanese: str, english: str) -> str:
    """The one text of both, as `parts` takes it apart."""
    japanese, english = japanese.strip(), english.strip()
    return f"{japanese}\n{{en}}\n{english}".strip() if english else japanese
