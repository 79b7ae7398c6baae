"""What went wrong in a template, said with its file and line instead of a traceback."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from nurture.adapters.rendering.budget import TooMuchError
from nurture.adapters.rendering.sandbox import near
from nurture.domain.errors import RequestError

FOLDER: Final = "templates"
SUBJECT: Final = " subject"  # suffixes of the two small templates in an e-mail's front matter
PREHEADER: Final = " preheader"

# What a template can provoke in Python itself. Anything else is a bug of ours and keeps its traceback.
_PROVOKED: Final = (TemplateError, TooMuchError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)


class RenderError(RequestError):
    """A template could not be rendered for one lead. `file` and `line` say where; line 0: the file as a whole."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        self.message = message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}", hint="")


def file_of(name: str) -> str:
    """The path that people see for the name of a template."""
    return f"{FOLDER}/{name.removesuffix(SUBJECT).removesuffix(PREHEADER)}"


@contextmanager
def explained(name: str, known: Collection[str]) -> Iterator[None]:
    """Turn what a template provokes into a RenderError; `name` is the template, `known` the names it may use."""
    try:
        yield
    except _PROVOKED as error:
        place, line = _place(error, name)
        raise RenderError(file_of(place), line, message_of(error, known)) from None


def message_of(error: Exception, known: Collection[str]) -> str:
    """One clause that says what is wrong."""
    if isinstance(error, TemplateNotFound):
        return f"no file is named {error.name!r}{near(str(error.name), known)}"
    if isinstance(error, RecursionError):
        return "the templates go round in a circle"
    text = " ".join((str(error) or type(error).__name__).split())
    if match := re.fullmatch(r"'(\w+)' is undefined", text):
        return text + near(match[1], known)
    return text.rstrip(".")


def _place(error: Exception, name: str) -> tuple[str, int]:
    if isinstance(error, TemplateSyntaxError):
        return error.name or name, error.lineno
    found = (name, 0)
    step: TracebackType | None = error.__traceback__
    while step is not None:
        template = step.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:  # the innermost one is where it happened
            found = (template.name or name, template.get_corresponding_lineno(step.tb_lineno))
        step = step.tb_next
    return found
