"""Whom a cadence may take by its condition, and whom time moves otherwise: asked every night.

For each cadence it is a statement that is put together once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Select, and_, exists, func, or_, select, update

from nurture.adapters.store.asking import PRESENT, AnyTime, At, questions
from nurture.adapters.store.search import Said
from nurture.adapters.store.tables import enrollments, leads
from nurture.adapters.store.texts import prepare
from nurture.domain.lead import LeadId, Status

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.condition import Condition
    from nurture.domain.workspace import Workspace

DAY: Final = timedelta(days=1)
OURS = and_(leads.c.status == Status.NURTURING.value, *PRESENT)


def may_enter(db: Connection, cadence: Cadence, *, now: datetime, facts_valid: timedelta) -> Sequence[LeadId]:
    """Leads among whom are all that it takes: how far engagement decayed is not asked, nor who is marked already."""
    when, again = cadence.entry.when, cadence.entry.again is not None
    if when is None:
        return ()
    prepare(db)
    query, moment = _asked(db.dialect.name, cadence.name, when, again, cadence.exclusive, facts_valid)
    return db.execute(query, moment.values(now)).scalars().all()


def look_at_those_it_moves(db: Connection, rules: Workspace, now: datetime) -> None:
    """Let leads be scored again of whom the rules may say otherwise tonight than last night, by their past."""
    asked = questions(db.dialect.name, At(now - 2 * DAY))  # what was over since last night counts, too
    moved = [func.nullif(asked[name](*of), 0).is_not(None) for name, of in rules.asked_nightly]
    if moved:
        db.execute(update(leads).where(OURS, or_(*moved)).values(look_at=now))


@lru_cache(maxsize=256)
def _asked(
    dialect: str,
    cadence: str,
    when: Condition,
    again: bool,
    exclusive: bool,
    facts_valid: timedelta,
) -> tuple[Select[Any], AnyTime]:
    # Not the column itself: SQLite without statistics would go through all of a cadence for each lead.
    in_it = (enrollments.c.lead_id == leads.c.id) & (enrollments.c.cadence.concat("") == cadence)
    if again:
        in_it &= enrollments.c.ended_at.is_(None)
    enters = OURS & ~leads.c.enroll_check & ~exists().where(in_it)
    if exclusive:
        enters &= ~exists().where(enrollments.c.slot == leads.c.id)
    moment = AnyTime()
    search = Said(dialect, when, moment, facts_valid)
    holds = or_(search.surely, search.perhaps) if search.decays else search.said
    return select(leads.c.id).select_from(search.table).where(enters, holds), moment
