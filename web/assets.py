"""The styles and scripts of a page, joined at start from the many files they are written in.

The idea: files are for whoever reads them, requests are for whoever waits. Sixty of them cost a telephone a second and
a third more bytes. So the sheets are put one behind the other in their order, and each module becomes a function that
returns what it exports, both without comments and indentation; the files themselves stay where they are and say the
same. A module that is written in another way than ours is an error at start, not a page that does nothing.

What a first view waits for is the least: `desk.css` and `desk.js`, which every page needs. A page with tickets on it
names `conversation.css` besides, one that says nothing brings `rooms.css` (the block `sheets` of base.html), and
`later.js` is what the script itself asks for once the page stands (js/rest.js).

A browser that comes for the first time, or since the desk has changed, gets its page with the sheets within it
(`Assets.laid_in`): it can paint while a telephone would still be asking for them. Once the page stands js/sheets.js
fetches them for the next one, and says so by a cookie.
"""

import base64
import functools
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from helpdesk import appearance
from web.addresses import get

SHEETS: dict[str, tuple[str, ...]] = {
    "desk.css": (
        "layers", "tokens", "base", "layout", "rail", "controls", "marks", "list", "side", "numbers", "pop", "table",
        "form", "search", "notice", "gate", "views", "bulk", "palette", "notifications", "print",
    ),
    "conversation.css": (
        "ticket", "compose", "work", "similar", "safety", "canned", "guesses", "promises", "here", "returns",
    ),
    "rooms.css": (
        "board", "workload", "accuracy", "mailbox", "rules", "domains", "exchanges", "ledger", "try", "supervision",
        "drawing", "dashboards", "reviews", "survey", "settings", "administration", "tallies", "staffing",
    ),
    "forced.css": ("forced",),
}  # fmt: skip
"""What is joined under which name, in an order that counts: of two rules that weigh the same the later one holds."""
ALONE = ("offline",)
"""Belongs to a page of its own."""
ENTRIES = {"desk.js": "main.js", "later.js": "later.js"}
"""Under which name which module goes out with all it imports, without what an earlier one brought."""
JOINED = (*SHEETS, *ENTRIES)
KEPT = "sheets"
"""The cookie of a browser that has the sheets: of which version."""

_IMPORT = re.compile(r'^import (?:\{ (?P<names>[\w ,]+) \} from )?"\./(?P<file>[a-z]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|const|class) (\w+)", re.MULTILINE)
_LATER = re.compile(r'(?<=\bimport\("\./)([a-z]+\.js)(?="\))')
_LEFT = re.compile(r"^\s*(?:import\b(?!\()|export\b).*$|^(?:[^`\n]*`[^`\n]*`)*[^`\n]*`[^`\n]*$", re.MULTILINE)
"""What no module of ours says: another way to import or to export, or a text of several lines, of which the indentation
counts."""
_NAMED = re.compile(rb'<(link rel="stylesheet"|script type="module") (?:href|src)="(/[^"]+)"(?! media)')
_SHEET = re.compile(rb'<link rel="stylesheet" href="(/[^"]+)">')
_REMARK = re.compile(r"^[ \t]*//.*\n|^[ \t]+|^\n", re.MULTILINE)
_STYLE_REMARK = re.compile(r"/\*.*?\*/|^[ \t]+", re.MULTILINE | re.DOTALL)


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
        self._version = fingerprint(folder)
        joined = scripts(folder / "js", version=self._version)
        self.found = {name: _asset("text/javascript; charset=utf-8", text) for name, text in joined.items()}
        for name, sheets in SHEETS.items():
            self.found[name] = _asset("text/css; charset=utf-8", styles(folder / "css", sheets))

    async def serve(self, request: Request) -> Response:
        """One of them. An address with a version in it never changes its content."""
        asset = self.found[request.url.path.rpartition("/")[2]]
        takes_small = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"content-type": asset.content_type, "vary": "accept-encoding"}
        if takes_small:
            headers["content-encoding"] = "gzip"
        if "v" in request.query_params:
            headers["cache-control"] = "public, max-age=31536000, immutable"
        return Response(asset.small if takes_small else asset.plain, headers=headers)

    def are_new_to(self, request: HTTPConnection) -> bool:
        """Whether a page is opened by a browser that has no sheets yet, or those of another version."""
        opens = request.headers.get("sec-fetch-dest") == "document"  # a part that a script fetches brings no style
        return opens and request.cookies.get(KEPT) != self._version

    def laid_in(self, page: bytes, *, accent: str = "") -> tuple[bytes, list[str]]:
        """The page with the sheets it names within it, that of the desk's own colour among them, and the sources its
        policy has to allow for that (CSP level 2: the hash of each)."""
        sources: list[str] = []

        def within(found: re.Match[bytes]) -> bytes:
            address = found[1].decode()
            name = address.partition("?")[0].removeprefix("/static/")
            if name in SHEETS:
                text = self.found[name].plain
            elif accent and address == address_of(accent):
                text = accented(accent).encode()
            else:
                return found[0]
            told = b"" if sources else f' data-sheets="{self._version} {" ".join(SHEETS)}"'.encode()
            sources.append(_source(text))
            return b"<style%b>%b</style>" % (told, text)

        end = page.find(b"</head>")
        return _SHEET.sub(within, page[:end]) + page[end:], sources


class Files(StaticFiles):
    """The single files. An address with a version in it never changes its content, so browsers may keep it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def joined(request: Request) -> Response:
    """One of `JOINED`."""
    found: Assets = request.app.state.assets
    return await found.serve(request)


def told(page: bytes) -> str:
    """The header `Link` of a page: the styles and scripts its head names, which a browser then asks for before it has
    read the page itself (RFC 8288, HTML's `preload` and `modulepreload`)."""
    named = _NAMED.findall(page, 0, page.find(b"</head>"))
    return ", ".join(
        f"<{address.decode()}>; rel=" + ("preload; as=style" if kind.startswith(b"link") else "modulepreload")
        for kind, address in named
    )


def pressed(page: bytes) -> bytes:
    """A page with its sheets in it as it is sent: 3 ms of ours more than at the usual level, 5 kB less on the way."""
    return gzip.compress(page, 6)


def address_of(accent: str) -> str:
    """Where the sheet of a colour is, such as "#336699"."""
    return f"/appearance.css?v={accent[1:]}"


@functools.lru_cache(maxsize=32)
def accented(accent: str, where: str = ":root") -> str:
    """The sheet of a colour: its shades by day and by night."""
    made = appearance.shades(accent)
    names = ("accent", "accent-hover", "accent-text", "accent-ground", "accent-line")
    both = zip(names, made.day, made.night, strict=True)
    return f"{where}{{{''.join(f'--color-{name}:light-dark({day},{night});' for name, day, night in both)}}}"


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


def styles(folder: Path, sheets: tuple[str, ...]) -> str:
    """Some sheets in their order."""
    return "\n".join(_STYLE_REMARK.sub("", (folder / f"{name}.css").read_text("utf-8")).strip() for name in sheets)


def scripts(folder: Path, *, version: str) -> dict[str, str]:
    """By the names of `ENTRIES`: the module it begins with and all it imports, each before whoever imports it. What an
    earlier script holds a later one takes from it, by the very address the page names, so that there is one of each."""
    told: dict[str, str] = {}
    done: dict[str, str] = {}  # module -> the script that holds it
    for name, entry in ENTRIES.items():
        parts: list[str] = []
        asked: set[str] = set()
        _add(folder, entry, name, parts, done, asked, ())
        text = "\n".join(parts)
        for earlier in dict.fromkeys(done[file] for file in sorted(asked)):
            taken = sorted(_const(file) for file in asked if done[file] == earlier)
            text = f'import {{ {", ".join(taken)} }} from "./{earlier}?v={version}";\n{text}'
            told[earlier] += f"\nexport {{ {', '.join(taken)} }};"
        told[name] = _LATER.sub(rf"\1?v={version}", text)
    return told


def _add(
    folder: Path, file: str, name: str, parts: list[str], done: dict[str, str], asked: set[str], above: tuple[str, ...]
) -> None:
    if file in above:
        raise ValueError(f"{file} imports itself, by way of {' and '.join(above)}")
    if file in done:
        if done[file] != name:
            asked.add(file)
        return
    done[file] = name
    text = (folder / file).read_text("utf-8")
    for found in _IMPORT.finditer(text):
        _add(folder, found["file"], name, parts, done, asked, (*above, file))
    names = [name for _, name in _EXPORT.findall(text)]
    text = _REMARK.sub("", _EXPORT.sub(r"\1 \2", _IMPORT.sub(_bound, text)))
    if left := _LEFT.search(text):
        raise ValueError(f"{file} cannot be joined: {left[0].strip()}")
    parts.append(f"const {_const(file)} = (() => {{\n{text.strip()}\nreturn {{ {', '.join(names)} }};\n}})();")


def _const(file: str) -> str:
    return f"${file.removesuffix('.js')}"


def _bound(found: re.Match[str]) -> str:
    if not found["names"]:
        return ""
    names = re.sub(r"(\w+) as (\w+)", r"\1: \2", found["names"])
    return f"const {{ {names} }} = {_const(found['file'])};"


@functools.lru_cache(maxsize=32)
def _source(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def _asset(content_type: str, text: str) -> Asset:
    plain = text.encode()
    return Asset(content_type, plain, gzip.compress(plain, 9, mtime=0))


ROUTES = tuple(get(f"/static/{name}", joined) for name in JOINED)
