"""The desk's icon as pictures, for telephones that install it: `python -m tests.icons` draws them from the SVG.

A maskable icon is cut to any shape, so it has ground to its edges and the sign in the middle 60 per cent.
"""

import sys

from playwright.sync_api import sync_playwright

from tests.running import ROOT
from tests.screenshots import launch

FOLDER = ROOT / "web" / "static" / "img"
GROUND = "#f4f1eb"
PICTURES = {"icon-192.png": (192, 0.84, ""), "icon-512.png": (512, 0.84, ""), "icon-180.png": (180, 0.72, GROUND),
            "icon-maskable-512.png": (512, 0.6, GROUND)}  # fmt: skip


def main() -> int:
    """Draw all of them."""
    sign = (FOLDER / "icon.svg").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, (size, share, ground) in PICTURES.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                "<style>body{margin:0;display:grid;place-items:center;height:100vh}"
                f"body{{background:{ground or 'transparent'}}}"
                f"svg{{width:{size * share}px;height:{size * share}px}}</style>{sign}"
            )
            page.screenshot(path=FOLDER / name, omit_background=not ground)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
