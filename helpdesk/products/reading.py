"""Where a text names products, lots and orders.

The one idea: text and names are compared in one spelling that remembers where each letter stood, so "ＲＣ－５５",
"RC 55" and "rc-55" are one, and what is shown as the reason are the customer's own letters. What is found is a
suggestion with the words that gave it; nobody's order and no lot is ever taken for granted because of it.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models import Product, ProductLot

READ_MAX: Final = 20_000
"""Characters of a text that are read."""
SHORTEST: Final = 3
"""Letters of a word below which it names nothing: "TV" stands in too many texts."""
NUMBERS_MAX: Final = 40
_LEFT_OUT = re.compile(r"[\s‐‑‒–—−-]")
_MODEL = re.compile(r"(?<![A-Za-z0-9-])(?<!for )[A-Za-z]{1,5}-?[0-9]{1,5}[A-Za-z]{0,2}(?![A-Za-z0-9-])(?! ?用)")
"""A model number in a product's name, unless the product is something for that model."""
_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z-]*[0-9])[A-Za-z0-9](?:[A-Za-z0-9-]{2,23})[A-Za-z0-9](?![A-Za-z0-9])")
_LOT = re.compile(
    r"(?:ロット|lot)\s*(?:番号|ナンバー|no\.?|number|#)?\s*(?:は|が|is)?\s*[:：「『]?\s*"
    r"([A-Za-z0-9](?:[A-Za-z0-9-]{1,22})[A-Za-z0-9])",
    re.IGNORECASE,
)
_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "damaged": (r"割れ|へこ|凹|破損|潰れ|つぶれ|折れて|傷(?:が|だらけ)", r"damaged|dented|crack\w*|smashed"),
    "wrong_item": (
        r"(?:違う|別の|ちがう)(?:商品|品|もの|物|色|型)|色違い|誤送|頼んだ(?:もの|の)と",
        r"wrong (?:item|product|colou?r|model)",
    ),
    "not_described": (
        r"(?:説明|写真|記載|サイト)と(?:違|ちが|異)|思っていたのと|イメージと違",
        r"not as described|different from the (?:picture|description)",
    ),
    "size": (
        r"サイズが|大き(?:すぎ|過ぎ)|小さ(?:すぎ|過ぎ)|入りきら|置けな",
        r"too (?:big|small|large)|does ?n[o'’]t fit",
    ),
    "unwanted": (
        r"不要に|いらなく|要らなく|必要(?:が|で)?なくな|気が変わ|(?:間違えて|重複して)(?:注文|購入)",
        r"changed my mind|no longer need|by mistake",
    ),
    "defect": (
        r"不良|故障|壊れ|動か(?:ない|ず|なく)|動きません|電源が入ら|つかない|エラー|異音|発煙|焦げ|水漏れ|漏れ|止まって",
        r"defect\w*|broken|faulty|stopped working|does ?n[o'’]t (?:work|turn on)|leak\w*",
    ),
}
"""By the code of a reason: what speaks for it. The narrower ones come first."""
_REASON_PATTERNS = {code: re.compile("|".join(told), re.IGNORECASE) for code, told in _REASONS.items()}


@dataclass(frozen=True, slots=True)
class Named:
    """Something a text names: `what` "product" or "lot", and its letters there."""

    product_id: int
    lot_id: int | None
    what: str
    words: str
    start: int
    end: int


class Reader:
    """Everything that is sold, ready to be found in texts. `lots` of a product that has no other of the same code."""

    def __init__(self, products: Sequence[Product], lots: Sequence[ProductLot]) -> None:
        self._meant: dict[str, tuple[int, int | None]] = {}
        unsure: set[str] = set()
        for product in products:
            models = _MODEL.findall(unicodedata.normalize("NFKC", product.name))
            for word in (product.name, product.name_en, *product.words, *models):
                self._learn(word, (product.id or 0, None), unsure)
        for lot in lots:
            if any(letter.isdigit() for letter in lot.code):
                self._learn(lot.code, (lot.product_id, lot.id), unsure, shortest=5)
        for word in unsure:
            self._meant.pop(word, None)
        longest = sorted(self._meant, key=lambda word: (-len(word), word))
        self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def _learn(self, word: str, meant: tuple[int, int | None], unsure: set[str], *, shortest: int = SHORTEST) -> None:
        key = _folded(word)[0]
        if len(key) < shortest:
            return
        if self._meant.setdefault(key, meant) != meant:
            unsure.add(key)

    def find(self, text: str) -> list[Named]:
        """What the text names, each place once, in order."""
        if self._pattern is None:
            return []
        text = text[:READ_MAX]
        folded, places = _folded(text)
        found = []
        at = 0
        while match := self._pattern.search(folded, at):
            start, end = places[match.start()], places[match.end() - 1] + 1
            if _is_cut(text, start, end):
                at = match.start() + 1
                continue
            product_id, lot_id = self._meant[match.group()]
            found.append(Named(product_id, lot_id, "lot" if lot_id else "product", text[start:end], start, end))
            at = match.end()
        return found


def numbers(text: str) -> list[str]:
    """What may be the number of an order, as written, each once."""
    plain = unicodedata.normalize("NFKC", text[:READ_MAX])
    return list(dict.fromkeys(match.group() for match in _NUMBER.finditer(plain)))[:NUMBERS_MAX]


def lot_in(text: str) -> str:
    """The code a text calls a lot, whether it is on the list or not; "" where there is none."""
    match = _LOT.search(unicodedata.normalize("NFKC", text[:READ_MAX]))
    return match.group(1).upper() if match and any(letter.isdigit() for letter in match.group(1)) else ""


def reason_in(text: str) -> tuple[str, str]:
    """The code of the reason a text seems to give, and its words there; ("", "") where it gives none."""
    plain = text[:READ_MAX]
    for code, pattern in _REASON_PATTERNS.items():
        if match := pattern.search(plain):
            return code, match.group()
    return "", ""


def _folded(text: str) -> tuple[str, list[int]]:
    """One spelling without spaces and dashes, and where in the text each of its letters stands."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        plain = unicodedata.normalize("NFKD", letter).casefold()  # half-width kana carry their marks apart
        for each in plain:
            if not _LEFT_OUT.match(each):
                letters.append(each)
                places.append(place)
    return "".join(letters), places


def _is_cut(text: str, start: int, end: int) -> bool:
    """Whether the place is a part of something longer: "RC-550" does not name the RC-55, nor "XRC-55"."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return _joins(before, text[start]) or _joins(text[end - 1], after)


def _joins(one: str, other: str) -> bool:
    one, other = unicodedata.normalize("NFKC", one), unicodedata.normalize("NFKC", other)
    return bool(one and other) and one.isascii() and other.isascii() and one.isalnum() and other.isalnum()
