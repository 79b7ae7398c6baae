"""What stands for a text while a stencil is made: it can be shown and handed on, and it is there; nothing else.

Whatever would look into it raises TouchedError, so that what a template does with a text is found by running it.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn


class TouchedError(Exception):
    """A template looks into texts that are not there yet. `sources` says which."""

    def __init__(self, sources: frozenset[str]) -> None:
        self.sources = sources
        super().__init__("a text is looked into: " + ", ".join(sorted(sources)))


class Hole:
    """A text that has at least one letter. `source`: the name that is shown, or the target of a tracked link.

    `marked`: instead of one name, a text made of several, in which each is a mark.
    """

    __slots__ = ("marked", "sources")

    def __init__(self, *sources: str, marked: str = "") -> None:
        self.sources = frozenset(sources)
        self.marked = marked

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> NoReturn:
        raise TouchedError(self.sources)


class Shown(str):
    """What was written with marks in it, on its way out; it must not be escaped, which is for each text in it alone."""

    __slots__ = ("sources",)
    sources: frozenset[str]

    def __html__(self) -> NoReturn:
        raise TouchedError(self.sources)


def shown(text: str, sources: frozenset[str]) -> Shown:
    """A text on its way out."""
    made = Shown(text)
    made.sources = sources
    return made


def _touched(hole: Hole, *_: Any) -> NoReturn:
    raise TouchedError(hole.sources)


_LOOKS: Final = (
    *("str", "repr", "html", "format", "hash", "len", "iter", "next", "reversed", "contains", "getitem", "call"),
    *("eq", "ne", "lt", "le", "gt", "ge", "int", "float", "complex", "index", "round", "neg", "pos", "abs", "invert"),
    *(side + word for side in ("", "r") for word in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")),
)
for _word in _LOOKS:
    setattr(Hole, f"__{_word}__", _touched)
