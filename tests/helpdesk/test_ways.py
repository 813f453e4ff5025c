"""What an agent is told by which way, and when they are left in peace."""

from datetime import UTC, datetime

import pytest

from helpdesk import ways
from helpdesk.errors import Invalid
from models import Agent, NotificationKind

TOKYO = "Asia/Tokyo"


def agent(**telling: object) -> Agent:
    return Agent(name="x", email="x@example.com", created_at=datetime(2026, 1, 1, tzinfo=UTC), telling=telling)


def test_what_is_usual_is_not_kept_and_what_was_chosen_is() -> None:
    one = agent()
    usual = {kind: ways.of(one, kind) for kind in ways.KINDS}
    ways.choose(one, usual, names=False)
    assert one.telling == {}
    ways.choose(one, usual | {NotificationKind.ANSWERED: ["push", "carrier pigeon"], ways.CALL: ["page"]}, names=True)
    assert ways.of(one, NotificationKind.ANSWERED) == {"push"}
    assert ways.of(one, ways.CALL) == frozenset()  # its card is always on the page, and there is no switch for it
    assert ways.of(one, NotificationKind.MENTIONED) == usual[NotificationKind.MENTIONED]
    assert ways.says_names(one)


@pytest.mark.parametrize(
    ("begins", "ends", "at", "until"),
    [
        ("20:00", "08:00", "2026-11-16 22:30", "2026-11-17 08:00"),
        ("20:00", "08:00", "2026-11-17 07:59", "2026-11-17 08:00"),
        ("20:00", "08:00", "2026-11-17 08:00", None),
        ("20:00", "08:00", "2026-11-16 20:00", "2026-11-17 08:00"),
        ("12:00", "13:00", "2026-11-16 12:30", "2026-11-16 13:00"),
        ("12:00", "13:00", "2026-11-16 11:59", None),
        ("", "", "2026-11-16 03:00", None),
        ("09:00", "09:00", "2026-11-16 09:00", None),
    ],
)
def test_quiet_hours_end_when_they_say(begins: str, ends: str, at: str, until: str | None) -> None:
    here = datetime.fromisoformat(f"{at}+09:00")
    found = ways.quiet_until(agent(quiet_from=begins, quiet_until=ends), timezone=TOKYO, now=here.astimezone(UTC))
    assert found == (datetime.fromisoformat(f"{until}+09:00") if until else None)


@pytest.mark.parametrize(("begins", "ends", "field"), [("20:00", "", "quiet_until"), ("8", "20:00", "quiet_from")])
def test_quiet_hours_have_a_beginning_and_an_end(begins: str, ends: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        ways.choose(agent(), {}, names=False, quiet_from=begins, quiet_until=ends)
    assert refused.value.facts["field"] == field
