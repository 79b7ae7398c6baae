"""GET and POST /p/TOKEN: less often, a pause, stop, or as before; for people, without JavaScript."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from nurture.domain.errors import RequestError
from nurture.domain.touch import Touch
from nurture.flow import preferences
from nurture.web.site import BY, Site, fields_of, masked, page, sorry
from nurture.web.unsubscribe import stop


def routes(site: Site) -> APIRouter:
    """Preferences."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/p/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        touch = site.touch("p", token)
        return _page(site, touch) if touch is not None else sorry(404)

    @router.post("/p/{token}")
    async def do(token: str, request: Request) -> HTMLResponse:
        fields = fields_of(await request.body())
        return await run_in_threadpool(_choose, site, token, fields.get("choice", ""), fields.get("months", ""))

    return router


def _choose(site: Site, token: str, choice: str, months: str) -> HTMLResponse:
    touch = site.touch("p", token)
    if touch is None:
        return sorry(404)
    now, store = site.now(), site.app.store
    try:
        if choice == "less":
            preferences.less_often(touch.lead, store=store, now=now, by=BY)
        elif choice == "pause":
            span = int(months) if months.isascii() and months.isdigit() else 0
            preferences.pause(touch.lead, span, store=store, policy=site.app.policy, now=now, by=BY)
        elif choice == "before":
            preferences.as_before(touch.lead, store=store, now=now, by=BY)
        elif choice == "stop":
            stop(site, touch, now, via="preferences")
        else:
            return _page(site, touch, problem="Please choose one of these.")
    except RequestError as problem:
        return _page(site, touch, problem=f"{problem.what} {problem.hint}")
    return _page(site, touch, saved=True)


def _page(site: Site, touch: Touch, *, saved: bool = False, problem: str = "") -> HTMLResponse:
    """The page, with what holds now."""
    address = site.address_of(touch)
    held = preferences.wishes(touch.lead, address, store=site.app.store, now=site.now())
    if held.stopped:
        return page("unsubscribed.html", address=masked(address), sender=site.sender_of(touch))
    return page(
        "preferences.html",
        status=422 if problem else 200,
        address=masked(address),
        sender=site.sender_of(touch),
        held=held,
        months=preferences.MONTHS,
        saved=saved,
        problem=problem,
    )
