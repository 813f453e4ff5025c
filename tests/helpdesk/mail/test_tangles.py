"""Pages that are small and yet minutes of work are counted beforehand and shown as words; all others are not."""

import random
import re

import pytest

from helpdesk.mail import html, parse, tangles
from tests.patience import PATIENCE_SECONDS, an_end

HEAD = b"From: a@example.com\r\nSubject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
MANY = range(7_000)
# In the comment: what the sanitizer alone took for it, in seconds and megabytes of page, on one processor of 2024.
TANGLES = {
    "formatting in every paragraph": "".join(f"<font size={n}><p>" for n in MANY),  # 40 s, 695 MB
    "a few long ones, again and again": "".join(f"<p><font face={'x' * 250}{n}>" for n in range(300)) + "<p>x" * 600,
    "formatting within formatting": "".join(f"<b t={n}><i t={n}>" for n in MANY),  # 2 s
    "end tags of paragraphs in a deep nest": "<span>" * 14_000 + "</p>" * 225_000,  # 10 s
    "attributes": "<b " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x",  # 2 s
    "attributes of the page": "".join(f"<html a{n}=1>" for n in range(15_000)),  # 2 s
    "end tags that close nothing, in a cell": "".join(
        f"<b t={n}><table><td></b></td></table><p>x" for n in range(3_000)
    ),
    "end tags in a title": "".join(f"<font t={n}><title></font></title><p>x" for n in range(3_000)),
    "end tags in a comment": "".join(f"<font t={n}><!-- </font> --><p>x" for n in range(3_000)),
    "end tags in a value": "".join(f"<font t={n}><p t='</font>'>x" for n in range(3_000)),
    "tags behind a quote that is none": "".join(f'<p "><font t={n}><p ">x' for n in range(3_000)),
    "end tags in a list to choose from": "".join(f"<b t={n}><select></b></select><p>x" for n in range(3_000)),
    "cells outside of a table": "".join(f"<td><b t={n}><p>x</td>" for n in range(3_000)),
}  # fmt: skip
ROW = (
    '<tr><td style="padding:4px" align="left"><font face="Arial" size="2"><b>商品 {0}</b><br><a href="https://shop.example'
    '.jp/{0}"><span style="color:#333">くわしく<i>見る</i></span></a></font><p>説明 {0}<p>続き</td></tr>'
)
PLAIN = {
    "a newsletter": "<html><head><style>a{color:red}</style></head><body><!--[if mso]><table><tr><td><![endif]--><div>"
    "<table><tbody>" + "".join(ROW.format(n) for n in range(700)) + "</tbody></table></div></body></html>",
    "rows without end tags": "<table>" + "".join(f"<tr><td><font size={n % 5}>{n}<td><b>x" for n in range(2_500)),
    "paragraphs without end tags": "<p>x" * 12_000,
    "lists without end tags": "<ul>" + "<li><b>x</b><i>y</i>" * 3_000 + "</ul>",
    "anchors that are never closed": "".join(f"<a name=n{n}><p>x</p>" for n in range(4_000)),
    "the same letters again and again": "<p><b>x" * 6_000,
    "tags that cross": "<div><b>x<i>y</b>z</i></div>" * 2_000,
    "a picture within": '<img src="data:image/png;base64,' + "A" * 900_000 + '"><p>x</p>',
}


@pytest.mark.parametrize("name", TANGLES)
def test_a_tangled_page_is_read_in_a_moment_and_its_words_are_shown(name: str) -> None:
    page = f"<p>はじめ</p>{TANGLES[name]}"
    with an_end():
        email = parse.read(HEAD + page.encode(), seconds=PATIENCE_SECONDS)
    assert "html_tangled" in email.problems and len(email.html) < 1_000_000
    assert email.html.startswith("<p>はじめ") and "はじめ" in email.text
    assert set(re.findall("<[^>]*>", email.html)) <= {"<p>", "</p>", "<br>"}


@pytest.mark.parametrize("name", PLAIN)
def test_a_page_that_is_only_long_keeps_its_formatting(name: str) -> None:
    email = parse.read(HEAD + PLAIN[name].encode(), seconds=PATIENCE_SECONDS)
    assert "html_tangled" not in email.problems and "html_cut" not in email.problems
    assert email.html.count("<") > 1


NAMES = (
    "a b font i nobr code em span div p li dd td tr table caption th button h1 object select svg title textarea".split()
)
WORDS = ("x", "<!--", "-->", "<!>", "</ >", "&amp;", '"', "<script><!--", "</script>")
ADDED = ("", "", " c=%d", ' t="%d>"', ' "x=%d ', " style=color:red")


def soup(chance: random.Random) -> str:
    """Tags at random, repeated."""

    def some(most: int) -> str:
        each = (f"<{chance.choice(NAMES)}{chance.choice(ADDED)}>", f"</{chance.choice(NAMES)}>", chance.choice(WORDS))
        return "".join(chance.choices(each, (6, 4, 1), k=1)[0] for each in [each] * chance.randint(1, most))

    before, repeated, behind = some(3), some(5), some(3)
    count = chance.choice((400, 1_500, 4_000))
    page = before + "".join(repeated.replace("%d", str(n)) for n in range(count)) + behind * count
    return html.bounded(page)[0]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_not_called_tangled_is_clean_in_a_moment(seed: int) -> None:
    page = soup(random.Random(seed))
    with an_end():
        if not tangles.is_tangled(page):
            html.sanitize(page)
