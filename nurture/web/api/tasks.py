"""/api/v1/tasks: the queue of calls and other work of people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from nurture.domain.response import CallOutcome
from nurture.flow import tasks as arrow
from nurture.flow.shown import next_row, task_row
from nurture.web.api.door import PAGE, REFUSALS, ApiRoute, Caller, Limit, answer, page, to_come
from nurture.web.api.shapes import PLAIN, DoneBody, NextRow, PersonBody, RecordedRow, TaskRow, Who, Word
from nurture.web.site import Site

TaskId = Annotated[str, Path(pattern=PLAIN, min_length=1, max_length=200)]


def routes(site: Site) -> APIRouter:
    """Tasks."""
    router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"], route_class=ApiRoute, responses=REFUSALS)

    def common(now: datetime) -> dict[str, Any]:
        app = site.app
        return {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": now}

    @router.get("", summary="Open tasks, the longest due first", response_model=list[TaskRow])
    def listed(
        request: Request,
        caller: Caller,
        *,
        assigned: Annotated[Who | None, Query(description="A person's address or a role.")] = None,
        limit: Limit = PAGE,
        after: Annotated[Word | None, Query(description="Go on behind this id.")] = None,
    ) -> JSONResponse:
        """All, or those of one person or role."""
        app = site.app
        found = arrow.listed(
            store=app.store,
            rules=app.rules.in_force(),
            now=site.now(),
            assigned=assigned,
            after=after,
            limit=limit,
        )
        return page([task_row(one.touch, one.lead, one.questions) for one in found], request, limit=limit)

    @router.post("/next", summary="Take the next task", response_model=NextRow | None)
    def following(body: PersonBody, caller: Caller) -> JSONResponse:
        """It is this person's until it is done or released, and nobody else gets it; null where there is none now."""
        item = arrow.next_for(body.person, **common(site.now()))
        if item is None:
            return answer(None)
        return answer(next_row(item.touch, item.lead, questions=item.questions, history=item.history))

    @router.post("/{task}/release", summary="Give a task back to the queue", response_model=TaskRow)
    def release(task: TaskId, caller: Caller) -> JSONResponse:
        """Whoever asks next may get it."""
        item = arrow.release(task, store=site.app.store, rules=site.app.rules.in_force(), now=site.now())
        return answer(task_row(item.touch, item.lead, item.questions))

    @router.post("/{task}/done", summary="Say how a task ended", response_model=RecordedRow)
    def done(task: TaskId, body: DoneBody, caller: Caller) -> JSONResponse:
        """Score, stage, consent and the cadence follow in the same transaction."""
        now = site.now()
        by = arrow.known(body.person, site.app.rules.in_force()).email if body.person else caller
        recorded = arrow.done(
            task,
            CallOutcome(body.outcome),
            until=to_come(getattr(body, "until", None), now),
            note=body.text.strip(),
            facts={name.value: text for name, text in body.facts.items()},
            new_id=site.app.clock.new_id,
            by=by,
            **common(now),
        )
        assert recorded.lead is not None
        with site.app.store.unit(write=False) as work:
            person = work.leads.get([recorded.lead])[recorded.lead]
        return answer(
            {
                "response": str(recorded.response) if recorded.response is not None else None,
                "lead": str(person.id),
                "email": person.email,
                "touch": task,
                "note": recorded.note or None,
                "stage": person.stage,
                "status": person.status,
            }
        )

    return router
