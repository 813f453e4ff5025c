"""What a template says outright is worked out when it is compiled; what depends on somebody's data stays."""

from jinja2 import DictLoader

from web import folding
from web.folding import FoldingEnvironment

SENTENCES = {"Reply": "返信", "Half %%": "半分 %%", "Hello %(name)s": "%(name)s さん"}


def drawn(template: str, **context: object) -> tuple[str, list[tuple[object, ...]]]:
    """The text, and what was asked of `icon` after the template was compiled."""
    asked: list[tuple[object, ...]] = []

    def icon(*told: object) -> str:
        asked.append(told)
        return "-".join(map(str, told))

    environment = FoldingEnvironment(loader=DictLoader({"page": template}), autoescape=True)
    environment.settled = {"_": folding.words(lambda text: SENTENCES.get(text, text)), "icon": icon}
    environment.globals.update(environment.settled)
    page = environment.get_template("page")
    asked.clear()
    return page.render(**context), asked


def test_what_is_named_outright_is_not_asked_for_again() -> None:
    assert drawn("<b>{{ icon('mail', 12) }}{{ _('Reply') }}</b>") == ("<b>mail-12返信</b>", [])


def test_what_depends_on_data_is_asked_for_each_time() -> None:
    assert drawn("{{ icon(shape) }}", shape="mail") == ("mail", [("mail",)])


def test_data_in_a_sentence_is_escaped_and_the_sentence_is_not() -> None:
    text, _ = drawn("{{ _('Hello %(name)s', name=name) }} {{ _('Half %%') }}", name="<i>")
    assert text == "&lt;i&gt; さん 半分 %"


def test_a_settled_word_is_also_what_a_macro_is_given() -> None:
    text, _ = drawn("{% macro line(label) %}<i>{{ label }}</i>{% endmacro %}{{ line(_('Reply')) }}")
    assert text == "<i>返信</i>"


def test_the_macros_of_a_file_are_made_once_for_a_page_and_anew_for_the_next() -> None:
    made: list[object] = []
    files = {
        "pieces": "{{ note(now) }}{% macro at() %}{{ now }}{% endmacro %}",
        "part": '{% from "pieces" import at with context %}{{ at() }}',
        "page": '{% from "pieces" import at with context %}{{ at() }} {% include "part" %}',
    }
    environment = FoldingEnvironment(loader=DictLoader(files))
    environment.once = {"pieces"}
    page = environment.get_template("page")
    for now in ("9:00", "9:01"):
        text = page.render({"now": now, "note": made.append, folding.MADE: {}})
        assert text == f"{now} {now}"
    assert made == ["9:00", "9:01"]
