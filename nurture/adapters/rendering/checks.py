"""What `check` says about a template before any lead meets it: all problems at once, each at its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from nurture.adapters.rendering import front_matter, names
from nurture.adapters.rendering.failure import PREHEADER, SUBJECT, file_of
from nurture.adapters.rendering.inline_css import readable
from nurture.adapters.rendering.sandbox import TEXT_ATTRIBUTES, is_web_address, near, tree_problems
from nurture.adapters.rendering.sources import ENDINGS, Sources, TemplateKind
from nurture.adapters.rendering.syntax import in_words
from nurture.adapters.rendering.tags import LETTER, Tags
from nurture.adapters.rendering.unsent import unsent
from nurture.domain.errors import Problem

_FOOTER: Final = ("unsubscribe_url", "postal_address")
_SINGLE: Final = (names.EMAIL | names.SCRIPT) - {"x", "sender", "questions", "facts", "history"}
_HOLDS: Final = {
    **dict.fromkeys(("questions", "facts", "history"), "is a list: go through it with {% for %}, or join it"),
    "sender": "has fields: write sender.name, sender.email or sender.phone",
    "x": "has fields: write x.NAME",
}
_JINJA: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
# Names as other programs write them, and ours between single braces.
_FOREIGN: Final = re.compile(
    r"\*\|\w+\|\*|\[\[ ?[\w.]+ ?\]\]|%%\w+%%|(?<![{$#])\{ ?(?:" + "|".join(sorted(names.LEAD - {"x"})) + r") ?\}(?!\})"
)
_STYLE: Final = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)


def problems(
    sources: Sources, path: str, kind: TemplateKind, *, custom: Collection[str] | None = None
) -> list[Problem]:
    """Everything wrong with a template (path without extension) and with the files it loads.

    `custom`: the custom fields that exist; None: not known, so x.NAME is not checked.
    """
    found: set[Problem] = set()
    for ending in ENDINGS[kind]:
        file = path + ending
        if file not in sources.texts:
            part = {".html": "HTML part", ".txt": "text part", ".md": "script"}[ending]
            found.add(Problem(file_of(file), 1, 1, f"the {part} is missing: write this file"))
            continue
        found.update(_of_file(sources, file, kind, custom))
    return sorted(found)


def _of_file(sources: Sources, file: str, kind: TemplateKind, custom: Collection[str] | None) -> Iterator[Problem]:
    used: set[str] = set()
    small = []
    if file.endswith(".html"):
        matter = sources.matter(file)
        yield from (Problem(file_of(file), *problem) for problem in matter.problems)
        parts = ((SUBJECT, "subject"), (PREHEADER, "preheader"))
        small = [file + suffix for suffix, key in parts if key in matter.texts]
        if not matter.texts.get("subject", "").strip() and not matter.problems:
            yield Problem(file_of(file), 1, 1, "no subject; begin the file with a --- block that has one")
        if "preheader" not in matter.texts and not matter.problems:
            yield Problem(file_of(file), 1, 1, "no preheader: the inbox shows the first words instead", "warning")
        sender = matter.texts.get("from")
        if sender and sources.senders is not None and sender not in {"owner", *sources.senders}:
            unknown = f"front matter: no sender is called {sender!r}{near(sender, sources.senders)}"
            yield Problem(file_of(file), matter.lines["from"], 1, unknown)
    elif sources.texts[file].startswith("---\n"):
        yield Problem(file_of(file), 1, 1, "front matter belongs at the top of the .html file only")
    if not front_matter.split(sources.texts[file])[2].strip():
        yield Problem(file_of(file), 1, 1, "nothing stands in this file")
    allowed = (names.EMAIL if kind == "email" else names.SCRIPT) | set(sources.sandbox.globals)
    broken = False
    loaded = sources.loads(file)
    given = frozenset(name for each in (file, *loaded) for name in sources.sets(each))
    for name in [file, *small, *loaded]:
        # A layout is a part of every e-mail, and is looked at once.
        names_there = allowed if name in small else allowed | given
        key = (name, names_there, None if custom is None else frozenset(custom))
        if key not in sources.checked:
            checked = _File(sources, name, names_there, custom)
            sources.checked[key] = (tuple(checked.problems()), frozenset(checked.used), checked.broken)
        problems_there, used_there, broken_there = sources.checked[key]
        yield from problems_there
        used |= used_there
        broken = broken or broken_there
    if kind == "email" and not broken:
        for piece in _FOOTER:
            if piece not in used:
                yield Problem(file_of(file), 1, 1, f"the footer is incomplete: {piece} is not shown anywhere")


class _File:
    """One file's own problems. `used` and `broken` are filled in by `problems`."""

    def __init__(self, sources: Sources, name: str, allowed: frozenset[str], custom: Collection[str] | None) -> None:
        self.sources = sources
        self.name = name
        self.allowed = allowed  # with the names that the e-mail's files set themselves
        self.custom = custom
        self.used: set[str] = set()
        self.broken = False

    def problems(self) -> Iterator[Problem]:
        """Every problem of the file itself, not of those it loads."""
        self.source = self.sources.text(self.name)
        if self.source is None:
            return  # reported where it is loaded
        sandbox = self.sources.sandbox
        try:
            every = self.sources.every_node(self.name)
        except (TemplateSyntaxError, RecursionError) as error:
            self.broken = True
            line = error.lineno if isinstance(error, TemplateSyntaxError) else 1
            message = " ".join(str(getattr(error, "message", None) or "nested too deeply").split())
            yield self._at(line, "", in_words(message))
            return
        for line, word, message in tree_problems(every, sandbox):
            self.broken = True
            yield self._at(line, word, message)
        yield from self._loads()
        if not self.broken:
            try:
                self.used = set(self.sources.asks(self.name))
            except TemplateSyntaxError as error:  # such as two blocks of one name
                self.broken = True
                yield self._at(error.lineno, "", str(error.message))
                return
            yield from self._names(every)
            for line, word, message in unsent(self.sources, self.name):
                yield self._at(line, word, message)
        yield from self._foreign()
        if self.name.endswith(".html"):
            yield from self._html()

    def _loads(self) -> Iterator[Problem]:
        for load, target in self.sources.tags(self.name):
            if target is None:
                continue
            source = self.sources.text(target)
            if source is None:
                self.broken = True
                alike = {file for file in self.sources.texts if ending_of(file) == ending_of(self.name)}
                hint = near(target, alike) or near(target, self.sources.texts)
                yield self._at(load.lineno, target, f"no file is named {target!r}{hint}")
            elif isinstance(load, nodes.Extends) and (kind := ending_of(self.name)) != ending_of(target):
                yield self._at(load.lineno, target, f"a {kind} file extends a {kind} file, and not {target!r}")
            elif isinstance(load, nodes.Import | nodes.FromImport) and not load.with_context:
                yield from self._without_context(load, target, source)

    def _without_context(self, load: nodes.Node, target: str, source: str) -> Iterator[Problem]:
        """Macros see only their arguments, unless they are imported with context."""
        try:
            needed = self.sources.asks(target)
        except TemplateSyntaxError:
            return  # reported at its own file
        if asked := sorted((needed & self.allowed) - set(self.sources.sandbox.globals) - self.sources.sets(target)):
            yield self._at(load.lineno, target, f"{target!r} uses {', '.join(asked)}: import it `with context`")

    def _names(self, every: Sequence[nodes.Node]) -> Iterator[Problem]:
        wrong = self.used - self.allowed
        for name in every:
            if isinstance(name, nodes.Name) and name.ctx == "load" and name.name in wrong:
                wrong.discard(name.name)
                hint = near(name.name, self.allowed)
                yield self._at(name.lineno, name.name, f"{name.name!r} is not defined{hint}")
        for call in every:
            match call:
                case nodes.Call(node=nodes.Name(name="link"), args=[nodes.Const(value=target)]):
                    if not (isinstance(target, str) and is_web_address(target)):
                        yield self._at(
                            call.lineno, "link", f"link() takes a full http or https address, not {target!r}"
                        )
        own = {name.name for name in every if isinstance(name, nodes.Name) and name.ctx != "load"}
        for shown in every:
            for part in shown.nodes if isinstance(shown, nodes.Output) else ():
                if isinstance(part, nodes.Name) and part.name in _HOLDS and part.name in self.allowed - own:
                    yield self._at(part.lineno, part.name, f"{part.name!r} {_HOLDS[part.name]}")
        for field in every:
            if not isinstance(field, nodes.Getattr):
                continue
            if field.attr.startswith("_"):
                yield self._at(field.lineno, field.attr, f"{field.attr!r} cannot be reached from a template")
                continue
            if not isinstance(field.node, nodes.Name):
                continue
            of = field.node.name
            if of in _SINGLE and of not in own and field.attr not in TEXT_ATTRIBUTES:
                yield self._at(field.lineno, f"{of}.{field.attr}", f"{of!r} is one value and has no {field.attr!r}")
            known = {"x": self.custom, "sender": names.SENDER}.get(of)
            if known is not None and field.attr not in known:
                whole = f"{of}.{field.attr}"
                yield self._at(field.lineno, whole, f"no field is named {whole!r}{near(field.attr, known)}")

    def _html(self) -> Iterator[Problem]:
        blank = self._blank()
        reader = Tags(counted=not self.name.startswith("layouts/"))
        reader.feed(blank)
        reader.close()
        for line, column, message, severity in reader.found:
            yield Problem(file_of(self.name), line, column, message, severity)
        for style in _STYLE.finditer(blank):
            if not readable(style[1]):
                line = blank.count("\n", 0, style.start()) + 1
                yield Problem(file_of(self.name), line, 1, "this CSS cannot be read, so it is not inlined", "warning")

    def _foreign(self) -> Iterator[Problem]:
        """What another program would fill in: here it is sent as it stands."""
        for found in _FOREIGN.finditer(blank := self._blank()):
            line, before = blank.count("\n", 0, found.start()) + 1, blank.rfind("\n", 0, found.start())
            message = f"{found[0]!r} is sent as it stands: a name is written like {{{{ first_name }}}}"
            yield Problem(file_of(_file(self.name)), line, found.start() - before, message, "warning")

    def _blank(self) -> str:
        """The source with Jinja as so many letters, so that places stay; a tag's text then reads like any other."""
        return _JINJA.sub(lambda tag: re.sub(r"[^\n]", LETTER, tag[0]), self.source or "")

    def _at(self, line: int, word: str, message: str) -> Problem:
        """A problem at the place of a word in a line."""
        return Problem(*located(self.sources, self.name, line, word), message)


def ending_of(name: str) -> str:
    """`.html` of a file's name, also of a part of it such as its subject."""
    return PurePosixPath(_file(name)).suffix


def located(sources: Sources, name: str, line: int, word: str) -> tuple[str, int, int]:
    """File, line and column of a word; the line's beginning where the word is not found."""
    file = _file(name)
    lines = sources.texts[file].split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    match = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) if word else None
    return file_of(name), line, match.start() + 1 if match else 1


def _file(name: str) -> str:
    return name.removesuffix(SUBJECT).removesuffix(PREHEADER)
