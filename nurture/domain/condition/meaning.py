"""What a condition means: a tree in which every value has a type and every test holds or does not.

Both compilers, to Python here and to SQL in the store, translate this tree and decide nothing themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.domain.condition.vocabulary import Type
from nurture.domain.duration import Duration


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the meaning, written from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A value that is written down. Texts are folded."""

    type: Type
    value: str | float | bool | datetime


@dataclass(frozen=True, slots=True)
class Read(Node):
    """The value of a name, whose own type is `own`, read as `wanted`; missing where it is of another type.

    A custom field (`own` is ANY) can be read as anything but a moment. A text that is read as a truth value is true
    when it is neither missing nor empty.
    """

    name: str
    own: Type
    wanted: Type


@dataclass(frozen=True, slots=True)
class Ask(Node):
    """A question to the history, that answers with a value of `type`."""

    name: str
    args: tuple[str | Duration, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Known(Node):
    """Whether a text is neither missing nor empty."""

    value: Read | Ask


@dataclass(frozen=True, slots=True)
class TextTest(Node):
    """contains, has_word or starts_with: whether any of the folded pieces is found in a text."""

    name: str
    value: Value
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`+ - * /` of two numbers; missing if either is, or after a division by zero."""

    op: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """A comparison of two values of one type; false if either is missing."""

    op: str
    type: Type
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Among(Node):
    """`in`, or with `negated` `not in`; false either way if the value is missing."""

    value: Value
    type: Type
    options: tuple[str | float, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Every(Node):
    """All of these hold."""

    parts: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Either(Node):
    """One of these holds."""

    parts: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """It does not hold."""

    part: Test


# A Read, Ask or Constant is a test when it is a truth value, and then simply does not hold where it is missing.
Test = Compare | Among | Every | Either | Negation | TextTest | Known | Read | Ask | Constant
_LEAVES = (Constant, Read, Ask)
Value = Arithmetic | Test  # any test is a truth value that is never missing, unless it is a Read


# Each condition of a workspace goes through these, and a look at the class is much quicker than a pattern.


def inside(node: Node) -> list[Node]:
    """The node and everything below it, in the order of the text."""
    found: list[Node] = []
    ahead = [node]
    while ahead:
        node = ahead.pop()
        found.append(node)
        if isinstance(node, _LEAVES):
            continue
        if isinstance(node, Compare | Arithmetic):
            ahead += (node.right, node.left)
        elif isinstance(node, Every | Either):
            ahead += reversed(node.parts)
        elif isinstance(node, Among | TextTest | Known):
            ahead.append(node.value)
        elif isinstance(node, Negation):
            ahead.append(node.part)
    return found


def type_of(value: Value) -> Type:
    """The type that a value has where it is not missing; ANY for a custom field that was not read as something yet."""
    if isinstance(value, Constant | Ask):
        return value.type
    if isinstance(value, Read):
        return value.wanted
    return Type.NUMBER if isinstance(value, Arithmetic) else Type.TRUTH
