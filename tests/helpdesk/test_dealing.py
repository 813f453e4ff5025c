"""No ticket waits while an agent who may take it is free; the long form is `python -m tests.dealing`."""

import pytest

from helpdesk import assigning
from tests.dealing import Desk
from tests.imagined import Pooled, beyond_all_hands, least
from tests.workforce import play, scenario


def test_nobody_waits_for_whom_somebody_is_free_whatever_breaks(database_url: str) -> None:
    plan = scenario(arrivals=80, people=12, queue_count=4, load=1.0)
    desk = Desk(database_url, plan, breaks=0.05, losses=0.01)
    try:
        office = play(plan, desk)
        assert office.wrongs == []
        assert desk.differences(office) == []
    finally:
        desk.database.close()
    assert office.checks > 20 and desk.broken and desk.lost  # or nothing was tried
    wish = Pooled(plan)
    pooled = play(wish.plan, wish)
    assert pooled.wrongs == []
    assert sum(office.waits.values()) >= least(plan)
    assert sum(pooled.waits.values()) >= beyond_all_hands(plan)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_account_sees_a_dealer_who_forgets(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigning, "STIRS", assigning.STIRS - {"agent_state_changed"})
    plan = scenario(arrivals=40, people=12, queue_count=4, load=1.0)
    desk = Desk(database_url, plan)
    try:
        assert any("are free" in wrong for wrong in play(plan, desk).wrongs)
    finally:
        desk.database.close()
