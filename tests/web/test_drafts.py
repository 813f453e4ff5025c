"""What an agent has begun to write: found again anywhere, by its author alone."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from helpdesk import drafts
from models import Customer, KeptDraft, Message, MessageState, Ticket
from tests.cast import AIKO, AKIRA, BEN, SATO, TANAKA, OpenDesk, Person, part, text_of

JSON = {"accept": "application/json"}


@pytest.fixture
def ticket_id(desk: OpenDesk) -> int:
    """Ms. Tanaka's, in tech support."""
    desk.mail(TANAKA, subject="電源が入らない掃除機")
    tech = desk.queue("tech_support").id
    assert desk.as_(SATO).post("/tickets/1/move", data={"queue_id": tech}).status_code == 200
    return 1


def keeps(desk: OpenDesk, person: Person, place: str, text: str, **more: Any) -> dict[str, Any]:
    """What a script hears that saves a box."""
    answer = desk.as_(person).post(f"/drafts/{place}", data={"body": text, **more}, headers=JSON)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def box(desk: OpenDesk, person: Person, kind: str = "reply", path: str = "/tickets/1") -> str:
    """The words in a box of the ticket's page."""
    found = re.search(rf'<textarea id="{kind}-1"[^>]*>(.*?)</textarea>', desk.as_(person).get(path).text, re.S)
    assert found is not None
    return html.unescape(found[1])


def begun(desk: OpenDesk) -> int:
    """Drafts that are kept."""
    return desk.count(KeptDraft)


def test_a_draft_is_found_again_on_another_machine_and_by_its_author_alone(desk: OpenDesk, ticket_id: int) -> None:
    assert keeps(desk, AIKO, "reply-1", "お調べ\r\nします", tab="a")["version"] == 1
    assert keeps(desk, AIKO, "note-1", "型番を確認")["version"] == 1
    assert (box(desk, AIKO), box(desk, AIKO, "note")) == ("お調べ\nします", "型番を確認")
    assert box(desk, AIKO, path="/tickets/1/region") == "お調べ\nします"
    assert "下書き" in part(desk.as_(AIKO).get("/inbox").text, "row-1")
    assert "電源が入らない掃除機" in text_of(desk.as_(AIKO).get("/drafts").text)
    for colleague in (AKIRA, SATO):
        assert (box(desk, colleague), box(desk, colleague, "note")) == ("", "")
        assert "下書き" not in part(desk.as_(colleague).get("/inbox").text, "row-1")
        assert desk.as_(colleague).get("/drafts/reply-1", headers=JSON).json() == {"version": 0}
        assert "お調べ" not in desk.as_(colleague).get("/drafts").text


def test_whoever_may_not_see_the_ticket_keeps_nothing_there(desk: OpenDesk, ticket_id: int) -> None:
    for place in ("reply-1", "note-1", "reply-99", "new-99", "letter-1", "reply-"):
        for ask in (desk.as_(BEN).get, desk.as_(BEN).post):
            assert ask(f"/drafts/{place}").status_code == 404, place
    assert begun(desk) == 0


def test_of_two_windows_the_later_counts_and_hears_of_the_other(desk: OpenDesk, ticket_id: int) -> None:
    first = keeps(desk, AIKO, "reply-1", "一", tab="a", seen="0")
    assert keeps(desk, AIKO, "reply-1", "一の続き", tab="a", seen=str(first["version"]))["others"] is False
    other = keeps(desk, AIKO, "reply-1", "二", tab="b", seen="0")
    assert other["others"] is True and box(desk, AIKO) == "二"
    assert keeps(desk, AIKO, "reply-1", "二の続き", tab="b", seen=str(other["version"]))["others"] is False
    assert desk.as_(AIKO).get("/drafts/reply-1", headers=JSON).json()["text"] == "二の続き"


def test_a_draft_is_gone_when_it_is_sent_or_emptied(desk: OpenDesk, ticket_id: int) -> None:
    keeps(desk, AIKO, "reply-1", "お調べします")
    keeps(desk, AIKO, "note-1", "型番を確認")
    desk.reply(AIKO, 1, "お調べします")
    assert (box(desk, AIKO), box(desk, AIKO, "note")) == ("", "型番を確認")
    assert desk.as_(AIKO).post("/tickets/1/note", data={"body": "型番を確認"}).status_code == 200
    assert begun(desk) == 0 and "下書き" not in part(desk.as_(AIKO).get("/inbox").text, "row-1")
    keeps(desk, AIKO, "note-1", "やはり")
    assert keeps(desk, AIKO, "note-1", "  ")["version"] == 0 and begun(desk) == 0


def test_the_farewell_of_a_page_that_was_left_while_its_mail_was_sent_keeps_no_draft(
    desk: OpenDesk, ticket_id: int
) -> None:
    desk.reply(AIKO, 1, "お調べします\n少々お待ちください")
    assert keeps(desk, AIKO, "reply-1", "お調べします\r\n少々お待ちください ")["version"] == 0
    assert begun(desk) == 0 and box(desk, AIKO) == ""
    assert keeps(desk, AIKO, "reply-1", "お調べします")["version"], "other words are"
    sent = desk.messages()[-1]
    desk.write(lambda db: setattr(db.get(Message, sent.id), "state", MessageState.WITHDRAWN))
    assert keeps(desk, AIKO, "reply-1", sent.reply_text)["version"], "and those that were taken back"


def test_a_refused_mail_leaves_its_draft(desk: OpenDesk, ticket_id: int) -> None:
    keeps(desk, AIKO, "reply-1", "添付をご覧ください")
    answer = desk.as_(AIKO).post("/tickets/1/reply", data={"body": "添付をご覧ください"})
    assert answer.status_code == 422 and box(desk, AIKO) == "添付をご覧ください"


def test_what_is_thrown_away_can_be_taken_back_for_a_while(desk: OpenDesk, ticket_id: int) -> None:
    client = desk.as_(AIKO)
    keeps(desk, AIKO, "reply-1", "お調べします")
    thrown = client.post("/drafts/reply-1", data={"what": "throw", "body": "お調べします。少々"})
    assert "下書きを破棄しました" in part(thrown.text, "thrown-1") and box(desk, AIKO) == ""
    assert "下書き" not in part(client.get("/inbox").text, "row-1")
    client.post("/drafts/reply-1", data={"what": "restore"})
    assert box(desk, AIKO) == "お調べします。少々"  # the last words had not been saved yet
    client.post("/drafts/reply-1", data={"what": "throw"})
    desk.clock.advance(minutes=11)
    assert "下書きを破棄しました" not in client.get("/tickets/1").text
    assert client.post("/drafts/reply-1", data={"what": "restore"}).status_code == 404


def test_without_a_script_a_button_keeps_the_box_with_its_fields_and_files(desk: OpenDesk, ticket_id: int) -> None:
    form = {"what": "keep", "mode": "forward", "body": "ご確認ください", "forward_to": "maker@example.com", "bcc": ""}
    answer = desk.as_(AIKO).post(
        "/drafts/reply-1", data=form, files={"attachments": ("写真.png", b"picture", "image/png")}
    )
    assert answer.status_code == 200 and answer.url.path == "/tickets/1" and "下書きを保存しました" in answer.text
    page = desk.as_(AIKO).get("/tickets/1").text
    written = part(page, "write-1")
    assert 'value="maker@example.com"' in written and "写真.png" in written
    assert re.search(r'name="mode" value="forward"[^>]* checked', page)
    token = re.search(r'name="kept" value="([^"]+)"', written)
    assert token is not None
    sent = desk.as_(AIKO).post("/tickets/1/reply", data=form | {"kept": token[1]})
    assert sent.status_code == 200 and "写真.png" in part(sent.text, f"message-{desk.messages(1)[-1].id}")
    assert begun(desk) == 0


def test_files_are_handed_over_first_and_named_by_the_draft(desk: OpenDesk, ticket_id: int) -> None:
    client = desk.as_(AIKO)
    file = {"attachments": ("a.txt", b"words", "text/plain")}
    handed = client.post("/drafts/reply-1", data={"what": "files"}, files=file, headers=JSON).json()["kept"]
    assert begun(desk) == 0 and handed[0]["name"] == "a.txt"
    keeps(desk, AIKO, "reply-1", "", kept=handed[0]["token"])
    assert "a.txt" in part(client.get("/tickets/1").text, "write-1")
    stolen = desk.as_(AKIRA).post("/drafts/reply-1", data={"body": "x", "kept": handed[0]["token"]}, headers=JSON)
    assert stolen.status_code == 422


def test_what_an_address_lays_into_the_box_stands_below_the_draft(desk: OpenDesk, ticket_id: int) -> None:
    said = desk.messages(1)[0]
    keeps(desk, AIKO, "reply-1", "お世話になります", mode="reply", to="other@example.com")
    assert 'value="other@example.com"' in part(desk.as_(AIKO).get("/tickets/1").text, "write-1")
    page = desk.as_(AIKO).get(f"/tickets/1?reply={said.id}").text
    assert "お世話になります" in part(page, "write-1") and "other@example.com" not in part(page, "write-1")
    desk.reply(AIKO, 1, "取り消すつもりの返信です。")
    keeps(desk, AIKO, "reply-1", "新しい書き出し")
    desk.as_(AIKO).post(f"/messages/{desk.messages(1)[-1].id}/undo")
    assert (
        box(desk, AIKO, path=f"/tickets/1?again={desk.messages(1)[-1].id}")
        == "新しい書き出し\n\n取り消すつもりの返信です。"
    )


def test_a_new_mail_is_kept_for_nobody_and_for_each_customer(desk: OpenDesk, ticket_id: int) -> None:
    client, customer_id = desk.as_(AIKO), desk.customer(TANAKA).id
    queue_id = desk.queue("tech_support").id
    keeps(desk, AIKO, "new", "はじめまして", subject="ご案内", to="first@example.com", queue_id=str(queue_id))
    keeps(desk, AIKO, f"new-{customer_id}", "田中様")
    page = client.get("/tickets/new").text
    assert "はじめまして" in page and 'value="ご案内"' in page and "田中様" not in page
    assert "田中様" in client.get(f"/tickets/new?customer_id={customer_id}").text
    listed = text_of(client.get("/drafts").text)
    assert "ご案内" in listed and "はじめまして" in listed and "田中様" in listed
    assert "はじめまして" not in desk.as_(AKIRA).get("/tickets/new").text
    form = {"queue_id": str(queue_id), "to": "first@example.com", "subject": "ご案内", "body": "はじめまして"}
    assert client.post("/tickets/new", data=form).url.path.startswith("/tickets/")
    assert "はじめまして" not in client.get("/tickets/new").text and begun(desk) == 1
    home = {"referer": f"https://desk.example.com/tickets/new?customer_id={customer_id}"}
    thrown = client.post(f"/drafts/new-{customer_id}", data={"what": "throw"}, headers=home)
    assert "下書きを破棄しました" in thrown.text and "田中様" not in part(thrown.text, "f-body")


def test_a_draft_goes_with_its_ticket_its_customer_and_its_time(desk: OpenDesk, ticket_id: int) -> None:
    stranger = desk.write(lambda db: _customer(db))
    for place, text in (("reply-1", "返信"), ("note-1", "メモ"), (f"new-{stranger}", "新規"), ("new", "長く")):
        keeps(desk, AIKO, place, text)
    desk.write(lambda db: db.delete(db.get_one(Customer, stranger)))
    assert begun(desk) == 3
    before = desk.clock() - timedelta(days=desk.settings.draft_keep_days)
    desk.as_(AIKO).post("/drafts/note-1", data={"what": "throw"})
    desk.write(lambda db: drafts.forget(db, before=before, now=desk.clock()))
    assert begun(desk) == 3  # what was thrown away just now can still be taken back
    desk.clock.advance(minutes=11)
    desk.write(lambda db: drafts.forget(db, before=before, now=desk.clock()))
    assert begun(desk) == 2
    keeps(desk, AIKO, "reply-1", "返信の続き")
    desk.write(lambda db: drafts.forget(db, before=desk.clock(), now=desk.clock()))
    assert desk.read(lambda db: list(db.exec(select(KeptDraft.place)))) == ["reply-1"]
    everything = desk.everything_kept()
    assert "返信の続き" in everything and "長く" not in everything and "メモ" not in everything


def test_nothing_longer_than_a_mail_is_kept(desk: OpenDesk, ticket_id: int) -> None:
    for form in ({"body": "あ" * 200_001}, {"body": "x", "to": "a" * 5_001}, {"body": "x", "what": "burn"}):
        assert desk.as_(AIKO).post("/drafts/reply-1", data=form, headers=JSON).status_code == 422
    assert begun(desk) == 0


def _customer(db: Session) -> int:
    made = Customer(name="佐々木 遥", created_at=db.get_one(Ticket, 1).created_at)
    db.add(made)
    db.flush()
    return made.id or 0
