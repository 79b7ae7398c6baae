"""The templates of a workspace: e-mails and call scripts, rendered for one lead at a time, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from threading import RLock
from typing import Any, Final

from jinja2 import Template, nodes

from nurture.adapters.rendering import budget, inline_css
from nurture.adapters.rendering.budget import Run
from nurture.adapters.rendering.compiled import Compiled, RenderedEmail, run, tidy
from nurture.adapters.rendering.failure import PREHEADER, SUBJECT, RenderError, explained, file_of
from nurture.adapters.rendering.names import frozen
from nurture.adapters.rendering.needs import Needs, needs
from nurture.adapters.rendering.sources import Sources, TemplateKind
from nurture.adapters.rendering.stencil import Stencils
from nurture.domain.errors import Problem

# Shapes differ by branches taken and fields missing: a few for each e-mail. A shape takes about 15 KB.
_SHAPES: Final = 1024


class Templates:
    """Templates by path: 'evergreen/benchmark.html', 'layouts/default.txt', 'qualification/intro.md'.

    Each is compiled once, when it is first used. Texts come from the mapping and nowhere else. `senders`: the names
    that `from` may have; None: not checked.
    """

    def __init__(self, texts: Mapping[str, str], *, senders: Collection[str] | None = None) -> None:
        self.sources = Sources(texts, senders=senders)
        self._compiling = RLock()
        self._emails: dict[str, Compiled] = {}
        self._scripts: dict[str, Template] = {}
        self._needs: dict[str, Needs] = {}
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
        return (self.sources.matter(file).texts.get("from") or None) if file in self.sources.texts else None

    def script(self, path: str, names: Mapping[str, Any]) -> str:
        """The call script or task at `path` (without extension), as Markdown. RenderError as for e-mails."""
        template = self._scripts.get(path)
        if template is None:
            template = self._scripts[path] = self._compile(f"{path}.md")
        token = budget.current.set(Run(lambda target: target))
        try:
            return tidy(run(template, frozen(names), self.sources.texts))
        finally:
            budget.current.reset(token)

    def problems(self, path: str, kind: TemplateKind, *, custom: Collection[str] | None = None) -> list[Problem]:
        """Everything wrong with the template at `path` (without extension) and the files it loads, in order.

        `custom`: the custom fields that exist; None: not known, so x.NAME is not checked.
        """
        from nurture.adapters.rendering import checks  # for those alone who check

        return checks.problems(self.sources, path, kind, custom=custom)

    def blanks(self, path: str, kind: TemplateKind, known: Collection[str], *, of: str) -> list[Problem]:
        """A warning for each name that may be missing where nothing stands in for it; `of`: whose leads are meant."""
        from nurture.adapters.rendering import blanks  # for those alone who check

        return blanks.problems(self.sources, path, kind, frozenset(known), of=of)

    def resolve(self, cadence: str, name: str, kind: TemplateKind) -> str:
        """The path of a step's template: in the cadence's folder, else from the root. UnknownNameError if neither."""
        return self.sources.resolve(cadence, name, kind)

    def needs(self, path: str, kind: TemplateKind) -> Needs:
        """What the template at `path` does with each name; read once."""
        if path not in self._needs:
            self._needs[path] = needs(self.sources, path, kind)
        return self._needs[path]

    def _compile_email(self, path: str) -> Compiled:
        html = f"{path}.html"
        template, text = self._compile(html), self._compile(f"{path}.txt")
        matter = self.sources.matter(html)
        for line, _, message in matter.problems:
            raise RenderError(file_of(html), line, message)
        if "subject" not in matter.texts:
            raise RenderError(file_of(html), 1, "no subject; begin the file with a --- block that has one")
        preheader = self._compile(html + PREHEADER) if "preheader" in matter.texts else None
        self._emails[path] = Compiled(
            self._compile(html + SUBJECT), preheader, template, text, matter, self._pieces, self.sources.texts
        )
        return self._emails[path]

    def _compile(self, name: str) -> Template:
        sources = self.sources
        # Outside of any rendering: macro files are evaluated here, once, and must hold nothing of one lead.
        token = budget.current.set(Run(lambda target: target))
        try:
            with self._compiling, explained(name, sources.texts):
                template: Template = sources.sandbox.get_template(name)
                for imported in sources.loads(name, nodes.Import, nodes.FromImport):
                    _ = sources.sandbox.get_template(imported).module
                return template
        finally:
            budget.current.reset(token)
