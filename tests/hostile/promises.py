"""What holds for every mail whatever its bytes: the reader's promises, as one function that says which was broken.

Property tests and the fuzzer hold the same ones.
"""

import re
import unicodedata
from collections import Counter
from datetime import UTC
from html.parser import HTMLParser

from helpdesk.mail import parse
from helpdesk.mail.parse import Email

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\r]")
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_RUNS = re.compile(r"(javascript|vbscript|data:text|data:image/svg|//)")
_NEVER_NAMED = {"id", "class", "name", "srcset", "srcdoc", "formaction", "background", "action", "ping", "poster"}
_NEVER = {"script", "style", "svg", "math", "iframe", "object", "embed", "form", "input", "button", "base", "meta",
          "link", "template", "noscript", "textarea", "xmp", "title", "frame", "plaintext"}  # fmt: skip


def broken(email: Email) -> str:
    """The first promise that this answer of the reader breaks, or "" when it keeps them all."""
    if failed := [problem for problem in email.problems if problem.startswith("reader_failed")]:
        return failed[0]
    if "time_cut" in email.problems:
        return "took too long"
    if not email.unreadable and email.sender is None and not email.is_bounce:
        return "nobody wrote it and it is not parked"
    return _of_texts(email) or _of_words(email) or _of_files(email) or _of_page(email) or _of_limits(email)


def _of_texts(email: Email) -> str:
    people = [each for each in (email.sender, email.reply_to, *email.to, *email.cc) if each]
    lines = [email.subject, email.message_id, *email.in_reply_to, *email.references, email.bounced_message_id,
             *(each.name for each in people), *(each.address for each in people)]  # fmt: skip
    texts = [*lines, email.text, email.reply_text, email.quoted_text, email.signature, email.html]
    for text in texts:
        if found := _FORBIDDEN.search(text):
            return f"a forbidden character {found[0]!r} in {text[:80]!r}"
        if not unicodedata.is_normalized("NFC", text):
            return f"not in normal form: {text[:80]!r}"
    for line in lines:
        if "\n" in line or _TURNS.search(line):
            return f"more than a line, or it turns: {line[:80]!r}"
    return ""


def _of_words(email: Email) -> str:
    """Every line with words is in the reply, the quote or the signature, as often as it was in the text."""
    placed = Counter[str]()
    for text in (email.reply_text, email.quoted_text, email.signature):
        placed.update(line.strip() for line in text.split("\n"))
    asked = Counter(line.strip() for line in email.text.split("\n"))
    del placed[""], asked[""]
    return "" if asked == placed else f"words lost or made up: {(asked - placed) or (placed - asked)!r:.200}"


def _of_files(email: Email) -> str:
    for file in email.attachments:
        name = file.name
        if not name or name in (".", "..") or re.search(r"[/\\\x00-\x1f\x7f]", name) or _TURNS.search(name):
            return f"an unsafe name {name!r}"
        if len(name.encode("utf-8")) > 200 or name != name.strip() or name.startswith(".") or name.endswith("."):
            return f"an unsafe name {name!r}"
        if re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name, re.I):
            return f"a reserved name {name!r}"
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", file.content_type, re.A) or re.search(r"[<>\s]", file.content_id):
            return f"an odd type or id {file.content_type!r} {file.content_id!r}"
    return ""


class _Seen(HTMLParser):
    """What a browser would act upon and must never meet."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in _NEVER_NAMED or _RUNS.match(plain):
                self.bad = f"an attribute that never passes: {name}={plain[:80]!r}"
            if name == "src" and not plain.startswith(("cid:", "data:image/")):
                self.bad = f"a picture from elsewhere: {plain[:80]!r}"
        if tag in _NEVER:
            self.bad = f"an element that never passes: {tag}"


def _of_page(email: Email) -> str:
    seen = _Seen()
    seen.feed(email.html)
    return seen.bad


def _of_limits(email: Email) -> str:
    if len(email.subject) > 1000 or len(email.to) > 500 or len(email.references) > 100 or len(email.attachments) > 1000:
        return "more than the limits allow"
    if len(email.text) > parse.TEXT_CHARACTERS + 10_000:
        return "a longer text than the limits allow"
    if email.sent_at is not None and email.sent_at.tzinfo is not UTC:
        return "a time that is not UTC"
    return ""
