"""Jinja2 made safe for texts of marketers and fields of strangers: an allow-list, a budget, no way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import BaseLoader, StrictUndefined, TemplateSyntaxError, meta, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import BlockReference, Context, LoopContext, TemplateReference, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from nurture.adapters.rendering import budget
from nurture.adapters.rendering.filters import FILTERS, TESTS
from nurture.adapters.rendering.holes import Hole, TouchedError
from nurture.adapters.rendering.names import CLOSE, OPEN, CustomFields, Record

# Names with a space cannot be written in a template: only `_guarded` puts these in.
_COUNTED: Final = "counted items"
_WRITTEN: Final = "written text"
_JOINED: Final = "joined text"
_SETTING: Final = (nodes.Import, nodes.FromImport, nodes.Macro, nodes.CallBlock, nodes.NSRef)  # besides by `set`
_LEAVES: Final = (nodes.TemplateData, nodes.Name, nodes.Const)  # nothing is in them, and most of a tree are these
_GIVEN: Final = frozenset({"self", "super", "caller", "varargs", "kwargs", "loop"})  # names with a meaning of their own

METHODS: Final = frozenset({"items", "keys", "values", "get"})  # of x, where no field of it is called so
TEXT_ATTRIBUTES: Final = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "startswith", "endswith", "split"}
)
_ATTRIBUTES: Final[dict[type, frozenset[str]]] = {
    str: TEXT_ATTRIBUTES,
    Record: METHODS,
    LoopContext: frozenset(
        {
            *("index", "index0", "first", "last", "length", "revindex", "revindex0"),
            *("cycle", "previtem", "nextitem", "changed", "depth"),
        }
    ),
    BlockReference: frozenset({"super"}),
}


class WrongError(TemplateRuntimeError):
    """What a template asked for cannot be done; the message is for its author."""


def near(name: str, known: Any) -> str:
    """'; did you mean ...?' when something like `name` is known, else nothing."""
    found = get_close_matches(name, [option for option in known if " " not in option], n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def link(target: Any) -> Any:
    """The tracked URL of a target, or what stands for it; the same all through the e-mail."""
    run = budget.current.get()
    url = str(budget.written(target)) if isinstance(target, str) else ""
    if run is None or not is_web_address(url):
        raise WrongError(f"link() takes a full http or https address, not {target!r}")
    if url not in run.links:
        run.links[url] = run.track(url)
    return run.links[url]


def is_web_address(url: str) -> bool:
    """Whether this is a full http or https address without blanks or control characters."""
    if len(url) > 2000 or any(char.isspace() or not char.isprintable() for char in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "\\" not in url


def _range(*ends: int) -> range:
    """A range of at most 1,000 numbers."""
    numbers = range(*ends)
    if len(numbers) > budget.MAX_RANGE:
        raise budget.TooMuchError(f"range() gives at most {budget.MAX_RANGE:,} numbers")
    return numbers


@pass_context  # without it, Jinja would fold constants at compile time, when no rendering is under way
def _shown(context: Context, value: Any) -> Any:
    """A value as an e-mail shows it: nothing for None, yes or no, 40 for 40.0; text in place or by number."""
    if type(value) is not str:
        if value is None:
            return ""
        if isinstance(value, Markup):
            return value
        if isinstance(value, Hole) and (run := budget.current.get()) is not None:
            return run.held(value)
        value = _spoken(value)
    run = budget.current.get()
    if run is None or run.values is None or not value:
        return value
    return run.numbered(escape(value))


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, str | int | float | date | Decimal | Undefined):
        return str(value)  # raises for an unknown name
    kind = "mapping" if isinstance(value, Record) else type(value).__name__
    raise WrongError(f"a {kind} cannot be written; write its fields, loop over it, or join it")


def every_node(tree: nodes.Node) -> Iterator[nodes.Node]:
    """All that is in a tree, in the order of the file: walked once for whatever is looked for, the walk is the cost."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _LEAVES):
            waiting += list(node.iter_child_nodes())[::-1]


def loads(every: Sequence[nodes.Node]) -> Iterator[tuple[nodes.Node, str | None]]:
    """The tags that load another file, each with the file's name; None when it is not one name in quotes."""
    for load in every:
        if not isinstance(load, nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport):
            continue
        named: Any = getattr(load, "template", None)
        target = named.value if isinstance(named, nodes.Const) else None
        yield load, target if isinstance(target, str) else None


def asked(tree: nodes.Template, every: Sequence[nodes.Node]) -> frozenset[str]:
    """The names that a file reads and does not set itself. TemplateSyntaxError for two blocks of one name."""
    names = [node for node in every if isinstance(node, nodes.Name)]
    blocks = [node.name for node in every if isinstance(node, nodes.Block)]
    sets = any(name.ctx != "load" or name.name in _GIVEN for name in names)
    sets |= any(isinstance(node, _SETTING) for node in every)
    if not sets and len(blocks) == len(set(blocks)) and tree.environment is not None:
        return frozenset(name.name for name in names if name.name not in tree.environment.globals)
    # Where names are set it matters where: Jinja finds that out by writing the code, which costs as much as reading it.
    return frozenset(meta.find_undeclared_variables(tree))


def set_names(tree: nodes.Template) -> frozenset[str]:
    """What a file sets at its top level: its blocks, and the files it extends and includes, see these names."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, nodes.Macro):
            found.add(node.name)
        elif isinstance(node, nodes.Import):
            found.add(node.target)
        elif isinstance(node, nodes.FromImport):
            found.update(name if isinstance(name, str) else name[1] for name in node.names)
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            found.update(name.name for name in node.find_all(nodes.Name) if name.ctx == "store")
    return frozenset(found)


def tree_problems(every: Sequence[nodes.Node], sandbox: Sandbox) -> Iterator[tuple[int, str, str]]:
    """Line, word and message for everything in a template that the sandbox refuses."""
    for node in every:
        if isinstance(node, nodes.ScopedEvalContextModifier | nodes.EvalContextModifier):
            yield node.lineno, "autoescape", "escaping cannot be switched off"
    for text in every:
        if isinstance(text, nodes.Const) and isinstance(text.value, str) and not {OPEN, CLOSE}.isdisjoint(text.value):
            yield text.lineno, "", "a text has a character that is no letter or sign"
    for loop in every:
        if isinstance(loop, nodes.For) and loop.recursive:
            yield loop.lineno, "recursive", "recursive loops are not available"
    for load, target in loads(every):
        if target is None:
            yield load.lineno, "", "name one file directly, in quotes: every text is checked before it is used"
    for used in every:
        if not isinstance(used, nodes.Filter | nodes.Test):
            continue
        known = sandbox.filters if isinstance(used, nodes.Filter) else sandbox.tests
        if used.name not in known:
            kind = "filter" if isinstance(used, nodes.Filter) else "test"
            yield used.lineno, used.name, f"no {kind} is named {used.name!r}{near(used.name, known)}"


def _guarded(node: nodes.Node) -> nodes.Node:
    """The tree with a count on every loop, a cap on every `~`, and captured text written out in comparisons."""
    for child in node.iter_child_nodes():
        _guarded(child)
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Concat):
            setattr(node, field, _filter(_JOINED, nodes.List(value.nodes, lineno=value.lineno), value.lineno))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, nodes.Concat):
                    value[place] = _filter(_JOINED, nodes.List(item.nodes, lineno=item.lineno), item.lineno)
    if isinstance(node, nodes.For):
        node.iter = _filter(_COUNTED, node.iter, node.lineno)
    elif isinstance(node, nodes.Compare):
        node.expr = _filter(_WRITTEN, node.expr, node.lineno)
        for operand in node.ops:
            operand.expr = _filter(_WRITTEN, operand.expr, node.lineno)
    return node


def _filter(name: str, node: Any, line: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=line)


def _joined(parts: list[Any]) -> str:
    texts = ["" if part is None else part if isinstance(part, str) else _spoken(budget.written(part)) for part in parts]
    if any(isinstance(text, Markup) for text in texts):
        return Markup(budget.capped(escape(text) for text in texts))
    return budget.capped(texts)


class Sandbox(ImmutableSandboxedEnvironment):
    """The one Jinja2 environment of a set of templates. Compiled templates are shared by all threads."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    concat = staticmethod(budget.captured)

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html"),
            finalize=_shown,
            optimized=False,  # folding constants would run filters at compile time, outside of any budget
            auto_reload=False,
            cache_size=-1,
            trim_blocks=False,
            keep_trailing_newline=True,
        )
        self.globals = {"link": link, "range": _range}
        self.filters = {**FILTERS, _COUNTED: budget.counted, _WRITTEN: budget.written, _JOINED: _joined}
        self.tests = dict(TESTS)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """Jinja's hook between parsing and code: refuse what is not allowed, guard the rest."""
        for line, _, message in tree_problems(tuple(every_node(source)), self):
            raise TemplateSyntaxError(message, line, name, filename)
        _guarded(source)
        return super()._generate(source, name, filename, defer_init)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Any:  # noqa: A002 (Jinja's)
        """A compiled template. Counts: files that include each other twice would double at every level."""
        budget.spend()
        return super().get_template(name, parent, globals)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a mapping, or one of the few attributes that are known to be harmless."""
        if isinstance(obj, Record):
            return self._field(obj, attribute)
        if isinstance(obj, Hole):
            raise TouchedError(obj.sources)
        if isinstance(obj, TemplateModule | TemplateReference):
            return super().getattr(obj, attribute)
        for kind, allowed in _ATTRIBUTES.items():
            if isinstance(obj, kind) and attribute in allowed:
                if isinstance(obj, LoopContext | BlockReference):
                    return getattr(obj, attribute)
                return getattr(budget.written(obj), attribute)
        if isinstance(obj, Undefined):
            str(obj)
        if obj is None:
            return None  # a field of something missing is missing
        return self.undefined(f"{attribute!r} is not available here; use a filter")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of a list or a mapping, or a slice of text."""
        if isinstance(obj, Record):
            return self._field(obj, str(argument))
        if obj is None:
            return None
        if isinstance(obj, TemplateReference):
            return super().getitem(obj, argument)
        try:
            return budget.written(obj)[argument]
        except (TypeError, LookupError):
            return self.undefined(f"there is no item {argument!r} here")

    def _field(self, record: Record, name: str) -> Any:
        if name in record:
            return record[name]
        if name in _ATTRIBUTES[Record]:
            return getattr(record, name)
        if isinstance(record, CustomFields) and not name.startswith("_"):
            return None
        return self.undefined(f"there is no field {name!r} here{near(name, record)}")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (Jinja's)
        """Call a macro or one of the few functions; each call is a step."""
        budget.spend()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers, and text + text; nothing that grows without bound."""
        budget.spend()
        left, right = budget.written(left), budget.written(right)
        if isinstance(left, str) and isinstance(right, str) and operator == "+":
            return _joined([left, right])
        for side in (left, right):
            if side is None:
                raise WrongError(f"a missing value in {operator!r}; give it a default: value|default(0)")
            if isinstance(side, Undefined):
                str(side)
            if isinstance(side, str | list | tuple | dict):
                raise WrongError(f"{operator!r} is for numbers; put texts together with ~")
        if operator == "**" and (abs(left) > 1_000_000 or abs(right) > 32):
            raise WrongError("'**' is too large")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > 1024:
            raise WrongError(f"the result of {operator!r} is too large")
        return result
