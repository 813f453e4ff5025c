"""What a group of texts is called: by words a reader knows, not by the pieces they are counted as.

The idea: words are counted by their stem, 使え or つながら, which nobody would write on a card. So a word is named as a
dictionary has it, and where most of the group's texts go on from the stem in one way, by that: 使えない, 使い方,
わかりにくい, 待たされる. Of several forms of an English word the one that weighs most names it, and words that could
stand over any group (`nameless` in data/topics.toml) name none.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from classifiers.vectors import japanese

NAMED_BY = 5  # words

Written = Mapping[str, str]
"""The words of one text, identity -> as it was written first."""


def named(
    loudest: Sequence[str], held: Sequence[Written], texts: Sequence[str], nameless: frozenset[str]
) -> tuple[str, ...]:
    """The names of a group: the loudest of its words that can be names, what stands for things before what is done.

    `loudest` are identities as `words.py` has them, `held` the words of the group's texts, and `texts` the same texts
    in their folded form, or nothing where they are not at hand.
    """
    names: dict[str, str] = {}  # by what makes two of them one
    for word in loudest:
        written = Counter(each[word] for each in held if word in each)
        name = _said(word, written, texts)
        if name and name not in nameless:
            names.setdefault(_root(name), name)
    return tuple(sorted(list(names.values())[:NAMED_BY], key=_is_of_doing))


def alone(word: str, written: str) -> str:
    """One word by itself, as a dictionary has it: its identity and how it was written."""
    return _plain(written, int(word[1:])) if word.startswith("#") else written


def _said(word: str, written: Counter[str], texts: Sequence[str]) -> str:
    """One word as the group's texts mostly have it; "" where none of them has it."""
    if not word.startswith("#") or not written:
        return max(written, key=written.__getitem__, default="")
    plain = Counter[str]()
    for each, count in written.items():
        plain[alone(word, each)] += count
    name = plain.most_common(1)[0][0]
    went_on = Counter(each for text in texts for stem in written for each in _further(text, stem, name))
    further, count = went_on.most_common(1)[0] if went_on else ("", 0)
    return further if 2 * count > sum(written.values()) else name


def _plain(written: str, row: int) -> str:
    """The dictionary's form. 使え and 割れ say what can be done and what has happened, which 使う and 割る do not; what
    is made of two verbs, 折り返し or 売り切れ, is a noun."""
    plain = japanese().plain(written, row)
    if _TWO_VERBS.fullmatch(written) and not (written[-1] == "い" and plain[-1] in "くぐ"):
        return written
    return written + "る" if written[-1] in _E and (plain != written or _UNDERGONE.fullmatch(written)) else plain


def _further(text: str, stem: str, plain: str) -> list[str]:
    """How the text goes on from each place of a stem, as a name: 使え -> 使えない."""
    if stem == plain:
        return []
    found = []
    for match in re.finditer(re.escape(stem) + _ON, text):
        kind = match.lastgroup
        if kind == "denied":
            found.append(_denied(stem, plain))
        elif kind == "undergone" and stem[-1] in _A:
            found.append(f"{stem}{'さ' if match['undergone'].startswith('さ') else ''}れる")
        elif kind == "unable" and stem[-1] in _A:
            found.append(stem + "れない")
        elif kind in _SUFFIXES:
            found.append(stem + _SUFFIXES[kind])
    return found


def _denied(stem: str, plain: str) -> str:
    """つながら and つながり are both つながらない, 落ち is 落ちない, 早く is 早くない."""
    if stem[-1] in _I and plain != stem + "る":
        return plain[:-1] + _A[_U.index(plain[-1])] + "ない" if plain[-1] in _U else plain
    return stem + "ない"


def _root(name: str) -> str:
    """What two forms of an English word share: answer, answers and answered."""
    return re.sub(r"(?<=[a-z]{3})(?:ings?|ed|e?s|ly|e)$", "", name) if name.isascii() else name


def _is_of_doing(name: str) -> bool:
    return not name.isascii() and "ぁ" <= name[-1] <= "ん"


_A, _I, _U, _E = "わかがさたなばまら", "いきぎしちにびみり", "うくぐすつぬぶむる", "えけげせてねべめれ"
_TWO_VERBS = re.compile(rf"[一-龥][ぁ-ん]*[一-龥][ぁ-ん]*[{_I}{_E}]")
_UNDERGONE = re.compile(rf"[一-龥][ぁ-ん]?[{_A}]れ")
_ON = (
    r"(?:(?P<unable>れ(?:な[いくか]|ませ|ず))|(?P<undergone>さ?れ)|(?P<denied>な[いくか]|ませ|ず)"
    r"|(?P<way>方)|(?P<easy>やす[いくか])|(?P<hard>にく[いくか])|(?P<tiring>づら[いくか]))"
)
_SUFFIXES = {"way": "方", "easy": "やすい", "hard": "にくい", "tiring": "づらい"}
