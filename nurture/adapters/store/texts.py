"""Texts in SQL as conditions compare them: folded, taken apart into words, read from a custom field or as a number.

Neither database folds as Python does, so both are given our own: SQLite the Python function itself
(`prepare_sqlite`), PostgreSQL functions written out from Python's tables (`postgresql_functions`). Both are slow beside
what is built in, so a text of ASCII alone, which most are, never goes there.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, ColumnElement, Connection, Double, ScalarSelect, Text, literal, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from nurture.domain.condition.vocabulary import SEPARATORS, custom_number, custom_text, fold

if TYPE_CHECKING:
    from sqlite3 import Connection as SqliteConnection

Column = ColumnElement[Any]
_SEPARATING: Final = re.escape(SEPARATORS)
_KNOWS: Final = "nurture_functions"  # in `Connection.info`: it has the functions


class Folded(FunctionElement[str]):
    """A text as conditions compare it, in the order of its code points."""

    type = Text()
    inherit_cache = True
    name = "folded"


@compiles(Folded, "sqlite")
def _folded_sqlite(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    return _bound(
        element,
        compiler,
        lambda v: f"CASE WHEN {_odd_sqlite(v)} THEN nurture_fold({v}) ELSE lower({v}) END",
        **options,
    )


@compiles(Folded, "postgresql")
def _folded_postgresql(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    return _bound(element, compiler, _fold_postgresql, **options)


class FoldedTest(FunctionElement[bool]):
    """Whether a text stands in a relation to one of some folded constants: `=`, `<` ..., contains, has_word, ..."""

    type = Boolean()
    inherit_cache = True
    name = "folded_test"

    def __init__(self, value: Column, relation: str, constants: Sequence[str]) -> None:
        # Constants stand in the statement itself, so two that differ in them are two. The library knows by a clause
        # that is never written; to it, values are the same whatever they are.
        differs: Column = literal_column(repr((relation, *constants)))
        super().__init__(value, differs, *(literal(one, Text()) for one in constants))
        self.relation = relation
        self.constants = constants


@compiles(FoldedTest, "sqlite")
def _test_sqlite(element: FoldedTest, compiler: SQLCompiler, **options: Any) -> str:
    texts = [compiler.process(clause, **options) for clause in [*element.clauses][2:]]
    relation = element.relation

    def test(v: str) -> str:
        folded = f"nurture_fold({v})"
        if relation in {"IN", "NOT IN"}:
            listed = f"{relation} ({', '.join(texts)})"
            return f"CASE WHEN {_odd_sqlite(v)} THEN {folded} {listed} ELSE {v} COLLATE NOCASE {listed} END"
        odd, plain = [], []
        for text, constant in zip(texts, element.constants, strict=True):
            ahead = "" if relation == "starts_with" else "%"
            found = f"{v} LIKE {_quoted(f'{ahead}{_like(constant)}%')} ESCAPE '\\'"
            match relation:
                case "contains":
                    odd.append(f"instr({folded}, {text}) > 0")
                    plain.append(found)
                case "starts_with":
                    odd.append(f"substr({folded}, 1, {len(constant)}) = {text}")
                    plain.append(found)
                case "has_word":
                    odd.append(f"nurture_has_word({v}, {text})")
                    # Most texts do not contain it at all, and to look is cheaper than to look for the ends of words.
                    plain.append(f"({found} AND nurture_has_word({v}, {text}))")
                case _:
                    odd.append(f"{folded} {relation} {text}")
                    plain.append(f"{v} {relation} {text} COLLATE NOCASE")
        return f"CASE WHEN {_odd_sqlite(v)} THEN {' OR '.join(odd)} ELSE {' OR '.join(plain)} END"

    return _bound(element, compiler, test, **options)


@compiles(FoldedTest, "postgresql")
def _test_postgresql(element: FoldedTest, compiler: SQLCompiler, **options: Any) -> str:
    texts = [compiler.process(clause, **options) for clause in [*element.clauses][2:]]
    relation = element.relation

    def test(v: str) -> str:
        folded = _fold_postgresql(v)
        if relation in {"IN", "NOT IN"}:
            return f"{folded} {relation} ({', '.join(texts)})"
        if relation in {"contains", "starts_with", "has_word"}:
            ahead = "" if relation == "starts_with" else "%"
            # The driver reads a single % as a parameter.
            patterns = ", ".join(_quoted(f"{ahead}{_like(one)}%") for one in element.constants).replace("%", "%%")
            found = f"{folded} LIKE {'ANY (ARRAY[' + patterns + '])' if len(texts) > 1 else patterns}"
            # Most texts do not contain it at all, and to look is cheaper than to look for the ends of words.
            return (
                f"({found} AND {folded} ~ {_alone_postgresql(element.constants)})" if relation == "has_word" else found
            )
        return f"({' OR '.join(f'{folded} {relation} {text}' for text in texts)})"

    return _bound(element, compiler, test, **options)


class CustomNumber(FunctionElement[float]):
    """A field of a JSON object as `custom_number` reads it; NULL where it is not plainly a number."""

    type = Double()
    inherit_cache = True
    name = "custom_number"

    def __init__(self, of: Column, field: str) -> None:
        super().__init__(of, literal(field))


@compiles(CustomNumber, "sqlite")
def _number_sqlite(element: CustomNumber, compiler: SQLCompiler, **options: Any) -> str:
    of, path, kind = _json_sqlite(element, compiler, **options)
    digits = "j NOT GLOB '*[^0-9]*' AND length(j) BETWEEN 1 AND 15"
    return (
        "(SELECT CASE typeof(j)"
        f" WHEN 'text' THEN CASE WHEN {digits} THEN CAST(j AS REAL) ELSE nurture_number(j) END"
        f" WHEN 'integer' THEN CASE WHEN {kind} = 'integer' THEN nurture_number(CAST(j AS TEXT)) END"
        f" WHEN 'real' THEN nurture_number(nurture_real(j)) END FROM (SELECT json_extract({of}, {path}) AS j))"
    )


@compiles(CustomNumber, "postgresql")
def _number_postgresql(element: CustomNumber, compiler: SQLCompiler, **options: Any) -> str:
    # What is plainly a number is one whether it stands there as a number or as a text.
    of, field = (compiler.process(clause, **options) for clause in element.clauses)
    # To count digits costs more than to find that there is nothing else, and a short text has not too many.
    few = r"(length(j) <= 10 OR j ~ '^-?[0-9]{1,15}(\.[0-9]{1,9})?$')"
    number = rf"CASE WHEN j ~ '^-?[0-9]+(\.[0-9]+)?$' AND {few} THEN CAST(j AS double precision) END"
    return f"(SELECT {number} FROM (SELECT {of} ->> {field}::text AS j OFFSET 0) AS taken)"


class Custom(FunctionElement[str]):
    """A field of a JSON object as `custom_text` writes it."""

    type = Text()
    inherit_cache = True
    name = "custom"

    def __init__(self, of: Column, field: str) -> None:
        super().__init__(of, literal(field))


@compiles(Custom, "sqlite")
def _custom_sqlite(element: Custom, compiler: SQLCompiler, **options: Any) -> str:
    of, path, kind = _json_sqlite(element, compiler, **options)
    # The object is taken apart once, and once more only where a text may be a list, or a number a truth value.
    return (
        "(SELECT CASE typeof(j)"
        f" WHEN 'text' THEN CASE WHEN j NOT GLOB '[[{{]*' OR {kind} = 'text' THEN j END"
        f" WHEN 'integer' THEN CASE {kind} WHEN 'integer' THEN CAST(j AS TEXT) ELSE {kind} END"
        f" WHEN 'real' THEN nurture_real(j) END FROM (SELECT json_extract({of}, {path}) AS j))"
    )


@compiles(Custom, "postgresql")
def _custom_postgresql(element: Custom, compiler: SQLCompiler, **options: Any) -> str:
    of, field = (compiler.process(clause, **options) for clause in element.clauses)
    # The column keeps a number as Python wrote it, which is also how Python shows it unless it is a whole one.
    whole = "CASE WHEN mod(j::numeric, 1) = 0 THEN trim_scale(j::numeric)::text ELSE j END"
    kind = f"json_typeof({of} -> {field}::text)"
    return (
        # What begins with none of - 0 to 9 [ { is a text, or true or false.
        "(SELECT CASE WHEN ascii(j) NOT BETWEEN 48 AND 57 AND ascii(j) NOT IN (45, 91, 123) THEN j"
        f" ELSE CASE {kind} WHEN 'string' THEN j WHEN 'number' THEN {whole} END END"
        f" FROM (SELECT {of} ->> {field}::text AS j OFFSET 0) AS taken)"
    )


def _json_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> tuple[str, str, str]:
    """The object, the path of the field in it, and what gives the type that the field has there."""
    of, field = (compiler.process(clause, **options) for clause in element.clauses)
    path = f"'$.\"' || {field} || '\"'"
    return of, path, f"json_type({of}, {path})"


def _bound(element: FunctionElement[Any], compiler: SQLCompiler, write: Callable[[str], str], **options: Any) -> str:
    """What is written about the element's first clause, which is computed once where that is dear."""
    value = next(iter(element.clauses))
    said = compiler.process(value, **options)
    if not any(isinstance(part, Custom | ScalarSelect) for part in visitors.iterate(value)):
        return f"({write(said)})"
    fence = " OFFSET 0" if compiler.dialect.name == "postgresql" else ""
    return f"(SELECT {write('v')} FROM (SELECT {said} AS v{fence}) AS once)"


def _odd_sqlite(value: str) -> str:
    """Whether there is more than ASCII in a text."""
    return f"length({value}) <> length(CAST({value} AS BLOB))"


def _fold_postgresql(value: str) -> str:
    ascii_only = f"octet_length({value}) = length({value})"
    return f'(CASE WHEN {ascii_only} THEN lower({value} COLLATE "C") ELSE nurture_fold({value}) END COLLATE "C")'


def _alone_postgresql(words: Sequence[str]) -> str:
    """The regular expression for any of these words by itself, as `words` takes a text apart.

    To turn 46 separators into spaces costs PostgreSQL ten times as much: it goes through all of them for each letter.
    """
    edge = "".join(rf"\u{ord(sign):04x}" for sign in SEPARATORS)
    listed = "|".join(
        "".join(sign if sign.isascii() and sign.isalnum() else rf"\U{ord(sign):08x}" for sign in word) for word in words
    )
    return f"'(^|[{edge}])({listed})([{edge}]|$)'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _like(text: str) -> str:
    """What LIKE finds as it is written."""
    return "".join(f"\\{sign}" if sign in "%_\\" else sign for sign in text)


def prepare(db: Connection) -> None:
    """Give an SQLite what conditions call; once, since with a new function it forgets all statements that are ready."""
    if db.dialect.name == "sqlite" and _KNOWS not in db.info:
        driver: Any = db.connection.driver_connection
        prepare_sqlite(driver)
        db.info[_KNOWS] = True


def prepare_sqlite(connection: SqliteConnection) -> None:
    """Give a new SQLite connection the functions that conditions use."""
    for name, function in (("nurture_fold", fold), ("nurture_number", custom_number)):
        connection.create_function(name, 1, _of_text(function), deterministic=True)
    connection.create_function("nurture_real", 1, custom_text, deterministic=True)
    connection.create_function("nurture_has_word", 2, _has_word, deterministic=True)


def _of_text(function: Callable[[str], str | float | None]) -> Callable[[Any], str | float | None]:
    return lambda value: function(value) if isinstance(value, str) else None


def _has_word(text: Any, word: str) -> bool | None:
    return _alone(word).search(fold(text)) is not None if isinstance(text, str) else None


@lru_cache(maxsize=256)
def _alone(word: str) -> re.Pattern[str]:
    """What finds a word by itself, as `words` takes a text apart."""
    return re.compile(f"(?<![^{_SEPARATING}]){re.escape(word)}(?![^{_SEPARATING}])")


# Where these are all that a text has, each of its characters is folded alone; the fewer, the quicker. Latin; with the
# rest of Europe's Latin letters; with Greek and Cyrillic.
FEW: Final = (((0x01, 0xFF),), ((0x01, 0x17F),), ((0x01, 0xFF), (0x370, 0x45F)))

BLOCK: Final = 0x100  # characters


@cache
def postgresql_functions() -> tuple[str, ...]:
    """The statements that make `nurture_fold` in PostgreSQL: what Python's casefold does, character by character."""
    blocks = ("".join(map(chr, range(first, first + BLOCK))) for first in range(0, sys.maxunicode + 1, BLOCK))
    every = (character for block in blocks if block.casefold() != block for character in block)  # few blocks have any
    changed = {character: folded for character in every if (folded := character.casefold()) != character}
    several = "".join(c for c, folded in changed.items() if len(folded) > 1)
    single = {c: folded for c, folded in changed.items() if len(folded) == 1}
    one_by_one = _translated("normalize(value, NFC)", single)
    replaced = _replaced(one_by_one, {c: changed[c] for c in several})
    any_text = f"CASE WHEN normalize(value, NFC) ~ '[{several}]' THEN {replaced} ELSE {one_by_one} END"
    whole = _function("nurture_fold_any", f"normalize({any_text}, NFC)")
    cases = []
    for ranges in FEW:
        points = [point for first, last in ranges for point in range(first, last + 1)]
        alone = [chr(point) for point in points if unicodedata.normalize("NFC", chr(point)) == chr(point)]
        folds = {c: fold(c) for c in alone if fold(c) != c}
        value = _translated('lower(value COLLATE "C")', {c: f for c, f in folds.items() if len(f) == 1 and c > "\x7f"})
        value = _replaced(value, {c: f for c, f in folds.items() if len(f) > 1})
        cases.append(f"WHEN value !~ '[^{_ranges(alone)}]' THEN {value}")
    return whole, _function("nurture_fold", f"CASE {' '.join(cases)} ELSE nurture_fold_any(value) END")


def _function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $fold$ SELECT {body} $fold$"
    )


def _translated(value: str, single: dict[str, str]) -> str:
    return f"translate({value}, '{''.join(single)}', '{''.join(single.values())}')"


def _replaced(value: str, several: dict[str, str]) -> str:
    for character, folded in several.items():
        value = f"replace({value}, '{character}', '{folded}')"
    return value


def _ranges(characters: Sequence[str]) -> str:
    r"""As in a bracket expression: \u0001-\u0100\u0102-..."""
    found: list[list[int]] = []
    for point in map(ord, characters):
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in found)
