"""`python -m models.migrations "Say what changes"`: write the next version after the tables were changed."""

import re
import sys
import tempfile
from pathlib import Path

from models.database import Database
from models.migrations import upgrade, write

REPLACED = (
    (r"sqlmodel\.sql\.sqltypes\.AutoString\(\)", "sa.String()"),
    (r"sqlmodel\.sql\.sqltypes\.UTCDateTime\(\)", "sa.DateTime(timezone=True)"),
    (r"astext_type=Text\(\)", "astext_type=sa.Text()"),
    (r"\n *# ### .*", ""),
    (r"\nimport sqlmodel.*", ""),
)
"""What Alembic writes, and what a version should say: it must not depend on how a library names its types."""


def main() -> None:
    """Compare the tables with a fresh database of the newest version."""
    message = " ".join(sys.argv[1:]).strip()
    if not message:
        sys.exit('Say what changes: python -m models.migrations "Tickets can be merged"')
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/desk.db")
        upgrade(database)
        path = write(message, database)
        database.close()
    text = path.read_text()
    for pattern, plain in REPLACED:
        text = re.sub(pattern, plain, text)
    path.write_text(text)
    print(Path(path).name)


if __name__ == "__main__":
    main()
