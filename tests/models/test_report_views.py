"""What programs for analysis may read: views that hold no secret and no words, and a role that reads nothing else."""

import csv
import re
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel.sql.sqltypes import UTCDateTime

from helpdesk.errors import Invalid
from helpdesk.reporting import grants
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, STRANGER, SUZUKI, TANAKA, TECH_NUMBER, OpenDesk

DOCUMENT = Path(__file__).parents[2] / "docs" / "reports.md"


def read(desk: OpenDesk, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in desk.read(lambda db: db.execute(sa.text(statement)).all())]


def test_the_views_tell_what_happened_and_nobodys_words(desk: OpenDesk, postbox) -> None:
    desk.mail(TANAKA, subject="返品したい", body="届いた品が壊れていました。", to=RETURNS_ADDRESS)
    desk.clock.advance(minutes=5)
    desk.post(desk.reply(BEN, 1, "承りました。"))
    assert read(desk, "SELECT state, queue_name, assignee_name FROM report_ticket") == [
        ("open", "返品・交換", BEN.name)
    ]
    assert read(desk, "SELECT direction, author_name, characters FROM report_message ORDER BY id")[1] == (
        "out",
        BEN.name,
        6,
    )
    plain = "".join(str(read(desk, f"SELECT * FROM {view}")) for view in grants.VIEWS)
    agent = desk.agent(BEN)
    for secret in ("壊れて", "返品したい", "承りました", TANAKA.email, TANAKA.phone, agent.password_hash, agent.email):
        assert secret not in plain
    assert "壊れて" in str(read(desk, "SELECT * FROM report_text"))


def test_first_answers_are_those_of_the_report_by_mail_and_by_telephone(desk: OpenDesk, postbox) -> None:
    """Ms. Tanaka is answered in writing, Mr. Suzuki on the telephone, the stranger not at all, and whom Ben wrote to
    had asked nothing."""
    desk.mail(TANAKA, to=RETURNS_ADDRESS)
    desk.mail(STRANGER, to=RETURNS_ADDRESS)
    desk.clock.advance(minutes=5)
    desk.post(desk.reply(BEN, 1, "承りました。"))
    desk.clock.advance(minutes=5)
    desk.twilio.rings("CA-1", caller=SUZUKI.phone, to=TECH_NUMBER)
    desk.twilio.says("CA-1-leg", "in-progress", sequence=2, parent="CA-1", caller=TECH_NUMBER, to=AIKO.phone)
    desk.clock.advance(minutes=5)
    desk.twilio.says("CA-1", "completed", sequence=3, caller=SUZUKI.phone, to=TECH_NUMBER)
    form = {
        "to": TANAKA.email,
        "subject": "お知らせ",
        "body": "発送しました。",
        "queue_id": str(desk.queue("returns").id),
    }
    assert desk.as_(BEN).post("/tickets/new", data=form).status_code == 200 and len(desk.tickets()) == 4
    desk.as_(SATO).get("/reports/service?period=today")
    asked = "period=today&what=answered"
    told = desk.as_(SATO).get(f"/reports/service/rows.csv?{asked}").content.decode("utf-8-sig")
    [head, *rows] = csv.reader(told.splitlines())
    place = head.index("初回返信日時")
    in_report = {(int(row[0]), datetime.fromisoformat(row[place])) for row in rows}
    in_view = {
        (ticket_id, at) for ticket_id, at in desk.read(lambda db: db.execute(
            sa.text("SELECT id, first_answered_at FROM report_ticket WHERE first_answered_at IS NOT NULL")
            .columns(id=sa.Integer, first_answered_at=UTCDateTime())).all())
    }  # fmt: skip
    assert in_view == in_report
    channels = read(desk, "SELECT channel FROM report_ticket WHERE first_answered_at IS NOT NULL ORDER BY channel")
    assert channels == [("mail",), ("phone",)]


def test_every_column_of_every_view_is_documented(desk: OpenDesk) -> None:
    text = DOCUMENT.read_text("utf-8")
    views = desk.read(lambda db: sa.inspect(db.connection()).get_view_names())
    assert {view for view in views if view.startswith("report_")} == {*grants.VIEWS, *grants.WITH_WORDS}
    for view in (*grants.VIEWS, *grants.WITH_WORDS):
        columns = desk.read(
            lambda db, view=view: [each["name"] for each in sa.inspect(db.connection()).get_columns(view)]
        )
        assert f"`{view}`" in text and all(f"`{column}`" in text for column in columns), view


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_the_role_of_the_script_reads_the_views_and_nothing_else(desk: OpenDesk) -> None:
    role = f"bi_{re.sub('[^a-z0-9]', '', str(desk.database.url.database))[-20:]}"
    asked = desk.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with asked.connect() as owner:
        try:
            for _ in range(2):  # twice is as good as once
                owner.exec_driver_sql(grants.script(role))
            for view in grants.VIEWS:
                owner.exec_driver_sql(f"SET ROLE {role}")
                owner.exec_driver_sql(f"SELECT * FROM {view}")
                owner.exec_driver_sql("RESET ROLE")
            for hidden in ("message", "agent", "report_text", "login"):
                owner.exec_driver_sql(f"SET ROLE {role}")
                with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                    owner.exec_driver_sql(f"SELECT * FROM {hidden}")
                owner.exec_driver_sql("RESET ROLE")
        finally:
            owner.exec_driver_sql("RESET ROLE")
            owner.exec_driver_sql(f"DROP OWNED BY {role}")
            owner.exec_driver_sql(f"DROP ROLE {role}")


def test_words_are_granted_only_when_asked_for_and_no_name_becomes_sql() -> None:
    assert "report_text" not in grants.script("bi") and "report_text" in grants.script("bi", with_words=True)
    for wrong in ("bi; DROP TABLE agent", "Bi", "", "a" * 64):
        with pytest.raises(Invalid):
            grants.script(wrong)
