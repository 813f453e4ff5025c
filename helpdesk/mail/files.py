"""What came along with the words: every attachment with a name that is safe to show and to save.

The one idea: the name is a stranger's text. It keeps its language and its extension and loses everything a file
system or a reader's eye could be tricked with: paths, controls, direction overrides, reserved names, length.
"""

import re
import unicodedata
from dataclasses import dataclass

from helpdesk.mail import charsets

NAME_BYTES = 200

_OFFICE = "application/vnd.openxmlformats-officedocument"
_EXTENSIONS = {
    f"{_OFFICE}.wordprocessingml.document": "docx",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}.presentationml.presentation": "pptx",
} | dict(
    pair.split("=")
    for pair in (
        "application/pdf=pdf application/zip=zip application/msword=doc application/vnd.ms-excel=xls"
        " application/pkcs7-mime=p7m application/pkcs7-signature=p7s application/pgp-signature=asc"
        " application/ics=ics application/json=json application/xml=xml application/ms-tnef=dat"
        " audio/mpeg=mp3 audio/wav=wav audio/x-wav=wav audio/amr=amr audio/mp4=m4a"
        " image/bmp=bmp image/gif=gif image/heic=heic image/jpeg=jpg image/jpg=jpg image/pjpeg=jpg image/png=png"
        " image/svg+xml=svg image/tiff=tif image/webp=webp message/rfc822=eml message/delivery-status=txt"
        " text/rfc822-headers=txt text/calendar=ics text/csv=csv text/html=html text/plain=txt text/vcard=vcf"
        " text/x-vcard=vcf video/3gpp=3gp video/mp4=mp4 video/quicktime=mov"
    ).split()
)
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.I)
_ENCRYPTED = {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file: safe name, lower-case media type, bytes, the id HTML shows it by or "", whether it is shown there."""

    name: str
    content_type: str
    content: bytes
    content_id: str
    is_inline: bool


def safe_name(name: str, content_type: str, *, number: int) -> str:
    """A file name of at most 200 UTF-8 bytes with its extension; made from type and number if it had none."""
    unseen = ("Cc", "Cf", "Cs", "Zl", "Zp")
    name = charsets.nfc(name[:5000])
    name = "".join(character for character in name if unicodedata.category(character) not in unseen)
    pieces = [piece for piece in re.split(r"[/\\]", name) if piece.strip(". ")]
    if re.match(r"[/\\.]|[A-Za-z]:", name):
        pieces = pieces[-1:]  # a path on the sender's machine, or an attempt at one on ours
    name = re.sub(r'[<>:"|?*]', "_", "_".join(pieces)).strip().lstrip(".").rstrip(". ").strip()
    if not name:
        extension = _EXTENSIONS.get(content_type, "bin")
        name = f"message-{number}.eml" if extension == "eml" else f"attachment-{number}.{extension}"
    if _RESERVED.match(name):
        name = "_" + name
    return _shortened(name)


def content_id(value: str) -> str:
    """A Content-ID without its angle brackets, as `cid:` links spell it."""
    return re.sub(r"[<>\s]", "", value)[:500]


def is_encrypted(content_type: str, name: str) -> bool:
    """Whether a reader needs a key to open the part (S/MIME envelopes, PGP); a detached signature is not encrypted."""
    if content_type in _ENCRYPTED:
        return True
    return name.lower().endswith((".p7m", ".pgp", ".gpg")) or (
        name.lower().endswith(".asc") and "signature" not in content_type
    )


def _shortened(name: str) -> str:
    if len(name.encode("utf-8")) <= NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode("utf-8")) > 20:
        stem, extension = name, ""
    room = NAME_BYTES - len((dot + extension).encode("utf-8")) if extension else NAME_BYTES
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ") + (f".{extension}" if extension else "")
