"""A database that was restored from an old backup: noticed before anything is sent, and accepted by a person.

Invariant 7 of the send protocol. A failover that lost commits looks the same, and is the same; see failover.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from nurture.daemon import failover
from nurture.domain.breaker import Breaker
from nurture.domain.message import Message
from nurture.domain.policy import Limits
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Maybe, Verdict
from nurture.flow.dispatch import run as dispatch
from nurture.flow.dispatch.run import HIGH_WATER
from nurture.flow.provider_events import ACCEPTED, RESTORED
from nurture.ports import Unit
from nurture.ports.store import Change, Switch
from nurture.wiring import App

QUIET: Final = timedelta(hours=1)  # a fleet that was last seen longer ago has left its mark somewhere
HINT: Final = "Nothing is sent. If the database is the right one, run: nurture database accept"
OLDER: Final = "The database has lost what was committed to it: it is an older copy."
STEP: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=60)


def problem(app: App, work: Unit, now: datetime) -> str:
    """What is wrong where the database is older than what was done with it, with an alert; else empty.

    The caller commits either way: what one daemon sees stops the others.
    """
    water = app.high_water
    if water is None:
        return ""
    held = work.control.switches().get(RESTORED)
    if held is not None:
        return _alarmed(work, f"{held.reason[0].upper()}{held.reason[1:]}", held.since)
    marks = water.read()
    ahead = {owner for owner, count in marks.items() if count and _stored(work, owner) < count}
    accepted = work.control.mark(ACCEPTED) if ahead or not marks else None
    if ahead and accepted is not None:  # on another machine, it may be
        ahead &= water.read(since=accepted[1]).keys()
    if ahead:
        work.control.switch(Switch(RESTORED, OLDER, now, None, by=app.owner))
        return _alarmed(work, OLDER, now)
    if not marks:
        seen = max((one["seen_at"] for one in work.control.daemons() if one["id"] != app.owner), default=None)
        if seen is not None and now - seen > QUIET and (accepted is None or accepted[1] < seen):
            words = f"Daemons worked on this database until {seen:%Y-%m-%d %H:%M}, and their marks are not here."
            return _alarmed(work, f"{words} Was it restored, or state.dir lost?", seen)
    if app.owner not in marks:
        water.keep(now)
        water.tidy(now)
    return failover.problem(work, (app.owner, *marks), now)


def _stored(work: Unit, owner: str) -> int:
    """How far a daemon has come by what the database knows."""
    mark = work.control.mark(f"{HIGH_WATER}{owner}")
    return int(mark[0]) if mark is not None else 0


def _alarmed(work: Unit, words: str, since: datetime) -> str:
    """Tell an operator, once."""
    payload = {"subject": "Nothing is sent: the database is an older copy", "text": f"{words}\n\n{HINT}"}
    work.sales.deliver(key=f"{RESTORED}:{since.isoformat()}", kind="alert", to="", payload=payload, at=since)
    return words


@dataclass(frozen=True, slots=True)
class Doubtful:
    """In the place of the mailer: sends nothing, and knows of nothing whether it was sent."""

    name: str = "restored"

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """Maybe, to all."""
        for message in messages:
            yield message.touch, Maybe("the database was restored: it may have been sent before")

    def finish(self) -> None:
        """Nothing takes long here."""

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
    if since is not None:
        with app.store.unit() as work:
            work.enrollments.release(now)  # who claimed it then has gone on, and may have sent it
            work.commit()
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
        failover.accept(work, now)
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
