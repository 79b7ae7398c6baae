"""GET and POST /u/TOKEN: the page changes nothing, the POST unsubscribes at once."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from nurture import log
from nurture.domain.response import Kind
from nurture.domain.touch import Touch
from nurture.flow import preferences, respond
from nurture.web.site import Site, masked, page, sorry

_log = log.get("web")


def routes(site: Site) -> APIRouter:
    """Unsubscribing."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        """The button. Programs that open every link of a mail find nothing here that acts."""
        touch = site.touch("u", token)
        if touch is None:
            return sorry(404)
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
    def do(token: str) -> HTMLResponse:
        touch = site.touch("u", token)
        if touch is None:
            if site.app.links.read("u", token) is not None:
                _log.warning("unsubscribe_of_unknown_touch")  # a restored database, or a preview
            return sorry(404)
        stop(site, touch, site.now(), via="link")
        return page("unsubscribed.html", address=masked(site.address_of(touch)), sender=site.sender_of(touch))

    return router


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
