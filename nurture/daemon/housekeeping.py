"""What a daemon does beside its passes: the digest of the day, a copy of the database, old events to the archive.

Each once per fleet and slot. Whoever dies in the middle of it leaves nothing half done: the digest is one transaction,
a copy has its name only when it is complete, and what moves to the archive moves in small transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from nurture import log
from nurture.daemon import restored, room
from nurture.domain.errors import RefusedError
from nurture.flow import digest, retention
from nurture.moves.clock import AHEAD, BACK
from nurture.ports.store import Change
from nurture.wiring import App

EVERY: Final = timedelta(minutes=1)  # between two looks at what is due
AN_HOUR: Final = timedelta(hours=1)  # between two runs of retention, and two attempts at a copy that fails
FORGOTTEN: Final = timedelta(days=30)  # slots that nobody asks for any more, daemons that nobody shows
BACKUP: Final = "backup"
RETENTION: Final = "retention"
_log = log.get("housekeeping")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done."""

    digest: bool = False
    backup: Path | None = None
    responses: int = 0
    events: int = 0


def run(app: App, *, now: datetime | None = None, stop: Callable[[], bool] = lambda: False) -> Kept:
    """Whatever is due. Raises RefusedError where the database may be an older copy: it must not replace good ones."""
    moment = now if now is not None else app.store.now(app.clock.now())
    with app.store.unit() as work:
        problem = restored.problem(app, work, moment)
        clock_is_wrong = bool({AHEAD, BACK} & work.control.switches().keys())
        work.commit()
    if problem:
        raise RefusedError(problem, hint=restored.HINT)
    if clock_is_wrong:
        return Kept()
    room.tell(app, moment)
    settings = app.settings
    told = False
    if settings.digest.at is not None:
        zone = app.policy.timezone
        told = digest.run(store=app.store, at=settings.digest.at, timezone=zone, now=moment, by=app.owner)
    copy = _backup(app, settings.backup.every, moment) if settings.backup.every is not None else None
    moved = {"responses": 0, "events": 0}
    if _ours(app, RETENTION, AN_HOUR, moment):
        with app.store.unit() as work:
            work.control.forget_daemons(moment - FORGOTTEN)
            work.commit()
        moved = retention.run(store=app.store, now=moment, keep=settings.retention.events, stop=stop)
    done = Kept(told, copy, **moved)
    if done != Kept():
        _log.info("housekeeping", digest=told, backup=copy.name if copy else None, **moved)
    return done


def _ours(app: App, job: str, span: timedelta, now: datetime) -> bool:
    """Whether this span of time is ours to do it in."""
    slot = datetime.fromtimestamp(now.timestamp() // span.total_seconds() * span.total_seconds(), now.tzinfo)
    with app.store.unit() as work:
        ours = work.control.take_job(job, slot.isoformat(), at=now, by=app.owner)
        if ours:
            work.control.forget_slots(job, (slot - FORGOTTEN).isoformat())
            work.commit()
    return ours


def _backup(app: App, every: timedelta, now: datetime) -> Path | None:
    """A copy, where the newest is old enough; an alert, at most one a day, where none could be made."""
    last = app.last_backup()
    if last is not None and now - last < every:
        return None
    if not _ours(app, BACKUP, min(every, AN_HOUR), now):
        return None
    try:
        return app.keep_backup(now)
    except RefusedError as problem:
        with app.store.unit() as work:
            work.notes.add([Change("backup_failed", problem.what, now, by="daemon")])
            payload = {"subject": "No backup was made", "text": f"{problem.what}\n\n{problem.hint}"}
            key = f"{BACKUP}:{now.date().isoformat()}"
            work.sales.deliver(key=key, kind="alert", to="", payload=payload, at=now)
            work.commit()
        _log.error("backup_failed", what=problem.what)
        return None
