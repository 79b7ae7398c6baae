"""What arrives over HTTP: the routes, and what stands around all of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from nurture.domain.errors import RefusedError, UnreachableError
from nurture.doors import doors_of, tell_daemons
from nurture.web import api, forms, health, links, offers, preferences, sendgrid, unsubscribe
from nurture.web.guard import Guard
from nurture.web.head import Heads
from nurture.web.site import CONTENT_POLICY, Site, refusal
from nurture.wiring import App

API_VERSION: Final = "1"
AREAS: Final = (health, sendgrid, unsubscribe, preferences, links, offers, forms, *api.AREAS)


def _methods(web: FastAPI, path: str) -> list[str]:
    """Every method that the document of the API has for this path; the framework names those of one route only."""
    items = web.openapi()["paths"].items()
    known = {method.upper() for template, item in items if compile_path(template)[0].match(path) for method in item}
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
    for area in AREAS:
        web.include_router(area.routes(site))

    @web.exception_handler(HTTPException)
    async def refuse(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        answer = refusal(request.scope, problem.status_code)
        answer.headers.update(problem.headers or {})
        if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods(web, request.url.path)):
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
