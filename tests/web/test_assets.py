"""What pages bring of style and script: each file has its place, and no page waits for more than it needs."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from tests.cast import SATO
from tests.office import OpenDesk
from tests.web.test_account import browser
from web import assets, render

WEB = Path(render.__file__).parent
JS, CSS, TEMPLATES = WEB / "static/js", WEB / "static/css", WEB / "templates"
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

FIRST_VIEW_BYTES = {
    "/sign-in": 30_000, "/calls": 30_000, "/customers": 30_000, "/search?q=wifi": 30_000,
    "/inbox": 30_000, "/tickets/1": 38_000, "/customers/1": 38_000,
    "/queues": 44_000, "/reports/service": 44_000, "/admin/queues": 44_000, "/account": 32_000,
}  # fmt: skip
"""Style and script, compressed, that a page waits for before it answers. At 1.6 Mbit/s 10 kB are 50 ms."""
LATER_BYTES = 20_000
"""What the script asks for besides, once the page stands."""


# --- joining


def test_every_sheet_and_every_module_has_its_place() -> None:
    sheets = [sheet for each in assets.SHEETS.values() for sheet in each]
    there = {path.stem for path in CSS.glob("*.css")}
    assert len(sheets) == len(set(sheets))
    assert {*sheets, *assets.ALONE} == there, "a new sheet has its place in assets.SHEETS"
    for script in JS.glob("*.js"):
        for module in re.findall(r'(?:import\(|import|from) ?"\./([a-z]+\.js)"', script.read_text()):
            assert (script.parent / module).is_file(), f"{script.name} imports {module}"


def test_every_module_is_in_one_joined_script_once_and_before_who_imports_it() -> None:
    joined = assets.scripts(JS, version="abc")
    found: list[str] = []
    for script in joined.values():
        modules = re.findall(r"^const \$([a-z]+) = ", script, re.MULTILINE)
        taken = re.findall(r"\$([a-z]+)", "".join(re.findall(r"^import .*$", script, re.MULTILINE)))
        assert set(taken) <= set(found)
        for number, name in enumerate(modules):
            used = set(re.findall(r"= \$([a-z]+);", script.split(f"const ${name} = ")[1].split("\nconst $")[0]))
            assert used <= {*modules[:number], *taken}, name
        found += modules
    assert sorted(found) == sorted(path.stem for path in JS.glob("*.js") if path.stem not in {"sw", "offline"})


def test_what_a_later_script_takes_from_an_earlier_one_is_that_of_the_page_and_no_second_one() -> None:
    joined = assets.scripts(JS, version="abc")
    taken = re.search(r'^import \{ (.+) \} from "\./desk\.js\?v=abc";$', joined["later.js"], re.MULTILINE)
    assert taken and f"export {{ {taken[1]} }};" in joined["desk.js"]
    assert 'import("./later.js?v=abc")' in joined["desk.js"]


def test_joining_leaves_out_remarks_and_indentation_and_no_line_of_code() -> None:
    joined = "\n".join(assets.scripts(JS, version="abc").values()).replace("?v=abc", "")
    there = set(joined.splitlines())
    for path in JS.glob("*.js"):
        if path.stem in {"sw", "offline"}:
            continue
        for line in map(str.strip, path.read_text().splitlines()):
            if line and not line.startswith(("//", "import ")):
                assert line.removeprefix("export ") in there, f"{path.name}: {line}"


@pytest.mark.parametrize(
    ("main", "why"),
    [
        ('import * as all from "./other.js";\n', "cannot be joined"),
        ("const words = `of\n  two lines`;\n", "cannot be joined"),
        ('import "./other.js";\n', "imports itself"),
    ],
)
def test_a_module_that_cannot_be_joined_is_an_error_at_start(main: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text(main)
    (tmp_path / "other.js").write_text('import "./main.js";\n')
    (tmp_path / "later.js").write_text("")
    with pytest.raises(ValueError, match=why):
        assets.scripts(tmp_path, version="")


# --- what a page brings


@SQLITE
def test_a_first_view_waits_for_no_more_style_and_script_than_its_kind_of_page_needs(desk: OpenDesk) -> None:
    desk.mail()
    for path, most in FIRST_VIEW_BYTES.items():
        page = (browser(desk) if path == "/sign-in" else desk.as_(SATO)).get(path)
        assert page.status_code == 200, path
        waited = r'<(?:link rel="stylesheet" href|script type="module" src)="(/static/[^"]+)"(?! media)'
        named = re.findall(waited, page.text)
        assert {address.split("?")[0] for address in named} >= {"/static/desk.css", "/static/desk.js"}, path
        brought = sum(sent(desk, address) for address in named)
        assert most - 10_000 < brought < most, f"{path}: {brought} bytes"
        asked = re.findall(r"<(/static/[^>]+)>; rel=(preload; as=style|modulepreload)", page.headers["link"])
        assert [address for address, _ in asked] == named, "and asks for it before the page is read"
    assert sent(desk, "/static/later.js") < LATER_BYTES


def sent(desk: OpenDesk, address: str) -> int:
    """Bytes on the way to a browser, which keeps them for good where the address says a version."""
    answer = desk.client.get(address, headers=PRESSED)
    assert answer.headers["content-encoding"] == "gzip"
    assert ("immutable" in answer.headers.get("cache-control", "")) == ("?v=" in address)
    return int(answer.headers["content-length"])


OPENING = {"sec-fetch-dest": "document"}
"""What a browser says of a page somebody opens; of one that a script fetches it says something else."""
PRESSED = {"accept-encoding": "gzip"}


@SQLITE
def test_whoever_comes_for_the_first_time_gets_the_sheets_within_the_page_and_the_policy_allows_just_these(
    desk: OpenDesk,
) -> None:
    desk.mail()
    for path, sheets in {"/inbox": ["desk.css"], "/tickets/1": ["desk.css", "conversation.css"]}.items():
        page = desk.as_(SATO).get(path, headers=OPENING | PRESSED)
        laid = re.findall(r"<style[^>]*>(.*?)</style>", page.text, re.DOTALL)
        assert laid == [assets.styles(CSS, assets.SHEETS[name]) for name in sheets]
        policy = dict(line.split(" ", 1) for line in page.headers["content-security-policy"].split("; "))
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in laid]
        assert policy["style-src"] == " ".join(["'self'", *(f"'sha256-{each}'" for each in hashes)])
        assert policy["script-src"] == "'self'"
        assert page.headers["content-encoding"] == "gzip"
        assert ".css" not in page.headers["link"] and "/static/desk.js" in page.headers["link"]
        assert re.findall(r'<link rel="stylesheet" href="/static/(\w+)', page.text) == ["forced"]
        again = desk.as_(SATO).get(path, headers=PRESSED)
        assert again.headers["content-encoding"] == "gzip"
        assert page.text.partition("</head>")[2] == again.text.partition("</head>")[2]


@SQLITE
def test_the_desks_own_colour_is_within_the_first_page_too(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/appearance", data={"name": "", "accent": "#2b7a4b"})
    linked = desk.as_(SATO).get("/inbox").text
    address = re.search(r'<link rel="stylesheet" href="(/appearance[^"]+)">', linked)
    assert address
    page = desk.as_(SATO).get("/inbox", headers=OPENING)
    laid = re.findall(r"<style[^>]*>(.*?)</style>", page.text, re.DOTALL)
    assert laid[1:] == [desk.client.get(address[1]).text] and "--color-accent:" in laid[1]
    assert "/appearance" not in page.text.partition("</head>")[0]
    digest = base64.b64encode(hashlib.sha256(laid[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


@SQLITE
@pytest.mark.parametrize("opening", [OPENING, {}, {"sec-fetch-dest": "empty"}])
def test_whoever_has_the_sheets_or_fetches_a_part_of_a_page_gets_none_within_it(
    opening: dict[str, str], desk: OpenDesk
) -> None:
    person = desk.as_(SATO)
    told = re.search(r'<style data-sheets="(\w+) ([^"]+)">', person.get("/inbox", headers=OPENING).text)
    assert told and told[2].split() == list(assets.SHEETS)
    for kept in (told[1], "of before"):
        person.cookies.set("sheets", kept)
        page = person.get("/inbox", headers=opening)
        assert ("<style" in page.text) == (opening == OPENING and kept == "of before")
        assert ("sha256" in page.headers["content-security-policy"]) == ("<style" in page.text)


def test_a_page_names_no_class_of_a_sheet_it_does_not_bring() -> None:
    styled = {name: classes_of(name) for name in assets.SHEETS}
    usual = sheets_of("base.html", set())
    extends = re.compile(r'{% extends "(layout|base)\.html" %}')
    pages = [
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if extends.search(path.read_text())
    ]
    assert len(pages) > 80
    for page in pages:
        brought = {"desk.css", *sheets_of(page, usual)}
        here = set().union(*(styled[name] for name in brought))
        left_out = set().union(*(styled[name] for name in styled)) - here
        assert named_by(page) & left_out == set(), page


def test_a_list_names_no_class_of_the_sheet_that_comes_with_the_first_ticket() -> None:
    late = classes_of("conversation.css") - classes_of("desk.css")
    for part in ("tickets/_list.html", "tickets/_row.html", "layout.html"):
        assert named_by(part) & late == set(), part


def sheets_of(page: str, usual: set[str]) -> set[str]:
    """The sheets a page names besides the one all bring."""
    own = re.search(r"\{% block sheets %\}(.*?)\{% endblock %\}", (TEMPLATES / page).read_text(), re.DOTALL)
    if own is None:
        return usual
    return {*re.findall(r"static\('(\w+\.css)'\)", own[1]), *(usual if "super()" in own[1] else ())}


def classes_of(joined: str) -> set[str]:
    """The classes a joined sheet speaks of."""
    text = assets.styles(CSS, assets.SHEETS[joined])
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r"\{[^{}]*\}", "{}", text)))


def named_by(page: str) -> set[str]:
    """The classes a page's template names, with all it includes; of the macros of components.html those it uses."""
    sources = {name: (TEMPLATES / name).read_text() for name in drawn_with(page, set())}
    macros = re.findall(r"{% macro (\w+)(.*?){% endmacro %}", sources.pop("components.html", ""), re.DOTALL)
    told = "".join(sources.values())
    for _ in range(2):  # a macro may use another
        told += "".join(drawn for name, drawn in macros if re.search(rf"\b{name}\(", told))
    named = " ".join(re.sub(r"{[{%].*?[}%]}", " ", each) for each in re.findall(r'class="([^"]*)"', told))
    return set(named.split())


def drawn_with(page: str, seen: set[str]) -> set[str]:
    if page not in seen:
        seen.add(page)
        source = (TEMPLATES / page).read_text()
        for other in re.findall(r'{%-?\s*(?:include|extends|from|import)\s+"([^"]+)"', source):
            drawn_with(other, seen)
    return seen
