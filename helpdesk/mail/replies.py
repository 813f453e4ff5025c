"""The new words of a reply, told apart from what it quotes and from the signature below it.

The one idea: every line goes to exactly one of three places and none is dropped; when in doubt it stays with
the reply. Lines are classified one by one, Japanese forms first, with no expression that runs over the whole
text, so a megabyte costs a megabyte's time. Forwards are never cut, and quotes with answers between them stay.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

LINES = 10_000  # lines looked at; whatever follows stays with the last of them
_LOOKED_AT = 300  # characters of one line looked at


@dataclass(frozen=True, slots=True)
class Split:
    """The three places. Together they hold every line of the text that has words on it."""

    reply: str
    quoted: str
    signature: str
    is_forward: bool


def split(text: str, *, is_reply: bool, is_forward: bool) -> Split:
    """Tell the new part of a mail from its quotes and signature; linear in `text`.

    `is_reply` says that the headers or subject mark a reply: only then does a bare block of `差出人:` /
    `From:` lines, which a customer may also copy into a new mail, end the new part. A text that would leave no
    words of its own although nothing marks the quoted lines is kept whole.
    """
    lines = text.split("\n", LINES)
    keys = [_key(line) for line in lines]
    if is_forward:
        return Split(text.strip("\n"), "", "", True)
    attribution_end = lru_cache(maxsize=None)(partial(_attribution_end, keys))  # asked for three times a line
    cut, forwarded = _unmarked_quote(keys, attribution_end, is_reply)
    if forwarded:
        return Split(text.strip("\n"), "", "", True)

    body, quoted = list(range(cut)), list(range(cut, len(lines)))
    signature: list[int] = []
    body, below = _without_signature(lines, keys, body)
    segments = _segments(keys, attribution_end, body)
    while segments and segments[-1].is_quote and (segments[-1].is_attributed or is_reply):
        quoted = segments.pop().indexes + quoted
    body = [index for segment in segments for index in segment.indexes]
    if not any(keys[index] for index in below):
        body, below = _without_signature(lines, keys, body)
        segments = _segments(keys, attribution_end, body)
    signature = below
    if [segment.is_quote for segment in segments] == [True, False] and segments[0].is_attributed:
        quoted = segments[0].indexes + quoted
        body = segments[1].indexes
    if not any(keys[index] for index in body) and any(keys[index] for index in range(cut, len(lines))):
        return Split(text.strip("\n"), "", "", False)
    return Split(_joined(lines, body), _joined(lines, sorted(quoted)), _joined(lines, signature), False)


def phones(signature: str, reply: str) -> tuple[str, ...]:
    """Telephone numbers as typed: all but the fax numbers of a signature, labeled ones from the end of the reply."""
    found: dict[str, None] = {}
    for line in signature.split("\n")[:60]:
        for number in _PHONE.finditer(line[:_LOOKED_AT]):
            if not _FAX.search(line[: number.start()][-12:]):
                found.setdefault(number[0].strip())
    for line in reply.split("\n")[-12:]:
        for labeled in _LABELED_PHONE.finditer(line[:_LOOKED_AT]):
            found.setdefault(labeled[1].strip())
    return tuple(found)[:10]


def _key(line: str) -> str:
    """A line as the rules see it: width folded, blanks trimmed, bounded."""
    line = line[:_LOOKED_AT]
    return (line if line.isascii() else unicodedata.normalize("NFKC", line)).strip()


def _joined(lines: list[str], indexes: list[int]) -> str:
    return "\n".join(lines[index] for index in indexes).strip("\n").rstrip()


# Quotes without marks -----------------------------------------------------------------------------------------------

_MARKED = re.compile(r"(?:>|›|》|\|(?=\s)(?!.*\|$)|[A-Za-z]{1,3}>\s)")
_BELOW = re.compile(
    r"(この(行|線|メッセージ)より(上|うえ)に|ここから上に(返信|ご記入)|(please )?(type|write|reply) (your"
    r" )?(reply |response )?above this line|reply above|##-.*-##)",
    re.I,
)
_ORIGINAL = re.compile(
    r"[-_=*─━\s]{2,}\s*(original (message|mail)|original|元のメッセージ|元のメール|元メール|オリジナル"
    r" ?メッセージ|返信元(の)?メッセージ|受信メール|前回のメール|引用元?"
    r"|ursprüngliche nachricht|message d'origine|mensaje original|mensagem original|messaggio originale"
    r"|исходное сообщение|oryginalna wiadomość|oorspronkelijk bericht"
    r"|原始邮件|原邮件|원본 ?메(시지|일))\s*[-_=*─━\s]{2,}",
    re.I,
)
_FORWARDED = re.compile(
    r"(?:[-_=*─━\s]{2,}\s*(forwarded (message|mail|by.*)|転送(された)?(メッセージ|メール)|転送"
    r"|weitergeleitete nachricht|message transféré|mensaje reenviado|mensagem encaminhada"
    r"|messaggio inoltrato|doorgestuurd bericht|пересылаемое сообщение|转发的?邮件)\s*[-_=*─━\s]{2,}"
    r"|(begin forwarded message|転送されたメッセージ|start of forwarded message|(以下、?)?転送(します"
    r"|いたします|メール))\s*:)",
    re.I,
)
_FIELD_NAMES = {
    "from": "差出人 送信者 送信元 発信者 from von de da od van från fra от від 发件人 寄件者 보낸사람",
    "sent": "送信日時 送信日 日時 日付 受信日時 sent date gesendet datum envoyé enviado inviato data wysłano"
    " verzonden отправлено дата надіслано 发送时间 日期 보낸날짜",
    "to": "宛先 受信者 送信先 to an à para a do aan кому till til 收件人 받는사람",
    "cc": "cc ccc bcc 写し копия",
    "subject": "件名 題名 タイトル subject betreff objet asunto assunto oggetto temat onderwerp тема 主题 主旨 제목",
}
_FIELDS = {name: kind for kind, names in _FIELD_NAMES.items() for name in names.split()}
_FIELD_LINE = re.compile(r"[*_>\s]*([^\s:*_]{1,14}(?: [^\s:*_]{1,4})?)[*_\s]*:")
_DATE = re.compile(
    r"\d{4} ?[年/.-] ?\d{1,2} ?[月/.-] ?\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|(令和|平成)\d{1,2}年"
    r"|\d{1,2}:\d{2}|\d{1,2}\.? [A-Za-zé]{3,9}\.?,? \d{4}|[A-Z][a-z]{2,8} \d{1,2},? \d{4}|\d{1,2} \w{3,9} \d{4}"
)
_OPENING = re.compile(
    r"(on|at|am|le|el|il|em|op|den|w dniu|dne|dnia|в|il giorno|in (message|article)|quoting|---)\s", re.I
)
_WROTE = re.compile(
    r"(書きました|書かれました|書き込みました|書いた|申されました|のメール|のメッセージ|書かれたメッセージ|のお便り"
    r"|送信しました|送りました|さんの発言|さんより|からのメッセージ|からのメール|さんは書いています"
    r"|\bwrote|\bwrites|\bschrieb\b.*|a écrit|escribió|ha scritto|escreveu|napisał(\(?a\)?)?"
    r"|написал(\(?а\)?)?|пишет|пише|schreef.*|skrev.*|kirjoitti|写道|寫道|님이 작성)\s*[:。.]*$",
    re.I,
)
_OUTLOOK_RULE = re.compile(r"_{5,}|-{5,}")  # a rule of ━ or ＊ more likely closes the signature above
_RULE_CHARACTERS = set("-_=*~+#.:/|\\━─＝＊■□◆◇☆★○●◎△▲▽▼…‥・･～〜ー―‐–—┃┏┓┗┛┳┻╋═◢◤◥◣♪°+※ﾟ*:｡.:゜★。,oO0∞≪≫《》「」〓")


def _unmarked_quote(keys: list[str], attribution_end: Callable[[int], int], is_reply: bool) -> tuple[int, bool]:
    """Where a quote without marks of its own begins, or the end of the text; and whether this is a forward."""
    for index, key in enumerate(keys):
        if not key or _MARKED.match(key):
            continue
        if key[0] in "-_=*─━ " or ":" in key:
            if _FORWARDED.match(key):
                return len(keys), True
            if _ORIGINAL.match(key):
                return index, False
            if is_reply and _is_field_block(keys, index):
                return _with_rule_above(keys, index), False
        if _BELOW.search(key) and len(key) < 120:
            return index, False
        if is_reply and (end := attribution_end(index)):
            following = next((later for later in keys[end : end + 6] if later), "")
            if following and not _MARKED.match(following):
                return index, False
    return len(keys), False


def _is_field_block(keys: list[str], index: int) -> bool:
    """Three fields of a mail's head on neighboring lines, the sender and the subject or date among them."""
    if not _field(keys[index]):
        return False
    kinds = set()
    misses = 0
    for key in keys[index : index + 10]:
        if kind := _field(key):
            kinds.add(kind)
            misses = 0
        elif key:
            misses += 1
            if misses > 2:
                break
    return len(kinds) >= 3 and "from" in kinds and bool(kinds & {"subject", "sent"})


def _field(key: str) -> str:
    found = _FIELD_LINE.match(key)
    return _FIELDS.get(found[1].lower().replace(" ", ""), "") if found else ""


def _with_rule_above(keys: list[str], index: int) -> int:
    above = index - 1
    while above >= 0 and not keys[above] and index - above < 3:
        above -= 1
    return above if above >= 0 and _OUTLOOK_RULE.fullmatch(keys[above]) else index


def _attribution_end(keys: list[str], index: int) -> int:
    """Where the line that introduces a quote ends (it may be wrapped over three), or 0 if there is none here."""
    first = keys[index]
    is_likely = _DATE.search(first) or "@" in first or _OPENING.match(first) or _WROTE.search(first[-80:])
    if len(first) < 6 or not is_likely:
        return 0
    joined = ""
    for offset in range(3):
        if index + offset >= len(keys) or not keys[index + offset] or (offset and _MARKED.match(keys[index + offset])):
            return 0
        joined = f"{joined} {keys[index + offset]}".strip()
        if _introduces(joined):
            return index + offset + 1
        if joined.endswith(("。", "?", "!")):
            return 0
    return 0


def _introduces(line: str) -> bool:
    has_date, has_address = bool(_DATE.search(line)), "@" in line
    if _WROTE.search(line[-80:]):
        return has_date or has_address or bool(_OPENING.match(line)) or (line.endswith(":") and "さん" in line)
    return line.endswith(":") and has_date and has_address and bool(re.search(r"<[^<>]*@[^<>]*>", line))


# Marked quotes ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Segment:
    indexes: list[int]
    is_quote: bool
    is_attributed: bool = False


def _segments(keys: list[str], attribution_end: Callable[[int], int], body: list[int]) -> list[_Segment]:
    """Runs of quoted and of own lines; blank lines join the run before them, an attribution joins its quote."""
    segments: list[_Segment] = []
    position = 0
    while position < len(body):
        index = body[position]
        key = keys[index]
        end = 0 if not key or _MARKED.match(key) else attribution_end(index)
        width = 1
        introduces = False
        if end:
            following = next((later for later in keys[end : end + 4] if later), "")
            introduces = bool(_MARKED.match(following)) and end <= body[-1] + 1
            width = end - index if introduces else 1
        is_quote = introduces or bool(key and _MARKED.match(key))
        indexes = body[position : position + width]
        if segments and (not key or (segments[-1].is_quote == is_quote and not introduces)):
            segments[-1].indexes += indexes
        elif not key and not segments:
            segments.append(_Segment(indexes, False))
        else:
            segments.append(_Segment(indexes, is_quote, introduces))
        position += width
    if len(segments) > 1 and not any(keys[index] for index in segments[0].indexes):
        segments[1].indexes = segments[0].indexes + segments[1].indexes
        del segments[0]
    return segments


# Signatures ---------------------------------------------------------------------------------------------------------

_SENT_FROM = re.compile(
    r"((私の)?(iphone|ipad|android|スマートフォン|スマホ|携帯|ドコモ|docomo|ソフトバンク|au|xperia|galaxy"
    r"|aquos|windows ?phone|yahoo!?メール|outlook|gmail|モバイル).{0,40}(から|で)(の)?.{0,20}送信(しました"
    r"|されました|しています)?"
    r"|sent (from|via|with|using) .{2,60}|get outlook for .{2,20}|outlook for (ios|android|mac) ?を入手|(ios"
    r"|android|mac) ?版? ?outlook ?を入手"
    r"|(von meinem|gesendet von|envoyé de|enviado desde|inviato da) .{2,50}|mobile mail)\W*",
    re.I,
)
_SENTENCE = re.compile(
    r"(。|です|ます|ました|ません|でした|ください|下さい|でしょうか|ですか|ますか|たい|ない|[?!])\W*$"
)
_NO_SIGNATURE = re.compile(
    r"注文|商品|製品|型番|品番|数量|金額|円$|エラー|症状|希望|在庫|返品|交換|伝票|追跡|番号は|購入|シリアル"
    r"|バージョン|error|order|serial|product|refund|return|issue|problem"
    r"|^(・|[-*•]\s|\d{1,2}[.)]\s)",
    re.I,
)
_ANSWERED_FORM = re.compile(
    r"(お?名前|氏名|ご?住所|お?届け先|送付先|連絡先|生年月日|郵便番号|電話番号)\s*[:=]|^(name|address|phone("
    r" number)?)\s*:",
    re.I,
)
_TRACES = (
    re.compile(
        r"(tel|phone|mobile|電話|携帯|直通|代表|内線|℡|📞|☎)|(^|\D)(0\d{1,4}-\d{1,4}-\d{3,4}|\+\d{1,3}[ -]\d)", re.I
    ),
    re.compile(r"fax|ファックス|ファクス", re.I),
    re.compile(r"〒|(^|\s)\d{3}-\d{4}(\s|$)"),
    re.compile(r"https?://|www\.|(^|\s)url\b", re.I),
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
)
_COMPANY = re.compile(
    r"株式会社|有限会社|合同会社|\(株\)|\(有\)|財団法人|社団法人|大学|営業部|[部課室店]$|\b(inc|ltd|llc|corp|gmbh)\b",
    re.I,
)


def _without_signature(lines: list[str], keys: list[str], body: list[int]) -> tuple[list[int], list[int]]:
    """Split the tail off if it is a signature: a delimiter, a rule around personal data, or a telephone's own line."""
    kept = list(body)
    while kept and not keys[kept[-1]]:
        kept.pop()
    while kept and _SENT_FROM.fullmatch(keys[kept[-1]].lstrip("-_ ")):
        kept.pop()
        while kept and not keys[kept[-1]]:
            kept.pop()
    window = range(max(0, len(kept) - 30), len(kept))
    start = len(kept)
    for place in window:
        line = lines[kept[place]]
        rest = [keys[index] for index in kept[place + 1 :]]
        if line in ("-- ", "--\u3000") or keys[kept[place]] in ("--", "---") and not any(map(_SENTENCE.search, rest)):
            if len([key for key in rest if key]) <= 20 and not any(map(_MARKED.match, rest)):
                start = place
                break
        elif _is_rule(keys[kept[place]]) and not _closes_a_list(rest) and _is_personal(rest):
            start = place
            break
    else:
        paragraph = len(kept)
        while paragraph > 0 and len(kept) - paragraph < 14 and keys[kept[paragraph - 1]]:
            paragraph -= 1
        block = [keys[index] for index in kept[paragraph:]]
        if (
            0 < paragraph
            and len(block) >= 2
            and _count_traces(block) >= 2
            and _is_personal(block)
            and not any(map(_ANSWERED_FORM.search, block))
        ):
            start = paragraph
    kept = kept[:start]
    while kept and not keys[kept[-1]]:
        kept.pop()
    if not kept and start < len(body) and not any(map(_SENT_FROM.fullmatch, (keys[index] for index in body))):
        return body, []  # nothing but a signature: in doubt these are the customer's words
    return kept, body[len(kept) :]


def _is_rule(key: str) -> bool:
    bare = key.replace(" ", "")
    return len(bare) >= 3 and set(bare) <= _RULE_CHARACTERS and not bare.isdigit()


def _closes_a_list(rest: list[str]) -> bool:
    """Whether the rule before these lines ends what stands above it: a blank line and another rule follow."""
    return bool(rest) and not rest[0] and _is_rule(next((key for key in rest if key), ""))


def _is_personal(block: list[str]) -> bool:
    """Whether lines below a rule are somebody's name, company and addresses, and nothing the customer tells us."""
    words = [key for key in block if key and not _is_rule(key)]
    if (
        not words
        or len(words) > 14
        or any(len(key) > 90 or _NO_SIGNATURE.search(key) or _MARKED.match(key) for key in words)
    ):
        return False
    closed = _is_rule(next(key for key in reversed(block) if key))
    traces = _count_traces(words)
    sentences = sum(bool(_SENTENCE.search(key)) or len(key.split()) > 9 for key in words)
    if any(map(_ANSWERED_FORM.search, words)) and traces < 3:
        return False
    if sentences:
        return sentences == 1 and traces >= 2 and closed and not any(key.endswith("?") for key in words)
    if traces or (len(words) <= 6 and any(map(_COMPANY.search, words))):
        return True
    return closed and len(words) <= 4 and all(len(key) <= 20 and not re.search(r"\d|:", key) for key in words)


def _count_traces(block: list[str]) -> int:
    return sum(any(trace.search(key) for key in block) for trace in _TRACES)


_NUMBER = r"[+(（＋]?[0-9０-９][0-9０-９()（）\-‐‑–—―ー−－. \u3000]{7,20}[0-9０-９]"
_PHONE = re.compile(rf"(?<![0-9０-９A-Za-z@/_〒-]){_NUMBER}(?![0-9０-９@])")
_LABELED_PHONE = re.compile(
    rf"(?:tel|ｔｅｌ|ＴＥＬ|phone|mobile|電話(?:番号)?|携帯(?:電話|番号)?|直通|連絡先|℡"
    rf"|☎)[^0-9０-９+(（＋\n]{{0,8}}({_NUMBER})",
    re.I,
)
_FAX = re.compile(r"(fax|ＦＡＸ|Ｆａｘ|ファックス|ファクス|f[.:：])[^0-9]{0,6}$", re.I)
