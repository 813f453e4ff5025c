"""What pages bring of style and script: each file has its place, and no page waits for more than it needs."""

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
    "/queues": 50_000, "/reports/service": 50_000, "/admin/queues": 50_000, "/account": 50_000,
}  # fmt: skip
"""Style and script, compressed, that a page waits for before it answers. At 1.6 Mbit/s 10 kB are 50 ms."""
LATER_BYTES = 16_000
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
    answer = desk.client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert ("immutable" in answer.headers.get("cache-control", "")) == ("?v=" in address)
    return int(answer.headers["content-length"])


def test_a_page_that_brings_less_than_all_sheets_names_no_class_of_those_it_leaves_out() -> None:
    lighter = [path for path in TEMPLATES.rglob("*.html") if "{% block sheets %}" in path.read_text()]
    assert len(lighter) > 5
    for path in lighter:
        page = path.relative_to(TEMPLATES).as_posix()
        if page == "base.html":
            continue
        own = re.search(r"\{% block sheets %\}(.*?)\{% endblock %\}", path.read_text(), re.DOTALL)
        assert own
        brought = {"desk.css", *re.findall(r"static\('(\w+\.css)'\)", own[1])}
        styled = {name: classes_of(name) for name in assets.SHEETS}
        here = set().union(*(styled[name] for name in brought))
        left_out = set().union(*(styled[name] for name in styled)) - here
        assert named_by(page) & left_out == set(), page


def test_a_list_names_no_class_of_the_sheet_that_comes_with_the_first_ticket() -> None:
    late = classes_of("conversation.css") - classes_of("desk.css")
    for part in ("tickets/_list.html", "tickets/_row.html", "layout.html"):
        assert named_by(part) & late == set(), part


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
