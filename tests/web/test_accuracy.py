"""The supervisors' page of accuracy: who sees it, what its figures open, and what its buttons do."""

import re
from datetime import timedelta
from html import unescape

import pytest

from classifiers import registry
from helpdesk import learning
from models import Queue, Training, TrainingState, Turn
from tests.answers import SLUGS, Given, at_random, write
from tests.cast import AIKO, MONDAY, PUBLIC_URL, SATO, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PAGE, LONG = "/queues/accuracy?days=30", "/queues/accuracy?days=90"
POSTS = ("threshold", "learn", "promote", "roll-back")
SHARE = re.compile(r"(\d+) % (\d+) % – (\d+) % · n = ([\d,]+)")


@pytest.fixture
def english(desk: OpenDesk) -> OpenDesk:
    desk.as_(SATO).post("/account", data={"language": "en", "theme": ""})
    return desk


def page(desk: OpenDesk, path: str = PAGE) -> str:
    answer = desk.as_(SATO).get(path)
    assert answer.status_code == 200, text_of(answer.text)[:400]
    return answer.text


def section(desk: OpenDesk, name: str, path: str = PAGE) -> str:
    return text_of(part(page(desk, path), name))


def row(html: str, name: str) -> list[str]:
    """The cells of the table row that begins with a name."""
    for found in re.findall(r"<tr[^>]*>.*?</tr>", html, re.DOTALL):
        cells = [text_of(cell) for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", found, re.DOTALL)]
        if cells[0] == name:
            return cells
    raise AssertionError(f"no row {name}")


# --- who may


def test_only_supervisors_see_the_page_and_press_its_buttons(desk: OpenDesk) -> None:
    for path in (PAGE, "/queues/accuracy/answers?said=returns&was=returns"):
        assert desk.as_(AIKO).get(path).status_code == 403
    for name in POSTS:
        data = {"language": "ja", "queue": "returns", "at": "10", "version": registry.shipped_version()}
        assert desk.as_(AIKO).post(f"/queues/accuracy/{name}", data=data).status_code == 403
        assert desk.client.post(f"/queues/accuracy/{name}", data=data).status_code == 401
    assert desk.count(Training) == desk.count(Turn) == 0 and desk.queue("returns").thresholds == {}
    assert desk.client.get(PAGE).status_code == 401


def test_the_way_there_is_shown_to_supervisors_alone(desk: OpenDesk) -> None:
    for person, is_shown in ((SATO, True), (AIKO, False)):
        shown = desk.as_(person).get("/queues").text
        assert (shown.count('href="/queues/accuracy"') >= 2) is is_shown


# --- figures


def test_before_anything_is_confirmed_the_shipped_models_own_test_is_shown_as_such(english: OpenDesk) -> None:
    english.write(write, [Given("returns", "", 0.95)])
    shown = text_of(page(english))
    assert "Nothing is confirmed in this period yet." in shown
    assert "not your desk's tickets" in shown
    card = registry.read_card(registry.SHIPPED / "router.json")["test_split"]["ja"]
    assert row(page(english), "Japanese")[1] == str(card["count"])
    assert row(page(english), "Japanese")[2] == f"{round(card['precision'] * 100)} %"


def test_the_headline_states_the_finding_with_its_intervals(english: OpenDesk) -> None:
    given = [*[Given("returns", "returns", 0.9)] * 97, *[Given("returns", "billing", 0.9)] * 3,
             *[Given("returns", "billing", 0.5, reason="nobody_sure")] * 25]  # fmt: skip
    english.write(write, given)
    shown = text_of(page(english)).replace("\u00a0", " ")
    assert "Of 100 routed on its own, 97 % stayed; 20 % waited in triage." in shown
    assert "95 % intervals: 92 % to 99 % stay" in shown
    assert "Confirmed answers in this period: 125." in shown


def test_of_few_the_counts_are_said_and_no_share(english: OpenDesk) -> None:
    english.write(write, [*[Given("returns", "returns", 0.9)] * 5, Given("returns", "billing", 0.9)])
    shown = text_of(page(english))
    assert "6 routed on its own, of which 5 stayed, and 0 waited in triage" in shown
    assert row(page(english), "Returns")[2:] == ["too few · n = 6", "too few · n = 5", "too few · n = 6"]


def test_the_period_is_chosen_by_address_and_anything_else_is_a_month(english: OpenDesk) -> None:
    english.write(write, [Given("returns", "returns", 0.9, at=MONDAY - timedelta(days=60))])
    for path, many in (("?days=90", "1"), ("?days=30", ""), ("?days=11", ""), ("?days=x", ""), ("", "")):
        shown = text_of(page(english, f"/queues/accuracy{path}"))
        assert (f"Confirmed answers in this period: {many}." in shown) is bool(many), path


def test_every_cell_of_the_matrix_opens_its_own_tickets(english: OpenDesk) -> None:
    given = at_random(7, 120)
    made = english.write(write, given)
    expected: dict[tuple[str, str], set[int]] = {}
    for ticket_id, each in zip(made, given, strict=True):
        if each.was and each.at > MONDAY - timedelta(days=30):
            expected.setdefault((each.said, each.was), set()).add(ticket_id)
    links = re.findall(r'<td[^>]*><a href="([^"]*answers[^"]*)"[^>]*>([\d,]+)</a>', page(english))
    assert len(links) == len(expected)
    for link, count in links:
        said, was = re.findall(r"(?:said|was)=(\w+)", link)
        opened = set(map(int, re.findall(r'href="/tickets/(\d+)"', page(english, unescape(link)))))
        assert opened == expected[said, was] and len(opened) == int(count)


def test_a_long_list_is_paged_in_both_directions(english: OpenDesk) -> None:
    made = english.write(write, [Given("returns", "billing", 0.9, at=MONDAY - timedelta(hours=n)) for n in range(70)])
    first = page(english, "/queues/accuracy/answers?days=30&said=returns&was=billing")
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = page(english, unescape(older))
    (newer,) = re.findall(r'rel="prev" href="([^"]+)"', second)
    shown = [list(map(int, re.findall(r'href="/tickets/(\d+)"', text))) for text in (first, second)]
    assert shown[0] + shown[1] == made and len(shown[0]) == 50
    again = page(english, unescape(newer))
    assert re.findall(r'href="/tickets/(\d+)"', again) == list(map(str, shown[0]))


def test_a_cell_there_is_not_is_a_page_of_its_own_and_no_crash(desk: OpenDesk) -> None:
    here = "/queues/accuracy/answers?days=30&said=returns"
    assert desk.as_(SATO).get(f"{here}&was=nowhere").status_code == 404
    assert desk.as_(SATO).get(f"{here}&was=billing&older=99999").status_code == 404
    for odd in ("older=%00", "older=-1", "newer=x", "language=%00x" if desk.database.is_sqlite else "language=fr"):
        assert desk.as_(SATO).get(f"{here}&was=billing&{odd}").status_code == 200, odd


def test_a_misroute_shows_its_words_and_opens_its_ticket(english: OpenDesk) -> None:
    (ticket_id,) = english.write(write, [Given("returns", "billing", 0.9, subject="<b>注文</b>")])
    shown = part(page(english), "misroutes")
    assert "<mark>電源</mark>" in shown and f'href="/tickets/{ticket_id}"' in shown
    assert "&lt;b&gt;注文" in shown and "moved by Sato Ken" in text_of(shown)


# --- thresholds


def preview(desk: OpenDesk, queue: str, at: int) -> tuple[list[str], list[str]]:
    """Precision and coverage the page promises at another point."""
    shown = part(page(desk, f"{LONG}&language=ja&queue={queue}&at={at}"), "points-ja")
    box = shown[shown.index('class="preview"') :]
    return row(box, "Precision"), row(box, "Coverage")


@pytest.mark.parametrize(("queue", "name"), [("returns", "Returns"), ("", "All queues")])
def test_a_preview_is_what_the_table_says_after_saving(english: OpenDesk, queue: str, name: str) -> None:
    english.write(write, at_random(5, 400))
    before = row(part(page(english, LONG), "points-ja"), name)
    precision, coverage = preview(english, queue, 55)
    assert (precision[1], coverage[1]) == (before[2], before[4])  # "now"
    assert SHARE.fullmatch(coverage[2]) and coverage[1] != coverage[2]
    assert row(part(page(english, LONG), "points-ja"), name) == before, "a preview saves nothing"

    answer = english.as_(SATO).post("/queues/accuracy/threshold", data={"days": "90", "language": "ja", "queue": queue,
                                                                        "at": "55"})  # fmt: skip
    assert answer.status_code == 200 and answer.url.path == "/queues/accuracy" and "Saved." in answer.text
    after = row(part(page(english, LONG), "points-ja"), name)
    assert (after[2], after[4]) == (precision[2], coverage[2])
    changed = {slug for slug in SLUGS if english.queue(slug).thresholds == {"ja": 0.55}}
    assert changed == ({queue} if queue else set(SLUGS))
    assert english.queue("triage").thresholds == {}


def test_one_click_goes_back_to_the_measured_threshold(english: OpenDesk) -> None:
    english.write(write, [Given("returns", "returns", 0.9)] * 3)
    measured = row(page(english), "Returns")[1]
    post = english.as_(SATO).post
    post("/queues/accuracy/threshold", data={"language": "ja", "queue": "returns", "at": "40"})
    assert row(page(english), "Returns")[1] == "40 % set by hand"
    assert f"Returns: back to the measured {measured}" in section(english, "points-ja")
    post("/queues/accuracy/threshold", data={"language": "ja", "queue": "returns", "at": ""})
    assert row(page(english), "Returns")[1] == measured and english.queue("returns").thresholds == {}


@SQLITE
@pytest.mark.parametrize("wrong", [
    {"at": "101"}, {"at": "-1"}, {"at": "nan"}, {"at": "5.5"}, {"at": "９９９９"}, {"language": "fr"},
    {"queue": "nowhere"}, {"queue": "triage"},
])  # fmt: skip
def test_what_is_no_threshold_changes_none(standing_desk: OpenDesk, wrong: dict[str, str]) -> None:
    data = {"language": "ja", "queue": "returns", "at": "50"} | wrong
    assert standing_desk.as_(SATO).post("/queues/accuracy/threshold", data=data).status_code in (404, 422)
    assert [standing_desk.queue(slug).thresholds for slug in SLUGS] == [{}] * 5
    assert standing_desk.as_(SATO).get(PAGE, params=data).status_code == 200


def test_a_saved_threshold_decides_the_next_mail(english: OpenDesk) -> None:
    text = "届いた掃除機のサイズが合わないので返品したいです。"
    guess = english.app.state.desk.router.predict(text, subject="返品")
    assert guess.label == "returns" and not guess.abstained
    english.as_(SATO).post("/queues/accuracy/threshold", data={"language": "ja", "queue": "", "at": "100"})
    english.mail(subject="返品", body=text)
    assert english.queue_of(english.tickets()[-1]) == "triage"
    english.as_(SATO).post("/queues/accuracy/threshold", data={"language": "ja", "queue": "", "at": ""})
    english.mail(subject="返品", body=text)
    assert english.queue_of(english.tickets()[-1]) == "returns"


# --- versions


def candidate(desk: OpenDesk) -> str:
    """Another version, made by a training and not put to use."""
    own = desk.app.state.desk.registry
    card = registry.read_card(registry.SHIPPED / "router.json")
    content = (registry.SHIPPED / "router.npz").read_bytes()
    version: str = own.keep(content, card | {"version": "20261116T000000Z-12345678"})
    desk.write(lambda db: db.add(Training(
        state=TrainingState.CANDIDATE, asked_at=MONDAY, reason="worse_on_own", version=version, examples=31,
        figures={"own": {"ja": {"count": 40, "right": 0.8, "right_before": 0.9}}},
    )))  # fmt: skip
    return version


def test_learning_is_asked_for_once_and_said_on_the_page(english: OpenDesk) -> None:
    for _ in range(2):
        answer = english.as_(SATO).post("/queues/accuracy/learn", data={"days": "90"})
        assert answer.url.query.decode().startswith("days=90") and "will learn from its tickets" in answer.text
    asked = english.read(lambda db: learning.trainings(db, 9))
    assert [(each.state, each.asked_by_id) for each in asked] == [(TrainingState.WAITING, english.agent(SATO).id)]
    assert "Waiting to begin" in section(english, "versions") and "Learning…" in section(english, "versions")


def test_a_candidate_is_put_to_use_and_rolled_back_by_hand(english: OpenDesk) -> None:
    version, shipped, own = candidate(english), registry.shipped_version(), english.app.state.desk.registry
    shown = section(english, "versions")
    assert "Not put to use" in shown and "90 % → 80 % (n = 40)" in shown and "Roll back" not in shown.replace(
        "You can roll back", "")  # fmt: skip
    answer = english.as_(SATO).post("/queues/accuracy/promote", data={"version": version})
    assert "Another version decides from now on." in answer.text
    assert own.points_at() == version
    shown = section(english, "versions")
    assert "Chosen by a supervisor" in shown and f"version {shipped} decides again" in shown
    english.as_(SATO).post("/queues/accuracy/roll-back")
    assert own.points_at() == shipped
    turns = english.read(lambda db: learning.turns(db, 9))
    assert [(each.version, each.reason) for each in turns] == [(shipped, "rolled_back"), (version, "by_hand")]


def test_a_version_there_is_not_and_nothing_to_go_back_to_are_refused_with_a_reason(english: OpenDesk) -> None:
    there = {"referer": f"{PUBLIC_URL}/queues/accuracy"}
    answer = english.as_(SATO).post("/queues/accuracy/promote", data={"version": "../../etc"}, headers=there)
    assert answer.status_code == 404
    answer = english.as_(SATO).post("/queues/accuracy/roll-back", headers=there)
    assert 'data-kind="error"' in answer.text and english.count(Turn) == 0


def test_the_page_hears_of_trainings_and_thresholds_while_it_is_open(desk: OpenDesk) -> None:
    screen = desk.screen_of(SATO, PAGE)
    desk.as_(SATO).post("/queues/accuracy/threshold", data={"language": "ja", "queue": "returns", "at": "70"})
    screen.sync()
    assert "accuracy" in screen.stale
    assert desk.read(lambda db: db.get(Queue, desk.queue("returns").id).thresholds) == {"ja": 0.7}
