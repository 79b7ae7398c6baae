"""A small sales floor for the tests of promotion and hand-off: two reps, a manager, a caller, three cadences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from nurture.adapters.store.unit import SqlStore
from nurture.domain.cadence import Cadence, Wait
from nurture.domain.condition import parse
from nurture.domain.duration import Duration, parse_duration
from nurture.domain.enrollment import Enrollment
from nurture.domain.fact import Fact, FactName
from nurture.domain.lead import Lead, Status
from nurture.domain.person import Person, Role
from nurture.domain.policy import Policy
from nurture.domain.readiness import Consequence, Readiness
from nurture.domain.response import Kind, Response
from nurture.domain.touch import Touch
from nurture.domain.walk import program_of
from nurture.domain.workspace import Workspace
from nurture.flow import handoff, promote
from nurture.ports import InForce
from nurture.ports.store import Change
from tests.builders import a_lead, a_store
from tests.fakes import A_TUESDAY, FixedClock

LEE = Person("Lee", "lee@acme.example", frozenset({Role.REP}), reports_to="sam@acme.example")
KIM = Person("Kim", "kim@acme.example", frozenset({Role.REP}), reports_to="sam@acme.example")
SAM = Person("Sam", "sam@acme.example", frozenset({Role.MANAGER}))
CAL = Person("Cal", "cal@acme.example", frozenset({Role.CALLER}))

RETURN_90 = Consequence(parse_duration("90 days"), stated=True, into="not-now")
READINESS = Readiness(
    promote_when=parse("stage == 'near_term' and fit >= 20"),
    promote_line=4,
    require=("budget", "phone"),
    if_missing="qualification",
    fast_when=parse("asked_for_sales"),
    fast_require=("phone",),
    capacity=2,
    reject={
        "no_budget_yet": RETURN_90,
        "bad_timing": RETURN_90,
        "unreachable": Consequence(parse_duration("30 days"), into="qualification"),
        "missing_facts": Consequence(parse_duration("0 days"), into="qualification"),
        "wrong_person": Consequence(task="find the right person"),
        "already_working": Consequence(status=Status.ACCEPTED),
        "already_customer": Consequence(status=Status.CUSTOMER),
        "no_fit": Consequence(status=Status.DISQUALIFIED),
    },
    lost={"to_competitor": Consequence(parse_duration("9 months"), into="not-now")},
)


def a_cadence(name: str, **over: Any) -> Cadence:
    """A cadence that only waits."""
    return Cadence(name, (Wait(5, Duration(30, parse_duration("1 day").unit)),), **over)


CADENCES = {
    "evergreen": a_cadence("evergreen"),
    "qualification": a_cadence("qualification", goal=parse("budget and phone")),
    "not-now": a_cadence("not-now"),
}


def in_force(**over: Any) -> InForce:
    """What is in force; every field of Workspace may be given."""
    people = {one.email: one for one in (LEE, KIM, SAM, CAL)}
    values = {"cadences": CADENCES, "readiness": READINESS, "people": people, **over}
    workspace = Workspace(**values)
    programs = {name: program_of(cadence) for name, cadence in workspace.cadences.items()}
    versions = dict.fromkeys(workspace.cadences, 1)
    # No test here renders a mail.
    return InForce(1, workspace, versions, lambda name, _: programs[name], cast("Any", None))


@dataclass
class Floor:
    """A store with the rules in force, and a clock."""

    store: SqlStore
    rules: InForce = field(default_factory=in_force)
    clock: FixedClock = field(default_factory=FixedClock)
    policy: Policy = field(default_factory=Policy)
    crm: bool = False

    def promote(self) -> promote.Tally:
        """One pass of the arrow."""
        return promote.run(
            store=self.store,
            rules=self.rules,
            policy=self.policy,
            new_id=self.clock.new_id,
            now=self.clock.now(),
            by="daemon",
            crm=self.crm,
        )

    @property
    def desk(self) -> handoff.Desk:
        """What an answer of sales works with, now."""
        return handoff.Desk(
            self.store, self.rules, self.policy, self.clock.new_id, self.clock.now(), "lee@acme.example", self.crm
        )

    def rule(self, **over: Any) -> None:
        """Change the readiness."""
        self.rules = in_force(readiness=replace(self.rules.workspace.readiness, **over), people=self.people)

    @property
    def people(self) -> dict[str, Person]:
        """The people in force."""
        return dict(self.rules.workspace.people)

    def staff(self, *people: Person) -> None:
        """Change the people."""
        self.rules = in_force(readiness=self.rules.workspace.readiness, people={one.email: one for one in people})

    def a_ready_lead(self, **over: Any) -> Lead:
        """A lead with stage, fit, facts and fresh evidence: everything that readiness asks for."""
        values = {"stage": "near_term", "fit": 30.0, "phone": "+33123456789", "ready_check": True, **over}
        lead = a_lead(self.store, **values)
        self.learn(lead, "budget", "20k EUR")
        self.hear(lead, Kind.REPLY, intent="interested", text="Tell me more")
        return lead

    def learn(self, lead: Lead | int, name: str, value: str, *, at: datetime | None = None) -> None:
        """Somebody wrote a fact down."""
        number = lead if isinstance(lead, int) else lead.id
        with self.store.unit() as work:
            work.leads.add_fact(number, Fact(FactName(name), value, "call", at or self.clock.now(), by="Cal"))
            work.leads.update(number, {"ready_check": True})
            work.commit()

    def hear(self, lead: Lead, kind: Kind, *, at: datetime | None = None, **detail: Any) -> None:
        """The lead did something."""
        moment = at or self.clock.now()
        with self.store.unit() as work:
            key = f"{lead.id}|{kind}|{moment.isoformat()}"
            work.responses.add(Response(kind, moment, lead.id, detail=detail), key=key, recorded_at=moment, by="test")
            work.leads.update(lead.id, {"ready_check": True})
            work.commit()

    def mark(self, lead: Lead, **columns: Any) -> None:
        """Set columns, and ask promote to look."""
        with self.store.unit() as work:
            work.leads.update(lead.id, {"ready_check": True, **columns})
            work.commit()

    def lead(self, lead: Lead | int) -> dict[str, Any]:
        """All columns of a lead."""
        with self.store.unit(write=False) as work:
            return work.leads.columns(lead if isinstance(lead, int) else lead.id)

    def handoffs(self, lead: Lead | None = None) -> list[dict[str, Any]]:
        """Handoffs, by id."""
        with self.store.unit(write=False) as work:
            return work.sales.handoffs(lead=lead.id if lead else None)

    def handed(self, lead: Lead) -> list[tuple[str, str | None]]:
        """State and rep of each handoff of a lead."""
        return [(row["state"], row["rep"]) for row in self.handoffs(lead)]

    def enrollments(self, lead: Lead) -> dict[str, Enrollment]:
        """The latest enrollment in each cadence."""
        with self.store.unit(write=False) as work:
            return {one.cadence: one for one in work.enrollments.all_of([lead.id]).get(lead.id, [])}

    def tasks(self, lead: Lead) -> list[Touch]:
        """Open tasks."""
        with self.store.unit(write=False) as work:
            return [one for one in work.touches.open_tasks() if one.lead == lead.id]

    def changes(self, lead: Lead, what: str) -> list[Change]:
        """Entries of one kind in the history of a lead."""
        with self.store.unit(write=False) as work:
            return [one for one in work.notes.of_lead(lead.id) if one.what == what]

    def deliveries(self) -> list[dict[str, Any]]:
        """What waits to be delivered, however far ahead."""
        with self.store.unit(write=False) as work:
            return work.sales.deliveries_due(self.clock.now() + timedelta(days=3650), 1000)

    def offered(self, **over: Any) -> tuple[Lead, int]:
        """A ready lead that was offered, and its handoff."""
        lead = self.a_ready_lead(**over)
        self.promote()
        return lead, self.handoffs(lead)[-1]["id"]


@contextmanager
def a_floor(url: str | Path) -> Iterator[Floor]:
    """A floor over an empty database: a URL, or a folder for one in SQLite."""
    with a_store(url if isinstance(url, str) else f"sqlite:///{url / 'nurture.db'}") as store:
        yield Floor(store)


def in_days(days: int) -> date:
    """A day after the Tuesday on which the tests begin."""
    return (A_TUESDAY + timedelta(days=days)).date()
