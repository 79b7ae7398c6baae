"""The JSON API: leads, responses, enrollments, tasks and handoffs, with the keys of the command line."""

from __future__ import annotations

from fastapi import APIRouter

from nurture.web.api import enrollments, handoffs, leads, responses, tasks
from nurture.web.site import Site


def routes(site: Site) -> APIRouter:
    """Every area of the API, under one prefix."""
    router = APIRouter(prefix="/api/v1")
    for area in (leads, responses, enrollments, tasks, handoffs):
        router.include_router(area.routes(site))
    return router
