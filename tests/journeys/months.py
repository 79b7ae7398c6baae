"""Three cadences, a caller and a rep with limits, leads in three zones: enough for months that are worth comparing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from nurture.wiring import App
from tests.builders import a_company, a_lead
from tests.fakes import FixedClock, OutboxFake
from tests.journeys import workspace

LEADS: Final = 14
# Too many complaints or bounces pause all mail until an operator looks. A simulation has none, and goes on.
GOES_ON: Final = 'pause_at_complaints = "0%"\npause_at_hard_bounces = "0%"'

COURSE: Final = """
name: course
enroll: {when: "employees >= 100"}
window: {days: mon-fri, hours: "09:00-16:30"}
holdout: 5%
steps:
  - email: hello
  - wait_for: clicked('hello')
    timeout: 3 days
  - if: clicked('hello')
    then:
      - email: more
  - wait: WAIT
  - call: intro
    within: 2 business days
    ask: [timeline, budget]
  - if: outcome('intro') == 'voicemail'
    then:
      - email: missed-you
  - split:
      - {share: 50%, steps: [{email: short}]}
      - {share: 50%, steps: [{email: long}]}
    id: length
  - enroll: evergreen
"""
EVERGREEN: Final = """
name: evergreen
enroll: {when: "employees < 100", rate: 4 per day}
priority: 20
steps:
  - stream:
      every: 1 week
      items: [one, two, three, four]
"""
QUALIFY: Final = """
name: qualify
enroll: {again: after 30 days}
priority: 90
goal: budget and timeline
steps:
  - call: first
    within: 2 business days
    ask: [budget, timeline]
  - wait: 3 business days
  - email: questions
    repeat: true
"""
FILES: Final = {
    "people.yaml": """
- {name: Cal, email: cal@acme.example, roles: [caller], calls_per_day: 4, timezone: Europe/Paris}
- {name: Lee, email: lee@acme.example, roles: [rep], timezone: Europe/Paris, capacity: 1}
- {name: Sam, email: sam@acme.example, roles: [manager]}
""",
    "scoring.yaml": """
fit:
  - {points: 20, when: employees >= 100, because: large enough}
engagement:
  half_life: 10 days
  rules:
    - {on: click, points: 12, because: read further}
    - {on: call, points: 12, where: "outcome == 'connected'", because: talked with us}
    - {on: reply, points: 20, because: answered}
stages:
  near_term: {enter: engagement >= 10, leave: engagement < 6}
  long_term: {enter: engagement >= 2, leave: engagement < 1}
""",
    "readiness.yaml": """
promote:
  when: stage == 'near_term' and fit >= 20
  require: [budget]
  if_missing: qualify
reject:
  bad_timing: {return: 10 days, into: evergreen}
lost:
  no_decision: {return: 6 months, into: evergreen}
""",
}
MAILS: Final = ("course/hello", "course/more", "course/missed-you", "course/short", "course/long", "qualify/questions")
STREAM: Final = tuple(f"evergreen/{item}" for item in ("one", "two", "three", "four"))


def course(wait: str = "4 days") -> str:
    """The first cadence; `wait` stands before its call."""
    return COURSE.replace("WAIT", wait)


def a_workspace(
    folder: Path, database: str, *, leads: int = LEADS, tick: str = "1 hour", wait: str = "4 days", more: str = ""
) -> App:
    """Three cadences in force, and leads of companies in three zones, none of them contacted yet."""
    cadences = {"course": course(wait), "evergreen": EVERGREEN, "qualify": QUALIFY}
    settings = f'[scheduler]\ntick = "{tick}"\n' + more
    scripts = ("course/intro", "qualify/first")
    made = workspace.make(
        folder, cadences, mails=MAILS + STREAM, scripts=scripts, mail=GOES_ON, more=settings, database=database
    )
    for name, text in FILES.items():
        (made / name).write_text(text)
    app = workspace.opened(made, clock=FixedClock(), mailer=OutboxFake())
    zones = ("Europe/Paris", "America/Chicago", "Asia/Tokyo")
    with app.store.unit() as work:
        for number in range(leads):
            over: dict[str, Any] = {} if number % 3 else {"phone": f"+3314000{number:04}"}
            company = a_company(work, name=f"Company {number // 2}", employees=40 if number % 5 == 0 else 250)
            zone = zones[number % 3]
            a_lead(
                work, company=company, email=f"p{number}@c{number}.example", timezone=zone, enroll_check=True, **over
            )
        work.commit()
    return app
