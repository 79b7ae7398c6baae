"""A small workspace for the arrows: rules from YAML texts, a real SQLite store, a clock and a mailer that obey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from nurture.adapters.rules import YamlFiles
from nurture.domain.cadence import Email, PersonTask, Stream
from nurture.domain.enrollment import Enrollment
from nurture.domain.lead import Lead, LeadId
from nurture.domain.policy import Limits, Policy, Sender
from nurture.domain.touch import Touch
from nurture.domain.walk import Program, program_of
from nurture.flow import enroll, respond
from nurture.flow.dispatch import run as dispatch
from nurture.flow.dispatch import settle
from nurture.flow.respond import Recorded, Report
from nurture.moves.entry import Answer
from nurture.ports import InForce
from nurture.ports.rules import Renderer
from nurture.ports.store import Store
from tests.builders import a_store
from tests.fakes import FakeLinks, FixedClock, OutboxFake

SENDER = Sender("mail", "dana@acme.example", "Dana", "reply.acme.example", "Acme, 1 Road")
HTML = """---
subject: "{name} for {{{{ first_name }}}}"
---
<p>Hello {{{{ first_name }}}}, <a href="{{{{ link('https://acme.example/{name}') }}}}">read on</a>.</p>
<p><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a> {{{{ postal_address }}}}</p>
"""
TEXT = "Hello {{ first_name }}\n{{ unsubscribe_url }}\n{{ postal_address }}\n"
SCRIPT = "Call {{ first_name }}.\n"


def a_cadence(steps: str, *, name: str = "course", more: str = "") -> str:
    """The YAML of a cadence that is entered by hand, open at all hours."""
    head = f'name: {name}\ndescription: for tests\nwindow: {{days: mon-sun, hours: "00:00-24:00"}}\n'
    return head + dedent(more).lstrip("\n") + "steps:\n" + indent(dedent(steps).strip("\n"), "  ") + "\n"


def in_force(cadences: Mapping[str, str], files: Mapping[str, str] | None = None) -> InForce:
    """These cadences with all templates that they name; `files` adds others, or puts them in the place of these."""
    sources = {f"cadences/{name}.yaml": text for name, text in cadences.items()} | dict(files or {})
    reader = YamlFiles()
    workspace, _ = reader.read(sources)
    for name, cadence in workspace.cadences.items():
        for op in program_of(cadence).ops:
            match op:
                case Email(template=template):
                    mails: tuple[str, ...] = (template,)
                case Stream(items=items):
                    mails = items
                case PersonTask(template=template):
                    sources = {f"templates/{name}/{template}.md": SCRIPT} | sources
                    continue
                case _:
                    continue
            for mail in mails:
                path = f"templates/{mail}" if "/" in mail else f"templates/{name}/{mail}"
                sources = {f"{path}.html": HTML.format(name=mail), f"{path}.txt": TEXT} | sources
    workspace, problems = reader.read(sources)
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    assert not errors, errors
    programs: dict[str, Program] = {name: program_of(cadence) for name, cadence in workspace.cadences.items()}
    return InForce(
        generation=1,
        workspace=workspace,
        versions=dict.fromkeys(programs, 1),
        program=lambda name, version: programs[name],
        read_templates=lambda: reader.templates(sources),
    )


@dataclass
class Loop:
    """The arrows around one store, at the moment of its clock."""

    store: Store
    rules: InForce
    policy: Policy
    clock: FixedClock = field(default_factory=FixedClock)
    mailer: OutboxFake = field(default_factory=OutboxFake)
    renderer: Renderer | None = None

    @property
    def now(self) -> datetime:
        """The moment of the next pass."""
        return self.clock.now()

    @property
    def common(self) -> dict[str, Any]:
        """What every arrow is given."""
        return {"store": self.store, "rules": self.rules, "policy": self.policy, "now": self.now}

    @property
    def desk(self) -> dispatch.Desk:
        """What dispatch is given."""
        return dispatch.Desk(
            self.store,
            self.mailer,
            self.rules,
            FakeLinks(),
            self.policy,
            self.clock,
            "tester",
            self.now,
            renderer=self.renderer,
        )

    def enroll(self, *leads: Lead, cadence: str = "course") -> dict[LeadId, Answer]:
        """Enroll by hand."""
        return enroll.by_hand([lead.id for lead in leads], cadence, by="tester", **self.common)

    def tick(self, **later: float) -> dispatch.Tally:
        """Let time pass, settle what time settles, and dispatch."""
        self.clock.advance(**later)
        settle.run(store=self.store, policy=self.policy, now=self.now)
        return dispatch.run(self.desk)

    def ticks(self, until: timedelta, *, every: timedelta = timedelta(hours=6)) -> None:
        """Passes until some time has gone."""
        end = self.now + until
        while self.now < end:
            self.tick(seconds=every.total_seconds())

    def report(self, *reports: Report) -> list[Recorded]:
        """Responses, through their arrow."""
        return respond.record(reports, new_id=self.clock.new_id, by="tester", **self.common)

    def touches(self, lead: Lead | None = None) -> list[Touch]:
        """The touches, by creation."""
        with self.store.unit(write=False) as work:
            return work.touches.select(lead=lead.id if lead else None)

    def states(self, lead: Lead | None = None) -> list[str]:
        """The steps with their states, by creation."""
        return [f"{one.step} {one.state.value}" for one in self.touches(lead)]

    def enrollment(self, lead: Lead, cadence: str = "course") -> Enrollment:
        """The latest enrollment of a lead in a cadence."""
        with self.store.unit(write=False) as work:
            return work.enrollments.select(lead=lead.id, cadence=cadence)[-1]


@contextmanager
def a_loop(
    folder: Path, steps: str, *, more: str = "", files: Mapping[str, str] | None = None, **policy: Any
) -> Iterator[Loop]:
    """A loop with one cadence of these steps, and a policy that limits nothing unless it is said."""
    rules = in_force({"course": a_cadence(steps, more=more)}, files)
    with a_store(f"sqlite:///{folder / 'nurture.db'}") as store:
        yield Loop(store, rules, a_policy(**policy))


def a_policy(**over: Any) -> Policy:
    """A policy without limits."""
    values: dict[str, Any] = {
        "limits": Limits(None, None, None, None, None),
        "senders": {"mail": SENDER},
        "timezone": "Europe/Paris",
        **over,
    }
    return Policy(**values)
