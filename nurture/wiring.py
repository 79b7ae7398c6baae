"""Settings -> App: the only place that chooses adapters."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nurture.domain.errors import Problem, RefusedError, RequestError
from nurture.settings import Settings, read_settings

if TYPE_CHECKING:
    from nurture.adapters.lead_files.file import ImportFile
    from nurture.adapters.lead_files.outcomes import Outcomes
    from nurture.adapters.links import SignedLinks
    from nurture.adapters.store.unit import SqlStore
    from nurture.domain.breaker import Breaker
    from nurture.domain.calibration.table import Example
    from nurture.domain.calibration.table import Table as PointsTable
    from nurture.domain.policy import Policy
    from nurture.domain.readiness import Readiness
    from nurture.domain.rehearsal import Rehearsal
    from nurture.domain.scoring import Scoring
    from nurture.domain.workspace import Workspace
    from nurture.flow.dispatch.run import Unrecorded
    from nurture.moves.waiting_hits import WaitingHits
    from nurture.ports import Clock, Files, Mailer, Rules, Store, Templates
    from nurture.ports.incoming import Mailbox, MailReader, ProviderEvent
    from nurture.ports.people import ForgottenBook
    from nurture.ports.rules import Renderer
    from nurture.ports.world import Courier, HighWater, MailNames, SendLog, SetClock


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with the files of a folder, how many there are, and what they make."""

    problems: list[Problem]
    files: int
    workspace: Workspace
    templates: Templates


@dataclass
class App:
    """One workspace, opened. Each part is made when it is first asked for."""

    settings: Settings
    clock: Clock
    owner: str
    mailer_override: Mailer | None = None
    wrote: bool = False  # whether anything was committed
    reaches_out: bool = True  # False: reads no mailbox and delivers nothing to sales; for `simulate`
    durable: bool = True  # False: no commit waits for the disk; for a database that is thrown away
    failing_since: float | None = None  # boot time from which on no pass of this process went through
    pass_began: float | None = None  # boot time of the pass that this process is in
    moved_at: float = 0.0  # boot time at which a pass of this process last got on
    stops: Callable[[], bool] = bool  # whether somebody asks this process to end
    idle: timedelta | None = None  # for so long a transaction may stand still on PostgreSQL; None: for ever

    @cached_property
    def sql(self) -> SqlStore:
        """The database itself, for the commands that keep it."""
        from nurture.adapters.store.engine import open_engine
        from nurture.adapters.store.unit import SqlStore

        url = self.settings.database_url
        engine = open_engine(url, wrote=self._note_write, durable=self.durable, idle=self.idle)
        return SqlStore(engine, key=lambda: self.settings.secret_key)

    def _note_write(self) -> None:
        self.wrote = True

    @cached_property
    def store(self) -> Store:
        """The database, with the schema of this program. Raises RefusedError when it is older or newer."""
        from nurture.adapters.store import schema

        if not schema.is_current(self.sql.engine):
            if schema.current(self.sql.engine) is not None:
                raise RefusedError(
                    "The database has another schema than this program.", hint="Run: nurture database upgrade"
                )
            schema.upgrade(self.sql.engine)
        if self.reaches_out:
            self.keep_forgotten()
        return self.sql

    @cached_property
    def forgotten(self) -> ForgottenBook:
        """What stands for those who were forgotten, beside the database."""
        from nurture.adapters.forgotten_book import FILE as BOOK
        from nurture.adapters.forgotten_book import ForgottenFile

        return ForgottenFile(self.settings.state_dir / BOOK)

    def keep_forgotten(self) -> None:
        """Forget again whom the restore of an old backup brought back, before anything else is done."""
        with self.sql.unit(write=False) as work:
            if work.suppressions.sealed() == self.forgotten.read():
                return  # as nearly always: what would put it right need not even be imported
        from nurture.flow.persons import keep_forgotten

        keep_forgotten(self.forgotten, store=self.sql, now=self.clock.now(), by="daemon")

    @cached_property
    def files(self) -> Files:
        """Reads the marketers' files."""
        from nurture.adapters.rules import YamlFiles

        limits = self.policy.limits
        by_days = {1: limits.lead_per_day, 7: limits.lead_per_7_days, 30: limits.lead_per_30_days}
        return YamlFiles(
            webhooks=frozenset(self.settings.webhooks),
            senders=frozenset(self.settings.senders_by_name()),
            limits={days: most for days, most in by_days.items() if most is not None},
        )

    @cached_property
    def rules(self) -> Rules:
        """What is in force."""
        from nurture.adapters.rules import AppliedRules, YamlFiles

        assert isinstance(self.files, YamlFiles)
        return AppliedRules(self.store, self.files)

    @cached_property
    def policy(self) -> Policy:
        """The settings that decide what is sent."""
        policy = self.settings.policy()
        # In a simulation nobody is there to let mail go on that paused by itself.
        return policy if self.reaches_out else replace(policy, pause_at_complaints=0.0, pause_at_hard_bounces=0.0)

    @cached_property
    def links(self) -> SignedLinks:
        """Our own addresses."""
        from nurture.adapters.links import SignedLinks

        return SignedLinks(self.settings.public_url, [self.settings.secret_key])

    @cached_property
    def renderer(self) -> Renderer:
        """What makes mails of drafts: a process beside this one where mails are really sent, and there are cores."""
        if not self.reaches_out or (os.cpu_count() or 1) < 2:
            from nurture.moves.rendering import Here

            return Here(self.links)
        from nurture.adapters.rendering.process import RenderProcess
        from nurture.outward import packing

        pack = packing(self.settings) if self.mailer_override is None else None
        return RenderProcess(self.settings.public_url, [self.settings.secret_key], pack)

    @cached_property
    def breaker(self) -> Breaker:
        """Counts unclear answers of the provider, in this process."""
        from nurture.domain.breaker import Breaker

        return Breaker()

    @cached_property
    def unrecorded(self) -> list[Unrecorded]:
        """What the provider answered while the database was away, in this process."""
        return []

    @cached_property
    def waiting_hits(self) -> WaitingHits:
        """Opens and clicks that wait to be judged, as far as this process has read them."""
        from nurture.moves.waiting_hits import WaitingHits

        return WaitingHits()

    @cached_property
    def mailer(self) -> Mailer:
        """What carries the mail."""
        from nurture.outward import make_mailer

        return self.mailer_override or make_mailer(self.settings, self.clock)

    @cached_property
    def high_water(self) -> HighWater | None:
        """How far this process has come, kept beside the database; None where nothing is really sent."""
        if not self.reaches_out:
            return None
        from nurture.adapters.high_water import HighWaterFiles

        return HighWaterFiles(self.settings.state_dir, self.owner)

    @cached_property
    def send_log(self) -> SendLog | None:
        """The provider's own log of what it took, where it keeps one."""
        mail, grid = self.settings.mail, self.settings.sendgrid
        if mail.provider != "sendgrid" or self.mailer_override is not None:
            return None
        from nurture.adapters.mail.sendgrid_log import SendGridLog

        return SendGridLog(grid.api_key.get_secret_value(), host=grid.host)

    def read_files(self) -> tuple[dict[str, str], list[Problem]]:
        """The files of the workspace's folder as texts, templates among them, and what cannot be read."""
        from nurture.adapters.workspace_folder import read_folder

        return read_folder(self.settings.folder)

    def check(self) -> Checked:
        """The files of the folder, and every problem of all of them."""
        from nurture.moves.template_uses import template_problems

        sources, problems = self.read_files()
        workspace, found = self.files.read(sources, unread=problems)
        templates = self.files.templates(sources)
        every = {*found, *template_problems(sources, workspace, templates)}
        return Checked(sorted(every), len(sources), workspace, templates)

    def rehearsals(self) -> tuple[list[Rehearsal], list[Problem]]:
        """The tests beside the cadences, and what is wrong with them as files."""
        from nurture.adapters.cadence_files.cadence_tests import read_tests

        return read_tests(self.settings.folder)

    def upgrade(self, *, dry_run: bool = False) -> list[str]:
        """Bring the schema up to date; the steps."""
        from nurture.adapters.store import schema

        if dry_run:
            current = schema.current(self.sql.engine)
            return [] if current == schema.NEWEST else [schema.NEWEST]
        return schema.upgrade(self.sql.engine)

    def check_database(self) -> list[str]:
        """What is wrong with the database, in words."""
        from nurture.adapters.store import schema

        return schema.check(self.sql.engine)

    def backup(self, file: Path) -> None:
        """A copy of the database while it is in use. Raises RequestError for PostgreSQL, which has its own tools."""
        from nurture.adapters.store.backup import backup

        backup(self.sql.engine, file)

    @property
    def backups(self) -> Path:
        """Where the daemon's own copies lie."""
        return self.settings.state_dir / "backups"

    def last_backup(self) -> datetime | None:
        """When the daemon's newest copy was made."""
        from nurture.adapters.store.backup import last_backup

        return last_backup(self.backups)

    def keep_backup(self, now: datetime) -> Path:
        """A new copy among the daemon's own; the oldest go. Raises RefusedError where none can be made."""
        from nurture.adapters.store.backup import keep_backup

        return keep_backup(self.sql.engine, self.backups, now)

    def read_rows(
        self,
        path: Path,
        map_name: str | None = None,
        *,
        source: str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> ImportFile:
        """The rows of a file under a map (its name or file); what is given here wins. Raises RequestError."""
        from nurture.adapters.lead_files.file import ImportFile

        zone = self.policy.timezone
        return ImportFile(path, map_name, source=source, delimiter=delimiter, encoding=encoding, zone=zone)

    def brief_text(self, brief: Mapping[str, Any]) -> str:
        """A brief for the terminal."""
        from nurture.adapters.salesdesk.text import plain_text

        return plain_text(brief)

    def brief_article(self, brief: Mapping[str, Any]) -> str:
        """A brief as HTML inside of another page."""
        from nurture.adapters.salesdesk import article

        return article(brief)

    def brief_page(self, brief: Mapping[str, Any]) -> str:
        """A brief as a page of its own."""
        from nurture.adapters.salesdesk.page import page

        return page(brief)

    def create_token(self, name: str, *, by: str) -> str:
        """A new token of the API; only its hash is kept. Raises RefusedError for a name that is taken."""
        from nurture.adapters.store.tokens import Tokens

        assert self.store is self.sql
        return Tokens(self.sql.engine).create(name, at=self.clock.now(), by=by)

    def read_phone(self, text: str, country: str | None) -> str:
        """A phone number in its international form. Raises ValueError."""
        from nurture.adapters.addresses import international_phone

        return international_phone(text, country)

    @cached_property
    def mailboxes(self) -> tuple[Mailbox, ...]:
        """Where replies are fetched: the folder of the settings, an IMAP folder."""
        found: list[Mailbox] = []
        if self.settings.replies.folder:
            from nurture.adapters.mail.mail_folder import MailFolder

            found.append(MailFolder(self.settings.folder / self.settings.replies.folder))
        imap = self.settings.imap
        if imap.host:
            from nurture.adapters.mail.imap import ImapAccount, ImapMailbox

            password = imap.password.get_secret_value()
            account = ImapAccount(imap.host, imap.username, password, port=imap.port, folder=imap.folder)
            found.append(ImapMailbox(account))
        return tuple(found)

    @cached_property
    def mail_reader(self) -> MailReader:
        """Reads the bytes of a mail."""
        from nurture.adapters.mail.inbound import EmailReader

        return EmailReader()

    def read_events(self, body: bytes) -> Sequence[ProviderEvent]:
        """The events of one delivery of the provider. Raises RequestError for a body that is none."""
        from nurture.outward import events_in

        return events_in(body, self.settings)

    @cached_property
    def mail_names(self) -> MailNames:
        """What the DNS says of the domains that mail is sent from and answered to."""
        from nurture.adapters.mail import names

        return names.MailNames()

    def provider_lists(self) -> Iterator[tuple[str, str, str]]:
        """Whom the provider's own lists keep mail from: address, scope, reason. Raises a NurtureError."""
        from nurture.adapters.mail.sendgrid_lists import read_lists

        keys = self.settings.sendgrid
        return read_lists(keys.api_key.get_secret_value(), keys.host)

    def key_problem(self, key: str) -> str:
        """What is wrong with a verification key of the provider; empty where nothing is."""
        from nurture.adapters.mail.names import key_problem

        return key_problem(key)

    @property
    def learn(self) -> Callable[[Sequence[Example]], PointsTable]:
        """What learns a points table from examples. Raises RequestError where the extra is not installed."""
        try:
            from nurture.adapters.learning import learn
        except ImportError as missing:
            raise RequestError(
                f"To learn points takes an extra that is not installed ({missing.name}).",
                hint="Run: pip install 'nurture[calibrate]'",
            ) from missing
        return learn

    def read_outcomes(
        self, path: Path, *, outcome: str | None = None, at: str | None = None, never: Sequence[str] = ()
    ) -> Outcomes:
        """A file with past outcomes. Raises RequestError."""
        from nurture.adapters.lead_files.outcomes import read_outcomes

        return read_outcomes(path, outcome=outcome, at=at, never=never)

    def read_scoring(self, text: str, name: str) -> Scoring:
        """Another scoring.yaml beside the files in force. Raises RequestError with its first problem."""
        workspace, wrong = self._read_beside({"scoring.yaml": text})
        if wrong:
            first = wrong[0]
            raise RequestError(f"{name}:{first.line}: {first.message}", hint="Correct it; see: nurture schema scoring")
        return workspace.scoring

    def read_readiness(self, files: Mapping[str, str]) -> Readiness | None:
        """The readiness that these files make in place of those in force; None where they are wrong."""
        workspace, wrong = self._read_beside(files)
        return None if wrong else workspace.readiness

    def _read_beside(self, files: Mapping[str, str]) -> tuple[Workspace, list[Problem]]:
        """The workspace with these files in place of those in force, and the errors in them."""
        with self.store.unit(write=False) as work:
            applied = work.control.files()
        workspace, problems = self.files.read({**applied, **files})
        return workspace, [one for one in problems if one.file in files and one.severity == "error"]

    def applied_text(self, file: str) -> str:
        """The text of a file that is in force; empty where there is none."""
        with self.store.unit(write=False) as work:
            return work.control.files().get(file, "")

    @cached_property
    def courier(self) -> Courier:
        """What carries briefs, alerts and webhooks."""
        from nurture.outward import courier_of

        return courier_of(
            self.settings,
            self.policy,
            mailer=lambda: self.mailer,
            boottime=self.clock.boottime,
            zone_of=self._zone_of,
            offer_link=lambda offer, rep: self.links.offer(offer, rep),
        )

    def _zone_of(self, rep: str) -> str | None:
        found = self.rules.in_force().workspace.person(rep)
        return found.timezone if found else None

    def close(self) -> None:
        """Give up connections."""
        for name in ("mailer", "renderer"):
            if name in self.__dict__:
                getattr(self, name).close()
        if "sql" in self.__dict__:
            self.sql.engine.dispose()


def open_app(folder: Path, *, clock: Clock | None = None, mailer: Mailer | None = None, durable: bool = True) -> App:
    """A workspace, opened. Raises RequestError when the folder is none or its settings are wrong."""
    from nurture.adapters.clock import SystemClock

    settings = read_settings(folder)
    chosen = clock or SystemClock()
    return App(settings, chosen, f"{socket.gethostname()}-{os.getpid()}-{chosen.new_id()[:6]}", mailer, durable=durable)


def virtual_clock(start: datetime, *, seed: int) -> SetClock:
    """A clock that moves when told, for `demo` and `simulate`."""
    from nurture.adapters.clock import VirtualClock

    return VirtualClock(start, seed=seed)
