"""Words: what is new in an answer, what must never be cut, and texts that cost a careless reader his day."""

from tests.hostile import Kind, add, kind, utf8

NEW = "承知しました。\n明日お送りします。"
QUOTE = "> 田中様\n> いつ届きますか。"
HEAD = b"Subject: Re: x\nIn-Reply-To: <nothing-of-ours@example.com>\n"

# What stands above a quote: (name of the kind, lines) -----------------------------------------------------------------

ABOVE = [
    ("gmail", "2025年1月6日(月) 10:00 サポート窓口 <support@example.jp>:"),
    ("gmail_folded", "2025年1月6日(月) 10:00 とても長い名前のサポートセンター東京第一営業所\n<support@example.jp>:"),
    ("apple", "2025/01/06 10:00、サポート窓口 <support@example.jp>のメール:"),
    ("apple_wide", "2025/01/06 10:00、サポート窓口 <support@example.jp>のメール："),
    ("thunderbird", "サポート窓口 さんは書きました:"),
    ("thunderbird_dated", "On 2025/01/06 10:00, サポート窓口 wrote:"),
    ("becky", "サポート窓口 さんが 2025/01/06 10:00 に書きました:"),
    ("in_message", "In message <ticket-1@example.jp>\n   Support <support@example.jp> wrote:"),
    ("gmail_in_english", "On Mon, Jan 6, 2025 at 10:00 AM Support <support@example.jp> wrote:"),
    ("german", "Am 06.01.2025 um 10:00 schrieb Support:"),
    ("french", "Le lun. 6 janv. 2025 à 10:00, Support <support@example.jp> a écrit :"),
]
for _name, _lines in ABOVE:
    add(
        Kind(
            f"a_quote_as_{_name}_writes_it",
            (lambda lines: lambda me: utf8(me, f"{NEW}\n\n{lines}\n\n{QUOTE}\n", HEAD))(_lines),
            reply=NEW,
            words=("いつ届きますか。",),
        )
    )

UNMARKED = [
    ("outlook", "-----Original Message-----\nFrom: Support <s@example.jp>\nSent: Monday\nSubject: x"),
    (
        "outlook_in_japanese",
        "差出人: サポート窓口 <s@example.jp>\n送信日時: 2025年1月6日 10:00\n宛先: 田中 花子\n件名: x",
    ),
    ("notes", "宛先: 田中\ncc:\n日付: 2025/01/06 10:00\n差出人: サポート\n件名: x"),
    ("a_japanese_divider", "----- 元のメッセージ -----\n差出人：サポート"),
    ("wide_colons", "差出人： サポート窓口\n送信日時： 2025年1月6日\n宛先： 田中\nCC： 山田\n件名： x"),
    ("a_marker_of_ours", "##- この行より上に返信してください -##\nこんにちは"),
]
for _name, _lines in UNMARKED:
    add(
        Kind(
            f"an_unmarked_quote_below_{_name}",
            (lambda lines: lambda me: utf8(me, f"{NEW}\n\n{lines}\n\nいつ届きますか。\n", HEAD))(_lines),
            reply=NEW,
            words=("いつ届きますか。",),
        )
    )

# What must stay: (name of the kind, words) ----------------------------------------------------------------------------

KEPT = [
    ("a_list_with_hyphens", "次の部品が足りません。\n- ねじ\n- ばね\n- 取扱説明書"),
    (
        "a_ruled_list",
        "注文内容は次のとおりです。\n━━━━━━━━━\n注文番号：A-1001\n商品：掃除機\n━━━━━━━━━\n交換をお願いします。",
    ),
    (
        "an_address_to_send_to",
        "送付先です。\n\nお名前：田中 花子\nご住所：〒100-0001 東京都千代田区0-0\n電話番号：03-5550-0123",
    ),
    ("answers_between_quotes", "> 色はどうしますか。\n赤でお願いします。\n> 個数は。\n2個です。"),
    ("a_table_of_pipes", "| 型番 | 数量 |\n| AB-1 | 2 |"),
    ("a_way_through_menus", "設定 > 画面 > 明るさ を開きました。"),
    ("an_error_between_rules", "エラーは次のとおりです。\n-----\nError 0x80070005\n-----"),
    ("a_sentence_that_looks_like_a_quote_head", "On Monday I wrote to you: no answer came."),
    ("nothing_but_a_signature", "-- \n田中 花子\nTEL 03-5550-0123"),
    ("nothing_but_a_quote_without_head", "> いつ届きますか。\n> 窓口"),
    ("a_question_below_two_dashes", "手順です。\n1) 電源を入れる\n--\nここで止まります。"),
    ("comparison_signs", ">100 個必要です。\n<50 個では足りません。"),
    (
        "a_forward_from_gmail",
        "見てください。\n\n---------- Forwarded message ---------\nFrom: 通販 <shop@example.com>\n"
        "Subject: ご注文\n\n発送しました。",
    ),
    (
        "a_forward_in_japanese",
        "見てください。\n\n----- 転送メッセージ -----\n差出人: 通販\n件名: ご注文\n\n発送しました。",
    ),
    (
        "a_forward_from_apple",
        "見てください。\n\n転送されたメッセージ:\n\n差出人: 通販 <shop@example.com>\n件名: ご注文\n\n発送しました。",
    ),
]
for _name, _text in KEPT:
    add(Kind(_name, (lambda text: lambda me: utf8(me, text, b"Subject: x\n"))(_text), words=(_text,), reply=_text))


@kind(
    reply="見てください。\n\n差出人: 通販\n送信日時: 2025年1月6日\n宛先: 田中\n件名: ご注文\n\n発送しました。",
    subject="FW: ご注文",
)
def a_forward_that_only_its_subject_tells(me: bytes) -> bytes:
    return utf8(
        me,
        "見てください。\n\n差出人: 通販\n送信日時: 2025年1月6日\n宛先: 田中\n件名: ご注文\n\n発送しました。",
        "Subject: FW: ご注文\n".encode(),
    )


SIGNED = [
    ("rules", "━━━━━━━━━━\n株式会社サンプル\n田中 花子\nTEL：03-5550-0123\n━━━━━━━━━━"),
    ("a_telephone", "iPhoneから送信"),
    ("two_dashes", "-- \n田中 花子\nサンプル商事"),
    ("squares", "■□■□■□■□■□\n　田中 花子\n　https://example.jp/\n■□■□■□■□■□"),
    ("a_docomo_telephone", "ドコモのスマートフォンから送信"),
]
for _name, _text in SIGNED:
    add(
        Kind(
            f"a_signature_of_{_name}",
            (lambda text: lambda me: utf8(me, f"{NEW}\n\n{text}\n"))(_text),
            reply=NEW,
            words=(_text,),
        )
    )

# Texts that are long in one way -------------------------------------------------------------------------------------

LONG = {
    "blanks_without_end": ("start" + " " * 360_000 + "end", ("start",)),
    "line_ends_without_end": ("start" + "\n" * 180_000 + "end", ("start", "end")),
    "lines_of_on_monday": ("start\n" + "On Mon, 6 Jan 2025 10:00\n" * 12_000, ("start",)),
    "japanese_dates": ("start\n" + "2025年1月6日(月) 10:00\n" * 10_000, ("start",)),
    "dashes": ("start\n" + "-" * 80_000 + "\n-----" * 36_000, ("start",)),
    "a_line_of_quote_marks": ("start\n" + "> " * 160_000, ("start",)),
    "quotes_four_hundred_deep": ("start\n" + "\n".join(">" * n + " x" for n in range(400)), ("start",)),
    "a_line_without_end": ("start" + "a" * 360_000, ("start",)),
    "fields_without_a_quote": ("start\n" + "From: a\nSent: b\nx\n" * 8_000, ("start",)),
    "rules_without_a_signature": ("start\n" + "━━━━\n田中\n" * 8_000, ("start",)),
    "links_without_end": ("start\n" + "https://example.com/a " * 12_000, ("start",)),
    "a_telephone_number_without_end": ("start\n-- \nTEL " + "03-" * 100_000, ("start",)),
    "names_that_open_a_quote": ("start\n" + '"a" <b@example.com>\n' * 12_000, ("start",)),
    "half_a_forward": ("start\n" + "--- forwarded by " * 16_000, ("start",)),
}
for _name, (_text, _words) in LONG.items():
    add(Kind(_name, (lambda text: lambda me: utf8(me, text, HEAD))(_text), words=_words))


@kind(words=["start"])
def flowed_lines_without_an_end(me: bytes) -> bytes:
    return utf8(me, "start\n" + "a \n" * 80_000).replace(b"charset=utf-8", b"charset=utf-8; format=flowed")


@kind(words=["start"])
def jis_escapes_without_letters(me: bytes) -> bytes:
    return utf8(me, "start" + "\x1b$B" * 80_000).replace(b"utf-8", b"iso-2022-jp")


@kind(words=["start"])
def lost_jis_escapes(me: bytes) -> bytes:
    return utf8(me, "start" + "$B" * 120_000).replace(b"utf-8", b"iso-2022-jp")


@kind(words=["start"])
def words_hidden_between_invisible_letters(me: bytes) -> bytes:
    return utf8(me, "start" + "\u200b\u200c\u2060\ufeff" * 50_000 + "end")


@kind(words=["start"], problems=["text_cut"])
def two_million_letters(me: bytes) -> bytes:
    return utf8(me, "start\n" + "word word word\n" * 100_000)
