"""The numbers of a simulation, put into the order in which people ask for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from nurture.daemon.simulate.run import Simulation
from nurture.daemon.simulate.volume import monday
from nurture.domain import calendar
from nurture.domain.cadence import Stream
from nurture.domain.handoff import ON_DESK
from nurture.domain.handoff import State as Handoff
from nurture.domain.person import Role
from nurture.domain.touch import SENTENCES, Reason
from nurture.domain.walk import program_of

WEEK: Final = timedelta(days=7)
PROMOTED: Final = "promoted"
SKIPPED: Final = "left out: "


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is said. `held`: reason, touches, sentence; `left`: cadence, how, after which contact, leads.

    `channels`, `callers`, `sales` and `desk` are by week; `calls_possible` in a week, `room` for open leads at sales.
    """

    headline: str
    basis: str
    totals: Mapping[str, int]
    weeks: tuple[date, ...]
    days: tuple[date, ...]
    by_day: Mapping[str, Counter[date]]
    busiest: str
    channels: Mapping[str, Counter[date]]
    callers: Mapping[str, Counter[date]]
    calls_possible: int | None
    rooms: tuple[str, ...]
    sales: Mapping[str, Counter[date]]
    desk: Mapping[str, Counter[date]]
    room: int
    capacity: str
    held: tuple[tuple[str, int, str], ...]
    dry: tuple[str, ...]
    left: tuple[tuple[str, str, str, int], ...]


def of(done: Simulation) -> Findings:
    """The findings of a simulation, while its copy is there."""
    volume = done.volume
    first, last = volume.week(done.start), volume.week(done.end - timedelta(seconds=1))
    weeks = tuple(first + WEEK * number for number in range((last - first).days // 7 + 1))
    zone = calendar.zone(done.app.policy.timezone)
    start = calendar.local_day(done.start, zone)
    dates = tuple(start + timedelta(days=number) for number in range((last + WEEK - start).days))
    contacts = sum(sum(many.values()) for many in volume.channels.values())
    days = max(1, round((done.end - done.start) / timedelta(days=1)))
    headline = (
        f"{calendar.local_day(done.start, zone)} to {calendar.local_day(done.end, zone)}, {days} days, "
        f"seed {done.seed}: {_many(contacts, 'contact')}."
    )
    offered = sum(sum(many.values()) for many in volume.offered.values())
    totals = {
        "mails": volume.sent,
        "calls": sum(sum(many.values()) for many in volume.callers.values()),
        "tasks nobody did": sum(volume.expired.values()),
        "promoted": sum(volume.promoted.values()),
        "offered": offered,
        "accepted": sum(volume.accepted.values()),
    }
    return Findings(
        headline=headline,
        basis=_basis(done),
        totals=totals,
        weeks=weeks,
        days=tuple(day for day in dates if day <= calendar.local_day(done.end - timedelta(seconds=1), zone)),
        by_day=volume.channels,
        busiest=_busiest(volume.channels),
        channels={name: _weekly(many) for name, many in volume.channels.items()},
        callers={_name(done, email): many for email, many in volume.callers.items()},
        calls_possible=_calls_possible(done),
        rooms=_rooms(done),
        sales={PROMOTED: volume.promoted, **{_name(done, rep): many for rep, many in volume.offered.items()}},
        desk=_desk(done, weeks),
        room=_room(done),
        capacity=_capacity(done),
        held=_held(done),
        dry=_dry(done),
        left=tuple(
            (one.cadence, _how(one.state, one.reason), one.step, one.leads) for one in done.watched.left(done.start)
        ),
    )


def _name(done: Simulation, email: str) -> str:
    person = done.app.rules.in_force().workspace.person(email)
    return person.name if person is not None else email or "somebody"


def _basis(done: Simulation) -> str:
    seen = done.experience.sent
    calls = sum(sum(many.values()) for many in done.experience.outcomes.values())
    if not seen and not calls:
        return "How people answer is assumed: this workspace has no history yet. Treat responses as a rough guess."
    usual = " With so few, what is usual elsewhere weighs most." if seen < 1_000 else ""
    return f"How people answer is taken from {seen:,} mails and {calls:,} finished tasks of this workspace.{usual}"


def _busiest(by_day: Mapping[str, Counter[date]]) -> str:
    together: Counter[date] = Counter()
    for many in by_day.values():
        together.update(many)
    if not together:
        return "Nobody is contacted."
    day, most = max(together.items(), key=lambda item: (item[1], item[0]))
    return f"The busiest day is {day}, with {_many(most, 'contact')}; {_many(len(together), 'day')} in all have any."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _weekly(many: Counter[date]) -> Counter[date]:
    weeks: Counter[date] = Counter()
    for day, count in many.items():
        weeks[monday(day)] += count
    return weeks


def _calls_possible(done: Simulation) -> int | None:
    """Calls in a week of all callers; None where one of them has no limit."""
    callers = done.app.rules.in_force().workspace.with_role(Role.CALLER)
    each = [one.calls_per_day * len(one.hours.days) for one in callers if one.calls_per_day]
    return sum(each) if callers and len(each) == len(callers) else None


def _rooms(done: Simulation) -> tuple[str, ...]:
    """The fullest week of each caller, against what they can do."""
    lines = []
    for person in done.app.rules.in_force().workspace.with_role(Role.CALLER):
        weeks = done.volume.callers.get(person.email, Counter())
        most = max(weeks.items(), key=lambda item: (item[1], item[0]), default=None)
        room = person.calls_per_day * len(person.hours.days) if person.calls_per_day else None
        limit = f" of {room:,} possible" if room else ""
        lines.append(
            f"{person.name}: at most {most[1]:,}{limit} calls, in the week of {most[0]}."
            if most
            else f"{person.name}: no calls."
        )
    if done.people.too_many:
        lines.append(f"{done.people.too_many:,} tasks expired because nobody had the hours or the calls for them.")
    return tuple(lines)


def _room(done: Simulation) -> int:
    """How many open leads all reps together take."""
    workspace = done.app.rules.in_force().workspace
    each = workspace.readiness.capacity
    return sum(each if rep.capacity is None else rep.capacity for rep in workspace.with_role(Role.REP))


def _desk(done: Simulation, weeks: tuple[date, ...]) -> Mapping[str, Counter[date]]:
    """How many leads are open at sales and wait for them when a week is over; one without a move is as before."""
    found: dict[str, Counter[date]] = {"open at sales": Counter(), "waiting for room": Counter()}
    held = (0, 0)
    for week in weeks:
        held = done.volume.desk.get(week, held)
        for name, count in zip(found, held, strict=True):
            found[name][week] = count
    return found


def _capacity(done: Simulation) -> str:
    reps = done.app.rules.in_force().workspace.with_role(Role.REP)
    room = _room(done)
    waiting = done.watched.count("handoffs", [Handoff.QUEUED.value])
    desk = done.watched.count("handoffs", ON_DESK)
    wait = f"{waiting:,} wait in the queue" if waiting else "nobody waits in the queue"
    who = f"The {len(reps)} reps have" if len(reps) != 1 else f"{reps[0].name} has"
    return f"{who} room for {room:,} open leads at a time; at the end {desk:,} are open, and {wait}."


def _held(done: Simulation) -> tuple[tuple[str, int, str], ...]:
    put_off: Counter[str] = Counter()
    for (reason, _), count in done.volume.held.items():
        put_off[reason] += count
    out: Counter[str] = Counter()
    for (reason, _), count in done.volume.skipped.items():
        out[reason] += count
    rows = [(reason, count, SENTENCES[Reason(reason)]) for reason, count in put_off.items()]
    rows += [(SKIPPED + reason, count, SENTENCES[Reason(reason)]) for reason, count in out.items()]
    return tuple(sorted(rows, key=lambda row: (-row[1], row[0])))


def _dry(done: Simulation) -> tuple[str, ...]:
    lines = []
    for name, cadence in sorted(done.app.rules.in_force().workspace.cadences.items()):
        for op in program_of(cadence).ops:
            if not isinstance(op, Stream) or not op.items:
                continue
            leads, since = done.watched.dry(name, op.id, len(op.items))
            if leads and since is not None:
                lines.append(
                    f"{name}, {op.id} ({len(op.items)} items): {leads:,} leads have had all of them, "
                    f"the first on {since:%Y-%m-%d}."
                )
    return tuple(lines)


def _how(state: str, reason: str) -> str:
    words = {"done": "went through", "goal_met": "reached the goal", "stopped": "stopped", "failed": "failed"}[state]
    spoken = reason.replace("_", " ")
    return words if not spoken or spoken in words or state == "goal_met" else f"{words}: {spoken}"
