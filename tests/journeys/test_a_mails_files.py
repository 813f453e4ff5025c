"""What comes with a mail: files that are only downloaded, HTML in its sandbox, and who may see any of it."""

from sqlmodel import select

from models import (
    Attachment,
)
from tests.cast import (
    AIKO,
    BEN,
    RETURNS_ADDRESS,
    SATO,
    OpenDesk,
)

WITH_FILES = (
    "From: tanaka@example.com\r\nTo: returns@desk.example.jp\r\nMessage-ID: <files@example.com>\r\nSubject: files\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n'
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p onclick='alert(1)'>見て<script>alert(1)</script>"
    '<img src="https://evil.example.net/pixel.gif"></p>\r\n--m\r\n'
    'Content-Type: text/html; name="a.html"\r\nContent-Disposition: attachment; filename="../../a.html"\r\n\r\n'
    "<script>alert(2)</script>\r\n--m--\r\n"
).encode()


def test_attachments_are_stored_and_only_ever_downloaded(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    (file,) = desk.read(lambda db: db.exec(select(Attachment)).all())
    assert file.name == "a.html"
    answer = desk.as_(BEN).get(f"/attachments/{file.id}")
    assert b"<script>alert(2)</script>" in answer.content
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_html_is_shown_only_in_a_sandbox_and_says_nothing_to_anybody_outside(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    (message,) = desk.messages()
    answer = desk.as_(BEN).get(f"/messages/{message.id}/html")
    assert "<script" not in answer.text and "onclick" not in answer.text and "見て" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    page = desk.as_(BEN).get("/tickets/1").text
    frame = page[page.index("<iframe") : page.index("</iframe>")]
    assert " sandbox" in frame and "allow" not in frame.split("sandbox")[1].split(" ")[0]
    assert "<script>alert" not in page


def test_agents_of_other_queues_and_the_signed_out_see_nothing_of_it(desk: OpenDesk) -> None:
    desk.mail(raw=WITH_FILES, to=RETURNS_ADDRESS)
    assert desk.queue("returns").id == 2
    for what in ("/tickets/1", "/tickets/1/region", "/messages/1/html", "/messages/1/text", "/messages/1/source",
                 "/attachments/1", "/inbox?view=queue-2"):  # fmt: skip
        assert desk.as_(BEN).get(what).status_code == desk.as_(SATO).get(what).status_code == 200, what
        assert desk.as_(AIKO).get(what).status_code == 404, what
        answer = desk.client.get(what, headers={"accept": "text/html"})
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), what


def test_agents_of_other_queues_and_the_signed_out_can_do_nothing_to_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert desk.as_(AIKO).get("/inbox").status_code == 200
    before = desk.number()
    form = {"body": "x", "queue_id": "1", "agent_id": "1", "customer_id": "1", "name": "x"}
    for verb in ("reply", "note", "assign", "move", "resolve", "reopen", "customer", "customer/new"):
        assert desk.as_(AIKO).post(f"/tickets/1/{verb}", data=form).status_code == 404, verb
        assert desk.client.post(f"/tickets/1/{verb}", data=form, headers={"accept": "*/*"}).status_code == 401, verb
    assert desk.number() == before and len(desk.messages()) == 1


def test_whom_a_supervisor_gives_the_ticket_sees_it_and_only_members_can_be_given_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    refused = desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": desk.agent(AIKO).id})
    assert refused.status_code == 403 and desk.tickets()[0].assignee_id is None
    ben = desk.screen_of(BEN, "/inbox?view=mine")
    assert desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": desk.agent(BEN).id}).status_code == 200
    ben.check()
    assert ben.tickets == [1]
