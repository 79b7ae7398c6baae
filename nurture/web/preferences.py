"""GET and POST /p/TOKEN: less often, a pause, stop, or as before; for people, without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from nurture.domain.errors import RequestError
from nurture.domain.touch import Touch
from nurture.flow import preferences
from nurture.web.site import BY, Site, fields_of, masked, page
from nurture.web.unsubscribe import stop, whose


def routes(site: Site) -> APIRouter:
    """Preferences."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/p/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        touch = site.touch("p", token)
        return _page(site, touch) if touch is not None else whose(site, "p", token)

    @router.post("/p/{token}")
    async def do(token: str, request: Request) -> HTMLResponse:
        fields = fields_of(await request.body())
        return await run_in_threadpool(_choose, site, token, fields)

    return router


def _choose(site: Site, token: str, fields: Mapping[str, str]) -> HTMLResponse:
    touch = site.touch("p", token)
    if touch is None:
        return whose(site, "p", token)
    now, store, choice = site.now(), site.app.store, fields.get("choice", "")
    try:
        if choice == "less":
            preferences.less_often(touch.lead, store=store, now=now, by=BY)
        elif choice == "pause":
            months, day = _span(fields)
            preferences.pause(touch.lead, months=months, day=day, store=store, policy=site.app.policy, now=now, by=BY)
        elif choice == "before":
            preferences.as_before(touch.lead, store=store, now=now, by=BY)
        elif choice == "stop":
            stop(site, touch, now, via="preferences")
        else:
            return _page(site, touch, problem="Please choose one of these.")
    except RequestError as problem:
        return _page(site, touch, problem=f"{problem.what} {problem.hint}")
    return _page(site, touch, saved=True)


def _span(fields: Mapping[str, str]) -> tuple[int | None, date | None]:
    """For how many months, or until which day: a day that somebody named is meant. Old browsers send what was typed."""
    if fields.get("until", "").strip():
        try:
            return None, date.fromisoformat(fields["until"].strip())
        except ValueError:
            raise RequestError("That is not a day.", hint="Write it as 2027-01-15.") from None
    months = fields.get("months", "")
    return (int(months) if months.isascii() and months.isdigit() and len(months) < 3 else None), None


def _page(site: Site, touch: Touch, *, saved: bool = False, problem: str = "") -> HTMLResponse:
    """The page, with what holds now."""
    address = site.address_of(touch)
    held = preferences.wishes(touch.lead, address, store=site.app.store, policy=site.app.policy, now=site.now())
    if held.stopped:
        return page("unsubscribed.html", address=masked(address), sender=site.sender_of(touch))
    return page(
        "preferences.html",
        status=422 if problem else 200,
        address=masked(address),
        sender=site.sender_of(touch),
        held=held,
        months=preferences.MONTHS,
        earliest=(site.now() + timedelta(days=1)).date().isoformat(),
        latest=(site.now() + preferences.LONGEST).date().isoformat(),
        saved=saved,
        problem=problem,
    )
