"""Conditions as SQL, with the meaning that they have in Python, on SQLite and PostgreSQL.

NULL stands for a missing value and, in a WHERE, for "does not hold"; only where a test is turned over or compared must
it become false first. Neither database casefolds as Python does, so both are given our own: SQLite the Python function
itself (`prepare_sqlite`), PostgreSQL a function written out from Python's tables (`postgresql_functions`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from sqlite3 import Connection
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Double, Text, and_, case, cast, false, func, literal, not_, or_, true
from sqlalchemy import Column as Named
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from nurture.domain.condition import Condition
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
from nurture.domain.condition.vocabulary import (
    CLOSED,
    LARGEST,
    NO_WORDS,
    SEPARATORS,
    SMALLEST,
    Type,
    custom_number,
    custom_text,
    fold,
    words,
)

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


class Folded(FunctionElement[str]):
    """A text as conditions compare it, in the order of its code points. ASCII needs no function of ours."""

    type = Text()
    inherit_cache = True
    name = "folded"


@compiles(Folded, "sqlite")
def _folded_sqlite(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    if not all(isinstance(clause, Named) for clause in element.clauses):
        return f"nurture_fold({value})"  # dear to compute three times
    return f"CASE WHEN {value} GLOB '*[^ -~]*' THEN nurture_fold({value}) ELSE lower({value}) END"


@compiles(Folded, "postgresql")
def _folded_postgresql(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    ascii_only = f"octet_length({value}) = length({value})"
    return f'(CASE WHEN {ascii_only} THEN lower({value} COLLATE "C") ELSE nurture_fold({value}) END COLLATE "C")'


class Words(FunctionElement[str]):
    """A folded text with a space before and after each word."""

    type = Text()
    inherit_cache = True
    name = "words"


@compiles(Words, "sqlite")
def _words_sqlite(element: Words, compiler: SQLCompiler, **options: Any) -> str:
    return f"nurture_words({compiler.process(element.clauses, **options)})"


@compiles(Words, "postgresql")
def _words_postgresql(element: Words, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    signs = compiler.process(literal(SEPARATORS), **options)
    spaces = compiler.process(literal(" " * len(SEPARATORS)), **options)
    return f"(' ' || translate({value}, {signs}, {spaces}) || ' ')"


class Numeric(FunctionElement[float]):
    """A text as a number; NULL where it is not plainly one."""

    type = Double()
    inherit_cache = True
    name = "numeric_text"


@compiles(Numeric, "sqlite")
def _numeric_sqlite(element: Numeric, compiler: SQLCompiler, **options: Any) -> str:
    return f"nurture_number({compiler.process(element.clauses, **options)})"


@compiles(Numeric, "postgresql")
def _numeric_postgresql(element: Numeric, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    return rf"CASE WHEN {value} ~ '^-?[0-9]{{1,15}}(\.[0-9]{{1,9}})?$' THEN CAST({value} AS double precision) END"


class Custom(FunctionElement[str]):
    """A field of a JSON object as `custom_text` writes it."""

    type = Text()
    inherit_cache = True
    name = "custom"

    def __init__(self, of: Column, field: str) -> None:
        super().__init__(of, literal(field))


@compiles(Custom, "sqlite")
def _custom_sqlite(element: Custom, compiler: SQLCompiler, **options: Any) -> str:
    of, field = (compiler.process(clause, **options) for clause in element.clauses)
    path = f"'$.\"' || {field} || '\"'"
    value = f"json_extract({of}, {path})"
    return (
        f"CASE json_type({of}, {path}) WHEN 'text' THEN {value} WHEN 'integer' THEN CAST({value} AS TEXT)"
        f" WHEN 'real' THEN nurture_real({value}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' END"
    )


@compiles(Custom, "postgresql")
def _custom_postgresql(element: Custom, compiler: SQLCompiler, **options: Any) -> str:
    of, field = (compiler.process(clause, **options) for clause in element.clauses)
    value = f"({of} ->> {field}::text)"
    number = f"{value}::numeric"
    # The column keeps a number as Python wrote it, which is also how Python shows it unless it is a whole one.
    whole = f"CASE WHEN mod({number}, 1) = 0 THEN trim_scale({number})::text ELSE {value} END"
    return (
        f"CASE json_typeof({of} -> {field}::text) WHEN 'string' THEN {value} WHEN 'number' THEN {whole}"
        f" WHEN 'boolean' THEN {value} END"
    )


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
                sign = {"==": "=", "!=": "<>"}.get(op, op)
                return self.value(left).op(sign, is_comparison=True, return_type=Boolean())(self.value(right))
            case Among(value=value, options=options, negated=negated):
                found = self.value(value)
                return found.not_in(options) if negated else found.in_(options)
            case TextTest():
                return self.text_test(test)
            case Known(value=value):
                return self.value(value) != ""
            case Ask() | Read():
                return self.value(test)

    def decided(self, test: Test) -> ColumnElement[bool]:
        """True or false, never NULL."""
        return func.coalesce(self.test(test), false(), type_=Boolean())

    def text_test(self, test: TextTest) -> ColumnElement[bool]:
        found = self.value(test.value)
        match test.name:
            case "contains":
                return or_(*(found.contains(piece, autoescape=True) for piece in test.pieces))
            case "has_word":
                return or_(*(self.word(found, piece) for piece in test.pieces))
        return or_(*(found.startswith(piece, autoescape=True) for piece in test.pieces))

    def word(self, found: Column, piece: str) -> ColumnElement[bool]:
        # Most texts do not contain it at all, and to look is cheaper than to take them apart.
        taken_apart = Words(found).contains(f" {piece} ", autoescape=True)
        return and_(found.contains(piece, autoescape=True), taken_apart)

    def value(self, value: Value) -> Column:
        match value:
            case Constant(type=Type.TRUTH, value=constant):
                return true() if constant else false()
            case Constant(value=constant):
                return literal(constant)
            case Arithmetic():
                return self.arithmetic(value)
            case Read():
                return self.read(value)
            case Ask(name=name, args=args, type=wanted):
                answer = self.calls[name](*args)
                return Folded(answer) if wanted is Type.TEXT else answer
            case _:
                return self.decided(value)

    def read(self, read: Read) -> Column:
        if read.own is not Type.ANY:
            column = self.columns[read.name]
            # The tables hold these to words that are folded already; so an index on them is of use.
            return Folded(column) if read.wanted is Type.TEXT and read.name not in CLOSED else column
        text = Custom(self.custom, read.name.removeprefix("x."))
        match read.wanted:
            case Type.NUMBER:
                return Numeric(text)
            case Type.TRUTH:
                return Folded(text).not_in(sorted(NO_WORDS))
        return Folded(text)

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


def prepare_sqlite(connection: Connection) -> None:
    """Give a new SQLite connection the functions that conditions use."""
    for name, function in (("nurture_fold", fold), ("nurture_words", words), ("nurture_number", custom_number)):
        connection.create_function(name, 1, _of_text(function), deterministic=True)
    connection.create_function("nurture_real", 1, custom_text, deterministic=True)


def _of_text(function: Callable[[str], str | float | None]) -> Callable[[Any], str | float | None]:
    return lambda value: function(value) if isinstance(value, str) else None


def postgresql_functions() -> str:
    """The statement that makes `nurture_fold` in PostgreSQL: what Python's casefold does, character by character."""
    single, several = [], []
    for character in map(chr, _characters()):
        folded = character.casefold()
        if len(folded) == 1:
            single.append((character, folded))
        else:
            several.append((character, folded))
    value = "normalize(value, NFC)"
    value = f"translate({value}, '{''.join(c for c, _ in single)}', '{''.join(f for _, f in single)}')"
    for character, folded in several:
        value = f"replace({value}, '{character}', '{folded}')"
    return (
        "CREATE OR REPLACE FUNCTION nurture_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE"
        f" AS $fold$ SELECT normalize({value}, NFC) $fold$"
    )


def _characters() -> Iterator[int]:
    return (
        point
        for point in range(sys.maxunicode + 1)
        if not 0xD800 <= point < 0xE000 and chr(point).casefold() != chr(point)
    )
