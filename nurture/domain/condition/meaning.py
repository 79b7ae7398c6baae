"""What a condition means: a tree in which every value has a type and every test holds or does not.

Both compilers, to Python here and to SQL in the store, translate this tree and decide nothing themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.condition.vocabulary import Type

if TYPE_CHECKING:
    from nurture.domain.duration import Duration

# Every class here is a value: nothing changes one once it is made. Only `frozen` is left out, because it makes a node
# three times as slow to build, and a check of a workspace builds tens of thousands.


@dataclass(unsafe_hash=True, slots=True)
class Node:
    """A part of the meaning, written from `start` to before `end`."""

    start: int
    end: int


@dataclass(unsafe_hash=True, slots=True)
class Constant(Node):
    """A value that is written down. Texts are folded."""

    type: Type
    value: str | float | bool | datetime


@dataclass(unsafe_hash=True, slots=True)
class Read(Node):
    """The value of a name, whose own type is `own`, read as `wanted`; missing where it is of another type.

    A custom field (`own` is ANY) can be read as anything but a moment. A text that is read as a truth value is true
    when it is neither missing nor empty.
    """

    name: str
    own: Type
    wanted: Type


@dataclass(unsafe_hash=True, slots=True)
class Ask(Node):
    """A question to the history, that answers with a value of `type`."""

    name: str
    args: tuple[str | Duration, ...]
    type: Type


@dataclass(unsafe_hash=True, slots=True)
class Known(Node):
    """Whether a text is neither missing nor empty."""

    value: Read | Ask


@dataclass(unsafe_hash=True, slots=True)
class TextTest(Node):
    """contains, has_word or starts_with: whether any of the folded pieces is found in a text."""

    name: str
    value: Value
    pieces: tuple[str, ...]


@dataclass(unsafe_hash=True, slots=True)
class Arithmetic(Node):
    """`+ - * /` of two numbers; missing if either is, or after a division by zero."""

    op: str
    left: Value
    right: Value


@dataclass(unsafe_hash=True, slots=True)
class Compare(Node):
    """A comparison of two values of one type; false if either is missing."""

    op: str
    type: Type
    left: Value
    right: Value


@dataclass(unsafe_hash=True, slots=True)
class Among(Node):
    """`in`, or with `negated` `not in`; false either way if the value is missing."""

    value: Value
    type: Type
    options: tuple[str | float, ...]
    negated: bool


@dataclass(unsafe_hash=True, slots=True)
class Every(Node):
    """All of these hold."""

    parts: tuple[Test, ...]


@dataclass(unsafe_hash=True, slots=True)
class Either(Node):
    """One of these holds."""

    parts: tuple[Test, ...]


@dataclass(unsafe_hash=True, slots=True)
class Negation(Node):
    """It does not hold."""

    part: Test


# A Read, Ask or Constant is a test when it is a truth value, and then simply does not hold where it is missing.
Test = Compare | Among | Every | Either | Negation | TextTest | Known | Read | Ask | Constant
Value = Arithmetic | Test  # any test is a truth value that is never missing, unless it is a Read


# Each condition of a workspace goes through these, and a look at the class is much quicker than a pattern.
_JOINED: Final = frozenset({Every, Either})
_OF_TWO: Final = frozenset({Compare, Arithmetic})
_OF_ONE: Final = frozenset({Among, TextTest, Known})
_WITH_TYPE: Final = (Constant, Ask)


def inside(node: Node) -> list[Node]:
    """The node and everything below it, in the order of the text."""
    found: list[Node] = []
    ahead: list[Any] = [node]
    while ahead:
        one = ahead.pop()
        found.append(one)
        kind = type(one)
        if kind in _OF_TWO:
            ahead += (one.right, one.left)
        elif kind in _JOINED:
            ahead += one.parts[::-1]
        elif kind in _OF_ONE:
            ahead.append(one.value)
        elif kind is Negation:
            ahead.append(one.part)
    return found


def type_of(value: Value) -> Type:
    """The type that a value has where it is not missing; ANY for a custom field that was not read as something yet."""
    if isinstance(value, Read):
        return value.wanted
    if isinstance(value, _WITH_TYPE):
        return value.type
    return Type.NUMBER if isinstance(value, Arithmetic) else Type.TRUTH
