"""What programs for analysis may read: views that hold no secret and no words, and a role that reads nothing else."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from helpdesk.errors import Invalid
from helpdesk.reporting import grants
from tests.cast import BEN, RETURNS_ADDRESS, TANAKA, OpenDesk

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
    [(opened, answered)] = read(desk, "SELECT created_at, first_answered_at FROM report_ticket")
    assert str(answered) > str(opened)
    plain = "".join(str(read(desk, f"SELECT * FROM {view}")) for view in grants.VIEWS)
    agent = desk.agent(BEN)
    for secret in ("壊れて", "返品したい", "承りました", TANAKA.email, TANAKA.phone, agent.password_hash, agent.email):
        assert secret not in plain
    assert "壊れて" in str(read(desk, "SELECT * FROM report_text"))


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
