"""A workspace of a test, its web, and a client that speaks HTTP with it."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nurture.domain.response import Response
from nurture.domain.touch import Touch
from nurture.settings import read_settings
from nurture.web.app import make_app
from nurture.wiring import App
from tests.builders import a_sent_touch, an_empty_database
from tests.fakes import A_TUESDAY, FixedClock, OutboxFake

with warnings.catch_warnings():
    # Starlette announces a successor of the client; it is not out for all of our Pythons.
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
    from fastapi.testclient import TestClient as TestClient

EVERGREEN = """
name: evergreen
owner: dana@acme.example
steps:
  - wait: 30 days
  - wait: 30 days
"""
SCORING = """
engagement:
  rules:
    - {on: click, points: 4, because: read further}
    - {on: form, points: 10, because: wrote to us}
"""
PEOPLE = """
- {name: Lee, email: lee@acme.example, roles: [rep], timezone: America/New_York}
- {name: Sam, email: sam@acme.example, roles: [manager]}
- {name: Cal, email: cal@acme.example, roles: [caller]}
- {name: Dot, email: dot@acme.example, roles: [caller]}
"""
READINESS = """
accept_within: 8 business hours
reject:
  bad_timing: {return: stated date or 90 days, into: evergreen}
  no_fit: {status: disqualified}
"""
FILES = {
    "cadences/evergreen.yaml": EVERGREEN,
    "scoring.yaml": SCORING,
    "people.yaml": PEOPLE,
    "readiness.yaml": READINESS,
}

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()

TOML = """
[mail]
from = "Dana Reyes <dana@acme.example>"
[web]
public_url = "https://go.acme.example"
secret_key = "a key of the tests"
"""
SENDGRID = f'[sendgrid]\nevent_public_key = "{PUBLIC}"\n'
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@dataclass
class House:
    """An opened workspace and a client of its web."""

    app: App
    clock: FixedClock
    client: TestClient
    mailer: OutboxFake

    def mailed(self, **over: Any) -> Touch:
        """An e-mail that went out an hour ago."""
        touch = a_sent_touch(self.app.store, now=self.clock.now(), **over)
        self.clock.advance(hours=1)
        return touch

    def path(self, purpose: str, value: object) -> str:
        """The path of a signed link."""
        return f"/{purpose}/{self.app.links.token(purpose, value)}"

    def responses(self, lead: int) -> list[Response]:
        """What is recorded of a lead."""
        with self.app.store.unit(write=False) as work:
            return work.responses.of_leads([lead]).get(lead, [])

    def scopes(self, address: str) -> frozenset[str]:
        """In which scopes an address is suppressed."""
        with self.app.store.unit(write=False) as work:
            return work.suppressions.scopes([address]).get(address, frozenset())

    def raw(self) -> list[tuple[str, bytes]]:
        """Deliveries that wait to be processed: kind and body."""
        with self.app.store.unit(write=False) as work:
            return [(kind, body) for _, kind, body, _ in work.responses.raw_new(100)]


def apply(app: App) -> None:
    """Put the files in force."""
    with app.store.unit() as work:
        work.control.put_files(FILES, at=A_TUESDAY, by="test")
        work.control.put_version("evergreen", 1, structure="1", content=EVERGREEN, at=A_TUESDAY, by="test")
        work.commit()
    _, problems = app.files.read(FILES)
    assert [one for one in problems if one.severity == "error"] == []


@contextmanager
def a_house(folder: Path, toml: str = TOML + SENDGRID, *, database: str = "") -> Iterator[House]:
    """A workspace in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nurture.toml"
    file.write_text(toml + (f'[database]\nurl = "{database}"\n' if database else ""), "utf-8")
    file.chmod(0o600)
    clock, mailer = FixedClock(A_TUESDAY), OutboxFake()
    app = App(read_settings(folder), clock, "test", mailer)
    if not database:
        (folder / "nurture.db").write_bytes(an_empty_database())
        apply(app)
    client = TestClient(make_app(app), base_url="https://go.acme.example", follow_redirects=False)
    try:
        yield House(app, clock, client, mailer)
    finally:
        client.close()
        app.close()


def signed(body: bytes, *, at: str = "1772528400") -> dict[str, str]:
    """The headers with which SendGrid sends a batch of events."""
    signature = KEY.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": at,
        "Content-Type": "application/json",
    }


def a_batch(*events: dict[str, Any]) -> bytes:
    """A batch of events as SendGrid writes one: with a line end that belongs to what is signed."""
    return json.dumps(list(events)).encode() + b"\r\n"
