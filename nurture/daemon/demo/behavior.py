"""How people of the demo behave: who has a project and when, and what each does after a mail, a call or an offer.

Nothing here knows the program: what somebody does follows from who they are, from the moment, and from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.daemon.demo import words
from nurture.daemon.demo.chance import Chance
from nurture.daemon.demo.people import Someone
from nurture.domain.response import CallOutcome, Grade, Intent, Kind

_QUALIFYING: Final = ("budget", "timeline", "people", "pain_points")
# Of companies, those that buy such a system within the year or soon after it.
_PROJECTS: Final = 0.24
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does: when, which response it is, and which link of the mail it uses."""

    at: datetime
    kind: Kind
    detail: dict[str, Any] = field(default_factory=dict)
    grade: Grade = Grade.HUMAN
    link: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task of a caller ends."""

    outcome: CallOutcome
    note: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    until: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody, with what nobody outside can see."""

    chance: Chance
    who: Someone
    looks_from: datetime | None  # the company's project: people begin to look around
    decides_on: datetime | None
    gone_from: datetime | None  # the address is dead
    warmth: float  # 0 to 1: how much they read without a project
    is_scanned: bool  # the company's mail filter follows every link at once

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.who.texts['first_name']} {self.who.texts['last_name']}"

    def is_looking(self, at: datetime) -> bool:
        """Whether their company has a project now, in which they have a say."""
        if self.looks_from is None or self.decides_on is None or not self.who.decides:
            return False
        return self.looks_from <= at < self.decides_on

    # What follows a mail --------------------------------------------------------------------------------------

    def after_mail(self, key: str, at: datetime, links: int) -> list[Act]:
        """What they, or the machines in front of them, do with a mail; `links`: how many it has."""
        if self.gone_from is not None and at >= self.gone_from:
            return [Act(at + timedelta(minutes=2), Kind.BOUNCE)]
        acts = []
        if self.is_scanned and links:
            acts += [
                Act(at + timedelta(seconds=4 + place), Kind.CLICK, grade=Grade.MACHINE, link=place, why=_SCANNER)
                for place in range(links)
            ]
        back = self._away(key, at)
        if back is not None:
            text = words.AWAY.format(day=f"{back.day} {_MONTHS[back.month - 1]} {back.year}")
            acts.append(Act(at + timedelta(minutes=1), Kind.AUTO_REPLY, {"text": text}))
            return acts  # read after the holiday, if ever
        acts += self._reads(key, at, links)
        return sorted(acts, key=lambda act: act.at)

    def _away(self, key: str, at: datetime) -> datetime | None:
        share = 0.09 if at.month in (7, 8, 12) else 0.025
        if not self.chance.hits(share, "away", self.who.email, key):
            return None
        return at + timedelta(days=round(self.chance.between(2, 15, "away for", self.who.email, key)))

    def _reads(self, key: str, at: datetime, links: int) -> list[Act]:
        looking, email, chance = self.is_looking(at), self.who.email, self.chance
        read_at = at + self._delay(key)
        acts: list[Act] = []
        tired = chance.of("tired", email, key)
        if tired < (0.0015 if looking else 0.0045):
            return [Act(read_at, Kind.UNSUBSCRIBE)]
        if tired > 0.9997 and not looking:
            return [Act(read_at, Kind.COMPLAINT)]
        if links and chance.hits(0.38 if looking else 0.02 + 0.10 * self.warmth, "click", email, key):
            place = int(chance.of("which link", email, key) * links)
            acts.append(Act(read_at, Kind.CLICK, link=place))
            if chance.hits(0.40 if looking else 0.03, "prices", email, key):
                acts.append(Act(read_at + timedelta(minutes=6), Kind.VISIT, {"page": "/pricing"}))
            if looking and chance.hits(0.10, "demo", email, key):
                detail = {"form": "request a demo", "intent": Intent.REQUEST.value}
                acts.append(Act(read_at + timedelta(minutes=14), Kind.FORM, detail))
        wants = self._answers(key, looking=looking)
        if wants is not None:
            answered = read_at + timedelta(minutes=round(chance.between(3, 90, "writes", email, key)))
            acts.append(Act(answered, Kind.REPLY, self._written(wants, key, answered)))
        return acts

    def _delay(self, key: str) -> timedelta:
        """Half read within hours; the rest on one of the next days, at the same time of day."""
        when = self.chance.of("reads", self.who.email, key)
        if when < 0.6:
            return timedelta(minutes=round(4 + when * 400))
        return timedelta(days=1 + int((when - 0.6) * 8), minutes=round(when * 90))

    def _answers(self, key: str, *, looking: bool) -> Intent | None:
        chances = (
            [(Intent.INTERESTED, 0.08), (Intent.QUESTION, 0.06), (Intent.REQUEST, 0.02), (Intent.NOT_NOW, 0.008)]
            if looking
            else [
                (Intent.NOT_NOW, 0.004),
                (Intent.QUESTION, 0.0025),
                (Intent.REFUSAL, 0.003),
                (Intent.OTHER, 0.003),
            ]
        )
        rest = 1 - sum(share for _, share in chances)
        return self.chance.weighted([*chances, (None, rest)], "answers", self.who.email, key)

    def _written(self, intent: Intent, key: str, at: datetime) -> dict[str, Any]:
        text = self.chance.one_of(words.REPLIES[intent.value], "words", self.who.email, key)
        months = 3 + int(self.chance.of("later", self.who.email, key) * 7)
        year, month = at.year + (at.month - 1 + months) // 12, (at.month - 1 + months) % 12 + 1
        return {"text": text.replace("{month}", f"{_MONTHS[month - 1]} {year}")}

    # What a caller hears --------------------------------------------------------------------------------------

    def after_call(self, key: str, at: datetime, ask: tuple[str, ...], channel: str) -> Outcome:
        """How an attempt of a caller ends, and what was learned."""
        chance, email, looking = self.chance, self.who.email, self.is_looking(at)
        if self.gone_from is not None and at >= self.gone_from + timedelta(days=20):
            return Outcome(CallOutcome.LEFT_COMPANY, words.NOTES["left_company"][0])
        if channel in ("linkedin", "other", "letter", "sms"):
            spoke = chance.hits(0.3 if looking else 0.08, "message", email, key)
            return Outcome(CallOutcome.REPLIED if spoke else CallOutcome.NO_ANSWER)
        if channel == "voicemail":
            table = [(CallOutcome.VOICEMAIL, 0.8), (CallOutcome.NO_ANSWER, 0.1), (CallOutcome.CONNECTED, 0.1)]
        elif looking:
            table = [
                (CallOutcome.CONNECTED, 0.50),
                (CallOutcome.VOICEMAIL, 0.26),
                (CallOutcome.NO_ANSWER, 0.12),
                (CallOutcome.CALLBACK, 0.08),
                (CallOutcome.GATEKEEPER, 0.04),
            ]
        else:
            table = [
                (CallOutcome.CONNECTED, 0.24),
                (CallOutcome.VOICEMAIL, 0.36),
                (CallOutcome.NO_ANSWER, 0.22),
                (CallOutcome.GATEKEEPER, 0.06),
                (CallOutcome.BUSY, 0.03),
                (CallOutcome.NOT_INTERESTED, 0.05),
                (CallOutcome.WRONG_PERSON, 0.02),
                (CallOutcome.WRONG_NUMBER, 0.015),
                (CallOutcome.DO_NOT_CALL, 0.005),
            ]
        outcome = chance.weighted(table, "call", email, key)
        note = chance.one_of(words.NOTES.get(outcome.value, ("",)), "note", email, key)
        if outcome is CallOutcome.CALLBACK:
            until = at + timedelta(days=1 + int(chance.of("callback", email, key) * 4))
            return Outcome(outcome, note, until=until.replace(minute=0, second=0, microsecond=0).isoformat())
        if outcome is not CallOutcome.CONNECTED:
            return Outcome(outcome, note)
        return Outcome(outcome, note, facts=self._told(key, at, ask or _QUALIFYING))

    def after_answer(self, key: str, at: datetime) -> Outcome:
        """What comes of answering their reply: in a project, the talk goes on."""
        note = words.NOTES["replied"][0]
        if not self.is_looking(at):
            return Outcome(CallOutcome.REPLIED, note)
        return Outcome(CallOutcome.REPLIED, note, facts=self._told(key, at, ("pain_points", "timeline", "people")))

    def _told(self, key: str, at: datetime, ask: tuple[str, ...]) -> dict[str, str]:
        """What they tell: in a project most of what is asked, else little; a date that passed is told by nobody."""
        looking, found = self.is_looking(at), {}
        extra = ("drivers", "current_solution", "competitors", "next_step") if looking else ("current_solution",)
        for name in dict.fromkeys((*ask, *extra)):
            share = (0.85 if name in ask else 0.35) if looking else (0.4 if name in ask else 0.15)
            if not self.chance.hits(share, "tells", name, self.who.email, key):
                continue
            told = self._fact(name, at, looking=looking)
            if told:
                found[name] = told
        return found

    def _fact(self, name: str, at: datetime, *, looking: bool) -> str:
        """What is true of their company."""
        about = (name, self.who.company)
        if name == "timeline":
            if self.decides_on is None or self.decides_on <= at:
                return ""
            return f"They decide in {_MONTHS[self.decides_on.month - 1]} {self.decides_on.year}."
        if name in ("budget", "budget_process", "competitors", "drivers", "next_step") and not looking:
            return ""
        if name == "budget":
            amount = f"{self.worth():,.0f}"
            return self.chance.one_of(words.BUDGETS, *about).format(amount=amount, currency=self.currency)
        if name == "people":
            texts = self.who.texts
            return self.chance.one_of(words.PEOPLE, *about).format(
                first=texts["first_name"], last=texts["last_name"], title=self.who.title
            )
        if name == "events" and not looking:
            return self.chance.one_of((*words.EVENTS, *words.NOTHING_PLANNED), *about)
        choices = {
            "pain_points": words.PAINS,
            "budget_process": words.BUDGET_PROCESS,
            "drivers": words.DRIVERS,
            "competitors": words.COMPETITORS,
            "current_solution": words.SOLUTIONS,
            "events": words.EVENTS,
            "next_step": words.NEXT_STEPS,
        }.get(name)
        return self.chance.one_of(choices, *about) if choices else ""

    @property
    def currency(self) -> str:
        """In which they count."""
        return {"US": "USD", "CA": "CAD", "GB": "GBP", "BR": "USD"}.get(self.who.texts["country"], "EUR")

    def worth(self) -> float:
        """What the project is worth, in whole thousands."""
        employees = float(self.who.texts["employees"] or 100)
        factor = self.chance.between(0.6, 1.6, "worth", self.who.company)
        return float(round((18 + float(employees**0.55)) * factor) * 1_000)

    # What sales finds out -------------------------------------------------------------------------------------

    def offered(self, at: datetime) -> str:
        """What a rep says to the offer: `accept`, or a reason to reject."""
        share = 0.93 if self.is_looking(at) else 0.35
        if self.chance.hits(share, "accept", self.who.email, at.date()):
            return "accept"
        reasons = [("bad_timing", 4.0), ("no_budget_yet", 3.0), ("unreachable", 1.0), ("no_fit", 1.0)]
        return self.chance.weighted(reasons, "reject", self.who.email, at.date())

    def sold(self, contacted: datetime) -> tuple[datetime, str]:
        """When the deal ends, and how: `won`, or a reason why it is lost."""
        least = contacted + timedelta(days=round(self.chance.between(21, 75, "sale takes", self.who.email)))
        at = max(least, self.decides_on) if self.decides_on is not None else least
        ends = [("won", 0.42), ("no_decision", 0.30), ("to_competitor", 0.28)]
        return at, self.chance.weighted(ends, "sale", self.who.company)


_SCANNER: Final = "every link followed within seconds of delivery, in order: a mail filter"


def character(chance: Chance, who: Someone, start: datetime, days: int) -> Character:
    """The person with their hidden side."""
    looks_from = decides_on = None
    if chance.hits(_PROJECTS, "project", who.company):
        looks_from = start + timedelta(days=chance.between(-60, days, "looks from", who.company))
        decides_on = looks_from + timedelta(days=chance.between(110, 320, "decides on", who.company))
    gone = None
    dead = chance.of("gone", who.email)
    if dead < 0.022:
        gone = start - timedelta(days=30)
    elif dead < 0.06:
        gone = start + timedelta(days=chance.between(0, 365, "leaves on", who.email))
    warmth = chance.of("warmth", who.email) ** 3
    return Character(chance, who, looks_from, decides_on, gone, warmth, chance.hits(0.07, "scanned", who.company))
