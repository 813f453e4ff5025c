"""One document made in a process of its own: data on standard input, the PDF on standard output.

The one idea: the typesetter keeps what it has laid out for the next document, hundreds of megabytes after a report of a
large desk, and has no word to let go of it. A process that ends lets go of everything.

    python press.py TEMPLATE FONTS < data.json > report.pdf
"""

import sys
from pathlib import Path

import typst


def main(template: str, fonts: str) -> None:
    """Write the document. `template` is a path, `fonts` a folder; what the machine has of fonts does not matter."""
    data = sys.stdin.buffer.read().decode("utf-8")
    made = typst.compile(
        template, root=str(Path(template).parent), font_paths=[fonts], ignore_system_fonts=True,
        sys_inputs={"data": data},
    )  # fmt: skip
    assert isinstance(made, bytes)
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
