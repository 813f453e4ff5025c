"""The sample company: two months of work that the desk itself has done."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from classifiers import cases as meanings
from classifiers import registry
from helpdesk import access, agents, canned, cases, comments, hours, impressions, letters, similar, survey_sendings
from helpdesk.customers import contact_points, matching
from helpdesk.mail import receive
from helpdesk.mail.parse import subject_stem
from helpdesk.products import following, rising
from helpdesk.sample import company as people
from helpdesk.sample import loading
from helpdesk.settings import Settings
from models import (
    Agent,
    Answer,
    Attachment,
    Calendar,
    Call,
    Channel,
    Event,
    Impression,
    Inbound,
    InboundState,
    Message,
    MessageState,
    Note,
    Parked,
    Promise,
    PromiseKind,
    Purchase,
    Queue,
    Review,
    Routing,
    SendingState,
    SettingChange,
    SurveySending,
    Ticket,
    TicketState,
)
from models.database import Database
from models.migrations import upgrade

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  # eleven in the morning in Tokyo
THURSDAY = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)  # three in the afternoon in Tokyo
HOLIDAY = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)  # Monday 23 November, eight in the morning in Tokyo
JUST_AFTER_MIDNIGHT = datetime(2026, 12, 31, 15, 1, tzinfo=UTC)  # New Year's Day, one past midnight in Tokyo


def filled(folder: Path, now: datetime) -> Database:
    database = Database(f"sqlite:///{folder / 'desk.db'}")
    upgrade(database)
    database.write_now(loading.load, now=now, settings=of(folder))
    return database


def of(folder: Path) -> Settings:
    return Settings(data=folder, mail_from="support@desk.example.jp")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = filled(tmp_path_factory.mktemp("company"), NOW)
    yield database
    database.close()


@pytest.fixture
def db(company: Database) -> Iterator[Session]:
    with Session(company.reading_engine) as session:
        yield session


def test_loading_again_changes_nothing(company: Database, db: Session, tmp_path: Path) -> None:
    def counts() -> list[int | None]:
        return [db.scalar(select(func.count()).select_from(table)) for table in (Ticket, Message, Event, Purchase)]

    before = counts()
    company.write_now(loading.load, now=NOW, settings=of(tmp_path))
    db.rollback()
    assert counts() == before


def test_everybody_on_the_sign_in_page_can_sign_in(db: Session) -> None:
    for account in people.ACCOUNTS:
        agent = agents.by_email(db, account.email)
        assert agent is not None and (agent.name, agent.role) == (account.name, account.role)
        assert len(account.password) >= 10 and agents.is_password(agent, account.password)


def test_agents_who_are_ready_serve_every_line_a_caller_can_be_made_to_dial(db: Session) -> None:
    for caller in people.CALLERS.values():
        queue = db.exec(select(Queue).where(Queue.phone == caller.called)).one()
        assert agents.ready_for(db, queue.id or 0), caller.key


@pytest.fixture(
    scope="module", params=[THURSDAY, HOLIDAY, JUST_AFTER_MIDNIGHT], ids=["thursday", "holiday", "midnight"]
)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Session, datetime]]:
    """The desk as a visitor finds it who comes at that time."""
    database = filled(tmp_path_factory.mktemp("opened"), request.param)
    with Session(database.reading_engine) as db:
        yield db, request.param
    database.close()


def test_nothing_lies_in_the_future_and_history_is_in_the_order_of_time(opened: tuple[Session, datetime]) -> None:
    db, now = opened
    times = db.exec(select(Event.at).order_by(col(Event.id))).all()
    latest = [db.exec(select(func.max(column))).one() for column in (Ticket.last_contact_at, Message.created_at)]
    open_count = db.scalar(select(func.count()).select_from(Ticket).where(Ticket.state == TicketState.OPEN))
    assert list(times) == sorted(times)
    assert max(times) <= now
    assert all(moment <= now for moment in latest)
    assert 20 <= (open_count or 0) <= 35


def test_a_few_tickets_are_late_whichever_day_it_is(opened: tuple[Session, datetime]) -> None:
    db, now = opened
    waiting = db.exec(
        select(Promise).join(Ticket).where(Ticket.state == TicketState.OPEN, col(Promise.kept_at).is_(None))
    ).all()
    late = {each.ticket_id for each in waiting if each.due_at and each.due_at < now}
    at_risk = {each.ticket_id for each in waiting if each.at_risk_at and each.at_risk_at <= now} - late
    assert 2 <= len(late) <= 5 and len(late | at_risk) <= 8


def test_people_answer_while_the_office_is_open_and_customers_write_less_on_weekends(db: Session) -> None:
    office = db.exec(select(Calendar)).one()
    mails = db.exec(select(Message.direction, Message.author_id, Message.created_at)).all()
    answers = [at for _, author_id, at in mails if author_id is not None]
    assert len(answers) > 80 and all(hours.is_open(office, at) for at in answers)
    assert all(hours.is_open(office, at) for at in db.exec(select(Note.created_at)))
    received = [at for direction, _, at in mails if direction == "in"]
    off = [at for at in received if hours.is_day_off(office, at)]
    assert 0 < len(off) < len(received) / 7, "two days of seven, and a seventh of the mail or less"


def test_nobody_writes_about_an_order_before_it_is_made(opened: tuple[Session, datetime]) -> None:
    db, _ = opened
    for text, at in db.exec(select(Message.text, Message.created_at)):
        day = f"{at.astimezone(ZoneInfo('Asia/Tokyo')):%y%m%d}"
        assert all(ordered <= day for ordered in re.findall(r"HY(\d{6})-", text)), (text, at)


def test_no_mail_is_put_on_its_way(db: Session) -> None:
    assert set(db.exec(select(Message.state)).all()) == {MessageState.RECEIVED, MessageState.SENT}
    assert not db.exec(select(Event.id).where(Event.fact == "message_queued")).all()


def test_what_agents_answered_kept_its_promise_when_they_answered(db: Session) -> None:
    answers = select(Message).where(Message.direction == "out", Message.kind == "reply").order_by(col(Message.id))
    first: dict[int, Message] = {}
    for answer in db.exec(answers):
        first.setdefault(answer.ticket_id, answer)
    promised = db.exec(
        select(Promise).where(Promise.kind == PromiseKind.FIRST_RESPONSE, col(Promise.ticket_id).in_(list(first)))
    ).all()
    by_mail = [each for each in promised if each.answer_id is not None]
    assert len(by_mail) > 50
    assert all(each.kept_at is not None for each in promised)
    assert {each.ticket_id: (each.answer_id, each.kept_at) for each in by_mail} == {
        each.ticket_id: (first[each.ticket_id].id, first[each.ticket_id].created_at) for each in by_mail
    }


def test_every_queue_has_open_work_and_triage_holds_what_nobody_was_sure_about(db: Session) -> None:
    found = db.exec(select(Queue.slug, Ticket.routed_by).join(Ticket).where(Ticket.state == TicketState.OPEN)).all()
    assert {slug for slug, _ in found} == {*people.LINES, "triage"}
    assert {reason for slug, reason in found if slug == "triage"} == {"nobody_sure"}


def test_decisions_about_mail_carry_the_words_that_decided(db: Session) -> None:
    guesses = db.exec(select(Routing).where(col(Routing.reason).in_(("by_classifier", "nobody_sure")))).all()
    assert len(guesses) > 40
    explained = [row for row in guesses if row.because]
    assert len(explained) > 0.9 * len(guesses)
    assert {row.version for row in guesses} == {registry.shipped().version}
    row = next(row for row in explained if row.message_id and row.because[0]["start"] >= 0)
    message = db.get(Message, row.message_id)
    assert message is not None
    assert message.reply_text[row.because[0]["start"] : row.because[0]["end"]] == row.because[0]["words"]


def test_agents_corrections_name_the_mail_they_correct(db: Session) -> None:
    corrections = db.exec(select(Routing, Ticket).join(Ticket).where(Routing.reason == "by_agent")).all()
    assert len(corrections) >= 5  # the better the classifier, the fewer
    assert {ticket.language for _, ticket in corrections} == {"ja", "en"}
    assert all(row.by_id and row.message_id for row, _ in corrections)


def test_every_placeholder_was_filled_in(db: Session) -> None:
    said = [*db.exec(select(Message.text)).all(), *db.exec(select(Call.note)).all()]
    assert not [text for text in said if "{" in text or "}" in text]
    order = db.exec(select(Purchase.order_number).where(col(Purchase.product).contains("RC-55（"))).first()
    assert order is not None
    about = db.exec(select(Ticket).where(col(Ticket.subject).contains("E07"))).one()
    first = db.exec(select(Message).where(Message.ticket_id == about.id).order_by(col(Message.id))).first()
    assert first is not None
    assert order in first.text


def test_answers_of_customers_join_their_tickets_and_show_only_what_is_new(db: Session) -> None:
    answers = db.exec(select(Message).where(Message.direction == "in", Message.in_reply_to != "")).all()
    assert len(answers) > 30
    for message in answers:
        sent = db.exec(select(Message).where(Message.internet_id == message.in_reply_to)).one()
        assert message.ticket_id == sent.ticket_id
        assert message.quoted_text and "> " not in message.reply_text


def test_one_broken_mail_waits_for_the_supervisor(db: Session) -> None:
    parked = db.exec(select(Parked)).one()
    assert (parked.error, parked.settled_at) == ("no_sender", None)
    kept = db.get(Inbound, parked.inbound_id)
    assert kept is not None and kept.state == InboundState.PARKED


def test_attachments_of_the_past_can_be_opened(db: Session) -> None:
    names = db.exec(select(Attachment.name)).all()
    assert "割れたふた.png" in names


@pytest.mark.parametrize(
    ("key", "reason", "candidates"),
    [
        ("tanaka", "profile", ["田中 美咲"]),
        ("english", "profile", ["Emma Wilson"]),
        ("family", "several", ["伊藤 健一", "伊藤 由美子"]),
        ("company", "several", ["大西 里奈", "木村 拓也", "長谷川 誠"]),
        ("unknown", "nobody", []),
    ],
)
def test_callers_are_who_their_buttons_say(db: Session, key: str, reason: str, candidates: list[str]) -> None:
    from models import Customer

    match = matching.by_phone(db, people.CALLERS[key].number)
    names = [customer.name for one in match.candidates if (customer := db.get(Customer, one))]
    assert (match.reason, sorted(names)) == (reason, sorted(candidates))


def test_the_withheld_caller_is_withheld() -> None:
    assert contact_points.read_number(people.CALLERS["withheld"].number).kind == "withheld"


@pytest.mark.parametrize("key", sorted(letters.shipped()))
def test_a_letter_is_another_mail_each_time_it_is_built(key: str) -> None:
    letter = letters.shipped()[key]
    ids = {
        line
        for _ in range(3)
        for line in letter.build(to="tech@desk.example.jp", now=NOW).splitlines()
        if line.startswith(b"Message-ID:")
    }
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("key", "label", "is_sure"),
    [
        ("tech_ja", "tech_support", True),
        ("returns_ja", "returns", True),
        ("billing_ja", "billing", True),
        ("html", "shipping", True),
        ("vague", "", False),
    ],
)
def test_letters_go_where_their_buttons_say(key: str, label: str, is_sure: bool, tmp_path: Path) -> None:
    raw = letters.shipped()[key].build(to="support@desk.example.jp", now=NOW)
    guess = receive.understand(raw, router=registry.shipped(), folder=tmp_path).prediction
    assert guess is not None
    assert guess.abstained is not is_sure
    assert not is_sure or guess.label == label


def test_letters_show_what_a_mail_reader_must_withstand(tmp_path: Path, db: Session) -> None:
    read = {
        key: receive.understand(letter.build(to="tech@desk.example.jp", now=NOW), router=None, folder=tmp_path)
        for key, letter in letters.shipped().items()
    }
    raw = letters.shipped()["tech_ja"].build(to="tech@desk.example.jp", now=NOW)
    assert b"=?iso-2022-jp?" in raw.lower() and b"\x1b$B" in raw
    assert read["tech_ja"].email.subject == "掃除機のアプリにログインできません"
    assert "090-1234-5614" in read["tech_ja"].email.signature
    assert [file.name for file in read["returns_ja"].files] == ["割れたカップ.png", "納品書.pdf"]
    assert "script" not in read["html"].email.html and "blue door" in read["html"].email.html
    assert read["unreadable"].email.unreadable == "no_sender"
    shared = read["shared"].email.sender
    assert shared is not None
    assert matching.by_address(db, contact_points.email_key(shared.address)).reason == "several"


def test_what_its_customers_wrote_was_guessed_at_as_any_mail_is(db: Session) -> None:
    guessed = {each.message_id: each for each in db.exec(select(Impression)) if each.message_id}
    own = db.exec(select(Message).where(Message.direction == "in", sa.not_(col(Message.is_automatic)))).all()
    assert set(guessed) == {message.id for message in own if not message.is_from_stranger}
    first = {message.ticket_id: message for message in reversed(own)}
    for message in first.values():  # a later one is read without its subject
        guess = impressions.of(message.reply_text, subject=subject_stem(message.subject), asked=impressions.OF_MESSAGES)
        kept = guessed[message.id]
        assert guess is not None and guess.urgency is not None and guess.sentiment is not None
        assert (kept.is_urgent, kept.sentiment) == (guess.urgency.urgent, guess.sentiment.label)
    assert {each.sentiment for each in guessed.values()} == {"positive", "neutral", "negative"}
    assert db.scalar(select(func.count()).where(Ticket.is_urgent, Ticket.state == TicketState.OPEN))


def test_the_history_of_settings_holds_what_was_set_otherwise_since_and_what_was_taken_back(db: Session) -> None:
    kept = db.exec(select(SettingChange).order_by(col(SettingChange.id))).all()
    assert [change.kind for change in kept] == ["agent", "queue", "queue", "queue", "queue"]
    assert all(len(change.rows) == 1 and change.by_id for change in kept), "and nothing of how the desk was set up"
    assert kept[3].takes_back_id == kept[2].id
    billing = db.exec(select(Queue).where(Queue.slug == "billing")).one()
    assert billing.wrap_up_seconds == kept[2].rows[0]["was"]["wrap_up_seconds"]


def test_reviews_differ_as_people_do(db: Session) -> None:
    scores = [tuple(sorted(each.points.items())) for each in db.exec(select(Review))]
    assert len(scores) > 20 and len(set(scores)) > len(scores) // 2


def test_a_review_praises_what_got_full_points_and_names_what_got_few(db: Session) -> None:
    for review in db.exec(select(Review)):
        given = [points for points in review.points.values() if points is not None]
        assert review.comment, review.points
        if min(given) > 2:
            assert comments.felt(review.comment)[0] != "negative", (review.points, review.comment)
        said = {row["criterion"]: row["kind"] for row in letters.table("remarks.csv")
                for words in (row["ja"], row["en"]) if words in review.comment}  # fmt: skip
        for criterion, kind in said.items():
            assert (review.points[criterion] or 0) >= 4 if kind == "good" else (review.points[criterion] or 0) <= 2


def test_what_customers_say_fits_what_they_choose() -> None:
    """As far as the desk's own reading tells, which is wrong of one comment in five."""
    odd = []
    for file, glad, angry in (("answers.csv", 5, 2), ("elsewhere.csv", 5, 2), ("recommend.csv", 9, 6)):
        for row in letters.table(file):
            felt = comments.felt(row["comment"])[0] if row["comment"] else ""
            score = int(row["score"])
            assert score < glad or felt != "negative", row
            if score <= angry and felt == "positive":
                odd.append(row["comment"])
    assert len(odd) <= 3, odd


def test_what_customers_say_can_have_been_said_of_their_ticket(db: Session) -> None:
    told = {row["comment"]: row for row in letters.table("answers.csv") if row["comment"]}
    given = db.exec(select(Answer, Ticket).join(Ticket, col(Ticket.id) == Answer.ticket_id).where(Answer.comment != ""))
    of_tickets = [(told[answer.comment], ticket) for answer, ticket in given if answer.comment in told]
    assert len(of_tickets) > 25
    for row, ticket in of_tickets:
        assert row["way"] in ("", "call" if ticket.channel == Channel.PHONE else "mail"), row
        assert (
            not row["by"]
            or ticket.assignee_id == db.exec(select(Agent.id).where(col(Agent.email).startswith(row["by"]))).one()
        ), row


def test_a_survey_was_sent_to_a_segment_and_another_waits_for_a_word(db: Session) -> None:
    sent, counted = db.exec(select(SurveySending).order_by(col(SurveySending.id))).all()
    assert (sent.state, counted.state) == (SendingState.DONE, SendingState.COUNTED)
    told = survey_sendings.told(db, sent)
    assert told.asked == sent.found - sum(told.left_out.values()) and 20 <= told.answered < told.asked
    assert set(told.left_out) >= {"asked_lately"} and not told.in_line
    assert counted.asked and len(counted.sample) > 3


def test_agents_are_at_work(db: Session) -> None:
    states = {
        agent.email.partition("@")[0]: state.state.value
        for agent in db.exec(select(Agent))
        if (state := agents.state_of(db, agent.id or 0))
    }
    assert states["aiko"] == states["ben"] == "ready"
    assert "away" in states.values()


def test_six_canned_replies_are_at_hand_in_both_languages_and_one_of_them_is_stale(db: Session) -> None:
    rows = canned.everyone(db, language="ja", now=NOW)
    assert len(rows) == 6 and [row.reply.trigger for row in rows if row.is_stale] == ["nenmatsu"]
    assert all(row.reply.text and row.reply.text_en and row.reply.trigger for row in rows)
    ticket = db.exec(select(Ticket).where(Ticket.subject.contains("E07"))).first()  # type: ignore[attr-defined]
    aiko = agents.by_email(db, "aiko@desk.example.jp")
    assert ticket is not None and aiko is not None
    offered = canned.offers(db, aiko, ticket, language="ja", settings=of(Path()), now=NOW)
    assert [offer.trigger for offer in offered] == ["dengen", "orikaeshi", "nenmatsu"]


@pytest.mark.parametrize(
    ("key", "like"),
    [("returns_en", "Kettle for the wrong voltage: can I return it?"), ("html", "Pickup tomorrow: which entrance")],
)
def test_what_an_english_letter_asks_was_solved_for_somebody_before(
    key: str, like: str, company: Database, db: Session
) -> None:
    cases.catch_up(company, now=lambda: NOW)
    letter = letters.shipped()[key]
    made, ben = meanings.shipped(), agents.by_email(db, "ben@desk.example.jp")
    assert ben is not None
    gist = made.gist(letter.text, subject=letter.subject)
    near = similar.nearest(db, made, gist, but=0, seen=access.seen_tickets(db, ben))
    assert [db.get_one(Ticket, case.ticket_id).subject for _, case in near] == [like]
    assert near[0][1].answer_id


def test_the_faulty_lot_that_nobody_told_of_is_found(company: Database, db: Session) -> None:
    following.follow(company)
    while following.look_back(company, now=NOW, most=20):
        pass
    company.write_now(rising.watch, now=NOW)
    assert {(each.what, each.lot) for each in rising.shown(db, language="en")} == {
        ("returns", "EB1-2610C"), ("inquiries", "EB1-2610C")}  # fmt: skip
