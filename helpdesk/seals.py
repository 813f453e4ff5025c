"""Secrets that must be kept to be used, such as a mailbox's password: sealed in the database, opened to log in.

The one idea: the key is not where the data is. A copy of the database, a backup or a dump opens nothing by itself. The
key is DESK_SECRET_KEY, or else a file of random bytes beside the data that only the desk's own user may read. The seal
is Fernet of the `cryptography` package: AES and an HMAC, so what was tampered with does not open.
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from helpdesk.errors import Rejected
from helpdesk.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

FILE = "secret.key"


def seal(secret: str, *, settings: Settings) -> str:
    """The secret as text that only the desk's key opens; "" stays ""."""
    return _fernet(settings, make=True).encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str, *, settings: Settings) -> str:
    """The secret again. Raises `Rejected("secret_lost")` where the key is another one than it was sealed with."""
    from cryptography.fernet import InvalidToken

    if not sealed:
        return ""
    try:
        return _fernet(settings, make=False).decrypt(sealed.encode()).decode()
    except (InvalidToken, FileNotFoundError) as error:
        raise Rejected("secret_lost") from error


def code(text: str, *, settings: Settings) -> str:
    """A code that proves that the desk itself wrote this text: 32 lower-case letters and digits, 160 bits of HMAC."""
    given = settings.secret_key.get_secret_value().encode()
    key = hashlib.sha256(b"madoguchi codes\0" + (given or _key_of(settings.data / FILE, make=True))).digest()
    return base64.b32encode(hmac.digest(key, text.encode(), "sha256")[:20]).decode().lower()


def _fernet(settings: Settings, *, make: bool) -> "Fernet":
    from cryptography.fernet import Fernet

    given = settings.secret_key.get_secret_value().encode()
    key = given or _key_of(settings.data / FILE, make=make)
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"madoguchi seals\0" + key).digest()))


def _key_of(path: Path, *, make: bool) -> bytes:
    """The file's bytes. Made whole before it gets its name, and never over another: two processes agree on one."""
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first
        finally:
            draft.unlink()
    return path.read_bytes()
