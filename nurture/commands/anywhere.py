"""--workspace and --as belong to the program, and are also understood after the name of a command."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any, Final

OF_THE_PROGRAM: Final = ("workspace", "person")


def late(context: Any) -> list[Any]:
    """The same options for a command of this context; what is said there wins over what was said before."""
    if context.parent is None:
        return []
    return [_again(one) for one in context.find_root().command.params if one.name in OF_THE_PROGRAM]


def _again(option: Any) -> Any:
    one = copy(option)
    vars(one).pop("process_value", None)
    one.hidden, one.expose_value, one.envvar, one.default = True, False, None, None
    one.callback = _say
    return one


def _say(context: Any, option: Any, value: Path | str | None) -> None:
    if value:
        setattr(context.find_root().obj, option.name, value)
