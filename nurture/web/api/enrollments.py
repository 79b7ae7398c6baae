"""/api/v1/enrollments: who is in which cadence; enroll, pause, resume, stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from nurture.domain.enrollment import Enrollment, State
from nurture.domain.errors import RefusedError, UnknownNameError
from nurture.flow import enroll as arrow
from nurture.flow.shown import enrollment_rows
from nurture.web.api.door import (
    PAGE,
    REFUSALS,
    After,
    ApiRoute,
    Caller,
    Limit,
    answer,
    lead_named,
    page,
    to_come,
)
from nurture.web.api.shapes import EnrollBody, EnrollmentRow, PauseBody, ResumeBody, StopBody, Who, Word
from nurture.web.site import Site


def routes(site: Site) -> APIRouter:
    """Enrollments."""
    router = APIRouter(prefix="/api/v1/enrollments", tags=["enrollments"], route_class=ApiRoute, responses=REFUSALS)

    def rows(found: Sequence[Enrollment]) -> list[dict[str, object]]:
        with site.app.store.unit(write=False) as work:
            return enrollment_rows(work, site.app.rules.in_force(), found)

    def check(cadence: str | None) -> None:
        known = site.app.rules.in_force().versions
        if cadence is not None and cadence not in known:
            raise UnknownNameError("cadence", cadence[:60], sorted(known), otherwise="See: nurture cadence list")

    @router.get("", summary="Enrollments, by id", response_model=list[EnrollmentRow])
    def listed(
        request: Request,
        caller: Caller,
        *,
        lead: Annotated[Who | None, Query(description="An address, or the id.")] = None,
        cadence: Word | None = None,
        state: State | None = None,
        limit: Limit = PAGE,
        after: After = 0,
    ) -> JSONResponse:
        """All, or those of one lead, cadence or state."""
        who = lead_named(site, lead).id if lead is not None else None
        check(cadence)
        with site.app.store.unit(write=False) as work:
            found = work.enrollments.select(lead=who, cadence=cadence, state=state, after=after, limit=limit)
        return page(rows(found), request, limit=limit)

    @router.post("", summary="Enroll a lead by hand", response_model=EnrollmentRow)
    def enroll(body: EnrollBody, caller: Caller) -> JSONResponse:
        """It is not held back by the rate of the cadence; its exclusive place and its status decide."""
        person, app = lead_named(site, body.lead), site.app
        check(body.cadence)
        answers = arrow.by_hand(
            [person.id],
            body.cadence,
            store=app.store,
            rules=app.rules.in_force(),
            policy=app.policy,
            now=site.now(),
            by=caller,
        )
        said = answers[person.id]
        if not said.may_enter:
            raise RefusedError(said.text, hint=f"Code: {said.code}.")
        with app.store.unit(write=False) as work:
            found = work.enrollments.select(lead=person.id, cadence=body.cadence)
        return answer(rows(found[-1:])[0])

    @router.post("/pause", summary="Pause a lead", response_model=list[EnrollmentRow])
    def pause(body: PauseBody, caller: Caller) -> JSONResponse:
        """In every cadence that it is in; what is left of each wait is kept."""
        now = site.now()
        ids, until = [lead_named(site, body.lead).id], to_come(body.until, now)
        return answer(rows(arrow.pause(ids, until=until, store=site.app.store, now=now, by=caller)))

    @router.post("/resume", summary="Let a lead go on", response_model=list[EnrollmentRow])
    def resume(body: ResumeBody, caller: Caller) -> JSONResponse:
        """Other reasons for a pause, such as an open offer, stay."""
        ids = [lead_named(site, body.lead).id]
        return answer(rows(arrow.resume(ids, store=site.app.store, now=site.now(), by=caller)))

    @router.post("/stop", summary="End the enrollments of a lead", response_model=list[EnrollmentRow])
    def stop(body: StopBody, caller: Caller) -> JSONResponse:
        """All of them, or those in one cadence."""
        ids = [lead_named(site, body.lead).id]
        check(body.cadence)
        ended = arrow.stop(ids, cadence=body.cadence, store=site.app.store, now=site.now(), by=caller)
        return answer(rows(ended))

    return router
