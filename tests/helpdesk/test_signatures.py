"""What stands below a mail: whose name, and what is left out where nobody in person writes."""

import pytest

from helpdesk import signatures
from models import Queue

BOTH = {"signature": "返品窓口\n担当: {agent}\n電話 03-5550-0102", "signature_en": "{agent}\nReturns"}


@pytest.mark.parametrize(
    ("language", "agent", "below"),
    [
        ("ja", "田中", "返品窓口\n担当: 田中\n電話 03-5550-0102"),
        ("en", "Ben Carter", "Ben Carter\nReturns"),
        ("ja", "", "返品窓口\n電話 03-5550-0102"),
        ("en", "", "Returns"),
    ],
)
def test_lines_that_name_the_agent_are_left_out_where_the_desk_itself_writes(
    language: str, agent: str, below: str
) -> None:
    queue = Queue(slug="returns", name="返品", name_en="Returns", **BOTH)
    assert signatures.below(queue, language, agent=agent) == below
