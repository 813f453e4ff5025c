"""Similar solved tickets: kept as they are solved, let go when opened again, shown only to who may see them."""

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner

from classifiers import cases as meanings
from helpdesk import cases, similar
from helpdesk.__main__ import app
from helpdesk.settings import Settings
from helpdesk.similar import Names, redraft
from models import Agent, Bookmark, CaseKey, KeyCount, Message, MessageState, SolvedCase, Ticket
from tests.cast import AIKO, AKIRA, BEN, RETURNS_ADDRESS, SATO, SUZUKI, TANAKA, Clock, OpenDesk, Person
from tests.conftest import open_desk

VACUUM = "コードレス掃除機VC-9を一晩充電しても、ランプが緑にならず、すぐ止まってしまいます。"
VACUUM_TOO = "掃除機VC-9の充電ができません。充電台に置いてもランプがつかず、数秒で止まります。"
ANSWER = "田中 様\n\n山田でございます。電池パックの端子の透明なフィルムをはがしてください。"
RECEIPT = "領収書の宛名を会社名に変えて再発行していただけますか。"


def ask(desk: OpenDesk, body: str, *, sender: Person = TANAKA, to: str = RETURNS_ADDRESS) -> int:
    """A customer writes. Returns the ticket's id."""
    desk.mail(sender, body=body, to=to, subject="ご相談")
    return desk.tickets()[-1].id


def solve(desk: OpenDesk, ticket_id: int, answer: str = ANSWER, *, by: Person = BEN) -> None:
    """An agent answers, and the matter is settled."""
    message = desk.reply(by, ticket_id, answer)
    desk.write(lambda db: setattr(db.get(Message, message.id), "state", MessageState.SENT))
    desk.as_(by).post(f"/tickets/{ticket_id}/resolve")


def catch_up(desk: OpenDesk) -> int:
    """Do now what the desk does beside its work every two seconds."""
    return cases.catch_up(desk.database, now=desk.clock)


def kept(desk: OpenDesk) -> list[int]:
    """The tickets kept as cases."""
    return desk.read(lambda db: list(db.exec(select(SolvedCase.ticket_id).order_by(col(SolvedCase.ticket_id)))))


def found(desk: OpenDesk, person: Person, ticket_id: int) -> list[similar.Similar]:
    """What is offered to an agent beside a ticket."""
    agent = desk.agent(person)
    return desk.read(lambda db: similar.find(db, agent, db.get(Ticket, ticket_id), language="ja"))


def counts(desk: OpenDesk) -> tuple[set[tuple[int, int]], dict[int, int]]:
    """The keys of all cases, and how often each is counted."""

    def verb(db):
        keys = {(row.key, row.ticket_id) for row in db.exec(select(CaseKey))}
        return keys, {row.key: row.cases for row in db.exec(select(KeyCount)) if row.cases}

    return desk.read(verb)


def test_a_solved_ticket_is_offered_beside_the_next_one_like_it_with_answer_and_reasons(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM))
    solve(desk, ask(desk, RECEIPT), "領収書を再発行いたしました。")
    assert catch_up(desk) == 2
    (case,) = found(desk, BEN, ask(desk, VACUUM_TOO, sender=SUZUKI))
    assert case.ticket_id == first and case.customer_name == TANAKA.name and 0.5 < case.confidence < 1
    assert case.answer.kind == "message" and case.answer.text == ANSWER and case.answer.author_name == BEN.name
    assert case.words == VACUUM and "VC-9" in case.same
    assert "VC-9" in {case.words[start:end] for start, end in case.marks}


def test_a_ticket_is_not_like_itself_and_one_that_is_open_solves_nothing(desk: OpenDesk) -> None:
    first, second = ask(desk, VACUUM), ask(desk, VACUUM_TOO, sender=SUZUKI)
    solve(desk, first)
    catch_up(desk)
    assert found(desk, BEN, first) == []
    assert [case.ticket_id for case in found(desk, BEN, second)] == [first]


def test_a_reopened_ticket_is_let_go_whole_and_comes_back_when_solved(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM))
    catch_up(desk)
    before = counts(desk)
    desk.as_(BEN).post(f"/tickets/{first}/reopen")
    assert catch_up(desk) == 1
    assert kept(desk) == [] and counts(desk) == (set(), {})
    desk.as_(BEN).post(f"/tickets/{first}/resolve")
    catch_up(desk)
    assert kept(desk) == [first] and counts(desk) == before


def test_between_reopening_and_the_next_reading_an_open_ticket_is_not_offered(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM))
    catch_up(desk)
    second = ask(desk, VACUUM_TOO, sender=SUZUKI)
    desk.as_(BEN).post(f"/tickets/{first}/reopen")
    assert found(desk, BEN, second) == []


def test_a_ticket_resolved_without_a_word_is_no_case(desk: OpenDesk) -> None:
    first = ask(desk, VACUUM)
    desk.as_(BEN).post(f"/tickets/{first}/resolve")
    assert catch_up(desk) == 1 and kept(desk) == []


def test_an_answer_that_never_left_solved_nothing(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM))
    desk.write(lambda db: [setattr(m, "state", MessageState.FAILED) for m in db.exec(select(Message)) if m.author_id])
    catch_up(desk)
    assert first not in kept(desk)


def test_what_an_agent_may_not_see_is_not_offered(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM))  # in returns, which Aiko and Akira do not serve
    catch_up(desk)
    tech = desk.queue("tech_support").id
    ask(desk, VACUUM_TOO, sender=SUZUKI, to="support@desk.example.jp")
    second = desk.tickets()[-1].id
    desk.write(lambda db: setattr(db.get(Ticket, second), "queue_id", tech))
    for person in (AIKO, AKIRA):
        assert found(desk, person, second) == []
        assert desk.as_(person).get(f"/tickets/{second}?draft={first}").status_code == 404
    assert [case.ticket_id for case in found(desk, SATO, second)] == [first]
    akira = desk.agent(AKIRA)
    desk.write(lambda db: setattr(db.get(Ticket, first), "assignee_id", akira.id))
    assert [case.ticket_id for case in found(desk, AKIRA, second)] == [first]


def test_a_call_is_a_case_by_its_note_which_is_no_letter(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1")
    desk.as_(AIKO).post(f"/calls/{call.id}/accept")
    desk.twilio.says("CA-1", "in-progress")
    desk.twilio.says("CA-1", "completed", sequence=2)
    desk.as_(AIKO).post(f"/calls/{call.id}/wrap-up", data={
        "note": VACUUM + "端子のフィルムをはがすようご案内し、解決。", "disposition": "solved"})  # fmt: skip
    desk.as_(AIKO).post(f"/tickets/{call.ticket_id}/resolve")
    catch_up(desk)
    assert kept(desk) == [call.ticket_id]
    second = ask(desk, VACUUM_TOO, sender=SUZUKI)
    (case,) = found(desk, SATO, second)
    assert case.answer.kind == "call" and "フィルム" in case.answer.text
    page = desk.as_(SATO).get(f"/tickets/{second}/similar").text
    assert "Note of the call" in page or "通話のメモ" in page
    assert "data-use-answer" not in page
    assert desk.as_(SATO).get(f"/tickets/{second}?draft={call.ticket_id}").status_code == 404


def test_two_languages_are_not_mixed(desk: OpenDesk) -> None:
    solve(desk, ask(desk, "My cordless vacuum VC-9 does not charge, the light stays dark."), "Peel off the film.")
    catch_up(desk)
    assert len(kept(desk)) == 1
    assert found(desk, BEN, ask(desk, VACUUM_TOO, sender=SUZUKI)) == []
    (case,) = found(desk, BEN, ask(desk, "VC-9 vacuum is not charging, no light on the stand", sender=SUZUKI))
    assert "VC-9" in case.same


def test_the_past_is_kept_by_itself_and_reading_it_again_changes_nothing(desk: OpenDesk) -> None:
    for number in range(20):
        solve(desk, ask(desk, f"{VACUUM} {number}回目です。"))
    assert catch_up(desk) == 20 and len(kept(desk)) == 20
    before = counts(desk)
    assert catch_up(desk) == 0
    version = meanings.shipped().version
    desk.write(cases.begin_anew, version)
    assert catch_up(desk) == 20 and counts(desk) == before


def test_a_desk_that_opens_keeps_by_itself_what_was_solved_before(settings: Settings, clock: Clock) -> None:
    with open_desk(settings, clock) as desk:
        solve(desk, first := ask(desk, VACUUM))
        assert kept(desk) == []
    with open_desk(settings, clock, works=True) as desk:
        desk.app.state.desk.keepers.of_cases.submit(lambda: None).result()  # it does one thing after the other
        assert kept(desk) == [first]


def test_an_operator_has_all_of_it_kept_anew(
    desk: OpenDesk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve(desk, first := ask(desk, VACUUM))
    catch_up(desk)
    before = counts(desk)
    desk.write(
        lambda db: [db.delete(row) for table in (SolvedCase, CaseKey, KeyCount) for row in db.exec(select(table))]
    )
    monkeypatch.setenv("DESK_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("DESK_DATA", str(settings.data))
    again = CliRunner().invoke(app, ["cases", "rebuild", "--continue"])
    assert again.exit_code == 0 and "0 tickets read, 0 cases kept" in again.output
    whole = CliRunner().invoke(app, ["cases", "rebuild"])
    assert whole.exit_code == 0 and "1 tickets read, 1 cases kept" in whole.output, whole.output
    assert kept(desk) == [first] and counts(desk) == before


def test_an_interrupted_reading_goes_on_where_it_stopped(desk: OpenDesk) -> None:
    for number in range(20):
        solve(desk, ask(desk, f"{VACUUM} {number}回目です。"))
    turns = iter((True, False))
    assert cases.catch_up(desk.database, now=desk.clock, go_on=lambda: next(turns)) == cases.HANDFUL
    assert catch_up(desk) == 20 - cases.HANDFUL and len(kept(desk)) == 20


def test_of_two_who_read_the_same_handful_one_writes_it(desk: OpenDesk) -> None:
    solve(desk, ask(desk, VACUUM))
    made = meanings.shipped()
    batch = desk.read(cases.look, made.version)
    gists = [made.gist(told.inquiry.text) for told in batch.tickets]
    answers = [
        desk.database.write_now(cases.keep, batch, gists, version=made.version, now=desk.clock()) for _ in range(2)
    ]
    assert answers == [True, False] and len(kept(desk)) == 1
    assert max(counts(desk)[1].values()) == 1


def test_cases_of_another_map_are_not_compared_and_replaced_one_by_one(desk: OpenDesk) -> None:
    solve(desk, ask(desk, VACUUM))
    catch_up(desk)
    before = counts(desk)
    desk.write(lambda db: [setattr(case, "version", "older") for case in db.exec(select(SolvedCase))])
    second = ask(desk, VACUUM_TOO, sender=SUZUKI)
    assert found(desk, BEN, second) == []
    desk.write(lambda db: [db.delete(mark) for mark in db.exec(select(Bookmark))])
    catch_up(desk)
    assert counts(desk) == before and len(found(desk, BEN, second)) == 1


def test_only_the_customers_own_words_are_read(desk: OpenDesk) -> None:
    desk.mail(TANAKA, body="自動応答です。", to=RETURNS_ADDRESS, headers={"Auto-Submitted": "auto-replied"})
    ask(desk, RECEIPT)
    ticket_id = desk.tickets()[-1].id
    inquiry = desk.read(cases.inquiry_of, ticket_id)
    assert inquiry.text.strip() == RECEIPT and inquiry.subject == "ご相談"


def test_nothing_said_is_like_nothing(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1")
    ticket_id = desk.call("CA-1").ticket_id
    assert desk.read(cases.inquiry_of, ticket_id) is None and found(desk, SATO, ticket_id) == []


def test_the_offered_answer_names_the_new_customer_and_agent(desk: OpenDesk) -> None:
    solve(desk, first := ask(desk, VACUUM), ANSWER.replace("山田", "Ben Carter"))
    catch_up(desk)
    second = ask(desk, VACUUM_TOO, sender=SUZUKI)

    def verb(db):
        sato = db.exec(select(Agent).where(Agent.email == SATO.email)).one()
        return similar.draft(db, sato, db.get(Ticket, second), first)

    made = desk.read(verb)
    assert made.text.startswith("鈴木 様") and "佐藤 健でございます" in made.text and made.blanks == 0
    assert "田中" not in made.text and "Carter" not in made.text and "フィルム" in made.text


TAN, SUZ = Names("田中 美咲", ("田中", "美咲"), ("たなか", "みさき"), "田中商店"), Names("鈴木 一郎", ("鈴木", "一郎"))
REDRAFTS = {
    "田中 美咲 様": "鈴木 一郎 様",
    "田中様、こんにちは": "鈴木様、こんにちは",
    "田中美咲様": "鈴木 一郎様",
    "田中さん、田中町の店舗へ": "鈴木さん、田中町の店舗へ",
    "田中商店 御中": "＿＿＿ 御中",
    "田中商店\n田中 美咲 様": "鈴木 一郎 様",
    "ご注文HY261113-1371の品を11月14日（土）に": "ご注文＿＿＿の品を＿＿＿に",
    "090-1234-5678 か tanaka@example.com へ": "＿＿＿ か ＿＿＿ へ",
    "VC-9のランプを3秒、10日ほど、32,800円": "VC-9のランプを3秒、10日ほど、32,800円",
    "明日19時に": "明日19時に",
}


@pytest.mark.parametrize("text", REDRAFTS)
def test_a_letter_for_somebody_else_keeps_what_solved_it_and_blanks_what_was_the_others(text: str) -> None:
    made = redraft(text, [(TAN, SUZ)])
    assert made.text == REDRAFTS[text] and made.blanks == made.text.count("＿＿＿")


def test_an_english_letter_changes_whole_names_only() -> None:
    text = "Hello Ann Brown,\n\nAnnually, order 84512 of 14 November. Ann, call 020 7946 0018.\n\nBen"
    made = redraft(text, [(Names("Ann Brown", ("Brown", "Ann")), Names("Sue Hill", ("Hill", "Sue")))])
    assert made.text == "Hello Sue Hill,\n\nAnnually, order ____ of ____. Sue, call ____.\n\nBen" and made.blanks == 3


def test_a_japanese_letter_of_a_western_agent_is_signed_by_a_japanese_one_and_the_other_way_round() -> None:
    ben = Names("Ben Carter", ("Carter", "Ben"), ("カーター", "ベン"))
    sato = Names("佐藤 健", ("佐藤", "健"), ("さとう", "けん"))
    assert redraft("ひより電器のカーターでございます。", [(ben, sato)]).text == "ひより電器の佐藤でございます。"
    assert redraft("ひより電器の佐藤でございます。", [(sato, ben)]).text == "ひより電器のカーターでございます。"
    assert redraft("Kind regards,\nBen Carter", [(ben, sato)]).text == "Kind regards,\n佐藤 健"


def test_where_the_new_name_is_not_known_there_is_a_blank() -> None:
    assert redraft("田中様", [(TAN, Names())]) == similar.Draft("＿＿＿様", 1)
    assert redraft("様", [(Names(), SUZ)]) == similar.Draft("様", 0)
