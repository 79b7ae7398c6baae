"""In doubt -> sent, planned or unknown; and what the dead left in `sending` -> in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from nurture.domain import touch as touches
from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.domain.policy import Policy
from nurture.domain.touch import Event, State, Touch
from nurture.moves.again import again
from nurture.moves.listening import would_have_heard
from nurture.ports import Store, Unit
from nurture.ports.store import Change
from nurture.ports.world import Asked, SendLog

Settlement = Literal["sent", "not_sent", "resend"]


def run(*, store: Store, policy: Policy, now: datetime, log: SendLog | None = None, limit: int = 500) -> int:
    """Settle what time and the provider's log settle; how many touches were looked at.

    A touch in `sending` whose lease ran out is in doubt. Under the policy `settle` the log, where there is one, is
    asked every `settle_after`. What is in doubt for `give_up_after` was not taken, where its event would have reached
    us; else it is unknown: it counts as sent, and its enrollment goes on, counting from the attempt. `hold` leaves it
    to a person.
    """
    log = log if policy.in_doubt == "settle" else None
    moved = 0
    while True:
        with store.unit() as work:
            due = work.touches.unsettled(now, limit)
            if not due:
                return moved
            work.touches.lock_for_limits({one.lead for one in due}, ())
            asked: list[Touch] = []
            for one in due:
                if log is not None and one.state is State.IN_DOUBT and one.mailer == "sendgrid":
                    asked.append(_dated(one, now))
                    # Nobody else asks meanwhile.
                    _keep(work, one, replace(asked[-1], lease_until=now + policy.settle_after), now)
                else:
                    _settle_one(work, one, policy, now, log)
            work.commit()
            moved += len(due)
        if log is not None and asked:
            _by_log(store, log, asked, policy, now)


def _by_log(store: Store, log: SendLog, asked: Sequence[Touch], policy: Policy, now: datetime) -> None:
    """Ask the provider's log, with no transaction open, and do what it says."""
    told = log.took(
        [Asked(one.id, one.address or "", one.intent_at or one.created_at, one.doubted_at or now) for one in asked]
    )
    with store.unit() as work:
        work.touches.lock_for_limits({one.lead for one in asked}, ())
        for one in asked:
            attempted = one.intent_at or one.created_at
            if told.get(one.id) is True:
                state = touches.moved(one.state, Event.ACCEPTED)
                _keep(work, one, replace(one, state=state, sent_at=attempted, lease_until=None), now)
            elif told.get(one.id) is False:
                _keep(work, one, _free(one, "the provider's log is complete, and does not have it"), now)
            elif now >= attempted + policy.give_up_after:
                _settle_one(work, one, policy, now, None)
        work.commit()


def _dated(one: Touch, now: datetime) -> Touch:
    """Since when it is in doubt; from now on, where a program of before has left that out, or another attempt's."""
    attempted = one.intent_at or one.created_at
    return one if one.doubted_at is not None and one.doubted_at >= attempted else replace(one, doubted_at=now)


def _settle_one(work: Unit, one: Touch, policy: Policy, now: datetime, log: SendLog | None) -> None:
    attempted = one.intent_at or one.created_at
    give_up = attempted + policy.give_up_after
    if one.state is State.SENDING:
        # The process that sent it died or froze: nobody knows whether the request left.
        after = replace(
            one,
            state=touches.moved(one.state, Event.NO_ANSWER),
            because="the process that sent it ended before the answer was recorded",
            lease_until=_next_look(give_up, policy, now, log) if policy.in_doubt == "settle" else None,
            doubted_at=now,
        )
    elif policy.in_doubt == "hold":
        after = replace(one, lease_until=None)
    elif now < give_up:
        after = replace(one, lease_until=give_up)
    elif one.mailer == "sendgrid" and would_have_heard(work, attempted, waited=policy.give_up_after, now=now):
        after = _free(one, "the provider has told of later mails, and never of this one")
    else:
        after = replace(
            one,
            state=touches.moved(one.state, Event.GIVE_UP),
            because="nothing settled it: it counts as sent",
            sent_at=attempted,
            lease_until=None,
        )
    _keep(work, one, after, now)


def _free(one: Touch, because: str) -> Touch:
    """It was not taken: it may go again, and counts against no limit."""
    state = touches.moved(one.state, Event.NOT_ACCEPTED)
    return replace(
        one,
        state=state,
        because=because,
        intent_at=None,
        counted_at=None,
        sent_at=None,
        lease_until=None,
        doubted_at=None,
    )


def _next_look(give_up: datetime, policy: Policy, now: datetime, log: SendLog | None) -> datetime:
    return give_up if log is None else min(give_up, now + policy.settle_after)


def _keep(work: Unit, one: Touch, after: Touch, now: datetime) -> None:
    """Store a touch if it is still as it was, and let its enrollment go on where it is settled."""
    saved = work.touches.save([after], was={one.id: (one.attempt, one.state)})
    if saved and (after.state in touches.FINAL or after.state is State.PLANNED):
        _go_on(work, after, now)


def _go_on(work: Unit, one: Touch, now: datetime) -> None:
    """Let the enrollment be looked at by the next pass."""
    if one.enrollment is None:
        return
    held = work.enrollments.get([one.enrollment]).get(one.enrollment)
    if held is not None and held.touch == one.id and held.next_at is None:
        work.enrollments.save([replace(held, next_at=now)], fenced=False)


@again
def resolve(
    touch: str, settlement: Settlement, *, store: Store, now: datetime, by: str, dry_run: bool = False
) -> Touch:
    """A person settles a touch in doubt. Raises UnknownNameError, or RefusedError where it is not in doubt.

    `resend` is refused once a later touch has gone to the lead: it would arrive out of order.
    """
    with store.unit() as work:
        one = work.touches.get([touch]).get(touch)
        if one is None:
            raise UnknownNameError("touch", touch, (), otherwise="Run: nurture touch list --state in_doubt")
        work.touches.lock_for_limits([one.lead], ())
        if one.state not in (State.IN_DOUBT, State.UNKNOWN):
            raise RefusedError(f"The touch is {one.state}, not in doubt.", hint="Only touches in doubt are resolved.")
        if settlement != "sent":
            _refuse_late(work, one)
        if settlement == "sent":
            sent_at = one.intent_at or now
            after = replace(
                one,
                state=touches.moved(one.state, Event.ACCEPTED),
                sent_at=sent_at,
                counted_at=sent_at,
                lease_until=None,
            )
        else:
            after = _free(one, f"settled as not sent by {by}")
        work.touches.save([after], was={one.id: (one.attempt, one.state)})
        _go_on(work, after, now)
        words = f"touch {one.id} settled as {settlement.replace('_', ' ')}"
        work.notes.add([Change("resolved", words, now, by=by, lead=one.lead)])
        if not dry_run:
            work.commit()
    return after


def _refuse_late(work: Unit, one: Touch) -> None:
    attempted = one.intent_at or one.created_at
    later = [
        other
        for other in work.touches.of_leads([one.lead]).get(one.lead, ())
        if other.id != one.id and other.sent_at is not None and other.sent_at > attempted
    ]
    if later:
        raise RefusedError(
            f"A later touch ({later[0].step}) has gone to this lead since.",
            hint="Settle it with --sent; it stays in the history as it was.",
        )
    held = work.enrollments.get([one.enrollment]).get(one.enrollment) if one.enrollment is not None else None
    if held is not None and held.touch != one.id:
        raise RefusedError(
            "It counted as sent, and its cadence has gone on since.", hint="Settle it with --sent, or enroll anew."
        )
