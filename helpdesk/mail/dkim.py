"""DKIM (RFC 6376): a mail of ours carries a signature that anybody can check against a record in our domain's DNS.

The one idea: what is signed is the bytes that leave, and the same bytes with the same key have the same signature, so a
mail that is tried again is the same mail. Every header that a reader of the mail goes by is named once more often than
it is there: nobody can put a second `From:` or `Subject:` in front without breaking the signature (section 8.15).

`relaxed/relaxed` survives what relays do to white space; RSA of 2048 bits with SHA-256 is what every receiver checks.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlmodel import Session

from helpdesk import seals
from helpdesk.errors import Rejected
from helpdesk.settings import Settings
from models import DkimKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

BITS = 2048
GUARDED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
           b"content-transfer-encoding")  # fmt: skip
"""Signed, and signed as absent beyond the number there is."""
SIGNED = (b"sender", b"in-reply-to", b"references", b"auto-submitted", b"list-unsubscribe", b"list-unsubscribe-post")
"""Signed where they are there; relays may add them."""
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\r\n[ \t].*)*)\r\n")


def signer(db: Session, domain: str, settings: Settings) -> Callable[[bytes], bytes] | None:
    """What signs the mails of a domain; None where nobody has switched a key on for it.

    The function takes the whole mail and returns it with the signature in front. Raises `Rejected("dkim_key_lost")`
    where the key can no longer be opened: a mail that should be signed does not leave without.
    """
    key = db.get(DkimKey, ascii_domain(domain))
    if key is None or not key.is_active:
        return None
    try:
        private_key = seals.unseal(key.private_key, settings=settings)
    except Rejected as error:
        raise Rejected("dkim_key_lost") from error
    name, selector = key.domain, key.selector
    return lambda raw: sign(raw, domain=name, selector=selector, private_key=private_key)


def sign(raw: bytes, *, domain: str, selector: str, private_key: str) -> bytes:
    """The mail with a `DKIM-Signature` in front, its line ends CRLF as they go over the wire. The key as PEM."""
    if raw.count(b"\n") != raw.count(b"\r\n"):
        raw = re.sub(rb"\r?\n", b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = [(found[1].lower(), found[0]) for found in _FIELD.finditer(head + b"\r\n")]
    present = [name for name, _ in fields]
    names = [name for name in GUARDED for _ in range(present.count(name) + 1)]
    names += [name for name in SIGNED for _ in range(present.count(name))]
    digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    tags = (b"v=1", b"a=rsa-sha256", b"c=relaxed/relaxed", b"d=" + domain.encode(), b"s=" + selector.encode(),
            b"h=" + b":".join(names), b"bh=" + digest, b"b=")  # fmt: skip
    unsigned = _folded(tags)
    signature = _rsa(private_key, b"".join(_in_order(fields, names)) + relaxed_header(unsigned)[:-2])
    broken = b"".join(b"\r\n\t" + signature[at : at + 72] for at in range(0, len(signature), 72))
    return unsigned[:-2] + broken + b"\r\n" + raw


def make_key() -> tuple[str, str]:
    """A new key: the private one as PEM, the public one as base64 of its DER, as the record holds it."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), base64.b64encode(public).decode()


def record(public_key: str) -> str:
    """The TXT record under `selector._domainkey.domain` (section 3.6.1)."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def ascii_domain(domain: str) -> str:
    """A domain as DNS and the signature spell it: small letters, an international one in its xn-- form; "" if none."""
    domain = domain.strip().rstrip(".").lower()
    try:
        return domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def relaxed_header(field: bytes) -> bytes:
    """A header field as the signature sees it (section 3.4.2)."""
    name, _, value = field.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    return name.rstrip(b" \t").lower() + b":" + value + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """A body as the signature sees it (section 3.4.4): without white space at ends of lines and lines at the end."""
    if any(space in body for space in (b"\t", b"  ", b" \r\n")):  # attachments have none of them
        body = re.sub(rb"[ \t]+", b" ", body)
        body = body.replace(b" \r\n", b"\r\n")
    body = re.sub(rb"(?:\r\n)+\Z", b"", body)
    return body + b"\r\n" if body else b""


def _in_order(fields: list[tuple[bytes, bytes]], names: list[bytes]) -> list[bytes]:
    """Each named field canonical, the lowest of several first (section 5.4.2); one that is not there is nothing."""
    waiting: dict[bytes, list[bytes]] = {}
    for name, field in fields:
        waiting.setdefault(name, []).append(field)
    return [relaxed_header(waiting[name].pop()) for name in names if waiting.get(name)]


def _folded(tags: tuple[bytes, ...]) -> bytes:
    """The header without its signature, in lines of 76 characters; `h=` may break after its colons."""
    lines = [b"DKIM-Signature:"]
    for tag in tags:
        pieces = re.findall(rb"[^:]+:?", tag) if tag.startswith(b"h=") else [tag]
        pieces[-1] += b"" if tag == b"b=" else b";"
        for number, piece in enumerate(pieces):
            gap = b"" if number else b" "
            if len(lines[-1] + gap + piece) <= 76:
                lines[-1] += gap + piece
            else:
                lines.append(b"\t" + piece)
    return b"\r\n".join(lines) + b"\r\n"


@lru_cache(maxsize=16)
def _opened(private_key: str) -> "RSAPrivateKey":
    """Opening a key costs more than signing with it."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    opened = load_pem_private_key(private_key.encode(), None)
    assert isinstance(opened, RSAPrivateKey)
    return opened


def _rsa(private_key: str, signed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return base64.b64encode(_opened(private_key).sign(signed, PKCS1v15(), SHA256()))
