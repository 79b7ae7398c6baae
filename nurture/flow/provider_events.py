"""The mail provider's events -> responses: delivered, opened, clicked, bounced, complained, unsubscribed.

Deliveries come twice, late and in any order, and with events of other applications among them. Each event is stored
under its natural key; opens and clicks are judged together with what else is known of their mail, a minute after they
came, so that a burst that arrives in pieces is seen as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from nurture.domain.errors import NurtureError, RequestError, UnreachableError
from nurture.domain.machines import Hit
from nurture.domain.policy import Policy
from nurture.domain.response import Bounce, Grade, Kind
from nurture.domain.touch import CONTACTED, Channel, State, Touch, TouchId
from nurture.moves.again import again
from nurture.moves.followed import Followed
from nurture.moves.grading import delivered, hit_of, is_trap, judged, seen
from nurture.moves.listening import EVENTS, heard_of
from nurture.moves.proof import prove_sent
from nurture.moves.responding import Recorded, Report, record_in
from nurture.moves.waiting_hits import WaitingHits
from nurture.ports import InForce, Store, Unit
from nurture.ports.incoming import EventReader, ProviderEvent
from nurture.ports.store import Change, Switch
from nurture.ports.world import DELIVERY, PREVIEW

ACCEPTED: Final = "accepted"  # the mark of the last time a person took the database as it is
RESTORED: Final = "restored"  # the switch that stops everything until a person has accepted the database
SETTLE: Final = timedelta(seconds=60)
# One transaction works on so many events, or on the one delivery that has more, so that nobody waits for it for long;
# a pass makes so many of them, then others have their turn.
AT_ONCE: Final = 2_000
TRANSACTIONS: Final = 20
MOST_BYTES: Final = 4_000_000  # of the bodies that are read for it: twice what so many events have
# What is wrong with one delivery, and with no other. What the database says is not among it: it may pass.
UNWORKABLE: Final = (ValueError, TypeError, LookupError, ArithmeticError, NurtureError)
ASYNCHRONOUS: Final = timedelta(days=10)  # how long after a mail a bounce without its ids is still taken for its own
ENGAGED: Final = {"open": Kind.OPEN, "click": Kind.CLICK}
WISHES: Final = {"spamreport": Kind.COMPLAINT, "unsubscribe": Kind.UNSUBSCRIBE, "group_unsubscribe": Kind.UNSUBSCRIBE}
TAKEN: Final = "processed"  # the event with which it takes a mail
# The provider has the mail, whatever became of it afterwards.
PROVES: Final = frozenset({TAKEN, "deferred", "delivered", "dropped", "bounce", *ENGAGED, *WISHES})
DROPPED: Final = {
    "bounced address": (Kind.BOUNCE, Bounce.HARD),
    "invalid": (Kind.BOUNCE, Bounce.HARD),
    "unsubscribed address": (Kind.UNSUBSCRIBE, None),
    "spam reporting address": (Kind.COMPLAINT, None),
}
CLASSES: Final = {
    "invalid address": Bounce.HARD,
    "content": Bounce.POLICY,
    "reputation": Bounce.POLICY,
    "frequency or volume too high": Bounce.POLICY,
}


@dataclass(frozen=True, slots=True)
class Tally:
    """What a pass did: events recorded, repeated, left for the next pass, and left out with the reason."""

    recorded: tuple[Recorded, ...] = ()
    repeated: int = 0
    waiting: int = 0
    ignored: tuple[str, ...] = ()

    def and_(self, other: Tally) -> Tally:
        """Both together."""
        recorded, ignored = self.recorded + other.recorded, self.ignored + other.ignored
        return Tally(recorded, self.repeated + other.repeated, self.waiting + other.waiting, ignored)


@dataclass(frozen=True, slots=True)
class _Known:
    """An event with the touch that it is about."""

    event: ProviderEvent
    touch: Touch
    at: datetime


@again
def take_batch(body: bytes, *, store: Store, now: datetime) -> bool:
    """Store a delivery as it came, durably, before anything is read in it. False for one that is there already."""
    with store.unit() as work:
        is_new = work.responses.keep_raw(EVENTS, sha256(body).hexdigest(), body, now)
        work.commit()
    return is_new


def process(
    store: Store,
    *,
    read: EventReader,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str = "sendgrid",
    limit: int = 500,
    at_once: int = AT_ONCE,
    settle: timedelta = SETTLE,
    waiting: WaitingHits | None = None,
) -> Tally:
    """Work on deliveries that are stored and not yet processed, as they came, `at_once` events in one transaction.

    Opens and clicks of deliveries younger than `settle` wait; everything else is recorded at once. A body that
    cannot be read or worked on is marked with the problem and kept: it must not hold up the others. `waiting`, the same
    for all passes of a process, spares it to read again what waits.
    """
    waiting = waiting if waiting is not None else WaitingHits()
    waiting.let_go(now - settle)
    room = _Room(store, read, rules, policy, new_id, now, by, settle, at_once, waiting)
    done, after = Tally(), 0
    for _ in range(TRANSACTIONS):
        try:
            one, last = _process(room, limit, after=after)
        except UnreachableError:
            raise
        except UNWORKABLE:
            one, last = _one_by_one(room, limit, after=after)
        done = done.and_(one)
        if last is None:
            break
        after = last
    return done


@dataclass(frozen=True, slots=True)
class _Room:
    """What the arrow works with."""

    store: Store
    read: EventReader
    rules: InForce
    policy: Policy
    new_id: Callable[[], str]
    now: datetime
    by: str
    settle: timedelta
    at_once: int
    waiting: WaitingHits

    def unread(self, work: Unit, limit: int, after: int) -> list[tuple[int, str, bytes, datetime]]:
        """The deliveries that are next: those that are new to this process, and those that have waited long enough."""
        known = self.waiting.deliveries
        return work.responses.raw_new(limit, (EVENTS,), after=after, without=known, most_bytes=MOST_BYTES)


def _one_by_one(room: _Room, limit: int, *, after: int) -> tuple[Tally, int | None]:
    """Each delivery in a transaction of its own; what cannot be worked on is set aside."""
    done = Tally()
    with room.store.unit(write=False) as work:
        rows = [row for row, *_ in room.unread(work, limit, after)]
    for row in rows:
        try:
            one, _ = _process(room, 1, after=row - 1, only=row)
        except UnreachableError:
            raise
        except UNWORKABLE as problem:
            why = f"failed: {type(problem).__name__}"
            with room.store.unit() as work:
                work.responses.raw_done(row, room.now, why)
                work.commit()
            one = Tally(ignored=(why,))
        done = done.and_(one)
    return done, rows[-1] if rows else None


def _process(room: _Room, limit: int, *, after: int, only: int | None = None) -> tuple[Tally, int | None]:
    """What is behind `after`, in one transaction; and the last delivery of it, None where nothing was left."""
    now, by, read = room.now, room.by, room.read
    last = None
    with room.store.unit() as work:
        ripe: list[ProviderEvent] = []
        young: list[ProviderEvent] = []
        waits: dict[int, tuple[datetime, Sequence[ProviderEvent]]] = {}  # by delivery: the young ones
        for row, _, body, arrived in room.unread(work, limit, after):
            if only not in (None, row):  # another daemon has it
                continue
            try:
                events = read(body)
            except RequestError as problem:
                last = row
                work.responses.raw_done(row, now, problem.what)
                continue
            if (ripe or young) and len(ripe) + len(young) + len(events) > room.at_once:
                break
            last = row
            if now - arrived < room.settle and any(one.kind in ENGAGED for one in events):
                young += events
                waits[row] = arrived, events
            else:
                ripe += events
                work.responses.raw_done(row, now)
        known, unknown, ignored = _placed(work, [*ripe, *young], now)
        work.touches.lock_for_limits({one.touch.lead for one in known}, ())
        # Only once, when the delivery is done with: a young one is read again then.
        _note_unknown(work, [one for one in ripe if one.touch in unknown], now, by)
        taken = [(one.at, one.touch.intent_at) for one in known if one.event.kind == TAKEN]
        heard_of(work, [min(at, attempted) for at, attempted in taken if attempted is not None])
        judged_now = {id(one) for one in ripe}
        hits = {id(one.event): (one.touch.id, _hit(one)) for one in known if one.event.kind in ENGAGED}
        told = _by_touch(hits.values())
        beside = room.waiting.beside(told)
        reports = list(_reports(work, known, judged_now, told, beside))
        for one in sorted(known, key=lambda one: one.at):
            if one.event.kind in PROVES and one.touch.state is not State.SENT:  # from there it moves no more
                prove_sent(work, one.touch.id, at=one.at, now=now)
        reports.sort(key=lambda one: (one.at, one.natural_key))
        not_judged = [hit for event, hit in hits.items() if event not in judged_now]
        context = _by_touch([*not_judged, *((touch, hit) for touch, many in beside.items() for hit in many)])
        common: dict[str, Any] = {"rules": room.rules, "policy": room.policy, "now": now, "by": by}
        recorded = record_in(work, reports, new_id=room.new_id, context=context, **common)
        work.commit()
    for row, (arrived, events) in waits.items():
        room.waiting.keep(row, arrived, [hits[id(one)] for one in events if id(one) in hits])
    new = tuple(one for one in recorded if one.response is not None)
    waiting = sum(one.kind in ENGAGED for one in young)
    return Tally(new, len(recorded) - len(new), waiting, tuple(ignored)), last


def _by_touch(hits: Iterable[tuple[TouchId, Hit]]) -> dict[TouchId, list[Hit]]:
    found: dict[TouchId, list[Hit]] = {}
    for touch, hit in hits:
        found.setdefault(touch, []).append(hit)
    return found


def _placed(work: Unit, events: Sequence[ProviderEvent], now: datetime) -> tuple[list[_Known], set[str], list[str]]:
    """Events with their touches; the touch ids that nobody here knows; and why the others are left out."""
    touches = work.touches.get({one.touch for one in events if one.touch})
    known: list[_Known] = []
    unknown: set[str] = set()
    ignored: list[str] = []
    for one in events:
        touch = touches.get(one.touch) if one.touch else None
        if one.touch is None and one.kind == "bounce" and not one.message_id:
            touch = _by_address(work, one, now)  # a late bounce comes without ids
        if touch is None and one.touch and one.touch.startswith((DELIVERY, PREVIEW)):
            ignored.append(f"{one.kind}: a mail to one of ourselves")
        elif touch is None and one.touch and one.is_foreign:  # where the key was changed, our own mails look like it
            ignored.append(f"{one.kind}: a mail of another workspace on this account")
        elif touch is None:
            if one.touch:
                unknown.add(one.touch)
            ignored.append(f"{one.kind}: {'a touch that is not there' if one.touch else 'not one of our mails'}")
        elif one.at is None:
            ignored.append(f"{one.kind}: it has no time")
        elif one.email and touch.address and one.email != touch.address.lower():
            ignored.append(f"{one.kind}: it is about an address that touch {touch.id} did not go to")
        else:
            known.append(_Known(one, touch, min(one.at, now)))
    return known, unknown, ignored


def _by_address(work: Unit, event: ProviderEvent, now: datetime) -> Touch | None:
    lead = work.leads.find(event.email) if "@" in event.email else None
    if lead is None or event.at is None:
        return None
    mails = [
        one
        for one in work.touches.of_leads([lead.id]).get(lead.id, [])
        if one.channel is Channel.EMAIL and one.state in CONTACTED and one.address == event.email
    ]
    latest = max(mails, key=lambda one: (one.sent_at or one.created_at, one.id), default=None)
    sent = latest and (latest.sent_at or latest.created_at)
    return latest if sent and now - sent <= ASYNCHRONOUS else None


def _note_unknown(work: Unit, events: Sequence[ProviderEvent], now: datetime, by: str) -> None:
    """A signed event that names an unknown touch: the database may have been restored from an old backup.

    Then everything stops until a person accepts it; events from before that are explained by it.
    """
    words = "a signed event names a touch that is not there: was the database restored?"
    known = {str(one.detail.get("touch")) for one in work.notes.select(what="unknown_touch")} if events else set()
    new = sorted({one.touch for one in events if one.touch} - known)
    accepted = work.control.mark(ACCEPTED) if new else None
    if any(one.touch in new and (accepted is None or (one.at or now) > accepted[1]) for one in events):
        work.control.switch(Switch(RESTORED, words, now, None, by))
    work.notes.add([Change("unknown_touch", words, now, by=by, detail={"touch": one}) for one in new])


def _reports(
    work: Unit,
    known: Sequence[_Known],
    judged_now: Collection[int],
    told: Mapping[TouchId, Sequence[Hit]],
    beside: Mapping[TouchId, Sequence[Hit]],
) -> Iterable[Report]:
    arrived: dict[TouchId, datetime] = {}
    hits = {touch: [*many, *beside.get(touch, ())] for touch, many in told.items()}
    for one in known:
        if one.event.kind == "delivered":
            arrived[one.touch.id] = min(one.at, arrived.get(one.touch.id, one.at))
    made = {one.touch.id: one.touch for one in known}
    for touch, stored in work.responses.of_touches(hits).items():  # recorded before, of the same mails
        hits[touch] += [hit for one in stored if (hit := hit_of(one.response)) is not None]
        before = delivered(None, [one.response for one in stored])
        if before is not None:
            arrived[touch] = min(before, arrived.get(touch, before))
    followed = Followed((hit, touch) for touch, many in {**beside, **hits}.items() for hit in many)
    for one in known:
        if one.event.kind in ENGAGED:
            if id(one.event) in judged_now:
                touch = one.touch.id
                yield _keyed(one, _engagement(one, arrived.get(touch) or made[touch].sent_at, hits[touch], followed))
        elif (report := _told(one)) is not None:
            yield _keyed(one, report)


def _keyed(one: _Known, report: Report) -> Report:
    """A report known by the event's own time: where the pass is a little behind it, its moment is that of the pass."""
    if one.event.at is None or one.event.at == report.at:
        return report
    return replace(report, key=replace(report, at=one.event.at).natural_key)


def _hit(one: _Known) -> Hit:
    event = one.event
    url = event.url if event.kind == "click" else ""
    return Hit(one.at, url, event.ip, event.user_agent, honeypot=is_trap(url))


def _engagement(one: _Known, delivered_at: datetime | None, hits: Sequence[Hit], followed: Followed) -> Report:
    event, hit, kind = one.event, _hit(one), ENGAGED[one.event.kind]
    machine = event.machine_open if kind is Kind.OPEN else None
    people = followed.people_behind(hit)
    verdict = judged(kind, hit, delivered_at=delivered_at, others=hits, people=people, machine=machine)
    why = "; ".join(verdict.why)
    return Report(kind, one.at, one.touch.lead, one.touch.id, verdict.grade, seen(hit, machine=machine), why)


def _told(one: _Known) -> Report | None:
    """What the provider itself reports; None for what only proves that the mail was taken."""
    event, touch = one.event, one.touch
    said = {name: value for name, value in (("status", event.status), ("text", event.reason[:1_000])) if value}
    if event.kind == "delivered":
        return Report(Kind.DELIVERED, one.at, touch.lead, touch.id, Grade.MACHINE, said, "reported by the provider")
    if event.kind in WISHES:
        return Report(WISHES[event.kind], one.at, touch.lead, touch.id, detail=said, why=f"event {event.kind}")
    if event.kind == "bounce":
        bounce, why = _bounce(event)
        detail = said | {"bounce": bounce.value}
        return Report(Kind.BOUNCE, one.at, touch.lead, touch.id, Grade.LIKELY_MACHINE, detail, why)
    if event.kind == "dropped":
        kind, bounce_or_none = DROPPED.get(event.reason.strip().lower(), (Kind.BOUNCE, Bounce.POLICY))
        detail = said | ({"bounce": bounce_or_none.value} if bounce_or_none else {})
        grade = Grade.LIKELY_MACHINE if kind is Kind.BOUNCE else Grade.HUMAN
        return Report(
            kind, one.at, touch.lead, touch.id, grade, detail, f"the provider dropped it: {event.reason}"[:300]
        )
    return None


def _bounce(event: ProviderEvent) -> tuple[Bounce, str]:
    """The type of a bounce: refused mail leaves the address good, and a full mailbox is no missing one."""
    shown = f"event bounce, type {event.bounce_type or 'missing'}, {event.classification or 'not classified'}"
    from nurture.domain.classify import bounce_of  # reads mails in many words, and few passes have a bounce

    kind, why = bounce_of(event.status, event.reason, hard_by_default=event.bounce_type == "bounce")
    if event.bounce_type == "blocked":
        kind = kind if kind is Bounce.FULL else Bounce.POLICY
        return kind, f"{shown}: the message was refused, the address may be good"
    judged = CLASSES.get(event.classification.strip().lower())
    if judged is not None and kind is not Bounce.FULL:
        return judged, f"{shown}; {why}"
    return kind, f"{shown}; {why}"
