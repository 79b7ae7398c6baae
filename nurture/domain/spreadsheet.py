"""A value as a cell of an export: never a formula to the spreadsheet that opens it."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from nurture.domain.plain import plain

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9 .]*(;ext=[0-9]+)?")


def cell(value: Any) -> str:
    """The value as text. What a spreadsheet would calculate gets an apostrophe in front; plain numbers do not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{Decimal(f'{value:.15g}'):f}"  # no 1e+11: what we write we also read
    text = str(plain(value) if isinstance(value, datetime) else value)
    # Spreadsheets skip leading blanks before they look for a formula.
    risky = text.lstrip(" \n").startswith(_FORMULA) or text.startswith(_FORMULA)
    return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text
