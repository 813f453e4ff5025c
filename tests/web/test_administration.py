"""The index of everything that can be set: complete, found by a setting's words, and for supervisors alone."""

import re

from tests.cast import AIKO, SATO, OpenDesk, part, text_of
from web.administration import places
from web.setting_synonyms import SYNONYMS


def found(desk: OpenDesk, words: str = "") -> list[str]:
    """The places the index shows."""
    shown = desk.as_(SATO).get("/admin", params={"q": words})
    assert shown.status_code == 200
    return re.findall(r'<a class="setting" href="([^"]+)"', part(shown.text, "settings"))


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


def test_a_queue_keeps_no_old_name_in_secret_where_the_form_has_none(desk: OpenDesk) -> None:
    sato, queue = desk.as_(SATO), desk.queue("returns")
    for names, wrong in (({"name": " ", "name_en": ""}, {"name", "name_en"}), ({"name": "", "name_en": "R"}, {"name"})):
        answer = sato.post(f"/admin/queues/{queue.id}", data=names)
        assert answer.status_code == 422 and set(re.findall(r'id="f-(\w+)-error"', answer.text)) == wrong
        assert "キュー名を入力してください。" in text_of(part(answer.text, "f-name-error"))
    assert desk.queue("returns").name == queue.name and desk.queue("returns").name_en == queue.name_en


ALSO = {
    "/admin/agents": ("担当者", "オペレーター", "ユーザー", "権限", "退職", "異動", "内線番号", "users", "skills"),
    "/admin/calendars": ("営業時間", "祝日", "年末年始", "昼休み", "夜間", "business hours", "holidays", "lunch"),
    "/admin/canned": ("定型文", "テンプレート", "ひな形", "templates", "saved replies"),
    "/admin/queues": (
        "自動返信", "署名", "部署", "承認", "添付忘れ", "誤送信", "NGワード", "保留", "折り返し", "呼び出し", "留守電",
        "signature", "auto reply", "forgotten attachment", "after-call work", "round robin", "voice mail",
    ),
    "/admin/rules": ("自動返信", "自動化", "automation", "trigger"),
    "/admin/promises": ("SLA", "期限", "目標時間", "deadline", "due date"),
    "/admin/exchanges": ("IVR", "電話", "交換機", "発信者番号", "caller ID", "pbx", "phone"),
    "/admin/appearance": ("ロゴ", "色", "社名", "logo", "colour", "color", "brand"),
    "/admin/audit": ("操作履歴", "ログ", "元に戻す", "undo", "log"),
    "/admin/blocked": ("着信拒否", "迷惑電話", "spam"),
    "/admin/mail": ("迷惑メール", "届かない", "spam"),
    "/admin/mailboxes": ("gmail", "受信", "メールサーバー", "Outlook", "smtp"),
    "/admin/fields": ("カスタム項目", "必須", "custom field"),
    "/admin/macros": ("一括操作", "shortcut"),
    "/admin/checklists": ("手順書", "ToDo"),
    "/admin/tags": ("ラベル", "カテゴリー", "label"),
    "/admin/surveys": ("アンケート", "満足度", "csat", "NPS"),
    "/admin/tokens": ("APIキー", "API key", "連携"),
    "/queues/alarms": ("しきい値", "アラート", "警告", "threshold", "alert"),
    "/queues/walls": ("大画面", "モニター", "tv"),
    "/queues/accuracy": ("AI", "機械学習", "自動分類", "machine learning"),
    "/admin/guesses": ("感情", "緊急度", "sentiment"),
    "/reports/schedules": ("週報", "月報", "定期", "weekly"),
    "/reports/topics": ("カテゴリ", "要望", "theme"),
    "/reviews/form": ("採点", "応対品質", "QA", "scorecard"),
}  # fmt: skip
"""Words that people bring from elsewhere."""


def test_a_setting_is_found_by_its_other_names(desk: OpenDesk) -> None:
    missed = [(place, words) for place, names in ALSO.items() for words in names if place not in found(desk, words)]
    assert not missed
    assert set(SYNONYMS) == {place.path for place in places()}, "every place has other names, and no name leads nowhere"
    assert len(found(desk, "テンプレート")) <= 3, "and few others with it"


def test_what_is_to_be_done_with_a_setting_does_not_hide_it(desk: OpenDesk) -> None:
    for words in ("キューを追加", "キュー 追加", "キューの設定方法", "add a queue", "How to create a new queue"):
        assert found(desk, words)[0] == "/admin/queues", words
    assert "/admin/agents" in found(desk, "追加"), "a verb alone is looked for all the same"


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
