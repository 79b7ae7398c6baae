"""What the API takes and gives, for its document and for the check of what arrives."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from nurture.domain.enrollment import State as EnrollmentState
from nurture.domain.fact import Confidence, FactName
from nurture.domain.handoff import State as HandoffState
from nurture.domain.lead import Stage, Status
from nurture.domain.response import Grade, Intent, Kind
from nurture.domain.row import GIVEN_NAMES

LARGEST: Final = 2**63 - 1
# No NUL: a database cannot keep it. Anything else, lines among it.
PLAIN: Final = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=PLAIN)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=PLAIN)]
Who = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=PLAIN)]


def _as_written(value: object) -> object:
    """Dates are texts in ISO 8601: a number could mean seconds, days or a slip."""
    if not isinstance(value, str) or not value[:4].isdigit() or value[4:5] != "-":
        raise ValueError("write a date in ISO 8601, such as 2027-01-15T10:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_as_written)]
Day = Annotated[date, BeforeValidator(_as_written)]


class Body(BaseModel):
    """What arrives: no key that is not known, and no number where a text belongs."""

    model_config = ConfigDict(extra="forbid")


class Refusal(BaseModel):
    """Why not, and what to do."""

    error: str
    hint: str


# What is given -------------------------------------------------------------------------------------------------


class LeadRow(BaseModel):
    """A lead with every flat name; fields of your own are called x.NAME."""

    model_config = ConfigDict(extra="allow")
    id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    title: str | None
    phone: str | None
    company: str | None
    domain: str | None
    industry: str | None
    employees: int | None
    revenue: float | None
    country: str | None
    timezone: str | None
    language: str | None
    source: str | None
    owner: str | None
    external_id: str | None
    status: Status
    stage: Stage
    score: float
    fit: float
    engagement: float
    timeline_months: float | None
    asked_for_sales: bool
    created_at: Moment | None


class LedgerLine(BaseModel):
    """One reason. The sum of `worth` is the score."""

    kind: str
    points: float
    worth: float
    because: str
    at: Moment | None


class ScoreRow(BaseModel):
    """The score of a lead with its reasons."""

    lead: str
    email: str | None
    score: float
    fit: float
    engagement: float
    stage: Stage
    ledger: list[LedgerLine]


class TimelineRow(BaseModel):
    """One entry of the history of a lead."""

    at: Moment
    what: str
    channel: str | None
    grade: str | None
    text: str


class RefusedRow(BaseModel):
    """A lead that was not taken: its place in the list, from 1, and why."""

    line: int
    reason: str


class TakenRow(BaseModel):
    """What became of leads that were sent."""

    batch: str
    created: int
    updated: int
    unchanged: int
    refused: list[RefusedRow]


class ResponseRow(BaseModel):
    """A response that was recorded."""

    id: str
    lead: str | None
    email: str | None
    touch: str | None
    kind: Kind
    grade: Grade
    at: Moment
    recorded_at: Moment
    why: str | None
    detail: dict[str, Any]


class RecordedRow(BaseModel):
    """What a report became: `response` is null where it was recorded before."""

    response: str | None
    lead: str
    email: str | None
    touch: str | None
    note: str | None
    stage: Stage
    status: Status


class EnrollmentRow(BaseModel):
    """One lead in one version of one cadence."""

    id: str
    lead: str
    email: str | None
    cadence: str
    version: int
    step: str | None
    state: EnrollmentState
    next_at: Moment | None
    held_out: bool
    started_at: Moment
    ended_at: Moment | None
    reason: str | None
    pauses: dict[str, Any]


class TaskRow(BaseModel):
    """Work for a person; `questions` are those still open."""

    id: str
    lead: str
    email: str | None
    name: str
    phone: str | None
    channel: str
    cadence: str | None
    step: str
    due_at: Moment
    expires_at: Moment | None
    script: str | None
    questions: list[str]
    assigned: str | None
    claimed_by: str | None


class NextRow(TaskRow):
    """A task for who does it: `history` is what was said and done so far."""

    history: list[TimelineRow]


class HandoffRow(BaseModel):
    """One offer of one lead to one rep."""

    id: str
    lead: str
    email: str | None
    rep: str | None
    state: HandoffState
    offered_at: Moment | None
    due_at: Moment | None
    reason: str | None
    contacted_at: Moment | None
    ended_at: Moment | None
    return_at: Moment | None
    note: str | None
    amount: float | None
    currency: str | None


class AnsweredRow(BaseModel):
    """A handoff after an answer; `changed` is false where it was answered so before."""

    handoff: HandoffRow
    changed: bool
    text: str


class Statement(BaseModel):
    """One thing that is known."""

    text: str
    source: str
    at: Moment | None
    confidence: str
    stale: bool


class Section(BaseModel):
    """One part of a brief."""

    name: str
    title: str
    known: bool
    contradicted: bool
    missing: list[str]
    statements: list[Statement]


class BriefRow(BaseModel):
    """What sales receives about a lead."""

    model_config = ConfigDict(extra="allow")
    lead: str
    email: str | None
    company: str | None
    expects_call: str
    why_now: list[str]
    sections: list[Section]
    history: list[TimelineRow]


# What is taken -------------------------------------------------------------------------------------------------

Given = str | int | float | bool | None
_NAMES: Final = sorted(GIVEN_NAMES)


class LeadBody(BaseModel):
    """A lead: flat names of an import, and fields of your own called x.NAME. Who is known is updated, never doubled.

    A value that cannot be read refuses the lead, with the reason in the answer, and no other.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "properties": {name: {"type": ["string", "number", "boolean", "null"]} for name in _NAMES},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
    )
    __pydantic_extra__: dict[str, Annotated[Given, Field(union_mode="left_to_right")]]


class FactBody(Body):
    """Something that was learned about the purchase."""

    name: FactName
    value: Said
    source: Word = "api"
    confidence: Confidence = Confidence.STATED


class ResponseBody(Body):
    """Something that a lead did. The outcome of a task is sent to the task."""

    lead: Who
    kind: Literal["reply", "click", "form", "visit", "download", "meeting", "call", "unsubscribe", "complaint"]
    at: Moment | None = None
    touch: Word | None = None
    intent: Intent | None = None
    outcome: Literal["connected", "not_interested", "wrong_person", "left_company", "replied", "do_not_call"] | None = (
        None
    )
    url: Text | None = None
    page: Text | None = None
    form: Text | None = None
    text: Text | None = None
    until: Day | None = Field(None, description="A day that they named: it becomes a promise.")
    id: Word | None = Field(None, description="Your own id: a repeated report is the same.")


class EnrollBody(Body):
    """Enroll a lead by hand."""

    lead: Who
    cadence: Word


class PauseBody(Body):
    """Stop touching a lead, until a moment or until it is resumed."""

    lead: Who
    until: Moment | None = None


class ResumeBody(Body):
    """Let a lead go on that was paused."""

    lead: Who


class StopBody(Body):
    """End the enrollments of a lead, all or those in one cadence."""

    lead: Who
    cadence: Word | None = None


class PersonBody(Body):
    """Who acts: a name or address of people.yaml."""

    person: Who


class _Done(Body):
    person: Who | None = Field(None, description="Who did it; the token, if not given.")
    text: Text = ""
    facts: dict[FactName, Said] = Field(default_factory=dict)


class CallbackBody(_Done):
    """They asked to be called back, and when."""

    outcome: Literal["callback"]
    until: Moment


class MeetingBody(_Done):
    """A meeting was booked."""

    outcome: Literal["meeting_booked"]
    until: Moment | None = None


class OutcomeBody(_Done):
    """Any other end of a task."""

    outcome: Literal[
        "connected",
        "voicemail",
        "no_answer",
        "busy",
        "gatekeeper",
        "wrong_number",
        "not_interested",
        "wrong_person",
        "left_company",
        "replied",
        "do_not_call",
        "meeting_held",
        "meeting_canceled",
        "no_show",
    ]


DoneBody = Annotated[CallbackBody | MeetingBody | OutcomeBody, Field(discriminator="outcome")]


class AcceptBody(Body):
    """Take a lead; what becomes of its colleagues is the rep's choice."""

    colleagues: Literal["continue", "pause", "take"] = "continue"


class RejectBody(Body):
    """Say no, with one of the agreed reasons."""

    reason: Word
    until: Day | None = None
    note: Annotated[str, StringConstraints(max_length=2_000, pattern=PLAIN)] = ""


class WonBody(Body):
    """The deal is done."""

    value: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})? [A-Z]{3}$")] | None = Field(
        None, description="12500 EUR"
    )


class LostBody(Body):
    """The deal is lost; an agreed reason brings the lead back."""

    reason: Word | None = None
    until: Day | None = None
