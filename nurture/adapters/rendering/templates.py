"""The templates of a workspace: e-mails and call scripts, rendered for one lead at a time, from any thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Literal

from jinja2 import FunctionLoader, Template, TemplateSyntaxError, nodes

from nurture.adapters.rendering import budget, front_matter, inline_css
from nurture.adapters.rendering.budget import Run
from nurture.adapters.rendering.compiled import Compiled, RenderedEmail, run, tidy
from nurture.adapters.rendering.failure import PREHEADER, SUBJECT, RenderError, explained, file_of
from nurture.adapters.rendering.front_matter import FrontMatter
from nurture.adapters.rendering.names import CLOSE, OPEN, frozen
from nurture.adapters.rendering.sandbox import Sandbox, asked, every_node, loads, set_names
from nurture.adapters.rendering.stencil import Stencils
from nurture.domain.errors import Problem, UnknownNameError

if TYPE_CHECKING:
    from nurture.adapters.rendering.needs import Needs

TemplateKind = Literal["email", "script"]
ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {"email": (".html", ".txt"), "script": (".md",)}

# Shapes differ by branches taken and fields missing: a few for each e-mail. A shape takes about 15 KB.
_SHAPES: Final = 1024

# In text, a line that holds only tags leaves nothing behind. Block tags stay: they separate paragraphs.
_TAG: Final = r"\{%[+-]?\s*(?!end?block|block|raw|endraw)(?:[^%]|%(?!\}))*%\}|\{#(?:[^#]|#(?!\}))*#\}"
_ONLY_TAGS: Final = re.compile(rf"^[ \t]*((?:{_TAG})(?:[ \t]*(?:{_TAG}))*)[ \t]*\n", re.MULTILINE)


class Templates:
    """Templates by path: 'evergreen/benchmark.html', 'layouts/default.txt', 'qualification/intro.md'.

    Each is compiled once, when it is first used. Texts come from the mapping and nowhere else. `senders`: the names
    that `from` may have; None: not checked.
    """

    def __init__(self, sources: Mapping[str, str], *, senders: Collection[str] | None = None) -> None:
        self.senders = senders
        self.sources = {
            path: text.replace("\r\n", "\n").replace(OPEN, "").replace(CLOSE, "") for path, text in sources.items()
        }
        self.sandbox = Sandbox(FunctionLoader(self._load))
        self._compiling = RLock()
        self._emails: dict[str, Compiled] = {}
        self._scripts: dict[str, Template] = {}
        self._matters: dict[str, FrontMatter] = {}
        self._trees: dict[str, nodes.Template] = {}
        self._nodes: dict[str, tuple[nodes.Node, ...]] = {}
        self._tags: dict[str, list[tuple[nodes.Node, str | None]]] = {}
        self._asks: dict[str, frozenset[str]] = {}
        self._needs: dict[str, Needs] = {}
        self.checked: dict[Hashable, tuple[tuple[Problem, ...], frozenset[str], bool]] = {}  # for `problems` alone
        self._pieces = lru_cache(maxsize=_SHAPES)(inline_css.pieces)
        self._stencils = Stencils(lambda path: self.needs(path, "email"))

    def email(self, path: str, names: Mapping[str, Any], link: Callable[[str], str]) -> RenderedEmail:
        """The e-mail at `path` (without extension). `link` is given each target once and returns its tracked URL.

        RenderError says what is wrong, at which line of which file. TypeError for a value that is not plain data.
        """
        compiled = self._emails.get(path) or self._compile_email(path)
        return self._stencils.email(path, compiled, names, link) or compiled.email(frozen(names), link)

    def sender(self, path: str) -> str | None:
        """Whom the e-mail at `path` names as its sender; None: nobody, or there is no such e-mail."""
        file = f"{path}.html"
        return (self.matter(file).texts.get("from") or None) if file in self.sources else None

    def script(self, path: str, names: Mapping[str, Any]) -> str:
        """The call script or task at `path` (without extension), as Markdown. RenderError as for e-mails."""
        template = self._scripts.get(path)
        if template is None:
            template = self._scripts[path] = self._compile(f"{path}.md")
        token = budget.current.set(Run(lambda target: target))
        try:
            return tidy(run(template, frozen(names), self.sources))
        finally:
            budget.current.reset(token)

    def resolve(self, cadence: str, name: str, kind: TemplateKind) -> str:
        """The path of a step's template: in the cadence's folder, else from the root. UnknownNameError if neither."""
        for path in (f"{cadence}/{name}", name):
            if any(path + ending in self.sources for ending in ENDINGS[kind]):
                return path
        paths = {
            file.removesuffix(ending) for file in self.sources for ending in ENDINGS[kind] if file.endswith(ending)
        }
        files = " and ".join(f"templates/{cadence}/{name}{ending}" for ending in ENDINGS[kind])
        known = {path.removeprefix(f"{cadence}/") for path in paths if not path.startswith("layouts/")}
        raise UnknownNameError(f"{kind} template", name, sorted(known), otherwise=f"Write {files}.")

    def matter(self, path: str) -> FrontMatter:
        """The front matter of a file, read once."""
        if path not in self._matters:
            self._matters[path] = front_matter.read(front_matter.split(self.sources[path])[0])
        return self._matters[path]

    def problems(self, path: str, kind: TemplateKind, *, custom: Collection[str] | None = None) -> list[Problem]:
        """Everything wrong with the template at `path` (without extension) and the files it loads, in order.

        `custom`: the custom fields that exist; None: not known, so x.NAME is not checked.
        """
        from nurture.adapters.rendering import checks  # it imports this module

        return checks.problems(self, path, kind, custom=custom)

    def blanks(self, path: str, kind: TemplateKind, known: Collection[str], *, of: str) -> list[Problem]:
        """A warning for each name that may be missing where nothing stands in for it; `of`: whose leads are meant."""
        from nurture.adapters.rendering import blanks  # it imports this module

        return blanks.problems(self, path, kind, frozenset(known), of=of)

    def needs(self, path: str, kind: TemplateKind) -> Needs:
        """What the template at `path` does with each name; read once."""
        from nurture.adapters.rendering import needs  # it imports this module

        if path not in self._needs:
            self._needs[path] = needs.needs(self, path, kind)
        return self._needs[path]

    def source(self, name: str) -> str | None:
        """What Jinja reads under a name: line n is line n of the file. None for an unknown name."""
        for suffix, key in ((SUBJECT, "subject"), (PREHEADER, "preheader")):
            if name.endswith(suffix):
                matter = self.matter(name.removesuffix(suffix))
                return _lines_down(matter.lines[key] - 1) + matter.texts[key]
        source = self.sources.get(name)
        if source is None:
            return None
        if name.endswith(".html"):
            _, above, body = front_matter.split(source)
            return _lines_down(above) + body
        return _ONLY_TAGS.sub(_without_its_line_end, source)

    def _load(self, name: str) -> tuple[str, None, None] | None:
        source = self.source(name)
        return None if source is None else (source, None, None)

    def _compile_email(self, path: str) -> Compiled:
        html = f"{path}.html"
        template, text = self._compile(html), self._compile(f"{path}.txt")
        matter = self.matter(html)
        for line, _, message in matter.problems:
            raise RenderError(file_of(html), line, message)
        if "subject" not in matter.texts:
            raise RenderError(file_of(html), 1, "no subject; begin the file with a --- block that has one")
        preheader = self._compile(html + PREHEADER) if "preheader" in matter.texts else None
        self._emails[path] = Compiled(
            self._compile(html + SUBJECT), preheader, template, text, matter, self._pieces, self.sources
        )
        return self._emails[path]

    def _compile(self, name: str) -> Template:
        # Outside of any rendering: macro files are evaluated here, once, and must hold nothing of one lead.
        token = budget.current.set(Run(lambda target: target))
        try:
            with self._compiling, explained(name, self.sources):
                template: Template = self.sandbox.get_template(name)
                for imported in self.loads(name, nodes.Import, nodes.FromImport):
                    _ = self.sandbox.get_template(imported).module
                return template
        finally:
            budget.current.reset(token)

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
            self._trees[name] = self.sandbox.parse(self.source(name) or "", name)
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
