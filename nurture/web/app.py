"""What arrives over HTTP: the routes, and what stands around all of them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from nurture.domain.errors import RefusedError, UnreachableError
from nurture.doors import doors_of, tell_daemons
from nurture.web import api, forms, health, links, offers, preferences, sendgrid, unsubscribe
from nurture.web.guard import Guard
from nurture.web.head import Heads
from nurture.web.site import CONTENT_POLICY, Site, refusal
from nurture.wiring import App

API_VERSION: Final = "1"
AREAS: Final = (health, sendgrid, unsubscribe, preferences, links, offers, forms, *api.AREAS)


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """Every method that this path takes; the framework names those of one of its routes only."""
    fitting = (one for one in routes if isinstance(one, Route) and one.matches(scope)[0] is not Match.NONE)
    known = {method for one in fitting for method in one.methods or ()}
    return sorted(known | ({"HEAD"} if "GET" in known else set()))


def make_app(app: App) -> FastAPI:
    """The web of one workspace. It opens the database when the first request needs it."""
    site = Site(app, doors_of(app))
    web = FastAPI(
        title="nurture",
        version=API_VERSION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    web.state.site = site
    routers = [area.routes(site) for area in AREAS]
    for router in routers:
        web.include_router(router)
    routes = [one for router in routers for one in router.routes]

    @web.exception_handler(HTTPException)
    async def refuse(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        answer = refusal(request.scope, problem.status_code)
        answer.headers.update(problem.headers or {})
        if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods(routes, request.scope)):
            answer.headers["Allow"] = ", ".join(methods)
        return answer

    def is_outage(problem: BaseException) -> bool:
        # A database of another version is away too, until somebody upgrades it.
        return isinstance(problem, UnreachableError | RefusedError) or site.doors.is_outage(problem)

    web.add_middleware(Heads)
    web.add_middleware(
        Guard, refusal=refusal, is_outage=is_outage, policy=CONTENT_POLICY, wrote=lambda: tell_daemons(app)
    )
    return web
