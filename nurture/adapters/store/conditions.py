"""Conditions as SQL, with the meaning that they have in Python, on SQLite and PostgreSQL.

NULL stands for a missing value and, in a WHERE, for "does not hold"; only where a test is turned over or compared must
it become false first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, ColumnElement, Double, and_, case, cast, false, func, literal, not_, or_, true
from sqlalchemy.sql.selectable import Exists

from nurture.adapters.store.texts import Custom, CustomNumber, Folded, FoldedTest
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
    inside,
)
from nurture.domain.condition.vocabulary import CLOSED, LARGEST, NO_WORDS, SMALLEST, Type

if TYPE_CHECKING:
    from nurture.domain.condition import Condition

_SIGNS: Final = {"==": "=", "!=": "<>"}
_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
Column = ColumnElement[Any]
Calls = Mapping[str, Callable[..., Column]]


def where(
    condition: Condition,
    *,
    columns: Mapping[str, Column],
    custom: Column,
    calls: Calls,
    unknown: frozenset[str] = frozenset(),
) -> ColumnElement[bool]:
    """The rows for which the condition holds: true there, false or NULL elsewhere.

    With `unknown`, names that the database cannot say now: the rows for which it may hold, whatever their values.

    `columns` are the flat names (truth values as booleans), `custom` the JSON object with the custom fields. `calls`
    answer the questions to the history about the row's lead, given the arguments as in `History`: truth values, a
    nullable text for `outcome`, numbers, a nullable one for `days_since`.
    """
    return _Writer(columns, custom, calls, unknown).test(condition.meaning)


class _Writer:
    """Writes one condition. Values may be NULL; a test may be NULL where it does not hold."""

    def __init__(
        self, columns: Mapping[str, Column], custom: Column, calls: Calls, unknown: frozenset[str] = frozenset()
    ) -> None:
        self.columns = columns
        self.custom = custom
        self.calls = calls
        self.unknown = unknown
        self.doubt = True  # how a test that nobody can decide counts: as what lets more rows through

    def test(self, test: Test) -> ColumnElement[bool]:
        match test:
            case Every(parts=parts):
                return and_(*map(self.test, parts))
            case Either(parts=parts):
                return or_(*map(self.test, parts))
            case Negation(part=part):
                self.doubt = not self.doubt
                turned = not_(self.decided(part))
                self.doubt = not self.doubt
                return turned
            case _ if self.unknown and any(
                isinstance(node, Read) and node.name in self.unknown for node in inside(test)
            ):
                return true() if self.doubt else false()
            case Constant(value=value):
                return true() if value else false()
            case Compare(op=op, left=left, right=right):
                sign = _SIGNS.get(op, op)
                if (found := self.folding(left)) is not None and isinstance(right, Constant):
                    return FoldedTest(found, sign, [str(right.value)])
                if (found := self.folding(right)) is not None and isinstance(left, Constant):
                    return FoldedTest(found, _MIRRORED.get(sign, sign), [str(left.value)])
                return self.value(left).op(sign, is_comparison=True, return_type=Boolean())(self.value(right))
            case Among(value=value, options=options, negated=negated):
                if (found := self.folding(value)) is not None:
                    return FoldedTest(found, "NOT IN" if negated else "IN", [str(option) for option in options])
                among = _of_one_type(options)
                return self.value(value).not_in(among) if negated else self.value(value).in_(among)
            case TextTest(name=name, value=value, pieces=pieces):
                found = self.folding(value)
                return FoldedTest(self.value(value) if found is None else found, name, pieces)
            case Known(value=value):
                found = self.folding(value)
                return (self.value(value) if found is None else found) != ""
            case Ask() | Read():
                return self.value(test)

    def decided(self, test: Test) -> ColumnElement[bool]:
        """True or false, never NULL."""
        said = self.test(test)
        # Not around what is never NULL anyway: neither database finds a way to look it up at once behind a function.
        return said if self.is_sure(test) else func.coalesce(said, false(), type_=Boolean())

    def is_sure(self, test: Test) -> bool:
        match test:
            case Every(parts=parts) | Either(parts=parts):
                return all(map(self.is_sure, parts))
            case Read(name=name):
                return isinstance(self.columns.get(name), Exists)
            case Ask() | Negation() | Constant():
                return True
        return False

    def folding(self, value: Value) -> Column | None:
        """The column of a text that must be folded to be compared; None for any other value."""
        match value:
            case Read(own=Type.ANY, wanted=Type.TEXT, name=name):
                return Custom(self.custom, name.removeprefix("x."))
            # The tables hold stage and status to words that are folded already; so an index on them is of use.
            case Read(wanted=Type.TEXT, name=name) if name not in CLOSED:
                return self.columns[name]
            case Ask(type=Type.TEXT, name=name, args=args):
                return self.calls[name](*args)
        return None

    def value(self, value: Value) -> Column:
        found = self.folding(value)
        if found is not None:
            return Folded(found)
        match value:
            case Constant(type=Type.TRUTH, value=constant):
                return true() if constant else false()
            case Constant(value=constant):
                return literal(constant)
            case Arithmetic():
                return self.arithmetic(value)
            case Read(own=Type.ANY, name=name, wanted=wanted):
                field = name.removeprefix("x.")
                if wanted is Type.NUMBER:
                    return CustomNumber(self.custom, field)
                return FoldedTest(Custom(self.custom, field), "NOT IN", sorted(NO_WORDS))
            case Read(name=name):
                return self.columns[name]
            case Ask(name=name, args=args):
                return self.calls[name](*args)
            case _:
                return self.decided(value)

    def arithmetic(self, value: Arithmetic) -> Column:
        left, right = (self.operand(each) for each in (value.left, value.right))
        match value.op:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
        return left / case((func.abs(right) >= SMALLEST, right))

    def operand(self, value: Value) -> Column:
        if isinstance(value, Arithmetic):
            return self.arithmetic(value)
        found = cast(self.value(value), Double)
        return found if isinstance(value, Constant) else case((func.abs(found) <= LARGEST, found))


def _of_one_type(options: Sequence[Any]) -> Sequence[Any]:
    """PostgreSQL is told the type of the first alone, and would round `0.25` beside a whole number to 0."""
    return [float(option) for option in options] if any(isinstance(option, float) for option in options) else options
