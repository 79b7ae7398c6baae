"""Rows <-> touches, tasks among them; what counts against the limits; links and texts as sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    or_,
    select,
    text,
    update,
)

from nurture.adapters.store import sent_texts
from nurture.adapters.store.among import among
from nurture.adapters.store.bulk import Columns
from nurture.adapters.store.rows import add, change_if, fetch, insert
from nurture.adapters.store.sent_texts import Skeletons
from nurture.adapters.store.soundness import broken_rows, broken_totals
from nurture.adapters.store.tables import companies, leads, links
from nurture.adapters.store.tables import touches as table
from nurture.domain.pacing import Counted, as_counted
from nurture.domain.touch import BY_PHONE, FINAL, REPLY_STEP, Channel, Reason, State, Touch, TouchId
from nurture.ports.rows import Carried, LaidOut, SentText, Waiting

# What each column keeps of a touch.
_KEPT: Final[Mapping[str, Callable[[Touch], Any]]] = {
    "id": attrgetter("id"),
    "enrollment_id": attrgetter("enrollment"),
    "lead_id": attrgetter("lead"),
    "company_id": attrgetter("company"),
    "cadence": attrgetter("cadence"),
    "version": attrgetter("version"),
    "step": attrgetter("step"),
    "occurrence": attrgetter("occurrence"),
    "channel": attrgetter("channel._value_"),  # `value` of an enumeration is found by a function
    "template": attrgetter("template"),
    "state": attrgetter("state._value_"),
    "reason": lambda one: one.reason.value if one.reason else None,
    "because": attrgetter("because"),
    "attempt": attrgetter("attempt"),
    "due_at": attrgetter("due_at"),
    "created_at": attrgetter("created_at"),
    "intent_at": attrgetter("intent_at"),
    "lease_until": attrgetter("lease_until"),
    "doubted_at": attrgetter("doubted_at"),
    "sent_at": attrgetter("sent_at"),
    "counted_at": attrgetter("counted_at"),
    "sender": attrgetter("sender"),
    "address": attrgetter("address"),
    "domain": attrgetter("domain"),
    "mailer": attrgetter("mailer"),
    "provider_id": attrgetter("provider_id"),
    "message_id": attrgetter("message_id"),
    "assigned": attrgetter("assigned"),
    "claimed_by": attrgetter("claimed_by"),
    "expires_at": attrgetter("expires_at"),
    "script": attrgetter("script"),
    "ask": lambda one: list(one.ask) or None,
    "outcome": attrgetter("outcome"),
    "note": attrgetter("note"),
}
_PLACES: Final = {column.name: place for place, column in enumerate(table.c)}
_ENUMS: Final = tuple(
    (_PLACES[name], {one.value: one for one in kind})
    for name, kind in (("channel", Channel), ("state", State), ("reason", Reason))
)
_ASK: Final = _PLACES["ask"]
# What the columns are called where a touch has another name for them.
_CALLED: Final = {"enrollment": "enrollment_id", "lead": "lead_id", "company": "company_id"}
_in_order: Final = itemgetter(*(_PLACES[_CALLED.get(one.name, one.name)] for one in fields(Touch)))
# Values that a touch keeps for its whole life; all others may change.
FIXED = frozenset({"enrollment_id", "lead_id", "cadence", "version", "step", "occurrence", "channel", "created_at"})
CHANGING = tuple(name for name in _KEPT if name not in FIXED and name != "id")


# Statements of every pass are built once: building one costs more than running it.
_BY_ID = select(table).where(among(table.c.id))
_OF_LEADS = select(table).where(among(table.c.lead_id)).order_by(table.c.created_at, table.c.id)
_LOCK_LEADS, _LOCK_COMPANIES = (
    select(rows.c.id).where(among(rows.c.id)).order_by(rows.c.id).with_for_update() for rows in (leads, companies)
)
# In the text: the index of these alone is not used for values that are given later.
_IS_UNSETTLED = text(f"state IN ('{State.SENDING}', '{State.IN_DOUBT}')")
_IS_OPEN = text(f"touches.state = '{State.OPEN}'")
_TAKEN = (
    select(table)
    .where(text("state = 'open' AND claimed_by IS NOT NULL"), table.c.claimed_by == bindparam("person"))
    .order_by(table.c.due_at)
    .limit(1)
)
_OF_NO_BUSY_LEAD = text(
    "touches.lead_id NOT IN (SELECT t.lead_id FROM touches t WHERE t.state = 'open' AND t.claimed_by IS NOT NULL)"
)
_OPEN_WITH_LEAD = (
    select(
        *(table.c[name] for name in ("id", "lead_id", "cadence", "step", "channel", "due_at")),
        *(leads.c[name] for name in ("phone", "do_not_call")),
        func.coalesce(leads.c.timezone, companies.c.timezone),
        leads.c.fit,
        leads.c.engagement,
    )
    .join_from(table, leads, leads.c.id == table.c.lead_id)
    .outerjoin(companies, companies.c.id == leads.c.company_id)
    .where(_IS_OPEN, _OF_NO_BUSY_LEAD)
)
_FOR_THEM = among(table.c.assigned)
_WAITING, _WAITING_FOR_ANYBODY = (
    _OPEN_WITH_LEAD.where(condition) for condition in (_FOR_THEM, or_(_FOR_THEM, table.c.assigned.is_(None)))
)
# What was not done yet was not counted: of all touches of a lead the index finds these few.
IS_UNANSWERED: Final = and_(table.c.counted_at.is_(None), table.c.state == State.OPEN.value, table.c.step == REPLY_STEP)
# A voicemail is one touch with the call before it, which it is not counted beside.
_COUNTED = select(table.c.lead_id, table.c.counted_at, table.c.enrollment_id, table.c.channel).where(
    among(table.c.lead_id), table.c.counted_at > bindparam("since")
)
_HAD = select(table.c.lead_id, table.c.template).where(
    among(table.c.lead_id), table.c.channel == Channel.EMAIL.value, table.c.counted_at.is_not(None)
)


class TouchRows:
    """Touches in the database."""

    def __init__(self, db: Connection, skeletons: Skeletons | None = None) -> None:
        self._db = db
        self._skeletons = skeletons or Skeletons()

    def get(self, ids: Collection[TouchId]) -> dict[TouchId, Touch]:
        """Touches by id."""
        return {row.id: _touch(row) for row in fetch(self._db, _BY_ID, ids)}

    def of_leads(self, leads: Collection[int]) -> dict[int, list[Touch]]:
        """Every touch of leads, oldest first."""
        found: dict[int, list[Touch]] = {}
        for row in fetch(self._db, _OF_LEADS, leads):
            found.setdefault(row.lead_id, []).append(_touch(row))
        return found

    def select(
        self,
        *,
        state: State | None = None,
        lead: int | None = None,
        cadence: str | None = None,
        step: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Touch]:
        """Touches, by creation; `since` and `until` bound the creation."""
        query = select(table).order_by(table.c.created_at, table.c.id)
        for column, value in ((table.c.lead_id, lead), (table.c.cadence, cadence), (table.c.step, step)):
            if value is not None:
                query = query.where(column == value)
        if state is not None:
            query = query.where(table.c.state == state.value)
        if since is not None:
            query = query.where(table.c.created_at >= since)
        if until is not None:
            query = query.where(table.c.created_at < until)
        return [_touch(row) for row in self._db.execute(query)]

    def add(self, touches: Sequence[Touch]) -> None:
        """Insert new ones."""
        if touches:
            columns: dict[str, Sequence[Any]] = {name: list(map(kept, touches)) for name, kept in _KEPT.items()}
            filled = {name: values for name, values in columns.items() if values.count(None) < len(values)}
            add(self._db, table, filled)  # the others are NULL anyway

    def save(
        self,
        touches: Sequence[Touch],
        *,
        was: Mapping[TouchId, tuple[int, State]],
        only: frozenset[str] | None = None,
    ) -> frozenset[TouchId]:
        """Compare-and-set on (id, attempt, state) as given by `was`; `only`: the fields that may have changed."""
        if not touches:
            return frozenset()
        names = [name for name in CHANGING if only is None or name in only]
        columns: dict[str, Sequence[Any]] = {name: list(map(_KEPT[name], touches)) for name in names}
        states = [was[one.id] for one in touches]
        before: Columns = {"attempt": [attempt for attempt, _ in states], "state": [state.value for _, state in states]}
        columns["key"] = [one.id for one in touches]
        return change_if(self._db, table, columns, before)

    def lock_for_limits(self, leads_: Collection[int], companies_: Collection[int]) -> None:
        """Hold the rows of leads, then of companies, in one order, so that nobody waits for each other.

        Whoever holds a lead may move its enrollments and touches, and count against its limits.
        """
        if self._db.dialect.name != "postgresql":
            return
        for locked, ids in ((_LOCK_LEADS, leads_), (_LOCK_COMPANIES, companies_)):
            fetch(self._db, locked, ids)

    def counted(self, leads: Collection[int], since: datetime) -> dict[int, list[datetime]]:
        """When each lead's touches counted, after `since`."""
        made: dict[int, list[Counted]] = {}
        for row in fetch(self._db, _COUNTED, leads, since=since):
            made.setdefault(row.lead_id, []).append((row.counted_at, row.enrollment_id, row.channel))
        return {lead: as_counted(touches) for lead, touches in made.items()}

    def had(self, pairs: Collection[tuple[int, str]]) -> frozenset[tuple[int, str]]:
        """Of these (lead, template) pairs, those that were sent or must be assumed to have been."""
        wanted = set(pairs)
        found = fetch(self._db, _HAD, {lead for lead, _ in wanted})
        return frozenset(wanted.intersection((row.lead_id, row.template) for row in found))

    def lay_out(self, texts: Sequence[SentText]) -> list[LaidOut]:
        """The shape in which mails are kept."""
        return sent_texts.laid_out(self._db, self._skeletons, texts) if texts else []

    def save_texts(self, texts: Sequence[LaidOut]) -> None:
        """Keep mails as sent; a later attempt replaces what was never taken."""
        if texts:
            sent_texts.save(self._db, self._skeletons, texts)

    def text(self, touch: TouchId) -> tuple[str, str, str] | None:
        """Subject, html and text as sent."""
        return self.texts([touch]).get(touch)

    def texts(self, touches: Collection[TouchId]) -> dict[TouchId, tuple[str, str, str]]:
        """The same of many."""
        return sent_texts.as_sent(self._db, self._skeletons, touches)

    def by_message_id(self, message_id: str) -> Touch | None:
        """The touch whose mail carried this Message-ID."""
        row = self._db.execute(select(table).where(table.c.message_id == message_id).limit(1)).first()
        return _touch(row) if row else None

    def unsettled(self, now: datetime, limit: int) -> list[Touch]:
        """Touches in `sending` or `in_doubt` whose lease or settle time is over."""
        query = (
            select(table).where(_IS_UNSETTLED, table.c.lease_until <= now).order_by(table.c.lease_until).limit(limit)
        )
        return [_touch(row) for row in self._db.execute(query)]

    def open_tasks(self, *, due_before: datetime | None = None) -> list[Touch]:
        """Open tasks, by when they were due."""
        query = select(table).where(_IS_OPEN).order_by(table.c.due_at, table.c.id)
        if due_before is not None:
            query = query.where(table.c.due_at <= due_before)
        return [_touch(row) for row in self._db.execute(query)]

    def taken_by(self, person: str) -> Touch | None:
        """The open task that a person has taken."""
        row = self._db.execute(_TAKEN, {"person": person}).first()
        return _touch(row) if row else None

    def waiting(self, assigned: Collection[str], *, for_anybody: bool, lowering: Collection[str] = ()) -> list[Waiting]:
        """Open tasks of these addresses and roles, and those of nobody; not those of leads of whom one is taken."""
        sums = cast(leads.c.sums, Text)
        may_rise = or_(false(), *(sums.contains(json.dumps(key), autoescape=True) for key in lowering))
        query = (_WAITING_FOR_ANYBODY if for_anybody else _WAITING).add_columns(func.coalesce(may_rise, false()))
        return [Waiting._make(row) for row in fetch(self._db, query, assigned)]

    def unanswered(self, leads: Collection[int]) -> set[int]:
        """Those of leads for whom a task to answer them is open."""
        query = select(table.c.lead_id).where(among(table.c.lead_id), IS_UNANSWERED)
        return set(self._db.execute(query, {"ids": leads}).scalars())

    def calls_made(self, by: str, *, since: datetime) -> int:
        """Calls and voicemails that a person did at a moment or later."""
        phone = [channel.value for channel in BY_PHONE]
        mine = (table.c.claimed_by == by, table.c.state == State.DONE.value, table.c.channel.in_(phone))
        query = select(func.count()).select_from(table).where(table.c.sent_at >= since, *mine)
        return int(self._db.execute(query).scalar_one())

    def over(self, since: datetime, until: datetime) -> list[Touch]:
        """Touches that ended in [since, until): sent, done, expired; else when that was decided."""
        expired = (table.c.state == State.EXPIRED.value) & table.c.expires_at.is_not(None)
        decided = func.coalesce(table.c.sent_at, table.c.intent_at, table.c.created_at)
        at = case((expired, table.c.expires_at), else_=decided)
        final = table.c.state.in_([state.value for state in FINAL])
        return [_touch(row) for row in self._db.execute(select(table).where(final, at >= since, at < until))]

    def tasks_page(self, *, assigned: str | None, after: str | None, limit: int | None) -> list[Touch]:
        """Open tasks, at most so many, by when they were due, behind the one whose id is `after`."""
        query = select(table).where(_IS_OPEN).order_by(table.c.due_at, table.c.id).limit(limit)
        if assigned is not None:
            query = query.where(table.c.assigned == assigned)
        if after is not None:
            last = self._db.execute(select(table.c.due_at).where(table.c.id == after)).scalar_one_or_none()
            if last is not None:
                later = or_(table.c.due_at > last, and_(table.c.due_at == last, table.c.id > after))
                query = query.where(later)
        return [_touch(row) for row in self._db.execute(query)]

    def add_links(self, links_: Mapping[str, str]) -> None:
        """Keep link ids with their targets; known ones are left alone."""
        rows = [{"id": key, "url": links_[key], "target": links_[key]} for key in sorted(links_)]
        if rows:
            self._db.execute(insert(self._db, links).on_conflict_do_nothing(), rows)

    def links(self) -> list[tuple[str, str, str]]:
        """(id, url as written, target) of every link."""
        return [(row.id, row.url, row.target) for row in self._db.execute(select(links).order_by(links.c.url))]

    def link_target(self, link: str) -> str | None:
        """Where a tracked link leads today."""
        row = self._db.execute(select(links.c.target).where(links.c.id == link)).first()
        return str(row.target) if row else None

    def repair_link(self, old: str, new: str) -> int:
        """Lead every link to `old` elsewhere; how many."""
        changed = update(links).where((links.c.url == old) | (links.c.target == old)).values(target=new)
        return len(self._db.execute(changed.returning(links.c.id)).all())

    def unsound(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Rows that break an invariant, as (touch, what is wrong), and totals that do, in words: the full count."""
        return broken_rows(self._db), broken_totals(self._db)

    def count_by_state(self) -> dict[State, int]:
        """How many touches stand in each state."""
        query = select(table.c.state, func.count()).group_by(table.c.state)
        return {State(state): int(count) for state, count in self._db.execute(query)}

    def carried(self, since: datetime) -> dict[str, Carried]:
        """What each mailer has sent since a moment. No index knows it."""
        sent = (table.c.mailer.is_not(None), table.c.sent_at > since)
        query = select(table.c.mailer, func.count(), func.min(table.c.sent_at), func.max(table.c.sent_at))
        return {name: Carried(*rest) for name, *rest in self._db.execute(query.where(*sent).group_by(table.c.mailer))}

    def is_waiting(self, reason: Reason) -> bool:
        """Whether a touch is held back for this reason. No index knows it: it may read all that are planned."""
        held = select(table.c.id).where(table.c.state == State.PLANNED.value, table.c.reason == reason.value)
        return self._db.execute(held.limit(1)).first() is not None


def _touch(row: Row[Any]) -> Touch:
    """A row of the table, read by place: by name it would take three times as long, and a lead has many."""
    values = list(row)
    for place, kind in _ENUMS:
        if values[place] is not None:
            values[place] = kind[values[place]]
    values[_ASK] = tuple(values[_ASK] or ())
    return Touch(*_in_order(values))
