"""The files of templates as they are written: texts, front matter and syntax trees, each read once."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from typing import Final, Literal

from jinja2 import FunctionLoader, TemplateSyntaxError, nodes

from nurture.adapters.rendering import front_matter
from nurture.adapters.rendering.failure import PREHEADER, SUBJECT
from nurture.adapters.rendering.front_matter import FrontMatter
from nurture.adapters.rendering.names import CLOSE, OPEN
from nurture.adapters.rendering.sandbox import Sandbox, asked, every_node, loads, set_names
from nurture.domain.errors import Problem, UnknownNameError

TemplateKind = Literal["email", "script"]
ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {"email": (".html", ".txt"), "script": (".md",)}

# In text, a line that holds only tags leaves nothing behind. Block tags stay: they separate paragraphs.
_TAG: Final = r"\{%[+-]?\s*(?!end?block|block|raw|endraw)(?:[^%]|%(?!\}))*%\}|\{#(?:[^#]|#(?!\}))*#\}"
_ONLY_TAGS: Final = re.compile(rf"^[ \t]*((?:{_TAG})(?:[ \t]*(?:{_TAG}))*)[ \t]*\n", re.MULTILINE)


class Sources:
    """Texts by path: 'evergreen/benchmark.html', 'layouts/default.txt', 'qualification/intro.md'.

    `senders`: the names that `from` may have; None: not checked.
    """

    def __init__(self, texts: Mapping[str, str], *, senders: Collection[str] | None = None) -> None:
        self.senders = senders
        self.texts = {
            path: text.removeprefix("\ufeff").replace("\r\n", "\n").replace(OPEN, "").replace(CLOSE, "")
            for path, text in texts.items()
        }
        self.sandbox = Sandbox(FunctionLoader(self._load))
        self.checked: dict[Hashable, tuple[tuple[Problem, ...], frozenset[str], bool]] = {}  # for `checks` alone
        self._matters: dict[str, FrontMatter] = {}
        self._trees: dict[str, nodes.Template] = {}
        self._nodes: dict[str, tuple[nodes.Node, ...]] = {}
        self._tags: dict[str, list[tuple[nodes.Node, str | None]]] = {}
        self._asks: dict[str, frozenset[str]] = {}

    def resolve(self, cadence: str, name: str, kind: TemplateKind) -> str:
        """The path of a step's template: in the cadence's folder, else from the root. UnknownNameError if neither."""
        for path in (f"{cadence}/{name}", name):
            if any(path + ending in self.texts for ending in ENDINGS[kind]):
                return path
        paths = {file.removesuffix(ending) for file in self.texts for ending in ENDINGS[kind] if file.endswith(ending)}
        files = " and ".join(f"templates/{cadence}/{name}{ending}" for ending in ENDINGS[kind])
        known = {path.removeprefix(f"{cadence}/") for path in paths if not path.startswith("layouts/")}
        raise UnknownNameError(f"{kind} template", name, sorted(known), otherwise=f"Write {files}.")

    def matter(self, path: str) -> FrontMatter:
        """The front matter of a file, read once."""
        if path not in self._matters:
            self._matters[path] = front_matter.of(self.texts[path])
        return self._matters[path]

    def text(self, name: str) -> str | None:
        """What Jinja reads under a name: line n is line n of the file. None for an unknown name."""
        for suffix, key in ((SUBJECT, "subject"), (PREHEADER, "preheader")):
            if name.endswith(suffix):
                matter = self.matter(name.removesuffix(suffix))
                return _lines_down(matter.lines[key] - 1) + matter.texts[key]
        source = self.texts.get(name)
        if source is None:
            return None
        if name.endswith(".html"):
            _, above, body = front_matter.split(source)
            return _lines_down(above) + body
        return _ONLY_TAGS.sub(_without_its_line_end, source)

    def _load(self, name: str) -> tuple[str, None, None] | None:
        source = self.text(name)
        return None if source is None else (source, None, None)

    def loads(self, name: str, *kinds: type[nodes.Node]) -> list[str]:
        """The files that a template loads, and that those load, without repeats; only by tags of `kinds` if given."""
        found: dict[str, bool] = {}  # loaded by one of the kinds?
        waiting = [name]
        seen = {name}
        while waiting:
            for load, target in self.tags(waiting.pop()):
                if target is None:
                    continue
                found[target] = found.get(target, False) or not kinds or isinstance(load, kinds)
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return [target for target, wanted in found.items() if wanted]

    def tree(self, name: str) -> nodes.Template:
        """A file parsed, once, for looking at: every e-mail asks about its layout. Raises TemplateSyntaxError."""
        if name not in self._trees:
            self._trees[name] = self.sandbox.parse(self.text(name) or "", name)
        return self._trees[name]

    def every_node(self, name: str) -> tuple[nodes.Node, ...]:
        """All that is in a file, in its order. Raises TemplateSyntaxError."""
        if name not in self._nodes:
            self._nodes[name] = tuple(every_node(self.tree(name)))
        return self._nodes[name]

    def asks(self, name: str) -> frozenset[str]:
        """The names that a file shows or tests and does not set itself. Raises TemplateSyntaxError."""
        if name not in self._asks:
            self._asks[name] = asked(self.tree(name), self.every_node(name))
        return self._asks[name]

    def sets(self, name: str) -> frozenset[str]:
        """The names that a file sets for itself, outside of its blocks and loops: by set, import and macro."""
        try:
            return set_names(self.tree(name))
        except (TemplateSyntaxError, RecursionError):
            return frozenset()

    def tags(self, name: str) -> list[tuple[nodes.Node, str | None]]:
        """The tags of a file that load others, each with that file's name, looked for once."""
        if name not in self._tags:
            try:
                self._tags[name] = list(loads(self.every_node(name)))
            except (TemplateSyntaxError, RecursionError):
                self._tags[name] = []  # said when it is compiled or checked
        return self._tags[name]


def _lines_down(lines: int) -> str:
    """A comment that takes so many lines and leaves nothing, so that errors name the line of the file."""
    return "{#" + "\n" * lines + "-#}" if lines else ""


def _without_its_line_end(line: re.Match[str]) -> str:
    if line[1].endswith(("-%}", "-#}")):
        return line[0]  # it already takes all blanks after it
    return line[1] + "{#\n#}"  # the break stays in the source, where it keeps the count of lines
