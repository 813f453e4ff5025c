"""Japanese names in Latin letters, for whoever reads no Japanese: 佐藤 健, サトウ ケン, is called Sato Ken.

The one idea: nothing is kept. A reading in kana says how a name is spoken, and the letters follow from it by the rules
of Japanese passports (Hepburn, long o and u written short, n before b, m and p written m), so they are right as soon as
the reading is. A name that is in Latin letters, or whose reading is, stays as somebody wrote it.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ROWS: Final = (
    ("あいうえお", "a i u e o"), ("かきくけこ", "ka ki ku ke ko"), ("がぎぐげご", "ga gi gu ge go"),
    ("さしすせそ", "sa shi su se so"), ("ざじずぜぞ", "za ji zu ze zo"), ("たちつてと", "ta chi tsu te to"),
    ("だぢづでど", "da ji zu de do"), ("なにぬねの", "na ni nu ne no"), ("はひふへほ", "ha hi fu he ho"),
    ("ばびぶべぼ", "ba bi bu be bo"), ("ぱぴぷぺぽ", "pa pi pu pe po"), ("まみむめも", "ma mi mu me mo"),
    ("やゆよ", "ya yu yo"), ("らりるれろ", "ra ri ru re ro"), ("わゐゑをんゔ", "wa i e o n vu"),
    ("ぁぃぅぇぉゃゅょゎ", "a i u e o ya yu yo wa"),
)  # fmt: skip
_ONE: Final = {kana: latin for row, letters in _ROWS for kana, latin in zip(row, letters.split(), strict=True)}
_SMALL: Final = {"ゃ": "a", "ゅ": "u", "ょ": "o", "ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o"}
_BEFORE_SMALL: Final = {  # the consonants that a small vowel is said with: キャ, シェ, ティ, ファ
    "し": "sh", "ち": "ch", "じ": "j", "ぢ": "j", "て": "t", "で": "d", "と": "t", "ど": "d", "ふ": "f", "ゔ": "v",
    "う": "w", "つ": "ts",
    **{kana: _ONE[kana][:-1] + "y" for kana in "きぎにひびぴみり"},
}  # fmt: skip
READINGS: Final = 16
_SOUNDS: Final = (
    {start + vowel: first + small for first, start in _BEFORE_SMALL.items() for small, vowel in _SMALL.items()
     if first != "ぢ" and (small in "ゃゅょ") == (start[-1] in "yhj" and vowel in "auo")}
    | {latin: letter for letter, latin in _ONE.items() if letter not in "ぁぃぅぇぉゃゅょゎぢづゐゑを"}
    | {"si": "し", "ti": "ち", "tu": "つ", "hu": "ふ", "zi": "じ"}
)  # fmt: skip
_DOUBLED: Final = "kstpcgzdbfhjr"
_TO_HIRAGANA: Final = {code: code - 0x60 for code in range(0x30A1, 0x30F5)}
_KANA: Final = re.compile(r"[ぁ-ゔー・\s]+")
_JAPANESE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_PARTED: Final = re.compile(r"(の|つ)う(?=[えちら])")
"""井上 is いの and うえ, 松浦 まつ and うら: the u begins a word of its own and is no long vowel."""


def spoken(name: str, reading: str, language: str) -> str:
    """What a person is called in a sentence of this language: the name as it is written, or where English is read and
    the name is Japanese, in Latin letters as far as its reading tells."""
    return (latin(name, reading) or name) if language == "en" else name


def listed(name: str, reading: str, language: str) -> str:
    """What stands in a list to choose from: both, "Sato Ken (佐藤 健)", so that typing its beginning finds it and notes
    that call it by name can be read."""
    called = spoken(name, reading, language)
    return name if called == name else f"{called} ({name})"


def reading(name: str, kana: str, language: str) -> str:
    """What stands beside a name that is shown as it is written: the kana, or where English is read the Latin letters,
    and "" where the name is in them already."""
    return latin(name, kana) if language == "en" else kana


def tongue(called: str, language: str) -> str:
    """In which language a name, as a reader of this one calls it, is drawn and read aloud: Sato Ken is no Japanese."""
    return "ja" if language == "ja" or _JAPANESE.search(called) else language


@lru_cache(maxsize=4_096)
def latin(name: str, reading: str) -> str:
    """A Japanese name in Latin letters: "Sato Ken". "" where it needs none, or where no reading tells it."""
    if not _JAPANESE.search(name):
        return ""
    told = unicodedata.normalize("NFKC", reading).strip()
    if not _JAPANESE.search(told):
        return told
    kana = told.translate(_TO_HIRAGANA)
    if not _KANA.fullmatch(kana):
        return ""
    return " ".join(_word(each).capitalize() for each in re.split(r"[・\s]+", kana) if each)


def kana(typed: str) -> list[str]:
    """The readings that may have been meant by a name typed in Latin letters, as `contact_points.reading_key` has them:
    "ono" is おの and おーの, for passports do not say which. [] for what is no Japanese; `READINGS` at most."""
    plain = re.sub("[\u0302\u0304]", "u", unicodedata.normalize("NFKD", typed).casefold())  # Ôno, Ōno
    if not re.fullmatch("[a-z][a-z' .-]{1,60}", plain):
        return []
    rest = re.sub("m(?=[bmp])", "n", re.sub("[^a-z]", "", plain))
    found = [""]
    while rest:
        if rest[0] in _DOUBLED and rest[:2] in (rest[0] * 2, "tc"):
            part, ways = rest[0], ["っ"]
        elif (part := next((rest[:size] for size in (3, 2, 1) if rest[:size] in _SOUNDS), "")) == "":
            return []
        else:
            ways = [_SOUNDS[part]]
            if part[-1] in "ou" and (longer := re.match("h(?![aiueoy])|[ou]", rest[len(part) :])):
                part, ways = part + longer[0], [f"{ways[0]}ー"]
            elif part[-1] in "ou":
                ways.append(f"{ways[0]}ー")
            elif part[0] == "n" and part[1:] in ("i", "e"):  # けんいち as well as けにち
                ways.append("ん" + _SOUNDS[part[1:]])
        found = [begun + way for begun in found for way in ways][:READINGS]
        rest = rest[len(part) :]
    return found


def _word(kana: str) -> str:
    text = ""
    for part in _PARTED.sub(r"\1'う", kana).split("'"):
        text += _short(_letters(part))
    return text


def _letters(kana: str) -> str:
    """Kana by kana, vowels as long as they are written."""
    found: list[str] = []
    at = 0
    while at < len(kana):
        letter, small = kana[at], kana[at + 1 : at + 2]
        if small in _SMALL and letter in _BEFORE_SMALL:
            found.append(_BEFORE_SMALL[letter] + _SMALL[small])
            at += 1
        else:
            found.append(_ONE.get(letter, letter))
        at += 1
    text = "".join(found)
    text = re.sub("っ(?=ch)", "t", text)
    text = re.sub("っ([a-z])", r"\1\1", text)
    return re.sub("n(?=[bmp])", "m", text).replace("っ", "tsu").replace("ー", "")


def _short(text: str) -> str:
    """Long o and u are written short: Sato, Ono, Yuko; but for おお at the end, as passports have it: Tomoo."""
    return re.sub("ou|oo(?!$)", "o", text.replace("uu", "u"))
