"""Six months with a bank's contacts against a real mail server, and the account of every touch afterwards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nurture.adapters.clock import VirtualClock
from nurture.daemon import tick
from nurture.domain.response import Kind
from nurture.domain.touch import Channel, State, Touch
from nurture.flow import enroll, intake, respond
from nurture.flow.respond import Report
from nurture.wiring import App
from tests.flow.loop import a_cadence
from tests.journeys import workspace
from tests.mail.servers import SmtpServer

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "bank" / "bank-additional.csv"
START = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = [day for day in range(183) if (START + timedelta(days=day)).weekday() < 5]

MAP = """
delimiter: ";"
columns: {x.job: job, x.answer: y, timezone: contact}
values: {timezone: {cellular: Europe/Berlin, telephone: America/New_York}}
constants: {consent_basis: opt_in, country: DE}
templates: {email: "contact-{{ line }}@home-{{ line }}.example", first_name: "Contact", phone: "+493020{{ line }}00"}
ignore: ["*"]
"""
CADENCE = a_cadence(
    """
    - email: welcome
    - wait_for: clicked('welcome')
      timeout: 10 days
    - call: intro
      within: 3 business days
    - if: outcome('intro') == 'expired'
      then: [{email: missed-you}]
      else: [{email: as-promised}]
    - wait: 3 days
    - email: checklist
    - stream: {every: 1 month, items: [rates, savings, loans]}
    - call: closing
      within: 5 business days
    """,
    name="bank",
).replace('{days: mon-sun, hours: "00:00-24:00"}', '{days: mon-fri, hours: "09:00-17:00"}')
MAILS = ("welcome", "missed-you", "as-promised", "checklist", "rates", "savings", "loans")
HEADERS = """
age job marital education default housing loan contact month day_of_week duration campaign pdays previous poutcome
emp.var.rate cons.price.idx cons.conf.idx euribor3m nr.employed y
"""


def rows_of_the_same_shape(file: Path, many: int) -> Path:
    """A file as the bank's: semicolons, texts in quotes, numbers bare."""
    dice = random.Random(7)
    lines = [";".join(f'"{name}"' for name in HEADERS.split())]
    for _ in range(many):
        job = dice.choice(["blue-collar", "services", "admin.", "student", "unknown"])
        phone = dice.choice(["cellular", "telephone"])
        texts = f'"{job}";"married";"basic.9y";"no";"yes";"no";"{phone}";"may";"fri"'
        answer = dice.choice(["yes", "no", "no"])
        lines.append(
            f'{dice.randrange(18, 90)};{texts};487;2;999;0;"nonexistent";-1.8;92.893;-46.2;1.313;5099.1;"{answer}"'
        )
    file.write_text("\n".join(lines) + "\n")
    return file


@dataclass
class Journey:
    """A workspace, its mail server, and the people who answer and call."""

    app: App
    clock: VirtualClock
    server: SmtpServer
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    opened: dict[str, datetime] = field(default_factory=dict)  # tasks, and when they were handed out
    heard: set[str] = field(default_factory=set)

    @property
    def common(self) -> dict[str, Any]:
        """What every arrow is given."""
        app = self.app
        return {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": self.clock.now()}

    def import_and_enroll(self, file: Path, map_file: Path, *, at_most: int | None) -> int:
        """Everybody in the file becomes a lead, everybody (or so many, across the file) goes into the cadence."""
        rows = self.app.read_rows(file, str(map_file))
        taken = intake.take(rows, file=file.name, source=None, by="tester", **self.common)
        assert taken.refused == []
        with self.app.store.unit(write=False) as work:
            leads = [lead.id for lead in work.leads.search(None, now=self.clock.now())]
        chosen = leads if at_most is None else leads[:: max(1, len(leads) // at_most)][:at_most]
        answers = enroll.by_hand(chosen, "bank", by="tester", **self.common)
        assert all(answer.may_enter for answer in answers.values())
        return taken.created

    def live(self, *, days: Iterable[int], hours: tuple[int, ...]) -> None:
        """Passes at these hours of these days, and what people do between them."""
        for day in days:
            for hour in hours:
                self.clock.set(START + timedelta(days=day, hours=hour))
                tick.run(self.app)
                with self.app.store.unit(write=False) as work:
                    tasks = work.touches.open_tasks()
                for task in tasks:
                    self.opened.setdefault(task.id, self.clock.now())
                self.answer(tasks)

    def answer(self, tasks: list[Touch]) -> None:
        """Callers do some of their tasks; some people click, some leave, some addresses do not exist."""
        now, reports = self.clock.now(), []
        for task in tasks:
            if now - self.opened[task.id] > timedelta(hours=1) and self.dice.random() < 0.3:
                outcome = self.dice.choice(["connected", "voicemail", "no_answer"])
                reports.append(Report(Kind.CALL, now, touch=task.id, detail={"outcome": outcome}))
        with self.app.store.unit(write=False) as work:
            fresh = work.touches.select(since=now - timedelta(hours=1))
        for one in fresh:
            if one.state is not State.SENT or one.channel is not Channel.EMAIL or one.id in self.heard:
                continue
            self.heard.add(one.id)
            luck, soon = self.dice.random(), now + timedelta(minutes=5)
            if luck < 0.01:
                reports.append(Report(Kind.UNSUBSCRIBE, soon, touch=one.id))
            elif luck < 0.02:
                reports.append(Report(Kind.BOUNCE, soon, touch=one.id, detail={"bounce": "hard"}))
            elif luck < 0.12:
                reports.append(Report(Kind.CLICK, soon, touch=one.id, detail={"url": "https://acme.example/"}))
        for at in range(0, len(reports), 500):
            respond.record(reports[at : at + 500], new_id=self.clock.new_id, by="tester", **self.common)


def journey(
    folder: Path, file: Path, *, hours: tuple[int, ...], days: Iterable[int] = DAYS, at_most: int | None = None
) -> tuple[int, Journey, list[Touch]]:
    """Six months: how many contacts there were, the journey, and every touch. `at_most` limits who is enrolled."""
    map_file = folder / "bank.yaml"
    map_file.write_text(MAP)
    with SmtpServer() as server:
        home = workspace.make(
            folder / "workspace",
            {"bank": CADENCE},
            mails=tuple(f"bank/{name}" for name in MAILS),
            scripts=("bank/intro", "bank/closing"),
            provider="smtp",
            more=f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"',
        )
        clock = VirtualClock(START, seed=3)
        app = workspace.opened(home, clock=clock)
        try:
            lived = Journey(app, clock, server)
            contacts = lived.import_and_enroll(file, map_file, at_most=at_most)
            lived.live(days=days, hours=hours)
            with app.store.unit(write=False) as work:
                touches = work.touches.select()
                assert sum(work.touches.count_by_state().values()) == len(touches)
        finally:
            app.close()
    return contacts, lived, touches


def accounted(enrolled: int, lived: Journey, touches: list[Touch]) -> None:
    """Every touch is in a state that says what became of it, and the server has exactly what was sent."""
    states = Counter(one.state for one in touches)
    assert not states.keys() & {State.SENDING, State.IN_DOUBT, State.UNKNOWN, State.FAILED}
    assert sum(states.values()) == len(touches) > 3 * enrolled
    with lived.app.store.unit(write=False) as work:
        first = Counter(one.lead for one in touches if one.step == "welcome")
        assert len(first) == enrolled
        assert set(first.values()) == {1}
        assert len(work.enrollments.select()) == enrolled  # everybody once: nobody was enrolled again
    lived.app.close()
    sent = [one for one in touches if one.state is State.SENT]
    received = [message_from_bytes(mail.content, policy=SMTP)["Message-ID"] for mail in lived.server.mails]
    assert Counter(received) == Counter(one.message_id for one in sent)
    assert len(set(received)) == len(received) == len(sent)
    assert max(Counter((one.lead, one.template) for one in sent).values()) == 1
    assert Counter(mail.recipient for mail in lived.server.mails) == Counter(one.address for one in sent)


def within_limits_and_windows(lived: Journey, touches: list[Touch]) -> None:
    """At most one contact a day, two in seven days, six in thirty; each inside its window where the lead is."""
    with lived.app.store.unit(write=False) as work:
        zones = {lead.id: ZoneInfo(str(lead.timezone)) for lead in work.leads.search(None, now=lived.clock.now())}
    lived.app.close()
    assert len(set(zones.values())) == 2
    by_lead: dict[int, list[datetime]] = {}
    for one in touches:
        if one.counted_at is not None:
            by_lead.setdefault(one.lead, []).append(one.counted_at)
        moment = lived.opened.get(one.id) if one.channel is Channel.CALL else one.sent_at
        if moment is not None:
            local = moment.astimezone(zones[one.lead])
            assert local.weekday() < 5, one
            assert 9 <= local.hour < 17, one
    for lead, moments in by_lead.items():
        moments.sort()
        for earlier, later in pairwise(moments):
            assert earlier.astimezone(zones[lead]).date() < later.astimezone(zones[lead]).date()
        assert all(later - earlier >= timedelta(days=7) for earlier, later in zip(moments, moments[2:], strict=False))
        assert all(later - earlier >= timedelta(days=30) for earlier, later in zip(moments, moments[6:], strict=False))
