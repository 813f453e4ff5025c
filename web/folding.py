"""Works out what of a template no request can change when the template is compiled, and not each time it is drawn.

The one idea: there is one environment per language, so a sentence, a picture or the address of a style that a template
names outright is the same for ever. Such calls become the text they answer with, and Jinja joins that with the text
around it: what is left to do for a page is what depends on somebody's data.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jinja2 import Environment, Template, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

MADE = "made_for_this_page"
"""Under this name a page is handed an empty dictionary, for the macros made for it."""


class FoldingEnvironment(Environment):
    """An environment whose `settled` are functions that answer the same whenever they are asked the same. `once` are
    files of macros that depend on nothing but their arguments and the page's own values: such a file is made once for a
    page, however many of the files the page is put together from import it."""

    settled: Mapping[str, Callable[..., Any]] = {}
    once: Collection[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loaded: dict[str, Template] = {}
        self.filters["made_once"] = _made_once

    def _load_template(self, name: str, globals: Any) -> Template:
        """A page names some thirty files. Jinja would look each up under a lock, and move it to the youngest."""
        if globals is not None:
            return super()._load_template(name, globals)
        known = self._loaded.get(name)
        if known is None:
            known = self._loaded[name] = super()._load_template(name, None)
        return known

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        folded: nodes.Template = _Folding(self.settled, self.once).visit(source)
        return super()._generate(folded, name, filename, defer_init)


class _Folding(NodeTransformer):
    def __init__(self, settled: Mapping[str, Callable[..., Any]], once: Collection[str]) -> None:
        self._settled, self._once = settled, once

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.Node | list[nodes.Node]:
        """Names out of a file that is made once: taken from what was made, without telling it all the page knows."""
        if not (isinstance(node.template, nodes.Const) and node.template.value in self._once and node.with_context):
            return node
        made = nodes.Filter(node.template, "made_once", [], [], None, None, lineno=node.lineno)
        pairs = [(name, name) if isinstance(name, str) else name for name in node.names]
        return [
            nodes.Assign(
                nodes.Name(own, "store", lineno=node.lineno),
                nodes.Getattr(made, name, "load", lineno=node.lineno),
                lineno=node.lineno,
            )
            for name, own in pairs
        ]

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        made = self._settled.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        is_plain = made is not None and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if made is None or not is_plain or not all(isinstance(each, nodes.Const) for each in node.args):
            return node
        return nodes.Const(made(*(each.value for each in node.args)), lineno=node.lineno)  # type: ignore[attr-defined]


@pass_context
def _made_once(context: Context, name: str) -> TemplateModule:
    """The macros of this file for this page."""
    made: Any = context.get(MADE)
    if made is None:
        return context.environment.get_template(name).make_module(context.get_all(), True)
    known: TemplateModule | None = made.get(name)
    if known is None:
        known = made[name] = context.environment.get_template(name).make_module(context.get_all(), True)
    return known


def words(gettext: Callable[[str], str]) -> Callable[..., Markup]:
    """`_` of templates: a sentence in the reader's language, with what is filled in escaped. As in every newstyle
    gettext a sentence is a format, so that a per cent sign is written twice."""
    sentences: dict[str, Markup] = {}
    plain: dict[str, Markup] = {}

    def translate(message: str, **facts: Any) -> Markup:
        if not facts and (ready := plain.get(message)) is not None:
            return ready
        sentence = sentences.get(message)
        if sentence is None:
            sentence = sentences[message] = Markup(gettext(message))
        if facts:
            return sentence % facts
        plain[message] = sentence % {}
        return plain[message]

    return translate
