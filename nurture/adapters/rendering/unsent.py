"""What stands in a template and never reaches anybody: outside the blocks of its layout, or in one that it lacks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from jinja2 import TemplateSyntaxError, nodes

from nurture.adapters.rendering.sandbox import near

if TYPE_CHECKING:
    from nurture.adapters.rendering.sources import Sources

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_SHOWING: Final = (nodes.Include, nodes.CallBlock, nodes.FilterBlock)


def unsent(sources: Sources, name: str) -> Iterator[tuple[int, str, str]]:
    """Line, word and message for each block that the layout lacks, and for the first text outside of all blocks."""
    body = sources.tree(name).body
    above = next((at for at, node in enumerate(body) if isinstance(node, nodes.Extends)), None)
    if above is None:
        return
    layout = _extended(body[above])
    known = _blocks(sources, layout) if layout is not None else None
    if known is None:
        return  # reported where it is loaded
    for block in _outer_blocks(body):
        if block.name not in known:
            hint = near(block.name, known) or f"; it has {', '.join(known) or 'none'}"
            yield block.lineno, block.name, f"never sent: {layout!r} has no block {block.name!r}{hint}"
    lost = next(_lost(body[above + 1 :]), None)
    if lost is not None:
        yield lost, "", f"never sent: this stands in no block of {layout!r}, which has {', '.join(known) or 'none'}"


def _extended(node: nodes.Node) -> str | None:
    """The file that an `extends` names in quotes."""
    target = getattr(node, "template", None)
    return target.value if isinstance(target, nodes.Const) and isinstance(target.value, str) else None


def _blocks(sources: Sources, layout: str) -> dict[str, None] | None:
    """The blocks of a layout and of those that it extends; None where one of them cannot be read."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    file: str | None = layout
    while file is not None and file not in seen:
        seen.add(file)
        if sources.text(file) is None:
            return None
        try:
            every = sources.every_node(file)
        except (TemplateSyntaxError, RecursionError):
            return None
        found |= dict.fromkeys(node.name for node in every if isinstance(node, nodes.Block))
        file = next((_extended(node) for node in every if isinstance(node, nodes.Extends)), None)
    return found


def _outer_blocks(body: Iterable[nodes.Node]) -> Iterator[nodes.Block]:
    """The blocks that fill one of the layout: those inside another are shown where they stand."""
    for node in body:
        if isinstance(node, nodes.Block):
            yield node
        elif isinstance(node, nodes.If | nodes.For | nodes.With | nodes.Scope):
            yield from _outer_blocks(node.iter_child_nodes())


def _lost(body: Iterable[nodes.Node]) -> Iterator[int]:
    """The lines of what a file shows outside of its blocks."""
    for node in body:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if not isinstance(part, nodes.TemplateData):
                    yield part.lineno
                elif (text := _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), part.data)).strip():
                    yield part.lineno + text[: len(text) - len(text.lstrip())].count("\n")
        elif isinstance(node, _SHOWING):
            yield node.lineno
        elif isinstance(node, nodes.If | nodes.For | nodes.With | nodes.Scope):
            yield from _lost(node.iter_child_nodes())
