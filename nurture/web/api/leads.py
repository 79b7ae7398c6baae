"""/api/v1/leads: look at leads, send some, write down what was learned."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse

from nurture.domain import calendar
from nurture.domain.condition import parse
from nurture.domain.lead import Stage, Status
from nurture.domain.row import GIVEN_NAMES, Column, Refused, Row, RowReader
from nurture.flow import intake, leads, looking
from nurture.web.api.door import (
    PAGE,
    REFUSALS,
    After,
    ApiRoute,
    Caller,
    LeadName,
    Limit,
    answer,
    lead_named,
    page,
)
from nurture.web.api.shapes import FactBody, LeadBody, LeadRow, ScoreRow, TakenRow, TimelineRow
from nurture.web.site import Site


def routes(site: Site) -> APIRouter:
    """Leads."""
    router = APIRouter(prefix="/api/v1/leads", tags=["leads"], route_class=ApiRoute, responses=REFUSALS)

    def rows(**which: Any) -> list[dict[str, Any]]:
        found = looking.listed(store=site.app.store, rules=site.app.rules.in_force(), now=site.now(), **which)
        return [{"id": str(one.lead.id), **one.names} for one in found]

    @router.get("", summary="Leads, by id", response_model=list[LeadRow])
    def listed(
        request: Request,
        caller: Caller,
        *,
        stage: Stage | None = None,
        status: Status | None = None,
        idle: Annotated[bool, Query(description="Those for whom nothing is planned.")] = False,
        limit: Limit = PAGE,
        after: After = 0,
    ) -> JSONResponse:
        """All, or those of a stage or status."""
        parts = {"stage": stage, "status": status}
        words = " and ".join(f"{name} == '{value}'" for name, value in parts.items() if value is not None)
        where = parse(words) if words else None
        return page(rows(where=where, idle=idle, limit=limit, after=after), request, limit=limit)

    @router.post("", summary="Find or make leads", response_model=TakenRow)
    def take(body: Annotated[list[LeadBody], Body(min_length=1, max_length=1000)], caller: Caller) -> JSONResponse:
        """Each is found by its address or external id, without both by phone and name, or else made.

        What a person recorded is not replaced.
        """
        made = [_row(site, number, one.model_extra or {}) for number, one in enumerate(body, 1)]
        done = intake.take(
            made,
            file="api",
            source=None,
            store=site.app.store,
            rules=site.app.rules.in_force(),
            policy=site.app.policy,
            now=site.now(),
            by=caller,
        )
        counts = {"created": done.created, "updated": done.updated, "unchanged": done.unchanged}
        refused = [{"line": line, "reason": why} for line, why in done.refused]
        return answer({"batch": str(done.batch), **counts, "refused": refused})

    @router.get("/{lead}", summary="One lead", response_model=LeadRow)
    def shown(lead: LeadName, caller: Caller) -> JSONResponse:
        """The lead of this address or id, with every flat name."""
        return answer(rows(where=None, only=[lead_named(site, lead).id])[0])

    @router.get("/{lead}/score", summary="The score with its reasons", response_model=ScoreRow)
    def score(lead: LeadName, caller: Caller) -> JSONResponse:
        """The ledger as of now; its sum is the score."""
        person = lead_named(site, lead)
        app = site.app
        found = looking.score(person.id, store=app.store, rules=app.rules.in_force(), policy=app.policy, now=site.now())
        parts = {"score": found.score, "fit": found.fit, "engagement": found.engagement, "ledger": found.ledger}
        return answer({"lead": str(person.id), "email": person.email, "stage": person.stage, **parts})

    @router.get("/{lead}/timeline", summary="What happened to a lead", response_model=list[TimelineRow])
    def timeline(lead: LeadName, caller: Caller) -> JSONResponse:
        """Oldest first."""
        return answer(looking.history(lead_named(site, lead).id, store=site.app.store))

    @router.post("/{lead}/facts", summary="Write down what was learned", response_model=LeadRow)
    def learn(lead: LeadName, body: FactBody, caller: Caller) -> JSONResponse:
        """Older statements stay."""
        person = lead_named(site, lead)
        leads.learn(
            person.id,
            {body.name.value: body.value},
            source=body.source,
            confidence=body.confidence.value,
            store=site.app.store,
            rules=site.app.rules.in_force(),
            policy=site.app.policy,
            now=site.now(),
            by=caller,
        )
        return answer(rows(where=None, only=[person.id])[0])

    return router


def _row(site: Site, number: int, given: dict[str, Any]) -> Row | Refused:
    """One lead as an import reads it."""
    unknown = [name for name in given if name not in GIVEN_NAMES and not (name.startswith("x.") and name[2:].strip())]
    if unknown:
        return Refused(number, f"{unknown[0][:60]!r} is not known here; a field of your own is called x.NAME")
    texts = {name: _text(value) for name, value in given.items()}
    kept = [name for name, text in texts.items() if text]
    zone = calendar.zone(site.app.policy.timezone)
    reader = RowReader([Column(name, name) for name in kept], zone=zone, phone=site.doors.read_phone)
    return reader.read(number, [texts[name] for name in kept])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).replace("\0", "")
