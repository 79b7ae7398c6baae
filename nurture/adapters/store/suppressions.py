"""Rows <-> suppressions: addresses that must not be contacted."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection

from sqlalchemy import ColumnElement, Connection, delete, select, update

from nurture.adapters.store.among import among
from nurture.adapters.store.rows import add_once, fetch
from nurture.adapters.store.tables import suppressions as table
from nurture.domain.response import Kind
from nurture.ports.store import Suppression

SEALED = "sha256:"  # begins what stands for the address of somebody who was forgotten
AFTER_SEALED = "sha256;"  # the next text in the index

COMPLAINT, UNSUBSCRIBE = Kind.COMPLAINT.value, Kind.UNSUBSCRIBE.value

_SCOPES = select(table.c.address, table.c.scope).where(among(table.c.address))


class SuppressionRows:
    """Suppressions in the database."""

    def __init__(self, db: Connection, key: Callable[[], str] = str) -> None:
        self._db = db
        self._key = key

    def scopes(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """The scopes in which each address is suppressed; addresses that are not are left out."""
        found: dict[str, set[str]] = {}
        named = {address: address for address in addresses}
        if named and self._any_sealed():
            named |= {self._sealed(address): address for address in addresses}
        for row in fetch(self._db, _SCOPES, named):
            found.setdefault(named[row.address], set()).add(row.scope)
        return {address: frozenset(scopes) for address, scopes in found.items()}

    def add(self, suppression: Suppression, *, by: str) -> bool:
        """Suppress; False if it was already."""
        values = {
            "address": suppression.address,
            "scope": suppression.scope,
            "reason": suppression.reason,
            "at": suppression.at,
            "lead_id": suppression.lead,
            "by": by,
        }
        if add_once(self._db, table, values, table.c.id) is not None:
            return True
        if suppression.reason == COMPLAINT:  # the graver reason stays, whichever of two was heard of first
            same = (table.c.address == suppression.address, table.c.scope == suppression.scope)
            self._db.execute(update(table).where(*same, table.c.reason == UNSUBSCRIBE).values(reason=COMPLAINT))
        return False

    def seal(self, address: str) -> int:
        """Keep the suppressions of an address under a keyed hash in its place; how many."""
        rows = self._db.execute(select(table).where(table.c.address == address)).all()
        for row in rows:
            values = {"scope": row.scope, "reason": row.reason, "at": row.at, "by": row.by}
            add_once(self._db, table, {**values, "address": self._sealed(address)}, table.c.id)
        self._db.execute(delete(table).where(table.c.address == address))
        return len(rows)

    def remove(self, address: str) -> int:
        """Lift all suppressions of an address; how many there were."""
        both = [address, self._sealed(address)] if self._any_sealed() else [address]
        lifted = delete(table).where(table.c.address.in_(both)).returning(table.c.id)
        return len(self._db.execute(lifted).all())

    def sealed(self) -> frozenset[str]:
        """What stands for the addresses of those who were forgotten."""
        return frozenset(self._db.execute(select(table.c.address).where(*self._under_seal())).scalars())

    def sealed_as(self, address: str) -> str:
        """What would stand for this address."""
        return self._sealed(address)

    def all(self) -> list[Suppression]:
        """Every suppression, oldest first."""
        return [
            Suppression(row.address, row.scope, row.reason, row.at, row.lead_id)
            for row in self._db.execute(select(table).order_by(table.c.at, table.c.id))
        ]

    def _any_sealed(self) -> bool:
        return self._db.execute(select(table.c.id).where(*self._under_seal()).limit(1)).first() is not None

    @staticmethod
    def _under_seal() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return table.c.address >= SEALED, table.c.address < AFTER_SEALED

    def _sealed(self, address: str) -> str:
        """Keyed, or a list of likely addresses would tell who was forgotten."""
        return SEALED + hmac.digest(self._key().encode(), address.encode(), "sha256").hex()
