"""A `nurture daemon` that lives through months under a clock that is set, while people answer over HTTP.

Responses come as they would: bounces and complaints as signed events, replies as mails to the inbound webhook, clicks,
pages and wishes by the links of the mail, answers of sales on their page; callers use the command line.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from http.client import HTTPConnection
from pathlib import Path
from socket import socket
from typing import Any, Final
from urllib.parse import urlencode

import psycopg
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import nurture.adapters.clock
from nurture import commands
from nurture.daemon.simulate.acts import Act
from nurture.domain.errors import RefusedError
from nurture.domain.handoff import State as Handoff
from nurture.domain.message import TOUCH_ARG
from nurture.domain.touch import State, Touch
from nurture.moves.rendering import link_id
from nurture.wiring import App, open_app
from tests.journeys import clocked

ROOT: Final = Path(__file__).resolve().parents[2]
KEY: Final = ec.generate_private_key(ec.SECP256R1())
PUBLIC: Final = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
SIGNED: Final = "X-Twilio-Email-Event-Webhook-"
BROWSER: Final = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
BOUNDARY: Final = "xYzZY"
# What people write for each intent that a reply may have.
WORDS: Final = {
    "request": "Please send us a quote for our two plants.",
    "interested": "This looks interesting, tell me more.",
    "question": "Does it work with gas as well?",
    "refusal": "No thanks, we are not interested.",
    "other": "Noted. Regards, Pat",
}


@dataclass
class Days:
    """A running daemon, its HTTP, the opened database beside it, and the clock of all of them."""

    folder: Path
    app: App
    process: subprocess.Popen[str]
    bind: str
    database: psycopg.Connection[Any] | None

    def at(self, moment: datetime) -> None:
        """Set every clock; what the daemon has due then is over when this returns."""
        self.set(moment)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(moment.isoformat() + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer == "done\n", (answer, self.process.poll())

    def set(self, moment: datetime) -> None:
        """The clock of PostgreSQL, and that of the commands run here."""
        clocked.tell(moment)
        if self.database is not None:
            self.database.execute("UPDATE fake.clock SET at = %s", (moment,))

    def live(self, acts: Sequence[Act], since: datetime, until: datetime) -> None:
        """A pass at every point of the grid in [since, until), and in between what people do."""
        step, left = self.app.policy.tick, list(reversed(acts))
        at = since + step  # the daemon began with a pass
        while at < until:
            while left and left[-1].at < at:
                self.do(left.pop())
            self.at(at)
            at += step

    def do(self, act: Act) -> None:
        """What somebody does, at its moment."""
        self.at(act.at)
        if act.step == "handoff" and not act.cadence:
            self._answer(act)
            return
        touch = self._touch(act)
        if touch is None:
            return  # the ledgers differ, and say where it began
        links = self.app.links
        match act.what:
            case "task":
                self._task(act, touch)
            case "click":
                self._http("GET", f"/c/{links.token('c', [touch.id, self._link(touch)])}", expect=302)
            case "unsubscribe":
                self._http("POST", f"/u/{links.token('u', touch.id)}", b"List-Unsubscribe=One-Click", FORM)
            case "visit" | "form":
                fields = {"token": links.token("c", [touch.id, self._link(touch)]), **act.detail}
                body = urlencode({"form": "website", **fields} if act.what == "form" else fields).encode()
                self._http("POST", f"/api/v1/{act.what}s", body, FORM)
            case "bounce":
                self._event(act, touch, event="bounce", type="bounce", status="5.1.1", reason="550 no such user")
            case "complaint":
                self._event(act, touch, event="spamreport")
            case "reply" | "auto_reply":
                self._mail(act, touch)
            case _:
                raise AssertionError(act)

    def _touch(self, act: Act) -> Touch | None:
        place = (act.cadence, act.step, act.occurrence)
        with self.app.store.unit(write=False) as work:
            mine = work.touches.of_leads([act.lead]).get(act.lead, [])
        found = [one for one in mine if (one.cadence, one.step, one.occurrence) == place]
        found = [one for one in found if one.state is not State.SKIPPED]
        found = [one for one in found if one.state is State.OPEN] or found
        return found[0 if found[0].state is State.OPEN else -1] if found else None

    def _link(self, touch: Touch) -> str:
        return link_id(f"https://acme.example/{touch.template}")

    def _http(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, expect: int = 200
    ) -> None:
        web = HTTPConnection(self.bind, timeout=60)  # the server lets go of one that is silent for ten seconds
        try:
            web.request(method, path, body or None, {**BROWSER, **(headers or {})})
            answer = web.getresponse()
            said = answer.read()
        finally:
            web.close()
        assert answer.status == expect, (method, path, answer.status, said[:500])

    def _signed(self, path: str, body: bytes, kind: str, at: datetime) -> None:
        stamp = str(int(at.timestamp()))
        signature = base64.b64encode(KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        headers = {SIGNED + "Signature": signature, SIGNED + "Timestamp": stamp, "Content-Type": kind}
        self._http("POST", path, body, headers)

    def _event(self, act: Act, touch: Touch, **event: str) -> None:
        told = {**event, "email": touch.address, TOUCH_ARG: touch.id, "timestamp": int(act.at.timestamp())}
        self._signed("/webhooks/sendgrid/events", json.dumps([told]).encode() + b"\r\n", "application/json", act.at)

    def _mail(self, act: Act, touch: Touch) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"] = touch.address, self.app.links.reply_to(touch.id, "reply.acme.example")
        mail["Date"] = act.at
        mail["Message-ID"] = f"<{act.what}.{touch.id}@{str(touch.address).partition('@')[2]}>"
        mail["Subject"] = "Re: hello"
        text = act.detail.get("sentence") or WORDS.get(act.detail.get("intent", ""), "")
        if act.what == "auto_reply":
            mail["Auto-Submitted"] = "auto-replied"
            back = date.fromisoformat(act.detail["until"])
            text = f"I am out of the office and will be back on {back.day} {back:%B %Y}."
        mail.set_content(text)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="email"\r\n\r\n'.encode()
        body = head + mail.as_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        self._signed("/webhooks/sendgrid/inbound", body, f"multipart/form-data; boundary={BOUNDARY}", act.at)

    def _task(self, act: Act, touch: Touch) -> None:
        detail = act.detail
        words = ["task", "done", touch.id, "--outcome", detail["outcome"]]
        words += ["--at", detail["until"]] if detail.get("until") else []
        words += [word for name, value in detail.get("facts", {}).items() for word in ("--fact", f"{name}={value}")]
        self.run(words, by=act.by)

    def _answer(self, act: Act) -> None:
        wanted = Handoff.OFFERED if act.what in ("accept", "reject") else Handoff.ACCEPTED
        with self.app.store.unit(write=False) as work:
            rows = work.sales.handoffs(lead=act.lead, rep=act.by, states=[wanted.value])
        if not rows:
            return  # it came too late, as it did in the simulation
        number, reason = int(rows[-1]["id"]), str(act.detail.get("reason") or "")
        if act.what in ("accept", "reject"):
            answer = {"answer": act.what} | ({"reason": reason} if act.what == "reject" else {})
            path = f"/h/{self.app.links.token('h', [number, act.by])}"
            self._http("POST", path, urlencode(answer).encode(), FORM)
            return
        self.run(["handoff", act.what, str(number), *(["--reason", reason] if reason else [])], by=act.by)

    def run(self, words: Sequence[str], *, by: str) -> None:
        """A command of somebody. What is refused was refused in the simulation as well."""
        with suppress(RefusedError):
            command(self.folder, "--as", by, *words)


def command(folder: Path, *words: str) -> str:
    """What a command prints, as its user types it."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        commands.app(["--workspace", str(folder), *words], standalone_mode=False)
    return out.getvalue()


def simulated(folder: Path, start: datetime, until: datetime, *, seed: int) -> tuple[str, list[Act]]:
    """What `nurture simulate --json` prints, and what people do in it."""
    told = folder / "responses.jsonl"
    times = ("--from", start.isoformat(), "--until", until.isoformat(), "--seed", str(seed))
    printed = command(folder, "simulate", *times, "--responses", str(told), "--json")
    return printed, [read(line) for line in told.read_text("utf-8").splitlines()]


def read(line: str) -> Act:
    """A line of `simulate --responses`."""
    row = json.loads(line)
    place = (int(row["lead"]), row["cadence"] or "", row["step"], row["occurrence"])
    return Act(datetime.fromisoformat(row["at"]), *place, row["what"], row["by"], "", row["detail"])


def lived(folder: Path, start: datetime, until: datetime, acts: Sequence[Act]) -> str:
    """What `nurture touch ledger --json` prints after a daemon lived through the same time with these people."""
    with days(folder, start) as running:
        running.live(acts, start, until)
        times = ("--from", start.isoformat(), "--until", until.isoformat())
        return command(folder, "touch", "ledger", *times, "--json")


# For nurture.toml: how the provider signs what it brings.
KEYS: Final = f'[sendgrid]\nevent_public_key = "{PUBLIC}"\ninbound_public_key = "{PUBLIC}"\n'


@contextmanager
def days(folder: Path, start: datetime) -> Iterator[Days]:
    """A daemon of this workspace that begins at `start`, a point of its grid, and what is around it."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    real = nurture.adapters.clock.datetime  # type: ignore[attr-defined]
    running = nurture.adapters.clock.SystemClock.boottime
    app = open_app(folder)
    with open(folder / "daemon.log", "w", encoding="utf-8") as log:
        database = _clock_of(app, start)
        clocked.tell(start)
        words = [
            sys.executable,
            "-m",
            "tests.journeys.clocked",
            start.isoformat(),
            "-w",
            str(folder),
            "daemon",
            "--json",
        ]
        process = subprocess.Popen(
            [*words, "--json"],
            cwd=ROOT,
            env=os.environ | {"NURTURE_WEB__BIND": bind},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", (folder / "daemon.log").read_text()
            yield Days(folder, app, process, bind, database)
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
            if process.stdin is not None and process.stdout is not None:
                process.stdin.close()
                process.stdout.close()
            app.close()
            if database is not None:
                database.close()
            nurture.adapters.clock.datetime = real  # type: ignore[attr-defined]
            nurture.adapters.clock.SystemClock.boottime = running  # type: ignore[method-assign]
    said = (folder / "daemon.log").read_text()
    assert "job_failed" not in said, said[-3000:]
    assert "job_refused" not in said, said[-3000:]


def _clock_of(app: App, start: datetime) -> psycopg.Connection[Any] | None:
    """Give a PostgreSQL database a clock that is set: its own function is found before the server's."""
    url = app.sql.engine.url
    if url.get_backend_name() != "postgresql":
        return None
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    database = psycopg.connect(address, autocommit=True)
    database.execute("CREATE SCHEMA fake")
    database.execute("CREATE TABLE fake.clock (at timestamptz NOT NULL)")
    database.execute("INSERT INTO fake.clock VALUES (%s)", (start,))
    database.execute(
        "CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT at FROM fake.clock'"
    )
    database.execute(f'ALTER DATABASE "{url.database}" SET search_path = public, fake, pg_catalog')
    app.sql.engine.dispose()
    return database
