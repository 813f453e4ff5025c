"""Files and formatted mail: handed out where no sign-in counts, to whoever holds a pass for just that."""

import re
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import select
from starlette.testclient import TestClient

from helpdesk import passes, seals
from helpdesk.settings import Settings
from models import Attachment, Inbound
from tests.cast import AIKO, BEN, PUBLIC_URL, RETURNS_ADDRESS, SATO, OpenDesk, text_of
from tests.journeys.test_a_mails_files import WITH_FILES

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
DOORS = ("/attachments/1", "/messages/1/html", "/messages/1/html?images=1", "/messages/1/source",
         "/admin/inbound/1/raw")  # fmt: skip
ELSEWHERE = "https://files.example.net"


@pytest.fixture
def letter(desk: OpenDesk) -> OpenDesk:
    """A mail to returns with a page and a file."""
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    return desk


def way(desk: OpenDesk, door: str) -> str:
    """Where a signed-in supervisor is sent on to."""
    answer = desk.as_(SATO).get(door, follow_redirects=False)
    assert answer.status_code == 303, door
    return str(answer.headers["location"])


def nobody(desk: OpenDesk, base: str = PUBLIC_URL) -> TestClient:
    """A browser in which nobody is signed in."""
    client = TestClient(desk.app, base_url=base, follow_redirects=False)
    client.portal = desk.client.portal
    return client


@SQLITE
@pytest.mark.parametrize("door", DOORS)
def test_whoever_may_see_it_is_sent_on_with_a_pass_that_opens_it_without_a_sign_in(letter: OpenDesk, door: str) -> None:
    there = way(letter, door)
    assert re.fullmatch(r"/files/[\w=-]{60,400}", there)
    answer = nobody(letter).get(there)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    is_page = "html" in door
    assert ("attachment" in answer.headers.get("content-disposition", "")) != is_page
    assert answer.headers["content-type"].startswith("text/html" if is_page else "application/octet-stream")
    assert ("https:" in policy) == ("images" in door)


@SQLITE
def test_a_cookie_counts_for_nothing_there_not_even_a_supervisors(letter: OpenDesk) -> None:
    for token in ("1", "x" * 100, passes.issue("file", 99, settings=letter.settings, now=letter.clock())):
        answer = letter.as_(SATO).get(f"/files/{token}")
        assert answer.status_code == 404 and "リンクの有効期限" in answer.text
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    # Ben's pages are English wherever he is known, and Japanese as the desk's where he is not.
    for path, lang in (("/nothing", "en"), ("/files/no/thing", "ja")):
        answer = letter.as_(BEN).get(path)
        assert answer.status_code == 404 and f'<html lang="{lang}"' in answer.text, path


@SQLITE
def test_a_pass_ends_after_ten_minutes_and_a_sign_in_makes_another(letter: OpenDesk) -> None:
    there = way(letter, "/attachments/1")
    letter.clock.advance(minutes=10)
    assert nobody(letter).get(there).status_code == 200
    letter.clock.advance(seconds=1)
    late = nobody(letter).get(there, headers={"accept-language": "en"})
    assert late.status_code == 404 and "too old" in text_of(late.text)
    assert nobody(letter).get(way(letter, "/attachments/1")).status_code == 200


@SQLITE
def test_a_pass_opens_what_it_was_made_for_and_nothing_that_was_changed_or_sealed_for_something_else(
    letter: OpenDesk,
) -> None:
    there = way(letter, "/attachments/1")
    for at in (len("/files/") + 12, len(there) // 2, len(there) - 5):
        changed = "A" if there[at] != "A" else "B"
        assert nobody(letter).get(there[:at] + changed + there[at + 1 :]).status_code == 404
    for secret in ("a password", '["file", 1]', "[1, 2, 3, 4]", "{}"):
        assert nobody(letter).get(f"/files/{seals.seal(secret, settings=letter.settings)}").status_code == 404
    other = letter.settings.model_copy(update={"secret_key": type(letter.settings.secret_key)("k" * 40)})
    forged = passes.issue("file", 1, settings=other, now=letter.clock())
    assert nobody(letter).get(f"/files/{forged}").status_code == 404


@SQLITE
def test_who_may_not_see_it_gets_no_pass(letter: OpenDesk) -> None:
    for door in DOORS:
        refused = letter.as_(AIKO).get(door, follow_redirects=False)
        assert refused.status_code in (403, 404) and "location" not in refused.headers, door


def test_what_is_gone_by_now_is_not_there(letter: OpenDesk) -> None:
    ways = {door: way(letter, door) for door in DOORS}

    def erase(db: Any) -> None:
        for table in (Attachment, Inbound):
            for row in db.exec(select(table)):
                db.delete(row)

    letter.write(erase)
    for door, there in ways.items():
        assert nobody(letter).get(there).status_code == (200 if "html" in door else 404), door


@SQLITE
def test_with_an_address_of_their_own_they_are_there_and_nowhere_else_and_nothing_else_is(letter: OpenDesk) -> None:
    letter.settings.files_url = ELSEWHERE
    there = way(letter, "/messages/1/html")
    assert there.startswith(f"{ELSEWHERE}/files/")
    path = there.removeprefix(ELSEWHERE)
    files, desk = nobody(letter, ELSEWHERE), letter.as_(SATO)
    shown = files.get(path)
    assert shown.status_code == 200 and f"frame-ancestors {PUBLIC_URL}" in shown.headers["content-security-policy"]
    assert desk.get(path).status_code == 404
    for page in ("/", "/sign-in", "/inbox", "/healthz", "/static/css/base.css"):
        assert files.get(page).status_code == 404, page
    policy = desk.get("/tickets/1").headers["content-security-policy"]
    assert f"frame-src 'self' {ELSEWHERE};" in policy


def test_the_two_addresses_must_be_two() -> None:
    with pytest.raises(ValidationError, match="another address"):
        Settings(public_url=PUBLIC_URL, files_url=PUBLIC_URL)


@SQLITE
def test_a_frame_shows_the_same_page_again_without_asking_for_a_while(letter: OpenDesk) -> None:
    asked = letter.as_(BEN).get("/messages/1/html", follow_redirects=False)
    assert asked.headers["cache-control"] == "private, max-age=300"  # shorter than the pass it leads to is valid
    assert letter.as_(BEN).get("/attachments/1", follow_redirects=False).headers["cache-control"] == "no-store"
