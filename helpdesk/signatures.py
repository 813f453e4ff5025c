"""What stands below a reply, in the language of whoever reads it."""

from models import Queue


def below(queue: Queue, language: str, *, agent: str) -> str:
    """The signature for a reader of this language (ISO 639-1), with the agent's name in it; "" where there is none.

    A queue that has one signature only signs every mail with it. Where the desk itself writes, `agent` is "", and lines
    that name the agent are left out.
    """
    first, other = queue.signature, queue.signature_en
    if language != "ja":
        first, other = other, first
    lines = (first or other).splitlines()
    return "\n".join(line.replace("{agent}", agent) for line in lines if agent or "{agent}" not in line)
