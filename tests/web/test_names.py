"""What supervisors prepare is called in the language of whoever reads it, or else by the name it has."""

import re
from typing import Any

import pytest

from helpdesk import romaji
from helpdesk.customers import contact_points
from helpdesk.search import keeping
from models import Queue, Ticket
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    RETURNS_ADDRESS,
    RETURNS_NUMBER,
    SATO,
    STRANGER,
    TANAKA,
    OpenDesk,
    Twilio,
    part,
    text_of,
)
from tests.postbox import Postbox

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ACT = {"acts-0-do": "prioritize", "acts-0-value": "4", "step": "save"}


def save(desk: OpenDesk, path: str, **told: Any) -> None:
    answer = desk.as_(SATO).post(path, data=told)
    assert answer.status_code == 200, text_of(answer.text)


def prepared(desk: OpenDesk) -> None:
    """One of each, with a name in either language, and one macro with a Japanese one alone. Ben reads English."""
    save(desk, "/admin/rules/new", name="至急", name_en="Urgent ones", trigger="opened", **ACT)
    save(desk, "/admin/rules/1/switch", value="on")
    save(desk, "/admin/macros/new", name="優先にする", name_en="Put first", **ACT)
    save(desk, "/admin/macros/new", name="後にする", **ACT | {"acts-0-value": "1"})
    save(desk, "/admin/canned/new", title="返品の受付", title_en="Returns: how to send it", text="承りました。")
    save(desk, "/admin/checklists/new", name="返品の手順", name_en="Steps of a return", items="確認")
    save(desk, "/admin/fields/new", name="型番", name_en="Model", kind="text", hint="本体の裏", hint_en="On its back")
    desk.mail(to=RETURNS_ADDRESS)


@pytest.fixture
def english(desk: OpenDesk) -> OpenDesk:
    """A desk whose Ben and Sato read English."""
    for each in (BEN, SATO):
        desk.as_(each).post("/account", data={"language": "en", "theme": ""})
    return desk


def test_agents_see_the_name_in_their_language(english: OpenDesk) -> None:
    prepared(english)
    offered = text_of(part(english.as_(BEN).get("/tickets/1/macros").text, "macros-offered"))
    assert "Put first" in offered and "優先にする" not in offered
    assert "後にする" in offered, "what has no English name goes by the one it has"
    assert "Returns: how to send it" in english.as_(BEN).get("/tickets/1/canned").text
    page = english.as_(BEN).get("/tickets/1").text
    assert "Urgent ones" in page and "至急" not in page, "in the ticket's history, too"
    assert "On its back" in page and "本体の裏" not in page
    japanese = english.as_(AIKO).get("/tickets/1/macros")
    assert japanese.status_code == 404 or "優先にする" in japanese.text


@SQLITE
def test_supervisors_see_it_in_lists_sentences_and_what_was_done(english: OpenDesk) -> None:
    prepared(english)
    save(english, "/admin/macros/new", name="手順", **{"acts-0-do": "checklist", "acts-0-value": "1", "step": "save"})
    sato = english.as_(SATO)
    for path, name in (("/admin/rules", "Urgent ones"), ("/admin/macros", "Put first"),
                       ("/admin/canned", "Returns: how to send it"), ("/admin/checklists", "Steps of a return"),
                       ("/admin/rules/runs", "Urgent ones"), ("/admin/macros", "“Steps of a return”")):  # fmt: skip
        assert name in text_of(sato.get(path).text), path
    for typed in ("返品の受付", "how to send"):
        assert "Returns: how to send it" in sato.get("/admin/canned", params={"q": typed}).text
        assert "Returns: how to send it" in english.as_(BEN).get("/tickets/1/canned", params={"q": typed}).text


@SQLITE
def test_colleagues_are_called_in_latin_letters_wherever_english_is_read(english: OpenDesk, postbox: Postbox) -> None:
    """In reports and their files, in rosters, in what was done, and in a mail to somebody who reads English; who reads
    Japanese finds them as they are written."""
    tech = english.queue("tech_support").id
    english.write(lambda db: setattr(db.get_one(Queue, tech), "signature", "Support: {agent}"))
    english.mail(STRANGER, body="The vacuum cleaner does not start any more. Could you tell me what to do?")
    english.write(lambda db: setattr(db.get_one(Ticket, 1), "queue_id", tech))
    english.as_(SATO).post("/tickets/1/assign", data={"agent_id": english.agent(AKIRA).id})
    english.clock.advance(minutes=5)
    english.post(english.reply(AKIRA, 1, "Please charge it for an hour."))
    assert "Support: Kimura Akira" in str(postbox.last.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    english.as_(SATO).post("/reports/staffing/shifts?week=0", data={
        "agent": english.agent(AKIRA).id, "hours": "9:00-18:00", "days": "2026-11-24"})  # fmt: skip
    pages = ("/reports/calls?period=today&by=agent", "/reports/calls.csv?period=today&by=agent",
             "/reports/service?period=today", "/reports/service.csv?period=today",
             "/reports/service/rows?period=today&what=answered", "/reports/staffing?week=0",
             "/admin/audit?what=tickets", "/admin/audit.csv?what=tickets")  # fmt: skip
    for path in pages:
        told = text_of(english.as_(SATO).get(path).text)
        assert "Kimura Akira" in told, path
        assert "木村 明" not in told.replace("Kimura Akira (木村 明)", ""), f"{path}: but where one chooses among all"
    english.as_(SATO).post("/account", data={"language": "ja", "theme": ""})
    for path in pages:
        told = english.as_(SATO).get(path).text
        assert "木村 明" in told and "Kimura" not in told, path


@SQLITE
@pytest.mark.parametrize(
    ("path", "told", "longest"),
    [
        ("/admin/rules/new", {"trigger": "opened", "name": "規則", **ACT}, 100),
        ("/admin/macros/new", {"name": "マクロ", **ACT}, 100),
        ("/admin/checklists/new", {"name": "手順", "items": "確認"}, 100),
        ("/admin/canned/new", {"title": "返品", "text": "承りました。"}, 200),
        ("/admin/fields/new", {"name": "型番", "kind": "text"}, 60),
    ],
)
def test_a_name_that_is_too_long_is_refused_beside_its_field_and_never_cut(
    desk: OpenDesk, path: str, told: dict[str, str], longest: int
) -> None:
    name = "title" if "title" in told else "name"
    for field in (name, f"{name}_en"):
        answer = desk.as_(SATO).post(path, data=told | {field: "a" * (longest + 1)})
        assert answer.status_code == 422 and f'id="f-{field}-error"' in answer.text
    assert desk.as_(SATO).post(path, data=told | {f"{name}_en": "a" * longest}).status_code == 200


def test_an_english_page_calls_colleagues_and_customers_in_latin_letters_and_a_japanese_one_as_they_are_written(
    desk: OpenDesk,
) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    ben, sato = desk.as_(BEN), desk.as_(SATO)
    assert ben.get("/tickets/1").status_code == 200
    sato.post("/tickets/1/note", data={"body": "確認しました。"})
    sato.post("/tickets/1/assign", data={"agent_id": str(desk.agent(SATO).id)})
    english = ben.get("/tickets/1").text
    assert ">Sato Ken (佐藤 健)" in part(english, "assign-1"), "found by its beginning, and as colleagues write it"
    assert 'data-name="佐藤 健"' in part(english, "assign-1"), "a note calls it as it is written"
    assert "Sato Ken" in text_of(part(english, "note-entry-1")) and "佐藤" not in text_of(part(english, "note-entry-1"))
    assert "Sato Ken" in text_of(part(ben.get("/inbox?view=all").text, "row-1"))
    assert '<span class="reading" lang="ja-Latn">Tanaka Misaki</span>' in part(english, "side-1")
    assert "Tanaka Misaki" in ben.get("/customers").text
    assert "Ben Carter (" not in english
    for path in ("/views/new", "/bulk?view=all"):
        assert "Sato Ken (佐藤 健)" in ben.get(path).text, path
    japanese = sato.get("/tickets/1").text
    assert "佐藤 健" in text_of(part(japanese, "note-entry-1")) and "Sato Ken (" not in japanese
    assert '<span class="reading" lang="ja">たなか みさき</span>' in part(japanese, "side-1")


def test_an_english_list_calls_a_customer_in_latin_letters_and_their_record_still_shows_how_they_write_themselves(
    desk: OpenDesk,
) -> None:
    ben, sato = desk.as_(BEN), desk.as_(SATO)
    desk.mail(to=RETURNS_ADDRESS)
    Twilio(desk).rings("CA-1", caller=TANAKA.phone, to=RETURNS_NUMBER)
    for path in ("/inbox?view=all", "/calls"):
        english, japanese = text_of(ben.get(path).text), text_of(sato.get(path).text)
        assert "Tanaka Misaki" in english and TANAKA.name not in part(ben.get(path).text, "main"), path
        assert TANAKA.name in japanese and "Tanaka Misaki" not in japanese, path
    keeping.catch_up(desk.database)
    for typed in ("tanaka misaki", TANAKA.name, "たなか"):
        found = re.sub("</?mark>", "", ben.get("/search", params={"q": typed}).text)
        assert f"Tanaka Misaki ({TANAKA.name})" in found, f"{typed} finds her ticket, by either name"
        offered = ben.get("/palette", params={"q": typed}).json()["groups"]
        assert ("Tanaka Misaki", TANAKA.name) in [
            (each["more"], each["words"]) for of in offered for each in of["items"]
        ]
    assert TANAKA.name in part(ben.get("/tickets/1").text, "side-1")


def test_an_english_list_of_the_administration_calls_people_in_latin_letters_too(english: OpenDesk) -> None:
    """Blocked callers, the staff, orders from a file, call-backs, approvals, views and what was set: a list says how a
    person is called, and one to choose from says both."""
    sato, akira, tanaka = english.as_(SATO), english.agent(AKIRA).id, english.customer(TANAKA).id
    Twilio(english).rings("CA-1")
    english.clock.advance(seconds=40)
    Twilio(english).says("CA-1", "completed", sequence=2)
    orders = f"注文番号,商品名,注文日,メール\nB-7,電気ケトル,2026-11-01,{TANAKA.email}\n"
    foreseen = sato.post("/admin/orders", files={"file": ("o.csv", orders.encode(), "text/csv")}).text
    assert "Tanaka Misaki" in text_of(part(foreseen, "main")) and TANAKA.name not in part(foreseen, "main")
    sato.post("/admin/orders", files={"text": (None, orders), "take": (None, "1")})
    save(english, "/admin/blocked", number=TANAKA.phone, do="block")
    view = {"name": "急ぎ", "audience": "everybody", "sort": "newest", "column": ["queue"]}
    sato.post("/views/new", data=view | {"all.priority": ["3"]})
    assert "Sato Ken" in text_of(part(english.as_(BEN).get("/views").text, "main"))
    save(english, "/admin/promises/new", name="Within the hour", at_risk_percent="75", first_response_minutes="60",
         breached_agent_id=str(akira), breached_told="agent", is_active="on")  # fmt: skip
    save(english, f"/admin/queues/{english.queue('returns').id}", name="返品", name_en="Returns", agent_id=[str(akira)])
    for path, names in {
        "/admin/agents": ("Kimura Akira", "Sato Ken"), "/admin/blocked": ("Tanaka Misaki", "Sato Ken"),
        "/admin/orders": ("Sato Ken",), "/callbacks": ("Kimura Akira (木村 明)", "Tanaka Misaki"),
        "/admin/audit?what=settings": ("Sato Ken", "Kimura Akira"), "/admin/changes/1": ("Sato Ken",),
        "/admin/promises": ("Kimura Akira",), "/reports/schedules/new": ("Kimura Akira (木村 明)",),
    }.items():  # fmt: skip
        page = part(sato.get(path).text, "main")
        for name in names:
            assert name in text_of(page), (path, name)
        for name in (TANAKA.name, *(f">{each.name}<" for each in (AKIRA, SATO))):
            assert name not in page, (path, name)
    assert AKIRA.name in part(sato.get(f"/admin/agents/{akira}").text, "main")
    assert TANAKA.name in part(sato.get(f"/customers/{tanaka}").text, "main")


def test_a_colleague_is_called_in_a_note_by_the_latin_letters_of_the_reading_and_told_who_did(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.as_(BEN).post("/tickets/1/note", data={"body": "@Sato please look at this."})
    assert "Ben Carterさん" in text_of(part(desk.as_(SATO).get("/notifications").text, "notifications"))
    desk.as_(SATO).post("/tickets/1/note", data={"body": "@Ben Carter 返送先をお伝えください。"})
    assert "Sato Ken mentioned you in a note" in text_of(
        part(desk.as_(BEN).get("/notifications").text, "notifications")
    )


@pytest.mark.parametrize(
    ("reading", "latin"),
    [
        ("サトウ ケン", "Sato Ken"), ("おおの ゆうこ", "Ono Yuko"), ("イノウエ　コウジ", "Inoue Koji"),
        ("ほんだ じゅんいち", "Honda Junichi"), ("なんば", "Namba"), ("はった", "Hatta"), ("ほっち", "Hotchi"),
        ("まつうら りゅうた", "Matsuura Ryuta"), ("おおうち", "Ouchi"), ("せのお", "Senoo"), ("にいがた", "Niigata"),
        ("ｵｶﾞﾜ ｼｮｳ", "Ogawa Sho"), ("ティファニー", "Tifani"), ("メアリー・ジェーン", "Meari Jen"),
        ("Satoh Ken", "Satoh Ken"), ("", ""), ("カ)アオバ", ""),
    ],
)  # fmt: skip
def test_a_reading_is_spelled_as_japanese_passports_do(reading: str, latin: str) -> None:
    assert romaji.latin("佐藤 健", reading) == latin
    assert romaji.latin("Ben Carter", reading) == "", "what is in Latin letters stays as it is"


@pytest.mark.parametrize(
    ("typed", "reading"),
    [
        ("Tanaka", "タナカ"), ("sato ken", "さとう けん"), ("Ono", "おおの"), ("ohno", "おおの"), ("Ōno", "おおの"),
        ("yuko", "ゆうこ"), ("kenichi", "けんいち"), ("ryota", "りょうた"), ("hatta", "はった"), ("hotchi", "ほっち"),
        ("namba", "なんば"), ("inoue", "いのうえ"), ("matsuura ryuta", "まつうら りゅうた"), ("junichi", "ジュンイチ"),
    ],
)  # fmt: skip
def test_a_name_typed_in_latin_letters_is_looked_for_in_every_reading_they_may_stand_for(
    typed: str, reading: str
) -> None:
    assert contact_points.reading_key(reading) in contact_points.reading_keys(typed)


@pytest.mark.parametrize("typed", ["refund", "a", "A-1001", "田中", "printer"])
def test_what_is_no_japanese_name_is_looked_for_as_it_is_typed(typed: str) -> None:
    assert contact_points.reading_keys(typed) == [contact_points.reading_key(typed)]
