"""Rows <-> one person in every table: all that is held, moved to another lead, or erased."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, delete, select, update

from nurture.adapters.store import archive, sent_texts, tables
from nurture.adapters.store.json_values import as_json
from nurture.adapters.store.rows import dicts
from nurture.adapters.store.sent_texts import Skeletons
from nurture.adapters.store.tables import leads

# Every table that has rows about a lead. A test holds this list against the schema.
OF_A_LEAD: Final[tuple[Table, ...]] = (
    *(tables.lead_aliases, tables.consents, tables.suppressions, tables.facts, tables.import_rows),
    *(tables.enrollments, tables.touches, tables.responses, tables.score_lines, tables.changes),
    *(tables.inbox, tables.promises, tables.promotions, tables.handoffs, tables.held_slots),
    tables.archived_responses,
)
# Import rows say what a batch did to the lead that it found: they stay with it.
MOVED: Final = tuple(table for table in OF_A_LEAD if table is not tables.import_rows)
GONE: Final = (
    *(tables.lead_aliases, tables.consents, tables.facts, tables.import_rows, tables.inbox, tables.promises),
    tables.held_slots,
)
# What stays of a forgotten lead are numbers and dates: what was sent, in which stage it was, how sales answered.
BLANKED: Final[Mapping[str, Any]] = dict.fromkeys(
    (
        *("email", "external_id", "first_name", "last_name", "title", "phone", "timezone", "language", "owner"),
        *("company_id", "notes", "by_person", "custom", "returns_at", "returns_into", "returns_because", "look_at"),
        *("light_until", "paused_until", "timeline_on"),
    )
)
BLANK_TOUCH: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("address", "domain", "message_id", "provider_id", "script", "note", "ask")),
    "because": "",
}

_MERGED: Final = select(leads.c.id, leads.c.merged_into).where(leads.c.merged_into.is_not(None))


class PersonRows:
    """One person, wherever the database has something about them."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def everything(self, lead: int) -> dict[str, Any]:
        """All that is held about a person, by table; ready for JSON."""
        every = self._same(lead)
        held: dict[str, Any] = {"leads": self._rows(select(leads).where(leads.c.id.in_(every)).order_by(leads.c.id))}
        for table in OF_A_LEAD:
            held[table.name] = self._rows(select(table).where(table.c.lead_id.in_(every)).order_by(*table.primary_key))
        mine = self._db.execute(select(tables.touches.c.id).where(tables.touches.c.lead_id.in_(every))).scalars().all()
        texts = sent_texts.as_sent(self._db, Skeletons(), mine).items()
        held["touch_texts"] = [
            {"touch_id": touch, "subject": subject, "html": html, "text": text}
            for touch, (subject, html, text) in texts
        ]
        held["deliveries"] = [as_json(row) for one in every for row in self._deliveries(one)]
        return self._with_named(held, self.names(lead))

    def _with_named(self, held: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
        """What carries no lead id and names the person all the same."""
        listed = tables.suppressions
        numbers = {row["id"] for row in held["suppressions"]}
        by_name = self._rows(select(listed).where(listed.c.address.in_(names)))
        held["suppressions"] += [row for row in by_name if row["id"] not in numbers]
        wanted = [name.casefold() for name in names]
        held["inbox"] += [row for row in self._rows(self._unplaced()) if _names(wanted, row["sender"], row["text"])]
        held["raw_events"] = [
            {"kind": kind, "at": at.isoformat(), "body": body.decode("utf-8", "replace")}
            for kind, _, at, body in archive.bodies(self._db)
            if _names(wanted, body.decode("utf-8", "replace"))
        ]
        query = select(tables.imports.c.id, tables.imports.c.refused).where(tables.imports.c.refused.is_not(None))
        held["refused_rows"] = [
            {"import": row.id, "line": line, "reason": why}
            for row in self._db.execute(query)
            for line, why in row.refused or ()
            if _names(wanted, str(why))
        ] + [
            {"import": row.import_id, "line": row.line, "reason": row.reason}
            for row in self._db.execute(select(tables.import_refusals).order_by(tables.import_refusals.c.id))
            if _names(wanted, row.reason)
        ]
        return held

    @staticmethod
    def _unplaced() -> Select[Any]:
        return select(tables.inbox).where(tables.inbox.c.lead_id.is_(None))

    def names(self, lead: int) -> frozenset[str]:
        """Every address and number of a lead and of those that were merged into it, also old ones."""
        every, found = self._same(lead), set[str]()
        for row in self._db.execute(select(leads.c.email, leads.c.phone).where(leads.c.id.in_(every))):
            found |= {row.email, row.phone}
        aliases = select(tables.lead_aliases.c.email).where(tables.lead_aliases.c.lead_id.in_(every))
        return frozenset({*found, *self._db.execute(aliases).scalars()} - {None, ""})

    def every_name(self) -> Iterator[tuple[int, str]]:
        """The addresses and numbers of all leads, merged ones included, each with the lead that it leads to."""
        into = {row.id: row.merged_into for row in self._db.execute(_MERGED)}
        known = (select(leads.c.id, leads.c.email), select(leads.c.id, leads.c.phone).where(leads.c.phone.is_not(None)))
        for query in (*known, select(tables.lead_aliases.c.lead_id, tables.lead_aliases.c.email)):
            for lead, name in self._db.execute(query):
                while into.get(lead) is not None:
                    lead = into[lead]
                if name:
                    yield lead, name

    def _same(self, lead: int) -> list[int]:
        """The lead and all that were merged into it, directly or not."""
        found, new = [lead], [lead]
        while new:
            query = select(leads.c.id).where(leads.c.merged_into.in_(new))
            new = [one for one in self._db.execute(query).scalars() if one not in found]
            found += new
        return found

    def move(self, lead: int, into: int) -> None:
        """Give all rows of one lead to another. Its exclusive place and its open promotion must be free there."""
        for table in MOVED:
            self._db.execute(update(table).where(table.c.lead_id == lead).values(lead_id=into))
        slots, open_ = tables.enrollments.c.slot, tables.promotions.c.open
        self._db.execute(update(tables.enrollments).where(slots == lead).values(slot=into))
        self._db.execute(update(tables.promotions).where(open_ == lead).values(open=into))

    def erase(self, lead: int, at: datetime) -> None:
        """Erase whoever this was, everywhere; what was counted stays, under a number that names nobody."""
        if self._db.dialect.name == "sqlite":
            self._db.exec_driver_sql("PRAGMA secure_delete=ON")  # else the bytes stay in the file until overwritten
        names = self.names(lead)
        for one in self._same(lead):
            self._erase(one, at)
        self._erase_named(names)

    def _erase(self, lead: int, at: datetime) -> None:
        for table in GONE:
            self._db.execute(delete(table).where(table.c.lead_id == lead))
        mine = select(tables.touches.c.id).where(tables.touches.c.lead_id == lead)
        self._db.execute(delete(tables.touch_texts).where(tables.touch_texts.c.touch_id.in_(mine)))
        self._set(tables.touches, lead, BLANK_TOUCH)
        for heard in (tables.responses, tables.archived_responses):
            self._set(heard, lead, {"detail": None, "why": ""})
        self._set(tables.changes, lead, {"text": tables.changes.c.what, "detail": None})
        self._set(tables.promotions, lead, {"why": "", "brief": {}})
        self._set(tables.handoffs, lead, {"note": None})
        for one in self._deliveries(lead):
            self._db.execute(delete(tables.deliveries).where(tables.deliveries.c.id == one["id"]))
        self._db.execute(update(leads).where(leads.c.id == lead).values({**BLANKED, "forgotten_at": at}))

    def _erase_named(self, names: frozenset[str]) -> None:
        """Copies that carry no lead id: deliveries as they came, mails that matched nobody, rows that were refused."""
        wanted = [name.casefold() for name in names]
        every = archive.bodies(self._db)
        mine = [(kind, key) for kind, key, _, body in every if _names(wanted, body.decode("utf-8", "replace"))]
        for kind, key in mine:
            for raw in (tables.raw_events, tables.archived_events):
                self._db.execute(delete(raw).where(raw.c.kind == kind, raw.c.key == key))
        for row in self._db.execute(self._unplaced()).all():
            if _names(wanted, row.sender, row.text):
                self._db.execute(delete(tables.inbox).where(tables.inbox.c.id == row.id))
        imports = tables.imports
        for row in self._db.execute(select(imports.c.id, imports.c.refused).where(imports.c.refused.is_not(None))):
            kept = [[line, "erased" if _names(wanted, str(why)) else why] for line, why in row.refused or ()]
            if kept != row.refused:
                self._db.execute(update(imports).where(imports.c.id == row.id).values(refused=kept))
        refusals = tables.import_refusals
        for row in self._db.execute(select(refusals)).all():
            if _names(wanted, row.reason):
                self._db.execute(update(refusals).where(refusals.c.id == row.id).values(reason="erased"))

    def _deliveries(self, lead: int) -> list[dict[str, Any]]:
        """What left for sales about this lead."""
        rows = dicts(self._db.execute(select(tables.deliveries)).all())
        return [row for row in rows if str((row["payload"] or {}).get("lead", "")) == str(lead)]

    def _set(self, table: Table, lead: int, values: Mapping[str, Any]) -> None:
        self._db.execute(update(table).where(table.c.lead_id == lead).values(dict(values)))

    def _rows(self, query: Any) -> list[Any]:
        return [as_json(row) for row in dicts(self._db.execute(query).all())]


def _names(wanted: Collection[str], *texts: str) -> bool:
    """Whether one of the texts has one of the names; they are casefolded."""
    return any(name in text.casefold() for name in wanted for text in texts)
