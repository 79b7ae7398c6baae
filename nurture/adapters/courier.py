"""Hands deliveries over: mail to people of ours, signed POSTs to webhooks, the CRM and alerting."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.util import Timeout

from nurture.domain.errors import NurtureError
from nurture.domain.message import Message, MessageError, ascii_address, message_id_for
from nurture.domain.policy import Sender
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from nurture.ports.world import DELIVERY, Delivery, Mailer

TIMEOUT: Final = Timeout(connect=4, read=8)
GONE: Final = 410
TOO_MANY: Final = 429

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that is called, and the secret that signs the calls; without one they are not signed."""

    url: str
    secret: str = field(default="", repr=False)


class RefusedAddressError(Exception):
    """The address must not be called; the words say why."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=HEX`: HMAC-SHA256 over the timestamp header, a dot and the body, byte for byte."""
    digest = hmac.new(secret.encode(), timestamp.encode("ascii") + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


class PostCourier:
    """The Courier of a real workspace. `brief` makes subject, html and text for (payload, rep).

    `allow_loopback` is for tests: then a URL may name 127.0.0.1 itself.
    """

    def __init__(
        self,
        *,
        mailer: Callable[[], Mailer],
        sender: Sender | None,
        boottime: Callable[[], float],
        mail_seconds: float,
        brief: Callable[[Mapping[str, Any], str], tuple[str, str, str]],
        webhooks: Mapping[str, Hook],
        crm: Hook | None = None,
        alerts_to: str = "",
        alerts_hook: Hook | None = None,
        allow_loopback: bool = False,
    ) -> None:
        self._mailer = mailer
        self._sender = sender
        self._boottime = boottime
        self._mail_seconds = mail_seconds  # the mailer begins nothing for which its own timeout would be too long
        self._brief = brief
        self._webhooks = dict(webhooks)
        self._crm = crm
        self._alerts_to = alerts_to
        self._alerts_hook = alerts_hook
        self._allow_loopback = allow_loopback

    def deliver(self, delivery: Delivery) -> Verdict:
        """Yes, or why not."""
        match delivery.kind:
            case "brief":
                try:
                    parts = self._brief(delivery.payload, delivery.to)
                except (KeyError, TypeError, ValueError) as problem:
                    return Never(f"no mail can be made of it ({type(problem).__name__})")
                return self._mail(delivery, delivery.to, *parts)
            case "alert":
                to = delivery.to or self._alerts_to
                if "@" in to and "://" not in to:
                    subject, text = (str(delivery.payload.get(name) or "") for name in ("subject", "text"))
                    html = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))
                    return self._mail(delivery, to, subject, html, text)
                return self._post(delivery, Hook(to) if to else self._alerts_hook, "alerts.email or alerts.webhook")
            case "webhook":
                return self._post(delivery, self._webhooks.get(delivery.to), f"webhooks.{delivery.to}.url")
            case "crm":
                return self._post(delivery, self._crm, "crm.webhook")
        return Never(f"nothing carries a {delivery.kind!r}")

    # Mail ---------------------------------------------------------------------------------------------------------

    def _mail(self, delivery: Delivery, to: str, subject: str, html: str, text: str) -> Verdict:
        """The configured mailer carries it, under a Message-ID that every attempt repeats."""
        if self._sender is None:
            return Again("mail.from is not set")
        touch = f"{DELIVERY}{delivery.id}"
        try:
            message = Message(
                touch=touch,
                attempt=delivery.attempt,
                to=ascii_address(to) or to,
                to_name="",
                from_email=self._sender.email,
                from_name=self._sender.display,
                reply_to=None,
                subject=subject,
                html=html,
                text=text,
                message_id=message_id_for(touch, self._sender.email.rpartition("@")[2]),
                unsubscribe_url=None,  # work mail to a colleague
                at=delivery.made_at,
            )
        except MessageError as problem:
            return Never(problem.what)
        try:
            verdicts = dict(self._mailer().send([message], deadline=self._boottime() + self._mail_seconds))
        except NurtureError as problem:
            return Again(problem.what)  # a setting is missing; it may come within the days in which it is tried
        return verdicts.get(touch, Maybe("the mailer gave no answer"))

    # Calls --------------------------------------------------------------------------------------------------------

    def _post(self, delivery: Delivery, hook: Hook | None, setting: str) -> Verdict:
        if hook is None or not hook.url:
            return Again(f"{setting} is not set")  # the setting may come within the days in which it is tried
        document = {
            "id": delivery.key,
            "kind": delivery.kind,
            "at": delivery.made_at.isoformat(),
            "data": dict(delivery.payload),
        }
        body = json.dumps(document, ensure_ascii=False, sort_keys=True, default=str).encode()
        timestamp = str(int(delivery.at.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "nurture",
            "X-Nurture-Id": delivery.key,
            "X-Nurture-Timestamp": timestamp,
        }
        if hook.secret:
            headers["X-Nurture-Signature"] = signature(hook.secret, timestamp, body)
        try:
            return self._call(hook.url, body, headers, at=delivery.at)
        except RefusedAddressError as problem:
            return Never(str(problem))
        except socket.gaierror:
            return Again("the name of the host is not known")
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            return Again("not connected")
        except urllib3.exceptions.SSLError:
            return Again("the TLS connection failed")
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            return Maybe(f"no answer ({type(problem).__name__})")

    def _call(self, url: str, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Verdict:
        """POST to the address that was checked: resolving the name a second time could give another one."""
        scheme, host, port, target = _parts(url)
        address = str(self._resolved(host, port))
        named = host if port == (443 if scheme == "https" else 80) else f"{host}:{port}"
        pool: urllib3.HTTPConnectionPool
        if scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address, port, timeout=TIMEOUT, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=TIMEOUT)
        try:
            answer = pool.urlopen(
                "POST",
                target,
                body=body,
                headers={**headers, "Host": named},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            return _verdict(answer.status, answer.headers.get("Retry-After"), at)
        finally:
            pool.close()

    def _resolved(self, host: str, port: int) -> Address:
        """One address of the host. Raises RefusedAddressError if any of them is private."""
        found = [
            ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
            for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ]
        if self._allow_loopback and _names_loopback(host):
            return found[0]
        # All of them: an answer that mixes a public with a private address is made to slip past a check.
        for address in found:
            if not _is_public(address):
                raise RefusedAddressError("the address is a private one, and hooks may not reach those")
        return found[0]


def _parts(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, target) of an address. Raises RefusedAddressError for what is no web address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if ":" in host else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        raise RefusedAddressError("it is not a web address") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise RefusedAddressError("it is not a web address of the form https://host/path")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target


def _names_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def _is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, also where an IPv4 address hides in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _verdict(status: int, retry_after: str | None, at: datetime) -> Verdict:
    """2xx is done. A redirect is not followed: it could lead to where the check did not look."""
    said = f"HTTP {status}"
    if 200 <= status < 300:
        return Yes()
    if 300 <= status < 400:
        return Never(f"{said}: redirects are not followed; set the address it leads to")
    if status == GONE:
        return Never(said)
    if status in (401, 403):
        return ChannelDown(said)
    return Again(said, _patience(retry_after, at) if status in (TOO_MANY, 503) else None)


def _patience(text: str | None, at: datetime) -> datetime | None:
    """When a Retry-After header wants the next attempt: seconds, or a date."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return at + timedelta(seconds=min(int(text), 86_400))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo is not None else None
