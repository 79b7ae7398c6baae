"""What the mail, the web and the deliveries need of the adapters, chosen from the settings; a part of wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from nurture.domain import calendar
from nurture.domain.errors import NurtureError, RequestError, UnreachableError
from nurture.domain.policy import Sender

if TYPE_CHECKING:
    from nurture.domain.draft import Pack
    from nurture.domain.durability import Durability
    from nurture.domain.outcome import Outcome, StillOpen
    from nurture.domain.row import Refused
    from nurture.ports import Clock, Mailer
    from nurture.ports.incoming import ProviderEvent
    from nurture.ports.world import Courier, Hints
    from nurture.settings import Settings
    from nurture.wiring import App

Verify = Callable[[str | None, str | None, bytes], bool]


@dataclass(frozen=True, slots=True)
class Doors:
    """`verify_events` and `verify_inbound` take signature, timestamp and body; None: no key is set."""

    verify_events: Verify | None
    verify_inbound: Verify | None
    token_name: Callable[[str], str | None]  # whose API token this is
    schema_problem: Callable[[], str | None]
    read_phone: Callable[[str, str | None], str]
    brief_page: Callable[..., str]  # (brief, actions=HTML, nonce=TEXT) -> HTML
    is_outage: Callable[[BaseException], bool]  # whether an exception says that the database is away


def doors_of(app: App) -> Doors:
    """The doors of one workspace."""
    from nurture.adapters.mail.inbound_signature import verify_inbound
    from nurture.adapters.salesdesk.page import page
    from nurture.adapters.store.tokens import Tokens

    keys = app.settings.sendgrid
    return Doors(
        verify_events=_verifier(keys.event_public_key),
        verify_inbound=partial(verify_inbound, keys.inbound_public_key) if keys.inbound_public_key else None,
        token_name=lambda token: Tokens(app.sql.engine).name_of(token),
        schema_problem=lambda: _schema_problem(app),
        read_phone=app.read_phone,
        brief_page=page,
        is_outage=lambda problem: isinstance(problem, DBAPIError | UnreachableError),
    )


def courier_of(app: App) -> Courier:
    """What carries briefs, alerts, webhooks and the CRM's copy."""
    from nurture.adapters.courier import Hook, PostCourier
    from nurture.adapters.salesdesk.mail import brief_mail

    settings = app.settings
    senders = list(app.policy.senders.values())
    if not senders and settings.mail.provider == "outbox":
        senders = [Sender("nurture", "nurture@localhost", "nurture")]  # files need no real sender
    crm, alerts = settings.crm, settings.alerts

    def brief(payload: Mapping[str, Any], to: str) -> tuple[str, str, str]:
        rep = app.rules.in_force().workspace.person(to)
        zone = (rep.timezone if rep else None) or app.policy.timezone
        mail = brief_mail(payload, link=app.links.offer(int(payload["handoff"]), to), zone=zone)
        return mail.subject, mail.html, mail.text

    return PostCourier(
        brief=brief,
        mailer=lambda: app.mailer,
        sender=senders[0] if senders else None,
        boottime=app.clock.boottime,
        mail_seconds=settings.mail.lease.total_seconds(),
        webhooks={name: Hook(one.url, one.secret.get_secret_value()) for name, one in settings.webhooks.items()},
        crm=Hook(crm.webhook, crm.secret.get_secret_value()) if crm.webhook else None,
        alerts_to=alerts.email,
        alerts_hook=Hook(alerts.webhook) if alerts.webhook else None,
    )


def read_deals(app: App, path: Path, *, currency: str) -> Iterator[Outcome | StillOpen | Refused]:
    """The lines of a CRM export with outcomes. Raises RequestError for a file without the columns that it takes."""
    from nurture.adapters import deal_files

    return deal_files.read_deals(path, currency=currency, zone=calendar.zone(app.policy.timezone))


def events_in(body: bytes, settings: Settings) -> Sequence[ProviderEvent]:
    """The events of one delivery of the provider. Raises RequestError for a body that is none."""
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid_events import read_events

    return read_events(body, workspace=workspace_name(settings.secret_key))


def _verifier(key: str) -> Verify | None:
    if not key:
        return None
    from nurture.adapters.mail.sendgrid_events import verify_event

    return lambda signature, timestamp, body: verify_event(key, signature, timestamp, body)


def warm_up(app: App) -> None:
    """Read what is in force; where many mails are due, wait until the process that renders them is there."""
    from nurture.adapters.rendering.process import MANY, RenderProcess
    from nurture.adapters.rendering.templates import Templates

    templates, renderer = app.rules.in_force().templates, app.renderer
    with app.store.unit(write=False) as work:
        due = work.enrollments.count_due(app.store.now(app.clock.now()))
    if due >= MANY and isinstance(renderer, RenderProcess) and isinstance(templates, Templates):
        renderer.start(templates, wait=True)


def folders_of(app: App) -> list[Path]:
    """Every folder that a daemon writes to, the database's first where it is a file."""
    from nurture.adapters.store.unit import folder_of

    found = [folder_of(app.sql.engine), app.settings.folder, app.settings.state_dir]
    return list(dict.fromkeys(one.resolve() for one in found if one is not None))


def disk_trouble(folder: Path) -> tuple[str, str] | None:
    """What is wrong with the disk of a folder, without its name, and what to do; None where it can be written."""
    from nurture.adapters.disk import trouble

    return trouble(folder)


def durability_of(app: App) -> Durability | None:
    """How safe a commit is; None on SQLite, where it waits for the disk."""
    from nurture.adapters.store.durability import durability

    return durability(app.sql.engine)


def hints_of(app: App) -> Hints | None:
    """How daemons are told that there is work; None on SQLite, where one of them looks often enough."""
    if not app.settings.database_url.startswith("postgresql"):
        return None
    from nurture.adapters.store.hints import PostgresHints

    return PostgresHints(app.sql.engine)


def tell_daemons(app: App) -> None:
    """Say that there may be work for them."""
    hints = hints_of(app)
    if hints is not None:
        hints.give()


def _schema_problem(app: App) -> str | None:
    """What is wrong with the database, in words without an address or a secret; None when it is ready."""
    from nurture.adapters.store import schema

    try:
        # A newer one only adds: this daemon was started before it, and goes on beside those of the newer version.
        return None if schema.is_at_least(app.sql.engine) else "the schema is older than this program"
    except (NurtureError, DBAPIError):
        return "the database does not answer"


def make_mailer(settings: Settings, clock: Clock) -> Mailer:
    """The mailer of `mail.provider`. Raises RequestError when a setting that it needs is missing."""
    mail = settings.mail
    if mail.provider == "outbox":
        from nurture.adapters.mail.outbox import Outbox

        return Outbox(settings.folder / "outbox", boottime=clock.boottime)
    _require(settings)
    if mail.provider == "smtp":
        from nurture.adapters.mail.smtp import SmtpMailer

        smtp = settings.smtp
        if not smtp.host:
            raise RequestError("smtp.host is not set.", hint="Set it in nurture.toml: the name of your mail server.")
        return SmtpMailer(
            smtp.host,
            smtp.port,
            boottime=clock.boottime,
            tls=smtp.tls,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            workers=min(mail.workers, 8),
            timeout=mail.timeout.total_seconds(),
        )
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid import SendGridMailer

    return SendGridMailer(
        settings.sendgrid.api_key.get_secret_value(),
        boottime=clock.boottime,
        host=settings.sendgrid.host,
        workers=mail.workers,
        timeout=mail.timeout.total_seconds(),
        workspace=workspace_name(settings.secret_key),
    )


def packing(settings: Settings) -> Pack | None:
    """What makes the provider's request of a message beforehand, in any process; None where that is not worth it."""
    if settings.mail.provider != "sendgrid":
        return None
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid_payload import packed

    return partial(packed, workspace=workspace_name(settings.secret_key))


def _require(settings: Settings) -> None:
    """What the law and the answers need before anything but the outbox sends."""
    values = {"web.public_url": settings.web.public_url}
    senders = settings.senders_by_name()
    for name, sender in senders.items():
        where = "mail" if name == "mail" else f"senders.{name}"
        values |= {f"{where}.reply_domain": sender.reply_domain, f"{where}.postal_address": sender.postal_address}
    if not senders:
        values["mail.from"] = ""
    missing = [key for key, value in values.items() if not value.strip()]
    if missing:
        raise RequestError(
            f"Not set, and needed before real mail is sent: {', '.join(missing)}.", hint="Set them in nurture.toml."
        )
