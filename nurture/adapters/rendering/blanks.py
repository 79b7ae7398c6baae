"""Where a template shows a name that a lead may lack, and nothing stands in for it: read from the tree, not rendered.

A name is safe behind `or`, `default`, or in a branch of an `if` that asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from nurture.adapters.rendering.checks import located
from nurture.adapters.rendering.failure import PREHEADER, SUBJECT
from nurture.adapters.rendering.names import LEAD
from nurture.adapters.rendering.sources import ENDINGS, Sources, TemplateKind
from nurture.domain.errors import Problem

Names = frozenset[str]
_OPTIONAL: Final = LEAD - {"x"}
_NONE: Final[Names] = frozenset()
_ORDER: Final = frozenset({"gt", "gteq", "lt", "lteq"})
_ABSENT: Final = frozenset({"none", "undefined"})
_PRESENT: Final = frozenset({"defined", "string", "number", "integer", "float", "true"})


@dataclass(frozen=True, slots=True)
class Blank:
    """A name that may be missing where it stands."""

    file: str
    line: int
    name: str


def problems(sources: Sources, path: str, kind: TemplateKind, known: Names, *, of: str) -> list[Problem]:
    """A warning for each name that may be missing; `of`: whose leads are meant."""
    return [
        Problem(
            *located(sources, one.file, one.line, one.name),
            f"{one.name} can be missing for the leads of {of}: write {{{{ {one.name} or '...' }}}}, put it in an 'if', "
            "or let enroll.when ask for it",
            "warning",
        )
        for one in blanks(sources, path, kind, known)
    ]


def blanks(sources: Sources, path: str, kind: TemplateKind, known: Names) -> list[Blank]:
    """The names in a template (path without extension), and in what it loads, that may be missing besides `known`."""
    found: dict[Blank, None] = {}
    for ending in ENDINGS[kind]:
        file = path + ending
        if file not in sources.texts:
            continue
        parts = [file]
        if ending == ".html":
            texts = sources.matter(file).texts
            parts += [file + suffix for suffix, key in ((SUBJECT, "subject"), (PREHEADER, "preheader")) if key in texts]
        for part in parts:
            found |= dict.fromkeys(_File(sources, part).read(known))
    return list(found)


@dataclass(slots=True)
class _File:
    """One file. `local`: names that it sets itself -> the names that are missing where those are blank."""

    sources: Sources
    name: str
    replaced: Names = _NONE  # the blocks that a file which extends this one puts others in the place of
    local: dict[str, Names] = field(default_factory=dict)

    def read(self, known: Names) -> Iterator[Blank]:
        """What may be missing in this file and in those that it loads."""
        try:
            tree = self.sources.tree(self.name)
        except (TemplateSyntaxError, RecursionError, LookupError):
            return  # reported otherwise
        yield from self._body(tree.body, known)
        every = self.sources.every_node(self.name)
        own = frozenset(block.name for block in every if isinstance(block, nodes.Block))
        for load, target in self.sources.tags(self.name):
            if target is None or self.sources.text(target) is None or isinstance(load, nodes.Include):
                continue  # an include is read where it stands, with what is known there
            if isinstance(load, nodes.Extends):
                yield from _File(self.sources, target, self.replaced | own, self.local).read(known)
            elif getattr(load, "with_context", False):
                yield from _File(self.sources, target).read(known)

    def _body(self, body: Iterable[nodes.Node], known: Names) -> Iterator[Blank]:
        for node in body:
            yield from self._statement(node, known)

    def _statement(self, node: nodes.Node, known: Names) -> Iterator[Blank]:
        match node:
            case nodes.Output(nodes=parts):  # most of a file, and of that most is plain text
                for part in parts:
                    if not isinstance(part, nodes.TemplateData):
                        yield from self._shown(part, known)
            case nodes.If():
                yield from self._asked(node.test, known)
                yield from self._body(node.body, known | self._if(node.test))
                otherwise = known | self._unless(node.test)
                for branch in node.elif_:
                    yield from self._asked(branch.test, otherwise)
                    yield from self._body(branch.body, otherwise | self._if(branch.test))
                    otherwise |= self._unless(branch.test)
                yield from self._body(node.else_, otherwise)
            case nodes.Assign(target=nodes.Name(name=name)):
                self.local[name] = frozenset(blank.name for blank in self._shown(node.node, known))
            case nodes.For():
                yield from self._shown(node.iter, known)
                self.local |= dict.fromkeys((one.name for one in _targets(node.target)), _NONE)
                yield from self._body([*node.body, *node.else_], known)
            case nodes.Macro():
                self.local |= dict.fromkeys((one.name for one in node.args), _NONE)
                yield from self._body(node.body, known)
            case nodes.Block():
                if node.name not in self.replaced:
                    yield from self._body(node.body, known)
            case nodes.Include(template=nodes.Const(value=str() as target)):
                if self.sources.text(target) is not None:
                    yield from _File(self.sources, target, local=self.local).read(known)
            case nodes.Expr():
                yield from self._shown(node, known)
            case _:
                for child in node.iter_child_nodes():
                    yield from self._statement(child, known)

    def _asked(self, test: nodes.Node, known: Names) -> Iterator[Blank]:
        return self._shown(test, known, soft=True)

    def _shown(self, node: nodes.Node, known: Names, *, soft: bool = False) -> Iterator[Blank]:
        """What would be blank; `soft`: where something else takes its place, only what would fail."""
        name = _name(node)
        if name is not None:
            missing = self.local[name] if name in self.local else frozenset({name} if _may_lack(name) else ())
            if not soft and name not in known:
                yield from (Blank(self.name, node.lineno, one) for one in sorted(missing - known))
            return
        match node:
            case nodes.Or():
                yield from self._shown(node.left, known, soft=True)
                yield from self._shown(node.right, known | self._unless(node.left), soft=soft)
            case nodes.And():
                yield from self._shown(node.left, known, soft=True)
                yield from self._shown(node.right, known | self._if(node.left), soft=soft)
            case nodes.Not():
                yield from self._shown(node.node, known, soft=True)
            case nodes.CondExpr():
                yield from self._shown(node.test, known, soft=True)
                yield from self._shown(node.expr1, known | self._if(node.test), soft=soft)
                if node.expr2 is not None:
                    yield from self._shown(node.expr2, known | self._unless(node.test), soft=soft)
            case nodes.Test(name=test):
                yield from self._shown(node.node, known, soft=test in _ABSENT | _PRESENT)
            case nodes.Compare():
                hard = any(one.op in _ORDER for one in node.ops)
                for side in (node.expr, *(one.expr for one in node.ops)):
                    yield from self._shown(side, known, soft=not hard)
            case nodes.Filter(name=word, node=inner):
                if inner is not None:
                    yield from self._shown(inner, known, soft=soft or word in ("default", "d"))
                for argument in node.args:
                    yield from self._shown(argument, known)
            case nodes.Getattr():
                yield from self._shown(node.node, known, soft=soft)
            case _:
                for child in node.iter_child_nodes():
                    yield from self._shown(child, known)

    def _if(self, test: nodes.Node) -> Names:
        """The names that are there where the test holds."""
        name = _name(test)
        if name is not None:
            return frozenset({name})
        match test:
            case nodes.And():
                return self._if(test.left) | self._if(test.right)
            case nodes.Or():
                return self._if(test.left) & self._if(test.right)
            case nodes.Not():
                return self._unless(test.node)
            case nodes.Test(name=word) if word in _PRESENT:
                return self._if(test.node)
            case nodes.Filter(name=word, node=inner) if inner is not None and word not in ("default", "d"):
                return self._if(inner)
            case nodes.Compare(ops=[nodes.Operand(op=op, expr=other)]) if op in _ORDER | {"eq", "in"}:
                return self._if(test.expr) if not isinstance(other, nodes.Const) or other.value is not None else _NONE
            case _:
                return _NONE

    def _unless(self, test: nodes.Node) -> Names:
        """The names that are there where the test does not hold."""
        match test:
            case nodes.Or():
                return self._unless(test.left) | self._unless(test.right)
            case nodes.And():
                return self._unless(test.left) & self._unless(test.right)
            case nodes.Not():
                return self._if(test.node)
            case nodes.Test(name=word) if word in _ABSENT:
                return self._if(test.node)
            case nodes.Compare(ops=[nodes.Operand(op="ne", expr=nodes.Const(value=value))]) if value is not None:
                return self._if(test.expr)
            case _:
                return _NONE


def _name(node: nodes.Node) -> str | None:
    """The name that an expression is: `title`, `x.seats`; None for anything else."""
    match node:
        case nodes.Name(name=name, ctx="load"):
            return name
        case nodes.Getattr(node=nodes.Name(name="x"), attr=attr):
            return f"x.{attr}"
        case nodes.Getitem(node=nodes.Name(name="x"), arg=nodes.Const(value=str() as attr)):
            return f"x.{attr}"
        case _:
            return None


def _may_lack(name: str) -> bool:
    return name in _OPTIONAL or name.startswith("x.")


def _targets(target: nodes.Node) -> list[nodes.Name]:
    return [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
