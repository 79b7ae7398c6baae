"""What follows from responses: score, stage, consent, touch, task and enrollments, in the transaction of the caller.

A response is stored once (its natural key is unique), whatever arrives how often and in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import calendar, scoring
from nurture.domain import touch as touches
from nurture.domain.duration import Duration, Unit
from nurture.domain.enrollment import Enrollment, Pause
from nurture.domain.errors import RefusedError, RequestError
from nurture.domain.lead import LeadId
from nurture.domain.response import Bounce, CallOutcome, Grade, Intent, Kind, Response, page_of
from nurture.domain.touch import REPLY_STEP, Channel, State, Touch
from nurture.moves import enrolling
from nurture.moves.calls import who_does
from nurture.moves.caution import watch_mail
from nurture.moves.ending import end_calls
from nurture.moves.facts import add_fact
from nurture.moves.grading import BEARS_ON_HITS, regrade
from nurture.moves.promises import drop, keep, promise, stated_time
from nurture.moves.proof import prove_sent
from nurture.moves.rescore import rescore
from nurture.moves.scene import Scene, load
from nurture.ports.store import Change, Suppression

if TYPE_CHECKING:
    from nurture.domain.machines import Hit
    from nurture.domain.policy import Policy
    from nurture.ports import InForce
    from nurture.ports import Unit as Work

# An out-of-office mail without a date pauses for so long; with one, until a business day after it.
AWAY: Final = timedelta(days=14)
ONE_BUSINESS_DAY: Final = Duration(1, Unit.BUSINESS_DAYS)
ANSWER_WITHIN: Final = Duration(4, Unit.BUSINESS_HOURS)
PROVES_SENT: Final = frozenset({Kind.DELIVERED, Kind.OPEN, Kind.CLICK, Kind.REPLY, Kind.COMPLAINT, Kind.UNSUBSCRIBE})
MEETINGS: Final = frozenset({CallOutcome.MEETING_BOOKED, CallOutcome.MEETING_HELD})
ENDS: Final = frozenset({CallOutcome.NOT_INTERESTED, CallOutcome.WRONG_PERSON, CallOutcome.LEFT_COMPANY})


@dataclass(frozen=True, slots=True)
class Report:
    """Something that is said to have happened. `key` makes the same event the same, however often it is reported.

    `detail`: url, page, form, intent, outcome, bounce, until (ISO date), text, sentence, facts: {NAME: value}.
    """

    kind: Kind
    at: datetime
    lead: LeadId | None = None
    touch: str | None = None
    grade: Grade = Grade.HUMAN
    detail: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    key: str = ""

    @property
    def response(self) -> Response:
        """What is stored of it."""
        return Response(self.kind, self.at, self.lead, self.touch, self.grade, self.detail, self.why)

    @property
    def natural_key(self) -> str:
        """What makes the same event the same. A provider's own event id is only a hint: it may change."""
        if self.key:
            return self.key
        who = self.touch or f"lead {self.lead}"
        return f"{who}|{self.kind}|{self.at.isoformat()}|{self.detail.get('url') or self.detail.get('page') or ''}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a report became: the response row, or None where it was known already or named nobody of ours."""

    report: Report
    response: int | None
    lead: LeadId | None
    note: str = ""


def record_in(
    work: Work,
    reports: Sequence[Report],
    *,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    context: Mapping[str, Sequence[Hit]] | None = None,
) -> list[Recorded]:
    """Store responses with everything that follows from them, inside a transaction of the caller.

    `context`: opens and clicks by touch that have arrived and are not to be stored yet; others are judged beside them.
    Raises RequestError for a call outcome that lacks what it needs, RefusedError for a task that cannot be done.
    """
    made = work.touches.get({report.touch for report in reports if report.touch and report.lead is None})
    placed = [
        replace(report, lead=made[report.touch].lead) if report.touch in made and report.lead is None else report
        for report in map(_with_page, reports)
    ]
    # The lead first, then its enrollments and touches: everybody in the same order, or two wait for each other.
    work.touches.lock_for_limits({one.lead for one in placed if one.lead is not None}, ())
    placed.sort(key=lambda one: one.at)
    idle = _without_consequences(work, placed)
    judged = {one.lead for one in placed if one.lead is not None and id(one) not in idle}
    scene = load(work, judged, rules=rules, policy=policy, now=now)
    ours = [one for one in placed if one.lead in scene.leads or id(one) in idle]
    numbers = work.responses.add_all([(one.response, one.natural_key) for one in ours], recorded_at=now, by=by)
    stored = {id(one): number for one, number in zip(ours, numbers, strict=True)}
    human = {one.lead for one in ours if one.lead is not None and one.grade is Grade.HUMAN}
    bench = _Bench(work, scene, new_id=new_id, by=by, enrolled=work.enrollments.open_of(human))
    result = []
    for report in placed:
        number = stored.get(id(report))
        if id(report) not in stored:
            result.append(Recorded(report, None, None, "it names no lead of ours"))
        elif number is None:
            result.append(Recorded(report, None, report.lead, "recorded before"))
        else:
            if id(report) not in idle:
                bench.take(report, number)
            result.append(Recorded(report, number, report.lead))
    bench.finish()
    watch_mail(work, [one.report.response for one in result if one.response is not None], policy=policy, now=now)
    new = {one.report.touch for one in result if one.response is not None and one.report.kind in BEARS_ON_HITS}
    if mails := {touch for touch in new if touch is not None}:
        because = "more is known of the mail"
        regrade(work, mails, rules=rules, policy=policy, now=now, by=by, because=because, context=context)
    return result


def _with_page(report: Report) -> Report:
    """The report with its page as conditions ask for it, where the whole address was given."""
    page = page_of(report.kind, report.detail)
    if page == report.detail.get("page"):
        return report
    return replace(report, detail={"url": report.detail.get("page"), **report.detail, "page": page})


def _without_consequences(work: Work, reports: Sequence[Report]) -> set[int]:
    """Of these reports, the ids of those that are only stored: machines, about mails that are known to be sent.

    No rule, condition or score asks about them, so that nobody need be looked at: most of what a provider tells.
    """
    machines = [one for one in reports if one.grade is Grade.MACHINE and one.touch is not None]
    made = work.touches.get({one.touch for one in machines if one.touch is not None})
    sent = {name for name, touch in made.items() if touch.state is State.SENT}
    return {id(one) for one in machines if one.touch in sent and made[one.touch].lead == one.lead}


class _Bench:
    """The work on the responses of one transaction; each kind has its effect."""

    def __init__(
        self,
        work: Work,
        scene: Scene,
        *,
        new_id: Callable[[], str],
        by: str,
        enrolled: dict[LeadId, list[Enrollment]],
    ) -> None:
        self.work = work
        self.scene = scene
        self.new_id = new_id
        self.by = by
        self.enrolled = enrolled  # where people who responded stand, as far as nothing has ended it here
        self.now = scene.now
        self.touched: set[LeadId] = set()
        self.lines: list[tuple[LeadId, int, scoring.Line]] = []
        self.sums: dict[LeadId, dict[str, scoring.Running]] = {}

    def take(self, report: Report, number: int) -> None:
        """Do what follows from a response that is stored under this number."""
        assert report.lead is not None
        lead, response = report.lead, report.response
        touch = next((one for one in self.scene.touches.get(lead, ()) if one.id == report.touch), None)
        self.touched.add(lead)
        heard = self.scene.responses.get(lead)
        if isinstance(heard, list):
            heard.append(response)
        else:
            self.scene.responses = {**self.scene.responses, lead: [response]}
        proves = report.kind in PROVES_SENT or report.kind is Kind.BOUNCE
        if touch is not None and touch.state is not State.SENT and proves:
            sent = prove_sent(self.work, touch.id, at=report.at, now=self.now)
            if sent is not None:
                self.scene.keep(sent)
        self._score(lead, number, response)
        effect = _EFFECTS.get(report.kind)
        if effect is not None and report.grade is not Grade.MACHINE:
            effect(self, lead, report, touch)
        if report.grade is Grade.HUMAN:
            self._stop_on(lead, report)

    def finish(self) -> None:
        """Write down what all of them come to: ledger, scores, stages, and who is woken by that."""
        self.work.responses.add_lines(self.lines)
        if self.touched:
            rescore(self.work, self.touched, self.scene, sums=self.sums, by=self.by)

    def _score(self, lead: LeadId, number: int, response: Response) -> None:
        rules = self.scene.rules.workspace.scoring
        names = self.scene.names(self.scene.leads[lead])
        history = self.scene.history(self.scene.leads[lead], None)
        lines = scoring.lines_for(rules, response, names, history)
        if lines:
            self.lines += [(lead, number, line) for line in lines]
            before = self.sums.get(lead, self.scene.sums.get(lead, {}))
            self.sums[lead] = scoring.added(before, lines, rules)

    def _stop_on(self, lead: LeadId, report: Report) -> None:
        """What the cadence itself says ends it."""
        kinds = {report.kind}
        if report.kind is Kind.CALL and report.detail.get("outcome") in MEETINGS:
            kinds.add(Kind.MEETING)

        def named(one: Enrollment) -> bool:
            try:
                return bool(kinds & self.scene.rules.program(one.cadence, one.version).cadence.stop_on)
            except RefusedError:  # its version is not stored, so that it stands still; the response counts all the same
                return False

        if any(map(named, self.enrolled.get(lead, ()))):
            enrolling.stop(self.work, [lead], reason=report.kind.value, now=self.now, by=self.by, which=named)

    def _stop(self, lead: LeadId, reason: str) -> None:
        """End every enrollment of a lead."""
        enrolling.stop(self.work, [lead], reason=reason, now=self.now, by=self.by)
        self.enrolled.pop(lead, None)

    # Effects, one for each kind -------------------------------------------------------------------------------

    def reply(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """A person answered: its enrollment stops, the others pause, and somebody answers within hours."""
        intent = Intent(report.detail.get("intent") or Intent.OTHER)
        if intent is Intent.UNSUBSCRIBE:
            self.unsubscribe(lead, report, touch)
            return
        if intent is Intent.REQUEST:
            self.work.leads.update(lead, {"asked_for_sales": True})
            self.scene.leads = {**self.scene.leads, lead: replace(self.scene.leads[lead], asked_for_sales=True)}
        asked = touch.enrollment if touch is not None else None
        enrolling.stop(self.work, [lead], reason="reply", now=self.now, by=self.by, which=lambda one: one.id == asked)
        enrolling.pause(self.work, [lead], Pause.REPLY, until=None, now=self.now, by=self.by)
        self._promise(lead, report)
        self._task(lead, report, intent)

    def _promise(self, lead: LeadId, report: Report) -> None:
        """A stated day or moment becomes a promise with its sentence."""
        on = stated_time(report.detail.get("until"), self.scene.zone_of(self.scene.leads[lead]))
        if on is None:
            return
        sentence = str(report.detail.get("sentence") or "")
        text = str(report.detail.get("promise") or "Get in touch again, as they asked")
        promise(self.work, lead, self.scene, on=on, text=text, sentence=sentence, source=report.kind.value, by=self.by)

    def _task(self, lead: LeadId, report: Report, intent: Intent) -> None:
        """A task to answer, for the owner or the callers, due in four business hours."""
        person = self.scene.leads[lead]
        hours = calendar.WorkingHours(zone=self.scene.policy.timezone, country=self.scene.policy.country or None)
        said = str(report.detail.get("text") or "").strip()
        script = f"{person.name} answered ({intent.replace('_', ' ')})." + (f"\n\n{said}" if said else "")
        self.work.touches.add(
            [
                Touch(
                    id=self.new_id(),
                    lead=lead,
                    step=REPLY_STEP,
                    channel=Channel.EMAIL if person.email else Channel.CALL,
                    state=State.OPEN,
                    due_at=calendar.business_hours_later(report.at, ANSWER_WITHIN, hours),
                    created_at=self.now,
                    company=person.company.id if person.company else None,
                    address=person.email or person.phone,
                    assigned=who_does(self.scene.rules.workspace, person.owner)[0],
                    script=script,
                )
            ]
        )

    def auto_reply(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """Out of office pauses, and is not a reply. Who has left is written to no more, and a person finds another."""
        if report.detail.get("left"):
            self._stop(lead, CallOutcome.LEFT_COMPANY.value)
            self._ask_a_person(lead, report, CallOutcome.LEFT_COMPANY)
            return
        if report.detail.get("away") is False:
            return  # a ticket was opened, or a mail only received: nobody is away
        zone = self.scene.zone_of(self.scene.leads[lead])
        back = stated_time(report.detail.get("until"), zone)
        if back is not None:
            back = calendar.local_day(back, zone) if isinstance(back, datetime) else back
            until = calendar.later(calendar.day_bounds(back, zone)[0], ONE_BUSINESS_DAY, zone=zone)
        else:
            until = report.at + AWAY
        if until > self.now:
            enrolling.pause(self.work, [lead], Pause.AUTO_REPLY, until=until, now=self.now, by=self.by)

    def bounce(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """A hard bounce suppresses the address and ends e-mail only; the other types suppress nothing."""
        if report.detail.get("bounce") != Bounce.HARD:
            return
        address = str(report.detail.get("address") or (touch.address if touch else "") or "")
        address = address or self.scene.leads[lead].email or ""
        if address:
            self._suppress(lead, address, "email", "hard_bounce", report.at)

    def unsubscribe(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """Everything stops at once, for the address that was written to and the one on file."""
        # The reason is the wish, also where it came as a reply.
        reason = Kind.COMPLAINT if report.kind is Kind.COMPLAINT else Kind.UNSUBSCRIBE
        for address in {touch.address if touch else None, self.scene.leads[lead].listed_as} - {None, ""}:
            self._suppress(lead, str(address), "all", reason.value, report.at)
        self._end_all(lead, reason.value)

    def _end_all(self, lead: LeadId, reason: str) -> None:
        self._stop(lead, reason)
        tasks = [one.id for one in self.work.touches.of_leads([lead]).get(lead, ()) if one.state is State.OPEN]
        enrolling.close_touches(self.work, tasks)
        drop(self.work, [lead])

    def _suppress(self, lead: LeadId, address: str, scope: str, reason: str, at: datetime) -> None:
        if self.work.suppressions.add(Suppression(address, scope, reason, at, lead), by=self.by):
            words = f"suppressed ({scope}): {reason.replace('_', ' ')}"
            self.work.notes.add([Change("suppressed", words, self.now, by=self.by, lead=lead)])

    def call(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """The outcome of a task: the task is done, and what was learned or asked for is written down."""
        outcome = CallOutcome(report.detail.get("outcome") or CallOutcome.CONNECTED)
        if outcome is CallOutcome.CALLBACK and not report.detail.get("until"):
            raise RequestError("A callback needs its moment.", hint="Add: --at 2027-01-15T10:00")
        if touch is not None:
            self._done(touch, report, outcome)
        for name, value in dict(report.detail.get("facts") or {}).items():
            self.fact(lead, name, str(value), source="call", at=report.at)
        self._promise(lead, report)
        if outcome in (CallOutcome.DO_NOT_CALL, CallOutcome.WRONG_NUMBER):
            if outcome is CallOutcome.DO_NOT_CALL:
                self.work.leads.update(lead, {"do_not_call": True})
            number = self.scene.leads[lead].phone
            if number:
                self._suppress(lead, number, "phone", outcome.value, report.at)
            end_calls(self.work, lead, now=self.now)
        elif outcome in ENDS:
            self._stop(lead, outcome.value)
        if outcome in (CallOutcome.WRONG_PERSON, CallOutcome.LEFT_COMPANY):
            self._ask_a_person(lead, report, outcome)
        is_answer = touch is not None and touch.step == REPLY_STEP and outcome not in ENDS
        if is_answer and not self.work.touches.unanswered([lead]):
            enrolling.resume(self.work, [lead], Pause.REPLY, now=self.now, by=self.by)

    def _done(self, touch: Touch, report: Report, outcome: CallOutcome) -> None:
        state = touches.moved(touch.state, touches.Event.DO)
        done = replace(
            touch,
            state=state,
            outcome=outcome.value,
            note=str(report.detail.get("text") or "") or None,
            sent_at=report.at,
            counted_at=report.at,
        )
        if not self.work.touches.save([done], was={touch.id: (touch.attempt, touch.state)}):
            raise RefusedError("Somebody else has just done this task.", hint=f"See: nurture touch show {touch.id}")
        self.scene.keep(done)
        if touch.enrollment is None:
            keep(self.work, touch.lead, touch.id, report.at, expires_at=touch.expires_at)
        else:
            self.work.enrollments.wake([touch.enrollment], self.now)

    def _ask_a_person(self, lead: LeadId, report: Report, outcome: CallOutcome) -> None:
        words = "left the company" if outcome is CallOutcome.LEFT_COMPANY else "is not the right person"
        self.work.notes.to_inbox(
            {
                "kind": "successor",
                "lead_id": lead,
                "at": self.now,
                "text": str(report.detail.get("text") or ""),
                "why": f"{self.scene.leads[lead].name} {words}: who is?",
                "key": f"successor|{lead}|{report.at.isoformat()}",
                "detail": {"successor": report.detail.get("successor")},
            }
        )

    def form(self, lead: LeadId, report: Report, touch: Touch | None) -> None:
        """What a form says: facts, and whether they ask for sales."""
        for name, value in dict(report.detail.get("facts") or {}).items():
            self.fact(lead, name, str(value), source="form", at=report.at)
        if report.detail.get("intent") == Intent.REQUEST:
            self.work.leads.update(lead, {"asked_for_sales": True})
            self.scene.leads = {**self.scene.leads, lead: replace(self.scene.leads[lead], asked_for_sales=True)}

    def fact(self, lead: LeadId, name: str, value: str, *, source: str, at: datetime) -> None:
        """Add a statement; a timeline also dates the decision."""
        add_fact(self.work, self.scene, lead, name, value, source=source, at=at, by=self.by)


Effect = Callable[[_Bench, LeadId, Report, Touch | None], None]
_EFFECTS: Final[dict[Kind, Effect]] = {
    Kind.REPLY: _Bench.reply,
    Kind.AUTO_REPLY: _Bench.auto_reply,
    Kind.BOUNCE: _Bench.bounce,
    Kind.COMPLAINT: _Bench.unsubscribe,
    Kind.UNSUBSCRIBE: _Bench.unsubscribe,
    Kind.CALL: _Bench.call,
    Kind.FORM: _Bench.form,
}
