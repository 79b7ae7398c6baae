"""GET and POST /h/TOKEN: a rep reads the brief of an offer, and accepts or rejects it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from nurture.domain import calendar
from nurture.domain.errors import NurtureError, RequestError
from nurture.domain.handoff import ON_DESK, State
from nurture.domain.reach import HINT, is_within_reach
from nurture.flow import handoff as arrow
from nurture.web.site import Site, fields_of, fragment, sorry

# What a rep reads whose offer is no longer open.
CLOSED: Final = {
    State.ACCEPTED: "You accepted this lead. It is yours.",
    State.REJECTED: "You gave this lead back.",
    State.EXPIRED: "The time to answer has passed, and the lead was offered to somebody else.",
    State.WITHDRAWN: "This lead was taken back: it is not ready any more, or must not be contacted.",
    State.WON: "This lead was won.",
    State.LOST: "This lead was lost.",
}


@dataclass(frozen=True, slots=True)
class _Offer:
    """The handoff row and the brief of its promotion."""

    row: dict[str, Any]
    brief: dict[str, Any]
    rep: str


def routes(site: Site) -> APIRouter:
    """Offers."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/h/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> HTMLResponse:
        offer = _read(site, token)
        return _page(site, offer) if offer is not None else sorry(404)

    @router.post("/h/{token}")
    async def answer(token: str, request: Request) -> HTMLResponse:
        fields = fields_of(await request.body())
        return await run_in_threadpool(_answer, site, token, fields)

    return router


def _read(site: Site, token: str) -> _Offer | None:
    """What a rep's token names: a handoff that was offered to this rep."""
    value = site.app.links.read("h", token)
    if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int or not isinstance(value[1], str):
        return None
    with site.app.store.unit(write=False) as work:
        row = work.sales.handoff(value[0])
        promotion = work.sales.promotion(row["promotion_id"]) if row is not None else None
    if row is None or promotion is None or row["rep"] != value[1] or row["state"] == State.QUEUED.value:
        return None
    return _Offer(row, promotion["brief"], value[1])


def _answer(site: Site, token: str, fields: dict[str, str]) -> HTMLResponse:
    offer = _read(site, token)
    if offer is None:
        return sorry(404)
    desk = arrow.Desk(
        store=site.app.store,
        rules=site.app.rules.in_force(),
        policy=site.app.policy,
        new_id=site.app.clock.new_id,
        now=site.now(),
        by=offer.rep,
        crm=bool(site.app.settings.crm.webhook),
    )
    try:
        answered = _do(desk, offer.row["id"], fields)
    except NurtureError as problem:
        again = _read(site, token) or offer
        if isinstance(problem, RequestError):
            return _page(site, again, problem=f"{problem.what} {problem.hint}".strip(), status=422, chosen=fields)
        # A refusal is said in the words of commands; a rep has only this page.
        words = _closed(again) or problem.what
        return _page(site, again, problem=f"Your answer was not taken. {words}", status=409)
    return _page(site, _read(site, token) or offer, done=answered.text)


def _do(desk: arrow.Desk, number: int, fields: dict[str, str]) -> arrow.Answered:
    match fields.get("answer"):
        case "accept":
            return arrow.accept(desk, number)
        case "reject":
            reason, until = fields.get("reason", ""), fields.get("until", "").strip()
            if not reason:
                raise RequestError("Please choose a reason.", hint="It decides what becomes of the lead.")
            try:
                day = date.fromisoformat(until) if until else None
            except ValueError:
                raise RequestError(f"{until[:20]!r} is not a date.", hint="Write it as 2027-01-15.") from None
            if day is not None and not is_within_reach(day):
                raise RequestError(f"The year {day.year} is out of reach.", hint=HINT)
            return arrow.reject(desk, number, reason, until=day, note=fields.get("note", "").strip()[:2000])
    raise RequestError("Please accept or reject.", hint="")


def _closed(offer: _Offer) -> str:
    """What became of an offer that is no longer open; of one that was given back, why, and when the lead returns."""
    row = offer.row
    words = CLOSED.get(State(row["state"]), "")
    if row["state"] == State.REJECTED.value and row["reason"]:
        words = f"{words.removesuffix('.')}: {row['reason'].replace('_', ' ')}."
        if row["return_at"] is not None:
            day = row["return_at"].astimezone(calendar.zone(offer.brief["timezone"]))
            words += f" It returns on {day.day} {day:%B %Y}."
    return words


def _page(
    site: Site,
    offer: _Offer,
    *,
    done: str = "",
    problem: str = "",
    status: int = 200,
    chosen: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The brief with the answer that is still to give, or what became of it."""
    workspace = site.app.rules.in_force().workspace
    state = State(offer.row["state"])
    rep = workspace.person(offer.rep)
    zone = calendar.zone((rep.timezone if rep else None) or site.app.policy.timezone)
    due = offer.row["due_at"].astimezone(zone) if offer.row["due_at"] is not None else None
    nonce = site.app.clock.new_id()
    actions = fragment(
        "answer.html",
        nonce=nonce,
        is_open=state is State.OFFERED,
        words=_closed(offer),
        earliest=(site.now() + timedelta(days=1)).astimezone(zone).date().isoformat(),
        due=f"{due:%A}, {due.day} {due:%B, %H:%M} ({zone.key})" if due is not None else "",
        reasons=list(workspace.readiness.reject),
        chosen={"reason": "", "until": "", "note": "", **(chosen or {})},
        done=done[:1].upper() + done[1:],
        problem=problem,
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    brief = offer.brief if state in ON_DESK else {**offer.brief, "expects_call": ""}
    html = site.doors.brief_page(brief, actions=actions, nonce=nonce)
    return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": policy})
