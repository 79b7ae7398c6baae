"""A value as a cell of an export: never a formula to the spreadsheet that opens it."""

from __future__ import annotations

import re
from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9 .]*(;ext=[0-9]+)?")


def cell(value: Any) -> str:
    """The value as text. What a spreadsheet would calculate gets an apostrophe in front; plain numbers do not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    # Spreadsheets skip leading blanks before they look for a formula.
    risky = text.lstrip(" \n").startswith(_FORMULA) or text.startswith(_FORMULA)
    return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text
