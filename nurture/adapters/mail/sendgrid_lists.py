"""SendGrid's own lists of those who get no mail, read back: what an event told us, and what one that got lost would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from nurture.domain.classify import bounce_of
from nurture.domain.errors import RefusedError, RequestError, UnreachableError
from nurture.domain.response import Bounce

PAGE: Final = 500
TIMEOUT: Final = 30.0  # seconds for one request
LARGEST: Final = 50_000_000  # bytes of one answer
# path -> scope and reason here. A bounce ends mail alone; who unsubscribed or complained is left alone.
LISTS: Final = {
    "/v3/asm/suppressions": ("all", "group_unsubscribe"),
    "/v3/suppression/unsubscribes": ("all", "unsubscribe"),
    "/v3/suppression/spam_reports": ("all", "complaint"),
    "/v3/suppression/bounces": ("email", "hard_bounce"),
    "/v3/suppression/invalid_emails": ("email", "hard_bounce"),
}


def read_lists(api_key: str, host: str) -> Iterator[tuple[str, str, str]]:
    """(address, scope, reason) of everybody on the lists.

    Raises RequestError where the key or the host cannot work, RefusedError where the key may not read, and
    UnreachableError where SendGrid does not answer as it should.
    """
    parts = urlsplit(host)
    if not api_key.strip() or not api_key.isascii() or not api_key.isprintable():
        raise RequestError("There is no usable SendGrid API key.", hint="Set NURTURE_SENDGRID__API_KEY.")
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise RequestError("The SendGrid key would travel in the clear.", hint="Let sendgrid.host begin with https://.")
    headers = {"Authorization": f"Bearer {api_key.strip()}", "Accept": "application/json"}
    with urllib3.PoolManager(headers=headers, timeout=TIMEOUT, retries=False) as pool:
        for path, (scope, reason) in LISTS.items():
            for row in _rows(pool, host.rstrip("/") + path):
                address = row.get("email")
                if isinstance(address, str) and (reason != "hard_bounce" or _is_hard(row, path)):
                    yield address, scope, reason


def _is_hard(row: dict[str, Any], path: str) -> bool:
    """A full mailbox or a policy stands on the list of bounces too; the address may be good."""
    if path.endswith("invalid_emails"):
        return True
    kind, _ = bounce_of(str(row.get("status") or ""), str(row.get("reason") or ""), hard_by_default=True)
    return kind is Bounce.HARD


def _rows(pool: urllib3.PoolManager, url: str) -> Iterator[dict[str, Any]]:
    """Every row of a list, page by page. A list that does not turn pages gives its first page again: then it ends."""
    offset, before = 0, None
    while True:
        rows = _page(pool, f"{url}?limit={PAGE}&offset={offset}")
        if rows == before:
            return
        yield from (row for row in rows if isinstance(row, dict))
        if len(rows) < PAGE:
            return
        offset, before = offset + PAGE, rows


def _page(pool: urllib3.PoolManager, url: str) -> list[Any]:
    path = urlsplit(url).path
    try:
        answer = pool.request("GET", url, redirect=False, preload_content=False)
        body = answer.read(LARGEST + 1)
        answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as problem:
        raise UnreachableError(
            f"SendGrid does not answer ({type(problem).__name__}).", hint="Nothing was suppressed; try again."
        ) from problem
    if answer.status in (401, 403):
        raise RefusedError(
            f"This SendGrid key may not read {path}.", hint="Give it read access to suppressions, and nothing more."
        )
    try:
        rows = json.loads(body) if answer.status == 200 and len(body) <= LARGEST else None
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        hint = "Nothing was suppressed; try again."
        raise UnreachableError(f"SendGrid answered {answer.status} at {path}.", hint=hint)
    return rows
