"""What gives a program for analysis the right to read the desk's views on PostgreSQL, and nothing else.

The views are made by migrations 0021 and 0028 and described in docs/reports.md.
"""

import re
from typing import Final

from helpdesk.errors import Invalid

VIEWS: Final = ("report_agent", "report_queue", "report_ticket", "report_message", "report_call", "report_answer")
WITH_WORDS: Final = ("report_text", "report_comment")
"""They hold what people wrote, so they are granted only when asked for."""
SECONDS: Final = 60


def script(role: str, *, with_words: bool = False) -> str:
    """SQL for the owner of the database to run; the role may be there already. Raises `Invalid("not_a_role")`."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", role):
        raise Invalid("not_a_role")
    views = ", ".join(VIEWS + WITH_WORDS if with_words else VIEWS)
    return f"""\
-- Give {role} a password with \\password {role}
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} LOGIN; END IF;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT ON {views} TO {role};
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET statement_timeout = '{SECONDS}s';
"""
