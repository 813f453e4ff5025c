"""Who looks at a page for what would keep somebody out: axe-core, in the browser in which the page is open.

The one idea: only what it finds is told. Its whole report names each part of the page that is well, too, and to carry
that out of the browser took as long as to look.
"""

from collections.abc import Collection
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page

LOOKS = """asked => axe.run({resultTypes: ["violations"], ...asked}).then(
    told => told.violations.map(({id, nodes}) => ({id, html: nodes[0].html, count: nodes.length})))"""


def faults(page: Page, *, only: Collection[str] = (), besides: Collection[str] = ()) -> list[dict[str, Any]]:
    """What is broken of the page as it stands: `id`s of axe's rules, each with the `html` of the first place and the
    `count` of them. `only` are the rules to ask, where not all; `besides` are rules that another look at the same page
    answers for."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    asked: dict[str, Any] = {"rules": {rule: {"enabled": False} for rule in besides}}
    if only:
        asked["runOnly"] = list(only)
    found: list[dict[str, Any]] = page.evaluate(LOOKS, asked)
    return found
