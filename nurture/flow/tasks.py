"""The queue of a person's work: who gets which task next, and what an outcome does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import touch as touches
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError
from nurture.domain.fact import FactName
from nurture.domain.response import CallOutcome, Kind
from nurture.domain.touch import BY_PHONE, Channel, Event, State, Touch
from nurture.moves import promises, told
from nurture.moves.again import again
from nurture.moves.queue import best_first, in_batches, in_hours, waiting_for
from nurture.moves.scene import Scene, load

if TYPE_CHECKING:
    from nurture.domain.lead import Lead
    from nurture.domain.person import Person
    from nurture.domain.policy import Policy
    from nurture.domain.timeline import Entry
    from nurture.moves.responding import Recorded
    from nurture.ports import InForce, Store, Unit

DATED: Final = frozenset({CallOutcome.CALLBACK, CallOutcome.MEETING_BOOKED})


@dataclass(frozen=True, slots=True)
class Item:
    """An open task with its lead. For who does it: the history, and the facts that are still to be asked for."""

    touch: Touch
    lead: Lead
    history: tuple[Entry, ...] = ()
    questions: tuple[str, ...] = ()


def listed(
    *,
    store: Store,
    rules: InForce,
    now: datetime,
    assigned: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[Item]:
    """Open tasks, by when they were due: at most `limit`, behind the one whose id is `after`; without the history."""
    with store.unit(write=False) as work:
        found = work.touches.tasks_page(assigned=assigned, after=after, limit=limit)
        people = work.leads.get({one.lead for one in found})
        asked = told.open_questions(work, found, people, readiness=rules.workspace.readiness, now=now)
    return [Item(one, people[one.lead], questions=asked.get(one.id, ())) for one in found]


@again
def next_for(
    who: str, *, store: Store, rules: InForce, policy: Policy, now: datetime, dry_run: bool = False
) -> Item | None:
    """The task that this person does now, and nobody else gets: what they hold already, else the best that is open.

    Theirs or their role's, in the lead's open hours, and within their calls of the day; of a lead whom nobody else is
    busy with. Promises and hand-raisers go first, then other answers, then the larger priority of the cadence; then the
    better score, then the longer due. Raises UnknownNameError for a person who is not known.
    """
    person = known(who, rules)
    with store.unit(write=False) as work:
        held = work.touches.taken_by(person.email)
        if held is not None:
            return _told(work, held, work.leads.get([held.lead])[held.lead], rules, now)
        by_priority = waiting_for(work, person, rules=rules, policy=policy, now=now)
    for tasks in by_priority.values():
        for batch in in_batches(best_first(store, tasks, rules=rules, now=now)):
            # Whatever takes time was done before: who writes holds up all others.
            with store.unit(write=False) as work:
                scene = load(work, {one.lead for one in batch}, rules=rules, policy=policy, now=now)
            for one in batch:
                if one.channel in BY_PHONE and may_not_be_called(scene.leads[one.lead], scene):
                    continue
                with store.unit() as work:
                    item = _take(work, one.id, person, rules=rules, policy=policy, now=now)
                    if item is not None:
                        if not dry_run:
                            work.commit()
                        return item
    return None


def _take(work: Unit, task: str, person: Person, *, rules: InForce, policy: Policy, now: datetime) -> Item | None:
    """A task for this person, unless something changed since it was looked at; what they hold already, instead."""
    held = work.touches.taken_by(person.email)
    if held is not None:
        return _told(work, held, work.leads.get([held.lead])[held.lead], rules, now)
    one = work.touches.get([task]).get(task)
    if one is None or one.state is not State.OPEN:
        return None
    work.touches.lock_for_limits([one.lead], ())
    scene = load(work, [one.lead], rules=rules, policy=policy, now=now)
    lead = scene.leads[one.lead]
    if one.channel in BY_PHONE and not may_call(one, lead, scene):
        return None
    if any(other.claimed_by and other.state is State.OPEN for other in scene.touches.get(lead.id, ())):
        return None
    # The attempt makes the claim a compare-and-set: of two callers, one finds it changed.
    taken = replace(one, claimed_by=person.email, attempt=one.attempt + 1)
    if not work.touches.save([taken], was={one.id: (one.attempt, one.state)}):
        return None
    return _told(work, taken, lead, rules, now)


def _told(work: Unit, one: Touch, lead: Lead, rules: InForce, now: datetime) -> Item:
    asked = told.open_questions(work, [one], {lead.id: lead}, readiness=rules.workspace.readiness, now=now)
    return Item(one, lead, told.history(work, lead.id), asked.get(one.id, ()))


def known(who: str, rules: InForce) -> Person:
    """The person of this name or address. Raises UnknownNameError."""
    person = rules.workspace.person(who)
    if person is None:
        names = [one.name for one in rules.workspace.people.values()]
        otherwise = "Say who you are: --as PERSON, with a name or address of people.yaml."
        raise UnknownNameError("person", who, names, otherwise=otherwise)
    return person


def may_call(one: Touch, lead: Lead, scene: Scene) -> bool:
    """Whether the lead may be called now: nobody said no, and its hours are open, or it is the moment agreed."""
    return not may_not_be_called(lead, scene) and in_hours(one, scene.zone_of(lead), scene.rules, scene.now)


def may_not_be_called(lead: Lead, scene: Scene) -> bool:
    """Whether somebody said no, or there is no number."""
    if lead.do_not_call or not lead.phone or scene.no_calls(lead):
        return True
    return bool(scene.scopes_of(lead) & {"all", "phone"})


@again
def release(task: str, *, store: Store, rules: InForce, now: datetime, dry_run: bool = False) -> Item:
    """Give a task back to the queue. Raises UnknownNameError, or RefusedError where it is not open."""
    with store.unit() as work:
        one = _task(work, task)
        if one.state is not State.OPEN:
            raise RefusedError(f"The task is {one.state}, not open.", hint="See: nurture task list")
        after = replace(one, claimed_by=None, attempt=one.attempt + 1)
        item = _told(work, after, work.leads.get([one.lead])[one.lead], rules, now)
        if one.claimed_by is not None:
            work.touches.save([after], was={one.id: (one.attempt, one.state)})
            if not dry_run:
                work.commit()
    return item


@again
def done(
    task: str,
    outcome: CallOutcome,
    *,
    until: date | None = None,
    note: str = "",
    facts: Mapping[str, str] | None = None,
    store: Store,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    dry_run: bool = False,
) -> Recorded:
    """A task was done, with this outcome: a response, and all that follows from it, in one transaction.

    Who reports it did it, and their calls of the day count it, also where another had taken it: the note says so. The
    same outcome reported again by the same person changes nothing; any report on what another has done is refused.

    `until`: the day or moment that was agreed, for `callback` and `meeting_booked`. Raises RequestError for an outcome
    that lacks what it needs, a moment that has passed or a fact that is none, RefusedError for a task that is over.
    """
    from nurture.moves.responding import Recorded, Report, record_in  # far more than a list needs

    if outcome is CallOutcome.CALLBACK and until is None:
        raise RequestError("A callback needs its moment.", hint="Add: --at 2027-01-15T10:00")
    if until is not None and outcome not in DATED:
        raise RequestError(f"{outcome.replace('_', ' ')} has no moment.", hint="Leave --at out; a note says the rest.")
    unknown = [name for name in facts or {} if name not in set(FactName)]
    if unknown:
        listed_ = ", ".join(one.value for one in FactName)
        raise RequestError(f"{unknown[0]!r} is not a fact.", hint=f"Facts: {listed_}.")
    with store.unit() as work:
        one = _task(work, task)
        person = rules.workspace.person(by)
        # Who did it is who says so, where we know them; anybody else writes it down for who has it.
        doer = person.email if person is not None else one.claimed_by or by
        if one.state is State.DONE and one.outcome == outcome.value and one.claimed_by in (doer, None):
            return Recorded(Report(Kind.CALL, one.sent_at or now, one.lead, one.id), None, one.lead, "done before")
        if one.state in (State.DONE, State.CANCELED):
            ended = f" ({one.outcome.replace('_', ' ')}, by {one.claimed_by or 'nobody'})" if one.outcome else ""
            raise RefusedError(f"The task is {one.state} already{ended}.", hint=f"See: nurture touch show {one.id}")
        touches.moved(one.state, Event.DO)
        if one.claimed_by != doer:
            work.touches.save([replace(one, claimed_by=doer)], was={one.id: (one.attempt, one.state)})
        detail: dict[str, Any] = {"outcome": outcome.value, "text": note, "facts": dict(facts or {})}
        if until is not None:
            scene = load(work, [one.lead], rules=rules, policy=policy, now=now)
            zone = scene.zone_of(scene.leads[one.lead])
            promises.refuse_past(until, now, zone)
            detail["until"] = (until.astimezone(zone) if isinstance(until, datetime) else until).isoformat()
        kept = {name: value for name, value in detail.items() if value}
        report = Report(Kind.CALL, now, one.lead, one.id, detail=kept, key=f"{one.id}|done")
        (recorded,) = record_in(work, [report], rules=rules, policy=policy, new_id=new_id, now=now, by=by)
        if not dry_run:
            work.commit()
    if one.claimed_by not in (doer, None):
        return replace(recorded, note=f"{one.claimed_by} had this task; it counts as done by {doer}")
    return recorded


def _task(work: Unit, task: str) -> Touch:
    one = work.touches.get([task]).get(task)
    if one is None or (one.channel in (Channel.EMAIL, Channel.WEBHOOK) and one.script is None):
        raise UnknownNameError("task", task, (), otherwise="Run: nurture task list")
    return one
