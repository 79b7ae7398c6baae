"""/api/v1/responses: what leads did, and reports of what they did elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from nurture.domain.errors import UnknownNameError
from nurture.domain.response import Kind
from nurture.flow import respond
from nurture.flow.shown import response_row, with_emails
from nurture.web.api.door import (
    PAGE,
    REFUSALS,
    After,
    ApiRoute,
    Caller,
    Limit,
    answer,
    fields_of,
    happened,
    lead_named,
    page,
    within_reach,
)
from nurture.web.api.shapes import Moment, RecordedRow, ResponseBody, ResponseRow, Who
from nurture.web.site import Site


def routes(site: Site) -> APIRouter:
    """Responses."""
    router = APIRouter(prefix="/api/v1/responses", tags=["responses"], route_class=ApiRoute, responses=REFUSALS)

    @router.get("", summary="Responses, by id", response_model=list[ResponseRow])
    def listed(
        request: Request,
        caller: Caller,
        *,
        lead: Annotated[Who | None, Query(description="An address, or the id.")] = None,
        since: Annotated[Moment | None, Query(description="Recorded since then.")] = None,
        limit: Limit = PAGE,
        after: After = 0,
    ) -> JSONResponse:
        """All, or those of one lead."""
        who = lead_named(site, lead).id if lead is not None else None
        with site.app.store.unit(write=False) as work:
            found = work.responses.page(lead=who, since=within_reach(since), after=after, limit=limit)
            rows = with_emails(work, [response_row(one) for one in found])
        return page(rows, request, limit=limit)

    @router.post("", summary="Report what a lead did", response_model=RecordedRow)
    def report(body: ResponseBody, caller: Caller) -> JSONResponse:
        """Stored once; score, stage, consent and enrollments follow in the same transaction."""
        person, now = lead_named(site, body.lead), site.now()
        if body.touch is not None:
            _check_touch(site, body.touch, person.id)
        given = fields_of(body)
        names = ("intent", "outcome", "url", "page", "form", "text")
        detail: dict[str, Any] = {name: str(given[name]) for name in names if given.get(name)}
        if body.until is not None:
            detail["until"] = within_reach(body.until).isoformat()
        key = f"api|{caller}|{body.id}" if body.id else ""
        made = respond.Report(
            Kind(body.kind), happened(body.at, now), person.id, body.touch, detail=detail, why=f"said {caller}", key=key
        )
        done = site.record(made, now, by=caller)
        with site.app.store.unit(write=False) as work:
            after = work.leads.get([person.id])[person.id]
        return answer(
            {
                "response": str(done.response) if done.response is not None else None,
                "lead": str(person.id),
                "email": after.email,
                "touch": body.touch,
                "note": done.note or None,
                "stage": after.stage,
                "status": after.status,
            }
        )

    return router


def _check_touch(site: Site, touch: str, lead: int) -> None:
    with site.app.store.unit(write=False) as work:
        found = work.touches.get([touch]).get(touch)
    if found is None or found.lead != lead:
        raise UnknownNameError("touch of this lead", touch[:60], (), otherwise="Leave it out, or name the right one.")
