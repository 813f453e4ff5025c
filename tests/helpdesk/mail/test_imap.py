"""Names of folders as IMAP spells them."""

import re

import pytest

from helpdesk.mail import imap


@pytest.mark.parametrize("name", ["問い合わせ", "Posteingang/Ärger & Co", "&", 'a\\"b', "📮"])
def test_folder_names_are_spelled_so_that_they_can_be_read_again(name: str) -> None:
    coded = imap.utf7(name)
    assert coded.isascii()
    back = "".join(
        part if number % 2 == 0 else "&" if not part else imap_name(f"&{part}-")
        for number, part in enumerate(re.split(r"&([^-]*)-", coded))
    )
    assert back == name


def test_folder_names_are_spelled_as_the_standard_shows() -> None:
    assert imap.utf7("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-"  # RFC 3501, 5.1.3


def imap_name(coded: str) -> str:
    """A folder's name back from IMAP's spelling, by Python's own UTF-7, so that ours is not its own judge."""
    return coded.replace("&", "+").replace(",", "/").encode("ascii").decode("utf-7")
