"""What people ask about leads without changing anything: lists, names, the timeline, the score with its reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import scoring
from nurture.domain.names import names_of

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import Lead, LeadId
    from nurture.domain.policy import Policy
    from nurture.domain.scoring import Worth
    from nurture.domain.timeline import Entry
    from nurture.ports import InForce, Store, Unit
    from nurture.ports.store import Consent

PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A lead with all its flat names as of now, and what an export says besides."""

    lead: Lead
    names: Mapping[str, Any]
    consent: Consent | None = None
    opted_out: bool = False


def listed(
    where: Condition | None,
    *,
    store: Store,
    rules: InForce,
    now: datetime,
    idle: bool = False,
    only: Collection[LeadId] | None = None,
    limit: int | None = None,
    after: LeadId = 0,
) -> list[Listed]:
    """Leads for which a condition holds, by id, behind `after`.

    `idle`: those for whom nothing is planned. `only`: among these.
    """
    with store.unit(write=False) as work:
        if not idle and only is None:
            return _with_names(
                work, work.leads.search(where, now=now, rules=rules.workspace, limit=limit, after=after), rules, now
            )
        among = set(work.leads.idle()) if idle else set(only or ())
        among &= set(only) if only is not None else among
        ids = sorted(one for one in among if one > after)
        if where is None:
            found = list(work.leads.get(ids[:limit]).values())
        else:
            found = [
                lead
                for lead in work.leads.search(where, now=now, rules=rules.workspace, after=after)
                if lead.id in among
            ][:limit]
        return _with_names(work, sorted(found, key=lambda lead: lead.id), rules, now)


def every(where: Condition | None, *, store: Store, rules: InForce, now: datetime) -> Iterator[Listed]:
    """All leads for which a condition holds, by id, as they all were at one moment, however long it takes.

    A page at a time: memory does not grow with their number.
    """
    with store.unit(write=False, one_view=True) as work:
        after = 0
        while page := work.leads.search(where, now=now, rules=rules.workspace, limit=PAGE, after=after):
            after = page[-1].id
            yield from _with_names(work, page, rules, now)


def custom_names(store: Store) -> list[str]:
    """What the custom fields of leads are called, all of them, by name."""
    with store.unit(write=False) as work:
        return work.leads.custom_names()


def _with_names(work: Unit, leads: list[Lead], rules: InForce, now: datetime) -> list[Listed]:
    ids = [lead.id for lead in leads]
    points = rules.workspace.scoring
    facts, sums, consents = work.leads.facts(ids), work.leads.sums(ids, points), work.leads.consents(ids)
    suppressed = work.suppressions.scopes({lead.listed_as for lead in leads})
    valid = now - rules.workspace.readiness.facts_valid.span
    result = []
    for lead in leads:
        known = {fact.name.value for fact in facts.get(lead.id, ()) if fact.at >= valid}
        worth = scoring.engagement(sums.get(lead.id, {}), points, now)
        names = names_of(lead, known=known, engagement=worth, now=now)
        consent = next((one for one in reversed(consents.get(lead.id, [])) if one.channel == "email"), None)
        result.append(Listed(lead, names, consent, bool(suppressed.get(lead.listed_as))))
    return result


def history(lead: LeadId, *, store: Store) -> tuple[Entry, ...]:
    """Everything that happened to a lead, oldest first."""
    from nurture.moves import told

    with store.unit(write=False) as work:
        return told.history(work, lead)


@dataclass(frozen=True, slots=True)
class Score:
    """The score as of now, and every reason; the sum of `worth` is the score."""

    lead: Lead
    fit: float
    engagement: float
    ledger: tuple[Worth, ...]

    @property
    def score(self) -> float:
        """Fit and engagement."""
        return self.fit + self.engagement


def score(lead: LeadId, *, store: Store, rules: InForce, policy: Policy, now: datetime) -> Score:
    """What a lead's score is made of."""
    from nurture.moves.scene import load  # far more than a list needs

    with store.unit(write=False) as work:
        scene = load(work, [lead], rules=rules, policy=policy, now=now)
        person = scene.leads[lead]
        points = rules.workspace.scoring
        fit = scoring.fit_lines(points, scene.names(person), scene.history(person, None))
        lines = work.responses.lines([lead]).get(lead, [])
    ledger = scoring.ledger(fit, lines, points, now)
    of_fit = sum(line.worth for line in fit)
    return Score(person, of_fit, sum(line.worth for line in ledger) - of_fit, ledger)
