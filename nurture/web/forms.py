"""POST /api/v1/forms and /api/v1/visits: a form or a page visit, with a link token or an address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from nurture.domain import calendar
from nurture.domain.address import normalise_email
from nurture.domain.errors import RequestError
from nurture.domain.lead import Lead
from nurture.domain.response import Intent, Kind
from nurture.domain.row import CONSENT_NAMES, FACT_NAMES, Column, Refused, Row, RowReader
from nurture.domain.touch import Touch
from nurture.flow import intake, respond
from nurture.web.api.door import MomentError, happened
from nurture.web.api.given import ANSWERS, CONTROL, LONGEST, PERSON, TRUSTED, described
from nurture.web.site import BY, Site, fields_of

BEARER: Final = "bearer "
NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # NUL, and half of a pair: no database takes them


class _NoTokenError(Exception):
    """Nobody that we know asks."""


class _NoLeadError(Exception):
    """Nobody has this address."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: what it says, who makes it (the name of an API token), and the touch that its link token names."""

    fields: Mapping[str, str]
    caller: str | None
    touch: Touch | None
    at: datetime
    now: datetime

    def key(self, kind: Kind) -> str:
        """The caller's own id makes a repeated call the same; without one each call is another."""
        given = self.fields.get("id")
        return f"{kind.value}|{self.caller or (self.touch.id if self.touch else '')}|{given}" if given else ""


def routes(site: Site) -> APIRouter:
    """Forms and visits."""
    router = APIRouter(prefix="/api/v1", tags=["responses"])

    @router.post("/forms", summary="A form was sent", openapi_extra=described(Kind.FORM), responses=ANSWERS)
    async def forms(request: Request) -> JSONResponse:
        """The lead is found by its address or made; the form is a response, and scores.

        A field that cannot be read is kept with the response and named in the answer: no form is lost for it.
        """
        return await _serve(site, request, Kind.FORM)

    @router.post("/visits", summary="A page was visited", openapi_extra=described(Kind.VISIT), responses=ANSWERS)
    async def visits(request: Request) -> JSONResponse:
        """The visit of a lead that is known."""
        return await _serve(site, request, Kind.VISIT)

    return router


async def _serve(site: Site, request: Request, kind: Kind) -> JSONResponse:
    body, content_type = await request.body(), request.headers.get("content-type", "")
    return await run_in_threadpool(_answer, site, kind, body, content_type, request.headers.get("authorization"))


def _answer(site: Site, kind: Kind, body: bytes, content_type: str, authorization: str | None) -> JSONResponse:
    try:
        call = _read(site, body, content_type, authorization)
        _refuse_unknown(call, kind)
        detail = _detail(call.fields, kind)
        lead, created, unread = _lead_of(site, call, kind)
        return _record(site, call, kind, lead, detail, created=created, unread=unread)
    except _NoTokenError:
        words = {"error": "This needs a token.", "hint": "Send Authorization: Bearer TOKEN; see nurture token create."}
        return JSONResponse(words, status_code=401, headers={"WWW-Authenticate": "Bearer"})
    except _NoLeadError:
        return JSONResponse({"error": "No lead has this address.", "hint": "Send a form first."}, status_code=404)
    except MomentError as problem:
        return JSONResponse({"error": problem.what, "hint": problem.hint}, status_code=409)
    except RequestError as problem:
        return JSONResponse({"error": problem.what, "hint": problem.hint}, status_code=422)


def _read(site: Site, body: bytes, content_type: str, authorization: str | None) -> _Call:
    caller = None
    if authorization is not None:
        given = authorization[len(BEARER) :].strip() if authorization.lower().startswith(BEARER) else ""
        caller = site.doors.token_name(given) if given else None
        if caller is None:
            raise _NoTokenError
    fields = _texts(body, content_type)
    touch = _touch_of(site, fields["token"]) if fields.get("token") else None
    if caller is None and touch is None:
        raise _NoTokenError
    now = site.now()
    return _Call(fields, caller, touch, _at(fields.get("at"), now) if caller is not None else now, now)


def _texts(body: bytes, content_type: str) -> dict[str, str]:
    """The fields as texts. `facts` may be an object. Raises RequestError."""
    if content_type.lower().startswith("multipart/"):
        raise RequestError("A multipart form is not read here.", hint="Send it as application/x-www-form-urlencoded.")
    if "json" not in content_type.lower():
        fields: dict[str, Any] = dict(fields_of(body))
    else:
        try:
            fields = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RequestError("The body is not JSON.", hint="Send an object with texts and numbers.") from None
    if not isinstance(fields, dict) or not fields:
        raise RequestError("The body has no fields.", hint="Send an object, or a form.")
    facts = fields.pop("facts", {})
    if not isinstance(facts, dict):
        raise RequestError("'facts' is no object.", hint='Write: {"facts": {"budget": "50000 EUR"}}')
    texts = {}
    for name, value in (*facts.items(), *fields.items()):
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise RequestError(f"{name[:60]!r} is neither a text nor a number.", hint="Send texts and numbers.")
        text = "" if value is None else str(value)
        if len(text) > LONGEST or NO_TEXT.search(name + text):
            raise RequestError(f"{name[:60]!r} cannot be kept: too long, or not text.", hint=f"At most {LONGEST}.")
        if text.strip():
            texts[name] = text.strip()
    return texts


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _touch_of(site: Site, token: str) -> Touch | None:
    """The touch whose link led here. A token that is not ours is as good as none."""
    value = site.app.links.read("c", token)
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        return None
    with site.app.store.unit(write=False) as work:
        return work.touches.get([value[0]]).get(value[0])


def _at(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError("'at' is not a moment.", hint="Write 2027-01-15T10:00:00Z.") from None
    if moment.tzinfo is None:
        raise RequestError("'at' has no time zone.", hint="Write 2027-01-15T10:00:00Z.")
    return happened(moment, now)


def _lead_of(site: Site, call: _Call, kind: Kind) -> tuple[Lead, bool, dict[str, str]]:
    """Who it was, whether that is a new lead, and which fields could not be read, with the reasons.

    A token names the touch, not the person: with another address it was a colleague, who is found or made. Somebody
    who only has a link may make a lead, and never changes what is known of one.
    """
    address = None
    if call.fields.get("email"):
        try:
            address = normalise_email(call.fields["email"])
        except ValueError as problem:
            raise RequestError(f"email: {problem}.", hint="Send one address.") from None
    with site.app.store.unit(write=False) as work:
        found = work.leads.find(address) if address else None
        if address is None and call.touch is not None:
            found = work.leads.get([call.touch.lead]).get(call.touch.lead)
    if kind is Kind.VISIT or address is None:
        if found is None:
            if address is None and "token" not in call.fields:
                raise RequestError("Nobody is named.", hint="Send 'email', or the 'token' of a link.")
            raise _NoLeadError
        return found, False, {}
    created, unread = _take(site, call) if found is None or call.caller is not None else (False, {})
    with site.app.store.unit(write=False) as work:
        lead = work.leads.find(address)
    if lead is None:
        raise _NoLeadError
    return lead, created, unread


def _refuse_unknown(call: _Call, kind: Kind) -> None:
    allowed = CONTROL | ({"email"} if kind is Kind.VISIT else PERSON | FACT_NAMES)
    if kind is Kind.FORM and call.caller is not None:
        allowed |= TRUSTED
    for name in call.fields:
        if name not in allowed and not (kind is Kind.FORM and name.startswith("x.") and len(name) > 2):
            near = get_close_matches(name, allowed, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else "A field of your own is called x.NAME."
            raise RequestError(f"The field {name[:60]!r} is not known here.", hint=hint)


def _take(site: Site, call: _Call) -> tuple[bool, dict[str, str]]:
    """Find or make the lead: whether it is new, and why fields could not be read. Raises RequestError."""
    names = [name for name in call.fields if name not in CONTROL | FACT_NAMES]
    app = site.app

    def read(names: Sequence[str]) -> Row | Refused:
        columns = [Column(name, name) for name in ("email", *names)]
        reader = RowReader(columns, zone=calendar.zone(app.policy.timezone), phone=site.doors.read_phone)
        return reader.read(1, [call.fields[name] for name in ("email", *names)])

    row, unread = read(names), {}
    if isinstance(row, Refused):  # a person does not come again because a country was misspelled
        consent = [name for name in names if name in CONSENT_NAMES]
        alone = {name: read([name]) for name in names if name not in CONSENT_NAMES}
        alone |= dict.fromkeys(consent, read(consent))
        unread = {name: one.reason for name, one in alone.items() if isinstance(one, Refused)}
        row = read([name for name in names if name not in unread])
    if isinstance(row, Refused):
        raise RequestError(f"{row.reason}.", hint="Correct it and send it again.")
    done = intake.take(
        [row],
        file=f"form {call.fields.get('form', '')}".strip(),
        source=None,
        store=app.store,
        rules=app.rules.in_force(),
        policy=app.policy,
        now=call.now,
        by=call.caller or BY,
    )
    if done.refused:
        raise RequestError(f"{done.refused[0][1]}.", hint="Correct it and send it again.")
    return done.created > 0, unread


def _detail(fields: Mapping[str, str], kind: Kind) -> dict[str, Any]:
    """What is kept of the call. Raises RequestError, before anything is stored."""
    detail: dict[str, Any] = {name: fields[name] for name in ("form", "page") if name in fields}
    needed = "form" if kind is Kind.FORM else "page"
    if needed not in detail:
        raise RequestError(f"{needed!r} is missing.", hint=f"Say which {needed} it was.")
    if "intent" in fields:
        if fields["intent"] not in {one.value for one in Intent}:
            raise RequestError("'intent' is not known.", hint=f"One of: {', '.join(Intent)}.")
        detail["intent"] = fields["intent"]
    if "message" in fields:
        detail["text"] = fields["message"]
    if facts := {name: fields[name] for name in FACT_NAMES if name in fields}:
        detail["facts"] = facts
    if kept := {name: value for name, value in fields.items() if name not in CONTROL | FACT_NAMES}:
        detail["fields"] = kept
    return detail


def _record(
    site: Site,
    call: _Call,
    kind: Kind,
    lead: Lead,
    detail: Mapping[str, Any],
    *,
    created: bool,
    unread: Mapping[str, str],
) -> JSONResponse:
    """Store the response with all that follows from it."""
    touch = call.touch.id if call.touch is not None and call.touch.lead == lead.id else None
    report = respond.Report(kind, call.at, lead=lead.id, touch=touch, detail=detail, key=call.key(kind))
    done = site.record(report, call.now)
    answer: dict[str, Any] = {"recorded": done.response is not None}
    if call.caller is not None:  # a visitor is not told whom we know
        answer |= {"lead": str(lead.id), "created": created, "unread": dict(unread)}
    return JSONResponse(answer)
