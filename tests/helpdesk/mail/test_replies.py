"""The new part of a reply. Each case is written as the mail is; what must remain was decided by reading it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.mail import replies


def reply_of(text: str, *, is_reply: bool = True) -> str:
    return replies.split(text, is_reply=is_reply, is_forward=False).reply


ANSWER = "承知しました。\n明日お送りします。"
QUOTED = "> 田中様\n> いつ届きますか。\n"

ATTRIBUTIONS = [
    "2025年1月6日(月) 10:00 サポート窓口 <support@example.jp>:",
    "2025年1月6日(月) 10:00 とても長い名前のサポートセンター東京第一営業所\n<support@example.jp>:",
    "2025/01/06 10:00、サポート窓口 <support@example.jp>のメール:",
    "2025/01/06 10:00、サポート窓口 <support@example.jp>のメール：",
    "2025年1月6日 10:00、サポート窓口 <support@example.jp>のメール:",
    "サポート窓口 さんは書きました:",
    "(2025/01/06 10:00), サポート窓口 wrote:",
    "サポート窓口 さんが 2025/01/06 10:00 に書きました:",
    "On 2025/01/06 10:00, サポート窓口 wrote:",
    "On Mon, 6 Jan 2025 10:00:00 +0900\nSupport <support@example.jp> wrote:",
    "On Mon, Jan 6, 2025 at 10:00 AM Support <support@example.jp> wrote:",
    "At 10:00 AM 01/06/2025 +0900, you wrote:",
    "In message <ticket-1@example.jp>\n   Support <support@example.jp> wrote:",
    '"サポート" <support@example.jp> さんは書きました：',
    "サポートさんが2025年1月6日 10:00に書かれたメッセージ:",
    "Am 06.01.2025 um 10:00 schrieb Support:",
    "Le lun. 6 janv. 2025 à 10:00, Support <support@example.jp> a écrit :",
    "El lun, 6 ene 2025 a las 10:00, Support (<support@example.jp>) escribió:",
    "W dniu 6.01.2025 o 10:00, Support pisze napisał(a):",
    "пн, 6 янв. 2025 г. в 10:00, Support <support@example.jp> написал:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize("mark", ["> ", ">", "＞", "| "])
def test_a_marked_quote_goes_with_the_line_that_introduces_it(attribution, mark):
    quote = QUOTED.replace("> ", mark)
    split = replies.split(f"{ANSWER}\n\n{attribution}\n\n{quote}", is_reply=True, is_forward=False)
    assert split.reply == ANSWER
    assert split.quoted.startswith(attribution)


UNMARKED = [
    "-----Original Message-----\nFrom: Support <s@example.jp>\nSent: Monday, January 6, 2025 10:00 AM\nSubject: x",
    "-----元のメッセージ-----\n差出人: サポート\n送信日時: 2025年1月6日 10:00\n宛先: 田中\n件名: x",
    "----- 元のメッセージ -----\n差出人：サポート",
    "差出人: サポート窓口 <s@example.jp>\n送信日時: 2025年1月6日 10:00\n宛先: 田中 花子\n件名: x",
    "差出人： サポート窓口\n送信日時： 2025年1月6日\n宛先： 田中\nCC： 山田\n件名： x",
    "____________________\n差出人: サポート <s@example.jp>\n送信日時: 2025年1月6日 10:00\n宛先: 田中\n件名: x",
    "From: Support <s@example.jp>\nDate: Monday, 6 January 2025 at 10:00\nTo: Tanaka\nSubject: x",
    "宛先: 田中\ncc:\n日付: 2025/01/06 10:00\n差出人: サポート\n件名: x",
    "*From:* Support <s@example.jp>\n*Sent:* Monday\n*To:* Tanaka\n*Subject:* x",
    "Von: Support\nGesendet: Montag, 6. Januar 2025 10:00\nAn: Tanaka\nBetreff: x",
    "De : Support\nEnvoyé : lundi 6 janvier 2025 10:00\nÀ : Tanaka\nObjet : x",
    "От: Support\nОтправлено: 6 января 2025\nКому: Tanaka\nТема: x",
    "##- この行より上に返信してください -##\nこんにちは",
]


@pytest.mark.parametrize("head", UNMARKED)
def test_an_unmarked_quote_ends_the_reply(head):
    split = replies.split(f"{ANSWER}\n\n{head}\n\nいつ届きますか。\n", is_reply=True, is_forward=False)
    assert split.reply == ANSWER
    assert split.quoted.startswith(head)


SIGNATURES = [
    "━━━━━━━━━━\n株式会社サンプル\n田中 花子\nTEL：03-5550-0123\n━━━━━━━━━━",
    "＝＝＝＝＝＝＝＝\n田中花子\n〒100-0001 東京都千代田区0-0\n電話 03-5550-0123\n＝＝＝＝＝＝＝＝",
    "************************\n(株)サンプル 営業部\n田中 花子\nhanako@example.jp\n************************",
    "■□■□■□■□■□\n　田中 花子\n　https://example.jp/\n■□■□■□■□■□",
    "-- \n田中 花子\nサンプル商事",
    "--\n田中 花子",
    "----------------------\n株式会社サンプル 総務課\n田中\n----------------------",
    "＊＊＊＊＊＊\n田中 花子\n＊＊＊＊＊＊",
    "iPhoneから送信",
    "ドコモのスマートフォンから送信",
    "Outlook for iOS を入手",
    "Sent from my iPhone",
    "Get Outlook for Android",
    "田中 花子\n株式会社サンプル\nTEL: 03-5550-0123 / FAX: 03-5550-0199\nhanako@example.jp",
    "_/_/_/_/_/_/_/_/_/_/\n田中 花子\nMobile: 090-1234-0000\n_/_/_/_/_/_/_/_/_/_/",
    "―――――――――――\n暮らしをもっと便利に！\n株式会社サンプル 田中\nTEL 03-5550-0123\nURL https://example.jp\n―――――――――――",
]


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("below", ["", f"\n\n{ATTRIBUTIONS[0]}\n\n{QUOTED}", f"\n\n{UNMARKED[0]}\n\nいつ届きますか。"])
def test_a_signature_is_told_from_the_words_above_it(signature, below):
    split = replies.split(f"{ANSWER}\n\n{signature}{below}", is_reply=True, is_forward=False)
    assert split.reply == ANSWER
    assert split.signature == signature


def test_a_signature_below_the_quote_is_found_too():
    split = replies.split(
        f"{ANSWER}\n\n{ATTRIBUTIONS[0]}\n\n{QUOTED}\n{SIGNATURES[0]}", is_reply=True, is_forward=False
    )
    assert (split.reply, split.signature) == (ANSWER, SIGNATURES[0])


KEPT = [
    "次の部品が足りません。\n- ねじ\n- ばね\n- 取扱説明書",
    "注文内容は次のとおりです。\n━━━━━━━━━\n注文番号：A-1001\n商品：掃除機\n━━━━━━━━━\n交換をお願いします。",
    "注文内容は次のとおりです。\n━━━━━━━━━\n注文番号：A-1001\n数量：2\n━━━━━━━━━",
    "送付先をお知らせします。\n\nお名前：田中 花子\nご住所：〒100-0001 東京都千代田区0-0\n電話番号：03-5550-0123",
    "送付先です。\n\nお名前：田中 花子\n住所：〒100-0001 千代田区\n電話：03-5550-0123\nメール：h@example.jp",
    "ご連絡ください。\n田中 花子\n電話 03-5550-0123",
    "お世話になっております。\n\nよろしくお願いいたします。\n田中",
    "手順は次のとおりです。\n1) 電源を入れる\n2) ボタンを押す\n--\nここで止まります。",
    "エラーは次のとおりです。\n-----\nError 0x80070005\n-----",
    "設定 > 画面 > 明るさ を開きました。",
    "| 型番 | 数量 |\n| AB-1 | 2 |",
    "Please send these:\n\n- one lid\n- two screws\n\nThanks,\nHanako",
    "On Monday I wrote to you: no answer came.",
    "1/6に届いた箱に、佐藤さんは「交換済み」と書きました。\n違うと思います。",
    "本日は以上です。\n\n※ 返信は不要です。",
]


@pytest.mark.parametrize("text", KEPT)
def test_no_word_of_the_customer_is_taken_for_signature_or_quote(text):
    assert reply_of(text) == text
    assert reply_of(f"{text}\n\n{ATTRIBUTIONS[0]}\n\n{QUOTED}") == text


def test_a_signature_and_a_list_that_looks_like_one_are_told_apart():
    text = f"{KEPT[2]}\n\n{SIGNATURES[0]}"
    assert reply_of(text) == KEPT[2]


def test_answers_between_quotes_are_kept_with_the_quoted_lines():
    text = f"{ATTRIBUTIONS[0]}\n> 色はどうしますか。\n赤でお願いします。\n> 個数は。\n2個です。"
    assert reply_of(text) == text


def test_the_quote_after_the_last_answer_goes():
    text = "> 色はどうしますか。\n赤でお願いします。\n> 個数は。\n2個です。"
    assert reply_of(f"{text}\n\n> 以上よろしくお願いします。\n> 窓口") == text


def test_a_line_quoted_by_hand_stays_with_its_answer():
    assert reply_of("> 色はどうしますか。\n赤でお願いします。") == "> 色はどうしますか。\n赤でお願いします。"


def test_an_answer_below_the_whole_quote_stands_alone():
    assert reply_of(f"{ATTRIBUTIONS[5]}\n{QUOTED}\n{ANSWER}") == ANSWER


@pytest.mark.parametrize(
    "marker",
    [
        "---------- Forwarded message ---------",
        "---------- 転送メッセージ ----------",
        "-------- Forwarded Message --------",
        "Begin forwarded message:",
        "転送されたメッセージ:",
        "-----転送されたメッセージ-----",
    ],
)
def test_a_forward_is_never_cut(marker):
    text = (
        f"これは何でしょうか。\n\n{marker}\nFrom: 店 <shop@example.jp>\nDate: 2025/01/05\nSubject: x\n\n本文\n-- \n店"
    )
    assert replies.split(text, is_reply=True, is_forward=False) == replies.Split(text, "", "", True)


def test_a_forward_told_by_its_subject_is_never_cut():
    text = f"確認してください。\n\n{UNMARKED[3]}\n\n本文"
    assert replies.split(text, is_reply=True, is_forward=True).reply == text


def test_a_head_copied_into_a_new_mail_is_the_customers_own_text():
    text = f"次のような迷惑メールが届きました。\n\n{UNMARKED[3]}\n\n当選しました"
    assert reply_of(text, is_reply=False) == text
    assert reply_of(text, is_reply=True) == "次のような迷惑メールが届きました。"


def test_what_would_leave_no_words_is_kept_whole_when_answers_may_hide_in_it():
    text = f"{UNMARKED[1]}\n\nいつ届きますか。→明日です。"
    assert reply_of(text) == text


def test_nothing_but_a_marked_quote_is_an_empty_reply():
    assert reply_of(f"{ATTRIBUTIONS[0]}\n\n{QUOTED}") == ""


def test_telephone_numbers_of_the_signature_are_given_as_typed_without_the_fax():
    signature = "TEL：０３－５５５０－０１２３　FAX：03-5550-0199\nMobile: 090-1234-0000 〒100-0001\nhttps://example.jp/0120-000-000"
    assert replies.phones(signature, "") == ("０３－５５５０－０１２３", "090-1234-0000")
    assert replies.phones("", "折り返しは電話番号：03-5550-0100まで。注文番号 1234567890123") == ("03-5550-0100",)


@pytest.mark.parametrize("case", json.loads((Path(__file__).parent / "messages/replies.json").read_text("utf-8")))
def test_replies_written_after_the_rules_were_are_cut_where_a_reader_would(case):
    assert reply_of(case["text"]) == case["reply"]


_PIECES = st.sampled_from(
    [
        ANSWER,
        QUOTED,
        "",
        "田中",
        "TEL 03-5550-0123",
        "━━━━━━",
        "-- ",
        "--",
        "> ",
        "よろしくお願いします。",
        *ATTRIBUTIONS[:12],
        *UNMARKED,
        *SIGNATURES,
        *KEPT,
    ]
)


@given(st.lists(_PIECES | st.text(max_size=30), max_size=12), st.booleans(), st.booleans())
def test_every_line_lands_in_exactly_one_place(pieces, is_reply, is_forward):
    text = "\n".join(pieces)
    split = replies.split(text, is_reply=is_reply, is_forward=is_forward)
    places = Counter(line.strip() for part in (split.reply, split.quoted, split.signature) for line in part.split("\n"))
    lines = Counter(line.strip() for line in text.split("\n"))
    del places[""], lines[""]
    assert places == lines
