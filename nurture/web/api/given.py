"""What a form and a visit may say, for their check and for the document of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nurture.domain.response import Intent, Kind
from nurture.domain.row import CONSENT_NAMES, FACT_NAMES
from nurture.web.api.shapes import PLAIN, Refusal

PERSON: Final = frozenset(
    {"email", "first_name", "last_name", "title", "phone", "company", "domain", "industry", "employees", "country"}
    | {"timezone", "language", "notes"}
)
TRUSTED: Final = CONSENT_NAMES | {"source", "owner", "external_id"}  # only with a token of the API
CONTROL: Final = frozenset({"token", "id", "at", "form", "page", "intent", "message"})
LONGEST: Final = 10_000

# A usual address; more are understood.
_ADDRESS: Final = (
    r"^[A-Za-z0-9]{1,20}([._+-][A-Za-z0-9]{1,20}){0,2}@([A-Za-z0-9]{1,30}(-[A-Za-z0-9]{1,30})?\.){1,3}[A-Za-z]{2,12}$"
)
# Something that can be seen, and no NUL.
_SPACES: Final = r"\x00\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SEEN: Final = rf"^[^\x00]*[^{_SPACES}][^\x00]*$"
_VALUE: Final = {"type": ["string", "number", "null"], "maxLength": LONGEST, "pattern": PLAIN}


def _answer(description: str) -> dict[str, Any]:
    return {"model": Refusal, "description": description}


_TAKEN: Final = {
    "type": "object",
    "required": ["recorded"],
    "properties": {
        "recorded": {"type": "boolean", "description": "False: it was recorded before."},
        "lead": {"type": "string"},
        "created": {"type": "boolean"},
        "unread": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It is recorded.", "content": {"application/json": {"schema": _TAKEN}}},
    401: _answer("Neither a token of the API nor that of a link."),
    404: _answer("Nobody has this address."),
    409: _answer("It cannot have happened then."),
    413: _answer("Too large."),
    422: _answer("Not of the form that this document describes."),
}


def _without_null(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a form, which has texts only."""
    return {
        name: {**one, "type": "string"}
        if "type" in one
        else {**one, "enum": [word for word in one["enum"] if word is not None]}
        if "enum" in one
        else one
        for name, one in properties.items()
    }


def described(kind: Kind) -> dict[str, Any]:
    """The request body and who may send it, for the OpenAPI document."""
    needed = "form" if kind is Kind.FORM else "page"
    properties: dict[str, Any] = {
        "token": {**_VALUE, "description": "That of the link which led to the page."},
        "email": {"type": ["string", "null"], "pattern": _ADDRESS},
        "form": _VALUE,
        "page": _VALUE,
        "intent": {"enum": [*(one.value for one in Intent), "", None]},
        "message": _VALUE,
        "id": {**_VALUE, "description": "Your own id: a repeated call is the same."},
        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"enum": [""]}]},
    }
    properties[needed] = {"type": ["string", "number"], "maxLength": LONGEST, "pattern": _SEEN}
    schema: dict[str, Any] = {
        "type": "object",
        "required": [needed],
        "anyOf": [
            {"required": ["email"], "properties": {"email": {"type": "string"}}},
            {"required": ["token"], "properties": {"token": {"type": ["string", "number"], "pattern": _SEEN}}},
        ],
        "additionalProperties": False,
    }
    if kind is Kind.FORM:
        others = sorted((PERSON | TRUSTED | FACT_NAMES) - {"email"})
        properties |= dict.fromkeys(others, _VALUE)
        schema["patternProperties"] = {r"^x\.[A-Za-z0-9_]{1,60}$": _VALUE}
    learned = {"type": "object", "properties": dict.fromkeys(sorted(FACT_NAMES), _VALUE), "additionalProperties": False}
    moment: dict[str, Any] = {"type": "string", "format": "date-time"}
    facts: dict[str, Any] = {"at": {"anyOf": [moment, {"enum": ["", None]}]}}
    if kind is Kind.FORM:
        facts["facts"] = learned
    as_json = {**schema, "properties": {**properties, **facts}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": as_json},
                "application/x-www-form-urlencoded": {"schema": {**schema, "properties": _without_null(properties)}},
            },
        },
        "security": [{"HTTPBearer": []}, {}],
    }
