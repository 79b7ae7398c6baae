"""Every section of nurture.toml, each key with how it is read and what holds without it; all of them: `Settings`."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import time, timedelta
from pathlib import Path
from typing import Final, Literal

from nurture.domain.errors import RequestError
from nurture.domain.policy import Limits, Policy, Sender
from nurture.domain.rate import Ceiling
from nurture.settings.keys import key, table, tables
from nurture.settings.words import (
    MOST_PORT,
    Secret,
    day_of_year,
    hour,
    number,
    one_of,
    rate,
    secret,
    share,
    some_time,
    span,
    text,
    truth,
    warm_up,
)

SECRET_FILE = "secret.key"
PORT: Final = number(1, MOST_PORT)


@dataclass(frozen=True, slots=True)
class SenderSection:
    """One sender: `from` is an address with or without a name."""

    from_: str = key(text, named="from")
    reply_domain: str = key(text, "")
    postal_address: str = key(text, "")
    rate: Ceiling | None = key(rate, None)
    warm_up: Ceiling | None = key(warm_up, None)
    phone: str = key(text, "")


@dataclass(frozen=True, slots=True)
class MailSection:
    """[mail]"""

    provider: Literal["outbox", "smtp", "sendgrid"] = key(one_of("outbox", "smtp", "sendgrid"), "outbox")
    from_: str = key(text, "", named="from")
    reply_domain: str = key(text, "")
    postal_address: str = key(text, "")
    dkim_selector: str = key(text, "")
    in_doubt: Literal["settle", "hold"] = key(one_of("settle", "hold"), "settle")
    settle_after: timedelta = key(span, timedelta(minutes=30))
    give_up_after: timedelta = key(span, timedelta(hours=26))
    timeout: timedelta = key(some_time, timedelta(seconds=30))
    lease: timedelta = key(some_time, timedelta(seconds=90))
    workers: int = key(number(1, 1024), 64)
    rate: Ceiling | None = key(rate, None)
    first_wave: int = key(number(0), 20)
    first_wave_watch: timedelta = key(span, timedelta(hours=1))
    pause_at_complaints: float = key(share, 0.001)
    pause_at_hard_bounces: float = key(share, 0.03)
    track_links: bool = key(truth, default=True)
    without_basis: Literal["hold", "send"] = key(one_of("hold", "send"), "hold")


@dataclass(frozen=True, slots=True)
class SendGridSection:
    """[sendgrid]"""

    api_key: Secret = key(secret, Secret())
    host: str = key(text, "https://api.sendgrid.com")
    event_public_key: str = key(text, "")
    inbound_public_key: str = key(text, "")


@dataclass(frozen=True, slots=True)
class SmtpSection:
    """[smtp]"""

    host: str = key(text, "")
    port: int = key(PORT, 587)
    username: str = key(text, "")
    password: Secret = key(secret, Secret())
    tls: Literal["none", "starttls", "tls"] = key(one_of("none", "starttls", "tls"), "starttls")


@dataclass(frozen=True, slots=True)
class ImapSection:
    """[imap]"""

    host: str = key(text, "")
    port: int = key(PORT, 993)
    username: str = key(text, "")
    password: Secret = key(secret, Secret())
    folder: str = key(text, "INBOX")


@dataclass(frozen=True, slots=True)
class RepliesSection:
    """[replies]"""

    folder: str = key(text, "")


@dataclass(frozen=True, slots=True)
class WebSection:
    """[web]"""

    bind: str = key(text, "127.0.0.1:8025")
    public_url: str = key(text, "")
    secret_key: Secret = key(secret, Secret())


@dataclass(frozen=True, slots=True)
class CalendarSection:
    """[calendar]"""

    timezone: str = key(text, "UTC")
    country: str = key(text, "")
    fiscal_year_start: tuple[int, int] = key(day_of_year, (1, 1))  # month and day


@dataclass(frozen=True, slots=True)
class LimitsSection:
    """[limits]; 0 lifts a limit."""

    lead_per_day: int = key(number(0), 1)
    lead_per_7_days: int = key(number(0), 2)
    lead_per_30_days: int = key(number(0), 6)
    company_per_7_days: int = key(number(0), 3)
    domain_per_hour: int = key(number(0), 0)


@dataclass(frozen=True, slots=True)
class AlertsSection:
    """[alerts]"""

    email: str = key(text, "")
    webhook: str = key(text, "")


@dataclass(frozen=True, slots=True)
class WebhookSection:
    """[webhooks.NAME]"""

    url: str = key(text)
    secret: Secret = key(secret, Secret())


@dataclass(frozen=True, slots=True)
class CrmSection:
    """[crm]"""

    webhook: str = key(text, "")
    secret: Secret = key(secret, Secret())


@dataclass(frozen=True, slots=True)
class NurtureSection:
    """[nurture]"""

    attempts: int = key(number(1), 7)


@dataclass(frozen=True, slots=True)
class RetentionSection:
    """[retention]"""

    events: timedelta = key(span, span("24 months"))


@dataclass(frozen=True, slots=True)
class BackupSection:
    """[backup]"""

    every: timedelta | None = key(span, None)


@dataclass(frozen=True, slots=True)
class DigestSection:
    """[digest]"""

    at: time | None = key(hour, None)


@dataclass(frozen=True, slots=True)
class DatabaseSection:
    """[database]"""

    url: str = key(text, "")


@dataclass(frozen=True, slots=True)
class SchedulerSection:
    """[scheduler]"""

    tick: timedelta = key(some_time, timedelta(seconds=30))


@dataclass(frozen=True, slots=True)
class StateSection:
    """[state]"""

    dir: str = key(text, ".nurture")


@dataclass(frozen=True)
class Settings:
    """The settings of one workspace. `folder` is where it is."""

    folder: Path = Path()
    database: DatabaseSection = table(DatabaseSection)
    mail: MailSection = table(MailSection)
    senders: Mapping[str, SenderSection] = tables(SenderSection)
    sendgrid: SendGridSection = table(SendGridSection)
    smtp: SmtpSection = table(SmtpSection)
    imap: ImapSection = table(ImapSection)
    replies: RepliesSection = table(RepliesSection)
    web: WebSection = table(WebSection)
    calendar: CalendarSection = table(CalendarSection)
    limits: LimitsSection = table(LimitsSection)
    alerts: AlertsSection = table(AlertsSection)
    webhooks: Mapping[str, WebhookSection] = tables(WebhookSection)
    crm: CrmSection = table(CrmSection)
    nurture: NurtureSection = table(NurtureSection)
    retention: RetentionSection = table(RetentionSection)
    backup: BackupSection = table(BackupSection)
    digest: DigestSection = table(DigestSection)
    scheduler: SchedulerSection = table(SchedulerSection)
    state: StateSection = table(StateSection)

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
                hint="Copy it from where it was, or set NURTURE_WEB__SECRET_KEY. A new workspace: nurture init DIR.",
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
        return {
            "mail": _sender("mail", SenderSection(self.mail.from_, self.mail.reply_domain, self.mail.postal_address))
        }

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
        return Policy(
            timezone=self.calendar.timezone,
            country=self.calendar.country,
            fiscal_year_start=self.calendar.fiscal_year_start,
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


SECTIONS: Final = frozenset(one.name for one in fields(Settings)) - {"folder"}


def _sender(name: str, one: SenderSection) -> Sender:
    from email.utils import parseaddr  # with all that it loads

    display, address = parseaddr(one.from_)
    if "@" not in address:
        raise RequestError(
            f"The sender {name!r} has no usable address in `from`: {one.from_!r}.",
            hint='Write: from = "Dana Reyes <dana@acme.example>"',
        )
    ceilings = tuple(ceiling for ceiling in (one.rate, one.warm_up) if ceiling is not None)
    return Sender(name, address, display, one.reply_domain, one.postal_address, one.phone, ceilings)
