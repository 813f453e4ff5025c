"""What the reader sees of times, numbers, names and letters, and that both languages are complete."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import UndefinedError
from markupsafe import Markup

from helpdesk.views import Row
from web import palette, render, shortcuts, words
from web.render import Renderer

WEB = Path(render.__file__).parent
LOCALE = WEB / "locale"
NOW = datetime(2026, 11, 21, 5, 5, 30, tzinfo=UTC)  # 14:05:30 in Tokyo, a Saturday
METHODS = [
    ("templates/**.html", "jinja2"),
    *(
        (f"{name}.py", "python")
        for name in (
            "words/**",
            "shortcuts",
            "palette",
            "render",
            "administration",
            "segment_words",
            "setting_words",
            "setting_parts",
        )
    ),
]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(timezone="Asia/Tokyo", desk_name="あおば電機", static_version="abc")


def shown(renderer: Renderer, lang: str, source: str, **context: object) -> str:
    """What a template's source comes to, with the filters and globals of a page."""
    return renderer._environments[lang].from_string(source).render(now=NOW, **context)


def words_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


# --- time


def test_a_moment_is_written_as_each_language_writes_it(renderer: Renderer) -> None:
    assert words_of(shown(renderer, "ja", "{{ now | moment }}")) == "2026/11/21(土) 14:05"
    assert words_of(shown(renderer, "en", "{{ now | moment }}")) == "Sat 21 Nov 2026, 14:05"


def test_a_moment_keeps_its_exact_time_for_machines(renderer: Renderer) -> None:
    assert shown(renderer, "ja", "{{ now | moment }}").startswith('<time datetime="2026-11-21T05:05:30+00:00">')


@pytest.mark.parametrize(
    ("at", "ja", "en"),
    [
        (NOW - timedelta(minutes=1), "14:04", "14:04"),
        (datetime(2026, 11, 20, 15, 0, tzinfo=UTC), "00:00", "00:00"),  # midnight in Tokyo is still today
        (datetime(2026, 11, 20, 14, 59, tzinfo=UTC), "昨日", "Yesterday"),
        (datetime(2026, 11, 19, 3, 0, tzinfo=UTC), "11/19", "19 Nov"),
        (datetime(2025, 11, 20, 3, 0, tzinfo=UTC), "2025/11/20", "20 Nov 2025"),
    ],
)
def test_the_clock_says_as_little_as_cannot_be_misread(renderer: Renderer, at: datetime, ja: str, en: str) -> None:
    assert words_of(shown(renderer, "ja", "{{ at | clock }}", at=at)) == ja
    assert words_of(shown(renderer, "en", "{{ at | clock }}", at=at)) == en


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0:00"), (9, "0:09"), (61, "1:01"), (3599, "59:59"), (3661, "1:01:01"), (None, "0:00"), (-5, "0:00")],
)
def test_seconds_are_minutes_and_seconds(count: int | None, text: str) -> None:
    assert render.seconds(count) == text


def test_running_times_count_from_the_pages_own_now(renderer: Renderer) -> None:
    assert shown(renderer, "ja", "{{ at | since }}", at=NOW - timedelta(seconds=75)) == "1:15"
    assert shown(renderer, "ja", "{{ at | until }}", at=NOW + timedelta(seconds=30)) == "0:30"


@pytest.mark.parametrize(
    ("minutes", "level", "ja", "en"),
    [
        (119, "calm", "残り119分", "119 min left"),
        (59, "soon", "残り59分", "59 min left"),
        (-1, "late", "1分超過", "1 min late"),
        (120, "calm", "残り2時間", "2 h left"),
        (-180, "late", "3時間超過", "3 h late"),
        (3000, "calm", "残り2日", "2 days left"),
    ],
)
def test_what_is_due_says_how_long_it_still_has(renderer: Renderer, minutes: int, level: str, ja: str, en: str) -> None:
    source = '{% from "tickets/_due.html" import due_chip with context %}{{ due_chip(at) }}'
    for lang, words_there in (("ja", ja), ("en", en)):
        html = shown(renderer, lang, source, at=NOW + timedelta(minutes=minutes))
        assert words_of(html).strip() == words_there
        assert f'data-level="{level}"' in html


# --- numbers and names


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (4210, "4 kB"), (1_234_567, "1.2 MB"), (2_000_000_000, "2.0 GB")],
)
def test_sizes_are_decimal(size_bytes: int, text: str) -> None:
    assert render.size(size_bytes) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.873, "87 %"), (0.0, "0 %"), (1.0, "100 %"), (0.9991, "99 %"), (None, "")]
)
def test_a_share_never_rounds_up_to_certainty(share: float | None, text: str) -> None:
    assert render.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '<option value="" selected>-</option><option value="1" disabled>A</option><option value="11">B</option>'),
        (1, '<option value="">-</option><option value="1" selected>A</option><option value="11">B</option>'),
        (11, '<option value="">-</option><option value="1" disabled>A</option><option value="11" selected>B</option>'),
        (2, '<option value="">-</option><option value="1" disabled>A</option><option value="11">B</option>'),
    ],
)
def test_of_the_same_options_each_page_selects_its_own_and_can_send_it(value: object, text: str) -> None:
    options = '<option value="">-</option><option value="1" disabled>A</option><option value="11">B</option>'
    assert render.chosen(Markup(options), value) == text


@pytest.mark.parametrize(("amount", "text"), [(12300, "¥12,300"), (0, "¥0"), (-980, "-¥980"), (None, "")])
def test_yen_are_whole_and_grouped(amount: int | None, text: str) -> None:
    assert render.yen(amount) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("田中 花子", "田"), ("Aiko Sato", "AS"), ("Plato", "P"), ("Maria de la Cruz", "MC"), ("", "?"), ("たなか", "た")],
)
def test_initials_stand_for_a_person_in_either_script(name: str, text: str) -> None:
    assert render.initials(name) == text


def test_the_last_four_digits_are_all_a_passer_by_may_read() -> None:
    assert render.last_four("+81312345678") == "…5678"
    assert render.last_four("") == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [("+81312345678", "03-1234-5678"), ("+819012341122", "090-1234-1122"), ("+12025550142", "+1 202-555-0142")],
)
def test_numbers_are_written_as_the_desk_dials_them(number: str, text: str) -> None:
    assert render.phone(number) == text


def test_a_number_that_is_not_a_telephone_number_is_shown_as_it_came() -> None:
    assert render.phone("sip:desk@example.com") == "sip:desk@example.com"
    assert render.phone("") == ""


# --- what customers wrote


def test_paragraphs_part_at_blank_lines_and_keep_line_breaks() -> None:
    html = render.paragraphs("一行目\n二行目\n\n \n三行目\r\n四行目\n")
    assert html == "<p>一行目<br>\n二行目</p><p>三行目<br>\n四行目</p>"


@pytest.mark.parametrize("filter_", [render.paragraphs, lambda text: render.marked(text, [(0, 3), (5, 400)])])
def test_nothing_a_customer_writes_becomes_markup(filter_) -> None:  # type: ignore[no-untyped-def]
    html = filter_('<script>alert(1)</script> & "x" <img src=x onerror=y> javascript:alert(1)')
    tags = re.findall(r"<([^>]*)>", html)
    assert {tag.split()[0] for tag in tags} <= {"p", "/p", "mark", "/mark"}
    assert isinstance(html, Markup)


def test_addresses_of_pages_become_links_that_give_nothing_away() -> None:
    html = render.paragraphs("手順 https://example.jp/a?b=1&c=2 をご覧ください。（http://example.com/x）。")
    assert '<a href="https://example.jp/a?b=1&amp;c=2" rel="noopener nofollow" target="_blank">' in html
    assert 'href="http://example.com/x"' in html


def test_a_quotation_mark_in_an_address_cannot_leave_its_attribute() -> None:
    assert 'href="https://example.jp/a"' in render.paragraphs('https://example.jp/a"onmouseover="x')


@pytest.mark.parametrize(
    ("text", "spans", "html"),
    [
        ("青い画面が出る", [(0, 4)], "<p><mark>青い画面</mark>が出る</p>"),
        ("abcdef", [(1, 3), (2, 5)], "<p>a<mark>bcde</mark>f</p>"),
        ("abc", [(-1, -1), (5, 9), (2, 2)], "<p>abc</p>"),
        ("a\nb", [(0, 3)], "<p><mark>a</mark><br>\n<mark>b</mark></p>"),
        ("a\n\nb", [(0, 4)], "<p><mark>a</mark></p><p><mark>b</mark></p>"),
        ("<b> & x", [(0, 3)], "<p><mark>&lt;b&gt;</mark> &amp; x</p>"),
        ("a\ue000b\ue001c", [(0, 1)], "<p><mark>a</mark>\ufffdb\ufffdc</p>"),
    ],
)
def test_marks_fall_on_the_very_characters(text: str, spans: list[tuple[int, int]], html: str) -> None:
    assert render.marked(text, spans) == html


# --- templates


def test_every_value_is_escaped(renderer: Renderer) -> None:
    assert shown(renderer, "ja", "{{ name }}", name="<b>&") == "&lt;b&gt;&amp;"
    facts = {"by": "<i>", "to": "Ben"}
    said = shown(renderer, "en", "{{ word('fact', 'ticket_assigned', facts) }}", facts=facts)
    assert said == "&lt;i&gt; assigned this to Ben"


def test_a_forgotten_value_is_an_error_not_an_empty_place(renderer: Renderer) -> None:
    with pytest.raises(UndefinedError):
        renderer.page("error.html", "ja", code="not_found", status=404)


def test_an_error_page_speaks_both_languages(renderer: Renderer) -> None:
    context = {"code": "not_found", "status": 404, "desk": {"name": "あおば電機", "is_demo": False, "version": "1"},
               "is_customers": False}  # fmt: skip
    assert "ページがありません" in renderer.page("error.html", "ja", **context)
    assert "Nothing here" in renderer.page("error.html", "en", **context)


def test_a_fragment_begins_with_its_own_element(renderer: Renderer) -> None:
    row = dict(
        id=7, subject="届かない", state="open", customer_name="田中 花子", company="", snippet="", channel="mail",
        queue_id=1, queue_name="配送", confidence=0.9, is_triage=False, assignee_id=None, assignee_name="",
        last_contact_at=NOW, awaits_us=True, is_urgent=False, priority=2, created_at=NOW, due_at=None, due_kind="",
        tags=(), has_draft=False,
    )  # fmt: skip
    html = renderer.fragment("tickets/_row.html", "ja", row=row, now=NOW, is_current=False)
    assert html.startswith('<li class="row" id="row-7"')
    assert 'data-at="2026-11-21T05:05:30+00:00"' in html


def test_static_files_carry_their_version(renderer: Renderer) -> None:
    assert shown(renderer, "ja", "{{ static('css/base.css') }}") == "/static/css/base.css?v=abc"


def test_icons_are_silent_to_screen_readers(renderer: Renderer) -> None:
    assert 'aria-hidden="true"' in shown(renderer, "ja", "{{ icon('phone-incoming') }}")


@pytest.mark.parametrize("path", sorted(WEB.rglob("templates/**/*.html")), ids=lambda path: path.name)
def test_no_template_needs_more_than_the_strict_content_policy_allows(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\sstyle\s*=", source), "a style attribute"
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source), "an inline handler"
    assert not re.search(r"<script(?![^>]*\ssrc=)", source), "an inline script"
    assert "<style" not in source


def test_every_template_parses_and_names_only_known_icons(renderer: Renderer) -> None:
    for environment in renderer._environments.values():
        for name in environment.list_templates():
            environment.get_template(name)
    for path in WEB.rglob("templates/**/*.html"):
        for name in re.findall(r"icon\(\"([a-z0-9-]+)\"", path.read_text()):
            render.icon(name)


def test_every_key_of_the_help_does_something_and_every_act_has_its_function() -> None:
    script = (WEB / "static/js/keys.js").read_text()
    acts = set(re.findall(r"^  (\w+): \{ (?:needs|run):", script, re.MULTILINE))
    named = {line.act for lines in shortcuts.SHORTCUTS.values() for line in lines} - {""}
    pressed = {act for act in named if not act.startswith("go:")}
    assert pressed | {act for act, _ in palette.ACTS} == acts
    keys = [" ".join(line.keys) for lines in shortcuts.SHORTCUTS.values() for line in lines if line.act]
    assert len(keys) == len(set(keys))


def test_scripts_speak_only_phrases_the_page_brings() -> None:
    layout = (WEB / "templates/layout.html").read_text()
    brought = set(re.findall(r'data-phrase="([a-z]+)"', layout))
    said_in_scripts = "".join(script.read_text() for script in WEB.glob("static/js/*.js"))
    spoken = {
        name
        for arguments in re.findall(r"\bphrase\(([^()]*)\)", said_in_scripts)
        for name in re.findall(r'"([a-z]+)"', arguments)
    }
    assert "failed" in spoken
    assert spoken <= brought


# --- words


def collected() -> set[str]:
    """The sentences pybabel finds when it follows `locale/babel.cfg`."""
    keywords = {"_": None, "N_": None, "gettext": None}
    options = {"templates/**.html": {"encoding": "utf-8", "extensions": "web.keeping.Keeping"}}
    found = extract_from_dir(str(WEB), METHODS, options, keywords=keywords)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def catalog(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source)


def test_the_collected_sentences_are_those_of_the_templates_and_words() -> None:
    assert {m.id for m in catalog(LOCALE / "desk.pot") if m.id} == collected()


def test_japanese_is_complete_and_sure() -> None:
    japanese = catalog(LOCALE / "ja" / "LC_MESSAGES" / "desk.po")
    assert {m.id for m in japanese if m.id} == collected()
    assert not japanese.obsolete
    assert [m.id for m in japanese if m.id and (m.fuzzy or not m.string)] == []


def test_translations_name_the_same_facts() -> None:
    named = re.compile(r"%\(\w+\)s")
    for message in catalog(LOCALE / "ja" / "LC_MESSAGES" / "desk.po"):
        if message.id:
            assert set(named.findall(str(message.string))) == set(named.findall(str(message.id))), message.id


JAPANESE = r"[\u3040-\u30ff\u3400-\u9fff]"
AS_TYPED = {"問い合わせ 1件", "以降:2026-11-01 まで:2026-11-30"}
"""A label before its figure, as in 問い合わせ 12件, and what is typed into the search."""


def test_japanese_has_the_punctuation_and_the_spacing_of_japanese() -> None:
    """Latin letters and figures stand in a sentence without spaces, as most of the sentences have it; colons, commas
    and brackets are full-width. What is typed as it stands, such as キュー:返品, is followed by no space.
    What is filled in may be either, and keeps the spaces its sentence gives it."""
    spaced = re.compile(rf"{JAPANESE} [A-Za-z0-9]|[A-Za-z0-9] {JAPANESE}")
    narrow = re.compile(rf"{JAPANESE}(?:[,;!?]|:(?: |$)| ?\()|\) ?{JAPANESE}|～")
    for message in catalog(LOCALE / "ja" / "LC_MESSAGES" / "desk.po"):
        said = re.sub(r"%\(\w+\)s", "\ufffc", str(message.string))
        if message.id and said not in AS_TYPED:
            assert not spaced.search(said) and not narrow.search(said), said


@pytest.mark.parametrize(
    ("group", "code"), [(group, code) for group, table in words.WORDS.items() for code in table], ids=str
)
def test_every_code_has_a_japanese_sentence(renderer: Renderer, group: str, code: str) -> None:
    said = words.sentence(renderer.gettext("ja"), group, code)
    assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", said), said


def test_a_group_of_words_stands_in_one_place_only() -> None:
    with pytest.raises(ValueError, match="reports has groups again that stand elsewhere: change"):
        words.joined({"reviews": {"change": {"up": "Up"}}, "reports": {"change": {"rising": "rising"}}})


def test_a_code_nobody_knows_is_shown_and_never_blank(renderer: Renderer) -> None:
    assert words.sentence(renderer.gettext("ja"), "error", "brand_new_trouble") == "brand_new_trouble"


def test_a_fact_that_was_not_recorded_leaves_a_dash(renderer: Renderer) -> None:
    assert words.sentence(renderer.gettext("en"), "notice", "moved", {}) == "Moved to –."


def test_what_nobody_in_particular_did_has_a_sentence_without_a_name(renderer: Renderer) -> None:
    said = words.sentence(renderer.gettext("en"), "fact", "ticket_assigned", {"by": "", "to": "Ben"})
    assert said == "Assigned to Ben"


def test_what_has_no_translation_stays_english(renderer: Renderer) -> None:
    assert renderer.gettext("ja")("Never translated") == "Never translated"
    assert renderer.gettext("en")("Saved.") == "Saved."


def test_rows_that_were_drawn_are_kept_up_to_a_number_the_newest_of_them(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = renderer._environments["ja"].globals["ticket_rows"]
    monkeypatch.setattr(type(drawn), "MOST", 3)
    monkeypatch.setattr(drawn, "_drawn", {})
    first = Row(id=1, subject="返品", state="open", customer_name="田中 美咲", company="", snippet="", channel="mail",
                queue_id=1, queue_name="返品", confidence=None, is_triage=False, assignee_id=None, assignee_name="",
                last_contact_at=NOW, awaits_us=True, is_urgent=False, priority=2, created_at=NOW, due_at=None,
                due_kind="")  # fmt: skip

    def row(number: int) -> str:
        text: str = drawn._row(replace(first, id=number), NOW, NOW.date(), None, False)
        return text

    assert len({row(number) for number in range(1, 6)}) == 5
    assert [row.id for row, *_ in drawn._drawn] == [3, 4, 5]
    assert 'id="row-4"' in row(4) and 'id="row-1"' in row(1)
    assert [row.id for row, *_ in drawn._drawn] == [4, 5, 1]
