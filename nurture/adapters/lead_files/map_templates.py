"""The templates of an import map: one small Jinja expression for each name, with the row's cells as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

# A map is given a row to rearrange. No loops, no assignments, no arithmetic: whatever a cell holds, the work is small.
_NODES: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getitem,
    nodes.Getattr,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Compare,
    nodes.Operand,
    nodes.Concat,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.If,
    nodes.Neg,
    nodes.List,
    nodes.Tuple,
)
_FILTERS: Final = frozenset(
    {"lower", "upper", "title", "capitalize", "trim", "replace", "default", "d", "first", "last", "length", "truncate"}
)
_METHODS: Final = frozenset(
    {"get", "lower", "upper", "title", "strip", "lstrip", "rstrip", "split", "rsplit", "replace", "partition"}
    | {"rpartition", "startswith", "endswith", "removeprefix", "removesuffix", "casefold"}
)
_TESTS: Final = frozenset({"in", "eq", "equalto", "ne", "defined", "undefined"})


class _Environment(ImmutableSandboxedEnvironment):
    def __init__(self) -> None:
        super().__init__(autoescape=False, undefined=StrictUndefined, cache_size=0)
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}
        self.globals.clear()


_ENVIRONMENT: Final = _Environment()


@dataclass(frozen=True, slots=True)
class RowTemplate:
    """A template, ready to render, and what it asks of the file: names on their own, and keys of `row[...]`."""

    template: Template
    names: frozenset[str]
    keys: frozenset[str]

    def render(self, context: Mapping[str, object]) -> str:
        """The text for one row. Raises jinja2.TemplateError, or what a text method raises on an odd cell."""
        return self.template.render(context)


def compile_template(source: str) -> RowTemplate:
    """The template. Raises ValueError with the reason for one that does not parse or does more than it may."""
    try:
        tree = _ENVIRONMENT.parse(source)
        for problem in _problems(tree):
            raise ValueError(problem)
        template = _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise ValueError(f"the template does not parse: {error.message}") from error
    keys = {
        node.arg.value
        for node in tree.find_all(nodes.Getitem)
        if isinstance(node.node, nodes.Name) and node.node.name == "row" and isinstance(node.arg, nodes.Const)
    }
    names = meta.find_undeclared_variables(tree) - {"row", "line"}
    return RowTemplate(template, frozenset(names), frozenset(map(str, keys)))


def _problems(tree: nodes.Template) -> Iterator[str]:
    called = {id(node.node) for node in tree.find_all(nodes.Call)}
    for node in _every(tree):
        match node:
            case nodes.Filter(name=name) if name not in _FILTERS:
                yield f"the filter {name!r} is not for maps; known: {', '.join(sorted(_FILTERS))}"
            case nodes.Call(node=nodes.Getattr(attr=attr)) if attr in _METHODS:
                pass
            case nodes.Call():
                yield f"only these can be called, on a text: {', '.join(sorted(_METHODS))}"
            case nodes.Getattr() if id(node) not in called:
                yield f"no cell has a part called {node.attr!r}; use row['{node.attr}']"
            case _ if not isinstance(node, _NODES):
                yield f"{type(node).__name__.lower()} has no place in a map: use if, filters and ~"
            case _:
                pass


def _every(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    children: Iterable[nodes.Node] = node.iter_child_nodes()
    for child in children:
        yield from _every(child)
