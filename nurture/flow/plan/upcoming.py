"""Who would enroll, into which cadence and by when; and whose stage new rules would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nurture.domain import calendar
from nurture.moves.entry import may_enter
from nurture.moves.rescore import standing
from nurture.moves.scene import Scene, load

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.enrollment import Enrollment
    from nurture.domain.lead import Lead, LeadId
    from nurture.domain.policy import Policy
    from nurture.domain.workspace import Workspace
    from nurture.ports import InForce, Store, Unit

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Upcoming:
    """How many leads would enroll in a cadence, how many of them today, and when the last of them would."""

    cadence: str
    leads: int
    today: int
    last_entry: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """What rules mean for the leads as they are. `entering`: leads by cadence; `stages`: (from, to) -> how many."""

    entering: dict[str, list[LeadId]] = field(default_factory=dict)
    stages: Counter[tuple[str, str]] = field(default_factory=Counter)


def upcoming(
    *, store: Store, rules: InForce, policy: Policy, now: datetime, cadence: str | None = None
) -> list[Upcoming]:
    """What enrolling would do with these rules: all cadences, or one. An estimate: leads go on changing."""
    outlook = look(store=store, rules=rules, policy=policy, now=now)
    return counted(outlook, store=store, rules=rules, policy=policy, now=now, cadence=cadence)


def look(*, store: Store, rules: InForce, policy: Policy, now: datetime, rescored: bool = False) -> Outlook:
    """Ask the entry of each cadence for each lead that may fit; `rescored`: by the stage it would then have."""
    cadences = sorted(
        (one for one in rules.workspace.cadences.values() if one.entry.when is not None),
        key=lambda one: (-one.priority, one.name),
    )
    found = Outlook()
    with store.unit(write=False) as work:
        ids = _candidates(work, cadences, rules.workspace, now, everyone=rescored)
        for start in range(0, len(ids), CHUNK):
            batch = ids[start : start + CHUNK]
            scene = load(work, batch, rules=rules, policy=policy, now=now)
            past = work.enrollments.all_of(batch)
            for number in batch:
                lead = scene.leads.get(number)
                if lead is None:
                    continue
                if rescored:
                    after, _ = standing(lead, scene.sums.get(number, {}), scene, rules.workspace.scoring)
                    if after.stage is not lead.stage:
                        found.stages[lead.stage.value, after.stage.value] += 1
                    lead = after
                _enter(lead, cadences, scene, past.get(number, ()), found)
    return found


def _candidates(
    work: Unit, cadences: Sequence[Cadence], rules: Workspace, now: datetime, *, everyone: bool
) -> list[LeadId]:
    if everyone:
        return [lead.id for lead in work.leads.search(None, now=now)]
    found: set[LeadId] = set()
    for cadence in cadences:
        found |= {lead.id for lead in work.leads.search(cadence.entry.when, now=now, rules=rules)}
    return sorted(found)


def _enter(lead: Lead, cadences: Sequence[Cadence], scene: Scene, past: Sequence[Enrollment], found: Outlook) -> None:
    """Note the cadences that this lead would enter: the larger priority first, one exclusive place."""
    taken = False
    for cadence in cadences:
        if f"cadence:{cadence.name}" in scene.switches:
            continue
        answer = may_enter(lead, cadence, scene, past)
        entered = cadence
        if answer.code == "arrived_late" and cadence.entry.otherwise:
            entered = scene.rules.workspace.cadences.get(cadence.entry.otherwise, cadence)
            answer = may_enter(lead, entered, scene, past, by_condition=False)
        if answer.may_enter and not (taken and entered.exclusive):
            found.entering.setdefault(entered.name, []).append(lead.id)
            taken = taken or entered.exclusive


def counted(
    outlook: Outlook, *, store: Store, rules: InForce, policy: Policy, now: datetime, cadence: str | None = None
) -> list[Upcoming]:
    """How many, and by when with each cadence's rate."""
    zone = calendar.zone(policy.timezone)
    today = calendar.local_day(now, zone)
    result = []
    with store.unit(write=False) as work:
        for name, leads in sorted(outlook.entering.items()):
            if cadence not in (None, name):
                continue
            rate = rules.workspace.cadences[name].entry.rate
            number, first, last = len(leads), len(leads), now
            if rate is not None:
                begun = work.enrollments.started_since(name, calendar.day_bounds(today, zone)[0])
                first = min(number, max(0, rate - begun))
                days = -((first - number) // rate)
                last = calendar.day_bounds(today + timedelta(days=days), zone)[0] if days else now
            result.append(Upcoming(name, number, first, last))
    return result
