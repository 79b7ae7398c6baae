"""E-mails whose templates have run already for somebody alike: constant texts with holes, filled for one lead.

Two leads are alike for an e-mail where the names that it only shows, asks for or hands on are there for both, as plain
lines of text, and all others are equal. What it does with a name is found by running it on holes (holes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final

from markupsafe import escape

from nurture.adapters.rendering import budget
from nurture.adapters.rendering.budget import MAX_HOLE, Run
from nurture.adapters.rendering.compiled import Compiled, RenderedEmail, line, tidy
from nurture.adapters.rendering.failure import RenderError, file_of
from nurture.adapters.rendering.holes import Hole, TouchedError
from nurture.adapters.rendering.names import CustomFields, frozen

if TYPE_CHECKING:
    from nurture.ports.rules import Needs

_MOST: Final = 512  # a stencil takes about 20 KB
_COMPUTED: Final = frozenset({"subject", "preheader"})
_GLOBALS: Final = ("link", "range")  # a name in their place would be read instead
_BY_TEXT: Final = frozenset({int, float, date, datetime, Decimal})  # equal ones may be written differently
_THERE: Final = object()
_ABSENT: Final = object()

Likeness = tuple[Any, ...]


class _UnlikeError(Exception):
    """Names that are no plain data, or so rare a kind of it that comparing them is not worth it."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with holes: where they stand in the parts, and whose text goes there."""

    parts: tuple[str, ...]
    places: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, pieces: Iterable[str | Hole]) -> _Text:
        """The text of pieces in their order. TouchedError for a hole that is not one name or link."""
        parts: list[str] = [""]
        places: list[tuple[int, str]] = []
        for piece in pieces:
            if isinstance(piece, Hole):
                (source,) = piece.sources
                places.append((len(parts), source))
                parts += ("", "")
            else:
                parts[-1] = "".join((parts[-1], piece))  # not +: safe HTML would escape what is added
        return cls(tuple(parts), tuple(places))

    def filled(self, values: Mapping[str, str], *, html: bool = False) -> str:
        """With the values in it, escaped for HTML."""
        if not self.places:
            return self.parts[0]
        parts = list(self.parts)
        for place, source in self.places:
            parts[place] = escape(values[source]) if html else values[source]
        return "".join(parts)

    def quoted(self) -> _Text:
        """The same as it stands in JSON between quotes."""
        return _Text(tuple(map(_quoted, self.parts)), self.places)

    def filled_quoted(self, values: Mapping[str, str], *, html: bool = False) -> str:
        """What `filled` gives, as it stands in JSON between quotes. For a text that is so itself."""
        parts = list(self.parts)
        for place, source in self.places:
            parts[place] = _quoted(escape(values[source]) if html else values[source])
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Stencil:
    """An e-mail with holes. `links` are targets in order of first use."""

    subject: _Text
    preheader: _Text
    html: _Text
    text: _Text
    links: tuple[str, ...]
    quoted_html: _Text
    quoted_text: _Text

    def quoted(self, values: Mapping[str, str]) -> tuple[str, str]:
        """HTML and text as they stand in JSON between quotes."""
        return self.quoted_html.filled_quoted(values, html=True), self.quoted_text.filled_quoted(values)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The names that an e-mail reads. `custom`: its custom fields; None: all that there are."""

    names: tuple[str, ...]
    custom: tuple[str, ...] | None
    exact: frozenset[str] = frozenset()  # those whose values it looks into
    never: bool = False  # it looks into what is not known before it has run


class Stencils:
    """The stencils of a set of templates. One is made when a second lead is like one before."""

    def __init__(self, needs: Callable[[str], Needs]) -> None:
        self._needs = needs
        self._asked: dict[str, _Asked] = {}
        self._met: set[Likeness] = set()
        self._made: dict[Likeness, _Stencil | None] = {}  # None: what its templates do cannot be kept

    def email(
        self, path: str, compiled: Compiled, names: Mapping[str, Any], link: Callable[[str], str]
    ) -> RenderedEmail | None:
        """The e-mail for one lead, the same that its templates would write. None where they have to be run."""
        asked = self._asked.get(path) or self._ask(path)
        if asked.never:
            return None
        values: dict[str, str] = {}
        try:
            alike = _likeness(path, asked, names, values)
        except _UnlikeError:
            return None
        try:
            stencil = self._made[alike]
        except KeyError:
            stencil = self._another(alike, asked, compiled, names, values)
        return None if stencil is None else _filled(stencil, compiled, values, link)

    def _ask(self, path: str) -> _Asked:
        needs = self._needs(path)
        read = {*needs.shown, *needs.used, *_GLOBALS} - _COMPUTED
        custom = sorted(name[2:] for name in read if name.startswith("x."))
        names = sorted(name for name in read if name != "x" and not name.startswith("x."))
        self._asked[path] = _Asked(tuple(names), None if "x" in read else tuple(custom))
        return self._asked[path]

    def _another(
        self, alike: Likeness, asked: _Asked, compiled: Compiled, names: Mapping[str, Any], values: Mapping[str, str]
    ) -> _Stencil | None:
        if alike not in self._met:
            if len(self._met) >= _MOST:
                self._met.clear()
                self._made.clear()
            self._met.add(alike)
            return None
        path = alike[0]
        try:
            self._made[alike] = stencil = _stencil(asked, compiled, frozen(names), values)
        except TouchedError as touched:
            known = touched.sources <= values.keys()
            self._asked[path] = replace(asked, exact=asked.exact | touched.sources, never=not known)
            return None
        except RenderError:  # the lead's own rendering says it
            self._made[alike] = None
            return None
        return stencil


def _likeness(path: str, asked: _Asked, names: Mapping[str, Any], values: dict[str, str]) -> Likeness:
    """What is the same for leads who are alike; the texts of the others are put into `values`."""
    alike: list[Any] = [path]
    for name in asked.names:
        value = names.get(name, _ABSENT)
        if type(value) is str and name not in asked.exact and _is_plain(value):
            values[name] = value
            value = _THERE
        elif value is not None and value is not _ABSENT:
            value = _exactly(value)
        alike.append(value)
    if asked.custom != ():
        custom = _custom_fields(names)
        for field in custom if asked.custom is None else asked.custom:
            value = custom.get(field)
            name = f"x.{field}"
            if type(value) is str and name not in asked.exact and _is_plain(value):
                values[name] = value
                value = _THERE
            elif value is not None:
                value = _exactly(value)
            alike += (field, value)
    return tuple(alike)


def _is_plain(text: str) -> bool:
    """Whether this is a line with a letter in it, as nearly all are: then it is a matter of its place no more."""
    return text.isprintable() and not text.isspace() and 0 < len(text) <= MAX_HOLE


def _exactly(value: Any) -> Any:
    """Something that is equal for equal values, and for no others that a template could tell from them."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind in _BY_TEXT:
        return kind, str(value)
    if kind is dict and all(type(key) is str for key in value):
        return tuple([part for key, item in value.items() for part in (key, _exactly(item))])
    raise _UnlikeError


def _custom_fields(names: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of x, from wherever they are given."""
    custom: dict[str, Any] = {}
    for name, value in names.items():
        if name == "x" and isinstance(value, dict):
            custom.update(value)
        elif name.startswith("x."):
            custom[name[2:]] = value
        elif name == "x" and value is not None:
            raise _UnlikeError
    if not all(type(name) is str and name.isprintable() for name in custom):
        raise _UnlikeError
    return custom


def _stencil(asked: _Asked, compiled: Compiled, names: dict[str, Any], values: Mapping[str, str]) -> _Stencil:
    """Run the templates with holes instead of these values. Raises TouchedError and RenderError."""
    custom = names["x"]
    if asked.custom is not None:
        custom = {field: custom[field] for field in asked.custom if field in custom}
    # No others: whatever is not compared must not be read either.
    names = {name: names[name] for name in asked.names if name in names} | {"x": CustomFields(custom)}
    for name in values:
        if name.startswith("x."):
            names["x"][name[2:]] = Hole(name)
        else:
            names[name] = Hole(name)
    run = Run(Hole)
    token = budget.current.set(run)
    try:
        subject = _line(compiled, "subject", names, run)
        preheader = _line(compiled, "preheader", names, run)
        html = _Text.of(compiled.inlined(names, run))
        text = _Text.of(run.pieces(tidy(compiled.run(compiled.text, names))))
    finally:
        budget.current.reset(token)
    return _Stencil(subject, preheader, html, text, tuple(run.links), html.quoted(), text.quoted())


def _line(compiled: Compiled, name: str, names: dict[str, Any], run: Run) -> _Text:
    """A header line, which is a name for the templates that come after it."""
    template = compiled.subject if name == "subject" else compiled.preheader
    if template is None:
        names[name] = ""
        return _Text.of(())
    pieces = run.pieces(compiled.run(template, names))
    if len(pieces) == 1:
        pieces = [line(template, str(pieces[0]))]
        if not pieces[0] and name == "subject":
            raise RenderError(file_of(template.name or ""), 0, "the subject is empty")
    names[name] = pieces[0] if len(pieces) == 1 else Hole(name)
    return _Text.of(pieces)


def _filled(
    stencil: _Stencil, compiled: Compiled, values: dict[str, str], link: Callable[[str], str]
) -> RenderedEmail | None:
    """The stencil with a lead's texts in it; None for a text that is longer, or stranger, than it was made for."""
    for target in stencil.links:
        url = values[target] = link(target)
        if type(url) is not str or not _is_plain(url):
            return None
    subject = stencil.subject.filled(values)
    if stencil.subject.places:
        subject = values["subject"] = line(compiled.subject, subject)
    preheader = stencil.preheader.filled(values)  # the subject may stand in it
    if stencil.preheader.places:
        preheader = values["preheader"] = line(compiled.preheader, preheader)
    if len(subject) > MAX_HOLE or len(preheader) > MAX_HOLE:
        return None
    html, text = stencil.html.filled(values, html=True), stencil.text.filled(values)
    return compiled.made(subject, preheader, html, text, stencil.links, lambda: stencil.quoted(values))


def _quoted(text: str) -> str:
    return encode_basestring_ascii(text)[1:-1]
