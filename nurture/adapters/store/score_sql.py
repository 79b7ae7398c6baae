"""What a score in SQL is written with: moments, JSON and bounds, as each of the two databases has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Interval,
    Text,
    case,
    cast,
    false,
    func,
    literal,
    or_,
)

from nurture.adapters.store.tables.columns import Moment
from nurture.adapters.store.texts import prepare

if TYPE_CHECKING:
    from nurture.domain.condition import Condition

Value = ColumnElement[Any]
_MATHEMATICS: Final = {"exp": math.exp, "ln": math.log, "floor": math.floor}
_UNIX_EPOCH: Final = 2_440_587.5  # 1970-01-01 as the Julian days that SQLite counts
_DAY: Final = 86_400.0
_TINY: Final = -700.0  # exp() of less is an error in PostgreSQL; this is nothing already


def number(value: float) -> Value:
    """A constant of double precision: as an untyped decimal PostgreSQL would calculate with all its digits."""
    return literal(float(value), Double())


@dataclass(frozen=True, slots=True)
class Words:
    """How one database says it."""

    sqlite: bool

    def greatest(self, *values: Value) -> Value:
        """The largest; in SQLite NULL where one of them is."""
        return func.max(*values, type_=Double()) if self.sqlite else func.greatest(*values, type_=Double())

    def least(self, *values: Value) -> Value:
        """The smallest; in SQLite NULL where one of them is."""
        return func.min(*values, type_=Double()) if self.sqlite else func.least(*values, type_=Double())

    def left(self, at: Value, now: datetime, half_life: timedelta) -> Value:
        """How much of a line is left: one half after each half-life."""
        today, rate = now.astimezone(UTC).timestamp(), -math.log(2) / half_life.total_seconds()
        if self.sqlite:
            return func.exp((number(today / _DAY + _UNIX_EPOCH) - func.julianday(at)) * number(rate * _DAY))
        seconds = number(today) - func.date_part("epoch", at, type_=Double())
        return func.exp(self.greatest(seconds * number(rate), number(_TINY)))

    def later(self, now: datetime, seconds: Value) -> Value:
        """The moment so many whole seconds from now, in SQLite at the next full second; NULL stays NULL."""
        if self.sqlite:  # which takes three times as long to read `now` and to add to it
            whole = number(math.ceil(now.timestamp()))
            return func.datetime(whole + seconds, "unixepoch").concat(".000000")
        today = literal(now, Moment())
        return today + seconds * literal(timedelta(seconds=1), Interval())

    def pairs(self, **values: Value) -> Value:
        """A JSON object of these names."""
        parts = [part for name, value in values.items() for part in (literal(name, Text()), value)]
        return func.json_object(*parts) if self.sqlite else func.json_build_object(*parts)

    def json(self, text: Value) -> Value:
        """A text as the column of JSON takes it."""
        return text if self.sqlite else cast(text, JSON)


def words_of(db: Connection) -> Words:
    """How this database says it; an SQLite is given the functions that it lacks."""
    if db.dialect.name != "sqlite":
        return Words(sqlite=False)
    prepare(db)
    driver: Any = db.connection.driver_connection
    for name, function in _MATHEMATICS.items():
        try:
            driver.execute(f"SELECT {name}(1.0)")
        except OperationalError:  # built without them
            driver.create_function(name, 1, _of_number(function), deterministic=True)
    return Words(sqlite=True)


def _of_number(function: Callable[[float], float]) -> Callable[[float | None], float | None]:
    """As SQLite itself has them: NULL where there is no answer."""

    def answer(value: float | None) -> float | None:
        try:
            return None if value is None else function(value)
        except (ValueError, OverflowError):
            return None

    return answer


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values at which one of some conditions may change: of the engagement, and of the whole score.

    `unreadable`: one of them calculates with it. A row has the columns `engagement` and `fit`.
    """

    engagement: Sequence[float]
    score: Sequence[float]
    unreadable: bool

    @classmethod
    def of(cls, conditions: Collection[Condition]) -> Bounds:
        """Those of these conditions."""
        direct = [condition.bounds("engagement") for condition in conditions]
        through = [condition.bounds("score") for condition in conditions]
        return cls(
            sorted(frozenset().union(*(one or () for one in direct))),
            sorted(frozenset().union(*(one or () for one in through))),
            None in direct or None in through,
        )

    def highest_within(self, row: Any) -> Value:
        """The largest bound that the engagement has reached; NULL where it has reached none."""
        return _pick(
            [
                case(*[(row.engagement >= value, value) for value in reversed(bounds)])
                for bounds in self._of(row)
                if bounds
            ],
            larger=True,
        )

    def lowest_above(self, row: Any) -> Value:
        """The smallest bound that the engagement has not reached; NULL where it has reached all."""
        return _pick(
            [case(*[(row.engagement < value, value) for value in bounds]) for bounds in self._of(row) if bounds],
            larger=False,
        )

    def between(self, before: Value, row: Any) -> ColumnElement[bool]:
        """Whether another engagement lies on the other side of one of them.

        The row has also `below` and `above`: its `highest_within` and `lowest_above`.
        """
        if self.unreadable:
            different: ColumnElement[bool] = before != row.engagement
            return different
        return func.coalesce(or_(before < row.below, before >= row.above), false(), type_=Boolean())

    def _of(self, row: Any) -> tuple[list[Value], list[Value]]:
        return [number(one) for one in self.engagement], [number(one) - row.fit for one in self.score]


def _pick(found: Sequence[Value], *, larger: bool) -> Value:
    def better(one: Value, other: Value) -> Value:
        first = one >= other if larger else one <= other
        return case((or_(other.is_(None), first), one), else_=other)

    return reduce(better, found) if found else cast(literal(None), Double())
