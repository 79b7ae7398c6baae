"""The seeded response model: who answers what and when. Chance is a hash of (seed, lead, cadence, step, occurrence).

The shares are those of the workspace's own history, which lean on what is usual where there are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.daemon import grid
from nurture.daemon.simulate import usual
from nurture.domain.chance import chance
from nurture.domain.experience import ENOUGH_DELAYS, Experience, blended, drawn, leaning, quantile
from nurture.domain.readiness import Readiness
from nurture.domain.response import Bounce, CallOutcome, Intent, Kind
from nurture.domain.touch import BY_PHONE, Channel, Touch

MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody does with a mail, and when."""

    at: datetime
    kind: Kind
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends; None: nobody gets to it, and it expires."""

    outcome: CallOutcome
    until: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class Model:
    """One seed, one history."""

    def __init__(self, seed: int, experience: Experience, readiness: Readiness, tick: timedelta) -> None:
        self._seed = seed
        self._known = experience
        self._readiness = readiness
        self._tick = tick
        self._rates: dict[tuple[str, str], dict[str, float]] = {}
        self._intents = blended(experience.intents, {str(name): share for name, share in usual.INTENTS.items()})
        # Who unsubscribes by mail is counted among those who unsubscribe.
        self._intents.pop(Intent.UNSUBSCRIBE.value, None)
        self._endings = {channel: self._outcomes(channel) for channel in Channel}
        self._offers = blended(experience.offers, _spread("accepted", usual.ACCEPTED, "rejected", readiness.reject))
        self._ends = blended(experience.endings, _spread("won", usual.WON, "lost", readiness.lost))

    def _outcomes(self, channel: Channel) -> dict[str, float]:
        expected: Mapping[str, float] = usual.OTHERS
        if channel in BY_PHONE:
            expected = usual.CALLS if channel is Channel.CALL else usual.MESSAGES
        seen = self._known.outcomes.get(channel.value, {})
        kept = {name: count for name, count in seen.items() if name not in usual.NOT_DRAWN}
        return blended(kept, {str(name): share for name, share in expected.items()})

    def mark(self, touch: Touch, what: str) -> float:
        """A number in [0, 1) for one question about one touch."""
        return chance("simulate", self._seed, touch.lead, touch.cadence, touch.step, touch.occurrence, what)

    # Mails -----------------------------------------------------------------------------------------------------

    def after_mail(self, touch: Touch, at: datetime) -> list[Answer]:
        """What follows a mail that went out at `at`: at most one of bounce, unsubscribe and so on; a click, a reply."""
        rates = self._mail_rates(touch.cadence, touch.template)
        mark = self.mark(touch, "mail")
        for kind in (Kind.BOUNCE, Kind.COMPLAINT, Kind.UNSUBSCRIBE, Kind.AUTO_REPLY):
            mark -= rates[kind]
            if mark < 0:
                return [Answer(self._later(touch, kind, at), kind, self._said(touch, kind, at))]
        found = []
        for kind in (Kind.CLICK, Kind.REPLY):
            if self.mark(touch, kind) < rates[kind]:
                when = self._later(touch, kind, at)
                found.append(Answer(when, kind, self._said(touch, kind, when)))
                if kind is Kind.CLICK:
                    found += self._after_click(touch, when)
        return found

    def _after_click(self, touch: Touch, at: datetime) -> list[Answer]:
        """Pages and forms that somebody who came by a link goes on to, minutes later."""
        found = []
        for what in sorted({*usual.AFTER_CLICK, *self._known.after_click}):
            expected = usual.AFTER_CLICK.get(what, 0.0)
            rate = leaning(self._known.after_click.get(what, 0), self._known.clicks, expected, 60)
            if self.mark(touch, what) >= rate:
                continue
            kind, _, said = what.partition(":")
            detail = {"intent" if kind == Kind.FORM.value else "page": said} if said else {}
            later = timedelta(minutes=2 + round(20 * self.mark(touch, f"{what} delay")))
            found.append(Answer(grid.between(at + later, self._tick), Kind(kind), detail))
        return found

    def _mail_rates(self, cadence: str, template: str) -> dict[str, float]:
        found = self._rates.get((cadence, template))
        if found is None:
            found = {kind: self._known.rate(kind, cadence, template, share) for kind, share in usual.MAIL.items()}
            self._rates[cadence, template] = found
        return found

    def _later(self, touch: Touch, kind: Kind, at: datetime) -> datetime:
        seen: Sequence[float] = self._known.delays.get(kind.value, ())
        delays = seen if len(seen) >= ENOUGH_DELAYS else usual.DELAYS[kind]
        span = timedelta(seconds=round(quantile(delays, self.mark(touch, f"{kind} delay"))))
        return grid.between(at + span + self._tick, self._tick)

    def _said(self, touch: Touch, kind: Kind, at: datetime) -> dict[str, Any]:
        if kind is Kind.BOUNCE:
            return {"bounce": Bounce.HARD.value}
        if kind is Kind.AUTO_REPLY:
            return {"until": (at + timedelta(days=2 + int(self.mark(touch, "away") * 13))).date().isoformat()}
        if kind is not Kind.REPLY:
            return {}
        intent = drawn(self._intents, self.mark(touch, "intent"))
        if intent != Intent.NOT_NOW.value:
            return {"intent": intent}
        # A whole date: a month alone is read as its first business day, which is another in each country.
        day = (at + timedelta(days=90 + int(self.mark(touch, "not before") * 210))).date()
        words = f"Not before {day.day} {MONTHS[day.month - 1]} {day.year}."
        return {"intent": intent, "until": day.isoformat(), "sentence": words}

    # Tasks -----------------------------------------------------------------------------------------------------

    def after_task(self, touch: Touch, at: datetime) -> Ending | None:
        """How a task ends that is done at `at`; None where nobody gets to it."""
        if not touch.cadence and touch.channel not in BY_PHONE:
            return Ending(CallOutcome.REPLIED, facts=self._told(touch, at, CallOutcome.REPLIED))
        outcome = drawn(self._endings[touch.channel], self.mark(touch, "outcome"))
        if outcome == "expired":
            return None
        ending = CallOutcome(outcome)
        until = None
        if ending in (CallOutcome.CALLBACK, CallOutcome.MEETING_BOOKED):
            until = (at + timedelta(days=1 + int(self.mark(touch, "callback") * 5))).replace(minute=0, second=0)
        return Ending(ending, until, self._told(touch, at, ending))

    def _told(self, touch: Touch, at: datetime, outcome: CallOutcome) -> dict[str, str]:
        if outcome not in (CallOutcome.CONNECTED, CallOutcome.REPLIED, CallOutcome.MEETING_BOOKED):
            return {}
        found = {}
        for name in touch.ask:
            share = leaning(self._known.told.get(name, 0), self._known.conversations, usual.TOLD, 40)
            if self.mark(touch, f"tells {name}") < min(share, 1.0):
                found[name] = "told in the simulation"
        if "timeline" in found:
            year, month = _month_after(at, 2 + int(self.mark(touch, "decides") * 13))
            found["timeline"] = f"They decide in {MONTHS[month - 1]} {year}."
        return found

    def work_hours(self, touch: Touch) -> float:
        """After how many hours of somebody's work a task is reached."""
        return 0.3 + 7.2 * self.mark(touch, "works")

    # Offers ----------------------------------------------------------------------------------------------------

    def offer(self, lead: int, rep: str, turn: int, what: str) -> float:
        """A number in [0, 1) for one question about the `turn`-th offer of a lead to a rep."""
        return chance("simulate", self._seed, lead, "handoff", rep, turn, what)

    def answer_to(self, mark: float) -> str:
        """`accepted`, `expired`, or an agreed reason to reject."""
        said = drawn(self._offers, mark)
        kind, _, reason = said.partition(":")
        return said if kind != "rejected" else reason if reason in self._readiness.reject else "accepted"

    def end_of(self, mark: float) -> str:
        """`won`, or an agreed reason why it was lost; empty without one."""
        kind, _, reason = drawn(self._ends, mark).partition(":")
        return "won" if kind == "won" else reason if reason in self._readiness.lost else ""


def _spread(yes: str, share: float, no: str, reasons: Mapping[str, Any]) -> dict[str, float]:
    """One share for yes, the rest spread evenly over the agreed reasons."""
    if not reasons:
        return {yes: 1.0}
    return {yes: share} | {f"{no}:{reason}": (1 - share) / len(reasons) for reason in reasons}


def _month_after(at: datetime, months: int) -> tuple[int, int]:
    place = at.year * 12 + at.month - 1 + months
    return place // 12, place % 12 + 1
