"""A newcomer sets up a second queue: names, number, agents, hours and mailbox, told all the while what lacks."""

import re
from html import unescape

import pytest
from sqlmodel import select

from models import Calendar, Mailbox, Membership
from tests.cast import AIKO, BEN, PUBLIC_URL, SATO, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NUMBER, ADDRESS = "03-5550-0199", "repairs@desk.example.jp"


def guide(desk: OpenDesk, path: str, **told: object) -> str:
    """A step, saved; the page that follows."""
    answer = desk.as_(SATO).post(path, data=told)
    assert answer.status_code == 200, text_of(answer.text)
    return str(answer.text)


def test_a_queue_is_led_step_by_step_until_it_works(desk: OpenDesk) -> None:
    start = part(desk.as_(SATO).get("/admin/queues").text, "main")
    assert 'href="/admin/queues/guide"' in start
    page = guide(desk, "/admin/queues/guide", name="修理受付", name_en="Repair visits")
    queue = desk.queue("repair_visits")
    here = f"/admin/queues/{queue.id}/guide"
    told = text_of(part(page, "main"))
    assert "まだ使えません" in told and "担当者がいません" in told and "夜間や休日も受け付ける" in told
    listed = text_of(part(desk.as_(SATO).get("/admin/queues").text, "main"))
    assert "設定が足りません" in listed, "whoever was called away finds the way back"
    guide(desk, here, step="reach", phone=NUMBER, address=ADDRESS)
    page = guide(desk, here, step="people", agent_id=[desk.agent(AIKO).id, desk.agent(BEN).id])
    assert "このキューは使えます" in text_of(part(page, "main")), "what is left may be as wished"
    page = guide(desk, here, step="hours", calendar="usual")
    assert "夜間や休日" not in text_of(part(page, "main"))
    assert f'href="/admin/mailboxes/new?queue={queue.id}&amp;guide={queue.id}-mailbox"' in page
    form = desk.as_(SATO).get(f"/admin/mailboxes/new?queue={queue.id}").text
    assert f'value="{ADDRESS}"' in form and re.search(rf'<option value="{queue.id}" selected', form)
    page = guide(desk, "/admin/mailboxes/new", guided=queue.id, queue_id=queue.id, name="修理", host="imap.example.jp",
                 port="993", security="tls", auth="password", folder="INBOX", user=ADDRESS, secret="a long password",
                 after="seen")  # fmt: skip
    assert "足りない" not in text_of(part(page, "mailbox")) and "修理" in part(page, "mailbox")
    guide(desk, here, step="words", keywords="出張修理、訪問")
    made = desk.queue("repair_visits")
    calendar = desk.read(lambda db: db.exec(select(Calendar)).one())
    assert (made.phone, made.address, made.calendar_id) == ("+81355500199", ADDRESS, calendar.id)
    assert made.keywords == ["出張修理", "訪問"]
    assert desk.read(lambda db: db.exec(select(Mailbox)).one()).queue_id == made.id
    assert len(desk.read(lambda db: db.exec(select(Membership).where(Membership.queue_id == made.id)).all())) == 2
    desk.mail(subject="出張修理のお願い", to=ADDRESS)
    assert desk.tickets()[0].queue_id == made.id, "and the first mail is there"


@SQLITE
def test_whoever_is_missing_is_added_on_the_way_and_serves_the_queue(desk: OpenDesk) -> None:
    guide(desk, "/admin/queues/guide", name="修理受付", name_en="Repair visits")
    here = f"/admin/queues/{desk.queue('repair_visits').id}/guide"
    left = guide(desk, here, step="people", agent_id=[desk.agent(BEN).id], then="agents")
    form = part(left, "main")
    assert desk.read(lambda db: db.get(Membership, (desk.queue("repair_visits").id, desk.agent(BEN).id))), "and kept"
    guided = re.search(r'name="guided" value="(\d+)"', form)
    assert guided and f'href="{here}#people"' in form, "and Back leads to where one was"
    added = guide(desk, "/admin/agents/new", guided=guided[1], name="森 花", email="mori@desk.example.jp", role="agent")
    assert f'href="{here}#people"' in part(added, "main") and "「修理受付」の設定に戻る" in added
    assert re.search(r"checked><span[^>]*>森 花", desk.as_(SATO).get(here).text)
    assert desk.as_(SATO).get("/admin/agents/import?queue=999").status_code == 404


@SQLITE
@pytest.mark.parametrize(
    ("step", "typed", "saving"),
    [
        ("reach", {"phone": NUMBER, "address": ADDRESS, "then": "exchanges"},
         ("/admin/exchanges/new", {"kind": "push", "label": "本社", "name": "office"})),
        ("hours", {"calendar": "", "then": "calendars"},
         ("/admin/calendars/new", {"name": "平日", "timezone": "Asia/Tokyo"})),
        ("people", {"then": "agents"}, ("/admin/agents/import", {"text": "name,email"})),
        ("mailbox", {}, ("/admin/mailboxes/new", {"name": ""})),
        ("words", {}, None),
    ],
)  # fmt: skip
def test_every_step_that_leads_out_of_the_guide_leads_back(
    desk: OpenDesk, step: str, typed: dict[str, str], saving: tuple[str, dict[str, str]] | None
) -> None:
    guide(desk, "/admin/queues/guide", name="修理受付", name_en="Repair visits")
    here, sato = f"/admin/queues/{desk.queue('repair_visits').id}/guide", desk.as_(SATO)
    way = f'href="{here}#{step}"'
    if typed:
        page = part(sato.get(here).text, step)
        assert f'name="then" value="{typed["then"]}"' in page
        out = guide(desk, here, step=step, **typed)
        assert desk.queue("repair_visits").address == typed.get("address"), "what was typed is kept on the way"
    else:
        [link] = re.findall(rf'href="([^"]+guide=[0-9]+-{step})"', sato.get(here).text)
        out = sato.get(unescape(link)).text
    assert way in out and "「修理受付」の設定に戻る" in sato.get("/admin/audit").text
    if saving:
        assert way in sato.post(saving[0], data=saving[1]).text, "it stays while something is saved, or refused"
    assert way not in sato.get("/inbox").text and way not in desk.as_(AIKO).get("/inbox").text
    sato.get(here)
    assert way not in sato.get("/admin/audit").text, "whoever is back needs no way back"


@SQLITE
def test_the_way_back_can_be_closed_and_leads_only_to_queues_there_are(desk: OpenDesk) -> None:
    number, sato = desk.queue("returns").id, desk.as_(SATO)
    assert "errand-back" in sato.get(f"/admin/tags?guide={number}-hours").text
    closed = re.search(r'<a class="icon-button" href="([^"]+)"', sato.get("/admin/fields").text)
    assert closed and "errand-back" not in sato.get(closed[1]).text
    assert "errand-back" not in sato.get("/admin/fields").text
    for odd in ("999-hours", f"{number}-<b>", "²-hours", "-1-hours", f"{number}"):
        assert "errand-back" not in sato.get("/admin/tags", params={"guide": odd}).text


@SQLITE
def test_what_cannot_be_is_said_beside_its_field_and_the_rest_stays_typed(desk: OpenDesk) -> None:
    taken = desk.as_(SATO).post("/admin/queues/guide", data={"name": "返品2", "name_en": "Returns"})
    assert taken.status_code == 422 and 'name="slug"' in taken.text, "only then a short name is asked for"
    guide(desk, "/admin/queues/guide", name="返品2", name_en="Returns", slug="returns_two")
    here = f"/admin/queues/{desk.queue('returns_two').id}/guide"
    wrong = desk.as_(SATO).post(here, data={"step": "reach", "phone": "12", "address": ADDRESS})
    assert wrong.status_code == 422 and f'value="{ADDRESS}"' in wrong.text and "field-error" in wrong.text
    assert desk.as_(SATO).post(here, data={"step": "hours", "calendar": "99"}).status_code == 422
    assert desk.as_(SATO).post(here, data={"step": "nothing"}).status_code == 422
    assert desk.as_(SATO).get("/admin/queues/999/guide").status_code == 404
    assert desk.as_(SATO).post("/admin/queues/999/guide", data={"step": "hours"}).status_code == 404
    assert desk.as_(AIKO).get(here).status_code == 403


@SQLITE
def test_each_step_can_be_taken_back(desk: OpenDesk) -> None:
    guide(desk, "/admin/queues/guide", name="修理受付", name_en="Repair visits")
    here = f"/admin/queues/{desk.queue('repair_visits').id}/guide"
    page = guide(desk, here, step="hours", calendar="usual")
    [undo] = re.findall(r'action="(/admin/changes/\d+/undo)"', part(page, "notice"))
    after = desk.as_(SATO).post(undo, headers={"referer": f"{PUBLIC_URL}{here}"})
    assert after.url.path == here and "変更前の状態に戻しました" in after.text
    assert desk.queue("repair_visits").calendar_id is None
    assert desk.read(lambda db: db.exec(select(Calendar)).all()) == [], "the hours that were made for it are gone, too"


@SQLITE
def test_the_guide_says_numbers_as_they_were_typed_and_ends_with_what_the_whole_comes_to(desk: OpenDesk) -> None:
    page = guide(desk, "/admin/queues/guide", name="修理受付", name_en="Repair visits")
    assert 'data-made="no"' in part(page, "mailbox"), "without an address nothing is done there yet"
    here = f"/admin/queues/{desk.queue('repair_visits').id}/guide"
    page = guide(desk, here, step="reach", phone="0355500199", address=ADDRESS)
    assert f'value="{NUMBER}"' in part(page, "reach")
    assert f'value="{NUMBER}"' in desk.as_(SATO).get(here.removesuffix("/guide")).text
    last = desk.as_(SATO).post(here, data={"step": "words", "keywords": "出張"}, follow_redirects=False)
    assert "#" not in last.headers["location"], "the top of the page says whether the queue works"
    assert 'href="/admin/queues">' in part(guide(desk, here, step="words", keywords="出張"), "main")


@SQLITE
def test_countries_whose_holidays_are_known_have_names(desk: OpenDesk) -> None:
    listed = re.findall(r"<option[^>]*>([^<]+)</option>", part(desk.as_(SATO).get("/admin/calendars/new").text, "main"))
    assert listed[1] == "日本" and {"アメリカ合衆国", "イギリス", "ドイツ"} <= set(listed)
    assert [each for each in listed if re.fullmatch("[A-Z]{2}", each)] == []
