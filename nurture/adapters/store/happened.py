"""What happened in a span of time, by index ranges: nothing here grows with what was before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, case, func, or_, select

from nurture.adapters.store.tables import changes, responses, touches
from nurture.domain.digest import CHANGES, RESPONSES, Happened
from nurture.domain.lead import Stage
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import Channel


def happened(db: Connection, since: datetime, until: datetime) -> Happened:
    """Counts from one moment (included) to another (not)."""
    mail = touches.c.channel == Channel.EMAIL.value
    made = select(mail, func.count()).where(touches.c.sent_at >= since, touches.c.sent_at < until).group_by(mail)
    by_mail = {bool(row[0]): int(row[1]) for row in db.execute(made)}
    return Happened(
        by_mail.get(True, 0), by_mail.get(False, 0), _responses(db, since, until), _changes(db, since, until)
    )


def _responses(db: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """By people, and bounces, by kind; those of one touch count once."""
    human = responses.c.grade == Grade.HUMAN.value
    query = select(responses.c.kind, func.count(func.coalesce(responses.c.touch_id, responses.c.key).distinct()))
    query = query.where(
        responses.c.id >= _first(db, since),
        responses.c.recorded_at >= since,
        responses.c.recorded_at < until,
        responses.c.kind.in_(list(RESPONSES)),
        or_(human, responses.c.kind == Kind.BOUNCE.value),
    )
    return {row[0]: int(row[1]) for row in db.execute(query.group_by(responses.c.kind))}


def _first(db: Connection, since: datetime) -> int:
    """A number behind which everything recorded since then stands: numbers grow as time does, so halve the way."""
    low, high = 0, int(db.execute(select(func.max(responses.c.id))).scalar_one() or 0)
    while low < high:
        middle = (low + high) // 2
        query = select(responses.c.recorded_at).where(responses.c.id > middle).order_by(responses.c.id).limit(1)
        recorded = db.execute(query).scalar_one()
        low, high = (middle + 1, high) if recorded < since else (low, middle)
    return low


def _changes(db: Connection, since: datetime, until: datetime) -> dict[str, int]:
    near = (changes.c.what == "stage") & (changes.c.detail["to"].as_string() == Stage.NEAR_TERM.value)
    name = case((near, "near_term"), else_=changes.c.what).label("name")
    wanted = [*(what for what in CHANGES if what != "near_term"), "stage"]
    rows = select(name).where(changes.c.what.in_(wanted), changes.c.at >= since, changes.c.at < until).subquery()
    query = select(rows.c.name, func.count()).group_by(rows.c.name)
    return {row[0]: int(row[1]) for row in db.execute(query) if row[0] in CHANGES}
