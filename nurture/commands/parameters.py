"""Options and arguments that need no validator: texts, paths, numbers within bounds, and what was not given.

Typer builds one with Pydantic for each option of a command, given or not; to import that is a fifth of a command.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from nurture.commands.anywhere import late

Command = TypeVar("Command")  # of Typer, or a group of them
_ELSE: Final = object()  # what Typer must look at itself


def unburdened(command: Command) -> Command:
    """The command with all below it, each parameter of which turns to Typer's validators only where it must."""
    typers: Any = command
    named = typers.get_params  # with `--help`, which is made for each call

    def parameters(context: Any) -> list[Any]:
        found: list[Any] = [*named(context), *late(context)]
        for one in found:
            if "process_value" not in vars(one):
                _unburden(one)
        return found

    typers.get_params = parameters
    for inner in getattr(command, "commands", {}).values():
        if inner is not None:
            unburdened(inner)
    return command


def _unburden(parameter: Any) -> None:
    process: Callable[[Any, Any], Any] = parameter.process_value

    def quick(context: Any, value: Any) -> Any:
        found = _read(parameter, value)
        if found is _ELSE:
            return process(context, value)
        return found if parameter.callback is None else parameter.callback(context, parameter, found)

    parameter.process_value = quick


def _read(parameter: Any, value: Any) -> Any:
    kind, bounds = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    many = parameter.multiple or parameter.nargs == -1
    if not value and (value is None or many):
        return _ELSE if parameter.required else () if many else None
    if not many:
        return _one(kind, bounds, value)
    found = [_one(inner, bounds, each) for inner in get_args(kind) for each in value]
    return _ELSE if not found or _ELSE in found else found


def _one(kind: Any, bounds: Any, value: Any) -> Any:
    if kind is str and isinstance(value, str):
        return value
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    if kind is int and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        number = int(value)
        within = (bounds.min is None or number >= bounds.min) and (bounds.max is None or number <= bounds.max)
        return number if within else _ELSE
    return _ELSE
