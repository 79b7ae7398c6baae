"""Run the tests that marketers write: the daemon's own passes on an empty database, with a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from nurture.copied import rehearsed
from nurture.daemon import tick
from nurture.domain import calendar
from nurture.domain.enrollment import OPEN
from nurture.domain.errors import NurtureError, Problem, UnknownNameError
from nurture.domain.fact import FactName
from nurture.domain.lead import Lead
from nurture.domain.rehearsal import WORKED_OUT, Done, Rehearsal, Told, ends_at, first_wrong, moment
from nurture.domain.response import CallOutcome, Grade, Kind
from nurture.domain.row import Column, Refused, RowReader
from nurture.domain.touch import CONTACTED, Channel, State, Touch
from nurture.domain.walk import program_of
from nurture.flow import enroll, intake, respond, tasks
from nurture.flow.respond import Report
from nurture.ports import InForce
from nurture.ports.world import SetClock
from nurture.wiring import App, Checked

Fresh = Callable[[datetime], tuple[App, SetClock]]

# A cadence of years has some hundred steps; a test that never ends is one of a loop.
MOST_PASSES: Final = 2_000
NOON: Final = time(12)
QUIET: Final = timedelta(days=30)  # nothing may happen for so long where nothing is expected
MADE: Final = CONTACTED | {State.OPEN, State.EXPIRED}


@dataclass
class _Stage:
    """One test, while it runs."""

    app: App
    test: Rehearsal
    lead: Lead
    made: list[Done] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    skipped: str = ""

    @property
    def zone(self) -> Any:
        """The lead's zone, else the workspace's."""
        return calendar.zone(self.lead.timezone or self.app.policy.timezone)

    def common(self, now: datetime) -> dict[str, Any]:
        """What every arrow is given."""
        return {"store": self.app.store, "rules": self.app.rules.in_force(), "policy": self.app.policy, "now": now}

    def look(self, now: datetime) -> None:
        """Note the touches that were made by this pass."""
        for one in self.touches():
            if one.id in self.seen or one.enrollment is None:
                continue
            if one.state in MADE:
                self.seen.add(one.id)
                self.made.append(Done(now, one.channel, one.step))
            elif one.state in (State.SKIPPED, State.FAILED):
                self.seen.add(one.id)
                self.skipped += f"; {one.step} was {one.state}: {one.because}"

    def touches(self) -> list[Touch]:
        """The lead's touches, by creation."""
        with self.app.store.unit(write=False) as work:
            return work.touches.of_leads([self.lead.id]).get(self.lead.id, [])

    def next_due(self) -> datetime | None:
        """When a pass next has something to do for this lead."""
        with self.app.store.unit(write=False) as work:
            mine = work.enrollments.select(lead=self.lead.id)
        return min((one.next_at for one in mine if one.state in OPEN and one.next_at is not None), default=None)


def run(app: App, tests: Sequence[Rehearsal], checked: Checked) -> list[Problem]:
    """What does not happen as the tests expect: one problem for each test, at the line of its expectation."""
    known = checked.workspace.cadences
    programs = {name: program_of(cadence) for name, cadence in known.items()}
    rules = InForce(
        generation=1,
        workspace=checked.workspace,
        versions=dict.fromkeys(known, 1),
        program=lambda name, _: programs[name],
        read_templates=lambda: checked.templates,
    )
    problems = []
    with rehearsed(app) as fresh:
        for test in tests:
            if test.cadence not in known:
                unknown = UnknownNameError("cadence", test.cadence, known, otherwise=f"There are {', '.join(known)}.")
                problems.append(Problem(test.file, test.line, 1, f"cadence: {unknown.what} {unknown.hint}"))
                continue
            try:
                wrong = _rehearse(test, rules, fresh, app.policy.timezone)
            except NurtureError as error:
                wrong = (test.line, str(error))
            if wrong is not None:
                problems.append(Problem(test.file, wrong[0], 1, wrong[1]))
    return problems


@dataclass(frozen=True, slots=True)
class _InForce:
    """The files that are tested, read once for all tests."""

    rules: InForce

    def in_force(self, generation: int | None = None) -> InForce:
        """Always the same."""
        return self.rules


def _rehearse(test: Rehearsal, rules: InForce, fresh: Fresh, timezone: str) -> tuple[int, str] | None:
    zone = calendar.zone(str(test.lead.get("timezone") or timezone))
    start = moment(test.start, zone)
    app, clock = fresh(start)
    app.rules = _InForce(rules)
    stage = _Stage(app, test, _lead(app, test, start))
    answer = enroll.by_hand([stage.lead.id], test.cadence, by="check", **stage.common(start))[stage.lead.id]
    if not answer.may_enter:
        return test.line, f"the lead does not enter {test.cadence}: {answer.text}"
    for one in test.responses:
        if ends_at(one.at, zone) <= start:
            return one.line, f"responses: {one.at.isoformat()} is before the start"
    told = sorted(test.responses, key=lambda one: moment(one.at, zone, clock=NOON))
    times = [moment(one.at, zone, clock=NOON) for one in told]
    end = max([*(ends_at(one.at, zone) for one in test.expect), *times], default=start)
    end += timedelta() if test.expect else QUIET
    now = start
    for _ in range(MOST_PASSES):
        clock.set(now)
        if times and times[0] <= now:
            times.pop(0)
            one = told.pop(0)
            try:
                _answer(stage, one, now)
            except NurtureError as error:
                return one.line, f"responses: {error.what}"
        tick.run(app, now=now)
        stage.look(now)
        due = stage.next_due()
        following = [moment for moment in (due, times[0] if times else None) if moment is not None]
        if not following or min(following) > end:  # the last response may be at the end itself
            break
        now = max(min(following), now + timedelta(seconds=1))
    wrong = first_wrong(test, [one for one in stage.made if one.at < end], zone)
    return None if wrong is None else (wrong[0], wrong[1] + stage.skipped)


def _lead(app: App, test: Rehearsal, start: datetime) -> Lead:
    """The lead of a test, imported as from a file. Raises NurtureError for what an import would refuse."""
    given = (
        {"email": "lead@test.example", "consent_basis": "opt_in"}
        | {
            name: _text(value)
            for name, value in test.lead.items()
            if name not in ("stage", "timeline_months", *WORKED_OUT)
        }
        | {name: "known" for name in FactName if test.lead.get(name) is True}
    )
    row = RowReader([Column(name, name) for name in given]).read(test.line, list(given.values()))
    if isinstance(row, Refused):
        raise _WrongLeadError(f"lead: {row.reason}", hint="")
    rules = app.rules.in_force()
    common = {"store": app.store, "rules": rules, "policy": app.policy, "now": start}
    intake.take([row], file=test.file, source=None, by="check", **common)  # type: ignore[arg-type]
    with app.store.unit() as work:
        (lead,) = work.leads.search(None, now=start)
        values: dict[str, Any] = {}
        if "stage" in test.lead:
            values["stage"] = str(test.lead["stage"])
        if test.lead.get("timeline_months") is not None:
            values["timeline_on"] = (start + timedelta(days=30.4375 * float(test.lead["timeline_months"]))).date()
        if values:
            work.leads.update(lead.id, values)
        work.leads.unflag("enroll_check", [lead.id])  # it enters the cadence of the test
        work.commit()
        return work.leads.get([lead.id])[lead.id]


class _WrongLeadError(NurtureError):
    """The lead of a test cannot be."""

    exit_code = 2


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _until(text: str, stage: _Stage) -> date | datetime:
    """A day stays a day; a moment is the lead's own, unless it says otherwise."""
    return date.fromisoformat(text) if len(text) == 10 else moment(datetime.fromisoformat(text), stage.zone)


def _answer(stage: _Stage, told: Told, now: datetime) -> None:
    """Let the lead do something. Raises NurtureError where there is nothing that it could answer."""
    detail = dict(told.detail)
    grade = Grade(detail.pop("grade", Grade.HUMAN.value))
    common = stage.common(now)
    touch = next((one for one in reversed(stage.touches()) if one.step == told.step), None) if told.step else None
    if told.step and touch is None:
        raise _WrongLeadError(f"there is no touch of step {told.step!r} yet", hint="")
    new_id = stage.app.clock.new_id
    until = _until(detail["until"], stage) if "until" in detail else None
    if told.kind is Kind.CALL and touch is not None:
        if touch.channel in (Channel.EMAIL, Channel.WEBHOOK):
            raise _WrongLeadError(f"step {told.step!r} is no task, so no call ends it", hint="")
        tasks.done(
            touch.id, CallOutcome(detail["outcome"]), until=until, facts=detail.get("facts"), new_id=new_id,
            by="check", **common,
        )  # fmt: skip
        return
    if until is not None:
        detail["until"] = detail["until"][:10]
    lead = None if touch is not None else stage.lead.id
    report = Report(told.kind, now, lead=lead, touch=touch.id if touch else None, grade=grade, detail=detail)
    respond.record([report], new_id=new_id, by="check", **common)
