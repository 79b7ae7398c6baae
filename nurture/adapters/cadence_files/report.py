"""What is found while a file is read: problems at their place, and mentions to be looked up when all is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from nurture.domain.errors import Problem

MAX_PROBLEMS: Final = 100


class At(Protocol):
    """Anything with a place; both count from 1."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Place(NamedTuple):
    """A place in a file."""

    line: int
    column: int


class Mention(NamedTuple):
    """A name that must exist somewhere else, or another thing to look at when everything is read."""

    what: str
    value: object
    where: str
    line: int
    column: int
    one_line: bool = True  # so that a letter of the value can be found in the file

    def at(self, offset: int) -> Place:
        """The place of a letter of the value, or its beginning where lines were folded."""
        return Place(self.line, self.column + offset if self.one_line else self.column)


class TooManyProblemsError(Exception):
    """So much is wrong in this file that reading on would not help anyone."""


@dataclass(slots=True)
class Report:
    """What is found while one file is read: its problems, and what it mentions."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)

    def error(self, at: At, message: str) -> None:
        """Something that keeps the file from being loaded. Raises TooManyProblemsError at the hundredth."""
        self.problems.append(Problem(self.file, at.line, at.column, message))
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(Problem(self.file, at.line, at.column, "there are more problems; mend these first"))
            raise TooManyProblemsError

    def warn(self, at: At, message: str) -> None:
        """Something legal that is probably not meant."""
        self.problems.append(Problem(self.file, at.line, at.column, message, "warning"))

    def mention(self, at: At, what: str, value: object, where: str, *, one_line: bool = True) -> None:
        """Remember something that can be judged only with the rest of the file, or the other files, at hand."""
        self.mentions.append(Mention(what, value, where, at.line, at.column, one_line))

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found that keeps the file from being loaded."""
        return all(problem.severity != "error" for problem in self.problems)


def short(text: str) -> str:
    """A name as it is shown in a message: quoted, and never longer than a line."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def near(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean 'NAME'?`, or nothing. `cutoff`, 0 to 1, is how much of the letters must be the same."""
    from rapidfuzz import fuzz, process

    # Of the standard library's function a workspace with a renamed folder asks so much that `check` takes minutes.
    found = process.extractOne(name, [*map(str, known)], scorer=fuzz.ratio, score_cutoff=100 * cutoff)
    return f"; did you mean {found[0]!r}?" if found and len(name) <= 60 else ""
