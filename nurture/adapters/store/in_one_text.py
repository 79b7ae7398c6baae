"""Many rows changed by one statement on SQLite: all of them go over as one text of JSON.

Run for each row, a statement gives way to the other threads of the process at each of them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Table

from nurture.adapters.store.bulk import Columns, are_alike, stored, unchecked

KEPT: Final = frozenset({str, int, bool, type(None)})  # what JSON brings over exactly as the driver would
CUTS: Final = r"\u0000"  # SQLite ends a text of JSON here


def as_they_were(db: Connection, table: Table, keys: Sequence[Any], was: Columns) -> Collection[Any]:
    """The ids of those rows that still are as they `was`."""
    given = {"key": keys, **{name: stored(table.c[name].type, values, db.dialect) for name, values in was.items()}}
    found = db.exec_driver_sql(_comparing(table, tuple(was)), (_text(given),)).scalar_one()
    return frozenset(json.loads(found))


def change(db: Connection, table: Table, columns: Columns) -> bool:
    """Set columns of the rows whose ids are given as `key`. False where a text does not bring these values over."""
    values = {
        name: stored(table.c["id" if name == "key" else name].type, of, db.dialect) for name, of in columns.items()
    }
    alike = [name for name, of in values.items() if name != "key" and are_alike(of)]
    each = {name: of for name, of in values.items() if name not in alike}
    if not all(KEPT.issuperset(map(type, of)) for of in each.values()):
        return False
    given = _text(each)
    if CUTS in given:
        return False
    with unchecked(db, table, columns):
        db.exec_driver_sql(_changing(table, tuple(each), tuple(alike)), (*(values[name][0] for name in alike), given))
    return True


def _text(columns: Mapping[str, Sequence[Any]]) -> str:
    return json.dumps(list(zip(*columns.values(), strict=True)), ensure_ascii=False)


# Each is built once: a batch says what the batch before it said. Names of ours need no quotes, but for those of SQL.
@lru_cache(maxsize=64)
def _comparing(table: Table, was: tuple[str, ...]) -> str:
    same = "".join(f' AND held."{name}" = given.value ->> {at}' for at, name in enumerate(was, 1))
    return (
        f'SELECT json_group_array(held.id) FROM json_each(?) AS given CROSS JOIN "{table.name}" AS held'
        f" ON held.id = given.value ->> 0{same}"
    )


@lru_cache(maxsize=256)
def _changing(table: Table, each: tuple[str, ...], alike: tuple[str, ...]) -> str:
    new = [f'"{name}" = ?' for name in alike]
    new += [f'"{name}" = given.value ->> {at}' for at, name in enumerate(each) if name != "key"]
    return (
        f'UPDATE "{table.name}" SET {", ".join(new)} FROM json_each(?) AS given'
        f' WHERE "{table.name}".id = given.value ->> {each.index("key")}'
    )
