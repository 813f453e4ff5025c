"""Plain denials at the end of a Japanese comment: heard, and left alone where they are none."""

import pytest

from classifiers import denials, sentiment

PRAISE = (
    "満足していません。",
    "満足してない",
    "とても満足していません",
    "おすすめできません",
    "丁寧ではなかったです。",
    "親切とは言えない",
    "良くない！！",
    "対応は良くありませんでした。",
    "わかりやすくなかった",
    "二度と使いたくない",
    "また買いたいとは思わない",
    "役に立ちませんでした",
    "期待できない",
    "電話は早い。説明は丁寧じゃない。",
    "種類が少なく、欲しい色がありませんでした。",
    "探していたサイズが置いてなかったです。",
    "希望の時間帯がありませんでした。",
    "必要な部品が入っていませんでした。",
    "連絡が一度もありませんでした。",
    "ほしい機能がない",
    "選べる色が少なかったです",
    "品揃えが少ないです。",
)
TROUBLE = (
    "悪くない",
    "悪くないです😊",
    "遅くありませんでした",
    "不満はありません。",
    "困らなかったです",
    "傷がありませんでした。",
    "届いた箱に傷ひとつなかった",
    "待ち時間もほとんどなかったです",
    "不良かと思ったが問題なかった",
    "しつこい案内がない",
)
NEITHER = (
    "満足していないわけではない",
    "早くないと困ります",
    "良くないですか？",
    "使いたくないわけじゃない",
    "良くなかったけど、対応は神でした",
    "わかりやすくないですが、慣れれば便利です",
    "良くはないが悪くもない。",
    "不満がないと言えば嘘になります",
    "悪くはない、写真と別物なだけで",
    "満足していません。というのは冗談で最高でした",
    "よく分からない",
    "期待していなかった分、うれしい",
    "丁寧な応対でした。",
    "",
    "ﾅｲ",
    "特に欲しいものはありません",
    "期待していた通りでも外れでもない",
    "欲しい色はなかったですが、店員さんが取り寄せてくれました",
    "必要ありません",
    "傷がないか心配です",
    "不具合がなかったら満点",
    "ミスがないようにしてほしい",
    "間違いないです",
)


@pytest.mark.parametrize("text", PRAISE)
def test_praise_that_is_denied_is_a_complaint_and_the_denial_its_first_reason(text: str) -> None:
    found, denial = sentiment.of(text, comment=True), denials.of(text)
    assert found.label == "negative"
    assert denial and denial.of_praise and found.because[0].words == text[denial.start : denial.end]
    assert sum(found.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("text", TROUBLE)
def test_trouble_that_is_denied_is_no_anger(text: str) -> None:
    denial = denials.of(text)
    assert denial and not denial.of_praise
    assert sentiment.of(text, comment=True).label != "negative"


@pytest.mark.parametrize("text", NEITHER)
def test_what_is_denied_twice_asked_supposed_or_taken_back_is_left_to_the_models(text: str) -> None:
    assert denials.of(text) is None


def test_a_denial_in_full_width_stands_where_it_stands() -> None:
    text = "ｶﾒﾗは良い。\n満足していません"
    denial = denials.of(text)
    assert denial and text[denial.start : denial.end] == "満足していません"


def test_of_an_inquiry_that_answers_no_survey_nothing_is_heard_twice() -> None:
    assert sentiment.of("満足していません。").version == sentiment.shipped().version
