"""The desk's own name, picture and colour: where they show, what is refused, and the way back."""

import re
import struct
import zlib
from pathlib import Path

import pytest

from helpdesk import appearance
from helpdesk.reporting import drawing
from tests.cast import AIKO, SATO, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def png(width: int = 40, height: int = 20) -> bytes:
    """A picture of one colour."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x3a\x56\xa5" * width) * height)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def upload(desk: OpenDesk, content: bytes, name: str = "logo.png") -> int:
    """Choose a picture as Sato; the answer's status after redirects."""
    files = {"logo": (name, content, "image/png")}
    return int(desk.as_(SATO).post("/admin/appearance/logo", files=files).status_code)


@SQLITE
def test_name_colour_and_picture_show_wherever_the_desk_does(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/appearance", data={"name": "みどり屋サポート", "accent": "#2b7a4b"})
    assert upload(desk, png()) == 200
    pages = [desk.as_(AIKO).get("/inbox").text, desk.client.get("/sign-in", headers={"cookie": ""}).text]
    for page in pages:
        assert "みどり屋サポート" in page and "/appearance.css?v=2b7a4b" in page
        assert re.search(r'<img class="logo-picture" src="/logo/\d+"', page)
    manifest = desk.client.get("/manifest.webmanifest").json()
    assert manifest["name"] == "みどり屋サポート" and manifest["icons"][0]["sizes"] == "40x20"
    picture = desk.client.get(manifest["icons"][0]["src"])
    assert picture.content == png() and picture.headers["content-type"] == "image/png"
    assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
    style = desk.client.get("/appearance.css?v=2b7a4b")
    assert style.headers["content-type"].startswith("text/css") and "#2b7a4b" in style.text
    assert desk.app.state.desk.settings.name == "みどり屋サポート", "and mail leaves under it"


@SQLITE
@pytest.mark.parametrize(
    "content", [SVG, b"GIF89a" + b"\0" * 30, b"", b"\x89PNG\r\n\x1a\n", png(3000, 1), png() + b"\0" * 200_000]
)
def test_what_is_no_small_picture_is_refused_beside_its_field(standing_desk: OpenDesk, content: bytes) -> None:
    assert upload(standing_desk, content) == 422
    assert standing_desk.app.state.desk.look.logo_id is None


@SQLITE
def test_a_colour_that_cannot_be_read_is_told_before_it_is_saved_with_the_one_that_is_used(desk: OpenDesk) -> None:
    asked = desk.as_(SATO).post("/admin/appearance", data={"name": "", "accent": "#ffe600", "rehearse": "1"})
    told = text_of(part(asked.text, "main"))
    assert "#ffe600は白い文字が読みにくいため" in told and appearance.shades("#ffe600").day[0] in told
    assert "/appearance.css?try=ffe600" in asked.text and desk.app.state.desk.look.accent == ""
    assert desk.client.get("/appearance.css?try=ffe600").text.startswith(".look-panel{")
    assert desk.as_(SATO).post("/admin/appearance", data={"accent": "red"}).status_code == 422
    assert desk.client.get("/appearance.css?try=red;}").status_code == 404


@SQLITE
def test_the_way_back_leads_to_the_picture_there_was(desk: OpenDesk) -> None:
    upload(desk, png(10, 10))
    first = desk.app.state.desk.look.logo_id
    upload(desk, png(20, 20))
    second = desk.app.state.desk.look.logo_id
    page = desk.as_(SATO).get("/admin/appearance").text
    newest = re.findall(r"/admin/changes/(\d+)", part(page, "main"))[0]
    desk.as_(SATO).post(f"/admin/changes/{newest}/undo")
    assert desk.app.state.desk.look.logo_id == first
    assert desk.client.get(f"/logo/{first}").status_code == 200
    assert desk.client.get(f"/logo/{second}").status_code == 404, "what is not shown is not given out"
    desk.as_(SATO).post("/admin/appearance/logo", files={"drop": (None, "1")})
    assert desk.app.state.desk.look.logo_id is None


@SQLITE
def test_only_supervisors_choose(desk: OpenDesk) -> None:
    assert desk.as_(AIKO).get("/admin/appearance").status_code == 403
    assert desk.as_(AIKO).post("/admin/appearance", data={"name": "x"}).status_code == 403
    files = {"logo": ("logo.png", png(), "image/png")}
    assert desk.as_(AIKO).post("/admin/appearance/logo", files=files).status_code == 403


@pytest.mark.parametrize("accent", ["#000000", "#ffffff", "#ffe600", "#3a56a5", "#658bc5", "#ff0000", "#00ff88"])
def test_words_can_be_read_in_every_shade(accent: str) -> None:
    made = appearance.shades(accent)
    for (button, hover, said, ground, _), far in ((made.day, "#ebe6dd"), (made.night, "#272b34")):
        for on, words in ((button, "#ffffff"), (hover, "#ffffff"), (said, far), (said, ground)):
            assert appearance.contrast(on, words) >= 4.5, (accent, on, words)


def test_numbers_on_a_field_of_shades_can_be_read_by_day_by_night_and_on_paper() -> None:
    """Of the levels 1 to 3 in the colour of words, and above in the one that stands out."""
    css = Path(drawing.__file__).parents[2] / "web" / "static" / "css"
    told = "".join((css / f"{name}.css").read_text() for name in ("tokens", "drawing"))
    pairs = {name: (day, night) for name, day, night in re.findall(
        r"--heat-(\w+): light-dark\((#\w{6}), (#\w{6})\)", told)}  # fmt: skip
    words = tuple(re.findall(r"--(?:ink|bone)-0: (#\w{6})", told))
    paper = dict(re.findall(r"\.chart-([\w-]+){fill:(#\w{6})}", drawing.PAPER))
    for level in range(1, drawing.HEATS + 1):
        number = pairs["strong"] if level >= 4 else words
        for ground, on in zip(pairs[str(level)], number, strict=True):
            assert appearance.contrast(ground, on) >= 4.5, (level, ground, on)
        printed = paper[f"heat-{level}"], paper["strong" if level >= 4 else "number"]
        assert appearance.contrast(*printed) >= 4.5, (level, printed)
