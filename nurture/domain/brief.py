"""The sales brief: what is known of a purchase, with source and date; what is not; why now; who expects a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from nurture.domain.buying_group import missing_roles
from nurture.domain.fact import Fact, FactName
from nurture.domain.promotion import last_request, local_day, reason_of, words_of
from nurture.domain.response import CallOutcome, Grade, Kind, Response

if TYPE_CHECKING:
    from nurture.domain.lead import Company, Lead
    from nurture.domain.scoring import Worth
    from nurture.domain.timeline import Entry

PROFILE: Final = "company_profile"
UNKNOWN: Final = "unknown: ask"
# The order in which a rep needs them.
SECTIONS: Final[dict[str, str]] = {
    PROFILE: "Company profile",
    FactName.BUDGET: "Budget",
    FactName.BUDGET_PROCESS: "Budget process",
    FactName.TIMELINE: "Decision timeline",
    FactName.PEOPLE: "People in the decision",
    FactName.DRIVERS: "Drivers",
    FactName.EVENTS: "Events",
    FactName.PAIN_POINTS: "Pain points",
    FactName.HOT_BUTTONS: "Hot buttons",
    FactName.COMPETITORS: "Competitors",
    FactName.CURRENT_SOLUTION: "Current solution",
    FactName.NEXT_STEP: "Next step",
}
# What one person cares about, or agreed with us; the rest is about the company, and colleagues know it too.
PERSONAL: Final = frozenset({FactName.HOT_BUTTONS, FactName.NEXT_STEP})
# There is one of each: two statements that differ contradict each other. Of people and pains there are many.
SINGLE: Final = frozenset(
    {FactName.BUDGET, FactName.BUDGET_PROCESS, FactName.TIMELINE, FactName.CURRENT_SOLUTION, FactName.NEXT_STEP}
)
# Longer ago, what somebody did is history and no reason to call now.
RECENT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that is known: from where, since when, how surely; `stale` when too old to rely on, or past."""

    text: str
    source: str
    at: datetime | None
    confidence: str
    stale: bool = False

    def as_json(self) -> dict[str, Any]:
        """The keys of the contract, and whether it is stale."""
        at = self.at.isoformat() if self.at else None
        return {
            "text": self.text,
            "source": self.source,
            "at": at,
            "confidence": self.confidence,
            "stale": self.stale,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a brief, the newest statement first. Statements that contradict each other are all kept.

    `missing`: of the people in the decision, the roles that nobody is known for.
    """

    name: str
    statements: tuple[Statement, ...] = ()
    contradicted: bool = False
    missing: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The heading."""
        return SECTIONS[self.name]

    @property
    def known(self) -> bool:
        """Whether anything in it is fresh enough to rely on."""
        return any(not one.stale for one in self.statements)

    def as_json(self) -> dict[str, Any]:
        """The keys of the contract, the heading, and whether statements contradict each other."""
        return {
            "name": self.name,
            "title": self.title,
            "known": self.known,
            "contradicted": self.contradicted,
            "missing": list(self.missing),
            "statements": [one.as_json() for one in self.statements],
        }


@dataclass(frozen=True, slots=True)
class Brief:
    """What sales receives about one lead, as of `at`. `zone` is the lead's, for times of day."""

    lead: Lead
    at: datetime
    zone: str
    expects_call: str
    why_now: tuple[str, ...]
    sections: tuple[Section, ...]
    score: float
    ledger: tuple[Worth, ...]
    history: tuple[Entry, ...]
    colleagues: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The keys of `handoff brief`, and what a page needs besides."""
        lead = self.lead
        return {
            "lead": str(lead.id),
            "email": lead.email,
            "name": lead.name,
            "title": lead.title,
            "phone": lead.phone,
            "do_not_call": lead.do_not_call,
            "owner": lead.owner,
            "company": lead.company.name if lead.company else None,
            "at": self.at.isoformat(),
            "timezone": self.zone,
            "expects_call": self.expects_call,
            "why_now": list(self.why_now),
            "sections": [section.as_json() for section in self.sections],
            "colleagues": list(self.colleagues),
            "score": round(self.score, 2),
            "stage": lead.stage.value,
            "ledger": [
                {
                    "kind": line.kind,
                    "points": line.points,
                    "worth": round(line.worth, 2),
                    "because": line.because,
                    "at": line.at.isoformat() if line.at else None,
                }
                for line in self.ledger
            ],
            "history": [entry.as_json() for entry in self.history],
        }


def sections_of(
    lead: Lead,
    facts: Sequence[Fact],
    shared: Sequence[tuple[str, Fact]],
    *,
    valid_since: datetime,
    now: datetime,
    titles: Sequence[str] = (),
) -> tuple[Section, ...]:
    """Every section in its order, also the empty ones. `shared`: facts of colleagues, with whose they are.

    `titles`: of the lead and the colleagues whom we know.
    """
    found = [_profile(lead.company)]
    for name in FactName:
        own = [(fact, _source(fact)) for fact in facts if fact.name is name]
        theirs = (
            [] if name in PERSONAL else [(fact, _source(fact, whose)) for whose, fact in shared if fact.name is name]
        )
        ordered = sorted(own + theirs, key=lambda pair: pair[0].at, reverse=True)
        statements = _said_once(ordered, valid_since, now)
        said = {one.text.strip().casefold() for one in statements if not one.stale}
        missing: tuple[str, ...] = ()
        if name is FactName.PEOPLE:
            missing = missing_roles([one.text for one in statements if not one.stale], titles)
        found.append(Section(name.value, statements, name in SINGLE and len(said) > 1, missing))
    order = list(SECTIONS)
    return tuple(sorted(found, key=lambda section: order.index(section.name)))


def _said_once(ordered: Sequence[tuple[Fact, str]], valid_since: datetime, now: datetime) -> tuple[Statement, ...]:
    """The statements, newest first; what several said, or one said again, stands once with all its sources."""
    sources: dict[str, list[str]] = {}
    newest: dict[str, Fact] = {}
    for fact, source in ordered:
        key = " ".join(fact.value.casefold().split()).rstrip(".")
        newest.setdefault(key, fact)
        sources.setdefault(key, []).append(source)
    return tuple(
        Statement(
            fact.value,
            "; also ".join(dict.fromkeys(sources[key])),
            fact.at,
            fact.confidence.value,
            stale=not fact.is_fresh(since=valid_since, now=now),
        )
        for key, fact in newest.items()
    )


def _source(fact: Fact, whose: str = "") -> str:
    words = fact.source + (f", written down by {fact.by}" if fact.by and fact.by != fact.source else "")
    return f"{words}; said by {whose}" if whose else words


def _profile(company: Company | None) -> Section:
    if company is None:
        return Section(PROFILE)
    lines = [
        company.name,
        f"Industry: {company.industry}" if company.industry else "",
        f"Employees: {company.employees:,}" if company.employees is not None else "",
        f"Revenue: {company.revenue:,.0f}" if company.revenue is not None else "",
        f"Country: {company.country}" if company.country else "",
        f"Web: {company.domain}" if company.domain else "",
        f"Fiscal year starts on (month-day) {company.fiscal_year_start}" if company.fiscal_year_start else "",
    ]
    return Section(PROFILE, tuple(Statement(line, "company record", None, "stated") for line in lines if line))


# Whether they expect the call, and why now ------------------------------------------------------------------------


def expects_call(
    responses: Sequence[Response],
    promises: Iterable[Mapping[str, Any]],
    *,
    asked_for_sales: bool,
    zone: ZoneInfo,
    now: datetime,
) -> str:
    """The first line of a brief: whether they expect a call, and when. `promises`: rows with due_on, text, sentence."""
    today = now.astimezone(zone).date()
    told = [_promised(one, today) for one in promises if one["state"] == "open"]
    agreed = _agreed(responses, zone, now)
    if agreed:
        return agreed
    if told:
        return told[0]
    asked = last_request(responses)
    if asked is not None and asked_for_sales:
        words = _quoted(str(asked.detail.get("sentence") or asked.detail.get("text") or ""))
        return f"Yes, as soon as possible: they asked for sales on {local_day(asked.at, zone)}{words}."
    if asked_for_sales:
        return "Yes, as soon as possible: they asked for sales."
    last = _last_words(responses)
    if last is not None:
        return (
            f"No call was agreed. When we last heard from them, on {local_day(last.at, zone)}, they {words_of(last)}."
        )
    return "No. They have not spoken with us yet: say first who you are and why you call."


def _promised(promise: Mapping[str, Any], today: date) -> str:
    on: date = promise["due_on"]
    words = _quoted(str(promise.get("sentence") or ""))
    if on < today:
        return f"Yes, and it is late: for {_spoken_day(on)} we promised: {promise['text']}{words}."
    return f"Yes, on {_spoken_day(on)}. We promised: {promise['text']}{words}."


def _agreed(responses: Sequence[Response], zone: ZoneInfo, now: datetime) -> str:
    """A callback or meeting that is still to come, from the latest word on it."""
    calls = [one for one in responses if one.kind is Kind.CALL and one.grade is Grade.HUMAN and one.outcome]
    for one in sorted(calls, key=lambda call: call.at, reverse=True):
        if one.outcome not in (CallOutcome.CALLBACK, CallOutcome.MEETING_BOOKED):
            return ""
        until = one.detail.get("until")
        if not until:
            return "Yes: a meeting is booked." if one.outcome is CallOutcome.MEETING_BOOKED else ""
        text = str(until)
        moment = datetime.fromisoformat(text)
        timed = len(text) > len("2027-01-15")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        if moment + timedelta(days=1) <= now:
            return ""
        clock = f" at {moment.astimezone(zone):%H:%M} ({zone.key})" if timed else ""
        kind = "a meeting is booked" if one.outcome is CallOutcome.MEETING_BOOKED else "they asked to be called back"
        return f"Yes, on {local_day(moment, zone)}{clock}: {kind}, agreed on {local_day(one.at, zone)}."
    return ""


def why_now(
    promoted: Sequence[str],
    responses: Sequence[Response],
    stage_changes: Iterable[tuple[datetime, str]],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[str, ...]:
    """The reasons to call now, with their dates: the promotion's, the change of stage, what people did lately.

    Days are those of `zone`, the lead's.
    """
    found = list(promoted)
    latest = max(stage_changes, default=None)
    if latest is not None:
        found.append(f"{local_day(latest[0], zone)}: {stage_words(latest[1])}")
    recent = [one for one in responses if one.is_evidence and now - one.at <= RECENT]
    said: dict[str, Response] = {}
    for one in sorted(recent, key=lambda response: response.at):
        said[words_of(one)] = one
    for words, one in sorted(said.items(), key=lambda pair: pair[1].at, reverse=True)[:5]:
        if reason_of(one, zone) not in promoted:
            found.append(f"{local_day(one.at, zone)}: {words}")
    return tuple(dict.fromkeys(found))


def stage_words(change: str) -> str:
    """A change of stage as a rep says it. The condition of the file, after the colon, is for `why`."""
    return "from " + change.partition(":")[0].replace("_term", "-term").replace(" -> ", " to ")


def _last_words(responses: Sequence[Response]) -> Response | None:
    spoken = [one for one in responses if one.is_evidence and one.kind in (Kind.CALL, Kind.REPLY, Kind.MEETING)]
    return max(spoken, key=lambda one: one.at, default=None)


def _quoted(text: str) -> str:
    words = " ".join(text.split())
    return f" (“{words[:160]}{'…' if len(words) > 160 else ''}”)" if words else ""


def _spoken_day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
