"""Rows <-> leads that come in many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Insert, Select, func, select

from nurture.adapters.store import bulk, employers
from nurture.adapters.store.among import among, each_among
from nurture.adapters.store.behind import write_behind
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import LARGE, change, fetch, insert, make_room, pairs, plan_anew, reserved
from nurture.adapters.store.tables import consents, facts, lead_aliases, leads, marks, suppressions
from nurture.domain.lead import caller

if TYPE_CHECKING:
    from nurture.domain.employers import Employers
    from nurture.domain.fact import Fact
    from nurture.ports.store import Consent, Suppression

JSON_COLUMNS: Final = ("sums", "by_person", "custom")
_HELD: Final = select(leads).where(among(leads.c.id)).order_by(leads.c.id).with_for_update()
_CALLERS: Final = (
    select(leads.c.id, leads.c.phone, leads.c.first_name, leads.c.last_name)
    # In the words of the index, and in none that fit another: half of all leads may have no external id.
    .where(among(leads.c.phone), func.coalesce(leads.c.email, leads.c.external_id).is_(None))
    .order_by(leads.c.id.desc())
)
_MERGED: Final = select(leads.c.id, leads.c.merged_into).where(leads.c.merged_into.is_not(None), among(leads.c.id))
_LISTED: Final = select(suppressions.c.address, suppressions.c.scope).where(among(suppressions.c.address))


class ArrivalRows:
    """Leads that come in many at once, in the database."""

    def __init__(self, db: Connection) -> None:
        plan_anew(db)
        write_behind(db)
        self._db = db

    def by_identity(
        self, emails: Collection[str], external_ids: Collection[str]
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Known leads: address (or alias) -> lead, external id -> lead. A merged lead is followed to where it went."""
        if len(emails) + len(external_ids) >= LARGE:
            make_room(self._db, stays=True)  # the next batch looks at the same indexes
        aliases, addresses, externals = _looking(self._db.dialect.name)
        by_email = pairs(self._db, aliases, emails) | pairs(self._db, addresses, emails)
        by_external = pairs(self._db, externals, external_ids)
        went = self._merged({*by_email.values(), *by_external.values()})
        return (
            {email: went.get(lead, lead) for email, lead in by_email.items()},
            {external: went.get(lead, lead) for external, lead in by_external.items()},
        )

    def by_phone(self, phones: Collection[str]) -> dict[tuple[str, str], int]:
        """Known leads that have neither an address nor an external id: their `caller` -> lead, the first of several.

        Whoever asks holds the answer until the transaction ends: no unique index keeps two files from making one twice.
        """
        if phones and self._db.dialect.name == "postgresql":  # on SQLite nobody else writes anyway
            self._db.execute(_in_turn())
        found = {caller(row.phone, row.first_name, row.last_name): row.id for row in fetch(self._db, _CALLERS, phones)}
        went = self._merged(found.values())
        return {called: went.get(lead, lead) for called, lead in found.items()}

    def _merged(self, ids: Collection[int]) -> dict[int, int]:
        """Merged lead -> the lead that it is now part of."""
        went: dict[int, int] = {}
        step = ids
        while step:
            found = {row.id: row.merged_into for row in fetch(self._db, _MERGED, step)}
            step = set(found.values()) - went.keys()
            went |= found
        return {lead: _end(lead, went) for lead in went}

    def hold(self, ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """All stored columns of leads, whom nobody else changes before this transaction ends."""
        return {row.id: dict(row._mapping) for row in fetch(self._db, _HELD, ids)}

    def reserve(self, count: int) -> Sequence[int]:
        """Ids for new leads."""
        return reserved(self._db, leads, count)

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Insert leads, given by their columns, `id` among them. Raises CollisionError."""
        bulk.load(self._db, leads, columns)

    def change(self, names: Collection[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Set these columns of leads; each row carries `id` and all of them."""
        if rows and names:
            columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in names}
            for name in columns.keys() & JSON_COLUMNS:
                columns[name] = [as_json(value) for value in columns[name]]
            change(self._db, leads, {"key": [row["id"] for row in rows], **columns})

    def employers(self, named: Collection[tuple[str | None, str | None]], *, only_known: bool = False) -> Employers:
        """The companies of these (name, domain) pairs; unless `only_known`, with ids for new ones."""
        return employers.employers(self._db, named, only_known=only_known)

    def settle(self, employers_: Employers, now: datetime) -> None:
        """Store what was made of them. Raises CollisionError."""
        employers.settle(self._db, employers_, now)

    def add_consents(self, new: Sequence[tuple[int, Consent]]) -> None:
        """More bases."""
        given = [one for _, one in new]
        columns: dict[str, list[Any]] = {
            "lead_id": [lead for lead, _ in new],
            "channel": [one.channel for one in given],
            "basis": [one.basis for one in given],
            "at": [one.at for one in given],
            "until": [one.until for one in given],
            "source": [one.source for one in given],
            "text": [one.text for one in given],
        }
        bulk.load(self._db, consents, columns)

    def add_facts(self, new: Sequence[tuple[int, Fact]]) -> None:
        """More statements."""
        learned = [one for _, one in new]
        columns: dict[str, list[Any]] = {
            "lead_id": [lead for lead, _ in new],
            "name": [one.name.value for one in learned],
            "value": [one.value for one in learned],
            "source": [one.source for one in learned],
            "confidence": [one.confidence.value for one in learned],
            "at": [one.at for one in learned],
            "by": [one.by for one in learned],
        }
        bulk.load(self._db, facts, columns)

    def add_aliases(self, aliases: Sequence[tuple[int, str]]) -> None:
        """Old addresses of leads; one that is an alias already goes over to this lead."""
        if aliases:
            new = insert(self._db, lead_aliases)
            new = new.on_conflict_do_update(index_elements=["email"], set_={"lead_id": new.excluded.lead_id})
            self._db.execute(new, [{"email": email, "lead_id": lead} for lead, email in aliases])

    def listed(self, addresses: Collection[str]) -> set[tuple[str, str]]:
        """The (address, scope) pairs of these addresses and numbers that are suppressed, as they stand."""
        return {(row.address, row.scope) for row in fetch(self._db, _LISTED, addresses)}

    def suppress(self, new: Sequence[Suppression], *, by: str) -> None:
        """Suppress; those that are suppressed already stay as they are."""
        if new:
            statement = insert(self._db, suppressions).on_conflict_do_nothing()
            self._db.execute(statement, [{**row, "by": by} for row in _columns(new)])


@cache
def _looking(dialect: str) -> tuple[Select[Any], Select[Any], Select[Any]]:
    """Whose an alias, an address, an external id is."""
    return (
        each_among(dialect, lead_aliases.c.email, lead_aliases.c.lead_id),
        each_among(dialect, leads.c.email, leads.c.id),
        each_among(dialect, leads.c.external_id, leads.c.id),
    )


@cache
def _in_turn() -> Insert:
    """Writes a row that the next one who writes it waits for."""
    from sqlalchemy.dialects.postgresql import insert as new

    now = {"at": func.now()}
    return new(marks).values(name="by_phone", value="", **now).on_conflict_do_update(index_elements=["name"], set_=now)


def _columns(new: Iterable[Suppression]) -> list[dict[str, Any]]:
    return [
        {"address": one.address, "scope": one.scope, "reason": one.reason, "at": one.at, "lead_id": one.lead}
        for one in new
    ]


def _end(lead: int, went: Mapping[int, int]) -> int:
    seen = {lead}
    while lead in went and went[lead] not in seen:
        lead = went[lead]
        seen.add(lead)
    return lead
