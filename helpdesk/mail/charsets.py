"""Bytes into text, when the label on the bytes is missing, wrong, or speaks a Japanese dialect.

The one idea: a label is evidence, not an order. A declared charset is believed only if it is on our list
and the bytes agree; valid UTF-8 beats any single-byte label; a few bad bytes are replaced where they stand
and never make us guess the whole text again. ISO-2022-JP and EUC-JP are decoded here by way of the cp932
table, because that is what senders mean: half-width kana, ①㈱ and 髙﨑 included.
"""

import re
import unicodedata
from functools import lru_cache

#: Charsets we are willing to decode, by the names senders use. Anything else is treated as unlabeled, so a label
#: can never pick an arbitrary codec of the interpreter (`unicode_escape`, `zlib_codec`).
_CODECS = {
    "utf-8": "utf8 utf-8 utf_8 utf8mb4 unicode-1-1-utf-8 us-ascii ascii ansi_x3.4-1968 646 7bit 8bit"
    " unknown-8bit default",
    "cp932": "shift_jis shift-jis shiftjis sjis x-sjis ms_kanji windows-31j windows-932 ms932 cp932"
    " csshiftjis cswindows31j",
    "jis": "iso-2022-jp iso2022-jp iso2022jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-jp-2004"
    " iso-2022-jp-ms"
    " iso-2022-jp-ext jis cp50220 cp50221 cp50222 csiso2022jp",
    "eucjp": "euc-jp eucjp x-euc-jp x-euc eucjp-ms eucjp-win cp51932 ujis",
    "gb18030": "gb2312 gbk gb18030 cp936 x-gbk gb_2312-80 euc-cn",
    "hz": "hz-gb-2312 hz hz-gb",
    "cp949": "ks_c_5601-1987 ks_c_5601 euc-kr euckr cp949 uhc ks_c_5601-1989 ksc5601",
    "big5hkscs": "big5 big5-hkscs cp950 x-x-big5",
    "iso2022_kr": "iso-2022-kr",
    "utf-16": "utf-16 utf16 ucs-2 unicode",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "utf-7": "utf-7 unicode-1-1-utf-7",
    "cp1252": "iso-8859-1 iso8859-1 latin1 latin-1 l1 cp1252 windows-1252 x-ansi ansi iso_8859-1",
    "iso8859-15": "iso-8859-15 latin9 latin-9",
    "koi8-r": "koi8-r koi8r",
    "koi8-u": "koi8-u",
    "mac-roman": "macintosh mac x-mac-roman",
    "tis-620": "tis-620 windows-874 iso-8859-11",
    "cp437": "cp437 ibm437",
    "cp850": "cp850 ibm850",
    "cp866": "cp866 ibm866",
}
_ALIASES = {alias: codec for codec, aliases in _CODECS.items() for alias in aliases.split()}
_ALIASES |= {f"iso-8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 16)}
_ALIASES |= {"iso-8859-9": "cp1254", "iso-8859-8-i": "iso8859-8"}
_ALIASES |= {f"{prefix}{n}": f"cp{n}" for n in range(1250, 1259) if n != 1252 for prefix in ("windows-", "cp", "x-cp")}

_MULTI_BYTE = {"utf-8", "cp932", "eucjp", "gb18030", "cp949", "big5hkscs"}
_STATEFUL = {"jis", "utf-16", "utf-16-le", "utf-16-be", "utf-7", "iso2022_kr", "hz"}

_JIS_ESCAPE = re.compile(rb"\x1b(\$[@AB]|\$\([@ABCDOPQ]|\([BJIHAT]|&@|[.N].)")
_HALF = re.compile("[\ud800-\udfff]")
_GETA = "\u3013"  # the printer's sign for a character he does not have
_SAMPLE_BYTES = 4096  # what the guesser of last resort is shown


def known(label: str) -> str:
    """The codec we use for a charset label, or "" for one that is not on the list."""
    label = label[:100].split("(")[0].strip().strip("\"'").lower()[:60]
    return _ALIASES.get(label) or _ALIASES.get(label.replace("_", "-"), "")


def decode(data: bytes, declared: str = "", *, hint: str = "", carrier: str = "") -> tuple[str, str]:
    """Text and what had to be mended: "", "charset_unknown", "charset_wrong" or "bytes_replaced".

    `declared` is the label on these bytes, `hint` the label on their surroundings (the body's charset, for a
    raw header). `carrier` is "docomo", "au" or "softbank" when the sender's domain says so: their private
    characters become Unicode emoji or "〓". Linear in `data`; never raises.
    """
    text, problem = _decode(data, declared, hint, carrier)
    if (whole := _whole(text)) != text:
        text, problem = whole, "bytes_replaced"
    return (_emoji(text, carrier) if carrier else text), problem


def nfc(text: str) -> str:
    """Unicode normal form C, with line ends as "\\n" and without control characters and halves of surrogate pairs.

    Of the marks above and below one letter the first 30 are kept (as in the Stream-Safe Text Format of UAX #15):
    normalizing takes the square of their number.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        text = text.translate(_CONTROLS)
    if text.isascii():
        return text
    text = _whole(text)
    mark, too_many = _marks()
    if mark.search(text[_MARKS // 2 :: _MARKS // 2]):  # a run of too many has one of its own in every so many letters
        text = too_many.sub(lambda found: found[0][:_MARKS], text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _whole(text: str) -> str:
    """Halves of surrogate pairs (UTF-7, JSON), which no database and no page can hold: joined, or U+FFFD if alone."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_MARKS = 30


@lru_cache(maxsize=1)
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A combining mark, and a run of more of them than any language writes on one letter."""
    marks = [code for code in range(0x300, 0x20000) if unicodedata.combining(chr(code))]
    starts = [code for code in marks if not unicodedata.combining(chr(code - 1))]
    ends = [code for code in marks if not unicodedata.combining(chr(code + 1))]
    ranges = "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))
    return re.compile(f"[{ranges}]"), re.compile(f"[{ranges}]{{{_MARKS + 1},}}")


def carrier_of(domain: str) -> str:
    """The Japanese mobile carrier that owns a mail domain, or "" for everybody else."""
    for carrier, domains in _CARRIERS.items():
        if any(domain == name or domain.endswith("." + name) for name in domains):
            return carrier
    return ""


_CONTROLS = {code: None for code in (*range(9), 11, *range(14, 32), 127)} | {
    12: "\n",
    0x85: "\n",
    0x2028: "\n",
    0xFEFF: None,
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\ufeff]")
_CARRIERS = {
    "docomo": ("docomo.ne.jp",),
    "au": ("ezweb.ne.jp", "au.com"),
    "softbank": ("softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp", "disney.ne.jp"),
}


def _decode(data: bytes, declared: str, hint: str, carrier: str) -> tuple[str, str]:
    codec = known(declared)
    problem = "charset_unknown" if declared.strip() and not codec else ""
    if data[:3] == b"\xef\xbb\xbf":
        data, codec = data[3:], "utf-8"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and codec not in _MULTI_BYTE:
        return data.decode("utf-16", "replace"), problem
    if codec == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    has_escape = b"\x1b" in data
    if data.isascii() and not has_escape and codec not in _STATEFUL:
        return data.decode("ascii"), problem
    if codec == "jis":
        if has_escape or data.isascii():
            text = iso_2022_jp(data, au_emoji=carrier == "au")
            return text, problem or ("bytes_replaced" if "\ufffd" in text else "")
        codec, problem = "", "charset_wrong"
    elif has_escape and _JIS_ESCAPE.search(data) and (data.isascii() or not codec):
        return iso_2022_jp(data, au_emoji=carrier == "au"), problem or (
            "charset_wrong" if codec not in ("", "utf-8") else ""
        )

    if codec and codec not in ("utf-8", "cp1252") and (exact := _strict(data, codec)) is not None:
        if codec in _MULTI_BYTE or codec in _STATEFUL or not _is_utf8(data):
            return exact, problem
    if (exact := _strict(data, "utf-8")) is not None:
        return exact, problem or ("charset_wrong" if codec not in ("", "utf-8") else "")
    if codec == "cp1252":
        return _latin(data), problem
    if codec and codec in _MULTI_BYTE | _STATEFUL and (mended := _mended(data, codec)) is not None:
        return mended, problem or "bytes_replaced"
    if (
        (other := known(hint))
        and other not in ("utf-8", "cp1252", "jis")
        and (exact := _strict(data, other)) is not None
    ):
        return exact, problem or ("charset_wrong" if codec else "")
    guess = "cp1252" if other == "cp1252" else _guess(data)
    text = _latin(data) if guess == "cp1252" else _lenient(data, guess)
    return text, problem or ("charset_wrong" if codec else "charset_unknown")


def iso_2022_jp(data: bytes, *, au_emoji: bool = False) -> str:
    """ISO-2022-JP as it is really sent (CP50220/50221/50222, ISO-2022-JP-MS, -1, -2004), never raising.

    Knows `ESC ( I` and shift-out half-width kana, row 13, the NEC and IBM extension rows, JIS X 0212 and 0213;
    accepts a missing final escape, a shift left open at a line end, and text whose ESC bytes were stripped on the
    way. With `au_emoji` rows 0x75-0x7E are au's pictures, which overlap the NEC rows, and become "〓".
    """
    if b"\x1b" not in data and data.isascii():
        data = _restore_escapes(data)
    out: list[str] = []
    position, charset = 0, b"(B"
    for escape in _JIS_ESCAPE.finditer(data):
        out.append(_jis_segment(data[position : escape.start()], charset, au_emoji))
        position = escape.end()
        charset = escape[1] if escape[1] != b"&@" else charset
    out.append(_jis_segment(data[position:], charset, au_emoji))
    return "".join(out)


def _jis_segment(data: bytes, charset: bytes, au_emoji: bool) -> str:
    """One run between escapes. A line end inside a two-byte run means the closing escape was lost."""
    if not data:
        return ""
    if charset[:1] == b"$":
        newline = data.find(b"\n")
        if newline >= 0:
            end = newline - (data[newline - 1 : newline] == b"\r")
            return _jis_segment(data[:end], charset, au_emoji) + _jis_segment(data[end:], b"(B", au_emoji)
        return _pairs(data, charset, au_emoji)
    if charset == b"(I":
        return "".join(
            chr(0xFF40 + (byte & 0x7F)) if 0x21 <= byte & 0x7F <= 0x5F else chr(byte & 0x7F) for byte in data
        )
    if b"\x0e" in data:  # shift-out kana of CP50222
        head, _, rest = data.partition(b"\x0e")
        kana, _, tail = rest.partition(b"\x0f")
        return (
            _plain(head, charset)
            + _jis_segment(kana, b"(I", au_emoji)
            + _plain(tail.translate(None, b"\x0e\x0f"), charset)
        )
    return _plain(data, charset)


def _plain(data: bytes, charset: bytes) -> str:
    if charset == b"(J":  # JIS X 0201: a yen sign where ASCII has the backslash; the tilde stays, URLs need it
        data = data.replace(b"\\", b"\xc2\xa5") if data.isascii() else data
    if data.isascii():
        return data.decode("ascii")
    return text if (text := _strict(data, "utf-8")) is not None else data.decode("cp932", "replace")


def _pairs(data: bytes, charset: bytes, au_emoji: bool) -> str:
    data = data.translate(None, b"\x0e\x0f\r\0")
    if charset in (b"$(D", b"$(O", b"$(P", b"$(Q", b"$A", b"$(A", b"$(C"):
        return _foreign_pairs(data, charset)
    table = _jis_table()
    out = []
    index, size = 0, len(data)
    while index + 1 < size:
        first, second = data[index], data[index + 1]
        if first <= 0x20:  # a stray space or control among the pairs is one byte wide
            out.append(chr(first))
            index += 1
            continue
        if first >= 0xA1 and second >= 0xA1:
            first, second = first & 0x7F, second & 0x7F
        if au_emoji and 0x75 <= first <= 0x7E:
            out.append(_GETA)
        else:
            out.append(table.get(first << 8 | second, "\ufffd"))
        index += 2
    if index < size:
        out.append(chr(data[index]) if data[index] <= 0x20 else "\ufffd")
    return "".join(out)


def _foreign_pairs(data: bytes, charset: bytes) -> str:
    high = bytes(byte | 0x80 if byte > 0x20 else byte for byte in data)
    if charset == b"$(D":
        return b"".join(b"\x8f" + high[i : i + 2] for i in range(0, len(high), 2)).decode("euc_jp", "replace")
    if charset == b"$(P":
        return b"".join(b"\x8f" + high[i : i + 2] for i in range(0, len(high), 2)).decode("euc_jis_2004", "replace")
    codec = {b"$A": "gb2312", b"$(A": "gb2312", b"$(C": "euc_kr"}.get(charset, "euc_jis_2004")
    return high.decode(codec, "replace")


@lru_cache(maxsize=1)
def _jis_table() -> dict[int, str]:
    """JIS pairs to text through cp932, rows 1-94 and the IBM rows 95-120 that CP50220 reaches with 8-bit bytes."""
    table = {}
    for row in range(0x21, 0x99):
        for cell in range(0x21, 0x7F):
            lead = (row - 0x21) // 2 + 0x81
            lead += 0x40 if lead > 0x9F else 0
            trail = cell + (0x7E if row % 2 == 0 else 0x20 if cell >= 0x60 else 0x1F)
            try:
                table[row << 8 | cell] = bytes((lead, trail)).decode("cp932")
            except UnicodeDecodeError:
                continue
    return table


def _euc_jp(data: bytes, errors: str) -> str:
    """EUC-JP with the machine-dependent characters the standard codec lacks; raises as a codec does when strict."""
    table = _jis_table()
    out = []
    index, size = 0, len(data)
    while index < size:
        byte = data[index]
        if byte < 0x80:
            end = index + 1
            while end < size and data[end] < 0x80:
                end += 1
            out.append(data[index:end].decode("ascii"))
            index = end
            continue
        following = data[index + 1] if index + 1 < size else 0
        character = None
        width = 2
        if byte == 0x8E and 0xA1 <= following <= 0xDF:
            character = chr(0xFF61 + following - 0xA1)
        elif byte == 0x8F:
            width = 3
            character = data[index : index + 3].decode("euc_jp", "ignore")
        elif byte >= 0xA1 and following >= 0xA1:
            character = table.get((byte & 0x7F) << 8 | following & 0x7F)
        if not character:
            if errors == "strict":
                raise UnicodeDecodeError("euc_jp", data, index, index + 1, "no such pair")
            character, width = "\ufffd", 2 if following >= 0xA1 else 1
        out.append(character)
        index += width
    return "".join(out)


def _restore_escapes(data: bytes) -> bytes:
    """Put ESC back before `$B` ... `(B` when some relay removed the control characters."""
    if b"$B" not in data and b"$@" not in data:
        return data
    lines = data.split(b"\n")
    return b"\n".join(
        _STRIPPED_JIS.sub(lambda run: b"\x1b" + run[1] + run[2] + b"\x1b(B", line) if len(line) < 2000 else line
        for line in lines
    )


_STRIPPED_JIS = re.compile(rb"(\$[B@])((?:[\x21-\x27\x30-\x7e][\x21-\x7e]){1,400}?)\([BJ]")


def _strict(data: bytes, codec: str) -> str | None:
    try:
        if codec == "eucjp":
            return _euc_jp(data, "strict")
        return data.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None


def _lenient(data: bytes, codec: str) -> str:
    return _euc_jp(data, "replace") if codec == "eucjp" else data.decode(codec, "replace")


def _is_utf8(data: bytes) -> bool:
    return not data.isascii() and _strict(data, "utf-8") is not None


def _mended(data: bytes, codec: str) -> str | None:
    """Decoded with a sign for each bad byte, if these are few enough for the label to be right after all."""
    text = _lenient(data, codec)
    bad = text.count("\ufffd")
    good = sum(character > "\x7f" for character in text) - bad
    return text if bad <= 1 + good // 10 and good >= bad else None


_TURKISH = re.compile(rb"[\xf0\xfd\xfe\xd0\xdd\xde]")
_ICELANDIC = re.compile(rb"[\xe1\xe6\xe9\xed\xf3\xfa\xc1\xc6\xc9\xcd\xd3\xda]")


def _latin(data: bytes) -> str:
    """Western text; ş, ğ and ı sent as Latin-1 are told from Icelandic by its accented vowels, which Turkish lacks."""
    if len(_TURKISH.findall(data[:_SAMPLE_BYTES])) >= 2 and not _ICELANDIC.search(data[:_SAMPLE_BYTES]):
        return data.decode("cp1254", "replace")
    return "".join(chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else _CP1252[byte] for byte in data)


_CP1252 = [bytes((byte,)).decode("cp1252", "replace") for byte in range(256)]
_KANA = re.compile("[ぁ-んァ-ヶー]")
_JAPANESE_RUN = re.compile("[ぁ-んァ-ヶー一-龠々、。「」・！？]{2}")
_HALF_KANA = re.compile("[｡-ﾟ]")


def _guess(data: bytes) -> str:
    """The likeliest codec of unlabeled bytes that are not UTF-8: Japanese by validity and look, then by statistics."""
    sample = data[:_SAMPLE_BYTES]
    best, best_score = "", 0.0
    for codec in ("cp932", "eucjp"):
        text = _lenient(sample[: len(sample)], codec)
        broken = text[:-1].count("\ufffd")
        foreign = sum(character > "\x7f" for character in text)
        if not foreign or broken > foreign // 20 or not _JAPANESE_RUN.search(text):
            continue
        score = (len(_KANA.findall(text)) * 2 + foreign - 3 * len(_HALF_KANA.findall(text)) - 5 * broken) / foreign
        if not broken and len(_KANA.findall(text)) >= 2:
            score = max(score, 0.9)
        if score > best_score and (score > 0.8 or foreign < 32):
            best, best_score = codec, score
    if best:
        return best
    if len(data) >= 64:
        from charset_normalizer import from_bytes

        found = from_bytes(sample, steps=3, chunk_size=512, cp_isolation=list(_GUESSABLE)).best()
        if found is not None and found.encoding in _GUESSABLE:
            return _GUESSABLE[found.encoding]
    return "cp1252"


# What the guesser of last resort may answer, by its names for them.
_GUESSABLE = {name: name for name in "cp1252 cp1250 cp1251 cp1253 cp1254 gb18030 cp949 cp932".split()}
_GUESSABLE |= {"koi8_r": "koi8-r", "big5": "big5hkscs", "euc_jp": "eucjp"}


_PRIVATE = re.compile("[\ue000-\uf8ff]")


def _emoji(text: str, carrier: str) -> str:
    """A carrier's private characters as Unicode emoji where we hold its table (docomo's), "〓" elsewhere."""
    if carrier == "docomo":
        return _PRIVATE.sub(lambda found: _DOCOMO.get(ord(found[0]), _GETA), text)
    return _PRIVATE.sub(_GETA, text)


def _docomo_table() -> dict[int, str]:
    runs = {
        0xE63E: "☀☁☔⛄⚡🌀🌁🌂"
        "♈♉♊♋♌♍♎♏♐♑♒♓🎽⚾⛳🎾⚽🎿"
        "🏀🏁📟🚃Ⓜ🚄🚗🚙🚌🚢✈🏠🏢🏣🏥🏦🏧🏨🏪⛽"
        "🅿🚥🚻🍴☕🍸🍺🍔👠✂🎤🎥↗🎠🎧🎨🎩🎪🎫"
        "🚬🚭📷👜📖🎀🎁🎂☎📱📝"
        "📺🎮💿♥♠♦♣👀👂✊✌✋↘↖👣👟👓♿🌑🌔🌓🌙🌕🐶🐱⛵🎄↙",
        0xE6CE: "📲📩📠",
        0xE6D3: "✉",
        0xE6D8: "🆔🔑↩🆑🔍🆕🚩",
        0xE6E2: "１２３４５６７８９０",
        0xE6EC: "❤💓💔💕😃😠😞😖😵⤴🎵♨💠💋✨💡💢👊💣🎶⤵💤❗⁉‼💥💦💧💨〰➰🆗",
        0xE70E: "👕👛💄👖🏂🔔🚪💰💻💌🔧✏👑💍⏳🚲🍵⌚😔😌😅😓😡😒😍👍"
        "😜😉😆😣😏😭😢🆖📎©™🏃㊙♻®⚠🈲🈳🈴🈵↔↕🏫🌊"
        "🗻🍀🍒🌷🍌🍎🌱🍁🌸"
        "🍙🍰🍶🍜🍞🐌🐤🐧🐟😋😁🐴🐷🍷😱",
    }
    return {start + offset: character for start, run in runs.items() for offset, character in enumerate(run)}


_DOCOMO = _docomo_table()
