"""What a template does with each name: shows it as it is, or works with its value. Read from the tree, not rendered.

Two leads for whom the values that are worked with are equal, and those that are only shown are alike, get texts that
both succeed or both fail: so a plan can speak for every lead without rendering each text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from nurture.adapters.rendering.failure import PREHEADER, SUBJECT
from nurture.adapters.rendering.sandbox import METHODS
from nurture.adapters.rendering.sources import ENDINGS, Sources, TemplateKind

# Lists that differ from lead to lead; what a loop makes of them is not told by any name.
_LISTS: Final = frozenset({"facts", "history", "questions"})
_ASKING: Final = frozenset({"none", "defined", "undefined"})


@dataclass(slots=True)
class Needs:
    """Names, with `x.NAME` for custom fields and `x` for all of them together. `lists`: it also goes through lists."""

    shown: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    lists: bool = False


def needs(sources: Sources, path: str, kind: TemplateKind) -> Needs:
    """What a template (path without extension) and the files it loads do with names."""
    found = Needs()
    for ending in ENDINGS[kind]:
        file = path + ending
        if file not in sources.texts:
            continue
        parts = [file]
        if ending == ".html":
            texts = sources.matter(file).texts
            parts += [file + suffix for suffix, key in ((SUBJECT, "subject"), (PREHEADER, "preheader")) if key in texts]
        for part in [*parts, *(loaded for each in parts for loaded in sources.loads(each))]:
            try:
                _read(sources.tree(part).body, found)
            except (TemplateSyntaxError, RecursionError):
                continue  # no lead gets it
    found.shown -= found.used
    return found


def _read(body: Iterable[nodes.Node], found: Needs) -> None:
    for node in body:
        match node:
            case nodes.Output():
                for part in node.nodes:
                    _value(part, found, plain=True)
            case nodes.If():
                _value(node.test, found, plain=True)
                _read([*node.body, *node.elif_, *node.else_], found)
            case nodes.Expr():
                _value(node, found, plain=False)
            case _:
                _read(node.iter_child_nodes(), found)


def _value(node: nodes.Node, found: Needs, *, plain: bool) -> None:
    match node:
        case nodes.Name(name=name, ctx="load"):
            _note(name, found, plain=plain)
        case nodes.Getattr(node=nodes.Name(name="x"), attr=attr) if attr not in METHODS:
            _note(f"x.{attr}", found, plain=plain)
        case nodes.Getitem(node=nodes.Name(name="x"), arg=nodes.Const(value=str() as attr)) if attr not in METHODS:
            _note(f"x.{attr}", found, plain=plain)
        case nodes.Or() | nodes.And() | nodes.Not() | nodes.CondExpr():
            for part in node.iter_child_nodes():
                _value(part, found, plain=plain)
        case nodes.Test(name=word) if word in _ASKING:
            _value(node.node, found, plain=plain)
        case _:
            for part in node.iter_child_nodes():
                _value(part, found, plain=False)


def _note(name: str, found: Needs, *, plain: bool) -> None:
    found.lists = found.lists or name in _LISTS
    (found.shown if plain else found.used).add(name)
