"""From what is written to what it means: names, types, words and arities are checked, mistakes get their hint."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from nurture.domain.condition import grammar
from nurture.domain.condition.errors import ConditionError
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
    Node,
    Read,
    Test,
    TextTest,
    Value,
    type_of,
)
from nurture.domain.condition.vocabulary import (
    CHOICES,
    CLOSED,
    FUNCTIONS,
    OF_TEXT,
    SEPARATORS,
    Parameter,
    Type,
    fold,
)
from nurture.domain.duration import Duration, parse_duration

_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_ASKING: Final = (Read, Ask)
_LISTED: Final = (Type.TEXT, Type.NUMBER)  # a tuple: to hash a member of an enumeration costs a call
_DAY: Final = re.compile(r"(19|20|21)\d\d-\d\d-\d\d")
_MOMENT: Final = re.compile(_DAY.pattern + r"[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")


def check(text: str, names: Mapping[str, Type]) -> Test:
    """The meaning of a condition that may use these names. Raises ConditionError."""
    return _Checker(text, names).test(grammar.read(text))


class _Checker:
    def __init__(self, text: str, names: Mapping[str, Type]) -> None:
        self.text = text
        self.names = names

    def mistake(self, part: grammar.Part | Node, message: str) -> ConditionError:
        return ConditionError(message, text=self.text, offset=part.start, length=part.end - part.start)

    def source(self, part: grammar.Part | Node) -> str:
        """The part as written, shortened."""
        written = self.text[part.start : part.end]
        return written if len(written) <= 40 else written[:37] + "..."

    # A check of a workspace comes here tens of thousands of times, and patterns of classes cost more than looking at
    # the class: so what is usual is asked first, and by `type(...) is`.

    def test(self, part: grammar.Part) -> Test:
        """The part as something that holds or does not."""
        if type(part) is grammar.Binary and part.op in grammar.COMPARISONS:
            return self.among(part) if part.op.endswith("in") else self.compare(part)
        if type(part) is grammar.Chain:
            joined = Every if part.op == "and" else Either
            return joined(part.start, part.end, tuple([self.test(each) for each in part.parts]))
        if type(part) is grammar.Unary and part.op == "not":
            return Negation(part.start, part.end, self.test(part.operand))
        value = self.value(part)
        kind = type_of(value)
        if kind is Type.TRUTH and isinstance(value, (Ask, Read, TextTest, Constant)):
            return value
        if kind is Type.TEXT and isinstance(value, _ASKING):
            return Known(part.start, part.end, value)
        if kind is Type.ANY and isinstance(value, Read):
            return replace(value, wanted=Type.TRUTH)
        if kind is Type.NUMBER:
            raise self.mistake(
                part, f"{self.source(part)} is a number, not a condition; compare it: {self.source(part)} > 0."
            )
        if kind is Type.MOMENT:
            raise self.mistake(part, f"{self.source(part)} is a moment; compare it with a date: >= '2026-01-31'.")
        raise self.mistake(part, f"{self.source(part)} is a text alone; compare a name with it.")

    def value(self, part: grammar.Part) -> Value:
        """The part as a value."""
        if type(part) is grammar.Name:
            own = self.names.get(part.name) or self.named(part)
            return Read(part.start, part.end, part.name, own, own)
        if type(part) is grammar.Literal:
            return _constant(part)
        if type(part) is grammar.Use:
            return self.use(part)
        match part:
            case grammar.Unary(start, end, "-", operand):
                return self.calculated(start, end, "-", Constant(start, start, Type.NUMBER, 0), self.number(operand))
            case grammar.Binary(start, end, op, left, right) if op not in grammar.COMPARISONS:
                return self.calculated(start, end, op, self.number(left), self.number(right))
            case grammar.Listing():
                raise self.mistake(part, "A list stands after in or not in: country in ['US', 'CA'].")
        return self.test(part)

    def named(self, part: grammar.Name) -> Type:
        """The type of a name that is not among those of every lead."""
        name = part.name
        if re.fullmatch(r"x\.\w+", name):
            return Type.ANY
        if name in FUNCTIONS:
            raise self.mistake(part, f"{name} is a function: {FUNCTIONS[name].usage}.")
        if "." in name and name.rsplit(".", 1)[1] in self.names:
            raise self.mistake(part, f"{name} is not known; did you mean {name.rsplit('.', 1)[1]!r}?")
        if any(fold(name) in closed for closed in CLOSED.values()):
            raise self.mistake(part, f"{name} is not a name; a text stands in quotes: '{name}'.")
        known = f"the names are {', '.join(self.names)}, and x.NAME for custom fields."
        raise self.mistake(part, f"No name {name!r} is known; {_near(name, self.names) or known}")

    def number(self, part: grammar.Part) -> Value:
        """The part as something to calculate with."""
        value = self.value(part)
        if isinstance(value, Read) and value.wanted is Type.ANY:
            return replace(value, wanted=Type.NUMBER)
        if type_of(value) is not Type.NUMBER:
            raise self.mistake(part, f"{self.source(part)} is a {type_of(value)}; only numbers can be calculated with.")
        return value

    def calculated(self, start: int, end: int, op: str, left: Value, right: Value) -> Value:
        """Arithmetic; of constants at once."""
        if op == "/" and isinstance(right, Constant) and right.value == 0:
            raise self.mistake(right, "This divides by zero.")
        match left, right:
            case Constant(value=int() | float() as a), Constant(value=int() | float() as b):
                value = a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b
                return Constant(start, end, Type.NUMBER, value)
        return Arithmetic(start, end, op, left, right)

    def compare(self, part: grammar.Binary) -> Test:
        left, right = self.value(part.left), self.value(part.right)
        one, two = type_of(left), type_of(right)
        if one is Type.MOMENT or two is Type.MOMENT:
            return self.in_time(part, left, right)
        equality = part.op in {"==", "!="}
        kind = two if one is Type.ANY else one
        if kind is Type.ANY:
            kind = Type.TEXT if equality else Type.NUMBER
        elif two is not kind and two is not Type.ANY:
            raise self.mismatch(part, left, right)
        if not equality and kind is Type.TRUTH:
            raise self.mistake(part, f"A truth value can be compared with == and != only, not with {part.op}.")
        left, right = _read_as(left, kind), _read_as(right, kind)
        for side, other in ((left, right), (right, left)) if kind is Type.TEXT else ():
            closed = _closed(side)
            if closed and not equality:
                raise self.mistake(part, f"{self.source(side)} has no order; compare it with ==, != or in.")
            if closed and isinstance(other, Constant):
                self.known_word(side, other, closed)
        return Compare(part.start, part.end, part.op, kind, left, right)

    def mismatch(self, part: grammar.Binary, left: Value, right: Value) -> ConditionError:
        a, b = type_of(left), type_of(right)
        hint = ""
        for one, other in ((left, right), (right, left)):
            if (
                type_of(one) is Type.NUMBER
                and isinstance(other, Constant)
                and re.fullmatch(r"[\d.]+", str(other.value))
            ):
                hint = f"; write the number without quotes: {other.value}"
            elif type_of(one) is Type.TEXT and isinstance(one, Read) and isinstance(other, Constant):
                hint = f"; write it in quotes: '{self.source(other)}'"
        return self.mistake(
            part, f"{self.source(left)} is a {a} and {self.source(right)} a {b}: they cannot be compared{hint}."
        )

    def in_time(self, part: grammar.Binary, left: Value, right: Value) -> Test:
        """A moment against a day (in UTC, all of it) or against a moment."""
        op = part.op
        if isinstance(left, Constant):
            left, right, op = right, left, _MIRRORED[op]
        if not isinstance(right, Constant) or right.type is not Type.TEXT or type_of(left) is not Type.MOMENT:
            raise self.mistake(
                part, f"{self.source(left)} is compared with a date: {self.source(left)} >= '2026-01-31'."
            )
        start, end = part.start, part.end

        def against(sign: str, moment: datetime) -> Compare:
            other = Constant(right.start, right.end, Type.MOMENT, moment)
            return Compare(start, end, sign, Type.MOMENT, left, other)

        first, last = self.moments(right)
        if first == last:
            return against(op, first)
        match op:
            case "==":
                return Every(start, end, (against(">=", first), against("<", last)))
            case "!=":
                return Either(start, end, (against("<", first), against(">=", last)))
            case "<" | ">=":
                return against(op, first)
        return against("<" if op == "<=" else ">=", last)

    def moments(self, constant: Constant) -> tuple[datetime, datetime]:
        """The first moment of a day and that of the next; for a moment itself, twice."""
        written = str(constant.value).upper()  # it was folded
        try:
            if _DAY.fullmatch(written):
                day = datetime.fromisoformat(written).replace(tzinfo=UTC)
                return day, day + timedelta(days=1)
            if _MOMENT.fullmatch(written):
                moment = datetime.fromisoformat(written)
                moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
                return moment, moment
        except ValueError as error:
            raise self.mistake(constant, f"{written} is not a date: {error}.") from error
        raise self.mistake(constant, f"{written!r} is not a date; write '2026-01-31', or '2026-01-31T09:00Z'.")

    def among(self, part: grammar.Binary) -> Test:
        value, listing = self.value(part.left), part.right
        if not isinstance(listing, grammar.Listing):
            example, hint = "['a', 'b']", ""
            if isinstance(listing, grammar.Literal):
                example = f"[{self.source(listing)}]"
            elif isinstance(value, Constant):
                hint = f"; to look into a text write contains({self.source(listing)}, {self.source(part.left)})"
            raise self.mistake(listing, f"After {part.op} stands a list: {example}{hint}.")
        if not listing.items:
            raise self.mistake(listing, "This list is empty.")
        options = [self.value(item) for item in listing.items]
        kind, own, closed = type_of(options[0]), type_of(value), _closed(value)
        mixed = any(type_of(option) is not kind for option in options)
        for option in options:
            if type(option) is not Constant or option.type not in _LISTED:
                raise self.mistake(option, f"{self.source(option)} cannot stand in a list; only texts and numbers can.")
            if mixed or (own is not option.type and own is not Type.ANY):
                other = "a mixed list" if mixed else f"a list with a {option.type}"
                raise self.mistake(option, f"{self.source(value)} is a {own} and cannot be compared with {other}.")
            if closed:
                self.known_word(value, option, closed)
        constants = tuple(dict.fromkeys([option.value for option in options if type(option) is Constant]))
        return Among(part.start, part.end, _read_as(value, kind), kind, constants, part.op == "not in")  # type: ignore[arg-type]

    def known_word(self, value: Value, constant: Constant, closed: Collection[str]) -> None:
        """Refuse a word that a closed vocabulary does not have."""
        if constant.value not in closed:
            what = value.name if isinstance(value, _ASKING) else ""
            raise self.mistake(constant, self.unknown(what, str(constant.value), closed))

    def unknown(self, what: str, word: str, known: Collection[str]) -> str:
        among = f"there are {', '.join(sorted(known))}."
        return f"There is no {what} {word!r}; {_near(word, known) or among}"

    def use(self, part: grammar.Use) -> Value:
        """A function, with its arguments checked."""
        function = FUNCTIONS.get(part.function)
        if function is None:
            if part.function in self.names:
                raise self.mistake(part, f"{part.function} is a name, not a function; write it without parentheses.")
            known = f"there are {', '.join(FUNCTIONS)}."
            raise self.mistake(
                part, f"No function {part.function!r} is known; {_near(part.function, FUNCTIONS) or known}"
            )
        wanted = function.parameters
        if len(part.args) < len(wanted) or (len(part.args) > len(wanted) and not function.repeats):
            raise self.mistake(part, f"{part.function} is written {function.usage}.")
        if part.function not in OF_TEXT:
            args = tuple([self.argument(part, arg, what) for arg, what in zip(part.args, wanted, strict=True)])
            return Ask(part.start, part.end, part.function, args, function.result)
        value = _read_as(self.value(part.args[0]), Type.TEXT)
        if not isinstance(value, _ASKING) or type_of(value) is not Type.TEXT:
            raise self.mistake(
                part.args[0], f"{self.source(part.args[0])} is not a name with a text; write {function.usage}."
            )
        pieces = tuple(fold(str(self.argument(part, arg, wanted[1]))) for arg in part.args[1:])
        return TextTest(part.start, part.end, part.function, value, pieces)

    def argument(self, part: grammar.Use, arg: grammar.Part, what: Parameter) -> str | Duration:
        if type(arg) is not grammar.Literal or not isinstance(arg.value, str):
            raise self.mistake(arg, f"{self.source(arg)} is not a quoted text; write {FUNCTIONS[part.function].usage}.")
        if not arg.value.strip():
            raise self.mistake(arg, f"This text is empty; write {FUNCTIONS[part.function].usage}.")
        if what is Parameter.PLAIN or what is Parameter.PIECE:
            return arg.value
        if what is Parameter.DURATION:
            try:
                return parse_duration(arg.value)
            except ValueError as error:
                raise self.mistake(arg, str(error)) from error
        if what is Parameter.WORD and any(sign in SEPARATORS for sign in arg.value):
            raise self.mistake(arg, f"{arg.value!r} is not a single word; use contains() for it.")
        known = CHOICES.get(what)
        if known is None:
            return arg.value
        if fold(arg.value) not in known:
            noun = "kind of response" if what is Parameter.KIND else what.name.lower()
            raise self.mistake(arg, self.unknown(noun, arg.value, known))
        return fold(arg.value)


def _near(word: str, known: Collection[str]) -> str:
    """A hint at the nearest known word, or nothing."""
    near = get_close_matches(fold(word)[:40], known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _constant(part: grammar.Literal) -> Constant:
    value = part.value
    if isinstance(value, str):
        return Constant(part.start, part.end, Type.TEXT, fold(value))
    return Constant(part.start, part.end, Type.TRUTH if isinstance(value, bool) else Type.NUMBER, value)


def _closed(value: Value) -> frozenset[str] | None:
    """The words that a value can be, where these are fixed."""
    return CLOSED.get(value.name) if isinstance(value, _ASKING) and type_of(value) is Type.TEXT else None


def _read_as(value: Value, kind: Type) -> Value:
    """A custom field read as this type; everything else as it is."""
    return replace(value, wanted=kind) if type(value) is Read and value.wanted is Type.ANY else value
