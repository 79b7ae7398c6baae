"""One pass: what came in, crossings, returns, promises, enroll, dispatch, promote, deadlines, deliveries.

Testable without a timer: `demo`, `simulate`, `nurture tick` and the daemon all run this.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nurture import log
from nurture.daemon import restored
from nurture.daemon.stopping import StoppingError, StoppingStore
from nurture.domain import calendar
from nurture.domain.chore import Chore
from nurture.domain.errors import RefusedError
from nurture.flow import crossings, deliver, enroll, handoff, promises, promote, rescoring
from nurture.flow.dispatch import nightly, settle
from nurture.flow.dispatch import run as dispatch
from nurture.moves import clock
from nurture.moves.again import again
from nurture.ports import InForce, Unit
from nurture.wiring import App

_log = log.get("pass")
RESCORED: Final = 3  # batches of leads that one pass scores again, so that contact goes on meanwhile
JUDGED: Final = 25  # batches of leads that one pass judges for promotion, likewise: an import marks all its leads
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


@again
def run(app: App, *, now: datetime | None = None, expected: datetime | None = None) -> Pass:
    """One pass at `now`, by default the moment of the store.

    Raises RefusedError when the clock went back, or further ahead than what is `expected` by the time that has passed.
    """
    moment = now if now is not None else app.store.now(app.clock.now())
    agenda = _Agenda(app, moment)
    rules = app.rules.in_force(_begin(app, moment, agenda, expected))
    done = Pass(moment)
    with suppress(StoppingError):
        _arrows(app, rules, agenda, done)
    return done


def _arrows(app: App, rules: InForce, agenda: _Agenda, done: Pass) -> None:
    """Whatever finds something to do, one after the other. Raises StoppingError between two of their transactions."""
    moment, policy = done.at, app.policy
    store = StoppingStore(app.store, app.stops)
    common: dict[str, Any] = {"store": store, "rules": rules, "policy": policy, "now": moment}
    if app.reaches_out:
        from nurture.daemon import incoming  # what reads mail; a simulation and a test of a cadence get none

        done.arrived = incoming.fetch(app, store, moment)
        if done.arrived or agenda.asks(Chore.INCOMING):
            incoming.process(app, store, moment)
            agenda.changed()
    office = _office(app, rules, moment, agenda.server)
    if app.unrecorded:
        dispatch.record_late(office)
        agenda.changed()
    if agenda.asks(Chore.SETTLE):
        done.settled = settle.run(store=store, policy=policy, now=moment, log=app.send_log)
        agenda.changed()
    if agenda.asks(Chore.NIGHTLY) and _nightly(app, rules, moment):
        agenda.changed()
    if agenda.asks(Chore.RESCORE):
        rescoring.run(store=store, rules=rules, now=moment, by="daemon", most=RESCORED)
        agenda.changed()
    if agenda.asks(Chore.CROSS):
        done.crossed = crossings.run(**common)
        agenda.changed()
    crm = bool(app.settings.crm.webhook)
    desk = handoff.Desk(**common, new_id=app.clock.new_id, by="daemon", crm=crm)
    if agenda.asks(Chore.RETURN):
        done.returned = handoff.returns(desk)
        agenda.changed()
    if agenda.asks(Chore.PROMISE):
        done.promised = promises.run(**common, new_id=app.clock.new_id)
        agenda.changed()
    if agenda.asks(Chore.ENROLL):
        done.enrolled = enroll.run(**common)
        if done.enrolled:
            agenda.changed()
    dispatches = agenda.asks(Chore.DISPATCH, Chore.WAKE)
    if dispatches:
        done.touches = dispatch.run(office, found=agenda.found)
        if done.touches.finished:  # nothing else that it does is work for promotion or deadlines
            agenda.changed()
    if agenda.asks(Chore.PROMOTE, Chore.OFFER):
        queued = agenda.asks(Chore.OFFER)
        sales = promote.run(**common, new_id=app.clock.new_id, by="daemon", crm=crm, batches=JUDGED, queued=queued)
        done.promoted, done.offered = sales.promoted, sales.offered
        agenda.changed()
    if agenda.asks(Chore.DEADLINE):
        done.deadlines = handoff.deadlines(desk)
        agenda.changed()
    if app.reaches_out and not app.stops() and (dispatches or agenda.asks(Chore.DELIVER)):
        done.delivered = deliver.run(store=app.store, courier=app.courier, now=moment)


def _begin(app: App, now: datetime, agenda: _Agenda, expected: datetime | None) -> int:
    """Note that a pass runs, and read what it has to do; the generation in force.

    Raises RefusedError where the clock jumped, or the database went back.
    """
    generation = 0
    with app.store.unit() as work:
        hint = restored.HINT
        if not (problem := restored.problem(app, work, now)):
            hint = clock.HINT
            problem = clock.check_in(work, now, expected=expected, by=app.owner)
        if not problem:
            agenda.server = work.control.lineage()
            generation = work.control.generation()
            agenda.look(work)  # after the generation: a first wave that was just applied is seen with its texts
        work.commit()
    if problem:
        if app.reaches_out:  # nothing else of this pass runs, but somebody must hear of it
            deliver.run(store=app.store, courier=app.courier, now=now, kind="alert")
        raise RefusedError(problem, hint=hint)
    return generation


def _office(app: App, rules: InForce, now: datetime, server: str) -> dispatch.Desk:
    return dispatch.Desk(
        store=app.store,
        mailer=app.mailer,
        rules=rules,
        links=app.links,
        policy=app.policy,
        clock=app.clock,
        owner=app.owner,
        now=now,
        breaker=app.breaker,
        unrecorded=app.unrecorded,
        high_water=app.high_water,
        renderer=app.renderer,
        server=server,
        stops=app.stops,
    )


class _Agenda:
    """What there is to do: read as the pass begins, and again after an arrow that may have left work for others."""

    def __init__(self, app: App, now: datetime) -> None:
        self._app = app
        self._now = now
        self._night = now.astimezone(calendar.zone(app.policy.timezone)).date().isoformat()
        self._found: frozenset[Chore] | None = None
        self.server = ""  # that the pass began on

    @property
    def found(self) -> frozenset[Chore]:
        """The arrows that find something."""
        if self._found is None:
            with self._app.store.unit(write=False) as work:
                self.look(work)
        assert self._found is not None
        return self._found

    def look(self, work: Unit) -> None:
        """Read it in this transaction."""
        self._found = work.control.agenda(self._now, self._night)

    def asks(self, *chores: Chore) -> bool:
        """Whether one of these finds something."""
        return not self.found.isdisjoint(chores)

    def changed(self) -> None:
        """Something was done that may be work for others."""
        self._found = None


def _nightly(app: App, rules: InForce, now: datetime) -> bool:
    """Once a night and fleet: conditions over names that move with time alone. Whether it was for us to do."""
    local = now.astimezone(calendar.zone(app.policy.timezone))
    if local.hour < NIGHTLY_AT:
        return False
    with app.store.unit() as work:
        ours = work.control.take_job("nightly", local.date().isoformat(), at=now, by=app.owner)
        work.commit()
    if ours:
        # What is thrown away is not counted: a fifteenth of what many tests of cadences take, and nobody asks for it.
        if app.reaches_out and (broken := nightly.run(store=app.store, now=now)):
            _log.error("invariants_broken", count=broken)
        enroll.tonight(store=app.store, rules=rules, now=now)
    return ours
