"""Which sentences of an inquiry ask for something.

The idea: a customer tells a story and wants one thing, and the story is full of words that belong to other queues. The
sentence with the question or the wish in it is read a second time, and what stands there counts twice. Patterns belong
to the release: whoever changes them raises `router.FORMAT`, and models made for others are refused.
"""

import re


def sentences(text: str, *, language: str) -> list[tuple[int, int]]:
    """Where the sentences of a normal form begin and end. The line end after a subject ends one, too."""
    found, at = [], 0
    for border in _BORDERS[language].finditer(text):
        if border.end() > at:
            found.append((at, border.end()))
        at = border.end()
    if at < len(text):
        found.append((at, len(text)))
    return [(start, end) for start, end in found if text[start:end].strip()]


def asked(text: str, *, language: str) -> list[tuple[int, int]]:
    """Where the sentences stand that ask, wish or order; the last one where none does; nothing in an empty text."""
    every = sentences(text, language=language)
    asking = [(start, end) for start, end in every if _ASKS[language].search(text, start, end)]
    return asking or every[-1:]


_BORDERS = {"en": re.compile(r"[.!?]+(?=\s)|\n"), "ja": re.compile(r"[。!?]|\n")}
_ASKS = {
    "en": re.compile(
        r"\?|\b(?:please|pls|plz|(?:can|could|would|will) (?:you|u)|can (?:i|we)|could (?:i|we)|i'd (?:like|rather)"
        r"|(?:i|we) (?:want|need|wish)|we'd like|wants?|needs?|wish(?:es)?|asks?|asking|asked|how (?:do|can|to)"
        r"|what|where|when|which|why|let me know|tell me|send|would appreciate|looking for|hoping)\b"
    ),
    "ja": re.compile(
        r"\?|か(?:[。、]|$)|(?:くだ|下)さい|ほしい|欲しい|お願い|たい(?:です|の|と|[。、]|$)|もらえ|いただけ|頂け|教えて|でしょうか|希望"
        r"|ちょうだい|くれ(?:ます|ません|や|[。、]|$)|ますか|どう(?:すれば|したら)|いつ|どこ|なぜ|依頼"
    ),
}
