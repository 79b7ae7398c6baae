"""/api/v1/handoffs: what sales was offered, the brief, and what it answers."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from nurture.domain.handoff import State
from nurture.flow import handoff as arrow
from nurture.flow.handoff import Answered, Desk
from nurture.web.api.door import (
    PAGE,
    REFUSALS,
    After,
    ApiRoute,
    Caller,
    Limit,
    Number,
    answer,
    lead_named,
    one_of_these,
    page,
    within_reach,
)
from nurture.web.api.shapes import AcceptBody, AnsweredRow, BriefRow, HandoffRow, LostBody, RejectBody, Who, WonBody
from nurture.web.site import Site


def routes(site: Site) -> APIRouter:
    """Handoffs."""
    router = APIRouter(prefix="/api/v1/handoffs", tags=["handoffs"], route_class=ApiRoute, responses=REFUSALS)

    def told(done: Answered) -> JSONResponse:
        with site.app.store.unit(write=False) as work:
            (row,) = arrow.rows(work, [done.handoff])
        return answer({"handoff": row, "changed": done.changed, "text": done.text})

    @router.get("", summary="Handoffs, by id", response_model=list[HandoffRow])
    def listed(
        request: Request,
        caller: Caller,
        *,
        state: State | None = None,
        lead: Annotated[Who | None, Query(description="An address, or the id.")] = None,
        rep: Annotated[Who | None, Query(description="An address.")] = None,
        limit: Limit = PAGE,
        after: After = 0,
    ) -> JSONResponse:
        """All, or those of one state, lead or rep."""
        who = lead_named(site, lead).id if lead is not None else None
        states = [state.value] if state is not None else None
        with site.app.store.unit(write=False) as work:
            found = work.sales.handoffs(lead=who, rep=rep, states=states, after=after, limit=limit)
            return page(arrow.rows(work, found), request, limit=limit)

    @router.get("/{handoff}", summary="One handoff", response_model=HandoffRow)
    def shown(handoff: Number, caller: Caller) -> JSONResponse:
        """As it stands."""
        with site.app.store.unit(write=False) as work:
            return answer(arrow.rows(work, [arrow.named(work, handoff)])[0])

    @router.get("/{handoff}/brief", summary="The brief, as it is now", response_model=BriefRow)
    def brief(handoff: Number, caller: Caller) -> JSONResponse:
        """What is known with its source, what is not, and why now."""
        with site.app.store.unit(write=False) as work:
            lead = arrow.named(work, handoff)["lead_id"]
        return answer(arrow.brief(desk(caller), lead).as_json())

    @router.post("/{handoff}/accept", summary="Take a lead", response_model=AnsweredRow)
    def accept(handoff: Number, caller: Caller, body: AcceptBody | None = None) -> JSONResponse:
        """Its cadences stop; the same answer again changes nothing."""
        colleagues = (body or AcceptBody()).colleagues
        return told(arrow.accept(desk(caller), handoff, colleagues=colleagues))

    @router.post("/{handoff}/reject", summary="Say no, and why", response_model=AnsweredRow)
    def reject(handoff: Number, body: RejectBody, caller: Caller) -> JSONResponse:
        """With a reason that is agreed in readiness.yaml; the lead follows its consequence."""
        current = desk(caller)
        reason = one_of_these(body.reason, list(current.readiness.reject), what="agreed reason")
        return told(arrow.reject(current, handoff, reason, until=_day(body.until), note=body.note.strip()))

    @router.post("/{handoff}/contacted", summary="The first contact was made", response_model=AnsweredRow)
    def contacted(handoff: Number, caller: Caller) -> JSONResponse:
        """Recorded once."""
        return told(arrow.contacted(desk(caller), handoff))

    @router.post("/{handoff}/won", summary="The deal is done", response_model=AnsweredRow)
    def won(handoff: Number, caller: Caller, body: WonBody | None = None) -> JSONResponse:
        """With its value, where that is known."""
        return told(arrow.won(desk(caller), handoff, value=body.value if body else None))

    @router.post("/{handoff}/lost", summary="The deal is lost", response_model=AnsweredRow)
    def lost(handoff: Number, caller: Caller, body: LostBody | None = None) -> JSONResponse:
        """An agreed reason brings the lead back later."""
        current = desk(caller)
        given, known = body or LostBody(), list(current.readiness.lost)
        reason = one_of_these(given.reason, known, what="agreed reason") if given.reason is not None else None
        return told(arrow.lost(current, handoff, reason=reason, until=_day(given.until)))

    def desk(by: str) -> Desk:
        app = site.app
        crm = bool(app.settings.crm.webhook)
        return Desk(app.store, app.rules.in_force(), app.policy, app.clock.new_id, site.now(), by, crm)

    return router


def _day(day: date | None) -> date | None:
    return within_reach(day) if day is not None else None
