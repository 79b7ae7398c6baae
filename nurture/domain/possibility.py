"""Whether a condition can hold for anyone at all, or is a gate that nobody passes. When in doubt, it can.

Between two constants with which a number is compared, nothing changes; so it is enough to try the constants, a value
between each two, one beyond each end, and none. What cannot be tried (functions, arithmetic) counts as free to go
either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise, product
from math import inf, prod
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nurture.domain.condition import NAMES, Condition, Type
from nurture.domain.condition.meaning import (
    Among,
    Ask,
    Compare,
    Constant,
    Either,
    Every,
    Known,
    Negation,
    Node,
    Read,
    TextTest,
    inside,
)
from nurture.domain.condition.vocabulary import CLOSED, custom_text, custom_truth, fold

if TYPE_CHECKING:
    from nurture.domain.scoring import Scoring

MOST_TRIES: Final = 5_000
# Nobody has fewer.
NOT_NEGATIVE: Final = ("employees", "revenue", "timeline_months")
ALWAYS_KNOWN: Final = ("stage", "status")
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_ALWAYS: Final = frozenset({True})
_NEVER: Final = frozenset({False})
_FREE: Final = frozenset({True, False})
_TURNED: Final = {_ALWAYS: _NEVER, _NEVER: _ALWAYS, _FREE: _FREE}
_Truths = frozenset[bool]
Range = tuple[float, float]


def ranges_of(scoring: Scoring) -> dict[str, Range]:
    """The least and the most that each number of a lead can be, by the points that these rules give."""
    fit = (sum(min(0, rule.points) for rule in scoring.fit), sum(max(0, rule.points) for rule in scoring.fit))
    most: float = 0
    least: float = 0
    for rule in scoring.engagement:
        bound = inf if rule.at_most is None else rule.at_most
        most += bound if rule.points > 0 else 0
        least -= bound if rule.points < 0 else 0
    engagement = (least, most if scoring.cap is None else min(most, scoring.cap))
    found: dict[str, Range] = dict.fromkeys(NOT_NEGATIVE, (0, inf))
    # Without rules nobody has decided yet what can be reached.
    if scoring.fit:
        found["fit"] = fit
    if scoring.engagement:
        found["engagement"] = engagement
    if scoring.fit and scoring.engagement:
        found["score"] = (fit[0] + engagement[0], fit[1] + engagement[1])
    return found


def can_hold(condition: Condition, ranges: Mapping[str, Range] | None = None) -> bool:
    """False when no lead whatever makes it hold; `ranges` are the bounds of numbers, where there are any."""
    return _can_hold(condition, tuple(sorted((ranges or {}).items())))


def told_apart(first: Condition, second: Condition) -> bool:
    """Whether a look shows that no lead fits both: they insist on different words, or on numbers that do not meet."""
    return any(not (allowed & other) for allowed, other in _on_the_same(_words(first), _words(second))) or any(
        low > top or bottom > high for (low, high), (bottom, top) in _on_the_same(_spans(first), _spans(second))
    )


def can_both_hold(first: Condition, second: Condition, ranges: Mapping[str, Range] | None = None) -> bool:
    """False when no lead whatever makes both hold."""
    if told_apart(first, second):
        return False
    return _possible(Every(0, 0, (first.meaning, second.meaning)), dict(ranges or {}))


@lru_cache(maxsize=4096)
def _can_hold(condition: Condition, bounds: tuple[tuple[str, Range], ...]) -> bool:
    return _possible(condition.meaning, dict(bounds))


def _possible(meaning: Node, ranges: Mapping[str, Range]) -> bool:
    nodes = [*inside(meaning)]
    used: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, Read):
            used[node.name] = used.get(node.name, 0) + 1
    # A name that stands alone, and may be anything, contradicts nothing.
    pinned = [name for name, count in used.items() if count > 1 or name in ranges or name in ALWAYS_KNOWN]
    choices = {name: _candidates(name, nodes, ranges.get(name, (-inf, inf))) for name in pinned}
    if prod(map(len, choices.values())) > MOST_TRIES:
        return True
    tries = (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
    return any(True in _truths(meaning, lead) for lead in tries)


# Most pairs of conditions differ in one word or number that both insist on: these are told apart without any trying.


Value = TypeVar("Value")


def _on_the_same(one: Mapping[str, Value], other: Mapping[str, Value]) -> Iterator[tuple[Value, Value]]:
    return ((one[name], other[name]) for name in one.keys() & other.keys())


def _parts(node: Node) -> Iterator[Node]:
    """What must hold all together."""
    if isinstance(node, Every):
        for part in node.parts:
            yield from _parts(part)
    else:
        yield node


@lru_cache(maxsize=4096)
def _words(condition: Condition) -> Mapping[str, frozenset[object]]:
    """The words that a name must be one of, for names of which the condition insists on that."""
    found: dict[str, frozenset[object]] = {}
    for part in _parts(condition.meaning):
        match part:
            case Compare(op="==", type=Type.TEXT, left=Read(name=name), right=Constant(value=value)):
                words = frozenset[object]({value})
            case Among(value=Read(name=name), type=Type.TEXT, options=options, negated=False):
                words = frozenset(options)
            case _:
                continue
        found[name] = found.get(name, words) & words
    return found


@lru_cache(maxsize=4096)
def _spans(condition: Condition) -> Mapping[str, Range]:
    """The least and the most that a number must be, for numbers of which the condition insists on that."""
    found: dict[str, Range] = {}
    for part in _parts(condition.meaning):
        match part:
            case Compare(op=op, type=Type.NUMBER, left=Read(name=name), right=Constant(value=int() | float() as value)):
                low, high = found.get(name, (-inf, inf))
                if op in {"==", ">", ">="}:
                    low = max(low, value)
                if op in {"==", "<", "<="}:
                    high = min(high, value)
                found[name] = (low, high)
            case _:
                pass
    return found


def _candidates(name: str, nodes: Iterable[Node], bounds: Range) -> list[Any]:
    """Values of a name of which one stands for each that a lead can have."""
    if name in CLOSED:
        return [*sorted(CLOSED[name]), *([] if name in ALWAYS_KNOWN else [None])]
    constants: set[Any] = set()
    for node in nodes:
        match node:
            case Compare(left=Read(name=read), right=Constant(value=value)) if read == name:
                constants.add(value)
            case Compare(left=Constant(value=value), right=Read(name=read)) if read == name:
                constants.add(value)
            case Among(value=Read(name=read), options=options) if read == name:
                constants.update(options)
    if NAMES.get(name) is not Type.NUMBER:
        texts = sorted(value for value in constants if isinstance(value, str))
        return [*texts, "\0", True, False, None]
    numbers = sorted(value for value in constants if isinstance(value, int | float)) or [0]
    between = [(low + high) / 2 for low, high in pairwise(numbers)]
    least, most = bounds
    ends = [end for end in (least, most) if end not in {inf, -inf}]
    tried = {*numbers, *between, *ends, numbers[0] - 1, numbers[-1] + 1}
    return [*sorted(value for value in tried if least <= value <= most), None]


def _truths(node: Node, lead: Mapping[str, Any]) -> _Truths:
    """The truth values that a test can have for a lead with these values."""
    if type(node) is Ask or type(node) is TextTest:
        return _FREE
    if type(node) is Every:
        each = [_truths(part, lead) for part in node.parts]
        return _NEVER if _NEVER in each else _FREE if _FREE in each else _ALWAYS
    if type(node) is Either:
        each = [_truths(part, lead) for part in node.parts]
        return _ALWAYS if _ALWAYS in each else _FREE if _FREE in each else _NEVER
    match node:
        case Negation(part=part):
            return _TURNED[_truths(part, lead)]
        case Constant(value=bool() as value):
            return frozenset({value})
        case Compare(op=op, type=Type.NUMBER | Type.TEXT as kind, left=left, right=right):
            return _compared(op, kind, left, right, lead)
        case Among(value=Read(name=name, own=own), type=kind) if name in lead and _readable(own, kind):
            value = _read(lead[name], own)
            return frozenset({value is not None and (value in node.options) is not node.negated})
        case Read(name=name, own=Type.TRUTH) if name in lead:
            return frozenset({lead[name] is True})
        case Read(name=name, own=Type.ANY, wanted=Type.TRUTH) if name in lead:
            return frozenset({custom_truth(lead[name]) is True})
        case Known(value=Read(name=name)) if name in lead:
            return frozenset({lead[name] is not None})
        case _:
            return _FREE


def _compared(op: str, kind: Type, left: Node, right: Node, lead: Mapping[str, Any]) -> _Truths:
    sides = []
    for side, other in ((left, right), (right, left)):
        match side:
            case Constant(value=value):
                sides.append(value)
            case Read(name=name, own=own) if name in lead and _readable(own, kind) and not isinstance(other, Read):
                sides.append(_read(lead[name], own))
            case _:
                return _FREE
    if None in sides:
        return frozenset({False})
    if kind is Type.TEXT and op not in {"==", "!="}:
        return _FREE
    return frozenset({_OPERATORS[op](*sides)})


def _readable(own: Type, kind: Type) -> bool:
    """Whether the values that are tried stand for all that a name can be, compared in this way."""
    return own is kind or (own is Type.ANY and kind is Type.TEXT)


def _read(value: Any, own: Type) -> Any:
    text = custom_text(value) if own is Type.ANY else value
    return fold(text) if isinstance(text, str) else text
