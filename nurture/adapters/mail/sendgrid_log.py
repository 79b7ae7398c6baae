"""SendGrid's Email Logs: what the provider itself says it took, for touches of which nobody here knows.

API description: twilio/sendgrid-oai, tsg_logs_v3 (POST /v3/logs, GET /v3/logs/{sg_message_id}). Not every account may
read it; then nothing is settled by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import urllib3
from urllib3.util import Timeout

from nurture.domain.message import TOUCH_ARG
from nurture.domain.touch import TouchId
from nurture.ports.world import Asked

TIMEOUT: Final = Timeout(connect=5, read=15)
MOST: Final = 1000  # messages in one answer; with so many it may be cut off
LARGEST: Final = 4_000_000  # bytes of an answer
SKEW: Final = timedelta(minutes=5)  # between their clock and ours
_UNQUOTABLE: Final = frozenset("'\"\\`")


class UnreadableError(Exception):
    """The log does not answer, or not so that it can be believed."""


class SendGridLog:
    """The log of one account."""

    def __init__(self, api_key: str, *, host: str = "https://api.sendgrid.com", skew: timedelta = SKEW) -> None:
        """`skew`: how far their clock may be from ours."""
        self._skew = skew
        self._base = f"{host.rstrip('/')}/v3/logs"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def took(self, asked: Sequence[Asked]) -> Mapping[TouchId, bool | None]:
        """Whether the provider took each of these. None where its log cannot be read, or may not be complete."""
        found: dict[TouchId, bool | None] = dict.fromkeys((one.touch for one in asked), None)
        try:
            newest = max((one.until for one in asked), default=None)
            caught_up = newest is not None and self._has_later(newest + self._skew)
            for one in asked:
                found[one.touch] = self._took(one, caught_up)
        except UnreadableError:
            pass  # what was not answered stays unknown
        return found

    def close(self) -> None:
        """Give up connections."""
        self._pool.clear()

    def _took(self, one: Asked, caught_up: bool) -> bool | None:
        """True is proof. False needs a log that is complete: readable to its end, and beyond the attempt already."""
        if _UNQUOTABLE & set(one.address):
            return None
        # Without an end: a process that froze on its way hands its mail over when it goes on, if only then.
        since = f'sg_message_id_created_at >= TIMESTAMP "{_stamp(one.since - self._skew)}"'
        query = f"to_email = '{one.address}' AND {since}"
        rows = self._messages(query, MOST)
        complete = caught_up and len(rows) < MOST
        for row in rows:
            number = row.get("sg_message_id")
            if not isinstance(number, str):
                raise UnreadableError
            arguments = self._call("GET", f"{self._base}/{quote(number, safe='')}").get("custom_args")
            if isinstance(arguments, dict) and arguments.get(TOUCH_ARG) == one.touch:
                return True
            # A message of which the log does not tell the arguments may be ours.
            complete = complete and isinstance(arguments, dict)
        return False if complete else None

    def _has_later(self, moment: datetime) -> bool:
        """Whether the log shows anything that was taken after a moment: then it has caught up with it."""
        return bool(self._messages(f'sg_message_id_created_at > TIMESTAMP "{_stamp(moment, up=True)}"', 1))

    def _messages(self, query: str, limit: int) -> list[dict[str, Any]]:
        rows = self._call("POST", self._base, {"query": query, "limit": limit}).get("messages")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnreadableError
        return rows

    def _call(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = json.dumps(body).encode() if body is not None else None
        try:
            answer = self._pool.request(
                method, url, body=content, headers=self._headers, redirect=False, preload_content=False
            )
            try:
                said = json.loads(answer.read(LARGEST)) if answer.status == 200 else None
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as problem:
            raise UnreadableError from problem
        if not isinstance(said, dict):
            raise UnreadableError
        return said


def _stamp(moment: datetime, *, up: bool = False) -> str:
    """A moment in whole seconds, the next one or the last."""
    if up and moment.microsecond:
        moment += timedelta(seconds=1)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
