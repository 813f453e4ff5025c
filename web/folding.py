"""Works out what of a template no request can change when the template is compiled, and not each time it is drawn.

The one idea: there is one environment per language, so a sentence, a picture or the address of a style that a template
names outright is the same for ever. Such calls become the text they answer with, and Jinja joins that with the text
around it: what is left to do for a page is what depends on somebody's data.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.environment import TemplateModule
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

MADE = "made_for_this_page"
"""Under this name a page is handed an empty dictionary, for the macros made for it."""


class SharedTemplate(Template):
    """A file of macros that depend on nothing but their arguments and the page's own values is made once for a page,
    however many of the files the page is put together from import it."""

    def make_module(
        self, vars: dict[str, Any] | None = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> TemplateModule:
        made: dict[str | None, TemplateModule] | None = (vars or {}).get(MADE)
        if made is None or self.name not in self.environment.once:  # type: ignore[attr-defined]
            return super().make_module(vars, shared, locals)
        if self.name not in made:
            made[self.name] = super().make_module(vars, shared)
        return made[self.name]


class FoldingEnvironment(Environment):
    """An environment whose `settled` are functions that answer the same whenever they are asked the same. `once` are
    the files that `SharedTemplate` speaks of."""

    settled: Mapping[str, Callable[..., Any]] = {}
    once: Collection[str] = ()
    template_class = SharedTemplate

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        folded: nodes.Template = _Folding(self.settled).visit(source)
        return super()._generate(folded, name, filename, defer_init)


class _Folding(NodeTransformer):
    def __init__(self, settled: Mapping[str, Callable[..., Any]]) -> None:
        self._settled = settled

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        made = self._settled.get(node.node.name) if isinstance(node.node, nodes.Name) else None
        is_plain = made is not None and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if made is None or not is_plain or not all(isinstance(each, nodes.Const) for each in node.args):
            return node
        return nodes.Const(made(*(each.value for each in node.args)), lineno=node.lineno)  # type: ignore[attr-defined]


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
