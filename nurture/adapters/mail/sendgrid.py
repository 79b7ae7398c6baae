"""Mailer over SendGrid: one request for each touch, through a pool of long-lived connections."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nurture.adapters.mail.pool import Answer, Pool
from nurture.adapters.mail.sendgrid_payload import request
from nurture.domain.errors import RequestError
from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import ACCEPTED, Again, Maybe, Never, Verdict, of_http

_ADDRESS: Final = re.compile(r"\S+@\S+")


class SendGridMailer:
    """Hands messages to SendGrid's mail/send. Never repeats one by itself and never follows a redirect."""

    name: str = "sendgrid"

    def __init__(
        self,
        api_key: str,
        *,
        boottime: Callable[[], float],
        host: str = "https://api.sendgrid.com",
        workers: int = 64,
        timeout: float = 30.0,
        categories: Sequence[str] = (),
        asm_group: int | None = None,
        workspace: str = "",
        trusted: Path | None = None,
    ) -> None:
        """`timeout` is in seconds, for one whole request; `workers` requests are in the air at most. `workspace`
        names, opaquely, whose mails these are among those of the account. `trusted` is a file of certificates, in the
        place of those that the machine trusts.

        Raises RequestError where the key or the host cannot work, or the key would travel in the clear.
        """
        if not api_key.strip() or not api_key.isascii() or not api_key.isprintable():
            raise RequestError("There is no usable SendGrid API key.", hint="Set NURTURE_SENDGRID__API_KEY.")
        self.endpoint = _endpoint(host)
        self._timeout = timeout
        self._categories, self._asm_group, self._workspace = tuple(categories), asm_group, workspace
        headers = (
            f"Authorization: Bearer {api_key.strip()}",
            "User-Agent: nurture",
            "Content-Type: application/json",
            "Accept: application/json",
        )
        self._pool = Pool(self.endpoint, headers, in_flight=max(workers, 1), boottime=boottime, trusted=trusted)

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message, as it became known; the whole call is over by `deadline` (boot time)."""
        going: list[tuple[TouchId, bytes]] = []
        for message in messages:
            content = message.packed or self._request(message)
            if isinstance(content, Never):
                yield message.touch, content
            else:
                going.append((message.touch, content))
        answers = self._pool.post([content for _, content in going], seconds=self._timeout, deadline=deadline)
        for place, answer in answers:
            yield going[place][0], _verdict(answer)

    def finish(self) -> None:
        """Begin no request any more."""
        self._pool.finish()

    def close(self) -> None:
        """End the connections. What is still in the air becomes a maybe, what has not begun an again."""
        self._pool.close()

    def _request(self, message: Message) -> bytes | Never:
        return request(message, categories=self._categories, asm_group=self._asm_group, workspace=self._workspace)


def _endpoint(host: str) -> str:
    """The address to post to. Raises RequestError for a host that is none, or that would show the key on the way."""
    parts = urlsplit(host)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.hostname is None or parts.query or parts.fragment or parts.username:
        raise RequestError(f"sendgrid.host is {host!r}.", hint="Use an address like https://api.eu.sendgrid.com.")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise RequestError("The SendGrid key would travel in the clear.", hint="Let sendgrid.host begin with https://.")
    return f"{host.rstrip('/')}/v3/mail/send"


def _verdict(answer: Answer) -> Verdict:
    """What an answer means; without one, only a request that has not begun was certainly not taken."""
    if not answer.status:
        return Maybe(answer.problem) if answer.begun else Again(answer.problem)
    headers = {
        name.strip().lower(): value.strip().decode("latin-1")
        for name, _, value in (line.partition(b":") for line in answer.headers)
    }
    return of_http(
        answer.status,
        provider_id=headers.get(b"x-message-id", ""),
        not_before=_moment(headers.get(b"x-ratelimit-reset", "")),
        because="" if answer.status == ACCEPTED else _explanation(answer.said),
    )


def _explanation(said: bytes) -> str:
    """What the provider says about a refusal, without the addresses in it. Empty where it says nothing readable."""
    try:
        texts = [str(each.get("message") or "") for each in json.loads(said)["errors"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return _ADDRESS.sub("(address)", "; ".join(texts))[:200]


def _moment(epoch_seconds: str) -> datetime | None:
    """The moment that a reset header names, or None where it names none."""
    try:
        return datetime.fromtimestamp(int(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
