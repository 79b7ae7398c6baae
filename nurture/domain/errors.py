"""Errors that a person can put right: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath
from traceback import extract_tb
from typing import ClassVar


class NurtureError(Exception):
    """Something a person can put right. A bug is any other exception.

    `exit_code` is what the command line ends with: 1 refused by the state of things, 2 the request or a
    file is wrong, 3 something needed is unreachable.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(f"{what} {hint}".strip())
        self.what = what
        self.hint = hint


class RefusedError(NurtureError):
    """The request is well formed, but the state of things does not allow it."""

    exit_code = 1


class RequestError(NurtureError):
    """The request or a file is wrong."""

    exit_code = 2


class UnreachableError(NurtureError):
    """Something needed (a database, a provider) cannot be reached."""

    exit_code = 3


class CollisionError(UnreachableError):
    """A transaction that was in the way of another, or came second, was undone; made once more, it may go through."""


class UnknownNameError(RequestError):
    """Something was named that does not exist."""

    def __init__(self, kind: str, name: str, known: Collection[str], *, otherwise: str) -> None:
        near = get_close_matches(name, list(known), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else otherwise
        super().__init__(f"No {kind} is named {name!r}.", hint=hint)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file, at its place. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str
    severity: str = "error"  # or "warning"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FilesError(RequestError):
    """One or more files have problems; all of them are listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        files = len({problem.file for problem in self.problems})
        count = len(self.problems)
        lines = "\n".join(str(problem) for problem in self.problems)
        super().__init__(
            f"{lines}\n{count} problem{'s' * (count != 1)} in {files} file{'s' * (files != 1)}.",
            hint="Nothing was loaded; the last applied version stays in force.",
        )


def mistake(problem: Exception) -> str:
    """What the program stumbled over, and where, without a word of anybody's data."""
    if isinstance(problem, NurtureError):
        return str(problem)
    return " in ".join([type(problem).__name__, *places(problem)[-1:]])


def places(problem: Exception) -> list[str]:
    """Where the program was when it stumbled, the innermost last: a traceback without anybody's data."""
    return [f"{PurePath(one.filename).name}, line {one.lineno}" for one in extract_tb(problem.__traceback__)]
