"""From the meaning to one Python function, made only of pieces written here and of checked constants.

A chain of closures costs a call for each part; one expression costs what a hand-written lambda costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from nurture.domain.condition.meaning import (
    Among,
    Arithmetic,
    Ask,
    Compare,
    Constant,
    Either,
    Every,
    Known,
    Negation,
    Read,
    Test,
    TextTest,
    Value,
)
from nurture.domain.condition.vocabulary import (
    LARGEST,
    SMALLEST,
    History,
    Type,
    custom_number,
    custom_text,
    custom_truth,
    fold,
    words,
)

Holds = Callable[[Mapping[str, Any], History], bool]

_GLOBALS: Final = {
    "__builtins__": {},
    "abs": abs,
    "isinstance": isinstance,
    "str": str,
    "datetime": datetime,
    "NUMBERS": frozenset({int, float}),  # by class, because a bool is an int
    "LARGEST": LARGEST,
    "SMALLEST": SMALLEST,
    "fold": fold,
    "words": words,
    "text": custom_text,
    "number": custom_number,
    "truth": custom_truth,
}


@lru_cache(maxsize=4096)
def compiled(test: Test) -> Holds:
    """A function of names and history that says whether this holds. It never raises, whatever the names give."""
    writer = _Writer()
    source = f"lambda names, history: {writer.test(test)}"
    made: Holds = eval(compile(source, "<condition>", "eval"), _GLOBALS | writer.constants)
    return made


class _Writer:
    """Writes Python. A value is a list of guards (it is there, and of its type) and an expression valid after them."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.used = 0

    def fresh(self) -> str:
        self.used += 1
        return f"v{self.used}"

    def constant(self, value: Any) -> str:
        if isinstance(value, str | int | float):
            return repr(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def test(self, test: Test) -> str:
        """An expression that is True or False."""
        match test:
            case Every(parts=parts):
                return f"({' and '.join(map(self.test, parts))})"
            case Either(parts=parts):
                return f"({' or '.join(map(self.test, parts))})"
            case Negation(part=part):
                return f"(not {self.test(part)})"
            case Constant(value=value):
                return repr(value)
            case Compare():
                return self.compare(test)
            case Among(value=value, options=options, negated=negated):
                guards, found = self.value(value)
                if negated and test.type is Type.NUMBER:
                    guards.append(f"{found} == {found}")  # not a NaN, which differs from everything
                listed = ", ".join(map(self.constant, options))
                return _joined(*guards, f"{found} {'not in' if negated else 'in'} {{{listed}}}")
            case TextTest(value=value):
                return self.text_test(test)
            case Known(value=value):
                guards, found = self.value(value)
                return _joined(*guards, f"{found} != ''")
            case Ask():
                return self.asked(test)
            case Read(name=name, own=Type.ANY):
                return f"(truth(names.get({name!r})) is True)"
            case Read(name=name):
                return f"(names.get({name!r}) is True)"

    def compare(self, test: Compare) -> str:
        (left_guards, left), (right_guards, right) = self.value(test.left), self.value(test.right)
        guards = [*left_guards, *right_guards]
        if test.op == "!=" and test.type is Type.NUMBER:
            guards += [f"{side} == {side}" for side in (left, right) if side.startswith("v")]
        return _joined(*guards, f"{left} {test.op} {right}")

    def text_test(self, test: TextTest) -> str:
        guards, found = self.value(test.value)
        name = self.fresh()
        match test.name:
            case "contains":
                first, rest = f"{{}} in ({name} := {found})", f"{{}} in {name}"
            case "has_word":
                first, rest = f"{{}} in ({name} := words({found}))", f"{{}} in {name}"
            case _:
                first, rest = f"({name} := {found}).startswith({{}})", f"{name}.startswith({{}})"
        pieces = [repr(f" {piece} " if test.name == "has_word" else piece) for piece in test.pieces]
        tries = [(rest if position else first).format(piece) for position, piece in enumerate(pieces)]
        return _joined(*guards, f"({' or '.join(tries)})")

    def asked(self, ask: Ask) -> str:
        return f"history.{ask.name}({', '.join(map(self.constant, ask.args))})"

    def value(self, value: Value) -> tuple[list[str], str]:
        match value:
            case Constant(value=constant):
                return [], self.constant(constant)
            case Arithmetic():
                return self.arithmetic(value)
            case Read(name=name, own=own, wanted=wanted):
                return self.fetched(f"names.get({name!r})", wanted, custom=own is Type.ANY)
            case Ask(type=Type.TRUTH):
                return [], self.asked(value)
            case Ask(type=wanted):
                return self.fetched(self.asked(value), wanted, custom=False)
            case _:
                return [], self.test(value)

    def fetched(self, source: str, wanted: Type, *, custom: bool) -> tuple[list[str], str]:
        name = self.fresh()
        folded = f"({name}.lower() if {name}.isascii() else fold({name}))"
        if custom:
            reader = {Type.TEXT: "text", Type.NUMBER: "number"}.get(wanted, "truth")
            return [f"({name} := {reader}({source})) is not None"], folded if wanted is Type.TEXT else name
        match wanted:
            case Type.TEXT:
                return [f"isinstance({name} := {source}, str)"], folded
            case Type.NUMBER:
                return [f"({name} := {source}).__class__ in NUMBERS"], name
            case Type.MOMENT:
                return [f"isinstance({name} := {source}, datetime)", f"{name}.tzinfo is not None"], name
        return [f"(({name} := {source}) is True or {name} is False)"], name

    def arithmetic(self, value: Arithmetic) -> tuple[list[str], str]:
        guards: list[str] = []
        sides = []
        for operand in (value.left, value.right):
            needed, found = self.value(operand)
            guards += needed
            if isinstance(operand, Read | Ask):
                guards.append(f"abs({found}) <= LARGEST")  # a NaN is not
                found = f"({found} * 1.0)"  # as the databases calculate: in doubles
            elif isinstance(operand, Constant):
                found = repr(float(found))
            sides.append(found)
        left, right = sides
        if value.op == "/":
            divisor = self.fresh()
            guards.append(f"abs({divisor} := {right}) >= SMALLEST")
            right = divisor
        return guards, f"({left} {value.op} {right})"


def _joined(*tests: str) -> str:
    return f"({' and '.join(tests)})"
