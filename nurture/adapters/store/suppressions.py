"""Rows <-> suppressions: addresses that must not be contacted."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Connection, Text, cast, delete, func, literal, select, union_all, update

from nurture.adapters.store.among import among
from nurture.adapters.store.rows import add_once
from nurture.adapters.store.tables import leads
from nurture.adapters.store.tables import suppressions as table
from nurture.domain.lead import OWN
from nurture.domain.response import Kind
from nurture.ports.store import Suppression

SEALED = "sha256:"  # begins what stands for the address of somebody who was forgotten
AFTER_SEALED = "sha256;"  # the next text in the index

COMPLAINT, UNSUBSCRIBE = Kind.COMPLAINT.value, Kind.UNSUBSCRIBE.value

# As `Lead.listed_as` says it.
LISTED_AS: Final = func.coalesce(leads.c.email, literal(OWN) + cast(leads.c.id, Text))

_UNDER_SEAL = (table.c.address >= SEALED, table.c.address < AFTER_SEALED)
_ONE_SEALED = select(table.c.address, table.c.scope).where(*_UNDER_SEAL).limit(1)
_SCOPES = select(table.c.address, table.c.scope).where(among(table.c.address))
# Whether anybody was ever forgotten is asked in the same breath: their addresses stand there in another shape.
_SCOPES_AND_SEALED = union_all(_SCOPES, select(_ONE_SEALED.subquery()))


class SuppressionRows:
    """Suppressions in the database."""

    def __init__(self, db: Connection, key: Callable[[], str] = str) -> None:
        self._db = db
        self._key = key

    def scopes(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """The scopes in which each address is suppressed; addresses that are not are left out."""
        found: dict[str, set[str]] = {}
        if not addresses:
            return {}
        named = {address: address for address in addresses}
        rows = self._db.execute(_SCOPES_AND_SEALED, {"ids": named}).all()
        if any(row.address.startswith(SEALED) for row in rows):
            named |= {self._sealed(address): address for address in addresses}
            rows = self._db.execute(_SCOPES, {"ids": named}).all()
        for row in rows:
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
        both = [address, self._sealed(address)] if self.any_sealed() else [address]
        lifted = delete(table).where(table.c.address.in_(both)).returning(table.c.id)
        return len(self._db.execute(lifted).all())

    def sealed(self) -> frozenset[str]:
        """What stands for the addresses of those who were forgotten."""
        return frozenset(self._db.execute(select(table.c.address).where(*_UNDER_SEAL)).scalars())

    def sealed_as(self, address: str) -> str:
        """What would stand for this address."""
        return self._sealed(address)

    def all(self) -> list[Suppression]:
        """Every suppression, oldest first."""
        return [
            Suppression(row.address, row.scope, row.reason, row.at, row.lead_id)
            for row in self._db.execute(select(table).order_by(table.c.at, table.c.id))
        ]

    def any_sealed(self) -> bool:
        """Whether anybody was ever forgotten."""
        return self._db.execute(_ONE_SEALED).first() is not None

    def _sealed(self, address: str) -> str:
        """Keyed, or a list of likely addresses would tell who was forgotten."""
        return SEALED + hmac.digest(self._key().encode(), address.encode(), "sha256").hex()
