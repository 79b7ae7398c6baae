"""All that a batch of decisions looks at, loaded in a few queries: leads, touches, responses, limits, switches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from nurture.domain import calendar
from nurture.domain.consent import Medium, Standing, standing
from nurture.domain.errors import NurtureError
from nurture.domain.history import LeadHistory, beside
from nurture.domain.names import names_of
from nurture.domain.pacing import WEEK, Counted, as_counted, with_its_call
from nurture.domain.scoring import Running, engagement
from nurture.domain.streams import closest, streams_in
from nurture.domain.touch import Channel, Touch
from nurture.domain.walk import Surroundings
from nurture.moves.pressure import Pressure

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence, Stream
    from nurture.domain.enrollment import Enrollment, EnrollmentId
    from nurture.domain.fact import Fact
    from nurture.domain.lead import Lead, LeadId
    from nurture.domain.policy import Policy
    from nurture.domain.response import Response
    from nurture.ports import InForce, Unit
    from nurture.ports.store import Consent, Switch


@dataclass(slots=True)
class Scene:
    """What the decisions of one batch see. Touches decided in the batch are added as they are decided."""

    now: datetime
    policy: Policy
    rules: InForce
    leads: Mapping[LeadId, Lead]
    facts: Mapping[LeadId, Sequence[Fact]]
    consents: Mapping[LeadId, Sequence[Consent]]
    responses: Mapping[LeadId, Sequence[Response]]
    sums: Mapping[LeadId, Mapping[str, Running]]
    suppressed: Mapping[str, frozenset[str]]
    switches: Mapping[str, Switch]
    touches: dict[LeadId, list[Touch]]
    company_last: dict[int, dict[LeadId, datetime]] = field(default_factory=dict)
    stages: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # company -> stage -> how many people
    pressure: Pressure = field(default_factory=Pressure)
    leaves_due: bool = False  # whether something that was stored here is due at once
    _names: dict[LeadId, tuple[Lead, Sequence[Fact] | None, Mapping[str, Any]]] = field(default_factory=dict)

    def zone_of(self, lead: Lead) -> ZoneInfo:
        """The lead's zone by name; if missing, the company's, then the workspace's."""
        name = lead.timezone or (lead.company.timezone if lead.company else None) or self.policy.timezone
        return calendar.zone(name)

    def country_of(self, lead: Lead) -> str | None:
        """The country whose holidays count."""
        return lead.country or (lead.company.country if lead.company else None) or self.policy.country or None

    def scopes_of(self, lead: Lead) -> frozenset[str]:
        """In which scopes the person, or their number, is suppressed."""
        by_number = self.suppressed.get(lead.phone, frozenset()) if lead.phone else frozenset()
        return self.suppressed.get(lead.listed_as, frozenset()) | by_number

    def no_calls(self, lead: Lead) -> bool:
        """Whether the basis for calls was withdrawn. None is needed: the law asks for one before a mail."""
        held = standing(self.consents.get(lead.id, ()), country=None, now=self.now, medium=Medium.PHONE)
        return held is Standing.WITHDRAWN

    def names(self, lead: Lead) -> Mapping[str, Any]:
        """The lead's flat names, with the engagement as it is now."""
        facts = self.facts.get(lead.id)
        known_names = self._names.get(lead.id)
        if known_names is not None and known_names[0] is lead and known_names[1] is facts:
            return known_names[2]
        names = self._fresh_names(lead)
        self._names[lead.id] = (lead, facts, names)
        return names

    def _fresh_names(self, lead: Lead) -> dict[str, Any]:
        scoring = self.rules.workspace.scoring
        valid = self.now - self.rules.workspace.readiness.facts_valid.span
        known = {fact.name.value for fact in self.facts.get(lead.id, ()) if fact.at >= valid}
        now_worth = engagement(self.sums.get(lead.id, {}), scoring, self.now)
        return names_of(lead, known=known, engagement=now_worth, now=self.now)

    def history(self, lead: Lead, enrollment: int | None, cadence: Cadence | None = None) -> LeadHistory:
        """What happened to the lead, as conditions ask about it; those of a cadence know what its steps were called."""
        return LeadHistory(
            self.now,
            self.touches.get(lead.id, ()),
            self.responses.get(lead.id, ()),
            enrollment=enrollment,
            colleagues_by_stage=beside(self.leads.get(lead.id, lead), self.stages) if self.stages else {},
            cadence=cadence.name if cadence else "",
            renamed=cadence.renamed if cadence else {},
        )

    def had(self, lead: Lead, template: str) -> bool:
        """Whether the lead was sent this e-mail, or must be assumed to have been."""
        return any(
            touch.template == template and touch.channel is Channel.EMAIL and touch.counted_at is not None
            for touch in self.touches.get(lead.id, ())
        )

    def surroundings(self, lead: Lead, enrollment: Enrollment, cadence: Cadence) -> Surroundings:
        """What the walk of one enrollment looks at."""

        def had(item: str) -> bool:
            try:
                paths = {self.rules.templates.resolve(cadence.name, item, "email")}
            except NurtureError:  # its template is gone: what was tried before is not tried again
                paths = {item, f"{cadence.name}/{item}"}
            return any(self.had(lead, path) for path in paths) or any(
                touch.enrollment == enrollment.id and touch.template in paths for touch in self.touches.get(lead.id, ())
            )

        def items(stream: Stream) -> tuple[str, ...]:
            latest = self.rules.workspace.cadences.get(cadence.name)
            today = closest(stream, streams_in(latest.steps)) if latest else None
            return (today or stream).items

        fiscal = lead.company.fiscal_year_start if lead.company else None
        month, day = (int(part) for part in fiscal.split("-")) if fiscal else self.policy.fiscal_year_start
        return Surroundings(
            lead=lead.id,
            names=self.names(lead),
            history=self.history(lead, enrollment.id, cadence),
            zone=self.zone_of(lead),
            country=self.country_of(lead),
            fiscal_year_start=(month, day),
            had=had,
            items=items,
        )

    def counted(self, lead: LeadId) -> list[datetime]:
        """When this lead's touches count against its limits."""
        return as_counted(self._counted(lead))

    def goes_with_a_call(self, touch: Touch) -> bool:
        """Whether this is the voicemail of a call that was made, and so no other touch than that."""
        made = self._counted(touch.lead)
        return touch.channel is Channel.VOICEMAIL and with_its_call((self.now, touch.enrollment), made)

    def _counted(self, lead: LeadId) -> list[Counted]:
        made = self.touches.get(lead, ())
        return [(one.counted_at, one.enrollment, one.channel) for one in made if one.counted_at is not None]

    def count(self, touch: Touch) -> None:
        """Let a touch that was just decided count for those decided after it."""
        if touch.counted_at is None:
            return
        if touch.company is not None:
            self.company_last.setdefault(touch.company, {})[touch.lead] = touch.counted_at
        self.pressure.count(touch)

    def keep(self, touch: Touch) -> None:
        """Put a new state of a touch in the place of the old one."""
        made = self.touches.setdefault(touch.lead, [])
        made[:] = [one for one in made if one.id != touch.id]
        made.append(touch)
        self.count(touch)


def look_at_pressure(scene: Scene, pressure: Pressure, batch: Collection[EnrollmentId], work: Unit) -> None:
    """Let a batch see the limits that many share, as the pass knows them."""
    leads = scene.leads.values()
    companies = {lead.company.id for lead in leads if lead.company}
    if scene.policy.limits.company_per_7_days is not None:
        scene.company_last = work.leads.company_last_touched(companies, scene.now - WEEK)
    pressure.look(
        work,
        batch=frozenset(batch),
        leads=scene.leads,
        domains={lead.email.rpartition("@")[2] for lead in leads if lead.email},
        companies=companies,
        company_last=scene.company_last,
        one_place=all(cadence.exclusive for cadence in scene.rules.workspace.cadences.values()),
    )
    scene.pressure = pressure


def load(work: Unit, ids: Collection[LeadId], *, rules: InForce, policy: Policy, now: datetime) -> Scene:
    """Everything that decisions about these leads need."""
    leads, sums = work.leads.with_sums(ids, rules.workspace.scoring)
    companies = {lead.company.id for lead in leads.values() if lead.company}
    addresses = {address for lead in leads.values() for address in (lead.listed_as, lead.phone) if address}
    return Scene(
        now=now,
        policy=policy,
        rules=rules,
        leads=leads,
        facts=work.leads.facts(ids),
        consents=work.leads.consents(ids),
        responses=work.responses.of_leads(ids),
        sums=sums,
        suppressed=work.suppressions.scopes(addresses),
        switches=work.control.switches(),
        touches=work.touches.of_leads(ids),
        stages=work.leads.stages_in(companies) if companies else {},
    )
