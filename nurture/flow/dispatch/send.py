"""Intents, sends, results: what the verdicts of the send protocol do to touches and enrollments.

Write the intent, commit, act, write the result. No provider call is inside any transaction, and no byte of a body
leaves before `sending` is durably committed. If we die between intent and result, the touch stays in `sending` until
its lease runs out and is then in doubt: nobody knows, so a second copy would be a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nurture import log
from nurture.domain import touch
from nurture.domain.chance import chance
from nurture.domain.changed import changed
from nurture.domain.enrollment import Enrollment
from nurture.domain.pacing import company_free_at, lead_free_at, limits_for
from nurture.domain.touch import SENTENCES, Event, Reason, State, Touch, TouchId
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes, backoff
from nurture.flow.dispatch import decide
from nurture.flow.dispatch.decide import Decision
from nurture.flow.dispatch.keep import keep
from nurture.flow.dispatch.make import Outgoing
from nurture.flow.dispatch.mistakes import spared
from nurture.flow.dispatch.slots import room
from nurture.moves.scene import Scene
from nurture.ports import Unit
from nurture.ports.rows import LaidOut, SentText
from nurture.ports.store import Change, Switch

# A mailer that is refused as a whole is tried again after this long; an operator may resume it earlier.
MAILER_PAUSE = timedelta(minutes=15)
REFUSED: Final = (
    "{mailer} takes no mail: {because}. No lead is at fault, and nothing is lost: all mail waits, and one is tried"
    " every quarter of an hour. When that is put right: nurture mailer resume {mailer}"
)
# An intent that was not handed over, because the breaker opened meanwhile.
HELD_BACK: Final = Again(SENTENCES[Reason.BREAKER])
_log: Final = log.get("dispatch")
# What a verdict changes in a touch.
JUDGED = frozenset(
    {"state", "reason", "because", "intent_at", "lease_until", "doubted_at", "sent_at", "counted_at", "provider_id"}
)


@dataclass(frozen=True, slots=True)
class Intended:
    """A touch whose intent is committed: it is `sending` now."""

    outgoing: Outgoing
    touch: Touch
    enrollment: Enrollment


@dataclass(frozen=True, slots=True)
class Judged:
    """What a verdict makes of an intent: the touch as it is now, and where its enrollment stands. Not stored yet."""

    intended: Intended
    verdict: Verdict
    touch: Touch
    decision: Decision


def laid_out(group: Sequence[Outgoing], work: Unit) -> dict[TouchId, LaidOut]:
    """The mails of a group in the shape in which they are kept, made before anybody waits for the database."""
    mails = [
        SentText(
            one.touch.id, one.touch.template, message.to, message.subject, message.html, message.text,
            again=one.touch.attempt > 0,
        )
        for one in group
        for message in [one.rendered.message]
    ]  # fmt: skip
    return {one.touch: one for one in work.touches.lay_out(mails)}


def intend(
    group: Sequence[Outgoing],
    work: Unit,
    scene: Scene,
    laid_out: Mapping[TouchId, LaidOut],
    *,
    mailer: str,
    at: datetime,
    lease_until: datetime,
) -> list[Intended]:
    """Re-check every gate inside this transaction and move the winners to `sending`.

    The caller holds the leads and companies of the group since before, and commits.

    `at` is the moment of the pass; `lease_until` is of the real one, because a long pass goes on after its moment.
    `laid_out` are the mails in the shape in which they are kept.
    Whoever no longer passes is due again at once, and is decided anew from fresh data. A pause or a stop of the
    enrollment has taken its fence away: then nothing of it is stored here.
    """
    leads = {one.decision.lead.id for one in group}
    companies = {one.touch.company for one in group if one.touch.company is not None}
    people = work.leads.reach(leads)
    addresses = {address for email, phone, *_ in people.values() for address in (email, phone) if address}
    suppressed = work.suppressions.scopes(addresses)
    switches = work.control.switches()
    paused = {name for name, switch in switches.items() if switch.holds(at)}
    counted = work.touches.counted(leads, at - timedelta(days=31))
    company_last = work.leads.company_last_touched(companies, at - timedelta(days=7))
    limits = scene.policy.limits
    places = room(work, [one.touch for one in group], scene.pressure, at)
    had = work.touches.had({(one.decision.lead.id, one.touch.template) for one in group})

    def passes(one: Outgoing) -> bool:
        lead = one.decision.lead
        email, phone, light_until, bases = people.get(lead.id, (None, None, None, 0))
        if email is None or email != one.touch.address:
            return False
        if bases != len(scene.consents.get(lead.id, ())):  # given or withdrawn since it was decided
            return False
        if suppressed.get(email, frozenset()) & {"all", "email"} or "all" in suppressed.get(phone or "", frozenset()):
            return False
        if not paused.isdisjoint(("send", "mailer", f"cadence:{one.touch.cadence}")):
            return False
        repeat = getattr(one.decision.step, "repeat", False)
        if not repeat and (lead.id, one.touch.template) in had:
            return False
        zone = scene.zone_of(lead)
        own = limits_for(limits, light_until=light_until, now=at)
        colleagues = company_last.get(one.touch.company, {}) if one.touch.company is not None else {}
        return (
            lead_free_at(counted.get(lead.id, ()), own, at, zone) <= at
            and company_free_at(colleagues, lead.id, limits, at) <= at
            and places.takes(one.touch)
        )

    won: list[Intended] = []
    for one in group:
        if not passes(one):
            one.decision.after = replace(one.decision.after, next_at=at)
            continue
        sending = changed(
            one.touch,
            state=touch.moved(one.touch.state, Event.INTEND),
            reason=None,
            because="",
            attempt=one.touch.attempt + 1,
            intent_at=at,
            counted_at=at,
            lease_until=lease_until,
            mailer=mailer,
            message_id=one.rendered.message.message_id,
        )
        one.decision.put(one.touch, sending)
        won.append(Intended(one, sending, one.decision.after))
        counted.setdefault(sending.lead, []).append(at)
        if sending.company is not None:
            company_last.setdefault(sending.company, {})[sending.lead] = at
        places.take(sending)
    places.close(work)
    kept = keep(work, [one.decision for one in group], scene)
    won = [one for one in won if one.enrollment.id in kept.enrollments]
    # A report from outside has moved the touch meanwhile: the next look sees what it is.
    overtaken = [replace(one.enrollment, next_at=at) for one in won if one.touch.id not in kept.touches]
    work.enrollments.save(overtaken)
    scene.leaves_due = scene.leaves_due or bool(overtaken)
    result = [one for one in won if one.touch.id in kept.touches]
    links: dict[str, str] = {}
    for intended in result:
        links.update(intended.outgoing.rendered.links)
    work.touches.save_texts([laid_out[intended.touch.id] for intended in result])
    work.touches.add_links(links)
    return result


def judge(results: Sequence[tuple[Intended, Verdict]], scene: Scene, *, at: datetime) -> list[Judged]:
    """What the answers make of touches and enrollments: made before anybody waits for the database.

    `at` is the real moment: what is in doubt was certainly over by then.
    """
    judged = []
    for intended, verdict in results:
        one = _judged(intended.touch, verdict, scene, at=at)
        lead, held = intended.outgoing.decision.lead, intended.enrollment
        scene.keep(one)
        if one.state in touch.FINAL:
            decision = spared(held, lead, scene, partial(decide.rest, held, one, lead, scene))
        else:
            again = _retry_at(one, verdict, at) if one.state is State.PLANNED else None
            decision = Decision(held, replace(held, next_at=again), lead)
        judged.append(Judged(intended, verdict, one, decision))
    return judged


def record(judged: Sequence[Judged], work: Unit, scene: Scene, *, mailer: str, at: datetime) -> list[Judged]:
    """Store what became of intents, and move the enrollments on; those that were stored. The caller commits.

    A touch that a verified event has already settled keeps that: positive evidence wins from any state.
    """
    down = next((one.verdict for one in judged if isinstance(one.verdict, ChannelDown)), None)
    if down is not None:
        _pause_mailer(work, mailer, down.because, at=at)
    was = {one.touch.id: (one.touch.attempt, State.SENDING) for one in judged}
    new = frozenset(name for name in JUDGED if any(_differs(name, one) for one in judged))
    stored = work.touches.save([one.touch for one in judged], was=was, only=new)
    ours = [one for one in judged if one.touch.id in stored]
    keep(work, [one.decision for one in ours], scene)
    return ours


def _differs(name: str, one: Judged) -> bool:
    return bool(getattr(one.touch, name) != getattr(one.intended.touch, name))


def _judged(sending: Touch, verdict: Verdict, scene: Scene, *, at: datetime) -> Touch:
    """The touch after the provider's answer."""
    match verdict:
        case Yes(provider_id=provider_id):
            return changed(
                sending,
                state=touch.moved(sending.state, Event.ACCEPTED),
                sent_at=scene.now,
                counted_at=scene.now,
                provider_id=provider_id or None,
                lease_until=None,
            )
        case Again(because=because):
            return _not_taken(sending, Event.TRY_AGAIN, Reason.BREAKER if verdict is HELD_BACK else None, because)
        case ChannelDown(because=because):
            return _not_taken(sending, Event.TRY_AGAIN, Reason.MAILER_PAUSED, because)
        case Never(because=because):
            return _not_taken(sending, Event.NEVER, Reason.PROVIDER_REFUSED, because)
        case Maybe(because=because):
            return replace(
                sending,
                state=touch.moved(sending.state, Event.NO_ANSWER),
                because=because,
                lease_until=at + scene.policy.settle_after,
                doubted_at=at,
            )


def _not_taken(sending: Touch, event: Event, reason: Reason | None, because: str) -> Touch:
    """Certainly not taken: it does not count against any limit."""
    state = touch.moved(sending.state, event)
    return replace(
        sending, state=state, reason=reason, because=because, counted_at=None, intent_at=None, lease_until=None
    )


def _retry_at(one: Touch, verdict: Verdict, at: datetime) -> datetime:
    if isinstance(verdict, ChannelDown):
        return at + MAILER_PAUSE
    earliest = at + backoff(one.attempt, chance("backoff", one.id, one.attempt))
    asked = verdict.not_before if isinstance(verdict, Again) else None
    return max(earliest, asked) if asked is not None else earliest


def _pause_mailer(work: Unit, mailer: str, because: str, *, at: datetime) -> None:
    """No lead is at fault: hold the channel, and tell an operator, once a day."""
    held = work.control.switches().get("mailer")
    if held is None or held.until is not None:  # one that only a person ends is not shortened
        work.control.switch(Switch("mailer", because, at, at + MAILER_PAUSE, by=mailer))
    _log.warning("mailer_paused", mailer=mailer, because=because)
    work.notes.add([Change("mailer_paused", f"{mailer} is paused: {because}", at, by="daemon")])
    payload = {"subject": f"The mailer {mailer} is paused", "text": REFUSED.format(because=because, mailer=mailer)}
    work.sales.deliver(key=f"mailer:{at:%Y-%m-%d}", kind="alert", to="", payload=payload, at=at)
