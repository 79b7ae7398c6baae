"""Which names a lead surely has: where a condition holds, and at each place of a cadence that asks with conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from nurture.domain.cadence import Enroll, Set, Stop
from nurture.domain.condition.meaning import (
    Among,
    Compare,
    Either,
    Every,
    Known,
    Negation,
    Node,
    Read,
    TextTest,
    inside,
)
from nurture.domain.fact import FactName
from nurture.domain.walk import Branch, Fork, Jump, Program

if TYPE_CHECKING:
    from nurture.domain.condition import Condition

Names = frozenset[str]
# Every lead has these.
ALWAYS: Final[Names] = frozenset(
    {"status", "stage", "score", "fit", "engagement", "asked_for_sales", "created_at", *map(str, FactName)}
)


def guaranteed(condition: Condition) -> Names:
    """The names that are not missing for a lead for whom the condition holds."""
    return _where(condition.meaning, holds=True)


def guaranteed_unless(condition: Condition) -> Names:
    """The names that are not missing for a lead for whom it does not hold."""
    return _where(condition.meaning, holds=False)


def _where(node: Node, *, holds: bool) -> Names:
    match node:
        case Negation(part=part):
            return _where(part, holds=not holds)
        case Every(parts=parts):
            return _of_all(parts, holds=True) if holds else _of_any(parts, holds=False)
        case Either(parts=parts):
            return _of_any(parts, holds=True) if holds else _of_all(parts, holds=False)
        case Compare() | Among() | TextTest() | Known() | Read() if holds:
            # Each of these is false where anything in it is missing.
            return frozenset(part.name for part in inside(node) if isinstance(part, Read))
        case _:
            return frozenset()


def _of_all(parts: Iterable[Node], *, holds: bool) -> Names:
    return frozenset().union(*(_where(part, holds=holds) for part in parts))


def _of_any(parts: Iterable[Node], *, holds: bool) -> Names:
    each = [_where(part, holds=holds) for part in parts]
    return frozenset.intersection(*each) if each else frozenset()


def known_at(program: Program) -> tuple[Names, ...]:
    """For each operation of a program the names that every lead has who comes there by its own conditions.

    A lead that somebody enrolls by hand, or that another cadence hands over, may lack what `enroll.when` asks for.
    """
    when = program.cadence.entry.when
    found: list[Names | None] = [None] * (len(program.ops) + 1)
    found[0] = ALWAYS | (guaranteed(when) if when is not None else frozenset())

    def reach(at: int, names: Names) -> None:
        before = found[at]
        found[at] = names if before is None else before & names

    for at, op in enumerate(program.ops):
        names = found[at]
        if names is None:
            continue  # no lead comes here
        match op:
            case Branch(condition=condition, otherwise=otherwise):
                reach(at + 1, names | guaranteed(condition))
                reach(otherwise, names | guaranteed_unless(condition))
            case Fork(arms=arms):
                for _, target in arms:
                    reach(target, names)
            case Jump(to=to):
                reach(to, names)
            case Enroll() | Stop():
                pass
            case Set(fields=fields):
                cleared = {name for name, value in fields.items() if value is None}
                reach(at + 1, (names | fields.keys()) - cleared)
            case _:
                reach(at + 1, names)
    return tuple(names if names is not None else ALWAYS for names in found)
