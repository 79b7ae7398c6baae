"""What every route has at hand: the opened workspace, its doors, the pages, and who a token names."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.types import Scope

from nurture.domain.touch import Touch
from nurture.doors import Doors
from nurture.flow import respond
from nurture.wiring import App

BY: Final = "web"
_FOLDER: Final = Path(__file__).parent / "pages"
STYLE: Final = (_FOLDER / "style.css").read_text("utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
# Nothing is loaded, nothing runs; the one style is known by its hash.
CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_pages: Final = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _day(moment: datetime | str | None) -> str:
    """2026-03-03 -> 3 March 2026."""
    if moment is None:
        return ""
    value = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{value.day} {value:%B %Y}"


_pages.filters["day"] = _day

# What a program reads there: it has neither a mail nor a page.
FOR_PROGRAMS: Final = {
    404: "The paths are in /api/v1/openapi.json.",
    405: "What each path takes is in /api/v1/openapi.json.",
    503: "Send it again in a minute.",
}
UNREAD: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT)
# What a person reads where there is nothing to show.
WORDS: Final = {
    404: ("There is nothing here", "The link may be incomplete: please copy it whole, or click it in the mail again."),
    405: ("That does not work here", "Please go back, and use the buttons of the page."),
    408: ("That took too long", "Please try again."),
    413: ("That is too large", "Please send less at once."),
    500: ("Something went wrong here", "It is not your fault. It was written down; please try again later."),
    503: ("We are away for a moment", "Please try again in a few minutes; the link stays valid."),
}


def page(name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page made from its template."""
    return HTMLResponse(_pages.get_template(name).render(style=STYLE, **values), status_code=status)


def fragment(name: str, **values: Any) -> str:
    """A part of a page, made from its template."""
    return _pages.get_template(name).render(**values)


def sorry(status: int) -> HTMLResponse:
    """The page of an error."""
    title, words = WORDS.get(status, (HTTPStatus(status).phrase, "Please go back and try again."))
    return page("message.html", status=status, title=title, words=[words])


def refusal(scope: Scope, status: int) -> Response:
    """The answer to what went wrong: words for people, JSON for programs."""
    path = scope["path"]
    if path.startswith("/webhooks/sendgrid/inbound") and status in UNREAD:
        status = 503  # never 4xx to mail that may be wanted later: that would be its end
    if path.startswith(("/api/", "/webhooks/")):
        title, words = WORDS.get(status, (HTTPStatus(status).phrase, ""))
        return JSONResponse({"error": f"{title}.", "hint": FOR_PROGRAMS.get(status, words)}, status_code=status)
    return sorry(status)


@dataclass(frozen=True, slots=True)
class Site:
    """One workspace on the web."""

    app: App
    doors: Doors

    def now(self) -> datetime:
        """The moment of this request."""
        return self.app.store.now(self.app.clock.now())

    def touch(self, purpose: str, token: str) -> Touch | None:
        """The touch that a token of this purpose names; None for a token that is not ours, or a touch that is gone."""
        value = self.app.links.read(purpose, token)
        if not isinstance(value, str):
            return None
        with self.app.store.unit(write=False) as work:
            return work.touches.get([value]).get(value)

    def record(self, report: respond.Report, now: datetime, *, by: str = BY) -> respond.Recorded:
        """Store one response with everything that follows from it."""
        done = respond.record(
            [report],
            store=self.app.store,
            rules=self.app.rules.in_force(),
            policy=self.app.policy,
            new_id=self.app.clock.new_id,
            now=now,
            by=by,
        )
        return done[0]

    def address_of(self, touch: Touch) -> str:
        """The address that the touch went to, or the lead's."""
        if touch.address and "@" in touch.address:
            return touch.address
        with self.app.store.unit(write=False) as work:
            lead = work.leads.get([touch.lead]).get(touch.lead)
        return (lead.email if lead else None) or ""

    def sender_of(self, touch: Touch | None) -> str:
        """Who wrote, as the reader knows them; of a mail that is not known here, the first who writes."""
        senders = self.app.policy.senders
        one = senders.get((touch.sender if touch else None) or "") or next(iter(senders.values()), None)
        return (one.display or one.email) if one else "us"


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form that a page of ours sent; the last of a name counts, and what is no form has none.

    Without NUL: nobody types one, and not every database can keep it.
    """
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
        return {name: value.replace("\0", "") for name, value in pairs}
    except ValueError:
        return {}


def masked(address: str) -> str:
    """`ada@example.com` -> `a•••@example.com`: enough to know one's own, too little to learn another's."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if domain else "•••"
