"""A database that was restored from an old backup: noticed before anything is sent, and accepted by a person.

Invariant 7 of the send protocol. An asynchronous failover that lost commits looks the same, and is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from nurture.domain.breaker import Breaker
from nurture.domain.errors import RefusedError
from nurture.domain.message import Message
from nurture.domain.pacing import Limits
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Maybe, Verdict
from nurture.flow.dispatch import run as dispatch
from nurture.flow.dispatch.run import HIGH_WATER
from nurture.flow.provider_events import ACCEPTED, RESTORED
from nurture.ports import Unit
from nurture.ports.store import Change
from nurture.wiring import App

QUIET: Final = timedelta(hours=1)  # a fleet that was last seen longer ago has left its mark somewhere
HINT: Final = "Nothing is sent. If the database is the right one, run: nurture database accept"
STEP: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=60)


def refuse(app: App, work: Unit, now: datetime) -> None:
    """Raise RefusedError where the database is older than what was done with it."""
    water = app.high_water
    if water is None:
        return
    if RESTORED in work.control.switches():
        raise RefusedError("A signed event named a mail that this database does not know.", hint=HINT)
    marks = water.read()
    for owner, count in marks.items():
        stored = work.control.mark(f"{HIGH_WATER}{owner}") if count else None
        if count and (stored is None or int(stored[0]) < count):
            raise RefusedError("The database has lost what was committed to it: it is an older copy.", hint=HINT)
    if not marks:
        seen = max((one["seen_at"] for one in work.control.daemons() if one["id"] != app.owner), default=None)
        accepted = work.control.mark(ACCEPTED)
        if seen is not None and now - seen > QUIET and (accepted is None or accepted[1] < seen):
            raise RefusedError(
                f"Daemons worked on this database until {seen:%Y-%m-%d %H:%M}, and their marks are not here.",
                hint=f"Was it restored, or state.dir lost? {HINT}",
            )
    if app.owner not in marks:
        water.keep(now)
        water.tidy(now)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """In the place of the mailer: sends nothing, and knows of nothing whether it was sent."""

    name: str = "restored"

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """Maybe, to all."""
        for message in messages:
            yield message.touch, Maybe("the database was restored: it may have been sent before")

    def close(self) -> None:
        """Nothing is held open."""


def accept(app: App, *, by: str, dry_run: bool = False) -> tuple[datetime | None, int]:
    """Take the database as it is: since when it knows nothing, and how many mails are in doubt for that.

    What was due since then may have been sent: the same passes decide what that was, and nothing leaves.
    """
    now = app.store.now(app.clock.now())
    with app.store.unit(write=False) as work:
        last = work.control.mark("last_pass")
    since = max(last[1], now - LONGEST) if last is not None else None
    if dry_run:
        return since, 0
    doubted = 0
    moment = since
    while moment is not None and moment <= now:
        doubted += dispatch.run(_desk(app, moment)).in_doubt
        moment = min(moment + STEP, now) if moment < now else None
    if app.high_water is not None:
        app.high_water.forget()
    with app.store.unit() as work:
        work.control.unswitch(RESTORED)
        work.control.set_mark(ACCEPTED, by, now)
        words = f"the database was accepted as it is; {doubted} mails that were due since are in doubt"
        work.notes.add([Change("database_accepted", words, now, by=by)])
        work.commit()
    return since, doubted


def _desk(app: App, now: datetime) -> dispatch.Desk:
    """The desk of a pass at a past moment. Limits hold back nothing: they did not when it was sent."""
    return dispatch.Desk(
        store=app.store,
        mailer=Doubtful(),
        rules=app.rules.in_force(),
        links=app.links,
        policy=replace(app.policy, limits=Limits(None, None, None, None, None)),
        clock=app.clock,
        owner=app.owner,
        now=now,
        breaker=Breaker(unclear=-1_000_000_000),  # so many maybes are no sign of a provider in trouble here
    )
