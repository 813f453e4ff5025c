"""HTML from strangers: cleaned for the screen, and told as text for everything else.

The one idea: both readers are bounded before they start. A page is cut at `CHARACTERS`, at `TAGS` start tags and at
`ENTITIES` ampersands, because the sanitizer's time grows with the square of nesting (200,000 open `<div>` cost it two
minutes) and of ampersands (a million cost it sixteen seconds); what costs it as much without being large, `tangles`
counts beforehand. The text reader is a single pass of our own, because the standard library's HTML parser is quadratic
on unclosed markup. What a mail hides from its reader is kept from the text too.
"""

import base64
import html as entities
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice

import nh3

CHARACTERS = 1_000_000
TAGS = 15_000
PICTURES_BYTES = 15_000_000
ENTITIES = 150_000  # more than a page of Japanese written in numbers has room for

_TAGS = set(
    "a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del"
    " details dfn div"
    " dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p"
    " pre q rp rt"
    " ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var"
    " wbr".split()
)
_DROPPED_WITH_CONTENT = set(
    "script style title template noscript noembed noframes iframe object embed applet svg math xmp plaintext textarea"
    " select audio video canvas".split()
)
_CELL = {"align", "valign", "width", "height", "bgcolor", "colspan", "rowspan", "nowrap"}
_ATTRIBUTES = {
    "*": {"style", "lang", "dir", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border", "cellpadding", "cellspacing", "align", "width", "bgcolor"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"align", "valign", "bgcolor"},
    "col": {"width", "span"},
    "colgroup": {"width", "span"},
    "font": {"color", "size", "face"},
    "div": {"align"},
    "p": {"align"},
    "h1": {"align"},
    "h2": {"align"},
    "h3": {"align"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "hr": {"width", "size", "color"},
    "time": {"datetime"},
}
# Nothing that can leave its box or load: no position, float, margin, transform, z-index, background image.
# `display` stays: what a mail hides stays hidden on the screen too.
_STYLES = set(
    "color background-color font-family font-size font-style font-weight text-align text-decoration vertical-align"
    " line-height white-space width max-width padding padding-left padding-right padding-top padding-bottom border"
    " border-left border-right border-top border-bottom border-color border-style border-width border-collapse"
    " border-spacing list-style-type direction display visibility".split()
)
_REMOTE = "x-remote-image:"
REMOTE_MARK = ' data-remote-src="'
_CID = re.compile(r' src="cid:([^"]{1,600})"')
_PICTURE = re.compile(r"image/(png|jpe?g|pjpeg|gif|webp|bmp)")
_NUMBER_ATTRIBUTES = {"colspan", "rowspan", "span", "border", "cellpadding", "cellspacing", "start", "value"}
_DATA_IMAGE = re.compile(r"data:image/(png|jpe?g|gif|webp|bmp);base64,", re.I)
_ENTITY_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")


def bounded(html: str) -> tuple[str, bool]:
    """The page cut to what the readers below take in bounded time, and whether anything was cut."""
    cut = html[:CHARACTERS]
    for mark, character, most in ((_START, "<", TAGS), (_AMPERSAND, "&", ENTITIES)):
        if cut.count(character) > most and (first := next(islice(mark.finditer(cut), most, None), None)):
            cut = cut[: first.start()]
    return cut, len(cut) < len(html)


def sanitize(html: str) -> str:
    """Only allowed markup, for a sandboxed frame. Expects `bounded` input.

    Remote images move from `src` to `data-remote-src` and wait for a click; `cid:` and small embedded pictures
    stay in `src`. Links keep http, https, mailto and tel, open apart and tell nobody where they were followed from.
    """
    clean = _cleaner().clean(html)
    return clean.replace(f' src="{_REMOTE}', REMOTE_MARK)


def has_remote_images(clean: str) -> bool:
    """Whether a sanitized page has images that wait for a click."""
    return REMOTE_MARK in clean


def for_frame(clean: str, *, pictures: Mapping[str, tuple[str, bytes]], remote: bool) -> str:
    """A sanitized page as the frame shows it: pictures that came along in place of `cid:`, others only if asked for.

    `pictures` are media type and bytes by content id; only raster pictures are put in, 15 MB of them at most.
    """
    room = PICTURES_BYTES

    def embedded(found: re.Match[str]) -> str:
        nonlocal room
        kind, data = pictures.get(entities.unescape(found[1]), ("", b""))
        if not _PICTURE.fullmatch(kind) or len(data) > room:
            return found[0]
        room -= len(data)
        return f' src="data:{kind};base64,{base64.b64encode(data).decode("ascii")}"'

    page = _CID.sub(embedded, clean)
    return page.replace(REMOTE_MARK, ' src="') if remote else page


def to_text(html: str) -> str:
    """What a reader sees, as lines. Quoted blocks get "> ", rules become a row of "_". Expects `bounded` input.

    One pass, linear; comments, scripts, and text hidden by style, style sheet, attribute, place, size or colour are
    left out. White words count as hidden only on a page that colours no ground, and only beside others.
    """
    classes = _hidden_classes(html)
    if not _GROUND.search(html) and (text := _Writer(classes, on_white=True).write(html)):
        return text
    return _Writer(classes).write(html)


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        filter_style_properties=_STYLES,
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    plain = value.strip().lower()
    if attribute == "src":
        if plain.startswith("cid:"):
            return "cid:" + value.strip()[4:]
        if plain.startswith(("http:", "https:")):
            return _REMOTE + value.strip()
        return value.strip() if _DATA_IMAGE.match(plain) else None
    if attribute == "href":
        return value.strip() if plain.startswith(("http:", "https:", "mailto:", "tel:")) else None
    if attribute == "style":
        return None if re.search(r"url\s*\(|expression|image|@|\\|var\s*\(|-\d{3}", plain) else value
    if attribute in _NUMBER_ATTRIBUTES:
        return value if re.fullmatch(r"\d{1,3}", value.strip()) else None
    return value


_START = re.compile(r"<[a-zA-Z]")
_AMPERSAND = re.compile("&")
_MARKUP = re.compile(r"<(?=/?[a-zA-Z]|[!?])")  # any other "<" is a character like the rest
_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40})((?:[^<>"']|"[^"]*+"|'[^']*+')*+)>""")
_LOOSE_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40})([^<>]{0,5000}+)>")
_SKIPPED = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea", "select"}
_BLOCKS = set(
    "address article aside center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5"
    " h6 header"
    " li main nav ol pre section summary table tbody tfoot thead tr ul caption".split()
)
_VOID = {"br", "hr", "img", "input", "meta", "link", "wbr", "area", "base", "col", "source"}
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:font-size|opacity|max-height)\s*:\s*0(?![.\d]*[1-9])"
    r"|font-size\s*:\s*[12](?:\.\d+)?px|text-indent\s*:\s*-\d{3}|(?:^|[\s;\"'{])(?:left|top|right|margin-left)\s*:\s*-\d{4}"
    r"|clip\s*:\s*rect\((?:[01](?:px)?[\s,]+){3}[01]|clip-path\s*:\s*inset\((?:100|50)%"
    r"|(?:^|[\s;\"'{])color\s*:\s*(?:transparent|rgba\([^()]{1,40},\s*0(?:\.0+)?\s*\))",
    re.I,
)
_STYLE = re.compile(r"""(?:^|[\s"'/])style\s*=\s*("[^"]*+"|'[^']*+'|[^\s"'>]*+)""", re.I)
_FLAT = re.compile(r"(?:^|[\s;\"'{])(?:height|width)\s*:\s*0(?![.\d]*[1-9])(?!%)", re.I)  # hides only what overflows
_CLIPPED = re.compile(r"overflow\s*:\s*hidden", re.I)
_WHITE = re.compile(
    r"(?:^|[\s;\"'])color\s*[:=]\s*[\"']?\s*(?:#fff(?:fff)?\b|white\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))", re.I
)
_GROUND = re.compile(  # a ground that white words can be read on, anywhere in the page
    r"(?:bgcolor\s*=|background(?:-color|-image)?\s*[:=])"
    r"(?![\s\"']*(?:#fff(?:fff)?\b|white\b|transparent|none|inherit|initial|rgb\(\s*255))",
    re.I,
)
_SHEET = re.compile(r"<style[^<>]{0,200}>", re.I)
_BRACES = re.compile(r"([{}])")
_CLASS = re.compile(r"(?:^|[\s>+~])[a-zA-Z0-9]{0,20}[.]([\w-]{1,60})\s*$")
_CLASSES = re.compile(r"""\sclass\s*=\s*(?:"([^"]{0,500})"|'([^']{0,500})'|([^\s"'>]{1,200}))""", re.I)
_VALUE = re.compile(r""""[^"]*"|'[^']*'""")
_ALT = re.compile(r"""\salt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_CJK_BREAK = re.compile(
    r"(?<=[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef])[ \t]*+[\r\n]\s*+(?=[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef])"
)


class _Writer:
    """Holds the page being written: finished lines, the open line, quote depth and what is hidden."""

    def __init__(self, hidden_classes: frozenset[str], *, on_white: bool = False) -> None:
        self.hidden_classes, self.on_white = hidden_classes, on_white
        self.styles: dict[str, bool] = {}
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.preformatted = 0
        self.hidden_tag = ""
        self.hidden_depth = 0

    def write(self, html: str) -> str:
        position = 0
        gone: set[str] = set()  # end marks already known not to follow, so that none is searched for twice
        while markup := _MARKUP.search(html, position):
            opening = markup.start()
            self.text(html[position:opening])
            if html.startswith("<!--", opening) and "-->" not in gone:
                end = html.find("-->", opening + 2)
                if end < 0:
                    gone.add("-->")
                    position = opening + 4
                    continue
                position = end + 3
                continue
            if html[opening + 1 : opening + 2] in ("!", "?"):
                end = html.find(">", opening) if ">" not in gone else -1
                if end < 0:
                    gone.add(">")
                position = end + 1 if end >= 0 else opening + 2
                continue
            tag = _TAG.match(html, opening) or _LOOSE_TAG.match(html, opening)
            if not tag:
                self.text("<")
                position = opening + 1
                continue
            position = tag.end()
            name = tag[2].lower()
            if name in _SKIPPED and not tag[1] and not tag[3].endswith("/"):
                end = self.end_of(html, name, position, gone)
                position = end if end >= 0 else position
                continue
            self.tag(name, bool(tag[1]), tag[3])
        self.text(html[position:])
        self.break_line()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip("\n")

    def end_of(self, html: str, name: str, position: int, gone: set[str]) -> int:
        if name in gone:
            return -1
        found = re.compile(rf"</{name}[^<>]{{0,100}}>", re.I).search(html, position)
        if not found:
            gone.add(name)
            return -1
        return found.end()

    def text(self, raw: str) -> None:
        if not raw or self.hidden_depth:
            return
        text = _unescape(raw)
        if self.preformatted:
            first, *rest = text.replace("\r\n", "\n").split("\n")
            self.line.append(first)
            for line in rest:
                self.break_line(always=True)
                self.line.append(line)
            return
        self.line.append(_BLANKS.sub(" ", _CJK_BREAK.sub("", text)))

    def tag(self, name: str, closing: bool, attributes: str) -> None:
        if self.hidden_depth:
            if name == self.hidden_tag:
                self.hidden_depth += -1 if closing else 0 if attributes.endswith("/") else 1
            return
        if not closing and attributes and name not in _VOID and self.is_hidden(attributes):
            self.hidden_tag, self.hidden_depth = name, 1
            self.break_line()
            return
        if name == "br" and not closing:
            self.break_line(always=True)
        elif name == "hr":
            self.break_line()
            self.line.append("_" * 32)
            self.break_line()
        elif name == "img" and not closing:
            alt = _ALT.search(attributes)
            if alt and (words := (alt[1] or alt[2] or "").strip()):
                self.line.append(_unescape(words[:300]))
        elif name == "blockquote":
            self.break_line()
            self.quotes = max(0, min(50, self.quotes + (-1 if closing else 1)))
        elif name == "p":
            self.break_line()
            if self.lines and self.lines[-1].strip("> "):
                self.lines.append(">" * self.quotes)
        elif name in ("td", "th"):
            self.line.append(" ")
        elif name in _BLOCKS:
            self.break_line()
            if name == "pre":
                self.preformatted = max(0, self.preformatted + (-1 if closing else 1))
            if name == "li" and not closing:
                self.line.append("- ")

    def break_line(self, *, always: bool = False) -> None:
        joined = "".join(self.line)
        line = joined.rstrip() if self.preformatted else _BLANKS.sub(" ", joined).strip()
        self.line.clear()
        if line or always:
            prefix = ">" * self.quotes + " " if self.quotes else ""
            self.lines.append((prefix + line).rstrip())

    def is_hidden(self, attributes: str) -> bool:
        if (style := _STYLE.search(attributes)) and self.hides(style[1]):
            return True
        if "hidden" in attributes.lower() and "hidden" in _VALUE.sub("", attributes).lower().split():
            return True
        if self.on_white and _WHITE.search(attributes):
            return True
        if self.hidden_classes and (found := _CLASSES.search(attributes)):
            return not self.hidden_classes.isdisjoint((found[1] or found[2] or found[3] or "").split())
        return False

    def hides(self, style: str) -> bool:
        """Whether a style hides what it is about; a page has few different ones."""
        known = self.styles.get(style)
        if known is None:
            known = bool(_HIDDEN.search(style) or (_FLAT.search(style) and _CLIPPED.search(style)))
            if len(self.styles) < 1_000:
                self.styles[style] = known
        return known


def _hidden_classes(html: str) -> frozenset[str]:
    """The classes that the page's style sheets hide on every screen; rules for some screens (`@media`) do not count."""
    hidden: set[str] = set()
    for count, opening in enumerate(_SHEET.finditer(html)):
        if count >= 20:
            break
        end = html.find("</", opening.end(), opening.end() + 50_000)
        sheet = html[opening.end() : end if end >= 0 else opening.end() + 50_000]
        depth, selectors = 0, ""
        for text in _BRACES.split(sheet):
            if text in ("{", "}"):
                depth = max(0, depth + (1 if text == "{" else -1))
            elif depth == 0:
                selectors = text
            elif depth == 1 and "@" not in selectors and _HIDDEN.search(text):
                hidden.update(found[1] for selector in selectors.split(",") if (found := _CLASS.search(selector)))
    return frozenset(hidden)


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    return entities.unescape(_ENTITY_NUMBER.sub("\ufffd", text))
