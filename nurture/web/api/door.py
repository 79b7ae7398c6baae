"""The door of the API: whose token asks, how a refusal looks, and how a list is read page by page.

422: the request is not of the form that the document describes. 404: nothing has this name. 409: well formed, and
refused by the state of things: what is in force, who has it, what the clock says.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from nurture.domain.errors import NurtureError, RefusedError, UnknownNameError, UnreachableError
from nurture.domain.lead import Lead
from nurture.domain.plain import plain
from nurture.domain.reach import HINT, is_within_reach
from nurture.web.api.shapes import LARGEST, PLAIN, Refusal
from nurture.web.site import Site

PAGE: Final = 100
LONGEST_PAGE: Final = 1000
CLOCKS_DIFFER: Final = timedelta(minutes=5)
# A date beyond this is a slip of the pen; calendars end, and so does arithmetic with them.
FAR: Final = timedelta(days=366 * 20)
Day = TypeVar("Day", bound=date | None)

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="At most so many.")]
After = Annotated[int, Query(ge=0, le=LARGEST, description="Go on behind this id: the last of the page before.")]
Number = Annotated[int, Path(ge=1, le=LARGEST)]
LeadName = Annotated[str, Path(pattern=PLAIN, min_length=1, max_length=320, description="An address, or the id.")]
_bearer = HTTPBearer(auto_error=False, description="Made by: nurture token create NAME")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

# Named once by its model and then by reference: the framework would make the model anew for each.
_REFUSED: Final = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Refusal.__name__}"}}}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Refusal, "description": "No token, or none that we know."},
    404: {"content": _REFUSED, "description": "Nothing has this name."},
    409: {"content": _REFUSED, "description": "Refused by the state of things."},
    413: {"content": _REFUSED, "description": "Too large."},
    422: {"content": _REFUSED, "description": "Not of the form that this document describes."},
}


class _NoTokenError(Exception):
    """Nobody that we know asks."""


class MomentError(RefusedError):
    """It cannot have happened then."""


class ApiRoute(APIRoute):
    """A route whose refusals are JSON of one form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what goes wrong turned into an answer."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except _NoTokenError:
                hint = "Send Authorization: Bearer TOKEN; see nurture token create."
                return _refused(401, "This needs a token.", hint, {"WWW-Authenticate": "Bearer"})
            except HTTPException as problem:
                if problem.status_code != HTTPStatus.BAD_REQUEST:
                    raise
                return _refused(422, "The body is not JSON.", "See /api/v1/openapi.json.")
            except RequestValidationError as problem:
                return _refused(422, _first(problem), "See /api/v1/openapi.json.")
            except UnreachableError:
                raise
            except UnknownNameError as problem:
                return _refused(404, problem.what, problem.hint)
            except NurtureError as problem:
                return _refused(409, problem.what, problem.hint)

        return answered


def _refused(status: int, error: str, hint: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": error, "hint": hint}, status_code=status, headers=headers)


def _first(problem: RequestValidationError) -> str:
    """What is wrong first, and where, without what was sent: it may be large, or a secret."""
    one = problem.errors()[0]
    where = ".".join(str(part) for part in one["loc"] if part != "body")
    return f"{where or 'body'}: {one['msg']}."


def caller(request: Request, given: Credentials) -> str:
    """The name of the token that asks. The workspace is that of the web application."""
    site: Site = request.app.state.site
    try:
        assert site.app.store  # a database of another version is away, until somebody upgrades it
    except RefusedError as problem:
        raise UnreachableError(problem.what, hint=problem.hint) from None
    name = site.doors.token_name(given.credentials) if given is not None else None
    if name is None:
        raise _NoTokenError
    return name


Caller = Annotated[str, Depends(caller)]


def answer(value: object) -> JSONResponse:
    """A value as JSON has it."""
    return JSONResponse(plain(value))


def page(rows: Sequence[Any], request: Request, *, limit: int, key: str = "id") -> JSONResponse:
    """One array; where more may follow, the header `Link` says where."""
    found = answer(rows)
    if len(rows) == limit:
        following = request.url.include_query_params(after=rows[-1][key])
        found.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return found


def lead_named(site: Site, text: str) -> Lead:
    """The lead of this address or id. Raises UnknownNameError."""
    with site.app.store.unit(write=False) as work:
        found = work.leads.find(text)
    if found is None:
        raise UnknownNameError("lead", text[:60], (), otherwise="Send it first: POST /api/v1/leads")
    return found


def happened(at: datetime | None, now: datetime) -> datetime:
    """When something happened: now, unless it is said. Raises MomentError for the future, and for long ago."""
    if at is None:
        return now
    if at > now + CLOCKS_DIFFER:
        raise MomentError("'at' lies in the future.", hint="Send when it happened, in UTC.")
    if at < now - FAR:
        raise MomentError("'at' lies too far back.", hint="Send when it happened, in UTC.")
    return min(at, now)


def to_come(until: datetime | None, now: datetime) -> datetime | None:
    """A moment that was named. Raises RefusedError for one that has passed, or lies beyond all plans."""
    if until is not None and not now < until <= now + FAR:
        raise RefusedError(f"{until:%Y-%m-%d} is past, or too far ahead.", hint="Name a moment of the next 20 years.")
    return until


def within_reach(day: Day) -> Day:
    """A day or moment that calendars can reckon with. Raises RefusedError for one beyond them."""
    if day is not None and not is_within_reach(day):
        raise RefusedError(f"The year {day.year} is out of reach.", hint=HINT)
    return day


def fields_of(body: BaseModel) -> dict[str, Any]:
    """What was sent, and nothing that was not."""
    return body.model_dump(exclude_unset=True, exclude_none=True)


def one_of_these(text: str, known: Sequence[str], *, what: str) -> str:
    """A word that is agreed here, in readiness.yaml. Raises UnknownNameError."""
    if text not in known:
        raise UnknownNameError(what, text[:60], known, otherwise=f"Agreed: {', '.join(known)}.")
    return text
