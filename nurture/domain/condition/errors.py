"""What is wrong in a condition, shown with a caret under the mistake."""

from __future__ import annotations

import re
from typing import Final

from nurture.domain.errors import RequestError

_SHOWN: Final = 100  # characters of the text on either side of a mistake, more or less


class ConditionError(RequestError, ValueError):
    """A condition cannot be read, or can never mean what it says.

    `offset` and `length` say which characters of `text` are wrong, from 0.
    """

    def __init__(self, message: str, *, text: str, offset: int, length: int = 1) -> None:
        self.message = message
        self.text = text
        self.offset = min(offset, len(text))
        self.length = max(1, length)
        super().__init__(str(self), hint="")

    def __str__(self) -> str:
        start, end = max(0, self.offset - _SHOWN), self.offset + _SHOWN
        before, after = "..." * (start > 0), "..." * (end < len(self.text))
        line = before + re.sub(r"\s", " ", self.text[start:end]) + after
        carets = "^" * max(1, min(self.length, end - self.offset))
        return f"{self.message}\n  {line}\n  {' ' * (len(before) + self.offset - start)}{carets}"
