"""Every setting is shown before it is saved, and can be taken back."""

import re
from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import queues
from models import (
    Agent,
    Calendar,
    CannedFile,
    CannedReply,
    Exchange,
    Mailbox,
    Membership,
    Queue,
    SettingChange,
    Tag,
    TicketField,
)
from tests.cast import AIKO, AKIRA, BEN, PUBLIC_URL, RETURNS_NUMBER, SATO, TECH_NUMBER, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WEEK = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "JP", "mon": "9:00-18:00"}
PASSWORD = "a password of some length"
MAILBOX = {"name": "サポート", "host": "imap.example.jp", "port": "1", "security": "tls", "auth": "password",
           "folder": "INBOX", "user": "support@desk.example.jp", "secret": PASSWORD, "after": "seen"}  # fmt: skip


TECH_SPOKEN = "03-5550-0101"


def form_of(desk: OpenDesk, **told: Any) -> dict[str, Any]:
    """The form of tech support as it stands, but for what is told."""
    usual = {"name": "技術サポート", "name_en": "Tech support", "phone": TECH_NUMBER,
             "agent_id": [desk.agent(each).id for each in (AIKO, AKIRA)]}  # fmt: skip
    return usual | told


def save(desk: OpenDesk, path: str, **told: Any) -> str:
    """Post a form as Sato; the address one is sent on to."""
    answer = desk.as_(SATO).post(path, data=told, follow_redirects=False)
    assert answer.status_code == 303, text_of(answer.text)
    return str(answer.headers["location"])


def changes(desk: OpenDesk) -> list[SettingChange]:
    """All there are, in their order."""
    return list(desk.read(lambda db: db.exec(select(SettingChange).order_by(col(SettingChange.id))).all()))


def change_of(location: str) -> int:
    """The number of the change whose way back is offered."""
    found = re.search(r"[?&]change=(\d+)", location)
    assert found, location
    return int(found[1])


def undo(desk: OpenDesk, change_id: int) -> Any:
    """Press the button beside the notice."""
    return desk.as_(SATO).post(f"/admin/changes/{change_id}/undo")


@SQLITE
def test_a_form_says_what_it_would_change_and_changes_nothing(desk: OpenDesk) -> None:
    tech = desk.queue("tech_support").id
    told = form_of(desk, phone="", greeting="お電話ありがとうございます", agent_id=[desk.agent(AIKO).id], rehearse="1")
    page = desk.as_(SATO).post(f"/admin/queues/{tech}", data=told)
    will = text_of(part(page.text, "will"))
    assert page.status_code == 200
    assert TECH_SPOKEN in will and "お電話ありがとうございます" in will
    assert "木村 明が技術サポートの担当から外れます" in will
    assert "着信も鳴らなくなるオペレーター：1名" in will
    assert f"{TECH_SPOKEN}への電話は、このキューに届かなくなります" in will
    assert 'value="お電話' in page.text or ">お電話" in page.text, "what was typed is still there"
    assert desk.queue("tech_support").phone == TECH_NUMBER
    assert changes(desk) == []


@SQLITE
def test_a_form_that_changes_nothing_says_so(desk: OpenDesk) -> None:
    page = desk.as_(SATO).post(f"/admin/queues/{desk.queue('tech_support').id}", data=form_of(desk, rehearse="1"))
    assert "変更はありません" in text_of(part(page.text, "will"))


@SQLITE
def test_a_button_that_cannot_say_what_it_would_change_changes_nothing_when_asked(desk: OpenDesk) -> None:
    save(desk, "/admin/canned/new", title="お詫び", text="申し訳ございません。", trigger="sorry")
    made = desk.read(lambda db: db.exec(select(CannedReply)).one())
    assert desk.as_(SATO).post(f"/admin/canned/{made.id}/delete", data={"rehearse": "1"}).status_code == 422
    assert desk.read(lambda db: db.exec(select(CannedReply)).one()).id == made.id


def test_what_was_saved_is_taken_back_with_one_button(desk: OpenDesk) -> None:
    tech = desk.queue("tech_support").id
    where = save(desk, f"/admin/queues/{tech}", **form_of(desk, phone="", agent_id=[desk.agent(AIKO).id]))
    page = desk.as_(SATO).get(where)
    assert f'action="/admin/changes/{change_of(where)}/undo"' in part(page.text, "notice")
    assert desk.queue("tech_support").phone is None
    after = undo(desk, change_of(where))
    assert "変更前の状態に戻しました" in after.text
    assert desk.queue("tech_support").phone == TECH_NUMBER
    assert desk.read(lambda db: db.get(Membership, (tech, desk.agent(AKIRA).id))) is not None
    again = undo(desk, change_of(where))
    assert again.status_code == 409


@SQLITE
def test_taking_back_can_be_taken_back(desk: OpenDesk) -> None:
    tech = desk.queue("tech_support").id
    first = change_of(save(desk, f"/admin/queues/{tech}", **form_of(desk, greeting="はい")))
    undo(desk, first)
    second = desk.read(lambda db: db.exec(select(SettingChange.id).where(SettingChange.takes_back_id == first)).one())
    undo(desk, second)
    assert desk.queue("tech_support").greeting == "はい"


@SQLITE
def test_it_is_refused_when_somebody_changed_the_same_since(desk: OpenDesk) -> None:
    tech = desk.queue("tech_support").id
    first = change_of(save(desk, f"/admin/queues/{tech}", **form_of(desk, greeting="一")))
    save(desk, f"/admin/queues/{tech}", **form_of(desk, greeting="二"))
    answer = desk.as_(SATO).post(f"/admin/changes/{first}/undo", headers={"referer": f"{PUBLIC_URL}/admin"})
    assert "そのあと同じ設定が変更されています" in answer.text
    assert desk.queue("tech_support").greeting == "二"


def test_it_is_refused_where_what_was_there_belongs_to_another_now(desk: OpenDesk) -> None:
    tech, billing = desk.queue("tech_support").id, desk.queue("billing").id
    first = change_of(save(desk, f"/admin/queues/{tech}", **form_of(desk, phone="")))
    save(desk, f"/admin/queues/{billing}", name="請求・支払い", name_en="Billing", phone=TECH_NUMBER)
    assert undo(desk, first).status_code == 409
    assert desk.queue("billing").phone == TECH_NUMBER and desk.queue("tech_support").phone is None


def test_a_deleted_calendar_comes_back_to_the_queues_that_kept_it(desk: OpenDesk) -> None:
    save(desk, "/admin/calendars/new", **WEEK)
    calendar = desk.read(lambda db: db.exec(select(Calendar)).one())

    def keep(db: Session) -> None:
        db.exec(select(Queue).where(Queue.slug == "returns")).one().calendar_id = calendar.id

    desk.write(keep)
    where = save(desk, f"/admin/calendars/{calendar.id}/delete")
    assert desk.queue("returns").calendar_id is None
    undo(desk, change_of(where))
    back = desk.read(lambda db: db.exec(select(Calendar)).one())
    assert (back.id, back.week, back.created_at) == (calendar.id, calendar.week, calendar.created_at)
    assert desk.queue("returns").calendar_id == calendar.id


def test_a_deleted_canned_reply_comes_back(desk: OpenDesk) -> None:
    where = save(desk, "/admin/canned/new", title="お詫び", text="申し訳ございません。", trigger="sorry")
    made = desk.read(lambda db: db.exec(select(CannedReply)).one())
    undo(desk, change_of(save(desk, f"/admin/canned/{made.id}/delete")))
    assert desk.read(lambda db: db.exec(select(CannedReply)).one()).text == "申し訳ございません。"
    undo(desk, change_of(where))
    assert not desk.read(lambda db: db.exec(select(CannedReply)).one()).is_active, "what was made is switched off"


@SQLITE
def test_fields_tags_and_choices_of_the_desk_are_taken_back_too(desk: OpenDesk) -> None:
    save(desk, "/admin/fields/new", name="型番", kind="text")
    field = desk.read(lambda db: db.exec(select(TicketField)).one())
    moved = save(desk, f"/admin/fields/{field.id}", name="製品の型番", kind="text", is_required="on")
    undo(desk, change_of(moved))
    known = desk.read(lambda db: db.exec(select(TicketField)).one())
    assert (known.name, known.is_required) == ("型番", False)
    guess = save(desk, "/admin/guesses", name="urgency", value="off")
    assert "推定：緊急度" in text_of(desk.as_(SATO).get(f"/admin/changes/{change_of(guess)}").text)
    undo(desk, change_of(guess))
    assert 'value="off"' in desk.as_(SATO).get("/admin/guesses").text

    def make(db: Session) -> None:
        db.add(Tag(name="修理", key="修理", created_at=desk.clock()))

    desk.write(make)
    renamed = save(desk, "/admin/tags/1", do="rename", name="修理中")
    undo(desk, change_of(renamed))
    tag = desk.read(lambda db: db.exec(select(Tag)).one())
    assert (tag.name, tag.key) == ("修理", "修理")


def test_secrets_are_in_no_history_and_a_mailbox_comes_back_at_rest(desk: OpenDesk) -> None:
    save(desk, "/admin/mailboxes/new", **MAILBOX)
    mailbox = desk.read(lambda db: db.exec(select(Mailbox)).one())
    secret = save(desk, f"/admin/mailboxes/{mailbox.id}", **MAILBOX | {"secret": "another password of some length"})
    number = changes(desk)[-1].id
    page = desk.as_(SATO).get(f"/admin/changes/{number}").text
    assert "パスワード 変更あり" in " ".join(text_of(page).split())
    assert "change=" not in secret and "/undo" not in page, "no way back is offered where there is none"
    assert undo(desk, number or 0).status_code == 409
    where = save(desk, f"/admin/mailboxes/{mailbox.id}/delete")
    kept = [str(each.rows) for each in changes(desk)]
    assert kept and not [rows for rows in kept if "password of" in rows or mailbox.secret in rows]
    undo(desk, change_of(where))
    back = desk.read(lambda db: db.exec(select(Mailbox)).one())
    assert (back.host, back.secret, back.is_active) == ("imap.example.jp", "", False)


@SQLITE
def test_an_agent_who_may_sign_in_no_more_is_signed_out_when_that_is_put_back(desk: OpenDesk) -> None:
    ben = desk.agent(BEN).id
    levels = {f"level_{desk.queue('returns').id}": "1"}
    first = save(desk, f"/admin/agents/{ben}", language="en", most_calls="1", most_tickets="5", **levels)
    known = desk.read(lambda db: db.get(Agent, ben))
    assert known is not None and known.most_tickets == 5
    undo(desk, change_of(first))
    known = desk.read(lambda db: db.get(Agent, ben))
    assert known is not None and known.most_tickets == 0


@SQLITE
def test_what_was_made_and_may_be_used_stays(desk: OpenDesk) -> None:
    made = save(desk, "/admin/queues/new", slug="repairs", name="修理", name_en="Repairs")
    number = changes(desk)[-1].id
    assert "change=" not in made and "/undo" not in desk.as_(SATO).get(f"/admin/changes/{number}").text
    assert undo(desk, number or 0).status_code == 409
    assert desk.queue("repairs").id


@SQLITE
@pytest.mark.parametrize("path", ["/admin/changes/1", "/admin/changes/1/undo"])
def test_only_supervisors_see_and_take_back(desk: OpenDesk, path: str) -> None:
    save(desk, f"/admin/queues/{desk.queue('returns').id}", name="返品", name_en="Returns", phone=RETURNS_NUMBER)
    ask = desk.as_(AIKO).post if path.endswith("undo") else desk.as_(AIKO).get
    assert ask(path).status_code == 403
    assert desk.as_(SATO).get("/admin/changes/999").status_code == 404
    assert desk.as_(SATO).post("/admin/changes/999/undo").status_code == 404


@SQLITE
def test_a_command_is_told_as_one_and_a_desk_that_is_set_up_is_not(desk: OpenDesk) -> None:
    assert changes(desk) == [], "queues and staff were made, and nobody did it"

    def by_command(db: Session) -> None:
        db.info["is_command"] = True
        queues.change(db, queues.dialed(db, TECH_NUMBER), region="JP", greeting="自動", now=desk.clock())  # type: ignore[arg-type]

    desk.write(by_command)
    [change] = changes(desk)
    assert change.by_id is None and change.rows[0]["is"] == {"greeting": "自動"}
    assert "コマンドまたはシステム" in desk.as_(SATO).get(f"/admin/changes/{change.id}").text


@SQLITE
def test_a_mailbox_says_what_changes_and_of_a_password_only_that_it_does(desk: OpenDesk) -> None:
    save(desk, "/admin/mailboxes/new", **MAILBOX)
    page = desk.as_(SATO).post("/admin/mailboxes/1", data=MAILBOX | {"folder": "Archive", "rehearse": "1"})
    will = text_of(part(page.text, "will"))
    assert "INBOX" in will and "Archive" in will and "以前のメールは取り込みません" in will
    assert "もう一度指定してください" in will and PASSWORD not in page.text
    assert 'formaction="/admin/mailboxes/1#will"' in page.text
    quiet = desk.as_(SATO).post("/admin/mailboxes/1", data=MAILBOX | {"secret": "", "name": "改名", "rehearse": "1"})
    assert "もう一度指定してください" not in quiet.text and "改名" in part(quiet.text, "will")
    kept = desk.read(lambda db: db.exec(select(Mailbox)).one())
    assert (kept.name, kept.folder) == ("サポート", "INBOX")


@SQLITE
def test_a_telephone_system_says_what_changes(desk: OpenDesk) -> None:
    typed = {"kind": "push", "label": "本社", "name": "head-office", "secret": "first secret"}
    save(desk, "/admin/exchanges/new", **typed)
    page = desk.as_(SATO).post(
        "/admin/exchanges/1/edit", data=typed | {"label": "支社", "secret": "another secret", "rehearse": "1"}
    )
    will = text_of(part(page.text, "will"))
    assert "本社" in will and "支社" in will and "署名用" in will and "another secret" not in page.text
    assert "もう一度指定してください" in will
    assert desk.read(lambda db: db.exec(select(Exchange)).one()).label == "本社"


@SQLITE
def test_a_canned_reply_says_what_changes_and_asks_for_its_files_again(desk: OpenDesk) -> None:
    save(desk, "/admin/canned/new", title="返品", text="承りました")
    told = {"title": "返品の受付", "text": "承りました", "rehearse": "1"}
    page = desk.as_(SATO).post("/admin/canned/1", data=told, files={"files": ("送り状.txt", b"paper", "text/plain")})
    will = text_of(part(page.text, "will"))
    assert "返品の受付" in will and "送り状.txt" in will and "もう一度指定してください" in will
    assert desk.read(lambda db: db.exec(select(CannedReply)).one()).title == "返品"
    assert desk.read(lambda db: db.exec(select(CannedFile)).all()) == []


@SQLITE
def test_the_history_of_a_rule_says_what_it_asked_and_did_before(desk: OpenDesk) -> None:
    rule = {"name": "返金", "trigger": "unanswered_for", "after": "4", "unit": "hours", "step": "save",
            "all-0-what": "text", "all-0-is": "contains", "all-0-value": "返金",
            "acts-0-do": "move", "acts-0-value": desk.queue("returns").id}  # fmt: skip
    made = desk.as_(SATO).post("/admin/rules/new", data=rule)
    desk.as_(SATO).post(made.url.path, data=rule | {"after": "2", "all-0-value": "返金、払い戻し", "acts-0-do": "note",
                                                    "acts-0-value": "急ぎ"})  # fmt: skip
    for page in (f"/admin/changes/{changes(desk)[-1].id}", "/admin/audit"):
        told = text_of(part(desk.as_(SATO).get(page).text, "main"))
        assert "変更前： 4時間 変更後： 2時間" in told
        assert "変更前： 件名・本文・通話メモに「返金」を含む" in told and "「返金」か「払い戻し」を含む" in told
        assert "変更前： 「返品・交換」へ移動する 変更後： メモ「急ぎ」を残す" in told
