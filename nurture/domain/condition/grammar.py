"""The grammar: a text becomes a tree of what is written, each part with its place. Nothing is judged here but form.

Loosest first: `or`, `and`, `not`, one comparison, `+ -`, `* /`, minus, then names, numbers, texts, lists, functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from nurture.domain.condition.errors import ConditionError

LONGEST: Final = 2000  # characters
DEEPEST: Final = 40  # parentheses, `not` and minus inside each other
# With values of at most 15 digits no result can overflow a double: PostgreSQL would raise an error on that.
MOST_ARITHMETIC: Final = 10


@dataclass(slots=True)  # not frozen: it lives only while a condition is read, and is made in half the time
class Part:
    """Something written from `start` to before `end`."""

    start: int
    end: int


@dataclass(slots=True)
class Name(Part):
    """A name, `x.NAME` included."""

    name: str


@dataclass(slots=True)
class Literal(Part):
    """A quoted text, a number, true or false."""

    value: str | float | bool


@dataclass(slots=True)
class Listing(Part):
    """A list in brackets."""

    items: tuple[Part, ...]


@dataclass(slots=True)
class Use(Part):
    """A function with its arguments."""

    function: str
    args: tuple[Part, ...]


@dataclass(slots=True)
class Binary(Part):
    """Arithmetic, a comparison, `in` or `not in`."""

    op: str
    left: Part
    right: Part


@dataclass(slots=True)
class Unary(Part):
    """`not` or minus."""

    op: str
    operand: Part


@dataclass(slots=True)
class Chain(Part):
    """Parts joined by `and`, or by `or`."""

    op: str
    parts: tuple[Part, ...]


# Texts, in which nothing is escaped; numbers with what runs into them, and names; signs; and what is none of these.
TOKEN: Final = re.compile(
    r"""(?: '[^']*' | "[^"]*" )
      | ( [0-9]+(?:\.[0-9]+)?\w* | [^\W\d]\w*(?:\.\w+)* )
      | (?: == | != | <= | >= ) (?! [=>] ) | [()\[\],+-] | [*/<>] (?! [*/<>=] )
      | ( === | <> | => | := | && | \|\| | \*\* | // | \S )""",
    re.VERBOSE,
)
ODD: Final = 2  # its group
COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})
_QUOTES: Final = frozenset("'\"")
_AFTER_ITEM: Final = frozenset(",)]")
_COMPARING: Final = COMPARISONS | {"not"}  # the first word of one
_BINDING: Final = {"+": 1, "-": 1, "*": 2, "/": 2}
_TRUTHS: Final = {"true": True, "True": True, "false": False, "False": False}
_RESERVED: Final = COMPARISONS | frozenset("()[],+-*/") | {"and", "or", "not", *_TRUTHS}
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What people bring along from other languages.
_ELSEWHERE: Final = {
    "=": "write == to compare",
    "===": "write == to compare",
    ":=": "write == to compare",
    "is": "write == to compare",
    "IS": "write == to compare",
    "&&": "write and",
    "&": "write and",
    "AND": "write and, in small letters",
    "||": "write or",
    "|": "write or",
    "OR": "write or, in small letters",
    "!": "write not",
    "NOT": "write not, in small letters",
    "IN": "write in, in small letters",
    "<>": "write !=",
    "=>": "write >=",
    "like": "write contains(NAME, 'text')",
    "LIKE": "write contains(NAME, 'text')",
    "null": "a missing value makes a comparison false; `not industry` holds where the industry is missing",
    "NULL": "a missing value makes a comparison false; `not industry` holds where the industry is missing",
    "None": "a missing value makes a comparison false; `not industry` holds where the industry is missing",
    "'": "this text has no closing quote; one with an apostrophe goes into double quotes",
    '"': "this text has no closing quote",
    "`": "texts stand between straight quotes: 'text'",
    **dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", "texts stand between straight quotes: 'text'"),
    "{": "a list stands in brackets: ['a', 'b']",
    "}": "a list stands in brackets: ['a', 'b']",
    "%": "write a share as a number",
    "**": "there are only + - * /",
    "//": "there are only + - * /",
    "TRUE": "write true",
    "FALSE": "write false",
}


def tokens(text: str) -> tuple[list[str], list[int]]:
    """The text in pieces, and where each begins; behind them an empty one at the end of the text.

    Raises ConditionError for a sign that this language does not have.
    """
    pieces, starts = [], []
    for found in TOKEN.finditer(text):
        piece, start = found[0], found.start()
        if found.lastindex is not None:
            if piece in _ELSEWHERE:
                message = f"{piece} is not understood: {_ELSEWHERE[piece]}."
                raise ConditionError(message, text=text, offset=start, length=len(piece))
            if found.lastindex == ODD:
                raise ConditionError(f"{piece} is not understood here.", text=text, offset=start)
        pieces.append(piece)
        starts.append(start)
    pieces.append("")
    starts.append(len(text))
    return pieces, starts


def read(text: str) -> Part:
    """What the text says. Raises ConditionError with the first mistake of form."""
    if len(text) > LONGEST:
        raise ConditionError(
            f"The condition has {len(text)} characters; at most {LONGEST} are read.", text=text, offset=LONGEST
        )
    odd = _CONTROL.search(text)
    if odd:
        raise ConditionError("A control character stands here.", text=text, offset=odd.start())
    if not text.strip():
        raise ConditionError("The condition is empty.", text=text, offset=0)
    reader = _Reader(text)
    whole = reader.either()
    reader.expect_end()
    return whole


class _Reader:
    """One piece ahead, one method for each level of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces, self.starts = tokens(text)
        self.at = 0
        self.next = self.pieces[0]  # the piece at `at`, which nearly every method looks at
        self.depth = 0
        self.arithmetic = 0

    def take(self) -> int:
        """Go on to the next piece; returns which one this was."""
        taken = self.at
        if self.next:  # the last one, which is empty, stays
            self.at += 1
            self.next = self.pieces[self.at]
        return taken

    def end(self, piece: int) -> int:
        return self.starts[piece] + len(self.pieces[piece])

    def fail(self, message: str, piece: int | None = None) -> NoReturn:
        at = self.at if piece is None else piece
        raise ConditionError(message, text=self.text, offset=self.starts[at], length=len(self.pieces[at]))

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"More than {DEEPEST} parts stand inside each other here.")

    def expect_end(self) -> None:
        if self.next == ")":
            self.fail("This parenthesis was never opened.")
        if self.next:
            self.fail(f"{self.next} is not expected here: and, or, or a comparison is missing before it.")

    def either(self) -> Part:
        first = self.every()
        return self.chain("or", first, self.every) if self.next == "or" else first

    def every(self) -> Part:
        first = self.negation()
        return self.chain("and", first, self.negation) if self.next == "and" else first

    def chain(self, op: str, first: Part, part: Callable[[], Part]) -> Part:
        parts = [first]
        while self.next == op:
            self.take()
            parts.append(part())
        return Chain(first.start, parts[-1].end, op, tuple(parts))

    def negation(self) -> Part:
        if self.next != "not":
            return self.comparison()
        start = self.starts[self.take()]
        self.deeper()
        operand = self.negation()
        self.depth -= 1
        return Unary(start, operand.end, "not", operand)

    def comparison(self) -> Part:
        left = self.sum()
        if self.next not in _COMPARING or (op := self.comparator()) is None:
            return left
        if self.next == "not":
            self.fail("Put the part after not into parentheses.")
        right = self.sum()
        second = self.at
        if self.next in _COMPARING and self.comparator() is not None:
            self.fail("Compare two values at a time: a < b and b < c.", second)
        return Binary(left.start, right.end, op, left, right)

    def comparator(self) -> str | None:
        if self.next == "not" and self.pieces[self.at + 1] == "in":
            self.take()
            self.take()
            return "not in"
        return self.pieces[self.take()] if self.next in COMPARISONS else None

    def sum(self, looser: int = 0) -> Part:
        """A sum, or with `looser` only what binds closer than that."""
        left = self.minus() if self.next == "-" else self.single()
        while (binding := _BINDING.get(self.next, 0)) > looser:
            self.arithmetic += 1
            if self.arithmetic > MOST_ARITHMETIC:
                self.fail(f"At most {MOST_ARITHMETIC} arithmetic signs are allowed in one condition.")
            op = self.pieces[self.take()]
            right = self.sum(binding)
            left = Binary(left.start, right.end, op, left, right)
        return left

    def minus(self) -> Part:
        start = self.starts[self.take()]
        self.deeper()
        operand = self.minus() if self.next == "-" else self.single()
        self.depth -= 1
        return Unary(start, operand.end, "-", operand)

    def single(self) -> Part:
        piece = self.take()
        start, text = self.starts[piece], self.pieces[piece]
        if not text:
            self.fail("Something is missing at the end.", piece)
        first = text[0]
        if first in _QUOTES:
            return Literal(start, start + len(text), text[1:-1])
        if first in "0123456789":
            return Literal(start, start + len(text), self.number(piece))
        if text == "(":
            self.deeper()
            inside = self.either()
            end = self.close(")", piece)
            self.depth -= 1
            # With its parentheses, so that a part that is quoted in an explanation reads whole.
            inside.start, inside.end = start, end
            return inside
        if text == "[":
            items, end = self.several("]", piece)
            return Listing(start, end, items)
        if text in _RESERVED:
            if text in _TRUTHS:
                return Literal(start, start + len(text), _TRUTHS[text])
            self.fail(f"A name or a value is missing before {text}.", piece)
        if self.next == "(":
            args, end = self.several(")", self.take())
            return Use(start, end, text, args)
        return Name(start, start + len(text), text)

    def several(self, closing: str, opening: int) -> tuple[tuple[Part, ...], int]:
        self.deeper()
        items: list[Part] = []
        while self.next != closing:
            items.append(self.item())
            if self.next != ",":
                break
            self.take()
        end = self.close(closing, opening)
        self.depth -= 1
        return tuple(items), end

    def item(self) -> Part:
        """An argument or a part of a list. Most are a text alone, for which the grammar need not be gone through."""
        if self.next[:1] in _QUOTES and self.pieces[self.at + 1] in _AFTER_ITEM:
            piece = self.take()
            start, text = self.starts[piece], self.pieces[piece]
            return Literal(start, start + len(text), text[1:-1])
        return self.either()

    def close(self, closing: str, opening: int) -> int:
        if not self.next:
            self.fail(f"This {self.pieces[opening]} is never closed.", opening)
        if self.next != closing:
            self.fail(f"{closing}, a comma or an operator is missing before {self.next}.")
        return self.end(self.take())

    def number(self, piece: int) -> float:
        text = self.pieces[piece]
        if not _NUMBER.fullmatch(text):
            self.fail(
                "A number has at most 15 digits, and 9 behind the point: 20, 1000000 or 0.5."
                if re.fullmatch(r"[0-9.]+", text)
                else f"{text} is not a number. Numbers have no unit and no exponent; texts stand in quotes.",
                piece,
            )
        return float(text) if "." in text else int(text)
