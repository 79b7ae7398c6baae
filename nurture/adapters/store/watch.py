"""What a simulation sees of its copy: what moved in a pass, when there is work next, and the ledger at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, case, func, select, text

from nurture.adapters.store.engine import WRITES
from nurture.adapters.store.experience import experience_of
from nurture.adapters.store.tables import enrollments, files, handoffs, leads, marks, touches
from nurture.domain import enrollment, handoff
from nurture.domain.routing import SAME_REP
from nurture.domain.touch import FINAL, Channel, Reason, State, Touch
from nurture.ports.simulation import Left, News

if TYPE_CHECKING:
    from nurture.domain.experience import Experience

# Every move of a touch and of a handoff is written down by the database itself: no code of the passes knows of it.
# Texts and deliveries are thrown away at once, as nobody reads them.
TRIGGERS: Final = """
CREATE TABLE news (number INTEGER PRIMARY KEY, what TEXT, id TEXT, state TEXT, reason TEXT)

CREATE TRIGGER touch_new AFTER INSERT ON touches WHEN NEW.state != 'planned' OR NEW.reason IS NOT NULL
BEGIN INSERT INTO news (what, id, state, reason) VALUES ('touch', NEW.id, NEW.state, NEW.reason); END

CREATE TRIGGER touch_moved AFTER UPDATE ON touches
WHEN NEW.state IS NOT OLD.state OR (NEW.reason IS NOT NULL AND NEW.reason IS NOT OLD.reason)
BEGIN INSERT INTO news (what, id, state, reason) VALUES ('touch', NEW.id, NEW.state, NEW.reason); END

CREATE TRIGGER handoff_moved AFTER UPDATE OF state ON handoffs WHEN NEW.state IS NOT OLD.state
BEGIN INSERT INTO news (what, id, state, reason) VALUES ('handoff', NEW.id, NEW.state, NEW.reason); END

CREATE TRIGGER no_texts BEFORE INSERT ON touch_texts BEGIN SELECT RAISE(IGNORE); END

CREATE TRIGGER no_deliveries BEFORE INSERT ON deliveries BEGIN SELECT RAISE(IGNORE); END
""".strip().split("\n\n")

# One look at every index that says when a pass has something to do. A mark without a date is work for the next pass.
_NEXT: Final = """
SELECT (SELECT min(next_at) FROM enrollments WHERE state = 'active' AND next_at IS NOT NULL),
       (SELECT min(next_at) FROM enrollments WHERE state = 'paused' AND next_at IS NOT NULL),
       (SELECT min(look_at) FROM leads WHERE look_at IS NOT NULL),
       (SELECT min(returns_at) FROM leads WHERE returns_at IS NOT NULL),
       (SELECT min(due_at) FROM promises WHERE state = 'open'),
       (SELECT min(due_at) FROM handoffs WHERE due_at IS NOT NULL),
       (SELECT min(lease_until) FROM touches WHERE state IN ('sending', 'in_doubt') AND lease_until IS NOT NULL),
       (SELECT 1 FROM leads WHERE ready_check LIMIT 1),
       (SELECT 1 FROM leads WHERE enroll_check LIMIT 1),
       (SELECT 1 FROM handoffs WHERE state = 'queued' LIMIT 1)
"""
_ENDED: Final = """
SELECT cadence, state, reason, step, count(*) AS leads FROM (
    SELECT e.cadence, e.state, e.reason,
           (SELECT t.step FROM touches t WHERE t.enrollment_id = e.id ORDER BY t.created_at DESC, t.step LIMIT 1)
           AS step
    FROM enrollments e WHERE e.ended_at >= :since)
GROUP BY cadence, state, reason, step ORDER BY leads DESC, cadence, state, reason, step
"""


class Watch:
    """Looks at a copy from outside, through a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as db:
            for statement in TRIGGERS:
                db.exec_driver_sql(statement)

    def latest(self) -> datetime | None:
        """The last moment at which something was stored: no pass of the copy may come before it."""
        query = select(
            select(func.max(marks.c.at)).where(marks.c.name == "last_pass").scalar_subquery(),
            select(func.max(files.c.applied_at)).scalar_subquery(),
            select(func.max(leads.c.changed_at)).scalar_subquery(),
            select(func.max(touches.c.counted_at)).scalar_subquery(),
        )
        with self._engine.connect() as db:
            return max((moment for moment in db.execute(query).one() if moment is not None), default=None)

    def next_work(self) -> tuple[datetime | None, bool, bool]:
        """The earliest moment that a row names; whether a lead is marked; whether a handoff is queued."""
        with self._engine.connect() as db:
            # The rows are read as text: two thousand conversions a second would be most of the cost.
            row = db.execution_options(**{WRITES: False}).exec_driver_sql(_NEXT).one()
        moments = [moment for moment in row[:7] if moment is not None]
        first = datetime.fromisoformat(min(moments)).replace(tzinfo=UTC) if moments else None
        return first, bool(row[7] or row[8]), bool(row[9])

    def may_be_offered_again(self, now: datetime) -> datetime | None:
        """When a queued lead may next be offered to a rep who rejected or lost it."""
        queued = select(handoffs.c.lead_id).where(handoffs.c.state == handoff.State.QUEUED.value)
        query = select(func.min(handoffs.c.ended_at)).where(
            handoffs.c.state.in_([handoff.State.REJECTED.value, handoff.State.LOST.value]),
            handoffs.c.lead_id.in_(queued),
            handoffs.c.ended_at > now - SAME_REP,
        )
        with self._engine.connect() as db:
            ended: datetime | None = db.execute(query).scalar_one_or_none()
        return ended + SAME_REP if ended is not None else None

    def news(self) -> list[News]:
        """What moved since the last call, in the order in which it moved."""
        with self._engine.connect() as db:
            rows = db.exec_driver_sql("SELECT what, id, state, reason FROM news ORDER BY number").all()
            if rows:
                db.exec_driver_sql("DELETE FROM news")
                db.commit()
        return [News(row[0], str(row[1]), row[2], row[3]) for row in rows]

    def ledger(self, since: datetime, until: datetime) -> Iterator[Touch]:
        """Touches that are over and may have ended in [since, until), by the moment at which they did."""
        table = touches.c
        expired = (table.state == State.EXPIRED.value) & table.expires_at.is_not(None)
        at = case((expired, table.expires_at), else_=func.coalesce(table.sent_at, table.intent_at, table.created_at))
        columns = (table.id, table.lead_id, table.cadence, table.step, table.channel, table.state, table.reason)
        query = (
            select(*columns, table.due_at, table.created_at, table.intent_at, table.sent_at, table.expires_at)
            .add_columns(table.outcome)
            .where(table.state.in_([state.value for state in FINAL]), at >= since, at < until)
            .order_by(at)
        )
        with self._engine.connect() as db:
            for row in db.execution_options(yield_per=1_000, **{WRITES: False}).execute(query):
                yield Touch(
                    id=row.id,
                    lead=row.lead_id,
                    step=row.step,
                    channel=Channel(row.channel),
                    state=State(row.state),
                    due_at=row.due_at,
                    created_at=row.created_at,
                    cadence=row.cadence,
                    intent_at=row.intent_at,
                    sent_at=row.sent_at,
                    expires_at=row.expires_at,
                    reason=Reason(row.reason) if row.reason else None,
                    outcome=row.outcome,
                )

    def left(self, since: datetime) -> list[Left]:
        """Where enrollments ended since a moment: after which contact, how and why."""
        with self._engine.connect() as db:
            naive = since.astimezone(UTC).replace(tzinfo=None)
            rows = db.execute(text(_ENDED), {"since": naive.isoformat(sep=" ", timespec="microseconds")})
            return [Left(row.cadence, row.state, row.reason or "", row.step or "", row.leads) for row in rows]

    def dry(self, cadence: str, stream: str, items: int) -> tuple[int, datetime | None]:
        """How many open enrollments have had every item of a stream, and since when the first of them."""
        given = func.json_extract(enrollments.c.memory, f'$."{stream}"')
        query = select(func.count(), func.min(enrollments.c.anchor)).where(
            enrollments.c.cadence == cadence,
            enrollments.c.state.in_([state.value for state in enrollment.OPEN]),
            given >= items,
        )
        with self._engine.connect() as db:
            count, first = db.execute(query).one()
        return int(count), first

    def count(self, table: str, states: Sequence[str]) -> int:
        """How many handoffs or enrollments stand in these states."""
        rows = {"handoffs": handoffs, "enrollments": enrollments}[table]
        with self._engine.connect() as db:
            query = select(func.count()).select_from(rows).where(rows.c.state.in_(list(states)))
            return int(db.execute(query).scalar_one())

    def experience(self) -> Experience:
        """How people answered so far."""
        with self._engine.connect() as db:
            return experience_of(db)
