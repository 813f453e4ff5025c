"""One spelling for many ways of writing: the form of a text that a model reads.

The idea: what a customer means does not change with the width of a letter, the order number or the signature, so those
are taken away before anything is counted. Every character that stays remembers where it stood in the text as written,
and an explanation can therefore point at the customer's own words. The normal form is for models only; people, search
and storage keep the text as it came.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

VERSION = 1  # kept with every model; a model made for another normal form is refused
LONGEST = 20_000  # characters of the text read; a longer one is cut, so that one answer takes a bounded time
LONGEST_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class Normal:
    """A subject and a text in normal form. `text[i]` came from what stands between `starts[i]` and `ends[i]`:
    in the subject as written before `body`, in the text as written from `body` on."""

    text: str
    starts: list[int]
    ends: list[int]
    body: int

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the normal characters from `start` to before `end` stood; both must be on the same side of `body`."""
        return self.starts[start], self.ends[end - 1]


def normal(text: str, *, subject: str = "") -> Normal:
    """The normal form of a subject and a text, the subject first and divided by a line end.

    Compatibility forms are folded (Unicode NFKC: half-width kana, full-width letters), letters are lower case, runs of
    digits become "0" and runs of white space one space. Web addresses become "url", mail addresses "@". Quoted mail,
    set greetings and the signature go, unless nothing else would be left.
    """
    head, body = _Folded(), _Folded()
    head.take(subject, 0, min(len(subject), LONGEST_SUBJECT))
    cut = text[:LONGEST]
    for start, end in _own_lines(cut):
        body.take(cut, start, end)
    body = _masked(body)
    if head.letters:
        head = _masked(head)
        head.letters.append("\n")
        head.starts.append(len(subject))
        head.ends.append(len(subject))
    return Normal(
        "".join(head.letters + body.letters), head.starts + body.starts, head.ends + body.ends, len(head.letters)
    )


def folded(text: str) -> str:
    """Only the letters of the normal form: NFKC and lower case, with straight quotation marks, nothing taken away."""
    letters = _Folded()
    letters.take(text, 0, len(text))
    return "".join(letters.letters)


def language(text: str) -> str:
    """Which of the desk's two languages a text is written in: "ja" or "en".

    Japanese mail is full of Latin product names and English mail of at most a word or two of Japanese, so one Japanese
    letter in eight is enough for "ja". A text without a single letter counts as "ja", the desk's first language.
    """
    sample = text[:LONGEST]
    japanese = len(_JAPANESE.findall(sample))
    latin = len(_LATIN.findall(sample))
    return "ja" if japanese * 7 >= latin else "en"


def language_share(text: str) -> float:
    """How plainly a text is in the language `language` names: the share of its letters that say so, in [0.5, 1].

    A Japanese letter counts for seven Latin ones, as it does there. 0 for a text without a letter.
    """
    sample = text[:LONGEST]
    japanese, latin = 7 * len(_JAPANESE.findall(sample)), len(_LATIN.findall(sample))
    return max(japanese, latin) / (japanese + latin) if japanese + latin else 0.0


# --- Lines that are the customer's own ------------------------------------------------------------------------------

_QUOTED = re.compile(r"\s*[>＞|]")
_QUOTE_BEGINS = re.compile(
    r"\s*(?:-{2,}\s*(?:original message|forwarded message|元のメッセージ|転送メッセージ)"
    r"|on .{6,120} wrote:\s*$|.{4,80}(?:のメール|さんは書きました|が書きました)[::]\s*$)",
    re.IGNORECASE,
)
_RULE = re.compile(r"(?=(?:\s*\S){2})[-=*_~―=－＿＊☆★◆◇■□\u2500-\u257f\s]+$")
_CONTACT = re.compile(
    r"@|〒|https?:|www\.|(?:tel|fax|phone|mobile|電話|携帯)\b|(?:電話|携帯|住所|担当)[::]|株式会社|有限会社|合同会社"
    r"|(?:inc|ltd|llc|gmbh|co)\.?\s*$",
    re.IGNORECASE,
)
_SIGNS_OFF = re.compile(
    r"\s*(?:(?:best|kind|warm|with kind|many)?\s*(?:regards|wishes)|sincerely(?: yours)?"
    r"|yours (?:sincerely|faithfully|truly)|cheers|thanks|many thanks|thank you|respectfully|敬具|草々|以上)"
    r"\s*[,.!。]*\s*$",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"\s*(?:(?:dear|hi|hello|hey|good (?:morning|afternoon|evening))\b[\w .'/&-]{0,40}[,!.:]?"
    r"|.{0,40}(?:ご担当者|担当者|サポート|お客様(?:窓口|センター|相談室)|御中|係)\s*(?:様|さま|御中)?)\s*$",
    re.IGNORECASE,
)
_MOST_SIGNATURE_LINES = 12


def _own_lines(text: str) -> list[tuple[int, int]]:
    """Where the lines stand that the writer wrote for this message, white space at the end included."""
    lines: list[tuple[int, int]] = []
    at = 0
    for line in text.splitlines(keepends=True):
        lines.append((at, at + len(line)))
        at += len(line)
    own: list[tuple[int, int]] = []
    for start, end in lines:
        line = text[start:end]
        if _QUOTE_BEGINS.match(line) and own:
            break
        if not _QUOTED.match(line):
            own.append((start, end))
    own = _without_signature(text, own)
    if len(own) > 1 and _OPENS.match(text[slice(*own[0])]):
        own = own[1:]
    return own if any(text[start:end].strip() for start, end in own) else lines


def _without_signature(text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The lines above a signature: a rule followed by contact details, or a set closing followed by a name."""
    for number in range(max(1, len(lines) - _MOST_SIGNATURE_LINES - 1), len(lines)):
        line = text[slice(*lines[number])]
        below = [text[start:end].strip() for start, end in lines[number + 1 :]]
        if _RULE.match(line) and (line.rstrip() == "--" or any(_CONTACT.search(each) for each in below)):
            return lines[:number]
        if _SIGNS_OFF.match(line) and len([each for each in below if each]) <= 6 and all(len(e) < 60 for e in below):
            return lines[:number]
    return lines


# --- Letters -------------------------------------------------------------------------------------------------------

_JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z\uff21-\uff3a\uff41-\uff5a\u00c0-\u024f]")


class _Folded:
    """Letters in their folded form, growing, each with its place in the text as written."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def take(self, text: str, start: int, end: int) -> None:
        at = start
        while at < end:
            if run := _PLAIN.match(text, at, end):
                after = run.end()
                if after < end and text[after] > "\u02ff" and _is_mark(text[after]):
                    after -= 1  # the last letter is the mark's
                if after > at:
                    self.letters += text[at:after].lower()
                    self.starts += range(at, after)
                    self.ends += range(at + 1, after + 1)
                    at = after
                    continue
            at = self._cluster(text, at, end)

    def _cluster(self, text: str, at: int, end: int) -> int:
        """Take one letter and the marks after it; returns where they end."""
        after = at + 1
        # A mark belongs to the letter before it: half-width ｶ and ﾞ are one ガ.
        while after < end and text[after] > "\u02ff" and _is_mark(text[after]) and after - at < 8:
            after += 1
        for letter in _fold(text[at:after]):
            self.letters.append(letter)
            self.starts.append(at)
            self.ends.append(after)
        return after


# Runs of letters that are their own normal form but for the case: ASCII, kana, the common signs and Chinese characters.
_PLAIN = re.compile(r"[\x00-\x7f\u3001\u3002\u300c-\u300f\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff]+")


@lru_cache(maxsize=20_000)
def _is_mark(letter: str) -> bool:
    return letter in "\uff9e\uff9f" or unicodedata.combining(letter) != 0


@lru_cache(maxsize=20_000)
def _fold(cluster: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).lower())
    return plain.translate(_STRAIGHT)


_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")  # a telephone types won\u2019t, a computer won't


# --- Masks ---------------------------------------------------------------------------------------------------------

_URL = r"(?P<url>(?:https?://|www\.)[!-~]+)|"
_MAIL = r"(?P<mail>(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8})|"
_OTHERS = (
    r"(?P<digits>\d+)"
    r"|(?P<greeting>(?:いつも|毎々|毎度|大変|平素(?:より|は)?(?:格別の)?){0,3}お世話(?:に|様に)(?:なります|なって(?:い|お)?(?:り)?ます)[。、]?"
    r"|(?:お手数(?:です|をおかけし(?:ます|てすみません)|おかけします|をお掛けし(?:ます|て恐縮です))(?:が)?[、]?)?"
    r"(?:(?:何卒|どうぞ|以上[、]?|ご(?:確認|対応|回答|返信|検討|連絡)の?(?:ほど|程)[、]?)\s*){0,3}"
    r"(?:宜しく|よろしく)(?:お願い|御願い)(?:いた|致|申し上げ)?(?:し)?(?:ます|ました)[。、]?"
    r"|お忙しい(?:中|ところ)(?:恐れ入ります|申し訳(?:ありません|ございません)|恐縮です|すみません)が?[、]?"
    r"|(?:初めまして|はじめまして|こんにち[はわ]|こんばん[はわ]|おはようございます)[。、!]?"
    r"|\b(?:i )?hope (?:this (?:e-?mail|message) finds you|you(?: are|'re) (?:doing )?)\s?well\b[.,!]?"
    r"|\b(?:many )?thanks(?: so much)? in advance\b[.,!]?"
    r"|\b(?:i )?look(?:ing)? forward to (?:your|hearing)[\w ]{0,30}[.,!]?)"
    r"|(?P<space>[\s\x00-\x1f\x7f]{2,}|[^\S ]|[\x00-\x1f\x7f])"  # one space alone stays as it is
)
_MASKS = re.compile(_URL + _MAIL + _OTHERS)
_MASKS_WITHOUT_MAIL = re.compile(_URL + _OTHERS)  # where no @ stands: at every word mail would be looked for
_MASKED_AS = {"url": "url", "mail": "@", "digits": "0", "greeting": " ", "space": " "}


def _masked(folded: _Folded) -> _Folded:
    whole, masked, at = "".join(folded.letters), _Folded(), 0
    for found in (_MASKS if "@" in whole else _MASKS_WITHOUT_MAIL).finditer(whole):
        start, end = found.span()
        mask = _MASKED_AS[str(found.lastgroup)]
        masked.letters += [*whole[at:start], *mask]
        masked.starts += folded.starts[at:start] + [folded.starts[start]] * len(mask)
        masked.ends += folded.ends[at:start] + [folded.ends[end - 1]] * len(mask)
        at = end
    masked.letters += whole[at:]
    masked.starts += folded.starts[at:]
    masked.ends += folded.ends[at:]
    return masked
