"""The view of tickets says of first answers what the report of service does: a call that was answered is one, too.

It is looked up where the report counts it from, in the ticket's first stretch, so the two cannot differ.
"""

from alembic import op

from models.migrations.in_place import is_postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_TICKET = """
    SELECT t.id, t.channel, t.state, t.priority, t.language, t.is_urgent, t.sentiment, t.routed_by, t.confidence,
           t.queue_id, q.name AS queue_name, t.assignee_id, a.name AS assignee_name, t.customer_id,
           t.merged_into_id, t.created_at, t.last_contact_at, t.resolved_at, t.due_at,
           {first_answered_at} AS first_answered_at
    FROM ticket t JOIN queue q ON q.id = t.queue_id LEFT JOIN agent a ON a.id = t.assignee_id"""
_COUNTED = "(SELECT s.answered_at FROM stretch s WHERE s.ticket_id = t.id AND s.number = 1)"
_WRITTEN = """(SELECT min(m.sent_at) FROM message m WHERE m.ticket_id = t.id AND m.direction = 'out'
            AND NOT m.is_automatic)"""


def upgrade() -> None:
    _tell(_COUNTED)


def downgrade() -> None:
    _tell(_WRITTEN)


def _tell(first_answered_at: str) -> None:
    query = _TICKET.format(first_answered_at=first_answered_at)
    if is_postgresql():  # in its place, or what a role was granted would be gone
        op.execute(f"CREATE OR REPLACE VIEW report_ticket AS {query}")
        return
    op.execute("DROP VIEW report_ticket")
    op.execute(f"CREATE VIEW report_ticket AS {query}")
