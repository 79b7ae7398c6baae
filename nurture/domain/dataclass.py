"""Dataclasses whose methods are written when they are first called: a start makes some 150 and uses half of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import MISSING, FrozenInstanceError, fields
from typing import TYPE_CHECKING, Any, Final

ORDER: Final = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
SIGNS: Final = {"__eq__": "=="} | ORDER

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(given=None, /, *, frozen=False, slots=False, eq=True, order=False, unsafe_hash=False):
        """As that of the standard library, for these arguments, at a tenth of its price for a class that is not used.

        The standard library finds the fields and makes the slots. It would also compile six methods of each class.
        """
        hashed = unsafe_hash or (eq and frozen)
        names = ["__init__", "__repr__", *(["__eq__"] if eq else ()), *(ORDER if order else ())]

        def made(cls):
            own = vars(cls)
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            for name in [*names, *(["__hash__"] if hashed else ())]:
                if name not in own:
                    _write_later(cls, name, frozen=frozen)
            if eq and not hashed:
                cls.__hash__ = None
            if frozen:
                cls.__setattr__, cls.__delattr__ = _refuse_set, _refuse_delete
                cls.__getstate__, cls.__setstate__ = _state, _restore
            return cls

        return made if given is None else made(given)


def _write_later(cls: type[Any], name: str, *, frozen: bool) -> None:
    """Let the first call of a method write it."""

    def first(self: Any, *values: Any, **named: Any) -> Any:
        if name == "__init__":
            written = _init(cls, frozen=frozen)
        else:
            known: dict[str, Any] = {}
            exec(_text(cls, name), known)  # what the standard library does as well
            written = known[name]
        written.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, written)
        return written(self, *values, **named)

    setattr(cls, name, first)


def _text(cls: type[Any], name: str) -> str:
    """A method that shows or compares the fields."""
    if name == "__repr__":
        shown = ", ".join(f"{one.name}={{self.{one.name}!r}}" for one in fields(cls) if one.repr)
        return f"def __repr__(self):\n return f'{{type(self).__qualname__}}({shown})'"
    compared = [one.name for one in fields(cls) if one.compare]
    mine, theirs = (f"({''.join(f'{of}.{one},' for one in compared)})" for of in ("self", "other"))
    if name == "__hash__":
        return f"def __hash__(self):\n return hash({mine})"
    same = "other.__class__ is self.__class__"
    return f"def {name}(self, other):\n return {mine} {SIGNS[name]} {theirs} if {same} else NotImplemented"


def _init(cls: type[Any], *, frozen: bool) -> Callable[..., None]:
    """The `__init__`. That of a frozen class sets its slots themselves, which takes half as long as to go round it."""
    known: dict[str, Any] = {"MISSING": MISSING}
    taken, lines = ["self"], []
    for one in fields(cls):
        name = value = one.name
        if one.default_factory is not MISSING:
            known[f"make_{name}"] = one.default_factory
            taken += [f"{name}=MISSING"] if one.init else []
            value = f"make_{name}() if {name} is MISSING else {name}" if one.init else f"make_{name}()"
        elif one.default is not MISSING:
            known[f"default_{name}"] = one.default
            taken += [f"{name}=default_{name}"] if one.init else []
            value = name if one.init else f"default_{name}"
        elif one.init:
            taken.append(name)
        else:
            continue  # `__post_init__` gives it a value
        if not frozen:
            lines.append(f"self.{name} = {value}")
        elif hasattr(cls, "__slots__"):
            known[f"set_{name}"] = getattr(cls, name).__set__
            lines.append(f"set_{name}(self, {value})")
        else:
            lines.append(f"self.__dict__[{name!r}] = {value}")
    lines += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    exec(f"def __init__({', '.join(taken)}):\n " + "\n ".join(lines or ["pass"]), known)
    written: Callable[..., None] = known["__init__"]
    return written


def _refuse_set(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """For `pickle` and `copy`: a frozen class with slots can be given its values in no other way."""
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: Any, state: Iterable[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
