"""A short form of `python -m tests.endurance`: killed at random moments, the desk can account for every mail."""

from pathlib import Path

import pytest

from tests import endurance

pytestmark = pytest.mark.slow


def test_a_desk_that_is_killed_at_random_loses_no_mail_and_doubles_none_and_its_ledger_agrees(tmp_path: Path) -> None:
    report = endurance.run(tmp_path, mails=300, kills=3, seed=20261116)
    assert report.is_good, str(report)
    assert report.repeats >= 1
