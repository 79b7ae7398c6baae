"""The passes of dispatch: claim a batch, decide, hand out, send in groups, record; until nothing is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nurture.domain import enrollment
from nurture.domain.breaker import PROBE_EVERY
from nurture.domain.chore import Chore
from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import UnreachableError
from nurture.domain.lead import LeadId
from nurture.domain.touch import SENTENCES, Reason, State, TouchId
from nurture.domain.verdict import Again, Yes
from nurture.flow.dispatch import decide, waves
from nurture.flow.dispatch.decide import Decision
from nurture.flow.dispatch.desk import LEFT_LYING, Desk, Tally, Unrecorded
from nurture.flow.dispatch.handover import Handover
from nurture.flow.dispatch.keep import keep
from nurture.flow.dispatch.make import Making, Outgoing
from nurture.flow.dispatch.mistakes import spared
from nurture.flow.dispatch.send import Intended, Judged, intend, judge, laid_out, record
from nurture.flow.dispatch.slots import hand_out
from nurture.moves.proof import prove_sent
from nurture.moves.rendering import Here
from nurture.moves.scene import Scene, load, look_at_pressure
from nurture.ports import Unit
from nurture.ports.rows import LaidOut

__all__ = ["HIGH_WATER", "Desk", "Tally", "Unrecorded", "record_late", "run"]

HIGH_WATER: Final = "high_water:"  # the marks in the database, one for each daemon
NOT_HANDED_OVER: Final = Again("the database went away before it was handed over")
_Told = tuple[Scene, Sequence[Judged]]


def run(desk: Desk, *, batches: int = 1_000, found: Collection[Chore] = tuple(Chore)) -> Tally:
    """Everything that is due at `desk.now`, at most `batches` batches; the rest stays due.

    `found` is what the agenda says: nobody looks for pauses that are over, or for slots, where it names none.
    """
    tally = Tally()
    record_late(desk, tally)
    if Chore.WAKE in found:
        _wake_paused(desk)
    began = desk.clock.boottime()
    with closing(Handover(desk)) as over:
        try:
            for number in range(batches):
                if desk.stops():
                    _bring_home(desk, over, tally, began)
                    break
                claimed = _claim(desk, over, tally, began, first=number == 0, paced=Chore.PACE in found)
                left = bool(claimed) and _batch(desk, decide.order(claimed), over, tally, began)
                # Who is claimed less than asked for has all: unless what was done leaves somebody due at once.
                if not (left or len(claimed) == desk.policy.batch or _bring_home(desk, over, tally, began)):
                    break
            else:
                _bring_home(desk, over, tally, began)
        except BaseException as problem:
            # What the provider said is kept: in the database, or in this process until there is one again.
            try:
                over.land()
                if not isinstance(problem, UnreachableError):
                    _bring_home(desk, over, tally, began)
            finally:
                desk.unrecorded.extend(over.landed)
                if isinstance(problem, UnreachableError):
                    desk.unrecorded.append(LEFT_LYING)
            raise
    if desk.stops():
        desk.unrecorded.append(LEFT_LYING)
        record_late(desk, tally)
    return tally


def _claim(desk: Desk, over: Handover, tally: Tally, began: float, *, first: bool, paced: bool) -> Sequence[Enrollment]:
    """Those that are worked on next. What has landed meanwhile is recorded before."""
    at = _moment(desk, began)
    told = _told(over.landed, at)
    with desk.store.unit() as work:
        if first:
            desk.pressure.begin(desk.policy, desk.now)
            if paced:
                waves.look(work, desk.pressure)
        work.touches.lock_for_limits(_leads(told), ())
        _finish(work, told, desk, tally, at=at)
        leased = _moment(desk, began) + desk.policy.lease
        claimed = work.enrollments.claim(desk.now, limit=desk.policy.batch, owner=desk.owner, lease_until=leased)
        work.commit()
    over.landed.clear()
    return claimed


def _bring_home(desk: Desk, over: Handover, tally: Tally, began: float) -> bool:
    """Wait for what is with the provider, and record it. Whether that leaves somebody due at once."""
    over.land()
    if not over.landed:
        return False
    at = _moment(desk, began)
    told = _told(over.landed, at)
    with desk.store.unit() as work:
        work.touches.lock_for_limits(_leads(told), ())
        _finish(work, told, desk, tally, at=at)
        work.commit()
    due = any(one.scene is not None and one.scene.leaves_due for one in over.landed)
    over.landed.clear()
    return due


def record_late(desk: Desk, tally: Tally | None = None) -> None:
    """Store what the provider answered while the database was away, before anybody takes those touches for lost."""
    while desk.unrecorded:
        late = desk.unrecorded[0]
        told = _told([late], desk.now)
        with desk.store.unit() as work:
            if late.scene is None:
                work.enrollments.release(desk.now, owner=desk.owner)
                work.commit()
                desk.unrecorded.pop(0)
                continue
            work.touches.lock_for_limits(_leads(told), ())
            _finish(work, told, desk, tally or Tally(), at=desk.now)
            for intended, verdict in late.results:
                if isinstance(verdict, Yes):  # also where another daemon has put it in doubt meanwhile
                    prove_sent(work, intended.touch.id, at=late.scene.now, now=desk.now)
            work.commit()
        desk.unrecorded.pop(0)


def _same_server(work: Unit, desk: Desk) -> None:
    """Raise UnreachableError where a standby took over since the pass began: the next one looks what it lacks."""
    if desk.server not in (None, work.control.lineage()):
        raise UnreachableError("Another server has the database.", hint="The next pass sees whether it lost anything.")


def _moment(desk: Desk, began: float) -> datetime:
    """The moment of the pass and the time that it has taken so far. Leases count from here: others' clocks go on."""
    return desk.now + timedelta(seconds=max(0.0, desk.clock.boottime() - began))


def _wake_paused(desk: Desk) -> None:
    """Enrollments whose dated pause is over go on."""
    while True:
        with desk.store.unit() as work:
            over = work.enrollments.paused_until(desk.now, desk.policy.batch)
            if not over:
                return
            resumed = [one.lapsed(desk.now) for one in over]
            work.enrollments.save([_awake(one, desk.now) for one in resumed], fenced=False)
            work.commit()
        if len(over) < desk.policy.batch:
            return


def _awake(one: Enrollment, now: datetime) -> Enrollment:
    """Due now, where nothing says when. One that stays paused without a date waits for a person or an event."""
    return replace(one, next_at=now) if one.state is enrollment.State.ACTIVE and one.next_at is None else one


def _batch(desk: Desk, batch: Sequence[Enrollment], over: Handover, tally: Tally, began: float) -> bool:
    """Decide a claimed batch, then hand over what goes out in groups. Whether it leaves somebody due at once."""
    tally.looked_at += len(batch)
    with desk.store.unit(write=False) as work:
        scene = load(work, {due.lead for due in batch}, rules=desk.rules, policy=desk.policy, now=desk.now)
        look_at_pressure(scene, desk.pressure, [due.id for due in batch], work)
    decisions: list[Decision] = []
    making = Making(scene, desk.renderer or Here(desk.links), desk.links, _sharing(batch, scene))
    for due in batch:
        deciding = partial(decide.decide, due, scene, new_id=desk.clock.new_id)
        decision = spared(due, scene.leads[due.lead], scene, deciding)
        if decision.go is not None:
            making.take(decision)
        if decision.go is None:
            _count(decision, tally)
        decisions.append(decision)
    settled = [one for one in decisions if one.go is None]
    hand_out(desk.store, decisions, desk.pressure)
    for going in making.groups(desk.policy.group):
        if desk.stops():
            break
        group = making.made(going)
        for decision, _ in going:
            _count(decision, tally)
        settled += [one for one, _ in going if one.go is None]  # what could not be made
        intended: Sequence[Intended] = ()
        try:
            texts = _laid_out(desk, group)
            at = _moment(desk, began)
            told = _told(over.landed, at)
            with desk.store.unit() as work:
                _same_server(work, desk)
                # Leads first and all at once, then what belongs to them: everybody in the same order.
                leads = {one.after.lead for one in settled} | {one.touch.lead for one in group} | _leads(told)
                companies = {one.touch.company for one in group if one.touch.company is not None}
                work.touches.lock_for_limits(leads, companies)
                if settled:
                    keep(work, settled, scene)
                _finish(work, told, desk, tally, at=at)
                # The boot time is read before the intent is committed: a freeze in between must count.
                started = desk.clock.boottime()
                deadline = started + desk.policy.mail_lease.total_seconds()
                is_trial = desk.breaker.is_open
                slots = desk.breaker.slots(len(group), started)
                _hold(work, group[slots:], scene, desk)
                leased = _moment(desk, began) + desk.policy.mail_lease
                if slots:
                    intended = intend(
                        group[:slots], work, scene, texts, mailer=desk.mailer.name, at=desk.now, lease_until=leased
                    )
                if intended and desk.high_water is not None:
                    mark = desk.high_water.rise(desk.now)
                    work.control.set_mark(f"{HIGH_WATER}{desk.owner}", str(mark), desk.now)
                work.commit()
            if intended and desk.high_water is not None:
                desk.high_water.keep(desk.now)  # after the commit, and before anything leaves
        except UnreachableError:
            # Whether the last commit went through is not known; that none of its intents was handed over is.
            over.landed.append(Unrecorded([(one, NOT_HANDED_OVER) for one in intended], scene))
            raise
        over.landed.clear()
        settled = []
        over.begin(intended, scene, deadline, is_trial=is_trial)
    return scene.leaves_due


def _laid_out(desk: Desk, group: Sequence[Outgoing]) -> Mapping[TouchId, LaidOut]:
    if not group:
        return {}
    with desk.store.unit(write=False) as work:
        return laid_out(group, work)


def _sharing(batch: Sequence[Enrollment], scene: Scene) -> set[LeadId]:
    """Who shares a limit with somebody of this batch: the lead's own, or its company's."""
    companies = {lead: person.company and person.company.id for lead, person in scene.leads.items()}
    people = Counter(due.lead for due in batch)
    colleagues = Counter(filter(None, companies.values()))
    return {lead for lead, company in companies.items() if people[lead] > 1 or (company and colleagues[company] > 1)}


def _hold(work: Unit, group: Sequence[Outgoing], scene: Scene, desk: Desk) -> None:
    """The breaker lets nothing more through for now: these are looked at again when it may."""
    for one in group:
        one.decision.after = replace(one.decision.after, next_at=desk.now + PROBE_EVERY)
        waiting = replace(one.touch, reason=Reason.BREAKER, because=SENTENCES[Reason.BREAKER])
        one.decision.put(one.touch, waiting)
    if group:
        keep(work, [one.decision for one in group], scene)


def _told(landed: Sequence[Unrecorded], at: datetime) -> list[_Told]:
    """What came of groups. `at` is the real moment: what is in doubt was certainly over by then."""
    return [(late.scene, judge(late.results, late.scene, at=at)) for late in landed if late.scene is not None]


def _leads(told: Sequence[_Told]) -> set[LeadId]:
    return {one.touch.lead for _, judged in told for one in judged}


def _finish(work: Unit, told: Sequence[_Told], desk: Desk, tally: Tally, *, at: datetime) -> None:
    """Record what came of groups."""
    for scene, judged in told:
        for one in record(judged, work, scene, mailer=desk.mailer.name, at=at) if judged else ():
            tally.sent += one.touch.state is State.SENT
            tally.in_doubt += one.touch.state is State.IN_DOUBT
            tally.failed += one.touch.state is State.FAILED
            tally.finished += one.decision.finished


def _count(decision: Decision, tally: Tally) -> None:
    made = decision.new + [now for _, now in decision.changed]
    tally.skipped += sum(one.state is State.SKIPPED for one in made)
    tally.failed += sum(one.state is State.FAILED for one in made)
    tally.tasks += sum(one.state is State.OPEN for one in made)
    tally.waiting += decision.go is None and not decision.finished
    tally.finished += decision.finished
