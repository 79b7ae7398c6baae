"""Everybody outside the program, and its callers and reps: what each will do is queued, and done as it would come in.

What happens is the model's; when it fits is decided here: working hours, absences, and calls per day.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from nurture.daemon import grid
from nurture.daemon.simulate.acts import MAILED, REPORTED, Act, come_in, perform
from nurture.daemon.simulate.responses import Answer, Ending, Model
from nurture.domain import calendar
from nurture.domain.duration import Duration, Unit
from nurture.domain.errors import RefusedError
from nurture.domain.handoff import ON_DESK
from nurture.domain.handoff import State as Handoff
from nurture.domain.person import Person, Role
from nurture.domain.touch import BY_PEOPLE, BY_PHONE, Channel, State, Touch
from nurture.flow import respond
from nurture.ports.simulation import News
from nurture.wiring import App


class People:
    """What everybody will do, and the doing of it."""

    def __init__(self, app: App, model: Model, *, heard: Callable[[Act], None] = lambda act: None) -> None:
        self._app = app
        self._model = model
        self._tick = app.policy.tick
        self._queue: list[Act] = []
        self._heard = heard
        self._calls: dict[str, Counter[date]] = {}
        self._seen: set[tuple[str, str]] = set()
        self._kept: list[Act] = []  # came in, and waits for the next pass
        self.too_many = 0  # tasks for which nobody had room before they expired
        self.too_late = 0  # answers to what was over

    @property
    def next_at(self) -> datetime | None:
        """When somebody next does something."""
        return self._queue[0].at if self._queue else None

    @property
    def has_kept(self) -> bool:
        """Whether something came in that the next pass works on."""
        return bool(self._kept)

    def act(self) -> int:
        """Let the next thing happen, at its own moment; how many leads were promoted by it."""
        act = heapq.heappop(self._queue)
        self._heard(act)
        if act.what in MAILED | REPORTED:
            self._kept.append(act)
            return 0
        try:
            return perform(self._app, act)
        except RefusedError:
            self.too_late += 1  # the task was taken away, the offer went to another
            return 0

    def come_in(self, now: datetime) -> None:
        """What a pass does before all else: each mail by itself, then what the provider reported."""
        kept, self._kept = self._kept, []
        for act in kept:
            if act.what in MAILED:
                come_in(self._app, [act], now)
        reported = [act for act in kept if act.what in REPORTED]
        if reported:
            come_in(self._app, reported, now)

    def expect(self, news: Sequence[News], now: datetime) -> tuple[dict[str, Touch], dict[str, Mapping[str, Any]]]:
        """Queue what follows from what moved; the touches and handoffs that the news are about."""
        touched = [one.id for one in news if one.what == "touch"]
        moved = [one.id for one in news if one.what == "handoff"]
        with self._app.store.unit(write=False) as work:
            touches = work.touches.get(set(touched)) if touched else {}
            rows: dict[str, Mapping[str, Any]] = {
                one: row for one in dict.fromkeys(moved) if (row := work.sales.handoff(int(one))) is not None
            }
        for one in sorted(touches.values(), key=_place):
            if one.state is State.SENT and one.channel is Channel.EMAIL:
                if one.sent_at == now:
                    self._mailed(one, now)
            elif one.state is State.OPEN:
                self._task(one, now)
        for number in sorted(rows, key=int):
            self._handoff(rows[number], now)
        return touches, rows

    def begin(self, now: datetime) -> None:
        """What waits for a person when the simulation begins: open tasks, offers, sales under way."""
        with self._app.store.unit(write=False) as work:
            opened = work.touches.open_tasks()
            rows = work.sales.handoffs(states=ON_DESK)
        for one in sorted(opened, key=_place):
            self._task(one, now)
        for row in rows:
            self._handoff(row, now)

    def _plan(self, act: Act) -> None:
        heapq.heappush(self._queue, act)

    def _mailed(self, one: Touch, now: datetime) -> None:
        for answer in self._model.after_mail(one, now):
            self._plan(_of(one, answer))

    # Callers ---------------------------------------------------------------------------------------------------

    def _task(self, one: Touch, now: datetime) -> None:
        """Whoever gets to it first does it, unless it expires before."""
        if one.channel not in BY_PEOPLE and one.cadence:
            return
        start = now if one.step == respond.REPLY_STEP else max(now, one.due_at)
        found = min(
            (self._slot(person, one, start) for person in self._who(one)), default=None, key=lambda slot: slot[0]
        )
        if found is None:
            return
        at, person = found
        ending = self._model.after_task(one, at)
        if ending is None:
            return
        if one.expires_at is not None and at >= one.expires_at:
            self.too_many += 1
            return
        if one.channel in BY_PHONE:
            self._calls.setdefault(person.email, Counter())[self._day(person, at)] += 1
        self._plan(_ended(one, at, ending, person.email))

    def _who(self, one: Touch) -> list[Person]:
        people = self._app.rules.in_force().workspace
        named = people.person(one.assigned) if one.assigned else None
        if named is not None:
            return [named]
        role = Role(one.assigned) if one.assigned in set(Role) else Role.CALLER
        return list(people.with_role(role) or people.with_role(Role.CALLER) or people.with_role(Role.REP))

    def _slot(self, person: Person, one: Touch, start: datetime) -> tuple[datetime, Person]:
        """When this person would do it: after some hours of work, on a day on which calls are left."""
        at = self._worked(person, start, self._model.work_hours(one))
        calls = self._calls.setdefault(person.email, Counter())
        while person.calls_per_day and one.channel in BY_PHONE and calls[self._day(person, at)] >= person.calls_per_day:
            tomorrow = calendar.day_bounds(self._day(person, at), calendar.zone(self._zone(person)))[1]
            at = self._worked(person, tomorrow, self._model.work_hours(one) / 2)
        return at, person

    def _worked(self, person: Person, start: datetime, hours: float) -> datetime:
        policy = self._app.policy
        working = person.working_hours(zone=policy.timezone, country=policy.country or None)
        span = Duration(max(1, round(hours * 60)), Unit.MINUTES)
        return grid.between(calendar.business_hours_later(start, span, working), self._tick)

    def _zone(self, person: Person) -> str:
        return person.timezone or self._app.policy.timezone

    def _day(self, person: Person, at: datetime) -> date:
        return calendar.local_day(at, calendar.zone(self._zone(person)))

    # Sales -----------------------------------------------------------------------------------------------------

    def _handoff(self, row: Mapping[str, Any], now: datetime) -> None:
        """A rep answers an offer, then calls, and says much later how it ended."""
        key = (str(row["id"]), str(row["state"]))
        rep = self._app.rules.in_force().workspace.person(str(row["rep"]))
        if rep is None or key in self._seen or row["state"] not in ON_DESK:
            return
        self._seen.add(key)
        with self._app.store.unit(write=False) as work:
            turn = sum(one["rep"] == row["rep"] for one in work.sales.handoffs(lead=row["lead_id"]))

        def mark(what: str) -> float:
            return self._model.offer(int(row["lead_id"]), rep.email, turn, what)

        def planned(at: datetime, what: str, **detail: Any) -> None:
            self._plan(Act(at, int(row["lead_id"]), "", "handoff", turn, what, rep.email, str(row["id"]), detail))

        if row["state"] == Handoff.OFFERED.value:
            says = self._model.answer_to(mark("says"))
            at = self._worked(rep, now, 0.5 + 6.5 * mark("answers"))
            if says == "accepted":
                planned(at, "accept")
            elif says != "expired":
                planned(at, "reject", reason=says)
            return
        contacted = self._worked(rep, now, 1 + 11 * mark("contacts"))
        if row["contacted_at"] is None:
            planned(contacted, "contacted")
        ends = self._model.end_of(mark("ends"))
        at = self._worked(rep, contacted + timedelta(days=20 + 120 * mark("decides")), 0.1)
        planned(at, "won" if ends == "won" else "lost", reason=ends if ends != "won" else "")


def _place(one: Touch) -> tuple[int, str, str, int, datetime]:
    return one.lead, one.cadence, one.step, one.occurrence, one.created_at


def _of(one: Touch, answer: Answer) -> Act:
    place = (one.lead, one.cadence, one.step, one.occurrence)
    return Act(answer.at, *place, answer.kind.value, "lead", one.id, answer.detail)


def _ended(one: Touch, at: datetime, ending: Ending, by: str) -> Act:
    detail: dict[str, Any] = {"outcome": ending.outcome.value}
    if ending.until is not None:
        detail["until"] = ending.until.isoformat()
    if ending.facts:
        detail["facts"] = dict(ending.facts)
    return Act(at, one.lead, one.cadence, one.step, one.occurrence, "task", by, one.id, detail)
