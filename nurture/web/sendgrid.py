"""POST /webhooks/sendgrid/...: verified, stored as it came, committed, and only then answered; a pass does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nurture import log
from nurture.web.keeping import Keeper
from nurture.web.refusals import Refusals
from nurture.web.site import Site

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_log = log.get("web")

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
EVENTS_AT, MAIL_AT = "/webhooks/sendgrid/events", "/webhooks/sendgrid/inbound"
_STORED: Final = JSONResponse({"stored": True})
EVENTS, MAIL, PARSED = "sendgrid", "eml", "inbound"  # the kinds under which deliveries are kept


def routes(site: Site) -> APIRouter:
    """The webhooks of the mail provider."""
    router = APIRouter(include_in_schema=False)
    keeper, refusals = Keeper(site.app), Refusals(site)

    router.routes.append(Route(EVENTS_AT, _Events(site, keeper, refusals), methods=["POST"]))

    @router.post(MAIL_AT)
    async def inbound(request: Request) -> JSONResponse:
        body = await request.body()
        verify = site.doors.verify_inbound
        signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
        if verify is not None and not await run_in_threadpool(verify, signature, timestamp, body):
            _log.warning("inbound_refused", problem="the signature is not right", bytes=len(body))
            if signature:
                await refusals.tell(MAIL_AT, "sendgrid.inbound_public_key")
            return _answer(403, "The signature is missing or not right.")
        kind_of_body = request.headers.get("content-type", "")
        mail = await run_in_threadpool(raw_mail, kind_of_body, body)
        if mail is not None:
            return await _keep(keeper, MAIL, mail)
        # Parsed mode, or something that nobody could read yet. The boundary stands in the header, so that is kept too.
        head = kind_of_body.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
        return await _keep(keeper, PARSED, b"Content-Type: " + head + b"\r\n\r\n" + body)

    return router


class _Events:
    """The endpoint of events. They come by the hundred, and what a framework does for each takes longer than we do."""

    def __init__(self, site: Site, keeper: Keeper, refusals: Refusals) -> None:
        self._site, self._keeper, self._refusals = site, keeper, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> JSONResponse:
        body = await request.body()
        verify = self._site.doors.verify_events
        if verify is None:
            _log.warning("events_refused", problem="sendgrid.event_public_key is not set")
            return _answer(403, "No key is set to verify events with.")
        signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
        if not verify(signature, timestamp, body):  # takes less than to hand it to a thread
            _log.warning("events_refused", problem="the signature is not right", bytes=len(body))
            if signature:
                await self._refusals.tell(EVENTS_AT, "sendgrid.event_public_key")
            return _answer(403, "The signature is missing or not right.")
        return await _keep(self._keeper, EVENTS, body)


async def _keep(keeper: Keeper, kind: str, body: bytes) -> JSONResponse:
    """Store and commit. What fails here is a 503, which the provider answers by bringing it again."""
    try:
        await keeper.keep(kind, body)
    except Exception as problem:  # noqa: BLE001  whatever keeps it from being stored, it must come again
        _log.error("delivery_not_stored", kind=kind, problem=type(problem).__name__)
        return _answer(503, "It could not be stored. Please bring it again.")
    return _STORED


def _answer(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status_code=status)


def raw_mail(content_type: str, body: bytes) -> bytes | None:
    """The field `email` of a multipart form, byte for byte: a mail has its own charsets. None where there is none."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        return None
    fields = _Fields()
    try:
        parser = MultipartParser(boundary, fields.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError:
        return None
    return fields.found


class _Fields:
    """Listens to a multipart parser, and keeps the field `email` once it is whole."""

    def __init__(self) -> None:
        self.found: bytes | None = None
        self._name, self._value = bytearray(), bytearray()
        self._is_email = False
        self._content = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
        }

    def _part_begin(self) -> None:
        self._name.clear()
        self._value.clear()
        self._content.clear()
        self._is_email = False

    def _header_end(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._is_email = parse_options_header(bytes(self._value))[1].get(b"name") == b"email"
        self._name.clear()
        self._value.clear()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_email:
            self._content.extend(data[start:end])

    def _part_end(self) -> None:
        if self._is_email and self.found is None and self._content:
            self.found = bytes(self._content)
