"""One style sheet and one script for every page, joined at start from the many files they are written in.

The idea: files are for whoever reads them, requests are for whoever waits. Sixty of them cost a telephone a second and
a third more bytes. So the sheets are put one behind the other in their order, and each module becomes a function that
returns what it exports; the files themselves stay where they are and say the same. A module that is written in another
way than ours is an error at start, not a page that does nothing.
"""

import functools
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from web.addresses import get

SHEETS = (
    "layers", "tokens", "base", "layout", "rail", "controls", "marks", "list", "ticket", "compose", "side",
    "work", "numbers", "similar", "safety", "pop", "table", "board", "workload", "accuracy", "form", "mailbox",
    "canned", "search", "rules", "domains", "exchanges", "ledger", "notice", "gate", "try", "guesses", "supervision",
    "drawing", "dashboards", "reviews",
    "survey", "promises", "views", "bulk", "palette", "here", "notifications", "settings", "administration",
    "tallies", "returns", "staffing",
)  # fmt: skip
"""Those whose order counts. Others in the folder follow by name, and last comes how paper looks."""
ALONE = ("offline",)
"""Belongs to a page of its own."""
ENTRY = "main.js"

_IMPORT = re.compile(r'^import (?:\{ (?P<names>[\w ,]+) \} from )?"\./(?P<file>[a-z]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|const|class) (\w+)", re.MULTILINE)
_LEFT = re.compile(r"^\s*(?:import\b(?!\()|export\b).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """What is sent, plain and compressed."""

    content_type: str
    plain: bytes
    small: bytes


class Assets:
    """The joined files of one process."""

    def __init__(self, folder: Path) -> None:
        """`folder` has `css/` and `js/`. Raises `ValueError` for a module that cannot be joined."""
        self.found = {
            "desk.css": _asset("text/css; charset=utf-8", styles(folder / "css")),
            "desk.js": _asset("text/javascript; charset=utf-8", script(folder / "js")),
        }

    async def serve(self, request: Request) -> Response:
        """Either of them. An address with a version in it never changes its content."""
        asset = self.found[request.url.path.rpartition("/")[2]]
        takes_small = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"content-type": asset.content_type, "vary": "accept-encoding"}
        if takes_small:
            headers["content-encoding"] = "gzip"
        if "v" in request.query_params:
            headers["cache-control"] = "public, max-age=31536000, immutable"
        return Response(asset.small if takes_small else asset.plain, headers=headers)


class Files(StaticFiles):
    """The single files. An address with a version in it never changes its content, so browsers may keep it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def joined(request: Request) -> Response:
    """The one style sheet and the one script."""
    found: Assets = request.app.state.assets
    return await found.serve(request)


@functools.cache
def fingerprint(folder: Path) -> str:
    """Changes when any style or script does."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


@functools.cache
def of(folder: Path) -> Assets:
    """The same for all desks of one process."""
    return Assets(folder)


def styles(folder: Path) -> str:
    """All sheets in their order."""
    here = {path.stem for path in folder.glob("*.css")} - set(ALONE)
    order = [*(name for name in SHEETS if name in here), *sorted(here - set(SHEETS) - {"print"}), "print"]
    return "\n".join((folder / f"{name}.css").read_text("utf-8").strip() for name in order)


def script(folder: Path) -> str:
    """The module a page names and all it imports, each before whoever imports it."""
    parts: list[str] = []
    _add(folder, ENTRY, parts, set(), ())
    return "\n".join(parts)


def _add(folder: Path, file: str, parts: list[str], done: set[str], above: tuple[str, ...]) -> None:
    if file in above:
        raise ValueError(f"{file} imports itself, by way of {' and '.join(above)}")
    if file in done:
        return
    done.add(file)
    text = (folder / file).read_text("utf-8")
    for found in _IMPORT.finditer(text):
        _add(folder, found["file"], parts, done, (*above, file))
    names = [name for _, name in _EXPORT.findall(text)]
    text = _EXPORT.sub(r"\1 \2", _IMPORT.sub(_bound, text))
    if left := _LEFT.search(text):
        raise ValueError(f"{file} cannot be joined: {left[0].strip()}")
    parts.append(
        f"const ${file.removesuffix('.js')} = (() => {{\n{text.rstrip()}\nreturn {{ {', '.join(names)} }};\n}})();"
    )


def _bound(found: re.Match[str]) -> str:
    if not found["names"]:
        return ""
    names = re.sub(r"(\w+) as (\w+)", r"\1: \2", found["names"])
    return f"const {{ {names} }} = ${found['file'].removesuffix('.js')};"


def _asset(content_type: str, text: str) -> Asset:
    plain = text.encode()
    return Asset(content_type, plain, gzip.compress(plain, 9, mtime=0))


ROUTES = (
    get("/static/desk.css", joined),
    get("/static/desk.js", joined),
)
