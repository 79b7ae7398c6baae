"""GET /c/TOKEN: the click is graded and recorded, and the target comes from the database."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nurture import log
from nurture.domain.errors import NurtureError
from nurture.domain.machines import PREFETCH, Hit
from nurture.domain.response import Kind
from nurture.domain.touch import Touch
from nurture.flow import respond
from nurture.moves.grading import delivered, hit_of, judged, seen
from nurture.web.guard import frames
from nurture.web.site import Site, sorry

_log = log.get("web")


def routes(site: Site) -> APIRouter:
    """Tracked links."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    def follow(token: str, request: Request) -> Response:
        value = site.app.links.read("c", token)
        if not isinstance(value, list) or len(value) != 2 or not all(isinstance(one, str) for one in value):
            return sorry(404)
        with site.app.store.unit(write=False) as work:
            target = work.touches.link_target(value[1])
            touch = work.touches.get([value[0]]).get(value[0])
        if target is None or not _may_lead_to(target):
            return sorry(404)
        if touch is not None:
            agent = request.headers.get("user-agent", "")
            method = PREFETCH if _is_ahead(request) else request.method
            _keep(site, touch, Hit(site.now(), target, _address_of(request), agent, method))
        return RedirectResponse(target, status_code=302)

    return router


def _is_ahead(request: Request) -> bool:
    """Whether a browser says that nobody has clicked yet: it fetches what somebody may want to see next."""
    said = " ".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    return any(word in said.lower() for word in ("prefetch", "prerender", "preview"))


def _may_lead_to(target: str) -> bool:
    """Whether a browser may be sent there: a web address, nothing that runs or opens anything else."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _keep(site: Site, touch: Touch, hit: Hit) -> None:
    """Record the click. A person who clicked arrives also when that fails: the next click is recorded again."""
    try:
        with site.app.store.unit(write=False) as work:
            before = work.responses.of_touch(touch.id)
        others = [one for response in before if (one := hit_of(response)) is not None]
        verdict = judged(Kind.CLICK, hit, delivered_at=delivered(touch, before), others=others)
        why = "; ".join(verdict.why)
        # A double click is one: events of a provider count in seconds too.
        key = f"{touch.id}|click|{hit.at:%Y-%m-%dT%H:%M:%S}|{verdict.grade}|{hit.url}"
        detail = seen(hit)
        report = respond.Report(
            Kind.CLICK, hit.at, touch=touch.id, grade=verdict.grade, detail=detail, why=why, key=key
        )
        site.record(report, hit.at)
    except Exception as problem:  # noqa: BLE001  a redirect that fails would be ours to answer for, the click is not
        known = isinstance(problem, NurtureError) or site.doors.is_outage(problem)
        _log.error("click_not_recorded", touch=touch.id, problem=type(problem).__name__, frames=frames(problem, known))


def _address_of(request: Request) -> str:
    """The network address of who asks: as our own proxy says it, where one stands before us on this machine."""
    peer = request.client.host if request.client else ""
    try:
        if peer and not ip_address(peer).is_loopback:
            return peer
        # Only the last entry is the proxy's; those before it may be written by anybody.
        return str(ip_address(request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()))
    except ValueError:
        return ""
