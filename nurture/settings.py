"""nurture.toml and the environment -> one frozen Settings. Secrets come from the environment or a 0600 file only."""

from __future__ import annotations

import os
import stat
import tomllib
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from nurture import setting_environment as environment
from nurture.domain import calendar
from nurture.domain.errors import RequestError
from nurture.domain.pacing import Limits
from nurture.domain.policy import Policy, Sender
from nurture.setting_words import Hour, Rate, Share, Span, WarmUp

FILE = "nurture.toml"
SECRET_FILE = "secret.key"
# A provider may report an event again for so long; what is in the archive is not looked at then.
_REPEATED = timedelta(days=1)
_SECRETS = {("sendgrid", "api_key"), ("smtp", "password"), ("imap", "password"), ("web", "secret_key")}


class _Section(BaseModel):
    # What validates a section is built with that of all settings, not by itself before.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class SenderSection(_Section):
    """One sender: `from` is an address with or without a name."""

    from_: str = Field(alias="from")
    reply_domain: str = ""
    postal_address: str = ""
    rate: Rate = None
    warm_up: WarmUp = None
    phone: str = ""


class MailSection(_Section):
    """[mail]"""

    provider: Literal["outbox", "smtp", "sendgrid"] = "outbox"
    from_: str = Field("", alias="from")
    reply_domain: str = ""
    postal_address: str = ""
    dkim_selector: str = ""
    in_doubt: Literal["settle", "hold"] = "settle"
    settle_after: Span = timedelta(minutes=30)
    give_up_after: Span = timedelta(hours=26)
    timeout: Span = timedelta(seconds=30)
    lease: Span = timedelta(seconds=90)
    workers: int = Field(64, ge=1, le=1024)
    rate: Rate = None
    first_wave: int = Field(20, ge=0)
    first_wave_watch: Span = timedelta(hours=1)
    pause_at_complaints: Share = 0.001
    pause_at_hard_bounces: Share = 0.03
    track_links: bool = True
    without_basis: Literal["hold", "send"] = "hold"


class SendGridSection(_Section):
    """[sendgrid]"""

    api_key: SecretStr = SecretStr("")
    host: str = "https://api.sendgrid.com"
    event_public_key: str = ""
    inbound_public_key: str = ""


class SmtpSection(_Section):
    """[smtp]"""

    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    username: str = ""
    password: SecretStr = SecretStr("")
    tls: Literal["none", "starttls", "tls"] = "starttls"


class ImapSection(_Section):
    """[imap]"""

    host: str = ""
    port: int = Field(993, ge=1, le=65535)
    username: str = ""
    password: SecretStr = SecretStr("")
    folder: str = "INBOX"


class RepliesSection(_Section):
    """[replies]"""

    folder: str = ""


class WebSection(_Section):
    """[web]"""

    bind: str = "127.0.0.1:8025"
    public_url: str = ""
    secret_key: SecretStr = SecretStr("")


class CalendarSection(_Section):
    """[calendar]"""

    timezone: str = "UTC"
    country: str = ""
    fiscal_year_start: str = "01-01"


class LimitsSection(_Section):
    """[limits]; 0 lifts a limit."""

    lead_per_day: int = Field(1, ge=0)
    lead_per_7_days: int = Field(2, ge=0)
    lead_per_30_days: int = Field(6, ge=0)
    company_per_7_days: int = Field(3, ge=0)
    domain_per_hour: int = Field(0, ge=0)


class AlertsSection(_Section):
    """[alerts]"""

    email: str = ""
    webhook: str = ""


class WebhookSection(_Section):
    """[webhooks.NAME]"""

    url: str
    secret: SecretStr = SecretStr("")


class CrmSection(_Section):
    """[crm]"""

    webhook: str = ""
    secret: SecretStr = SecretStr("")


class NurtureSection(_Section):
    """[nurture]"""

    attempts: int = Field(7, ge=1)


class RetentionSection(_Section):
    """[retention]"""

    events: Span = timedelta(days=730)


class BackupSection(_Section):
    """[backup]"""

    every: Span | None = None


class DigestSection(_Section):
    """[digest]"""

    at: Hour = None


class DatabaseSection(_Section):
    """[database]"""

    url: str = ""


class SchedulerSection(_Section):
    """[scheduler]"""

    tick: Span = timedelta(seconds=30)


class StateSection(_Section):
    """[state]"""

    dir: str = ".nurture"


class _Sources(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    database: DatabaseSection
    mail: MailSection
    senders: dict[str, SenderSection]
    sendgrid: SendGridSection
    smtp: SmtpSection
    imap: ImapSection
    replies: RepliesSection
    web: WebSection
    calendar: CalendarSection
    limits: LimitsSection
    alerts: AlertsSection
    webhooks: dict[str, WebhookSection]
    crm: CrmSection
    nurture: NurtureSection
    retention: RetentionSection
    backup: BackupSection
    digest: DigestSection
    scheduler: SchedulerSection
    state: StateSection


class Settings(_Sources):
    """The settings of one workspace. `folder` is where it is."""

    folder: Path = Path()

    @property
    def database_url(self) -> str:
        """The address of the database; a relative SQLite file lies in the workspace."""
        url = self.database.url or "sqlite:///nurture.db"
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return f"sqlite:///{(self.folder / url.removeprefix('sqlite:///')).absolute()}"
        return url

    @property
    def state_dir(self) -> Path:
        """Where marks, locks and schemas are kept beside the database."""
        return self.folder / self.state.dir

    @property
    def public_url(self) -> str:
        """The address under which mail links lead back to us."""
        return self.web.public_url or f"http://{self.web.bind}"

    @property
    def secret_key(self) -> str:
        """The key that signs our links: from the environment, else from the file that `init` made."""
        given = self.web.secret_key.get_secret_value()
        if given:
            return given
        path = self.state_dir / SECRET_FILE
        try:
            mode = path.stat().st_mode
        except OSError as problem:
            raise RequestError(
                f"{path} is missing: it holds the key that signs the links in mails.",
                hint="Run: nurture init, or set NURTURE_WEB__SECRET_KEY.",
            ) from problem
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RequestError(f"{path} can be read by others.", hint=f"Run: chmod 600 {path}")
        if not (key := path.read_text(encoding="utf-8").strip()):
            hint = "Put it back from a backup: with another key, no link in a mail that went out works any more."
            raise RequestError(f"{path} is empty: it held the key that signs the links in mails.", hint=hint)
        return key

    def senders_by_name(self) -> dict[str, Sender]:
        """The senders; one from [mail] when there is no [senders]."""
        if self.senders:
            return {name: _sender(name, one) for name, one in self.senders.items()}
        if not self.mail.from_:
            return {}
        only = SenderSection.model_validate(
            {
                "from": self.mail.from_,
                "reply_domain": self.mail.reply_domain,
                "postal_address": self.mail.postal_address,
            }
        )
        return {"mail": _sender("mail", only)}

    def limits_on_pressure(self) -> Limits:
        """The limits; 0 lifts one."""
        one = self.limits
        return Limits(
            lead_per_day=one.lead_per_day or None,
            lead_per_7_days=one.lead_per_7_days or None,
            lead_per_30_days=one.lead_per_30_days or None,
            company_per_7_days=one.company_per_7_days or None,
            domain_per_hour=one.domain_per_hour or None,
        )

    def policy(self) -> Policy:
        """What the passes need to know."""
        month, day = (int(part) for part in self.calendar.fiscal_year_start.split("-"))
        return Policy(
            timezone=self.calendar.timezone,
            country=self.calendar.country,
            fiscal_year_start=(month, day),
            limits=self.limits_on_pressure(),
            senders=self.senders_by_name(),
            without_basis=self.mail.without_basis,
            in_doubt="hold" if self.mail.provider == "smtp" else self.mail.in_doubt,
            settle_after=self.mail.settle_after,
            give_up_after=self.mail.give_up_after,
            mail_timeout=self.mail.timeout,
            mail_lease=self.mail.lease,
            mail_rate=self.mail.rate,
            first_wave=self.mail.first_wave,
            first_wave_watch=self.mail.first_wave_watch,
            pause_at_complaints=self.mail.pause_at_complaints,
            pause_at_hard_bounces=self.mail.pause_at_hard_bounces,
            # A group must be through within the mail lease; SMTP has few connections and slow servers.
            group=self.mail.workers * (1 if self.mail.provider == "smtp" else 4),
            attempts=self.nurture.attempts,
            track_links=self.mail.track_links,
            tick=self.scheduler.tick,
        )


def _sender(name: str, one: SenderSection) -> Sender:
    display, address = parseaddr(one.from_)
    if "@" not in address:
        raise RequestError(
            f"The sender {name!r} has no usable address in `from`: {one.from_!r}.",
            hint='Write: from = "Dana Reyes <dana@acme.example>"',
        )
    ceilings = tuple(ceiling for ceiling in (one.rate, one.warm_up) if ceiling is not None)
    return Sender(name, address, display, one.reply_domain, one.postal_address, one.phone, ceilings)


def read_settings(folder: Path) -> Settings:
    """The settings of a workspace. Raises RequestError that names each wrong key and what is expected."""
    path = folder / FILE
    if not path.is_file():
        raise RequestError(
            f"{folder.absolute()} is not a workspace: it has no {FILE}.",
            hint="Run: nurture init DIR, or name one with --workspace.",
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RequestError(f"{path}: {problem}.", hint='It is TOML: KEY = "VALUE", one a line.') from problem
    except OSError as problem:
        raise RequestError(f"{path} cannot be read: {problem.strerror}.", hint="Is it yours?") from problem
    _refuse(values, path)
    try:
        sections: dict[str, Any] = {name: {} for name in _Sources.model_fields}
        settings = Settings(folder=folder, **sections | environment.over(values, _Sources))
    except ValidationError as problem:
        raise RequestError(_in_words(problem, path), hint=f"See the comments in {FILE}.") from None
    _check_names(settings, path)
    return settings


def _refuse(values: dict[str, Any], path: Path) -> None:
    """Unknown sections, and secrets in a file that others may read."""
    known = set(_Sources.model_fields)
    for section, content in values.items():
        if section not in known:
            raise RequestError(f"{path}: unknown section [{section}].", hint="Known: " + ", ".join(sorted(known)))
        for key in content if isinstance(content, dict) else ():
            if (section, key) in _SECRETS and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RequestError(
                    f"{path}: {section}.{key} is a secret, and others can read this file.",
                    hint=f"Set NURTURE_{section.upper()}__{key.upper()} instead, or run: chmod 600 {path}",
                )


def _in_words(problem: ValidationError, path: Path) -> str:
    lines = []
    for error in problem.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in error["loc"])
        env = environment.PREFIX + "__".join(str(part).upper() for part in error["loc"])
        place = env if env in os.environ else f"{path}: {where}"
        lines.append(f"{place}: {error['msg'].removeprefix('Value error, ').rstrip('.')}.")
    return "\n".join(lines)


def _check_names(settings: Settings, path: Path) -> None:
    if settings.retention.events < _REPEATED:
        what = "retention.events must be a day at least: a provider may report an event again for so long."
        raise RequestError(f"{path}: {what}", hint='Write for example: events = "24 months"')
    if settings.backup.every is not None:
        if not settings.database_url.startswith("sqlite"):
            what = "backup.every is for SQLite. PostgreSQL has its own tools, which also know its log."
            raise RequestError(f"{path}: {what}", hint="Remove it, and use pg_dump or continuous archiving.")
        if settings.backup.every < timedelta(minutes=1):
            raise RequestError(f"{path}: backup.every must be a minute at least.", hint='Write: every = "1 day"')
    if settings.digest.at is not None and not (settings.alerts.email or settings.alerts.webhook):
        what = "digest.at is set, and nobody would get the digest."
        raise RequestError(f"{path}: {what}", hint="Set alerts.email or alerts.webhook.")
    try:
        calendar.zone(settings.calendar.timezone)
    except ValueError as problem:
        raise RequestError(f"{path}: calendar.timezone: {problem}", hint="Write a name: Europe/Berlin.") from None
    host, colon, port = settings.web.bind.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise RequestError(f"{path}: web.bind must be HOST:PORT, not {settings.web.bind!r}.", hint="127.0.0.1:8025")
