"""What a mail's words give away: measured on labelled sentences, and held against time and folding."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpdesk import wording
from tests.patience import an_end

SENTENCES = Path(__file__).parent / "wording"
TANAKA = "田中 美咲/たなか みさき/株式会社ミナト"


def labelled(name: str) -> Iterator[tuple[bool, str]]:
    """Every sentence of a list, and whether it should be found."""
    for line in (SENTENCES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line[:2] in ("+ ", "- "):
            yield line[0] == "+", line[2:].replace("\\n", "\n")


def says_attached(text: str) -> bool:
    return bool(wording.attachment_said(text))


def calls_wrongly(text: str) -> bool:
    """The customer stands before the text in brackets, or is Ms. Tanaka of Minato."""
    who = re.match(r"\[(.*?)\] ", text)
    name, reading, company = (part.strip() for part in (who[1] if who else TANAKA).split("/"))
    known = wording.known_as([name], [reading], [company])
    return bool(wording.wrong_names(text[who.end() :] if who else text, known))


@pytest.mark.parametrize(("name", "found"), [("attachments", says_attached), ("names", calls_wrongly)])
def test_of_a_hundred_warnings_ninety_eight_are_right_and_of_a_hundred_slips_ninety_eight_are_found(
    name: str, found: Callable[[str], bool]
) -> None:
    judged = [(label, found(text), text) for label, text in labelled(name)]
    wrong = [text for label, said, text in judged if label != said]
    right = sum(label and said for label, said, _ in judged)
    assert len(judged) >= 100
    assert right / sum(said for _, said, _ in judged) >= 0.98, wrong
    assert right / sum(label for label, _, _ in judged) >= 0.98, wrong


def test_the_lists_hold_enough_of_both_languages() -> None:
    texts = [text for _, text in labelled("attachments")]
    japanese = [text for text in texts if re.search("[ぁ-ん一-龯]", text)]
    assert len(japanese) >= 60 and len(texts) - len(japanese) >= 40


def test_what_is_quoted_says_nothing() -> None:
    for quoted in ("> 見積書を添付いたします。", "＞ Please find it attached.", "  > 添付をご覧ください。"):
        assert not wording.attachment_said(f"承知いたしました。\n{quoted}\n")
        assert wording.attachment_said(f"{quoted}\n資料を添付いたします。")
    assert not wording.attachment_said("承知しました。\n-----元のメッセージ-----\n資料を添付いたします。")
    assert not calls_wrongly("お世話になっております。\n> 鈴木様\n> お世話になっております。")


def test_the_place_of_the_words_is_told_in_the_text_as_it_was_typed() -> None:
    text = "お世話になっております。\n資料を添付いたします。"
    (place,) = wording.attachment_said(text)
    assert text[place.start : place.end] == place.words == "添付"
    (name,) = wording.wrong_names("いつもお世話になっております。\n鈴木 様", wording.known_as(["田中"]))
    assert name.words == "鈴木 様" and name.start == 16


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("絶対に安全です。", "絶対に", ["絶対に"]),
        ("必ずモウカリます", "もうかり", ["モウカリ"]),
        ("必ずﾓｳｶﾘます", "モウカリ", ["ﾓｳｶﾘ"]),
        ("ﾊﾞｶげた話", "ばか", ["ﾊﾞｶ"]),
        ("ＧＵＡＲＡＮＴＥＥ します", "guarantee", ["ＧＵＡＲＡＮＴＥＥ"]),
        ("A class of its own", "ass", []),
        ("You ASS.", "ass", ["ASS"]),
        ("返金不可、返金不可", "返金不可", ["返金不可", "返金不可"]),
        ("何も", " ", []),
    ],
)
def test_a_banned_word_is_found_in_any_width_kana_and_case(text: str, word: str, found: list[str]) -> None:
    assert [place.words for place in wording.banned(text, [word])] == found


def test_nothing_is_said_of_a_customer_of_whom_no_name_is_known() -> None:
    nobody = wording.known_as([])
    assert not wording.wrong_names("山田様\nお世話になっております。", nobody)
    assert not wording.wrong_names("Dear Mr Yamada,\nthank you.", nobody)


@pytest.mark.parametrize(
    "pattern", ["添付", "田中 様", "Dear ", "添付し", "ファイル（", "a attached ", "々", "\n", "。", ">"]
)
def test_a_text_of_any_length_is_read_in_a_moment(pattern: str) -> None:
    text = (pattern * 200_000)[:400_000]
    known = wording.known_as(["田中 美咲"], ["たなか みさき"], ["株式会社ミナト"])
    with an_end():
        wording.attachment_said(text)
        wording.wrong_names(text, known)
        wording.banned(text, ["禁止"])
