"""Senders and recipients as they are really written."""

from tests.hostile import PARKED, Builder, Kind, add, crlf, kind, letter

# (name of the kind, value of From, address, display name); parked where there is no address --------------------------

SENDERS: list[tuple[str, bytes, str, str]] = [
    ("dots_of_docomo", b"<a..b@docomo.ne.jp>", "a..b@docomo.ne.jp", ""),
    ("a_dot_first", b".first@docomo.ne.jp", ".first@docomo.ne.jp", ""),
    ("a_dot_last", b"last.@ezweb.ne.jp", "last.@ezweb.ne.jp", ""),
    ("dots_in_quotes", b'"q..q."@docomo.ne.jp', '"q..q."@docomo.ne.jp', ""),
    ("capitals_in_the_domain", b"Hanako.T@Example.JP", "Hanako.T@example.jp", ""),
    ("a_name_in_a_comment", b"comment@example.jp (Tanaka Hanako)", "comment@example.jp", "Tanaka Hanako"),
    ("a_comma_in_quotes", b'"Tanaka, Hanako" <comma@example.jp>', "comma@example.jp", "Tanaka, Hanako"),
    ("an_at_sign_in_the_name", b"Shop @ Tokyo <shop@example.jp>", "shop@example.jp", "Shop @ Tokyo"),
    ("an_address_hidden_in_a_word", b"=?utf-8?Q?Taro_<hidden@example.jp>?=", "hidden@example.jp", "Taro"),
    ("a_word_in_quotes", b'"=?utf-8?B?55Sw5Lit?=" <quoted@example.jp>', "quoted@example.jp", "田中"),
    ("specials_in_a_word", b"=?utf-8?Q?a=2Cb=3Cc=40d?= <specials@example.jp>", "specials@example.jp", "a,b<c@d"),
    (
        "another_address_as_the_name",
        b'"support@desk.example.jp" <spoof@evil.example>',
        "spoof@evil.example",
        "support@desk.example.jp",
    ),
    ("the_same_address_as_the_name", b"'twice@example.jp' <twice@example.jp>", "twice@example.jp", ""),
    ("an_open_bracket", b"Taro <open@example.jp", "open@example.jp", "Taro"),
    ("no_brackets", b"Taro bare@example.jp", "bare@example.jp", "Taro"),
    ("a_link_for_an_address", b"<mailto:link@example.jp>", "link@example.jp", ""),
    ("a_sender_in_raw_jis", b"\x1b$B;3ED\x1b(B <jis@example.jp>", "jis@example.jp", "山田"),
    ("a_sender_in_raw_shift_jis", "山田".encode("cp932") + b" <sjis@example.jp>", "sjis@example.jp", "山田"),
    ("a_domain_in_punycode", b"user@xn--eckwd4c7c.example", "user@xn--eckwd4c7c.example", ""),
    ("a_domain_in_japanese", "user@ドメイン.example".encode(), "user@ドメイン.example", ""),
    ("a_local_part_in_japanese", "花子@example.jp".encode(), "花子@example.jp", ""),
    ("quotes_in_quotes", b'"He said \\"hi\\"" <inner@example.jp>', "inner@example.jp", 'He said "hi"'),
    ("a_quote_that_never_closes", b'O"Neil <neil@example.jp>', "neil@example.jp", 'O"Neil'),
    ("a_route_before_the_address", b"<@relay.example,@b.example:route@example.jp>", "route@example.jp", ""),
    ("an_address_of_numbers", b"user@[192.0.2.1]", "user@[192.0.2.1]", ""),
    ("a_blank_before_the_at_sign", b"Taro <blank @ example.jp>", "blank@example.jp", "Taro"),
    ("a_plus_tag", b"hanako+shop@example.jp", "hanako+shop@example.jp", ""),
    (
        "markup_in_the_name",
        b'"<script>alert(1)</script>" <markup@example.jp>',
        "markup@example.jp",
        "<script>alert(1)</script>",
    ),
    ("a_name_that_turns_around", "\u202eおなまえ <turn@example.jp>".encode(), "turn@example.jp", "おなまえ"),
    (
        "a_name_with_a_line_break_in_a_word",
        b"=?utf-8?Q?a=0D=0ABcc:_x?= <break@example.jp>",
        "break@example.jp",
        "a Bcc: x",
    ),
    ("a_name_of_ten_thousand_letters", b"N" * 10_000 + b" <longname@example.jp>", "longname@example.jp", "N" * 200),
    ("several_senders", b"first@example.jp, other@example.jp", "first@example.jp", ""),
    ("a_semicolon_between_senders", b"semi@example.jp; other@example.jp", "semi@example.jp", ""),
    ("a_group_of_senders", b"Shop: group@example.jp, other@example.jp;", "group@example.jp", ""),
    ("comments_in_comments", b"(a (b (c))) nested@example.jp (d)", "nested@example.jp", ""),
    ("thirty_thousand_open_comments", b"deep@example.jp " + b"(" * 30_000, "deep@example.jp", ""),
    ("thirty_thousand_brackets", b"<" * 30_000 + b"brackets@example.jp" + b">" * 30_000, "brackets@example.jp", ""),
    ("an_address_folded_over_lines", b"Hanako\n <folded@\n example.jp>", "folded@example.jp", "Hanako"),
    ("tabs_around_the_address", b"\tHanako\t<tabs@example.jp>\t", "tabs@example.jp", "Hanako"),
    ("an_apostrophe", b"o'hara@example.jp", "o'hara@example.jp", ""),
    ("full_width_signs", "Taro ＜wide@example.jp＞".encode(), "wide@example.jp", "Taro"),
]


def _from(value: bytes) -> Builder:
    return lambda me: crlf(b"From: " + value + b"\nSubject: x\n\nhello")


for _name, _value, _address, _shown in SENDERS:
    shown = (
        None
        if _name in ("comments_in_comments", "thirty_thousand_open_comments", "thirty_thousand_brackets")
        else _shown
    )
    add(Kind(_name, _from(_value), sender=_address, sender_name=shown, subject="x", words=("hello",)))

NOBODY = {
    "nobody_by_name": b"undisclosed-recipients:;",
    "nobody_but_a_name": b"Hanako Tanaka",
    "nobody_before_the_at_sign": b"@example.com",
    "nobody_behind_the_at_sign": b"hanako@",
    "nobody_between_brackets": b"Hanako <>",
    "nobody_but_signs": b"<<<>>>,,;;::@@",
}
for _name, _value in NOBODY.items():
    add(Kind(_name, _from(_value), PARKED, sender=None))


@kind(words=["hello"])
def twenty_thousand_recipients(me: bytes) -> bytes:
    return letter(me, b"Subject: x\nTo: " + b",\n ".join(b"u%d@example.com" % n for n in range(20_000)) + b"\n")


@kind(words=["hello"])
def recipients_in_groups_within_groups(me: bytes) -> bytes:
    return letter(me, b"Subject: x\nTo: " + b"a:" * 20_000 + b"b@example.com" + b";" * 20_000 + b"\n")


@kind(words=["hello"])
def recipients_without_an_end(me: bytes) -> bytes:
    return letter(me, b'Subject: x\nTo: "' + b"a@b.example," * 4000 + b"\nCc: " + b"\\" * 50_000 + b'"\n')
