"""What waits for a person, counted where it is stored; and the leads that have no next thing."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select

from nurture.adapters.store.among import among
from nurture.adapters.store.asking import PRESENT
from nurture.adapters.store.suppressions import LISTED_AS
from nurture.adapters.store.tables import (
    companies,
    enrollments,
    handoffs,
    inbox,
    leads,
    promises,
    promotions,
    suppressions,
    touches,
)
from nurture.domain import enrollment, handoff, touch
from nurture.domain.lead import Status

if TYPE_CHECKING:
    from nurture.ports.reports import Waiting


def waiting(db: Connection, *, late_before: datetime) -> Waiting:
    """Counts of what nobody has done or decided; tasks are late that were due before a moment."""
    from nurture.ports.reports import Waiting

    def count(query: Select[Any]) -> int:
        return int(db.execute(select(func.count()).select_from(query.subquery())).scalar_one())

    open_task = touches.c.state == touch.State.OPEN.value
    no_rep = select(func.coalesce(handoffs.c.reason, "").label("reason"), func.count().label("n"))
    no_rep = no_rep.where(handoffs.c.state == handoff.State.QUEUED.value).group_by("reason").order_by("reason")
    zoneless = select(leads.c.id).outerjoin(companies, companies.c.id == leads.c.company_id)
    zoneless = zoneless.where(leads.c.status == Status.NURTURING.value, *PRESENT, leads.c.timezone.is_(None))
    doers = (
        select(handoffs.c.rep).where(handoffs.c.state.in_(handoff.ON_DESK), handoffs.c.rep.is_not(None)),
        select(touches.c.claimed_by).where(open_task, touches.c.claimed_by.is_not(None)),
        select(touches.c.assigned).where(open_task, touches.c.assigned.is_not(None)),
    )
    return Waiting(
        idle=count(idle_leads(among_some=False)),
        inbox=count(select(inbox.c.id).where(inbox.c.settled_at.is_(None))),
        queued={row.reason: row.n for row in db.execute(no_rep)},
        late=count(select(touches.c.id).where(open_task, touches.c.due_at <= late_before)),
        in_doubt=count(select(touches.c.id).where(touches.c.state == touch.State.IN_DOUBT.value)),
        no_zone=count(zoneless.where(companies.c.timezone.is_(None))),
        doers=frozenset(name for query in doers for name in db.execute(query.distinct()).scalars()),
    )


@cache
def idle_leads(*, among_some: bool) -> Select[Any]:
    """Leads of ours for whom nothing is planned and nobody has anything to do, by id; `among_some`: of those given.

    Built once: it takes longer to build than to run.
    """
    open_enrollments = [state.value for state in enrollment.OPEN]
    open_handoffs = [state.value for state in handoff.OPEN]
    query = select(leads.c.id).where(
        leads.c.status == Status.NURTURING.value,
        *PRESENT,
        leads.c.returns_at.is_(None),
        ~_has(enrollments, enrollments.c.state.in_(open_enrollments)),
        ~_has(touches, touches.c.state == touch.State.OPEN.value),
        ~_has(promotions, promotions.c.open.is_not(None)),
        ~_has(handoffs, handoffs.c.state.in_(open_handoffs)),
        ~_has(promises, promises.c.state == "open"),
        ~_has(inbox, inbox.c.settled_at.is_(None)),
        ~exists().where(suppressions.c.address.in_([LISTED_AS, leads.c.phone]), suppressions.c.scope == "all"),
    )
    return (query.where(among(leads.c.id)) if among_some else query).order_by(leads.c.id)


def _has(table: Any, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(table.c.lead_id == leads.c.id, *which)
