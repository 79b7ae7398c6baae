"""Is a lead ready for sales: Promote with its reasons, a call at once, or Keep with what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.fact import Fact, FactName
from nurture.domain.lead import Lead, Status
from nurture.domain.response import REFUSALS, CallOutcome, Grade, Intent, Kind, Response

if TYPE_CHECKING:
    from nurture.domain.condition import Condition, History
    from nurture.domain.readiness import Readiness


class Code(StrEnum):
    """Why a lead is not with sales. The codes are contract."""

    STAGE = "stage"
    FIT = "fit"
    NO_HUMAN_EVIDENCE = "no_human_evidence"
    MISSING_FACTS = "missing_facts"
    NO_REP = "no_rep"
    CAPACITY = "capacity"
    RETURNING = "returning"
    SAME_REP = "same_rep"


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is missing. `names`: the facts and fields; `clears_at`: when time alone clears it; `line`: the
    rule in readiness.yaml, 0 where there is none."""

    code: Code
    text: str
    names: tuple[str, ...] = ()
    clears_at: datetime | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Promote:
    """Ready for sales, with the reasons in words."""

    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallNow:
    """A hand-raiser: to be called within `fast.call_within`, before anything else is asked."""

    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Not ready; everything that is missing."""

    missing: tuple[Missing, ...]

    @property
    def only_facts(self) -> bool:
        """Whether nothing but facts is missing: then somebody asks for them."""
        return {one.code for one in self.missing} == {Code.MISSING_FACTS}


Judgement = Promote | CallNow | Keep

# What a person said that ends a conversation, besides the refusals of a reply.
_LEAVE_ME_ALONE: Final = frozenset({Kind.UNSUBSCRIBE, Kind.COMPLAINT})
_NO_ON_THE_PHONE: Final = frozenset({CallOutcome.NOT_INTERESTED, CallOutcome.DO_NOT_CALL})
_OF_BUYING_MODE: Final = frozenset({"stage", "timeline_months", "engagement", "asked_for_sales"})


def judge(
    lead: Lead,
    names: Mapping[str, Any],
    history: History,
    facts: Sequence[Fact],
    responses: Sequence[Response],
    readiness: Readiness,
    now: datetime,
    *,
    suppressed: bool = False,
    called_at: datetime | None = None,
    rejected_at: datetime | None = None,
    shared: Sequence[Fact] = (),
    zone: tzinfo = UTC,
) -> Judgement:
    """Whether this lead goes to sales now, and why or why not.

    `suppressed`: it must not be contacted. `called_at`: when the fast lane last took it. `rejected_at`: when sales last
    rejected it; it comes back only with something new. `facts` are everything learned, of any age; `shared` what
    colleagues said about the company, which is known of this lead, too. `zone` is the lead's, for the days it names.
    """
    held = lead.held_until
    if held is not None and held > now and not lead.asked_for_sales:
        words = f"It returns on {held:%Y-%m-%d}; until then nothing promotes it unless it asks."
        return Keep((Missing(Code.RETURNING, words, clears_at=held),))
    if suppressed:
        return Keep((Missing(Code.NO_HUMAN_EVIDENCE, "They asked not to be contacted."),))
    if _fast(names, history, responses, facts, readiness, now, called_at=called_at):
        return CallNow(_fast_reasons(responses, zone))
    if readiness.promote_when is None:
        return Keep((Missing(Code.STAGE, "readiness.yaml says no promote.when: nothing is promoted by itself."),))
    missing = [
        *_unmet(readiness.promote_when, names, history, line=readiness.promote_line),
        *_evidence_missing(responses, readiness, now),
        *_news_missing(facts, responses, rejected_at),
    ]
    lacking = lacking_of(readiness.require, names, [*facts, *shared], readiness, now)
    if lacking:
        words = "Not known, or too long ago: " + ", ".join(name.replace("_", " ") for name in lacking) + "."
        missing.append(Missing(Code.MISSING_FACTS, words, names=lacking, line=readiness.promote_line))
    return Keep(tuple(missing)) if missing else Promote(_reasons(names, responses, zone))


def _unmet(condition: Condition, names: Mapping[str, Any], history: History, *, line: int) -> list[Missing]:
    """The parts of the condition that do not hold, as codes."""
    found = []
    for part in condition.missing(names, history):
        words = set(re.findall(r"[a-z_.]+", re.sub(r"'[^']*'|\"[^\"]*\"", "", part)))
        code = Code.STAGE if words & _OF_BUYING_MODE else Code.FIT
        values = ", ".join(f"{name} is {_spoken(names.get(name))}" for name in sorted(words & names.keys()))
        found.append(Missing(code, f"It needs {part}" + (f"; {values}." if values else "."), line=line))
    return found


def _spoken(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def latest_evidence(responses: Iterable[Response]) -> Response | None:
    """The latest thing that a person did which shows interest, unless a refusal came after it."""
    found: Response | None = None
    for one in sorted(responses, key=lambda response: response.at):
        if is_refusal(one):
            found = None
        elif one.is_evidence:
            found = one
    return found


def is_refusal(response: Response) -> bool:
    """Whether a person said by it that they want to be left alone."""
    if response.grade is not Grade.HUMAN:
        return False
    if response.kind in _LEAVE_ME_ALONE or response.intent in REFUSALS:
        return True
    return response.kind is Kind.CALL and response.outcome in _NO_ON_THE_PHONE


def _evidence_missing(responses: Sequence[Response], readiness: Readiness, now: datetime) -> list[Missing]:
    last = latest_evidence(responses)
    line = readiness.promote_line
    if last is None:
        refused = any(is_refusal(one) for one in responses)
        words = "The last thing they said was a refusal." if refused else "No person has shown interest yet."
        return [Missing(Code.NO_HUMAN_EVIDENCE, words, line=line)]
    if last.at < now - readiness.human_evidence_within.span:
        words = f"The last sign of a person was on {last.at:%Y-%m-%d}, over {readiness.human_evidence_within} ago."
        return [Missing(Code.NO_HUMAN_EVIDENCE, words, line=line)]
    return []


def _news_missing(facts: Sequence[Fact], responses: Sequence[Response], rejected_at: datetime | None) -> list[Missing]:
    """Sales has judged all this already: without anything new, the next rep would be asked the same question."""
    if rejected_at is None or any(fact.at > rejected_at for fact in facts):
        return []
    last = latest_evidence(responses)
    if last is not None and last.at > rejected_at:
        return []
    return [Missing(Code.NO_HUMAN_EVIDENCE, f"Nothing new since sales rejected it on {rejected_at:%Y-%m-%d}.")]


def lacking_of(
    required: Sequence[str], names: Mapping[str, Any], facts: Sequence[Fact], readiness: Readiness, now: datetime
) -> tuple[str, ...]:
    """Which of the required facts and flat names are not known; facts older than `facts_valid` are not."""
    valid = now - readiness.facts_valid.span
    fresh = {fact.name.value for fact in facts if fact.is_fresh(since=valid, now=now)}
    all_facts = {one.value for one in FactName}

    def known(name: str) -> bool:
        return name in fresh if name in all_facts else names.get(name) not in (None, "", False)

    return tuple(name for name in required if not known(name))


# The fast lane ---------------------------------------------------------------------------------------------------


def _fast(
    names: Mapping[str, Any],
    history: History,
    responses: Sequence[Response],
    facts: Sequence[Fact],
    readiness: Readiness,
    now: datetime,
    *,
    called_at: datetime | None,
) -> bool:
    """Whether somebody raised a hand and nobody was sent to call since."""
    if readiness.fast_when is None or not readiness.fast_when.holds(names, history):
        return False
    if lacking_of(readiness.fast_require, names, facts, readiness, now):
        return False
    asked = last_request(responses)
    return called_at is None or (asked is not None and asked.at > called_at)


def last_request(responses: Iterable[Response]) -> Response | None:
    """The latest time at which a person asked for sales."""
    asked = [one for one in responses if one.grade is Grade.HUMAN and one.intent is Intent.REQUEST]
    return max(asked, key=lambda one: one.at, default=None)


def _fast_reasons(responses: Sequence[Response], zone: tzinfo) -> tuple[str, ...]:
    asked = last_request(responses)
    return (f"asked for sales on {local_day(asked.at, zone)}" if asked else "asked for sales",)


def _reasons(names: Mapping[str, Any], responses: Sequence[Response], zone: tzinfo) -> tuple[str, ...]:
    stage = str(names["stage"]).replace("_", "-")
    fit, engagement = (f"{names[name]:.0f}" for name in ("fit", "engagement"))
    found = [f"ready as agreed: {stage}, {fit} points for who they are and {engagement} for what they did lately"]
    last = latest_evidence(responses)
    if last is not None:
        found.append(reason_of(last, zone))
    if names.get("asked_for_sales") and "asked for sales" not in found[-1]:
        found.append("asked for sales")
    months = names.get("timeline_months")
    if isinstance(months, float):
        found.append(f"expects to decide {_in_about(months)}")
    return tuple(found)


def _in_about(months: float) -> str:
    """How long until then, as one says it: nobody names a month's tenth."""
    if months >= 1.5:
        return f"in about {months:.0f} months"
    if months >= 0.9:
        return "in about a month"
    weeks = round(months * 365.25 / 12 / 7)
    return f"in about {weeks} weeks" if weeks > 1 else "within days"


def reason_of(response: Response, zone: tzinfo) -> str:
    """What a person did and on which day of theirs, as a promotion names it."""
    return f"{words_of(response)} on {local_day(response.at, zone)}"


def local_day(moment: datetime, zone: tzinfo) -> str:
    """The day of a moment where the lead is, in words: 3 March 2026."""
    day = moment.astimezone(zone)
    return f"{day.day} {day:%B %Y}"


def words_of(response: Response) -> str:
    """What a person did, as one says it."""
    detail = response.detail
    match response.kind:
        case Kind.CLICK:
            return "followed a link"
        case Kind.REPLY:
            if response.intent is Intent.REQUEST:
                return "replied and asked for sales"
            return f"replied ({response.intent.replace('_', ' ')})" if response.intent else "replied"
        case Kind.CALL:
            if response.outcome in (None, CallOutcome.CONNECTED):
                return "spoke with us on the phone"
            return _ON_THE_PHONE.get(response.outcome, f"call: {response.outcome.replace('_', ' ')}")
        case Kind.FORM:
            return f"filled in the form {detail['form']}" if detail.get("form") else "filled in a form"
        case Kind.VISIT:
            return f"visited {detail['page']}" if detail.get("page") else "visited our site"
        case Kind.DOWNLOAD:
            return "downloaded something"
        case Kind.MEETING:
            return "met with us"
        case _:
            return response.kind.replace("_", " ")


# What a person did who is the subject of a task that ended so.
_ON_THE_PHONE: Final[dict[CallOutcome, str]] = {
    CallOutcome.CALLBACK: "asked to be called back",
    CallOutcome.REPLIED: "answered our message",
    CallOutcome.MEETING_BOOKED: "agreed to a meeting",
    CallOutcome.MEETING_HELD: "met with us",
    CallOutcome.NOT_INTERESTED: "said on the phone that they are not interested",
}

# A lead in one of these is nobody's to promote: it is with sales already, or gone.
PROMOTABLE: Final = frozenset({Status.NURTURING})
