"""The four templates of an e-mail, compiled, and how they are run for one lead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Template
from markupsafe import Markup

from nurture.adapters.rendering import budget
from nurture.adapters.rendering.budget import Run, capped
from nurture.adapters.rendering.failure import RenderError, explained, file_of
from nurture.adapters.rendering.front_matter import FrontMatter
from nurture.adapters.rendering.holes import Hole

if TYPE_CHECKING:
    from nurture.domain.draft import Quoted

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BLANKS: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """An e-mail for one lead. `sender` is the front matter's `from`; `links` are targets in order of first use.

    `quoted` gives HTML and text as they stand in JSON between quotes, where most of that was written before.
    """

    subject: str
    preheader: str
    html: str
    text: str
    reply_to: str | None
    sender: str | None
    links: tuple[str, ...]
    quoted: Quoted | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An e-mail's templates. `pieces` is `inline_css.pieces`, remembered; `files` are those that an error may name."""

    subject: Template
    preheader: Template | None
    html: Template
    text: Template
    matter: FrontMatter
    pieces: Callable[[str], tuple[str | int, ...]]
    files: Collection[str]

    def email(self, names: dict[str, Any], link: Callable[[str], str]) -> RenderedEmail:
        """The e-mail for names that are frozen. Raises RenderError."""
        run = Run(link)
        token = budget.current.set(run)
        try:
            names["subject"] = line(self.subject, self.run(self.subject, names))
            names["preheader"] = line(self.preheader, self.run(self.preheader, names)) if self.preheader else ""
            if not names["subject"]:
                raise RenderError(file_of(self.subject.name or ""), 0, "the subject is empty")
            html = "".join(self.inlined(names, run))  # type: ignore[arg-type]  # no holes without a stencil
            text = tidy(self.run(self.text, names))
        finally:
            budget.current.reset(token)
        return self.made(names["subject"], names["preheader"], html, text, tuple(run.links))

    def made(
        self,
        subject: str,
        preheader: str,
        html: str,
        text: str,
        links: tuple[str, ...],
        quoted: Quoted | None = None,
    ) -> RenderedEmail:
        """The e-mail of these texts."""
        reply_to, sender = self.matter.texts.get("reply_to") or None, self.matter.texts.get("from") or None
        return RenderedEmail(subject, preheader, html, text, reply_to, sender, links, quoted)

    def run(self, template: Template, names: dict[str, Any]) -> str:
        """What a template writes. Raises RenderError."""
        return run(template, names, self.files)

    def inlined(self, names: dict[str, Any], run: Run) -> list[str | Hole]:
        """The HTML with its CSS inlined, in pieces: the shape is inlined, and the values are put in afterwards."""
        values: list[Markup | Hole] = []
        run.values = values
        try:
            shape = self.run(self.html, names)
        finally:
            run.values = None
        return [piece if isinstance(piece, str) else values[piece] for piece in self.pieces(shape)]


def run(template: Template, names: dict[str, Any], files: Collection[str]) -> str:
    """What a template writes; an error may suggest one of the names or files. Raises RenderError."""
    with explained(template.name or "", _Known(names, files)):
        return capped(template.root_render_func(template.new_context(names)))


def line(template: Template | None, text: str) -> str:
    """A header line: no line breaks may come in with a value, and blanks become one blank. Raises RenderError."""
    text = text.strip(" \t\n")
    if _CONTROL.search(text):
        name = (template.name if template else None) or ""
        raise RenderError(file_of(name), 0, "a line break or control character in a header line")
    return " ".join(text.split())


def tidy(text: str) -> str:
    """Text without blank lines at its ends and with no two in a row."""
    return _BLANKS.sub("\n\n", text).strip("\n") + "\n"


class _Known(Collection[str]):
    """The names and files that an error may suggest, put together only when there is an error."""

    def __init__(self, names: Mapping[str, Any], files: Collection[str]) -> None:
        self._parts = (names, files, ("link", "range"))

    def __iter__(self) -> Any:
        return (name for part in self._parts for name in part)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self._parts)
