"""The limits that many leads share, as one pass sees them: queues with the slots handed out, and first waves.

Loaded once a pass, and only where such a limit is set or somebody waits: a touch that nothing holds back costs nothing
here. What is handed out is stored by the arrow that decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from nurture.domain.pacing import WEEK, Asking, Paths
from nurture.domain.policy import Policy
from nurture.domain.queue import PeopleQueue, Queue, RateQueue
from nurture.domain.rate import Ceiling
from nurture.domain.touch import Channel, Reason, Touch, TouchId
from nurture.ports.pacing import Counted, Slot

if TYPE_CHECKING:
    from nurture.domain.enrollment import Enrollment, EnrollmentId
    from nurture.domain.lead import CompanyId, LeadId
    from nurture.domain.wave import Wave
    from nurture.ports import Unit

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A queue by its name, what counts in it, and how much it lets through."""

    name: str
    reason: Reason
    counted: Counted
    ceilings: tuple[Ceiling, ...]

    @property
    def span(self) -> timedelta:
        """How far back it looks."""
        return max(ceiling.span for ceiling in self.ceilings)


def lines(policy: Policy, *, domain: str | None, sender: str | None) -> Iterator[Line]:
    """The queues of rates that a mail stands in: its domain's, that of all mail, its sender's."""
    if policy.limits.domain_per_hour is not None and domain:
        ceiling = Ceiling(policy.limits.domain_per_hour, HOUR)
        yield Line(f"domain {domain}", Reason.LIMIT_DOMAIN, Counted("domain", (domain,)), (ceiling,))
    if policy.mail_rate is not None and sender:
        every = Counted("sender", (*policy.senders, "owner"))
        yield Line("mail", Reason.LIMIT_SENDER, every, (policy.mail_rate,))
    known = policy.senders.get(sender or "")
    if known is not None and known.ceilings:
        name = f"sender {known.name} <{known.email.lower()}>"
        yield Line(name, Reason.LIMIT_SENDER, Counted("sender", (known.name,)), known.ceilings)


def lines_of(touch: Touch, policy: Policy) -> Iterator[Line]:
    """The queues of rates that a touch stands in."""
    if touch.channel is Channel.EMAIL:
        yield from lines(policy, domain=touch.domain, sender=touch.sender)


@dataclass(slots=True)
class Waiting:
    """A touch that is put off, what it asked for, and the slot that it was given."""

    slot: Slot
    asking: Asking
    queues: tuple[str, ...]


@dataclass(slots=True)
class Pressure:
    """What a pass knows of shared limits. `waiting` are the slots that are to be stored."""

    policy: Policy = field(default_factory=Policy)
    now: datetime | None = None
    waves: dict[str, Wave] = field(default_factory=dict)
    first_out: dict[str, set[TouchId]] = field(default_factory=dict)
    anything_held: bool = False
    stale: bool = False  # somebody else used what we thought was free
    rates: dict[str, RateQueue] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    people: dict[CompanyId, PeopleQueue] = field(default_factory=dict)
    slots: dict[TouchId, Slot] = field(default_factory=dict)
    paths: Paths = field(default_factory=Paths)
    waiting: dict[TouchId, Waiting] = field(default_factory=dict)
    quiet: dict[CompanyId, list[Waiting]] = field(default_factory=dict)
    left: set[TouchId] = field(default_factory=set)
    counted: set[TouchId] = field(default_factory=set)
    caught_up: set[LeadId] = field(default_factory=set)  # who was made up for what was missed, in this pass
    beside: dict[LeadId, list[Enrollment]] = field(default_factory=dict)  # of the batch's leads, besides the batch

    def begin(self, policy: Policy, now: datetime) -> None:
        """A new pass, in which nobody waits for a slot or a first wave."""
        self.policy, self.now = policy, now

    def read(self, work: Unit) -> None:
        """Who waits after all."""
        self.waves = work.pacing.waves()
        self.first_out = {name: set(wave.mails) for name, wave in self.waves.items()}
        self.anything_held = work.pacing.is_anything_held()

    # Before a batch is decided

    def look(
        self,
        work: Unit,
        *,
        batch: Collection[EnrollmentId],
        leads: Collection[LeadId],
        domains: Collection[str],
        company_last: dict[CompanyId, dict[LeadId, datetime]],
        companies: Collection[CompanyId],
        one_place: bool,
    ) -> None:
        """Load what the decisions about these leads need besides."""
        assert self.now is not None
        if self.stale:
            self.rates.clear()
            self.paths.known.clear()
            self.stale = False
        self.slots = work.pacing.slots_of(leads) if self.anything_held else {}
        self.beside = {}
        if not one_place:
            for lead, every in work.enrollments.open_of(leads).items():
                self.beside[lead] = [one for one in every if one.id not in batch]
        most = self.policy.limits.company_per_7_days
        if most is not None:
            self._look_at_companies(work, most, companies, company_last)
        for line in self._possible(domains):
            if line.name not in self.rates:
                self._load(work, line)

    def _look_at_companies(
        self,
        work: Unit,
        most: int,
        companies: Collection[CompanyId],
        last: dict[CompanyId, dict[LeadId, datetime]],
    ) -> None:
        new = [company for company in companies if company not in self.people]
        given = work.pacing.slots_in(new) if self.anything_held else {}
        for company in companies:
            queue = self.people.get(company)
            if queue is None:
                assert self.now is not None
                queue = PeopleQueue(Reason.LIMIT_COMPANY, most, WEEK, self.now, {})
                self.people[company] = queue
                for slot in given.get(company, ()):
                    if slot.at > self.now:
                        queue.take(slot.at, slot.lead)
                queue.expect(slot.lead for slot in given.get(company, ()) if slot.at <= self.now)
            queue.last = last.setdefault(company, {})

    def _possible(self, domains: Collection[str]) -> Iterator[Line]:
        """Every queue of a rate in which a mail of these leads may stand."""
        if self.policy.limits.domain_per_hour is not None:
            for domain in domains:
                yield from lines(self.policy, domain=domain, sender=None)
        for sender in (*self.policy.senders, "owner"):
            yield from lines(self.policy, domain=None, sender=sender)

    def _load(self, work: Unit, line: Line) -> None:
        assert self.now is not None
        stand = work.pacing.stand([line.name]).get(line.name)
        self.fences[line.name] = stand.fence if stand is not None else 0
        queue = RateQueue(line.reason, line.ceilings, self.now, stand.began if stand is not None else None)
        self.fill(work, line, queue)
        self.rates[line.name], self.lines[line.name] = queue, line

    def fill(self, work: Unit, line: Line, queue: RateQueue) -> None:
        """What is used and handed out in a queue, as it is stored now."""
        assert self.now is not None
        held = work.pacing.slots_for(line.counted) if self.anything_held else []
        used = work.pacing.used(line.counted, self.now - line.span)
        queue.fill([*used, *((at, many) for at, many in held if at > self.now)])
        queue.expect(sum(many for at, many in held if at <= self.now))

    # While it is decided

    def arrived(self, touch: TouchId | None) -> bool:
        """A touch is looked at. True if it has come at a slot that it was given, which is given back."""
        slot = self.slots.pop(touch, None) if touch is not None else None
        if slot is None or self.now is None:
            return False
        self.left.add(slot.touch)
        in_turn = slot.at <= self.now
        queue = self.people.get(slot.company) if slot.company is not None else None
        if queue is not None:
            if in_turn:
                queue.arrived(slot.lead)
            else:
                queue.give_back(slot.at, slot.lead)
        for rate in self._rates_of(slot):
            if in_turn:
                rate.arrived()
            else:
                rate.give_back(slot.at)
        return in_turn

    def _rates_of(self, slot: Slot) -> Iterator[RateQueue]:
        for line in lines(self.policy, domain=slot.domain, sender=slot.sender):
            if line.name in self.rates:
                yield self.rates[line.name]

    def queues(self, touch: Touch) -> tuple[Queue, ...]:
        """The queues that a touch stands in, in the order in which they are locked."""
        company = self.people.get(touch.company) if touch.company is not None else None
        rates = [self.rates[line.name] for line in lines_of(touch, self.policy) if line.name in self.rates]
        return (company, *rates) if company is not None else tuple(rates)

    def put_off(self, touch: Touch, until: datetime, asking: Asking) -> None:
        """A touch is given a slot in every queue that it stands in."""
        company = touch.company if touch.company in self.people else None
        names = tuple(line.name for line in lines_of(touch, self.policy) if line.name in self.rates)
        mail = touch.channel is Channel.EMAIL
        slot = Slot(
            touch.id, touch.lead, until, company, touch.domain if mail else None, touch.sender if mail else None
        )
        waiting = Waiting(slot, asking, names)
        for name in names:
            self.rates[name].take(until)
        if company is not None:
            self.people[company].take(until, touch.lead)
        if names:
            self.waiting[touch.id] = waiting
        elif company is not None:
            # A company of few people needs no queue: it has one when more of them wait than may be contacted.
            queue = self.people[company]
            self.quiet.setdefault(company, []).append(waiting)
            if len(queue.given) + len(queue.last) > queue.most:
                self.waiting |= {one.slot.touch: one for one in self.quiet.pop(company)}

    def count(self, touch: Touch) -> None:
        """A touch goes: it uses up what it stands in. One that is counted already is not counted again."""
        if touch.id in self.counted or touch.counted_at is None or touch.channel is not Channel.EMAIL:
            return
        if self.rates or self.waves:
            self.counted.add(touch.id)
            for line in lines_of(touch, self.policy):
                if line.name in self.rates:
                    self.rates[line.name].take(touch.counted_at)
            if touch.template in self.first_out:
                self.first_out[touch.template].add(touch.id)

    def after_first_wave(self, touch: Touch, wave: Wave) -> datetime:
        """The first moment at which a mail of this e-mail may go: now, for those of the first wave."""
        assert self.now is not None
        first = self.first_out[wave.template]
        if touch.id in first or len(first) < self.policy.first_wave:
            return self.now
        return wave.watch_until or self.now + self.policy.first_wave_watch
