"""The index of everything that can be set: complete, found by a setting's own words, and for supervisors alone."""

import re

import pytest

from tests.cast import AIKO, SATO, OpenDesk, part, text_of
from web.administration import places
from web.setting_synonyms import SYNONYMS

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
FORMS = (  # where a setting is made, and the place of the index that holds it
    ("/admin/queues/new", "/admin/queues"),
    ("/admin/agents/1", "/admin/agents"),
    ("/admin/calendars/new", "/admin/calendars"),
    ("/admin/promises/new", "/admin/promises"),
    ("/admin/mailboxes/new", "/admin/mailboxes"),
    ("/admin/exchanges/new?kind=asterisk", "/admin/exchanges"),
    ("/admin/blocked", "/admin/blocked"),
    ("/admin/fields/new", "/admin/fields"),
    ("/admin/canned/new", "/admin/canned"),
    ("/admin/rules/new", "/admin/rules"),
    ("/admin/macros/new", "/admin/macros"),
    ("/admin/checklists/new", "/admin/checklists"),
    ("/admin/surveys/new", "/admin/surveys"),
    ("/queues/alarms", "/queues/alarms"),
    ("/queues/walls", "/queues/walls"),
)


def found(desk: OpenDesk, words: str = "") -> list[str]:
    """The places the index shows."""
    shown = desk.as_(SATO).get("/admin", params={"q": words})
    assert shown.status_code == 200
    return re.findall(r'<a class="setting" href="([^"]+)"', part(shown.text, "settings"))


def labels(page: str) -> list[str]:
    """The words a form's fields go by, without those that are the desk's own, such as the names of queues."""
    main = part(page, "main")
    marked = re.findall(r"<label [^>]*\bfor=\"f-[a-z_]+\"[^>]*>([^<{]+)|<legend>([^<]+)", main)
    return [text_of(label or legend) for label, legend in marked]


@SQLITE
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_setting_is_found_by_the_words_of_its_form(desk: OpenDesk, language: str) -> None:
    desk.as_(SATO).post("/account", data={"language": language, "theme": "light"})
    missing, read = [], 0
    for form, place in FORMS:
        page = desk.as_(SATO).get(form)
        assert page.status_code == 200, form
        for label in labels(page.text):
            read += 1
            if place not in found(desk, label):
                missing.append((form, label))
    assert not missing and read > 70


def test_every_page_under_admin_has_its_place_in_the_index(desk: OpenDesk) -> None:
    routes = (getattr(route, "path", "") for route in desk.app.routes)
    pages = {path for path in routes if re.fullmatch(r"/admin/\w+(/domains)?", path)}
    assert len(pages) > 15 and pages <= set(found(desk))
    for place in found(desk):
        assert desk.as_(SATO).get(place).status_code == 200, place


def test_a_setting_is_found_in_either_language_whatever_its_width_and_kana(desk: OpenDesk) -> None:
    for words in ("署名", "signature", "ＳＩＧＮＡＴＵＲＥ", "署名 営業時間"):
        assert "/admin/queues" in found(desk, words), words
    assert found(desk, "まくろ") == found(desk, "ﾏｸﾛ") == ["/admin/macros"]
    shown = text_of(desk.as_(SATO).get("/admin?q=signature").text)
    assert "署名" in shown, "and said in the reader's language"


ALSO = {
    "/admin/agents": ("担当者", "オペレーター", "ユーザー", "権限", "users", "staff"),
    "/admin/calendars": ("営業時間", "祝日", "年末年始", "business hours", "holidays"),
    "/admin/canned": ("定型文", "テンプレート", "ひな形", "templates"),
    "/admin/queues": ("自動返信", "署名", "部署", "signature", "auto reply"),
    "/admin/rules": ("自動返信", "自動化", "automation"),
    "/admin/promises": ("SLA", "期限", "deadline"),
    "/admin/exchanges": ("IVR", "電話", "pbx", "phone"),
    "/admin/appearance": ("ロゴ", "色", "logo", "colour", "color"),
    "/admin/blocked": ("着信拒否", "spam"),
    "/admin/mail": ("迷惑メール", "spam"),
    "/admin/mailboxes": ("gmail", "受信"),
    "/admin/fields": ("カスタム項目", "custom field"),
    "/admin/surveys": ("満足度", "csat"),
}
"""Words that people bring from elsewhere."""


def test_a_setting_is_found_by_its_other_names(desk: OpenDesk) -> None:
    missed = [(place, words) for place, names in ALSO.items() for words in names if place not in found(desk, words)]
    assert not missed
    assert set(SYNONYMS) == {place.path for place in places()}, "every place has other names, and no name leads nowhere"
    assert len(found(desk, "テンプレート")) <= 3, "and few others with it"


def test_words_nothing_goes_by_lead_on(desk: OpenDesk) -> None:
    assert found(desk, "zzz") == []
    page = part(desk.as_(SATO).get("/admin?q=zzz").text, "settings")
    assert 'href="/admin"' in page and 'href="/account"' in page and "該当する設定はありません" in page


def test_the_rail_of_a_supervisor_leads_there_and_an_agent_is_refused(desk: OpenDesk) -> None:
    rail = part(desk.as_(SATO).get("/admin/macros").text, "rail")
    assert re.search(r'<a href="/admin" [^>]*aria-current="page"', rail), "where one is, in the rail"
    assert len(set(re.findall(r'href="/admin[^"]*"', rail))) == 1
    assert desk.as_(AIKO).get("/admin").status_code == 403
    assert "/admin" not in part(desk.as_(AIKO).get("/inbox").text, "rail")


EXPLAINED = (
    "/admin/mailboxes/new",
    "/admin/canned/new",
    "/admin/rules/new",
    "/admin/macros/new",
    "/admin/checklists/new",
)


def test_every_field_of_these_forms_is_explained_to_whoever_hears_it_too(desk: OpenDesk) -> None:
    bare, read = [], 0
    for form in EXPLAINED:
        main = part(desk.as_(SATO).get(form).text, "main")
        for attributes in re.findall(r'<(?:input|select|textarea) ([^>]*\bid="f-[^>]*)>', main):
            read += 1
            told = re.search(r'aria-describedby="([^" ]+)', attributes)
            said = told and re.search(rf'id="{told[1]}"[^>]*>\s*[^\s]', main)
            if not said:
                bare.append((form, attributes))
    assert not bare and read > 30
