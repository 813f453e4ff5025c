"""One spelling for everything a customer is known by: phone numbers, mail addresses, names and their readings.

The idea: people type and telephone systems write the same thing in a hundred ways, but rows are compared for equality.
So each way is folded to a key here, once, and a key never stands for something else: a wrong match tells one customer's
story to another, so whatever might not be a number is not one. `phonenumbers` knows which numbers exist; what a
Japanese desk meets around them (内線, 184, labels, brackets, withheld words, channel names) is taken off here first.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from cti import is_withheld
from helpdesk import romaji
from helpdesk.errors import Invalid

__all__ = ["Number", "email_key", "last_four", "name_key", "national", "plain", "read_number", "reading_key", "to_e164"]

LONGEST_TYPED: Final = 200
LONGEST_NAME: Final = 300


@dataclass(frozen=True, slots=True)
class Number:
    """What a text in a telephone's place turned out to be."""

    kind: Literal["number", "withheld", "extension", "sip", "invalid"]
    typed: str
    """The text as it was given."""
    e164: str = ""
    """The key, when `kind` is "number"; "" otherwise."""
    extension: str = ""
    """An inside line behind the number, or on its own; a channel's or browser's name counts as one."""


def read_number(text: str, *, region: str = "JP") -> Number:
    """Whatever stands where a phone number is expected, sorted out. Never raises.

    `text` may be typed by a person, sent by a telephone system, or spoilt by a spreadsheet; `region` ("JP") is assumed
    when it names no country. A number that cannot exist by the numbering plans is "invalid", and so are two numbers at
    once. An empty text is "withheld", as for a caller of whom nothing is said.
    """
    if len(text) > LONGEST_TYPED:
        return Number("invalid", text)
    told = plain(text)
    if is_withheld(told):
        return Number("withheld", text)
    if _SIMPLE.fullmatch(told):
        return _of_digits(text, told, "", region)
    told = _WORD_IN_ANGLES.sub(" ", told).strip()
    if named := _NAMED.fullmatch(told):
        name = named["name"].strip(' "')
        told = named["inner"].strip()
        if name and is_withheld(name) or is_withheld(told):
            return Number("withheld", text)
    if uri := _URI.fullmatch(told):
        number = _of_uri(text, uri["scheme"].lower(), uri["rest"], region)
        if number.kind != "invalid":  # "TEL:03-1234-5678(代)" is no URI but a label
            return number
    if channel := _CHANNEL.fullmatch(told):
        return Number("extension", text, extension=channel["peer"])
    if "@" in told:
        return Number("invalid", text)
    digits, extension = _undressed(told)
    if extension and not digits:
        return Number("extension", text, extension=extension)
    return _of_digits(text, digits, extension, region)


def plain(text: str) -> str:
    """The text in ordinary width: every dash a hyphen, every bracket round, and what is not seen gone.

    For digits and what stands between them; the long mark of kana is a dash here too.
    """
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).translate(_SPELLINGS).strip()


def to_e164(text: str, *, region: str = "JP") -> str:
    """The one international spelling of a phone number, as ITU-T E.164 defines it.

    `text` may be typed any way; see `read_number`. Returns "+" and at most fifteen digits, such as "+81312345678".
    Raises `Invalid("not_a_phone_number")`; a withheld number, an extension and a SIP address are none.
    """
    number = read_number(text, region=region)
    if number.kind != "number":
        raise Invalid("not_a_phone_number", kind=number.kind)
    return number.e164


def national(e164: str, region: str = "JP") -> str:
    """The number as people of `region` write it: 03-1234-5678 at home, +44 20 7183 8750 from abroad.

    What is no E.164 number comes back as it is.
    """
    if not e164.startswith("+"):
        return e164
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    at_home = number.country_code == phonenumbers.country_code_for_region(region)
    style = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def last_four(text: str) -> str:
    """The last four digits, all that a log may know of a number; "" when there are fewer."""
    digits = re.sub(r"[^0-9]", "", plain(text))
    return digits[-4:] if len(digits) >= 4 else ""


def email_key(address: str) -> str:
    """What two spellings of one mailbox have in common; "" when it is no address.

    Case is folded on both sides of the @, full-width ASCII becomes ASCII, an international domain its xn-- form. Dots
    and plus signs stay: `tanaka.@docomo.ne.jp` and `tanaka@docomo.ne.jp` are two people. Only for comparing; write to
    the address as it was given, since RFC 5321 lets the local part mind its case.
    """
    text = address.translate(_WIDE).strip().removeprefix("mailto:").strip("<> ")
    local, at, domain = text.rpartition("@")
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    if not (at and local and domain) or _NOT_IN_ADDRESS.search(local + domain):
        return ""
    return f"{unicodedata.normalize('NFC', local).lower()}@{domain}"


def name_key(name: str) -> str:
    """A name or company as it is searched: 髙橋　様 and 高橋, ﾔﾏﾀﾞ and やまだ, (株)ミナト and ミナト are one.

    Width, case, spaces, old forms of characters, honorifics and legal forms go, and kana are folded as in
    `reading_key`. The key of a beginning is the beginning of the key, honorifics and legal forms aside, so
    that prefix searches work.
    """
    text = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).translate(OLD_TO_NEW).casefold().strip()
    text = _kept(_HONORIFIC.sub("", text), text)
    text = _kept(_LEGAL_FORM.sub("", text), text)
    return _kana(re.sub(r"(.)々", r"\1\1", text))


def reading_key(reading: str) -> str:
    """A reading as it is searched: サトウ, ｻﾄｰ, さとお and さとう are one; おの and おおの stay two.

    Katakana become hiragana, small kana large (ショウコ and シヨウコ, as banks write it), a lengthened vowel a long
    mark however it is written, ぢ and づ become じ and ず, ヴァ becomes バ.
    """
    text = unicodedata.normalize("NFKC", reading[:LONGEST_NAME]).casefold().strip()
    return _kana(_kept(_HONORIFIC.sub("", text), text))


def reading_keys(typed: str) -> list[str]:
    """All keys that a reading begins with which was typed in kana, or in Latin letters: "tanaka" is たなか, too."""
    return list(dict.fromkeys((reading_key(typed), *map(reading_key, romaji.kana(typed)))))


# --- numbers ---------------------------------------------------------------------------------------------------------

_SPELLINGS: Final = str.maketrans(
    dict.fromkeys("ー‐‑‒–—―─━−﹣〜~⁃", "-")
    | dict.fromkeys("・·･\u00a0\u3000\t\n\r", " ")
    | dict.fromkeys("〔【[「『《〈", "(")
    | dict.fromkeys("〕】]」』》〉", ")")
    # Marks that are not seen: direction, joiners, byte order, variation selectors.
    | {chr(code): None for code in (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A))}
    | {chr(code): None for code in (0xAD, 0xFEFF, 0xFE0E, 0xFE0F, *range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0))}
)
_SIMPLE = re.compile(r"\+?[0-9][0-9 ()-]*")
_NUMBERISH = re.compile(r"\(?(?:\+ ?)?[0-9(][0-9 ().-]*")
_DATE = re.compile(r"[0-9]{1,2}([.-])[0-9]{1,2}\1(?:19|20)[0-9]{2} ")  # day, month, year, and then the hour
_COMPUTER = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")  # an IPv4 address
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<inner>[^<>]+)>.*")
_WORD_IN_ANGLES = re.compile(r"^<(?=[^<>]*[^\x00-\x7f])[^<>0-9@:]{1,20}>")
_URI = re.compile(r"(?P<scheme>sips?|tel|callto|sms|whatsapp|client):(?://)?(?P<rest>\S+)", re.IGNORECASE)
_CHANNEL = re.compile(
    r"(?:SIP|PJSIP|IAX2?|SCCP|DAHDI|Local|Agent|Skinny|MGCP|Console|Zap)/"
    r"(?P<peer>[^@;]+?)(?:@.*?)?(?:-[0-9a-f]{4,8})?(?:;[12])?",
    re.IGNORECASE,
)
_COUNTRY_APART = re.compile(r"\(?81[ ().-]")
_CARRIER_CHOSEN = re.compile(r"(?:0033|0036|0077|0088)(?=0[1-9])|(?:001|0033|0061)(?=010[1-9])")
_EXTENSION = re.compile(
    r"(?P<number>.*?)[\s(]*(?:内線(?:番号)?|内|ext(?:ension|n)?|x|#|,+|;ext=)[\s:.=)]*(?P<extension>[0-9]{1,7})番?[\s)]*",
    re.IGNORECASE,
)
_HIDING = re.compile(r"\(?(?P<japans>18[46])\)?[\s-]*(?=[0+(])|(?:\*(?:67|82)|[*#]3[01]#)\s*(?=[0-9+(])")
"""Dialed before a number to hide or show one's own: 184 and 186 in Japan (in America 1-840 is Riverside), *67, #31#."""
_BRACKETED_WORDS = re.compile(r"\([^0-9()]{1,20}\)")
_FICTIONAL = re.compile(r"\+447700900[0-9]{3}")
"""Ofcom's mobile numbers for drama: nobody's, and therefore in every manual and demonstration."""

_WORDS: Final = (
    "電話番号", "電話", "お電話", "携帯電話", "携帯番号", "携帯", "ケータイ", "けいたい", "スマートフォン", "スマホ",
    "モバイル", "固定電話", "固定", "自宅", "会社", "勤務先", "職場", "本社", "支社", "支店", "営業所", "事務所",
    "店舗", "代表番号", "代表", "代", "直通", "連絡先", "ご連絡先", "緊急連絡先", "折返し先", "折り返し先",
    "フリーダイヤル", "フリーコール", "通話料無料", "ナビダイヤル", "IP電話", "ファックス", "ファクス", "本人", "個人",
    "担当者", "担当", "日中", "昼間", "夜間", "telephone", "tel", "phone", "mobile", "mob", "cell", "cellphone", "phs",
    "fax", "ph", "home", "work", "office", "main", "direct", "t", "m", "f", "☎", "☏", "✆", "📞", "📱", "📠",
)  # fmt: skip
_ANY_WORD = "|".join(
    re.escape(word.translate(_SPELLINGS)) + ("(?![a-z])" if word.isascii() else "")
    for word in sorted(_WORDS, key=len, reverse=True)
)
_BEFORE = re.compile(
    rf"(?:[\s:./;&)-]*(?:{_ANY_WORD}))+(?:番号|\s*number|\s*no(?=[\s.:]))?[\s:.;)-]*(?:は\s*)?(?=[\s0-9+(*#])",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"(?<=[0-9)\s])(?:(?:[\s:./;&-]*(?:{_ANY_WORD}))+(?:\s*兼用)?|\s*(?:です|まで|へ))[\s.)]*$", re.IGNORECASE
)


def _of_uri(typed: str, scheme: str, rest: str, region: str) -> Number:
    """RFC 3966 and RFC 3261: a number in the user part is a number, a few digits an extension, else an address."""
    if scheme == "client":
        return Number("extension", typed, extension=rest)
    user, _, parameters = rest.partition(";")
    told = dict(part.partition("=")[::2] for part in parameters.lower().split(";"))
    if scheme in ("sip", "sips"):
        user = user.partition("@")[0].partition(":")[0]
    user = unquote(user).strip()
    context = told.get("phone-context", "")
    if context.startswith("+") and not user.startswith("+"):
        user = context + user.lstrip("0")
    digits = re.sub(r"[ ().-]", "", user)
    number = _of_digits(typed, user, told.get("ext", ""), region)
    if scheme not in ("sip", "sips") or number.kind == "extension":
        return number
    # A device may be registered under any digits, so here nothing is taken for a number that lost its zero.
    is_whole = digits.startswith(("+", "0")) or region != "JP" or number.e164 == f"+{digits}"
    return number if number.kind == "number" and is_whole else Number("sip", typed)


def _undressed(text: str) -> tuple[str, str]:
    """The number without what stands around it, and the extension."""
    text = text.removeprefix("=").strip("'\" ")
    text = re.sub(r"^([0-9]{9,11})\.0$", r"\1", text)  # a number that a spreadsheet took for an amount
    text = re.sub(r"(?<=[0-9])\s*の\s*(?=[0-9])", "-", text)
    extension = ""
    if behind := _EXTENSION.fullmatch(text):
        text, extension = behind["number"], behind["extension"]
    text = _BRACKETED_WORDS.sub(" ", text).strip()
    text = _AFTER.sub("", text)
    if before := _BEFORE.match(text):
        text = text[before.end() :]
    text = text.strip()
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    return text.strip(), extension


def _of_digits(typed: str, text: str, extension: str, region: str) -> Number:
    """A text that should by now be digits and what people put between them."""
    if (hiding := _HIDING.match(text)) and (region == "JP" or not hiding["japans"]):
        text = text[hiding.end() :]
    if not _NUMBERISH.fullmatch(text) or _DATE.match(text) or _COMPUTER.fullmatch(text):
        return Number("invalid", typed)
    digits = re.sub(r"[^0-9]", "", text)
    is_international = "+" in text
    if text == digits and 2 <= len(digits) <= 6:
        return Number("extension", typed, extension=digits)
    if not 7 <= len(digits) <= 20 or not (is_international or len(digits) >= 8):
        return Number("invalid", typed)
    if is_international:
        e164 = _existing("+" + re.sub(r"[^0-9]", "", re.sub(r"\(\s*0\s*\)", "", text)), None)
    else:
        e164 = _existing(digits, region) if region != "JP" else _in_japan(digits, text)
        if not e164 and digits.startswith("00"):
            e164 = _existing("+" + digits[2:], None)
    return Number("number", typed, e164, extension) if e164 else Number("invalid", typed)


def _in_japan(digits: str, text: str) -> str:
    """A number without a country's plus sign, typed in Japan.

    Without its leading zero it is believed only as a spreadsheet leaves it, bare digits of a telephone's length, or
    grouped just as that number is grouped: 3-1234-5678 is one, 123-456-789 an order.
    """
    if chosen := _CARRIER_CHOSEN.match(digits):
        digits = digits[chosen.end() :]
    is_bare = text == digits
    if digits.startswith("810") and len(digits) in (12, 13):  # 81 (0)3: the country, and the zero it replaces
        digits = "81" + digits[3:]
    e164 = _existing(digits, "JP")
    if not e164 or digits.startswith("0"):
        return e164
    if e164 == f"+{digits}":  # grouped, the country stands apart: 8190-1234-5678 is an order
        return e164 if is_bare or _COUNTRY_APART.match(text) else ""
    if is_bare:
        return e164 if len(digits) == 9 or digits.startswith(("50", "60", "70", "80", "90")) else ""
    groups = re.findall(r"[0-9]+", national(e164, "JP"))
    return e164 if re.findall(r"[0-9]+", text) == [groups[0].removeprefix("0"), *groups[1:]] else ""


def _existing(digits: str, region: str | None) -> str:
    """E.164, or "" when no numbering plan has such a number."""
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException:
        return ""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if e164.startswith("+810"):  # 0077 and its like choose a carrier's service, and nobody calls from one
        return ""
    return e164 if phonenumbers.is_valid_number(number) or _FICTIONAL.fullmatch(e164) else ""


# --- addresses -------------------------------------------------------------------------------------------------------

_WIDE: Final = str.maketrans({chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)} | {"\u3000": " "})
_NOT_IN_ADDRESS = re.compile(r"[\s<>,\x00-\x1f\x7f]")

# --- names -----------------------------------------------------------------------------------------------------------

_PAIRS: Final = (
    "髙高 﨑崎 嵜崎 碕崎 濱浜 濵浜 邊辺 邉辺 澤沢 齋斉 齊斉 斎斉 嶋島 嶌島 冨富 峯峰 瀧滝 廣広 國国 眞真 惠恵 榮栄 "
    "藏蔵 龍竜 櫻桜 澁渋 澀渋 德徳 曾曽 條条 壽寿 彌弥 萬万 與与 關関 鐵鉄 黑黒 靑青 增増 淺浅 總総 圓円 會会 學学 "
    "檜桧 舘館 槇槙 薗園 籔藪 埜野 穐秋 桒桑 桺柳 栁柳 𠮷吉 寳宝 寶宝 應応 橫横 豐豊 禮礼 戶戸 巖巌 淵渕 渊渕 瀨瀬 "
    "驛駅 佛仏 兒児 鹽塩 鷗鴎 祿禄 稻稲 蘆芦 假仮 勳勲 遙遥 顯顕 郞郎 縣県 將将 專専 莊荘 壯壮 奧奥 寬寛 實実 當当 "
    "戀恋 拔抜 來来 數数 曉暁 樂楽 樣様 氣気 淨浄 爲為 狹狭 獨独 盡尽 穗穂 竝並 經経 綠緑 緖緒 聲声 舊旧 藝芸 號号 "
    "衞衛 譽誉 讓譲 賴頼 轉転 釋釈 錢銭 靜静 餘余 麥麦 黃黄 齒歯 龜亀 內内 溫温 每毎 鄕郷 舩船 辨弁 辯弁 瓣弁 "
    "亞亜 區区 單単 圍囲 團団 圖図 墮堕 步歩 凉涼 "
)
"""Old, rare or often confused form, then the one it is searched by; to their bearers they are not always one."""
OLD_TO_NEW: Final = str.maketrans(
    {pair[0]: pair[1] for pair in _PAIRS.split()}
    | {chr(code): None for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}  # variants of one character
)
_HONORIFIC = re.compile(
    r"(?:\s*(?:様|さま|サマ|さん|サン|殿|御中)|[\s-](?:san|sama))+$|^(?:mr|mrs|ms|miss|dr)(?:\.\s*|\s+)(?=[a-z])"
)
_LEGAL_FORM = re.compile(
    r"株式会社|有限会社|合同会社|合資会社|合名会社|\((?:株|有|同|資|名)\)|,?\s+(?:co\.,?\s*ltd|inc|ltd|llc|corp)\b\.?$"
)

_VU: Final = re.compile("ゔ([ぁぃぅぇぉゅ]?)")
_OF_VU: Final = {"": "ぶ", "ぁ": "ば", "ぃ": "び", "ぅ": "ぶ", "ぇ": "べ", "ぉ": "ぼ", "ゅ": "びゅ"}
_TO_HIRAGANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_TO_LARGE: Final = str.maketrans("ぁぃぅぇぉっゃゅょゎゕゖぢづをゐゑ", "あいうえおつやゆよわかけじずおいえ")
_VOWEL: Final = {
    kana: vowel
    for vowel, row in zip(
        "あいうえお",
        (
            "あかさたなはまやらわがざだばぱ", "いきしちにひみりぎじびぴ", "うくすつぬふむゆるぐずぶぷ",
            "えけせてねへめれげぜでべぺ", "おこそとのほもよろごぞどぼぽ",
        ),
        strict=True,
    )
    for kana in row
}  # fmt: skip
_LENGTHENS: Final = {"あ": "あー", "い": "いー", "う": "うー", "え": "えいー", "お": "おうー", "": ""}


def _kana(text: str) -> str:
    """Kana folded, accents off Latin letters, and everything gone that is neither letter nor digit."""
    text = text.translate(_TO_HIRAGANA)
    text = re.sub(r"(?<=[ぁ-ゖ])[-‐-―−]", "ー", text)
    text = _VU.sub(lambda found: _OF_VU[found[1]], text).translate(_TO_LARGE)
    if not text.isascii():
        text = "".join(unicodedata.normalize("NFKD", letter)[0] if letter < "\u0250" else letter for letter in text)
    key: list[str] = []
    vowel = ""
    for letter in filter(str.isalnum, text):
        if letter in _LENGTHENS[vowel]:
            key.append("ー")
        else:
            key.append(letter)
            vowel = _VOWEL.get(letter, "")
    return "".join(key)


def _kept(shorter: str, whole: str) -> str:
    """The shorter text, unless nothing is left of it."""
    return shorter if shorter.strip() else whole
