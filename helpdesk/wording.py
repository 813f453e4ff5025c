"""What the words of a mail give away before it leaves: a file they speak of, a name they call, a word that is banned.

Pure text in, places in it out. The one idea: each question is asked of one sentence at a time, and what says "yes" is
outvoted by what stands around it: "attached" means a file of ours, "please attach" one of the customer's, and "attached
to the hose" none at all. Measured on the sentences beside tests/helpdesk/test_wording.py.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helpdesk.customers.contact_points import name_key, reading_key

TEXT_MAX = 50_000
"""Characters looked at. Nobody types more; what is pasted beyond is not a reply."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text, and the words there."""

    start: int
    end: int
    words: str


def attachment_said(text: str) -> list[Place]:
    """The words that say that a file comes with this mail, one for each sentence that says so."""
    found = []
    for start, sentence in _sentences(text):
        outvoted = [each.span() for veto in _NO_FILE for each in veto.finditer(sentence)]
        for said in _FILE.finditer(sentence):
            if not any(begin <= said.start() < end for begin, end in outvoted):
                found.append(Place(start + said.start(), start + said.end(), said[0]))
                break
    return found


def banned(text: str, words: Iterable[str]) -> list[Place]:
    """The banned words in the text, in whatever width, kana and case; a word of Latin letters only as a whole word."""
    keys = {key for word in words if (key := _folded(word)[0].strip())}
    folded, origin = _folded(text[:TEXT_MAX])
    found = []
    for key in keys:
        latin = key.isascii()
        pattern = rf"(?<![a-z0-9]){re.escape(key)}(?![a-z0-9])" if latin else re.escape(key)
        for said in re.finditer(pattern, folded):
            start, end = origin[said.start()], origin[said.end() - 1] + 1
            found.append(Place(start, end, text[start:end]))
    return sorted(found, key=lambda place: (place.start, -place.end))


@dataclass(frozen=True, slots=True)
class Known:
    """By what a customer may be called, each spelled as it is compared."""

    kanji: frozenset[str]
    kana: frozenset[str]
    latin: frozenset[str]
    companies: frozenset[str]


def known_as(names: Iterable[str], readings: Iterable[str] = (), companies: Iterable[str] = ()) -> Known:
    """Everything these names and readings allow somebody to be called. Readings are spelled in Latin letters, too."""
    kanji: set[str] = set()
    kana: set[str] = set()
    latin: set[str] = set()
    for name in names:
        parts = [part for part in re.split(r"[\s・,]+", unicodedata.normalize("NFKC", name)) if part]
        for part in (*parts, "".join(parts)):
            if _KANA_ONLY.fullmatch(part):
                kana.add(reading_key(part))
            elif re.search(r"[\u3400-\u9fff々]", part):
                kanji.add(name_key(part))
            elif part.isalpha():
                latin.add(_sound(part))
    for reading in readings:
        parts = [part for part in reading.split() if part]
        kana.update(reading_key(part) for part in (*parts, "".join(parts)))
        latin.update(_sound(_romanized(part)) for part in parts)
    firms = {key for company in companies if (key := name_key(company))}
    latin.update(_sound(_romanized(key)) or _sound(key) for key in firms)
    return Known(*(frozenset(filter(None, each)) for each in (kanji, kana, latin, firms)))


def wrong_names(text: str, known: Known) -> list[Place]:
    """Where the text calls somebody who is not the customer.

    A name is compared only with what is known in the same script: of a customer known as "Smith" nothing says that
    スミス様 is somebody else. In kanji a name with 様 counts anywhere; other names and titles only where a mail begins.
    A placeholder that was never filled in (〇〇様) is nobody's name.
    """
    text = _unquoted(text)
    found: dict[int, Place] = {}
    for said in _PLACEHOLDER.finditer(text):
        found[said.start()] = Place(said.start(), said.end(), said[0])
    if known.kanji:
        for said in _IN_KANJI.finditer(text):
            if not _is_called(said["name"], said["before"] or "", known):
                found[said.start("name")] = Place(said.start("name"), said.end(), text[said.start("name") : said.end()])
    for start, line in _opening(text):
        for place in _wrong_in_opening(line, known):
            found.setdefault(start + place.start, Place(start + place.start, start + place.end, place.words))
    return [found[start] for start in sorted(found)]


# --- sentences -------------------------------------------------------------------------------------------------------

_QUOTED = re.compile(r"^[ \t\u3000]*[>＞|｜].*$", re.MULTILINE)
_ORIGINAL = re.compile(r"^[-_ ]{3,}.{0,40}(?:元のメッセージ|Original Message|Forwarded message).*", re.M | re.S | re.I)
_SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]?|[。！？!?]")


def _unquoted(text: str) -> str:
    """The text with what is quoted in it blanked out, so that places stay places."""

    def blank(said: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", said[0])

    return _ORIGINAL.sub(blank, _QUOTED.sub(blank, text[:TEXT_MAX]))


def _sentences(text: str) -> list[tuple[int, str]]:
    return [(said.start(), said[0]) for said in _SENTENCE.finditer(_unquoted(text)) if said[0].strip()]


# --- a file that is spoken of ----------------------------------------------------------------------------------------

_PAPERS = (
    r"(?:ファイル|資料|データ|画像|写真|お?見積(?:も?り)?書?|請求書|納品書|領収書|マニュアル|手順書|申込書|PDF|ＰＤＦ|図面|契約書|"
    r"スクリーンショット|ログ|書類)"
)
_WE_SEND = r"(?:(?:お送り|送付|送信)(?:いたし|致し|し(?:ます|ました)|させて|申し上げ)|送り(?:ます|ました)|送らせて)"
_FILE = re.compile(
    rf"添付|添附|別紙|別添|同封|貼付(?=ファイル|資料|の)|ご?査収|{_PAPERS}(?:一式|一覧|[（(][^）)]{{1,12}}[）)])?(?:を|にて|で)[^、。]{{0,12}}{_WE_SEND}"
    r"|\battached\b|\benclosed\b|(?:\b(?:am|are|be|now)|'m|'re) (?:\w+ )?(?:attach|enclos)ing\b"
    r"|\b(?:I|we|I'll|we'll|will) (?:attach|enclose)\b"
    r"|\b(?:the|this|these|both|see|my|our|forgot an?|with) (?:\w+ )?(?:attachments?|enclosures?)\b"
    r"|\b(?:am|are|'m|'re) sending (?:you )?(?:the|a|our) (?:new |updated )?"
    r"(?:file|document|invoice|quote|form|manual|picture|photo|pdf)s?\b",
    re.IGNORECASE,
)
_ASKS = r"(?:ください|下さい|くださ|いただ|頂|お願い|願い|もらえ|ほしい|欲しい)"
_NO_FILE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # None is needed, or none is there.
        r"(?:添付|添附|同封|別紙|別添)[^、。]{0,8}(?:必要(?:は|が|も)?(?:あり|ござい)ません|必要(?:は|が)?ない|必要(?:は|が)?ござい|不要|必要です)",
        r"(?:添付|添附|別紙|別添|同封)(?:ファイル|資料|書類|物)?(?:は|が|も|の)?(?:ありません|ございません|ない|なかった|なし|無し|せず|しない|しなくて|をお受けでき)",
        # The customer's own.
        rf"ご添付|(?:添付|同封)(?:して|し)?(?:の(?:上|うえ)|をお願い|願い|{_ASKS})",
        rf"(?:添付|同封)し(?:て)?[、]?[^。]{{0,24}}(?:ご?返信|ご?返送|お送り|ご?送信|送って|ご?連絡|ご?投函){_ASKS}",
        r"(?:添付|同封)して、?(?:ご?返信|ご?返送|お送り|ご?送信)",
        r"(?<!本)(?<!この)(?<!当)(?:お客様|先日|前回|メール|お送り)[^。]{0,12}(?:添付|同封)され",
        r"(?:いただ|頂|頂戴し|くださ)(?:いた|きました|いている|った)[^。]{0,8}添付",
        r"添付(?:ファイル|資料|画像|写真|データ)?[^。、]{0,6}(?:確認でき|開け|見られ|見つか|届い|受信でき)[^。、]{0,4}(?:ません(?!場合)|ない(?!場合|とき|時))",
        r"添付(?:ファイル)?[、,\s]?(?:いただき)?[、,\s]?(?:誠に)?ありがとう",
        r"添付[^。、]{0,12}(?:開封|受信)して(?:おり|い)ません|添付され[^。、]{0,8}(?:ません|ない)",
        # What can be sent, how much of it, and what is better not opened.
        r"(?:迷惑メール|不審な?)[^。]{0,12}添付|添付ファイル付き|添付」|添付ボタン|添付(?:アイコン|欄)",
        r"添付(?:でき|可能|が可能|することが|する(?:場合|際|とき|欄|場所|方法|手順))|添付ファイル(?:の(?:容量|サイズ|形式|上限)|は[^。]{0,10}まで)",
        # Paper, and what lies in a box.
        r"(?:商品|製品|本体|箱|荷物|機器|パッケージ)(?:の[^。、]{1,4})?(?:に|へ|の)?(?:添付|同封)|同封[^。]{0,12}返送|添付文書",
        r"(?:郵送|郵便|宅配|発送)[^。]{0,20}(?:送|査収)|(?:ご自宅|ご住所)[^。]{0,20}送",
        # Not with this mail.
        rf"{_PAPERS}[^。]{{0,12}}(?:郵送|郵便|宅配便|別途|別便|後日|後ほど|のちほど|改めて|追って|FAX|ファックス|来週|明日)[^。]{{0,16}}送",
        rf"(?:次第|別途|別便|後日|後ほど|のちほど|追って)[^。]{{0,12}}{_PAPERS}を[^。]{{0,16}}送",
        # English: needed, asked for, theirs, limits, and things of metal and plastic.
        r"\b(?:no|without|any|as an?|add an?|need(?:s|ed)? (?:an?|to)) (?:\w+ )?attach(?:ments?|ing)?\b",
        r"\b(?:not|nothing|n't|don't|never) (?:\w+ ){0,2}attach(?:ed|ing)?\b",
        r"\b(?:please|kindly|could you|can you|would you|you (?:can|could|may|might|should|must)|if you|to) (?:\w+ )?"
        r"(?:attach|enclose)\b",
        r"\b(?:you(?:'ve| have| had)?|your)\s(?:\w+\s){0,2}?(?:attach|enclos)(?:ed|ments?|ures?|ing)\b",
        r"\b(?:the|this|these) (?:\w+ )?attachments? (?:that |which )?you\b",
        r"\b(?:firmly|securely|correctly|properly|tightly|fully|loosely) attached\b",
        r"\battached (?:firmly|securely|correctly|properly|tightly|again)",
        r"\b(?:should|must|has to|needs to) be attached",
        r"\battachments?\s(?:\w+\s)?(?:must|can|may|should|up to|larger|smaller|over|under|limit|size|(?:is|are) sold)",
        r"\b(?:the |this |these |both |my |our |with )?"
        r"(?:crevice|brush|hose|nozzle|tool|head|mop|floor|upholstery|pet|motor|wall)\s(?:brush\s|tool\s)?attachments?\b",
        r"\battached to (?!(?:this|my|the|our) (?:e-?mail|mail|message|reply))",
        r"\b(?:reply|send|respond|answer|write|come|came)\b.{0,20}\bwith .{0,24}\battached",
        r"\battached (?:brush|hose|nozzle|filter|cable|handle|battery|head|strap|lid|tube|pipe|power cord|adapter)s?\b",
        r"\battached to the (?:hose|unit|wall|product|device|box|vacuum)",
        r"\benclosed (?:with|in|inside) (?:the|your|every|its)\b",
    )
)


# --- names -----------------------------------------------------------------------------------------------------------

_KANJI = r"[\u3400-\u9fff\uf900-\ufaff々ヶ\U00020000-\U0002fa1f]"
_SPACE = r"[ \u3000]"
_KANA_ONLY = re.compile(r"[ぁ-ゖァ-ヺー]+")
_PLACEHOLDER = re.compile(rf"[〇○●◯△▲□■＊*＿_]{{2,}}{_SPACE}?(?:様|さま|さん|殿)")
_IN_KANJI = re.compile(
    rf"(?:(?P<before>[^\s、。,]{{1,20}}){_SPACE})?(?P<name>{_KANJI}{{1,12}}){_SPACE}?様(?![々子式相態方]|の(?:ソファ|ブランチ))"
)
_TITLE = r"(?:様|さま|サマ|さん|サン|殿|先生|氏)"
_CALLED = re.compile(
    rf"{_SPACE}*(?:(?P<before>[^、。]{{1,40}}?){_SPACE}+)?(?P<name>{_KANJI}{{1,12}}|[ぁ-ゖ]{{2,8}}|[ァ-ヺー・]{{2,20}}|[A-Za-z'-]{{2,20}})"
    rf"{_SPACE}?{_TITLE}(?=$|[\s、,，。!！:：へ])"
)
_FIRM = re.compile(rf"(?P<name>[^\s、。][^、。\n]{{0,40}}?){_SPACE}*御中")
_DEAR = re.compile(
    r"\s*(?:(?:dear|hi|hello|hey|good (?:morning|afternoon|evening)),?\s+)(?:(?:mr|mrs|ms|miss|mx|dr|prof)\b\.?\s*)?"
    r"(?P<name>[^\W\d_][\w'-]*(?:\s[^\W\d_][\w'-]*){0,2}?)(?:[- ](?:san|sama))?\s*(?=$|[,.!:])",
    re.IGNORECASE,
)
_SAN = re.compile(r"(?P<name>[A-Za-z]{2,20})[- ](?:san|sama)\b", re.IGNORECASE)
_OPENING_LINES = 4

_ANYBODY = frozenset(
    # What 様 makes of no name: words that merely end in it, then whom one is to us, then kin, posts and houses.
    "仕 模 同 多 異 一 左 有 外 各 両 何 王 神 仏 姫 殿 御 皆 皆々 客 方 奥 嬢 子 人 主 店 社 "
    "花模 雨模 空模 人間模 水玉模 要求仕 上".split()
)
_ANYBODY_ENDS = tuple(
    "客 各位 担当者 担当 関係者 業者 責任者 代表者 代表 管理者 管理人 使用者 利用者 契約者 名義人 本人 購入者 "
    "注文者 依頼者 申込者 受取人 会員 代理店 代理人 販売店 取扱店 工務店 支店 本店 店舗 企業 会社 御社 貴社 "
    "大家 家族 主人 旦那 両親 親 息子 娘 孫 母 父 兄 姉 弟 妹 祖父 祖母 夫人 社長 部長 課長 係長 次長 店長 "
    "会長 専務 常務 取締役 主任 主査 院長 所長 園長 校長 室長 局長 理事長 理事 事務局 総務 経理 人事 営業 "
    "窓口 運輸 急便 郵便 郵便局 銀行 商事 商店 工業 産業 電機 電気 製作所 病院 大学 役所 学校 組合 協会 財団 "
    "氏名 名前 宛名 取引先 得意先 仕入先 配送先 届け先 納品先 模 仕".split()
)
_ANYBODY_KANA = frozenset(
    reading_key(word)
    for word in (
        "おきゃく みな おかげ おつかれ ごくろう おまちどお おきのどく たく おく おこ おじょう おかあ おとう おとなり "
        "ぎょうしゃ オーナー ユーザー ゲスト クライアント パートナー スタッフ メンバー ドライバー メーカー"
    ).split()
)
_ANYBODY_LATIN = frozenset(
    "sir madam customer customers team all there everyone everybody colleague colleagues support friend friends folks "
    "valued client clients again both user partner kitty staff service guest".split()
)
_POST = re.compile(
    r"(?:代表取締役|取締役|社長|部長|課長|係長|次長|店長|会長|専務|常務|主任|主査|院長|所長|園長|校長|室長|局長|教授)$"
)


def _opening(text: str) -> list[tuple[int, str]]:
    """The first lines with words in them, where a mail says to whom it speaks."""
    lines = [(said.start(), said[0]) for said in re.finditer(r"[^\n]+", text) if said[0].strip()]
    return lines[:_OPENING_LINES]


def _wrong_in_opening(line: str, known: Known) -> Iterable[Place]:
    if (firm := _FIRM.match(line)) and known.companies and not _is_firm(firm["name"], known):
        yield Place(firm.start("name"), firm.end(), firm[0])
    said = _CALLED.match(line)
    if said and not _is_called(said["name"], said["before"] or "", known):
        yield Place(said.start("name"), said.end(), line[said.start("name") : said.end()])
    for dear in (_DEAR.match(line), _SAN.match(line)):
        if dear and known.latin and not _is_latin(dear["name"], known):
            yield Place(dear.start("name"), dear.end("name"), dear["name"])
            break


def _is_called(name: str, before: str, known: Known) -> bool:
    """Whether this may be the customer, or nobody in particular. Where nothing is known in that script, it may."""
    if name.isascii():
        return not known.latin or _is_latin(name, known)
    if _KANA_ONLY.fullmatch(name.replace("・", "")):
        key = reading_key(name)
        if key in _ANYBODY_KANA or not known.kana:
            return True
        # A katakana name may be the sound of one that is known in Latin letters alone, and a reading stands for kanji.
        return any(key == each or key.startswith(each) for each in known.kana)
    is_given = name == "一" and before  # 斉藤 一様, and not 一様に
    if (name in _ANYBODY and not is_given) or name.endswith(_ANYBODY_ENDS) or not known.kanji:
        return True
    bare = _POST.sub("", name) or name
    return any(
        _is_kanji(key, known) for key in {name_key(bare), name_key(before.split()[-1] + bare if before else bare)}
    )


def _is_kanji(key: str, known: Known) -> bool:
    """The name itself, one of the same family, or one with an office or a firm before it."""
    if key in known.kanji:
        return True
    family = [each for each in known.kanji if len(each) >= 2]
    return any(
        (key.startswith(each) and len(key) - len(each) in (1, 2, 3) and _is_family(each, known))
        or (key.endswith(each) and len(key) - len(each) >= 2)
        for each in family
    )


def _is_family(part: str, known: Known) -> bool:
    """Whether this part of a name begins a longer known one: the family's, since it is said first."""
    return any(whole != part and whole.startswith(part) for whole in known.kanji)


def _is_firm(name: str, known: Known) -> bool:
    key = name_key(name)
    return not key or any(each in key or key in each for each in known.companies) or name.endswith(_ANYBODY_ENDS)


def _is_latin(name: str, known: Known) -> bool:
    words = [word for word in re.split(r"[\s'-]+", name) if word]
    if any(word.lower() in _ANYBODY_LATIN for word in words):
        return True
    return any(_sound(word) in known.latin for word in words) or _sound("".join(words)) in known.latin


# --- spelling --------------------------------------------------------------------------------------------------------

_ROMAN = dict(
    zip(
        "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
        "がぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽ",
        "a i u e o ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo "
        "ya yu yo ra ri ru re ro wa o n "
        "ga gi gu ge go za ji zu ze zo da ji zu de do ba bi bu be bo pa pi pu pe po".split(),
        strict=True,
    )
)
_KUNREI = (("shi", "si"), ("sh", "sy"), ("chi", "ti"), ("ch", "ty"), ("tsu", "tu"), ("ji", "zi"), ("j", "zy"),
           ("fu", "hu"), ("mb", "nb"), ("mp", "np"), ("mm", "nm"))  # fmt: skip


def _romanized(reading: str) -> str:
    """Kana in Latin letters, as passports spell them: たなか is tanaka, きょうこ is kyouko."""
    text = unicodedata.normalize("NFKC", reading)
    text = "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヶ" else letter for letter in text)
    out = ""
    for letter in text:
        if letter in "ゃゅょ" and out.endswith("i"):
            before, sound = out[:-1], {"ゃ": "a", "ゅ": "u", "ょ": "o"}[letter]
            out = before + (sound if before.endswith(("sh", "ch", "j")) else "y" + sound)
        elif letter in _ROMAN:
            out += "\0" + _ROMAN[letter] if out.endswith("っ") else _ROMAN[letter]
        elif letter == "っ":
            out += "っ"
    return re.sub(r"っ\0(.)", r"\1\1", out)


def _sound(name: str) -> str:
    """What spellings of one name in Latin letters have in common: Saitō, Saitoh and Saito; Shinji and Sinzi."""
    text = unicodedata.normalize("NFKD", name).casefold()
    text = "".join(letter for letter in text if letter.isascii() and letter.isalpha())
    for passport, school in _KUNREI:
        text = text.replace(passport, school)
    text = re.sub(r"(?:ou|oo|oh)(?=$|[^aeiouy])", "o", text)
    return re.sub(r"uu", "u", re.sub(r"tch", "cch", text))


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text in one width, kana and case, and for each letter of it where in the text it comes from.

    A half-width kana and its voicing mark are one letter.
    """
    letters: list[str] = []
    origin: list[int] = []
    for at, letter in enumerate(text):
        if letter in "ﾞﾟ\u3099\u309a" and letters:
            joined = unicodedata.normalize("NFC", letters[-1] + ("\u3099" if letter in "ﾞ\u3099" else "\u309a"))
            if len(joined) == 1:
                letters[-1] = joined
                continue
        for each in unicodedata.normalize("NFKC", letter).casefold():
            letters.append(chr(ord(each) - 0x60) if "ァ" <= each <= "ヶ" else each)
            origin.append(at)
    return "".join(letters), origin
