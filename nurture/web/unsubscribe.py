"""GET and POST /u/TOKEN: the page changes nothing, the POST unsubscribes at once; also from a mail we lost track of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from nurture import log
from nurture.domain.errors import RequestError
from nurture.domain.response import Kind
from nurture.domain.touch import Touch
from nurture.flow import lost_wishes, preferences, respond
from nurture.ports.world import PREVIEW
from nurture.web.site import BY, Site, fields_of, masked, page, sorry

_log = log.get("web")


def routes(site: Site) -> APIRouter:
    """Unsubscribing."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        """The button. Programs that open every link of a mail find nothing here that acts."""
        touch = site.touch("u", token)
        if touch is None:
            return whose(site, "u", token)
        address = site.address_of(touch)
        held = preferences.wishes(touch.lead, address, store=site.app.store, policy=site.app.policy, now=site.now())
        if held.stopped:
            return page("unsubscribed.html", address=masked(address), sender=site.sender_of(touch))
        other = site.app.links.token("p", touch.id)
        return page(
            "unsubscribe.html", address=masked(address), sender=site.sender_of(touch), preferences=f"/p/{other}"
        )

    # RFC 8058: a one-click request comes from the mail provider, with no cookie and no person behind it. It must
    # unsubscribe at once; a confirmation page here would mean that nobody is ever unsubscribed. What the body says
    # does not matter: whoever sends a POST to this address wants this one thing.
    @router.post("/u/{token}")
    async def do(token: str, request: Request) -> HTMLResponse:
        touch = await run_in_threadpool(site.touch, "u", token)
        if touch is not None:
            return await run_in_threadpool(_do, site, touch)
        address = fields_of(await request.body()).get("address")
        return await run_in_threadpool(_keep, site, token, address)

    return router


def _do(site: Site, touch: Touch) -> HTMLResponse:
    stop(site, touch, site.now(), via="link")
    return page("unsubscribed.html", address=masked(site.address_of(touch)), sender=site.sender_of(touch))


def whose(site: Site, purpose: str, token: str, *, problem: str = "") -> HTMLResponse:
    """The page for a link that we signed, of a mail that this database does not know: it was set back. No dead end."""
    touch = site.app.links.read(purpose, token)
    if not isinstance(touch, str):
        return sorry(404)
    if touch.startswith(PREVIEW):
        return page("message.html", title="This was a test", words=["A mail to real people has a link that works."])
    action = f"/u/{site.app.links.token('u', touch)}"
    status = 422 if problem else 200
    return page("whose.html", status=status, action=action, problem=problem, sender=site.sender_of(None))


def _keep(site: Site, token: str, address: str | None) -> HTMLResponse:
    """A wish of whom we do not know: with the address it is obeyed at once, without one a person gets to see it."""
    touch = site.app.links.read("u", token)
    if not isinstance(touch, str) or touch.startswith(PREVIEW):
        return whose(site, "u", token)
    app, now = site.app, site.now()
    if address is None:  # RFC 8058: from the mail provider, which gives no address and takes no question
        if lost_wishes.keep(touch, store=app.store, now=now):
            _log.warning("unsubscribe_of_unknown_touch", touch=touch)
        return whose(site, "u", token)
    common: dict[str, Any] = {
        "store": app.store,
        "rules": app.rules.in_force(),
        "policy": app.policy,
        "new_id": app.clock.new_id,
    }
    try:
        lost_wishes.obey(touch, address, now=now, by=BY, **common)
    except RequestError as problem:
        return whose(site, "u", token, problem=f"{problem.what} {problem.hint}")
    return page("unsubscribed.html", address=masked(address.strip()), sender=site.sender_of(None))


def stop(site: Site, touch: Touch, now: datetime, *, via: str) -> None:
    """Unsubscribe whom the touch went to. Doing it again changes nothing; after a new consent it works anew."""
    address = site.address_of(touch)
    with site.app.store.unit(write=False) as work:
        lead = work.leads.get([touch.lead]).get(touch.lead)
        addresses = {one for one in (address, lead.email if lead else None) if one}
        scopes = work.suppressions.scopes(addresses)
    if addresses and all("all" in scopes.get(one, ()) for one in addresses):
        return
    # Two requests within a minute are one wish: the page's button and the provider's, or an impatient click.
    key = f"{touch.id}|unsubscribe|{now:%Y-%m-%dT%H:%M}"
    site.record(respond.Report(Kind.UNSUBSCRIBE, now, touch=touch.id, detail={"via": via}, key=key), now)
    _log.info("unsubscribed", touch=touch.id, lead=touch.lead, via=via)
