"""What leaves is signed so that whoever gets it can check it (RFC 6376)."""

import base64
import hashlib
import random
import re

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from helpdesk import seals
from helpdesk.errors import Rejected
from helpdesk.mail import dkim
from models import DkimKey
from tests.cast import AIKO, MONDAY, OpenDesk, text_of
from tests.patience import an_end
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
# A key of this file alone, and what it signs the mail below with: accepted by dkimpy 1.1.8.
PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHpTDTmpLX5x5M
TedCWtzXkl6u8ZjUnsb7R3pVLaaDQO6K0m6F9FyC8jkCWt/QHOIXoyL4ycm1oojh
nU6hBUIqUdW7vRdFdT9VCba1nYgYMrko6G4eo59M4ipcueNalcj+h4Bd3l/l06ds
KZrz8uzHdRQx55RK8AkzOX55/skBsyB19mJHXJK6AFzja/ODX/zXue+DC8vJ4q/Q
LwV3GjX/pcZuCi6J/yW85bwcoWHQIlPAktl9tvAvWb9rLcWJ1g+hG7oorsgVwumY
/dhP5Q/gXf3afejkgrxZdcXfTVH2AbYToXhOiukhmRPC7NVQ002zJouFjDpAa1L9
4KnUoSTLAgMBAAECggEAW+lRisGJZAtbd/6Pfo1tSXNx0rGYTh6Q9eMozykWlSui
BlgtmM7wfjp8g3iJvHpnnkE1GvtvOQdMZC3zIo9UsD3/m5BIs+nwD7rKml8dZiKH
+uzSsZlbf95JaWoM4Mm/gGqqbsyvMpQX6mRXGYMXfhYJB5aZP0y1t5b7ArgJGxXn
jrKtlN7XAmie0r1cIu8fGH9X87T9Mh8ED7TqpAusAcdwy9T8M83jzuJfIJtn2FjE
RMoq13WLIJZZ1OZmWvSBxOHt63fzJML9mdMh5mqBsoE32FM3FNWFCUPv6zEotggy
fnaDQNJilgKi6gv06CzvFGqLE2pupz4zGXXSkQB0+QKBgQDp46X0HpANBb4lvVLA
SYtRWmeV0OF9ayMGpE2PAUgldQ3M29zHDzSyu6GqLa1Ut5e+MktYedX788bnBDtg
58DB/ZnQuupxa2nHM9MqtGSbiOojFjlYL2WQtAanOAIVPkmEdnwCbiNnqAIYU5i/
VL+OuOaHOjNzveqDPuk3HuuOCQKBgQDahM3o+hLZjJHcTHgygaX8cTkLeDs5x96i
Fa4rQ4Yq2ViVh0Axjl1SFwg+UVbAVwf57B4pGCMhdtcfmKC3ShEoErQl3w63MPei
6HAQrzIjdtFD6zVceovreRnfAOJxH2Eij3booqIzScRz+AL76fafuIAFq1GQD6de
LwSVFmtRMwKBgQC12yC1EHJ2/akcVPmbs1NU/RMfpNs/FmeUiXoYoCmFnl8Nk0I1
sLgL5OJNnNhxz5J3+0kkUQ81qRVVmK/GqEvzSgkoB720VI1Zqw0c3kh/utQ6VdRe
ofO5sJCfwme0NssY6LuBdDupJDQE0DMrSWzsPw5XxMQu0VMfm3HgPvVuaQKBgCTi
QbdPbpsV5RDgP3GW/KNtoQlUk/qex+9n5WwcC6tz4EXs/GLg+tN+W7/ZDuGMTyZa
OoUJM/TUEF+e7ZHCiL7Q2WODEQLO2x2+Shwm1jmyNoRWUT142eE3IazIg3BAsa6Z
tKJzwRkTHHvOowJObXhsNf+++Rdt7Pwyx306uYaNAoGAJgtuViuBLUiWNAvM3AQK
UrFbM9NnLLtjvE4oOsPNrc6JwfZ96XHz2U8hA3mXnrgzaopkdy5B/OBxk5dnHuYH
IQYLksicbmZOjOm9eWLcWYWTDYlWOSvaIXMOo745sOLq87p9EFtx8OqlqmLm0P/F
QQ7h5fQgVlgvejqyDNLqQNc=
-----END PRIVATE KEY-----
"""
PUBLIC_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx6Uw05qS1+ceTE3nQlrc15JervGY1J7G+0d6VS2mg0DuitJuhfRcgvI5"
    "Alrf0BziF6Mi+MnJtaKI4Z1OoQVCKlHVu70XRXU/VQm2tZ2IGDK5KOhuHqOfTOIqXLnjWpXI/oeAXd5f5dOnbCma8/Lsx3UUMeeU"
    "SvAJMzl+ef7JAbMgdfZiR1ySugBc42vzg1/817nvgwvLyeKv0C8Fdxo1/6XGbgouif8lvOW8HKFh0CJTwJLZfbbwL1m/ay3FidYP"
    "oRu6KK7IFcLpmP3YT+UP4F392n3o5IK8WXXF301R9gG2E6F4TorpIZkTwuzVUNNNsyaLhYw6QGtS/eCp1KEkywIDAQAB"
)
BODY_HASH = "fU8AFFjMZfcXtdOEIpTLQDJ+klacXPJi8JzyZjBi0fQ="
SIGNATURE = (
    "Fye9w74cBrdMLCFOoToKCRavvN+BsOKG+zj2kX7d44eWVGzUVOdSllVnOq6+Me9zuy4UjwOYj15gQHyGB8425XlkwdAz6aGZkdBA"
    "OLczOGpthEwdn79AA9pvXf/ZfzESNmF/3Fs+2YdEXZ6p+anLOiHtQ/9ehOaRHAP8McOTGQS0+P2fc0zKqWIVHHAwnBbPXzx7ugz9"
    "XM/80SWHf5ICYjBk/k2TGXrXZxVa1i1+u//b5J32NS0lMrXMwCphvHuS1y6tg5rXOdtbKtE8M57LUn8JKuPAOiUX4uGe+48FuGuB"
    "fR5FmjfMrHszPTKTd6Rt8fwMDdJZ0ECcUp0uLGOWvg=="
)
MAIL = (
    "From: =?utf-8?b?44Gy44KI44KK6Zu75Zmo?= <support@desk.example.jp>\r\n"
    "To: tanaka@example.com\r\n"
    "Subject: =?utf-8?b?44GU6L+U5L+h?=\r\n  [#42]\r\n"
    "Date: Mon, 16 Nov 2026 10:00:00 +0900\r\n"
    "Message-ID: <1@desk.example.jp>\r\n"
    "MIME-Version: 1.0\r\n"
    'Content-Type: text/plain;\r\n\tcharset="utf-8"\r\n'
    "Content-Transfer-Encoding: 8bit\r\n"
    "\r\n"
    "田中様　\t \r\n\r\n  承りました。 \r\n\r\n\r\n"
).encode()


def signed(raw: bytes) -> bytes:
    return dkim.sign(raw, domain="desk.example.jp", selector="desk202611", private_key=PRIVATE_KEY)


def verifies(raw: bytes) -> bool:
    """A receiver's side, written from the RFC and from nothing of ours: is the first signature of this mail right?"""
    head, body = raw.split(b"\r\n\r\n", 1)
    fields = re.split(rb"\r\n(?![ \t])", head)
    first = fields.pop(0)
    assert first.lower().startswith(b"dkim-signature:")
    tags = dict(part.split(b"=", 1) for part in re.sub(rb"\s", b"", first.split(b":", 1)[1]).split(b";") if part)
    assert (tags[b"v"], tags[b"a"], tags[b"c"]) == (b"1", b"rsa-sha256", b"relaxed/relaxed")
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    content = b"".join(line + b"\r\n" for line in lines)
    if base64.b64encode(hashlib.sha256(content).digest()) != tags[b"bh"]:
        return False

    def relaxed(field: bytes) -> bytes:
        name, value = field.split(b":", 1)
        return name.strip().lower() + b":" + b" ".join(value.replace(b"\r\n", b"").replace(b"\t", b" ").split())

    said = b""
    for name in tags[b"h"].split(b":"):
        places = [place for place, field in enumerate(fields) if field.split(b":", 1)[0].strip().lower() == name]
        if places:
            said += relaxed(fields.pop(places[-1])) + b"\r\n"
    said += relaxed(re.sub(rb"(;\s*b=).*", rb"\1", first, flags=re.DOTALL))
    key = load_der_public_key(base64.b64decode(PUBLIC_KEY))
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(base64.b64decode(tags[b"b"]), said, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def test_a_mail_is_signed_as_another_program_found_right() -> None:
    first = signed(MAIL).split(b"\r\nFrom:")[0].replace(b"\r\n\t", b"")
    assert f"bh={BODY_HASH};".encode() in first and first.endswith(b"b=" + SIGNATURE.encode())
    assert b"d=desk.example.jp;" in first and b"s=desk202611;" in first and signed(MAIL).endswith(MAIL)
    assert verifies(signed(MAIL))


def test_whatever_is_written_its_signature_is_right() -> None:
    dice = random.Random(7)
    parts = [b"a", b" ", b"\t", b"\r\n", b"\n", b".", b"\xe3\x81\x82"]
    for _ in range(300):
        subject, body = bytes(dice.choices(b"ab \t", k=90)), b"".join(dice.choices(parts, k=dice.randrange(50)))
        assert verifies(signed(b"From: a@desk.example.jp\nSubject: " + subject + b"\n\n" + body)), (subject, body)


@pytest.mark.parametrize(
    "change",
    [
        lambda mail: mail.replace(b"tanaka@", b"tanaka2@"),
        lambda mail: mail.replace("承りました。".encode(), "承りました！".encode()),
        lambda mail: mail.replace(b"[#42]", b"[#43]"),
        lambda mail: mail.replace(b"\r\nFrom:", b"\r\nFrom: evil@example.net\r\nFrom:"),
        lambda mail: mail.replace(b"\r\nFrom:", b"\r\nSubject: other\r\nFrom:"),
        lambda mail: mail.replace(b"\r\nFrom:", b"\r\nReply-To: evil@example.net\r\nFrom:"),
        lambda mail: mail.replace(b"\r\nFrom:", b"\r\nCc: evil@example.net\r\nFrom:"),
        lambda mail: mail.replace(b"8bit", b"base64"),
    ],
    ids=["recipient", "words", "subject", "second sender", "second subject", "reply-to added", "cc added", "encoding"],
)
def test_a_mail_that_was_changed_on_the_way_no_longer_verifies(change) -> None:  # type: ignore[no-untyped-def]
    assert verifies(signed(MAIL)) and change(signed(MAIL)) != signed(MAIL) and not verifies(change(signed(MAIL)))


def test_what_relays_do_to_white_space_and_traces_does_no_harm() -> None:
    relayed = signed(MAIL).replace(b"To: tanaka", b"To:   tanaka").replace(b"\r\n\r\n\r\n", b"\r\n\r\n")
    assert relayed != signed(MAIL) and verifies(relayed)


def test_the_same_mail_is_signed_the_same_again() -> None:
    assert signed(MAIL) == signed(MAIL)


def test_no_line_of_the_signature_is_too_long_to_travel() -> None:
    head = signed(MAIL).split(b"\r\nFrom:")[0].split(b"\r\n")
    assert len(head) > 3 and max(map(len, head)) <= 78


def test_a_large_attachment_is_signed() -> None:
    body = b"\r\n".join([base64.b64encode(b"\xff" * 57)] * 100_000)
    with an_end():
        mail = signed(b"From: a@desk.example.jp\r\n\r\n" + body)
    assert body in mail


def test_a_new_key_has_2048_bits_and_signs_what_its_record_verifies() -> None:
    private_key, public_key = dkim.make_key()
    opened = load_der_public_key(base64.b64decode(public_key))
    assert isinstance(opened, RSAPublicKey) and opened.key_size == 2048
    raw = dkim.sign(MAIL, domain="desk.example.jp", selector="x", private_key=private_key)
    assert not verifies(raw)  # with another key
    assert dkim.record(public_key) == f"v=DKIM1; k=rsa; p={public_key}"


def keep(desk: OpenDesk, **more: object) -> None:
    sealed = seals.seal(PRIVATE_KEY, settings=desk.settings)
    told = {"domain": "desk.example.jp", "selector": "desk202611", "private_key": sealed, "public_key": PUBLIC_KEY,
            "is_active": True, "created_at": MONDAY}  # fmt: skip
    desk.write(lambda db: db.add(DkimKey(**(told | more))))


@SQLITE
def test_mails_of_a_domain_are_signed_once_its_key_is_switched_on(desk: OpenDesk) -> None:
    keep(desk)
    sign = desk.read(dkim.signer, "Desk.Example.JP", desk.settings)
    assert sign is not None and verifies(sign(MAIL))
    assert desk.read(dkim.signer, "example.com", desk.settings) is None
    assert "BEGIN PRIVATE KEY" not in desk.everything_kept()


@SQLITE
def test_a_key_that_is_not_switched_on_signs_nothing(desk: OpenDesk) -> None:
    keep(desk, is_active=False)
    assert desk.read(dkim.signer, "desk.example.jp", desk.settings) is None


@SQLITE
def test_a_key_that_cannot_be_opened_is_said_and_no_mail_leaves_without_it(desk: OpenDesk) -> None:
    keep(desk, private_key="sealed elsewhere")
    with pytest.raises(Rejected, match="dkim_key_lost"):
        desk.read(dkim.signer, "desk.example.jp", desk.settings)


def test_a_reply_reaches_its_mail_server_signed_and_whole(desk: OpenDesk, postbox: Postbox) -> None:
    keep(desk)
    desk.mail(subject="長い件名" * 20)
    desk.post(desk.reply(AIKO, 1, "承りました。\n\n  空白も　残ります。 \n"))
    envelope, _ = postbox.mails[-1]
    assert verifies(envelope.content) and b"d=desk.example.jp;" in envelope.content


@SQLITE
def test_a_mail_whose_key_is_lost_stays_here_and_says_why(desk: OpenDesk, postbox: Postbox) -> None:
    keep(desk, private_key="sealed elsewhere")
    desk.mail()
    with pytest.raises(Rejected, match="dkim_key_lost"):
        desk.post(desk.reply(AIKO, 1, "承りました。"))
    assert postbox.mails == [] and "署名の鍵を開けません" in text_of(desk.as_(AIKO).get("/tickets/1").text)


@SQLITE
def test_a_domain_in_japanese_is_spelled_as_dns_spells_it(desk: OpenDesk) -> None:
    keep(desk, domain="xn--eckwd4c7cu47r2wf.example")
    sign = desk.read(dkim.signer, "ドメイン名例.example", desk.settings)
    assert sign is not None and b"d=xn--eckwd4c7cu47r2wf.example;" in sign(MAIL)
