"""The bytes of attachments on the disk, each once, under their SHA-256.

The one idea: content decides the place, so storing twice is storing once, and no name from outside ever becomes
a path. The rows beside messages hold the names.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from models import Attachment

PICTURE_BYTES = 10_000_000  # of one picture that is shown in its place


def store(
    folder: Path, *, name: str, content_type: str, content: bytes, content_id: str = "", is_inline: bool = False
) -> Attachment:
    """Write the bytes unless they are there already, whole or not at all. The row returned has no message yet."""
    sha256 = hashlib.sha256(content).hexdigest()
    place = path_of(folder, sha256)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, place)
            _flush(place.parent)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    return Attachment(
        message_id=0,
        name=name,
        content_type=content_type,
        size_bytes=len(content),
        sha256=sha256,
        content_id=content_id,
        is_inline=is_inline,
    )


def pictures(folder: Path, files: Mapping[str, Attachment]) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes of some attachments, by the same keys; those whose bytes are gone are left out."""
    found = {}
    for key, file in files.items():
        path = path_of(folder, file.sha256)
        if file.size_bytes <= PICTURE_BYTES and path.is_file():
            found[key] = (file.content_type, path.read_bytes())
    return found


def path_of(folder: Path, sha256: str) -> Path:
    """Where the bytes with that hash lie; folders by the first two digits keep each listing short."""
    assert len(sha256) == 64 and sha256.isalnum(), sha256
    return folder / sha256[:2] / sha256


def _flush(folder: Path) -> None:
    """Make the new name survive a power cut, like the bytes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
