"""Rows <-> suppressions: addresses that must not be contacted."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from nurture.adapters.store.rows import add_once, chunks
from nurture.adapters.store.tables import suppressions as table
from nurture.ports.store import Suppression


class SuppressionRows:
    """Suppressions in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def scopes(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """The scopes in which each address is suppressed; addresses that are not are left out."""
        found: dict[str, set[str]] = {}
        for chunk in chunks(addresses):
            for row in self._db.execute(select(table.c.address, table.c.scope).where(table.c.address.in_(chunk))):
                found.setdefault(row.address, set()).add(row.scope)
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
        return add_once(self._db, table, values, table.c.id) is not None

    def remove(self, address: str) -> int:
        """Lift all suppressions of an address; how many there were."""
        lifted = delete(table).where(table.c.address == address).returning(table.c.id)
        return len(self._db.execute(lifted).all())

    def all(self) -> list[Suppression]:
        """Every suppression, oldest first."""
        return [
            Suppression(row.address, row.scope, row.reason, row.at, row.lead_id)
            for row in self._db.execute(select(table).order_by(table.c.at, table.c.id))
        ]
