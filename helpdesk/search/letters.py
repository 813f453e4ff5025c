"""One spelling for all ways to write a word, and the terms a text is found by.

The idea: what is kept and what is asked for go through the same two functions, so whatever they make equal is found.
`fold` makes the letters one: width, case, kana, small kana, ヴ, old and variant characters. `terms` cuts the folded
text into what an index holds: Japanese, which has no spaces, into overlapping pairs of characters, so that any two
neighbors are found wherever a word may begin; everything else into words, English ones without their plural.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

from helpdesk.customers.contact_points import OLD_TO_NEW

VERSION: Final = 1
"""Of the terms. Raise it when what is below changes: desks then make their index anew by themselves."""
LONGEST_TERM: Final = 40
"""Characters of a word that are looked at. Longer ones are keys and encoded files, told apart by their beginning."""
MOST_SPELLINGS: Final = 12
"""Ways in which one word is asked for."""


def fold(text: str) -> str:
    """The text in the one spelling everything is compared in.

    Unicode NFKC and lower case; katakana become hiragana, small kana large, ヴァ バ; old and variant characters become
    those in daily use; accents go from Latin letters, and a dash between kana is the long mark it was meant for.
    """
    if text.isascii():
        return text.lower()
    return _joined(_one_by_one(text))


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The same, and for each folded character its place in `text`, with the length of `text` at the end."""
    letters: list[str] = []
    places: list[int] = []
    at = 0
    while at < len(text):
        if run := _PLAIN.match(text, at):
            after = run.end()
            if after < len(text) and _is_mark(text[after]):
                after -= 1  # the last letter is the mark's
            if after > at:
                letters.append(text[at:after].lower().translate(_TABLE))
                places += range(at, after)
                at = after
                continue
        after = at + 1
        while after < len(text) and text[after] > "\u02ff" and _is_mark(text[after]):
            after += 1
        if unicodedata.normalize("NFKC", text[at:after]) in ("ヴ", "ゔ") and text[after : after + 1] in _AFTER_VU:
            after += 1  # ヴァ is one sound
        folded = _one_by_one(text[at:after])
        letters.append(folded)
        places += [at] * len(folded)
        at = after
    return _joined("".join(letters)), [*places, len(text)]


def writings(words: str) -> list[str]:
    """The ways in which these words mostly stand in texts that are kept as they were written, the given one first: full
    and half width, katakana and hiragana. For a column that is compared as it stands; texts are found by `terms`."""
    even = unicodedata.normalize("NFKC", words)
    katakana, hiragana = even.translate(_AS_KATAKANA), even.translate(_AS_HIRAGANA)
    half = unicodedata.normalize("NFD", katakana).translate(_AS_HALF_WIDE)
    wide = [even.translate(table) for table in (_AS_FULL_WIDE, _AS_FULL_WIDE | _AS_LARGE, _AS_FULL_WIDE | _AS_SMALL)]
    return list(dict.fromkeys((words, even, katakana, hiragana, unicodedata.normalize("NFC", half), *wide)))


def is_plain(text: str) -> bool:
    """Whether each character of the text is folded to one character, by itself but for dashes and long marks."""
    return _PLAIN.fullmatch(text) is not None


@lru_cache(maxsize=4_000)
def unfolded(letter: str) -> str:
    """A regular expression for the characters of plain text that one character of folded text may have been."""
    before = {letter, letter.upper(), *_UNFOLDED.get(letter, "")}
    if letter in "-ー":
        before |= {"ー", *_DASHES}
    return "".join(map(re.escape, before)) if len(before) == 1 else f"[{''.join(map(re.escape, sorted(before)))}]"


def terms(folded: str) -> Iterator[tuple[str, int, int]]:
    """What a folded text is found by, in order, each with where it stands: `term`, start, end.

    A run of n Japanese characters has n terms: its pairs, and its last character alone.
    """
    for run in _RUNS.finditer(folded):
        start, end = run.span()
        if run.lastgroup == "pairs":
            for at in range(start, end):
                yield folded[at : min(at + 2, end)], at, min(at + 2, end)
        else:
            yield stem(run[0]), start, end


def terms_of(text: str) -> list[str]:
    """The terms alone, in order, of a text as it was written."""
    folded = fold(text)
    found: list[str] = []
    for run in _RUNS.finditer(folded):
        word = run[0]
        if run.lastgroup == "pairs":
            found += [word[at : at + 2] for at in range(len(word))]
        else:
            found.append(stem(word))
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """An English word without its plural; other words as they are, no longer than `LONGEST_TERM`."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word[:LONGEST_TERM]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3][: LONGEST_TERM - 1] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2][:LONGEST_TERM]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1][:LONGEST_TERM]
    return word[:LONGEST_TERM]


def spellings(word: str) -> list[str]:
    """The ways to ask for a word, so that its katakana are found with a long mark at the end and without one.

    サーバー and サーバ are one, as the rule for technical words has it: from three characters on, so that キー and
    コピー stay what they are. At the word's own end it is left out, for what is kept begins with what is asked for;
    before something else both ways are asked for. So are they inside a word that is put together of others:
    プリンタドライバ is プリンタードライバー, at two such places at most.
    """
    if _HALF_WIDE.search(word):
        word = unicodedata.normalize("NFKC", word)
    word = _LONG_AT_THE_END.sub(r"\1", word)
    ways = [word, _LONG_BEFORE.sub(r"\1", word), _SHORT_BEFORE.sub(r"\1ー", word)]
    ways += [way for each in ways[:2] for way in _put_together(each)]
    return list(dict.fromkeys(ways))[:MOST_SPELLINGS]


def _put_together(word: str) -> list[str]:
    """The word with long marks where parts of it may end that are written without one. A part has three characters or
    more and ends in a sound of the rows ア or イ, as those do whose mark is left out; ン and ッ begin none."""
    places = [found.end() for found in _PART.finditer(word)][:4]
    one = [word[:at] + "ー" + word[at:] for at in places]
    two = [word[:at] + "ー" + word[at:by] + "ー" + word[by:] for at, by in combinations(places, 2) if by - at >= 3]
    return one + two


# --- Letters ---------------------------------------------------------------------------------------------------------

_VARIANTS: Final = (
    "侭儘 俱倶 僞偽 價価 儉倹 兩両 册冊 剩剰 劍剣 劒剣 效効 勵励 勞労 勸勧 卷巻 卽即 參参 嚴厳 囑嘱 圈圏 壓圧 "
    "壘塁 壞壊 壤壌 處処 奬奨 孃嬢 寢寝 對対 屆届 屬属 峽峡 嶽岳 廢廃 廳庁 彈弾 徑径 從従 徵徴 恆恒 悅悦 惱悩 "
    "愼慎 慘惨 懷懐 戰戦 戲戯 戾戻 拂払 拜拝 搖揺 搜捜 擇択 擊撃 擔担 據拠 擧挙 擴拡 攝摂 收収 敍叙 敕勅 斷断 "
    "旣既 晚晩 晝昼 曆暦 朖朗 查査 棧桟 檢検 樓楼 樞枢 權権 歐欧 歡歓 歲歳 歷歴 歸帰 殘残 毆殴 沒没 涉渉 淚涙 "
    "淸清 渴渇 滯滞 滿満 潛潜 濕湿 濟済 灣湾 燒焼 營営 爐炉 爭争 狀状 犧犠 獵猟 獻献 瑤瑶 產産 畫画 疊畳 癡痴 "
    "發発 盜盗 硏研 碎砕 祕秘 禪禅 稱称 穩穏 窗窓 竊窃 粹粋 絕絶 絲糸 縱縦 繩縄 繪絵 繼継 續続 纖繊 缺欠 罐缶 "
    "羣群 聽聴 肅粛 脫脱 腦脳 膽胆 臟臓 臺台 艷艶 莖茎 蔣蒋 薰薫 藥薬 蟲虫 蠶蚕 蠻蛮 裝装 覺覚 覽覧 觀観 觸触 "
    "說説 謠謡 證証 譯訳 變変 讀読 貳弐 贊賛 踐践 輕軽 辭辞 遞逓 遲遅 醉酔 醫医 釀醸 錄録 鍊錬 鑄鋳 鑛鉱 閱閲 "
    "隨随 險険 隱隠 雙双 雜雑 霸覇 靈霊 顏顔 顚顛 飜翻 餠餅 驅駆 驗験 髓髄 體体 鬪闘 鷄鶏 鹼鹸 麵麺 點点 黨党 "
    "籠篭 煉練 繫繋 填塡 頰頬 剝剥 叱𠮟 噓嘘 搔掻 瘦痩 蠟蝋 蟬蝉 醬醤 摑掴 攢攅 屛屏 幷并 姸妍 硎研 靱靭 嚙噛 "
    "囊嚢 瀆涜 燈灯"
)
"""Old or variant form, then the one it is found by. Source: the forms that stand in brackets behind their successors in
the table of characters for daily use (常用漢字表, Cabinet notice of 2010), the simplified printers' forms of JIS X 0208
beside those of the same table, and pairs that letters of customers mix. Forms in names: contact_points.OLD_TO_NEW."""


def _table() -> dict[int, str | int | None]:
    table: dict[int, str | int | None] = dict(OLD_TO_NEW)
    table |= {ord(pair[0]): pair[1] for pair in _VARIANTS.split()}
    large = str.maketrans("ぁぃぅぇぉっゃゅょゎゕゖぢづゐゑ", "あいうえおつやゆよわかけじずいえ")
    table |= large
    for katakana in range(0x30A1, 0x30F7):
        table[katakana] = large.get(katakana - 0x60, katakana - 0x60)
    table |= {ord("ς"): "σ", ord("ヽ"): "ゝ", ord("ヾ"): "ゞ", ord("\u2019"): "'", ord("\u2018"): "'"}
    table |= {code: None for code in (0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x2060, 0x2065))}
    return table


def _unfolded() -> dict[str, str]:
    before: dict[str, str] = {}
    for code, folded in _TABLE.items():
        if folded is not None and _PLAIN.fullmatch(chr(code)):
            letter = folded if isinstance(folded, str) else chr(folded)
            before[letter] = before.get(letter, "") + chr(code)
    return before


_TABLE: Final = _table()
_SINGLES: Final = {
    chr(code): folded
    for code in (*range(0x2010, 0x2027), 0x2212, 0x2500, 0x2501, *range(0x3000, 0x3020), 0x30FB, *range(0xFF01, 0xFF5F))
    if len(folded := unicodedata.normalize("NFKC", chr(code)).lower().translate(_TABLE)) == 1
    and not unicodedata.combining(chr(code))
}
"""Signs and wide letters that are one character before and after."""
_TABLE.update({ord(sign): folded for sign, folded in _SINGLES.items()})
_PLAIN: Final = re.compile(f"[\x00-\x7f{re.escape(''.join(_SINGLES))}\u3041-\u3093\u30a1-\u30f3\u30fc\u4e00-\u9fff]+")
"""Characters each of which is folded to one."""
_UNFOLDED: Final = _unfolded()
_VU: Final = re.compile("ゔ([あいうえおゆ]?)")
_OF_VU: Final = {"": "ぶ", "あ": "ば", "い": "び", "う": "ぶ", "え": "べ", "お": "ぼ", "ゆ": "びゆ"}
_AFTER_VU: Final = frozenset("ァィゥェォュぁぃぅぇぉゅアイウエオユあいうえおゆｱｲｳｴｵﾕｧｨｩｪｫｭ")
_ACCENTED: Final = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_DASHES: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501"
_DASH_AFTER_KANA: Final = re.compile(f"(?<=[ぁ-ゖー])[{_DASHES}]")
_MARK_AMONG_DIGITS: Final = re.compile("(?<=[0-9a-z])ー(?=[0-9a-z])")
_PAIRED: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d\u309e\u30fc\u30fd\u30fe\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u1100-\u11ff"
    "\uac00-\ud7a3\U00020000-\U0003ffff"
)
_RUNS: Final = re.compile(f"(?P<pairs>[{_PAIRED}]+)|(?P<word>[^\\W_{_PAIRED}]+)")
_LONG_AT_THE_END: Final = re.compile("((?:^|[^ァ-ヺー])[ァ-ヺー]{3,}?)[ー−]+$")
_LONG_BEFORE: Final = re.compile("((?<![ァ-ヺー])[ァ-ヺ][ァ-ヺー]{2,}?)ー(?=[^ー])")
_HALF_WIDE: Final = re.compile("[\uff66-\uff9f]")
_AS_KATAKANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_AS_HIRAGANA: Final = {katakana: hiragana for hiragana, katakana in _AS_KATAKANA.items()}
_AS_HALF_WIDE: Final = {ord(unicodedata.normalize("NFKC", chr(code))): code for code in range(0xFF61, 0xFFA0)}
_AS_FULL_WIDE: Final = {0x20: 0x3000} | {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_AS_LARGE: Final = {code: code - 0x20 + 0xFEE0 for code in range(ord("a"), ord("z") + 1)}
_AS_SMALL: Final = {code: code + 0x20 + 0xFEE0 for code in range(ord("A"), ord("Z") + 1)}
_PART: Final = re.compile(
    "(?<=[ァ-ヺー]{2})[アカガサザタダナハバパマヤラワァャイキギシジチヂニビピミリィ](?=[ァ-ヺ][ァ-ヺー])"
    "(?![ァィゥェォッャュョヮン]|イ[^ン])"
)
"""Where a part of a word in katakana may end; what follows may begin another."""
_SHORT_BEFORE: Final = re.compile("((?<![ァ-ヺー])[ァ-ヺ][ァ-ヺー]+[ァ-ヺ])(?=[^ァ-ヺー])")


def _one_by_one(text: str) -> str:
    """All of `fold` that looks at one character with its marks and no further."""
    if _PLAIN.fullmatch(text):  # most of what people write here
        return text.lower().translate(_TABLE)
    text = unicodedata.normalize("NFKC", text).lower()
    text = _ACCENTED.sub(lambda found: unicodedata.normalize("NFKD", found[0])[0], text)
    text = unicodedata.normalize("NFKC", text).translate(_TABLE)
    return _VU.sub(lambda found: _OF_VU[found[1]], text) if "ゔ" in text else text


def _joined(folded: str) -> str:
    """What depends on the neighbors; it changes no length."""
    return _MARK_AMONG_DIGITS.sub("-", _DASH_AFTER_KANA.sub("ー", folded))


@lru_cache(maxsize=20_000)
def _is_mark(letter: str) -> bool:
    return letter in "\uff9e\uff9f" or unicodedata.combining(letter) != 0 or "\u1160" <= letter <= "\u11ff"
