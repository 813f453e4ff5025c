"""How much work a page is for the sanitizer, counted before it begins, because nothing can stop it afterwards.

The one idea: its parser does what the HTML standard says, and that is not linear. Formatting that was never closed is
opened again in every paragraph that follows, so that 140 KB of `<font size=1><p><font size=2><p>...` become 700 MB
in forty seconds; every end tag walks the open elements; every attribute is compared with those before it. `work`
follows the tags as the parser would, in one pass, and counts all three. Where it cannot be sure that an end tag closes
anything it takes it that it does not, so the count is an upper bound; well-formed pages stay far below `MOST`.

Steps are some three nanoseconds of a processor of 2024. Terms are those of the standard, section 13.2.6.4.7.
"""

import re
from collections import Counter
from collections.abc import Iterator

MOST = 300_000_000
"""Steps; about a second."""
FEW_TAGS, FEW_CHARACTERS, FEW = 1_500, 200_000, 100_000_000
"""A page that has fewer of both, and of their product, is within `MOST` whatever it says."""

_NODE = 470  # steps: an element opened once more
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_IMPLIED = frozenset("p li dd dt option optgroup rt rp rb rtc tr tbody thead tfoot html head body".split())
_VOID = frozenset("area base basefont bgsound br col embed frame hr img image input link meta param source track wbr"
                  " keygen".split())  # fmt: skip
_RAW = frozenset("script style title textarea xmp iframe noembed noframes noscript".split())
_STRANGE = frozenset("select svg math template frameset noscript".split())
"""Inside of these end tags mean something else; after one, none is believed."""
_CELLS = frozenset(("td", "th", "caption"))
_IN_ROW = frozenset(("td", "th", "tr", "tbody", "thead", "tfoot", "caption", "col", "colgroup"))
_MARKERS = _CELLS | {"object", "applet", "marquee"}
_BARRIERS = _MARKERS | {"table"}

_BLANK = r"[ \t\n\r\f]"
_ATTRIBUTE = (
    rf"[^ \t\n\r\f/>][^ \t\n\r\f/>=]*+(?:{_BLANK}*+={_BLANK}*+"
    rf"""(?:"[^"]*+"|'[^']*+'|[^ \t\n\r\f>"'][^ \t\n\r\f>]*+)?+)?+"""
)
_TAG = re.compile(rf"<(/?)([a-zA-Z][^ \t\n\r\f/>]*+)((?:[ \t\n\r\f/]++|{_ATTRIBUTE})*+)>")
_ATTRIBUTES = re.compile(rf"[ \t\n\r\f/]++|({_ATTRIBUTE})")
_COMMENT_END = re.compile(r"--!?>")


class _Level:
    """What is open since a barrier: names and sizes of tags in their order, how often each name. `loose` are sizes of
    formatting, by name, that may be active still though what it stood in was closed; `anchor` is where an `a` opened.
    """

    __slots__ = ("alike", "anchor", "barrier", "loose", "names", "opened")

    def __init__(self, barrier: str) -> None:
        self.barrier = barrier
        self.opened: list[tuple[str, int]] = []
        self.names: Counter[str] = Counter()
        self.loose: dict[str, list[int]] = {}
        self.alike: Counter[str] = Counter()
        self.anchor = -1

    def open(self, name: str, size: int = 0) -> None:
        self.opened.append((name, size))
        self.names[name] += 1

    def close(self, since: int) -> None:
        """Elements close around formatting that stays active."""
        for name, size in self.opened[since:]:
            self.names[name] -= 1
            if size:
                self.loose.setdefault(name, []).append(size)
        del self.opened[since:]


class _Parser:
    """Follows the tags. `depth` is how many elements are open, `active` how many and `size` how large the tags of those
    that a new paragraph may open once more."""

    def __init__(self) -> None:
        self.levels = [_Level("")]
        self.depth = self.active = self.size = 0

    def count(self, by: int, size: int) -> None:
        self.active += by
        self.size += size

    def leave(self) -> None:
        """The innermost barrier closes. A cell takes its formatting along, a table does not."""
        level = self.levels.pop()
        self.depth -= len(level.opened)
        level.close(0)
        for name, sizes in level.loose.items():
            if level.barrier in _MARKERS:
                self.count(-len(sizes), -sum(sizes))
            else:
                self.levels[-1].loose.setdefault(name, []).extend(sizes)

    def start(self, name: str, size: int, tag: str, *, is_sure: bool) -> None:
        """A start tag."""
        if name in _IN_ROW and is_sure and self.levels[-1].barrier in _CELLS:
            self.leave()
        level = self.levels[-1]
        if name in _BARRIERS:
            if name not in _CELLS or level.barrier == "table":
                self.levels.append(_Level(name))
        elif name in _FORMATTING:
            if name == "a" and is_sure:
                self._close_anchor(level)
                level.anchor = len(level.opened)
            else:
                level.alike[tag] += 1
                if level.alike[tag] > 3:  # the standard keeps three
                    size = 0
            self.count(int(size > 0), size)
            level.open(name, size)
            self.depth += 1
        elif name not in _IMPLIED and name not in _VOID:
            level.open(name)
            self.depth += 1

    def end(self, name: str) -> int:
        """An end tag that is believed; returns the steps of what it leaves to be opened again."""
        level = self.levels[-1]
        if name in _BARRIERS or name == "tr":
            if level.barrier in _CELLS and name in ("tr", "table"):
                self.leave()
            if self.levels[-1].barrier == name:
                self.leave()
        elif name in _FORMATTING:
            return self._end_formatting(level, name)
        elif name not in _IMPLIED and level.names[name]:
            at = next(i for i in range(len(level.opened) - 1, -1, -1) if level.opened[i][0] == name)
            self.depth -= len(level.opened) - at
            level.close(at)
        return 0

    def _end_formatting(self, level: _Level, name: str) -> int:
        for back, (other, size) in enumerate(reversed(level.opened[-2:]), 1):
            if other == name:
                del level.opened[-back]
                level.names[name] -= 1
                self.depth -= 1
                self.count(-int(size > 0), -size)
                return 0 if back == 1 else self.active * _NODE + self.size
        if sizes := level.loose.get(name):
            self.count(-1, -sizes.pop())
        return 0

    def _close_anchor(self, level: _Level) -> None:
        """An `a` in an `a` ends the one before."""
        if 0 <= level.anchor < len(level.opened) and level.opened[level.anchor][0] == "a":
            _, size = level.opened[level.anchor]
            level.opened[level.anchor] = ("", 0)
            level.names["a"] -= 1
            self.count(-1, -size)
        elif sizes := level.loose.get("a"):
            self.count(-1, -sizes.pop())


def is_tangled(html: str) -> bool:
    """Whether the page would keep the sanitizer for more than about a second."""
    tags = html.count("<")
    if tags < FEW_TAGS and len(html) < FEW_CHARACTERS and tags * len(html) < FEW:
        return False
    return work(html) > MOST


def work(html: str) -> int:
    """Steps that parsing this page takes at most; counting ends soon after `MOST`."""
    steps, merged, is_sure = len(html), 0, True
    parser = _Parser()
    for is_end, name, size, attributes, tag in _tags(html):
        is_sure = is_sure and name not in _STRANGE
        steps += 3 * (parser.depth + len(parser.levels)) + parser.active + 10 + attributes * attributes // 12
        if name not in _FORMATTING:
            steps += parser.active * _NODE + parser.size
        if name in ("html", "body"):  # its attributes join those of the one there is
            merged += 1
            steps += 7 * merged
        if steps > MOST:
            break
        if not is_end:
            parser.start(name, size, tag, is_sure=is_sure)
        elif is_sure:
            steps += parser.end(name)
    return steps


def _tags(html: str) -> Iterator[tuple[bool, str, int, int, str]]:
    """The tags as the standard's tokenizer finds them: whether it is an end tag, its name, the size of it, how many
    attributes where they are many, and all of it. What stands in comments and raw text is passed over."""
    position = 0
    while (start := html.find("<", position)) >= 0:
        found = _TAG.match(html, start)
        if found is None:
            if html.startswith("<!--", start):
                if html.startswith((">", "->"), start + 4):
                    position = start + 5
                    continue
                end = _COMMENT_END.search(html, start + 4)
                if end is None:
                    return
                position = end.end()
            elif html.startswith(("<!", "<?", "</"), start):
                if html[start + 1] == "/" and _is_letter(html[start + 2 : start + 3]):
                    return  # a tag that never ends
                position = html.find(">", start) + 1
                if position == 0:
                    return
            elif _is_letter(html[start + 1 : start + 2]):
                return
            else:
                position = start + 1
            continue
        position = found.end()
        name, text = found[2].lower(), found[3]
        count = sum(1 for each in _ATTRIBUTES.finditer(text) if each[1]) if len(text) > 2_000 else 0
        yield found[1] == "/", name, position - start, count, found[0]
        if found[1] or name not in _RAW:
            if name == "plaintext":
                return
            continue
        end_tag = re.compile(rf"</{name}(?=[ \t\n\r\f/>])", re.I).search(html, position)
        if end_tag is None:
            return
        if name == "script" and "<!--" in html[position : end_tag.start()]:
            yield False, "template", 0, 0, ""  # where that script ends is another question: believe no end tag
        position = end_tag.start()


def _is_letter(text: str) -> bool:
    return text.isascii() and text.isalpha()
