"""Settings of every kind are taken back with a button; where there is none, the page says why."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from helpdesk import return_reasons
from helpdesk.settings_watched import WATCHED
from tests.cast import AIKO, BEN, PUBLIC_URL, SATO, OpenDesk, part, text_of
from tests.web.test_settings_history import MAILBOX, PASSWORD, WEEK, change_of, changes, form_of, save, undo

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
RULE = {"name": "返金", "trigger": "opened", "step": "save", "acts-0-do": "prioritize", "acts-0-value": "4"}
MACRO = {"name": "下げる", "acts-0-do": "prioritize", "acts-0-value": "1", "step": "save"}
SURVEY = {"name": "満足度", "scale": "stars", "after": "resolved", "delay_minutes": "0", "rest_days": "30",
          "way": "mail"}  # fmt: skip
PUSH = {"kind": "push", "label": "本社", "name": "head-office"}


def twice(path: str, first: dict[str, Any], **then: Any) -> Callable[[OpenDesk], str]:
    """Something is made, and then changed."""

    def do(desk: OpenDesk) -> str:
        save(desk, f"{path}/new", **first)
        return save(desk, f"{path}/1", **(first | then))

    return do


def a_queue(desk: OpenDesk) -> str:
    return save(desk, f"/admin/queues/{desk.queue('tech_support').id}", **form_of(desk, greeting="はい"))


def an_agent(desk: OpenDesk) -> str:
    level = {f"level_{desk.queue('returns').id}": "1"}
    return save(desk, f"/admin/agents/{desk.agent(BEN).id}", language="en", most_calls="1", most_tickets="5", **level)


def a_member(desk: OpenDesk) -> str:
    told = form_of(desk, agent_id=[desk.agent(AIKO).id])
    return save(desk, f"/admin/queues/{desk.queue('tech_support').id}", **told)


def a_tag(desk: OpenDesk) -> str:
    desk.mail(subject="修理")
    desk.as_(SATO).post("/tickets/1/tags", data={"tag": "修理"})
    return save(desk, "/admin/tags/1", do="rename", name="修理中")


def a_file(desk: OpenDesk) -> str:
    told = {"title": "返品", "text": "承りました。"}
    desk.as_(SATO).post("/admin/canned/new", data=told, files={"files": ("送り状.txt", b"paper", "text/plain")})
    return save(desk, "/admin/canned/1", **told, without="1")


def a_system(desk: OpenDesk) -> str:
    save(desk, "/admin/exchanges/new", **PUSH)
    return save(desk, "/admin/exchanges/1/edit", **PUSH | {"label": "支社"})


def a_topic(desk: OpenDesk) -> str:
    return save(desk, "/reports/topics", name="梱包材", name_en="Packing", words="緩衝材")


def the_form(desk: OpenDesk) -> str:
    return save(desk, "/reviews/form", most="10", **{"name-0": "速さ", "weight-0": "2"})


WAYS: dict[str, Callable[[OpenDesk], str]] = {
    "queue": a_queue, "agent": an_agent, "member": a_member, "calendar": twice("/admin/calendars", WEEK, name="土日"),
    "policy": twice("/admin/promises", {"name": "標準", "first_response_minutes": "1:00", "at_risk_percent": "50"},
                    first_response_minutes="2:00"),
    "preference": lambda desk: save(desk, "/admin/guesses", name="urgency", value="off"), "tag": a_tag,
    "field": twice("/admin/fields", {"name": "型番", "kind": "text"}, is_required="on"),
    "canned": twice("/admin/canned", {"title": "お詫び", "text": "申し訳ございません。"}, title="謝罪"),
    "canned_file": a_file, "mailbox": twice("/admin/mailboxes", MAILBOX, secret="", name="改名"), "exchange": a_system,
    "blocked": lambda desk: save(desk, "/admin/blocked", number="050-1111-2222", do="block"),
    "survey": twice("/admin/surveys", SURVEY, rest_days="60"), "topic": a_topic,
    "rule": twice("/admin/rules", RULE, name="返金の問い合わせ"), "macro": twice("/admin/macros", MACRO, name="上げる"),
    "checklist": twice("/admin/checklists", {"name": "返品", "items": "箱を確認"}, items="箱と中身を確認"),
    "review_form": the_form,
    "segment": twice("/admin/segments", {"name": "掃除機", "people.bought": "掃除機"}, **{"people.bought": "R-5"}),
    "return_reason": lambda desk: save(desk, "/admin/products/reasons/1", do="save", name="壊れていた", name_en=""),
}  # fmt: skip


def standing(desk: OpenDesk, kind: str) -> list[tuple[Any, ...]]:
    """All that is set in rows of a kind."""
    watched = WATCHED[kind]
    columns = [col(getattr(watched.table, name)) for name in watched.columns if name != "deleted_at"]
    rows = desk.read(lambda db: db.execute(sa.select(*columns)).all())
    return sorted(tuple(map(repr, row)) for row in rows)


def test_there_is_a_way_for_every_kind() -> None:
    assert WAYS.keys() == WATCHED.keys()


@SQLITE
@pytest.mark.parametrize("kind", WAYS)
def test_a_setting_of_every_kind_is_taken_back(desk: OpenDesk, kind: str) -> None:
    location = WAYS[kind](desk)
    number, after = change_of(location), standing(desk, kind)
    made = changes(desk)[-1]
    assert made.id == number and kind in {row["of"] for row in made.rows}
    page = part(desk.as_(SATO).get(f"/admin/changes/{number}").text, "main")
    assert f'action="/admin/changes/{number}/undo"' in page
    assert undo(desk, number).status_code == 200
    assert standing(desk, kind) != after
    taken = desk.as_(SATO).get(f"/admin/changes/{changes(desk)[-1].id}")
    assert undo(desk, changes(desk)[-1].id or 0).status_code == 200 and taken.status_code == 200
    assert standing(desk, kind) == after, "and that, too, can be taken back"


@SQLITE
def test_where_there_is_no_way_back_the_page_says_why(desk: OpenDesk) -> None:
    save(desk, "/admin/queues/new", slug="repairs", name="修理", name_en="Repairs")
    told = text_of(part(desk.as_(SATO).get(f"/admin/changes/{changes(desk)[-1].id}").text, "main"))
    assert "追加したものは取り消せません" in told
    save(desk, "/admin/mailboxes/new", **MAILBOX)
    save(desk, "/admin/mailboxes/1", **MAILBOX | {"secret": f"{PASSWORD}, another"})
    told = text_of(part(desk.as_(SATO).get(f"/admin/changes/{changes(desk)[-1].id}").text, "main"))
    assert "以前のものには戻せません" in told


@SQLITE
def test_what_somebody_changed_since_is_not_offered_to_be_taken_back(desk: OpenDesk) -> None:
    first = change_of(a_queue(desk))
    save(desk, f"/admin/queues/{desk.queue('tech_support').id}", **form_of(desk, greeting="もしもし"))
    page = part(desk.as_(SATO).get(f"/admin/changes/{first}").text, "main")
    assert "そのあと同じ設定が変更されています" in text_of(page) and "/undo" not in page


@SQLITE
def test_the_last_reason_for_returns_in_use_stays_in_use(desk: OpenDesk) -> None:
    made = change_of(save(desk, "/admin/products/reasons", name="色違い", name_en="Colour"))
    for number in range(1, 8):
        save(desk, f"/admin/products/reasons/{number}", do="off")
    answer = desk.as_(SATO).post(f"/admin/changes/{made}/undo", headers={"referer": f"{PUBLIC_URL}/admin"})
    assert "理由は1つ以上有効に" in text_of(answer.text)
    assert desk.read(lambda db: [each.id for each in return_reasons.offered(db)]) == [8]


def told_of(desk: OpenDesk, location: str, language: str = "ja") -> str:
    """The lines of the page of a change."""
    if language == "en":
        desk.as_(SATO).post("/account", data={"language": "en", "theme": ""})
    return text_of(part(desk.as_(SATO).get(f"/admin/changes/{change_of(location)}").text, "main"))


@SQLITE
def test_the_history_of_a_telephone_system_says_which_part_of_its_connection_changed(desk: OpenDesk) -> None:
    typed = {"kind": "asterisk", "label": "本社", "name": "pbx", "host": "pbx.example.com", "port": "5038",
             "user": "desk", "secret": PASSWORD, "security": "plain", "inbound_contexts": "from-trunk",
             "dial_context": "internal", "dial_channel": "PJSIP/{extension}"}  # fmt: skip
    save(desk, "/admin/exchanges/new", **typed)
    where = save(desk, "/admin/exchanges/1/edit", **typed | {"port": "5039", "security": "tls"})
    told = told_of(desk, where)
    assert "ポート番号 変更前： 5038 変更後： 5039" in told
    assert "変更後： 暗号化あり（TLS）" in told and "pbx.example.com" not in told, "what stayed is not told"
    assert "シークレット 変更あり" in told and PASSWORD not in told


@SQLITE
def test_the_history_says_which_name_and_word_of_a_telephone_system_means_something_else(desk: OpenDesk) -> None:
    save(desk, "/admin/exchanges/new", **PUSH)
    before = {"name-1": "tel", "ours-1": "from", "word-1": "klingelt", "meaning-1": "ring", "field-1": "event"}
    save(desk, "/admin/exchanges/1/mapping", **before)
    told = told_of(desk, save(desk, "/admin/exchanges/1/mapping", **before | {"ours-1": "to", "meaning-1": "answer"}))
    assert "先方の項目「tel」の意味 変更前： 発信者番号 変更後： 着信先の番号" in told
    assert "先方の値「klingelt」の意味（イベント） 変更前： 呼び出し 変更後： 応答済み" in told


@SQLITE
def test_the_history_of_a_field_says_when_it_was_and_is_asked_for(desk: OpenDesk) -> None:
    save(desk, "/admin/fields/new", name="購入先", name_en="Bought at", key="shop", kind="choice",
         choices="store = 店舗 = Shop\nweb = 通販 = Web")  # fmt: skip
    returns, tech = (str(desk.queue(each).id) for each in ("returns", "tech_support"))
    field = {"name": "型番", "kind": "text", "when-queue": [returns], "when-shop": ["store"]}
    save(desk, "/admin/fields/new", **field)
    changed = field | {"when-queue": [returns, tech], "when-shop": ["web"], "when-channel": ["phone"]}
    where = save(desk, "/admin/fields/2", **changed)
    told = told_of(desk, where)
    assert "変更前： 返品・交換 変更後： 返品・交換、技術サポート" in told
    assert "「購入先」が次のとき 変更前： 店舗 変更後： 通販" in told
    assert "変更前： – 変更後： 電話" in told
    told = told_of(desk, where, "en")
    assert "When “Bought at” says before: Shop now: Web" in told
    assert re.search("before: Returns[^:]* now: Returns[^:]*, Tech support", told)


@SQLITE
def test_of_a_long_text_the_history_shows_where_it_differs(desk: OpenDesk) -> None:
    tech, long = desk.queue("tech_support").id, "あおば電機サポート窓口です。" * 30
    save(desk, f"/admin/queues/{tech}", **form_of(desk, signature=f"{long}担当一同"))
    told = told_of(desk, save(desk, f"/admin/queues/{tech}", **form_of(desk, signature=f"{long}受付一同")))
    assert "担当一同" in told and "受付一同" in told and long not in told
