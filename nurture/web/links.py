"""GET /c/TOKEN: the click is graded and recorded, and the target comes from the database."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from nurture import log
from nurture.domain.errors import NurtureError
from nurture.domain.machines import Hit, judge_hit
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import Touch
from nurture.flow import respond
from nurture.web.guard import frames
from nurture.web.site import Site, sorry

_log = log.get("web")

_LONGEST_AGENT = 300


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
            _keep(site, touch, target, method=request.method, agent=request.headers.get("user-agent", ""))
        return RedirectResponse(target, status_code=302)

    return router


def _may_lead_to(target: str) -> bool:
    """Whether a browser may be sent there: a web address, nothing that runs or opens anything else."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _keep(site: Site, touch: Touch, target: str, *, method: str, agent: str) -> None:
    """Record the click. A person who clicked arrives also when that fails: the next click is recorded again."""
    try:
        now = site.now()
        grade, why = _judged(site, touch, Hit(now, url=target, user_agent=agent, method=method))
        detail = {"url": target, "user_agent": agent[:_LONGEST_AGENT], "method": method}
        site.record(respond.Report(Kind.CLICK, now, touch=touch.id, grade=grade, detail=detail, why=why), now)
    except Exception as problem:  # noqa: BLE001  a redirect that fails would be ours to answer for, the click is not
        known = isinstance(problem, NurtureError) or site.doors.is_outage(problem)
        _log.error("click_not_recorded", touch=touch.id, problem=type(problem).__name__, frames=frames(problem, known))


def _judged(site: Site, touch: Touch, hit: Hit) -> tuple[Grade, str]:
    """How much a click proves, and why: from what it is, and from what else came in on the same mail."""
    with site.app.store.unit(write=False) as work:
        before = work.responses.of_touch(touch.id)
    delivered = min((one.at for one in before if one.kind is Kind.DELIVERED), default=touch.sent_at)
    others = [
        Hit(
            one.at,
            one.url,
            user_agent=str(one.detail.get("user_agent") or ""),
            method=str(one.detail.get("method") or "GET"),
        )
        for one in before
        if one.kind in (Kind.CLICK, Kind.OPEN)
    ]
    verdict = judge_hit(hit, delivered_at=delivered, others=others)
    # No browser follows a link with a HEAD request: that sign needs no second one.
    grade = Grade.MACHINE if hit.method == "HEAD" else verdict.grade
    return grade, "; ".join(verdict.why)
