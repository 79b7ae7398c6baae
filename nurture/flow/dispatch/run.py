"""The passes of dispatch: claim a batch, decide, hand out, send in groups, record; until nothing is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final

from nurture.domain import enrollment
from nurture.domain.breaker import PROBE_EVERY, Breaker
from nurture.domain.chore import Chore
from nurture.domain.dataclass import dataclass
from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import UnreachableError
from nurture.domain.lead import LeadId
from nurture.domain.policy import Policy
from nurture.domain.touch import SENTENCES, Reason, State, TouchId
from nurture.domain.verdict import Again, Maybe, Verdict, Yes
from nurture.flow.dispatch import decide, waves
from nurture.flow.dispatch.checked import stop
from nurture.flow.dispatch.decide import Decision
from nurture.flow.dispatch.keep import keep
from nurture.flow.dispatch.make import Making, Outgoing
from nurture.flow.dispatch.send import Intended, intend, record
from nurture.flow.dispatch.slots import hand_out
from nurture.moves.pressure import Pressure
from nurture.moves.proof import prove_sent
from nurture.moves.rendering import Here
from nurture.moves.scene import Scene, load, look_at_pressure
from nurture.ports import Clock, InForce, Links, Mailer, Store, Unit
from nurture.ports.rules import Renderer
from nurture.ports.world import HighWater

HIGH_WATER: Final = "high_water:"  # the marks in the database, one for each daemon
NOT_HANDED_OVER: Final = Again("the database went away before it was handed over")


@dataclass(slots=True)
class Tally:
    """What a pass did."""

    looked_at: int = 0
    sent: int = 0
    in_doubt: int = 0
    failed: int = 0
    tasks: int = 0
    skipped: int = 0
    waiting: int = 0
    finished: int = 0


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Answers that the database was not there to take. They are known as long as this process lives."""

    results: Sequence[tuple[Intended, Verdict]]
    scene: Scene | None


LEFT_LYING: Final = Unrecorded((), None)  # what was claimed, and not worked on: it need not wait for its lease


@dataclass(frozen=True, slots=True)
class Desk:
    """What the arrow works with, the same for all batches of a pass."""

    store: Store
    mailer: Mailer
    rules: InForce
    links: Links
    policy: Policy
    clock: Clock
    owner: str
    now: datetime
    breaker: Breaker = field(default_factory=Breaker)
    pressure: Pressure = field(default_factory=Pressure)
    unrecorded: list[Unrecorded] = field(default_factory=list)  # the same list for all passes of a process
    high_water: HighWater | None = None
    renderer: Renderer | None = None  # None: in this process
    server: str | None = None  # that the pass began on: another one may not know what was sent
    stops: Callable[[], bool] = bool  # whether somebody asks us to end: then no group is begun any more


def run(desk: Desk, *, batches: int = 1_000, found: Collection[Chore] = tuple(Chore)) -> Tally:
    """Everything that is due at `desk.now`, at most `batches` batches; the rest stays due.

    `found` is what the agenda says: nobody looks for pauses that are over, or for slots, where it names none.
    """
    tally = Tally()
    record_late(desk, tally)
    if Chore.WAKE in found:
        _wake_paused(desk)
    began = desk.clock.boottime()
    for number in range(batches):
        if desk.stops():
            break
        with desk.store.unit() as work:
            if number == 0:
                desk.pressure.begin(desk.policy, desk.now)
                if Chore.PACE in found:
                    waves.look(work, desk.pressure)
            leased = _moment(desk, began) + desk.policy.lease
            claimed = work.enrollments.claim(desk.now, limit=desk.policy.batch, owner=desk.owner, lease_until=leased)
            work.commit()
        try:
            # Who is claimed less than asked for has all: unless the batch itself leaves somebody due at once.
            if not claimed or not (
                _batch(desk, decide.order(claimed), tally, began) or len(claimed) == desk.policy.batch
            ):
                break
        except UnreachableError:
            desk.unrecorded.append(LEFT_LYING)
            raise
    if desk.stops():
        desk.unrecorded.append(LEFT_LYING)
        record_late(desk, tally)
    return tally


def record_late(desk: Desk, tally: Tally | None = None) -> None:
    """Store what the provider answered while the database was away, before anybody takes those touches for lost."""
    while desk.unrecorded:
        late = desk.unrecorded[0]
        with desk.store.unit() as work:
            if late.scene is None:
                work.enrollments.release(desk.now, owner=desk.owner)
                work.commit()
                desk.unrecorded.pop(0)
                continue
            work.touches.lock_for_limits({one.touch.lead for one, _ in late.results}, ())
            _finish(work, late.results, late.scene, desk, tally or Tally(), at=desk.now)
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


def _batch(desk: Desk, batch: Sequence[Enrollment], tally: Tally, began: float) -> bool:
    """Decide a claimed batch, then send what goes out in groups. Whether it leaves somebody due at once."""
    tally.looked_at += len(batch)
    with desk.store.unit(write=False) as work:
        scene = load(work, {due.lead for due in batch}, rules=desk.rules, policy=desk.policy, now=desk.now)
        look_at_pressure(scene, desk.pressure, [due.id for due in batch], work)
    decisions: list[Decision] = []
    making = Making(scene, desk.renderer or Here(desk.links), desk.links, _sharing(batch, scene))
    for due in batch:
        decision = decide.decide(due, scene, new_id=desk.clock.new_id)
        if decision.go is not None:
            making.take(decision)
        if decision.go is None:
            _count(decision, tally)
        decisions.append(decision)
    settled = [one for one in decisions if one.go is None]
    hand_out(desk.store, decisions, desk.pressure)
    pending: list[tuple[Intended, Verdict]] = []
    intended: list[Intended] = []
    try:
        for going in making.groups(desk.policy.group):
            if desk.stops():
                break
            group = making.made(going)
            for decision, _ in going:
                _count(decision, tally)
            settled += [one for one, _ in going if one.go is None]  # what could not be made
            with desk.store.unit() as work:
                _same_server(work, desk)
                # Leads first and all at once, then what belongs to them: everybody in the same order.
                leads = {one.after.lead for one in settled} | {one.touch.lead for one in group}
                companies = {one.touch.company for one in group if one.touch.company is not None}
                work.touches.lock_for_limits(leads | {one.touch.lead for one, _ in pending}, companies)
                if settled:
                    keep(work, settled, scene)
                _finish(work, pending, scene, desk, tally, at=_moment(desk, began))
                # The boot time is read before the intent is committed: a freeze in between must count.
                started = desk.clock.boottime()
                deadline = started + desk.policy.mail_lease.total_seconds()
                slots = desk.breaker.slots(len(group), started)
                _hold(work, group[slots:], scene, desk)
                leased = _moment(desk, began) + desk.policy.mail_lease
                if slots:
                    intended = intend(
                        group[:slots], work, scene, mailer=desk.mailer.name, at=desk.now, lease_until=leased
                    )
                if intended and desk.high_water is not None:
                    mark = desk.high_water.rise(desk.now)
                    work.control.set_mark(f"{HIGH_WATER}{desk.owner}", str(mark), desk.now)
                work.commit()
            if intended and desk.high_water is not None:
                desk.high_water.keep(desk.now)  # after the commit, and before anything leaves
            handed, intended, pending, settled = intended, [], [], []
            pending = _send(desk, handed, deadline)
        if pending:
            with desk.store.unit() as work:
                work.touches.lock_for_limits({one.touch.lead for one, _ in pending}, ())
                _finish(work, pending, scene, desk, tally, at=_moment(desk, began))
                work.commit()
    except UnreachableError:
        # Whether the last commit went through is not known; that none of its intents was handed over is.
        late = [*pending, *((one, NOT_HANDED_OVER) for one in intended)]
        if late:
            desk.unrecorded.append(Unrecorded(late, scene))
        raise
    return scene.leaves_due


def _sharing(batch: Sequence[Enrollment], scene: Scene) -> set[LeadId]:
    """Who shares a limit with somebody of this batch: the lead's own, or its company's."""
    companies = {lead: person.company and person.company.id for lead, person in scene.leads.items()}
    people = Counter(due.lead for due in batch)
    colleagues = Counter(filter(None, companies.values()))
    return {lead for lead, company in companies.items() if people[lead] > 1 or (company and colleagues[company] > 1)}


def _send(desk: Desk, intended: Sequence[Intended], deadline: float) -> list[tuple[Intended, Verdict]]:
    """Hand a group to the provider, with no transaction open."""
    by_touch: dict[TouchId, Intended] = {one.touch.id: one for one in intended}
    results: list[tuple[Intended, Verdict]] = []
    most = desk.policy.group
    broken = [] if len(intended) <= most else [f"{len(intended)} intents for {most} slots"]
    if by_touch:
        messages = [one.outgoing.rendered.message for one in intended]
        for key, verdict in desk.mailer.send(messages, deadline=deadline):
            if key in by_touch:
                results.append((by_touch.pop(key), verdict))
            else:
                broken.append(f"a verdict on {key}, which was not handed over, or had its verdict")
    if broken:
        with desk.store.unit() as work:
            stop(work, broken, desk.now)
            work.commit()
    results += [(one, Maybe("the mailer gave no verdict")) for one in by_touch.values()]
    for _, verdict in results:
        desk.breaker.heard(verdict)
    return results


def _hold(work: Unit, group: Sequence[Outgoing], scene: Scene, desk: Desk) -> None:
    """The breaker lets nothing more through for now: these are looked at again when it may."""
    for one in group:
        one.decision.after = replace(one.decision.after, next_at=desk.now + PROBE_EVERY)
        waiting = replace(one.touch, reason=Reason.BREAKER, because=SENTENCES[Reason.BREAKER])
        one.decision.put(one.touch, waiting)
    if group:
        keep(work, [one.decision for one in group], scene)


def _finish(
    work: Unit,
    results: Sequence[tuple[Intended, Verdict]],
    scene: Scene,
    desk: Desk,
    tally: Tally,
    *,
    at: datetime,
) -> None:
    """Record the last group's results. `at` is the real moment: what is in doubt was certainly over by then."""
    if not results:
        return
    decisions = record(results, work, scene, mailer=desk.mailer.name, at=at)
    keep(work, decisions, scene)
    for intended, _ in results:
        state = next(
            (one.state for one in scene.touches[intended.touch.lead] if one.id == intended.touch.id), State.SENDING
        )
        tally.sent += state is State.SENT
        tally.in_doubt += state is State.IN_DOUBT
        tally.failed += state is State.FAILED
    for decision in decisions:
        tally.finished += decision.finished


def _count(decision: Decision, tally: Tally) -> None:
    made = decision.new + [now for _, now in decision.changed]
    tally.skipped += sum(one.state is State.SKIPPED for one in made)
    tally.failed += sum(one.state is State.FAILED for one in made)
    tally.tasks += sum(one.state is State.OPEN for one in made)
    tally.waiting += decision.go is None and not decision.finished
    tally.finished += decision.finished
