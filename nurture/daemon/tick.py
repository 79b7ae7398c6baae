"""One pass: what came in, crossings, returns, promises, enroll, dispatch, promote, deadlines, deliveries.

Testable without a timer: `demo`, `simulate`, `nurture tick` and the daemon all run this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nurture import log
from nurture.daemon import incoming, restored
from nurture.domain import calendar
from nurture.domain.chore import Chore
from nurture.domain.errors import RefusedError
from nurture.flow import crossings, deliver, enroll, handoff, promises, promote
from nurture.flow.dispatch import nightly, settle
from nurture.flow.dispatch import run as dispatch
from nurture.wiring import App

_log = log.get("pass")
LAST_PASS: Final = "last_pass"
# A clock that is earlier than the last stored pass by more than this stops dispatch: it would count backwards.
BACKWARDS: Final = timedelta(minutes=1)
NIGHTLY_AT: Final = 2  # o'clock, in the workspace's zone


@dataclass(slots=True)
class Pass:
    """What one pass did."""

    at: datetime
    arrived: int = 0
    settled: int = 0
    crossed: int = 0
    returned: int = 0
    promised: int = 0
    enrolled: int = 0
    touches: dispatch.Tally = field(default_factory=dispatch.Tally)
    promoted: int = 0
    offered: int = 0
    deadlines: int = 0
    delivered: int = 0


def run(app: App, *, now: datetime | None = None) -> Pass:
    """One pass at `now`, by default the moment of the store. Raises RefusedError when the clock went back."""
    moment = now if now is not None else app.store.now(app.clock.now())
    _refuse(app, moment)
    done = Pass(moment)
    rules = app.rules.in_force()
    policy = app.policy
    common: dict[str, Any] = {"store": app.store, "rules": rules, "policy": policy, "now": moment}
    done.arrived = incoming.run(app, moment) if app.reaches_out else 0
    if app.unrecorded:
        dispatch.record_late(_office(app, moment))
    agenda = _Agenda(app, moment)
    if agenda.asks(Chore.SETTLE):
        done.settled = settle.run(store=app.store, policy=policy, now=moment, log=app.send_log)
    if agenda.asks(Chore.NIGHTLY):
        _nightly(app, moment)
    if agenda.asks(Chore.CROSS):
        done.crossed = crossings.run(**common)
    crm = bool(app.settings.crm.webhook)
    desk = handoff.Desk(**common, new_id=app.clock.new_id, by="daemon", crm=crm)
    if agenda.asks(Chore.RETURN):
        done.returned = handoff.returns(desk)
    if agenda.asks(Chore.PROMISE):
        done.promised = promises.run(**common, new_id=app.clock.new_id)
    if agenda.asks(Chore.ENROLL):
        done.enrolled = enroll.run(**common)
    if agenda.asks(Chore.DISPATCH):
        done.touches = dispatch.run(_office(app, moment))
    if agenda.asks(Chore.PROMOTE):
        sales = promote.run(**common, new_id=app.clock.new_id, by="daemon", crm=crm)
        done.promoted, done.offered = sales.promoted, sales.offered
    if agenda.asks(Chore.DEADLINE):
        done.deadlines = handoff.deadlines(desk)
    if app.reaches_out:
        done.delivered = deliver.run(store=app.store, courier=app.courier, now=moment)
    return done


def _office(app: App, now: datetime) -> dispatch.Desk:
    return dispatch.Desk(
        store=app.store,
        mailer=app.mailer,
        rules=app.rules.in_force(),
        links=app.links,
        policy=app.policy,
        clock=app.clock,
        owner=app.owner,
        now=now,
        breaker=app.breaker,
        unrecorded=app.unrecorded,
        high_water=app.high_water,
    )


class _Agenda:
    """What there is to do, looked at again after each arrow that did something: an idle pass costs one query."""

    def __init__(self, app: App, now: datetime) -> None:
        self._app = app
        self._now = now
        self._night = now.astimezone(calendar.zone(app.policy.timezone)).date().isoformat()
        self._found: frozenset[Chore] | None = None

    def asks(self, chore: Chore) -> bool:
        """Whether this arrow finds something; it is assumed to run then, and to leave work for others."""
        if self._found is None:
            with self._app.store.unit(write=False) as work:
                self._found = work.control.agenda(self._now, self._night)
        if chore not in self._found:
            return False
        self._found = None
        return True


def _refuse(app: App, now: datetime) -> None:
    """Raise RefusedError where the clock went back, or the database did."""
    with app.store.unit() as work:
        restored.refuse(app, work, now)
        last = work.control.mark(LAST_PASS)
        if last is not None and now < last[1] - BACKWARDS:
            raise RefusedError(
                f"The clock says {now:%Y-%m-%d %H:%M}, but a pass ran at {last[1]:%Y-%m-%d %H:%M}.",
                hint="Nothing is sent until the clock is right.",
            )
        work.control.set_mark(LAST_PASS, app.owner, max(now, last[1]) if last else now)
        work.commit()


def _nightly(app: App, now: datetime) -> None:
    """Once a night and fleet: conditions over names that move with time alone."""
    local = now.astimezone(calendar.zone(app.policy.timezone))
    if local.hour < NIGHTLY_AT:
        return
    with app.store.unit() as work:
        ours = work.control.take_job("nightly", local.date().isoformat(), at=now, by=app.owner)
        work.commit()
    if ours:
        if broken := nightly.run(store=app.store, now=now):
            _log.error("invariants_broken", count=broken)
        enroll.tonight(store=app.store, rules=app.rules.in_force())
